import { Menu } from "@mantine/core";
import { Link, useNavigate } from "@tanstack/react-router";
import type { Permission, RoomSummary } from "../../../../protocols/index.ts";
import { toldOf } from "../../../../protocols/telling/rooms.ts";
import { liveStatus, useSession } from "../../live/index.ts";
import { agentLabel, arranged, otherPerson } from "../../model/index.ts";
import { brandName, useBrand } from "./brand.ts";
import { Avatar } from "../parts/avatar.tsx";
import { Face, StatusText } from "../parts/here.tsx";
import { Icon, Mark, type IconName } from "../parts/icons.tsx";
import { Actions } from "../parts/layers.tsx";
import {
  useAgents,
  useNames,
  useProfile,
  useRooms,
  useRoomTitle,
  useScheduled,
  useSidebar,
  useTold,
} from "../parts/lists.ts";
import { useDialogs } from "./dialogs.tsx";
import { useIsAdmin, useRights } from "../parts/rights.ts";
import { useSignOut } from "./sign-out.ts";

/** Rooms, people and agents of the user, with what is unread. */
export function Sidebar() {
  const { open } = useDialogs();
  const loaded = useRooms();
  const offered = useOffered();
  const findRoom = offered("catalog.find", "findRoom");
  const { favourites, sections, rooms, direct, archived } = arranged(loaded.data?.rooms ?? [], useSidebar());
  return (
    <nav className="sidebar" aria-label="Rooms and agents">
      <div className="sidebar-head">
        <Mark size={26} />
        <Link to="/" className="grow ellipsis" style={{ color: "inherit", textDecoration: "none" }}>
          {brandName(useBrand())}
        </Link>
      </div>
      <button type="button" className="switcher-button" onClick={() => open("switcher")}>
        <Icon name="search" size={16} /> Go to … <kbd>Ctrl K</kbd>
      </button>
      <div className="sidebar-lists">
        <Link to="/catchup" className="place" activeProps={{ className: "place active" }}>
          <Icon name="bell" size={17} />
          <span className="grow">Catch up</span>
        </Link>
        <LaterPlace />
        <Link to="/saved" className="place" activeProps={{ className: "place active" }}>
          <Icon name="bookmark" size={17} />
          <span className="grow">Saved</span>
        </Link>
        {favourites.length > 0 && (
          <Section title="Favourites" add="Arrange your rooms" onAdd={() => open("arrange")} icon="settings">
            {favourites.map((room) => (
              <RoomPlace key={room.room} room={room} />
            ))}
          </Section>
        )}
        {sections.map(({ name, rooms: own }) => (
          <Section key={name} title={name} add={`Arrange ${name}`} onAdd={() => open("arrange")} icon="settings">
            {own.map((room) => (
              <RoomPlace key={room.room} room={room} />
            ))}
          </Section>
        ))}
        <Section title="Rooms" add="Create or find a room" onAdd={findRoom}>
          {rooms.map((room) => (
            <RoomPlace key={room.room} room={room} />
          ))}
          {loaded.data !== undefined && rooms.length === 0 && findRoom !== undefined && (
            <button type="button" className="place link" onClick={findRoom}>
              Find or create a room
            </button>
          )}
        </Section>
        <Section title="Direct messages" add="Write to a person" onAdd={offered("catalog.find", "findPerson")}>
          {direct.map((room) => (
            <RoomPlace key={room.room} room={room} />
          ))}
        </Section>
        <AgentPlaces />
        {archived.length > 0 && (
          <details className="archived-rooms">
            <summary className="section">Archived rooms ({archived.length})</summary>
            {archived.map((room) => (
              <RoomPlace key={room.room} room={room} />
            ))}
          </details>
        )}
        {(loaded.data?.unreachable.length ?? 0) > 0 && (
          <p className="dim" style={{ padding: "0 8px", fontSize: 13 }}>
            Not available now: {loaded.data?.unreachable.join(", ")}
          </p>
        )}
      </div>
      <OwnMenu />
    </nav>
  );
}

/** The person's own agents. */
function AgentPlaces() {
  const agents = useAgents();
  const session = useSession();
  const createAgent = useOffered()("agent.use", "createAgent");
  if (agents.length === 0 && createAgent === undefined) return null;
  return (
    <Section title="Your agents" add="Create an agent" onAdd={createAgent}>
      {agents.map((agent) => (
        <Link
          key={agent.agent}
          to="/agent/$agent"
          params={{ agent: agent.agent }}
          className="place"
          activeProps={{ className: "place active" }}
        >
          <Avatar principal={`agent/${agent.agent}`} label={agentLabel(agent.agent, session.name)} size={22} />
          <span className="grow ellipsis">{agentLabel(agent.agent, session.name)}</span>
        </Link>
      ))}
      {agents.length === 0 && (
        <button type="button" className="place link" onClick={createAgent}>
          Create your first agent
        </button>
      )}
    </Section>
  );
}

/** What opens a dialog; undefined for people who may not do it, as guests: what is refused is not offered. */
function useOffered() {
  const { open } = useDialogs();
  const { known, may } = useRights();
  return (permission: Permission, dialog: "findRoom" | "findPerson" | "createAgent") =>
    known && !may(permission) ? undefined : () => open(dialog);
}

