import { Modal } from "@mantine/core";
import { useNavigate } from "@tanstack/react-router";
import { useState, type ReactNode } from "react";
import { namesFound } from "../../../../protocols/text/names.ts";
import { notices, useSession } from "../../live/index.ts";
import { agentLabel, groupRooms, otherPerson } from "../../model/index.ts";
import { call } from "../../wire/index.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Icon } from "../parts/icons.tsx";
import { useLayer, type DialogProps } from "../parts/layers.tsx";
import { useAgents, usePeople, useRooms, useRoomTitle } from "../parts/lists.ts";
import { PickList } from "../parts/pick-list.tsx";

interface Place {
  readonly id: string;
  readonly label: string;
  readonly hint: string;
  readonly icon: ReactNode;
  readonly go: () => Promise<void>;
}

const placesShown = 10;

/** Ctrl+K: go to any room, person or agent by typing a part of its name. */
export function Switcher({ opened, onClose }: DialogProps) {
  useLayer(opened, onClose);
  // No transition: what is typed right after the key belongs here, so the field must be there at once.
  return (
    <Modal.Root opened={opened} onClose={onClose} yOffset="12vh" transitionProps={{ duration: 0 }} returnFocus={false}>
      <Modal.Overlay />
      <Modal.Content aria-label="Go to">
        <Modal.Body p="xs">{opened && <Search onClose={onClose} />}</Modal.Body>
      </Modal.Content>
    </Modal.Root>
  );
}

function Search({ onClose }: { readonly onClose: () => void }) {
  const [text, setText] = useState("");
  const found = namesFound(usePlaces(), text, ({ label, hint, id }) => [
    label,
    hint,
    id.slice(id.indexOf("/") + 1),
  ]).slice(0, placesShown);
  return (
    <PickList
      label="Go to a room, a person or an agent"
      listLabel="Places"
      text={text}
      onText={setText}
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
      onPick={(place) => {
        onClose();
        void place.go();
      }}
      nothing={<p className="dim">No matches</p>}
    />
  );
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
