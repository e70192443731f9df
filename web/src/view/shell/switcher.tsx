import { Modal } from "@mantine/core";
import { notifyManager, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useCallback, useEffect, useState, useSyncExternalStore, type ReactNode, type RefObject } from "react";
import { namesFound } from "../../../../protocols/text/names.ts";
import { notices, queryKeys, useSession } from "../../live/index.ts";
import { agentLabel, groupRooms, otherPerson } from "../../model/index.ts";
import { call } from "../../wire/index.ts";
import { Avatar } from "../parts/avatar.tsx";
import { useIsAdmin } from "../parts/rights.ts";
import { useDialogs } from "./dialogs.tsx";
import { noLetters, type Letters } from "./first-letters.tsx";
import { useFind } from "../parts/find.ts";
import { Icon, type IconName } from "../parts/icons.tsx";
import { useLayer, type DialogProps } from "../parts/layers.tsx";
import { useAgents, usePeople, useRooms, useRoomTitle } from "../parts/lists.ts";
import { PickList } from "../parts/pick-list.tsx";

interface Place {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly icon: ReactNode;
  readonly go: () => unknown;
}

const placesShown = 10;

/** Ctrl+K: go to any room, person or agent by typing a part of its name, do what has a name, or find messages. */
export function Switcher({ opened, onClose, letters }: DialogProps & { readonly letters: RefObject<Letters> }) {
  useLayer(opened, onClose);
  // No transition: what is typed right after the key belongs here, so the field must be there at once.
  return (
    <Modal.Root opened={opened} onClose={onClose} yOffset="12vh" transitionProps={{ duration: 0 }} returnFocus={false}>
      <Modal.Overlay />
      <Modal.Content aria-label="Go to">
        <Modal.Body p="xs">{opened && <Search onClose={onClose} letters={letters} />}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Search(props: { readonly onClose: () => void; readonly letters: RefObject<Letters> }) {
  const { onClose, letters } = props;
  const [text, setText] = useState(() => letters.current.text);
  const places = usePlaces();
  const actions = useActions();
  const find = useFind();
  const wanted = text.trim();
  const named = namesFound(wanted === "" ? places : [...places, ...actions], text, ({ label, hint, id }) => [
    label,
    hint,
    id.slice(id.indexOf("/") + 1),
  ]).slice(0, placesShown);
  const found = wanted === "" ? named : [...named, messages(wanted, () => find(wanted))];
  const go = (place: Place | undefined) => {
    if (place === undefined) return;
    onClose();
    place.go();
  };
  const isListed = useListed();
  useEffect(() => {
    // What was typed before this was here counts once, and leads somewhere when all places are known.
    const { isEntered } = letters.current;
    if (isEntered && !isListed) return;
    letters.current = noLetters;
    if (isEntered) go(found[0]);
  }, [isListed]);
  return (
    <PickList
      label="Rooms, people, agents, messages"
      listLabel="Places"
      text={text}
      onText={(next) => {
        letters.current = noLetters;
        setText(next);
      }}
      items={found}
      keyOf={(place) => place.id}
      eager
      row={(place) => (
        <>
          {place.icon}
          <span className="grow ellipsis" dir="auto">
            {place.label}
          </span>
          <span className="dim">{place.hint}</span>
        </>
      )}
      onPick={go}
      nothing={<p className="dim">No matches</p>}
    />
  );
}

/** Whether the lists of rooms, people and agents have come, or do not come. */
function useListed(): boolean {
  const queries = useQueryClient();
  const subscribe = useCallback(
    (listener: () => void) => queries.getQueryCache().subscribe(notifyManager.batchCalls(listener)),
    [queries],
  );
  return useSyncExternalStore(subscribe, () =>
    [queryKeys.rooms, queryKeys.people, queryKeys.agents].every(
      (key) => (queries.getQueryState(key)?.status ?? "pending") !== "pending",
    ),
  );
}

/** The way to messages that have these words. */
const messages = (text: string, go: () => void): Place => ({
  id: "find/messages",
  label: `Search messages for “${text}”`,
  hint: "",
  icon: <Icon name="search" />,
  go,
});

/** What else has a name. */
function useActions(): readonly Place[] {
  const { open } = useDialogs();
  const navigate = useNavigate();
  const isAdmin = useIsAdmin();
  const find = useFind();
  const one = (id: string, icon: IconName, label: string, go: () => unknown): Place => ({
    id: `do/${id}`,
    label,
    hint: "",
    icon: <Icon name={icon} />,
    go,
  });
  const settings = (section: string) => () => navigate({ to: "/settings/$section", params: { section } });
  return [
    one("search", "search", "Search messages", () => find()),
    one("find", "hash", "Find a room", () => open("findRoom")),
    one("create", "plus", "Create a room", () => open("createRoom")),
    one("person", "user", "Write to a person", () => open("findPerson")),
    one("agent", "spark", "Create an agent", () => open("createAgent")),
    one("catchup", "bell", "Catch up: what you have missed", () => navigate({ to: "/catchup" })),
    one("threads", "thread", "Threads that you follow", () => navigate({ to: "/catchup", search: { of: "threads" } })),
    one("later", "clock", "Scheduled messages and reminders", () => navigate({ to: "/later" })),
    one("saved", "bookmark", "Saved messages", () => navigate({ to: "/saved" })),
    one("arrange", "star", "Arrange your rooms", () => open("arrange")),
    one("keys", "keyboard", "Keyboard shortcuts", () => open("help")),
    one("status", "smile", "Set your status", settings("status")),
    one("profile", "settings", "Settings: profile and theme", settings("profile")),
    one("devices", "settings", "Settings: devices and password", settings("devices")),
    ...(isAdmin ? [one("admin", "people", "Administration", () => navigate({ to: "/admin" }))] : []),
  ];
}

function usePlaces(): readonly Place[] {
  const session = useSession();
  const navigate = useNavigate();
  const titleOf = useRoomTitle();
  const { rooms, direct, archived } = groupRooms(useRooms().data?.rooms ?? []);
  const agents = useAgents();
  const people = usePeople();
  const known = new Set(direct.map((room) => otherPerson(room.room, session.me)));
  const toRoom = (room: string) => navigate({ to: "/room/$room", params: { room } });
  return [
    ...[...rooms, ...direct, ...archived].map((room) => {
      const other = otherPerson(room.room, session.me);
      return {
        id: room.room,
        label: titleOf(room),
        hint: room.archived === true ? "archived" : room.unread > 0 ? `${room.unread} unread` : (other ?? ""),
        icon:
          other === undefined ? (
            <Icon name={room.visibility === "private" ? "lock" : "hash"} />
          ) : (
            <Avatar principal={`user/${other}`} label={titleOf(room)} size={24} />
          ),
        go: () => toRoom(room.room),
      };
    }),
    ...agents.map((agent) => ({
      id: `agent/${agent.agent}`,
      label: agentLabel(agent.agent, session.name),
      hint: "agent",
      icon: <Avatar principal={`agent/${agent.agent}`} label={agentLabel(agent.agent, session.name)} size={24} />,
      go: () => navigate({ to: "/agent/$agent", params: { agent: agent.agent } }),
    })),
    ...people
      .filter((person) => person.key !== session.name && !known.has(person.key))
      .map((person) => ({
        id: `user/${person.key}`,
        label: person.title,
        hint: person.key,
        icon: <Avatar principal={`user/${person.key}`} label={person.title} size={24} />,
        go: async () => {
          const result = await call("rooms.direct", { with: `user/${person.key}` });
          if (result.ok) await toRoom(result.value.room);
          else notices.fail(result.error);
        },
      })),
  ];
}