/** The way to what is scheduled; how many of it want something of the person. */
function LaterPlace() {
  const waiting = useScheduled().data?.filter(({ status }) => status === "due" || status === "failed").length ?? 0;
  return (
    <Link to="/later" className="place" activeProps={{ className: "place active" }}>
      <Icon name="clock" size={17} />
      <span className="grow">Scheduled</span>
      {waiting > 0 && (
        <span className="count">
          {waiting}
          <span className="hidden-text"> due or not sent</span>
        </span>
      )}
    </Link>
  );
}

function Section(props: {
  readonly title: string;
  readonly add: string;
  readonly onAdd: (() => void) | undefined;
  readonly icon?: IconName;
  readonly children: React.ReactNode;
}) {
  return (
    <section aria-label={props.title}>
      <div className="section">
        {props.title}
        {props.onAdd !== undefined && (
          <button type="button" className="tool" aria-label={props.add} title={props.add} onClick={props.onAdd}>
            <Icon name={props.icon ?? "plus"} size={16} />
          </button>
        )}
      </div>
      {props.children}
    </section>
  );
}

function RoomPlace({ room: listed }: { readonly room: RoomSummary }) {
  const session = useSession();
  const { isMuted, level } = toldOf(useProfile() ?? {}, listed.room, Date.now());
  const room = useTold()(listed);
  const title = useRoomTitle()(room);
  const other = otherPerson(room.room, session.me);
  const direct = room.visibility === "direct";
  const { unread, threads = 0 } = room;
  const isNew = unread + threads > 0 || room.mentioned;
  const className = isNew ? "place unread" : "place";
  const loud = room.mentioned || direct;
  const mentioned = room.mentioned ? "you were mentioned" : "";
  const inThreads =
    threads === 0 ? "" : threads === 1 ? "something new in a thread" : `something new in ${threads} threads`;
  const says = [unread === 0 ? "" : `${unread} unread`, inThreads, mentioned].filter((part) => part !== "").join(", ");
  return (
    <Link
      to="/room/$room"
      params={{ room: room.room }}
      className={className}
      activeProps={{ className: `${className} active` }}
      data-room={room.room}
    >
      {other === undefined ? (
        <Icon name={direct ? "people" : room.visibility === "private" ? "lock" : "hash"} size={17} />
      ) : (
        <Face principal={`user/${other}`} label={title} size={22} />
      )}
      <span className="grow ellipsis" dir="auto">
        {title}
      </span>
      {(isMuted || level === "nothing") && !isNew && (
        <span className="dim" title="Muted">
          <Icon name="mute" size={14} />
          <span className="hidden-text">muted</span>
        </span>
      )}
      {isNew && (
        <span className={loud ? "count mentioned" : "count"}>
          <span aria-hidden="true" className="count-parts">
            {room.mentioned && !direct ? "@ " : ""}
            {threads > 0 && <Icon name="thread" size={12} />}
            {unread === 0 ? "" : unread > 99 ? "99+" : unread}
          </span>
          <span className="hidden-text">{says}</span>
        </span>
      )}
    </Link>
  );
}

function OwnMenu() {
  const session = useSession();
  const profile = useProfile();
  const nameFor = useNames();
  const status = liveStatus(profile?.status, Date.now());
  const { open } = useDialogs();
  const isAdmin = useIsAdmin();
  const navigate = useNavigate();
  const signOut = useSignOut();
  const go = (section: string) => () => void navigate({ to: "/settings/$section", params: { section } });
  const entry = (icon: IconName, text: string, run: () => void) => (
    <Menu.Item leftSection={<Icon name={icon} size={16} />} onClick={run}>
      {text}
    </Menu.Item>
  );
  return (
    <div className="sidebar-foot">
      <Actions
        position="top-start"
        width={230}
        button={
          <button type="button" className="me">
            <span className="hidden-text">Your account:</span>
            <Avatar principal={session.me} label={nameFor(session.me)} size={32} />
            <span className="grow">
              <span className="ellipsis" dir="auto" style={{ display: "block", fontWeight: 600, lineHeight: 1.25 }}>
                {nameFor(session.me)}
              </span>
              <span className="dim ellipsis" style={{ display: "block", fontSize: 13, lineHeight: 1.25 }}>
                {session.name}
                {profile?.admin === true ? " · admin" : ""}
              </span>
              {status !== undefined && <StatusText status={status} />}
            </span>
          </button>
        }
      >
        {entry("user", "Profile and theme", go("profile"))}
        {entry("smile", profile?.status === undefined ? "Set a status" : "Change your status", go("status"))}
        {entry("settings", "Devices and password", go("devices"))}
        {entry("key", "API keys", go("keys"))}
        {isAdmin && entry("people", "Administration", () => void navigate({ to: "/admin" }))}
        {entry("star", "Arrange your rooms", () => open("arrange"))}
        {entry("keyboard", "Keyboard shortcuts", () => open("help"))}
        <Menu.Divider />
        {entry("leave", "Sign out", () => void signOut())}
      </Actions>
      <Link
        to="/settings/$section"
        params={{ section: "profile" }}
        className="tool"
        aria-label="Settings"
        title="Settings"
      >
        <Icon name="settings" />
      </Link>
    </div>
  );
}
