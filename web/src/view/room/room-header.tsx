import { Menu } from "@mantine/core";
import { lazy, Suspense, useState } from "react";
import type { RoomView } from "../../../../protocols/index.ts";
import { notices, useSession, useShown, type RoomStore } from "../../live/index.ts";
import { hasTopics, threadsToRead, withFavourite, withMuted, type RoomModel } from "../../model/index.ts";
import { counted as numberText } from "./thread-link.tsx";
import { Face, StatusMark } from "../parts/here.tsx";
import { useFind } from "../parts/find.ts";
import { Icon } from "../parts/icons.tsx";
import { MenuButton, useDialogs } from "../shell/dialogs.tsx";
import { Actions, Dialog } from "../parts/layers.tsx";
import { useSidebar } from "../parts/lists.ts";
import { staysWithPeople } from "./staying.ts";
import { useLeave } from "./leave-room.tsx";

// Loaded when a moderator first asks for them.
const ChangeRoom = lazy(() => import("./change-room.tsx"));
const LeaveRoom = lazy(() => import("./leave-dialog.tsx"));
const RoomAgents = lazy(() => import("./room-agents.tsx"));
const RoomRules = lazy(() => import("./room-rules.tsx"));
const RoomNotifications = lazy(() => import("./room-notifications.tsx"));
const JoinLinks = lazy(() => import("./join-links.tsx"));
const Bans = lazy(() => import("./bans.tsx"));

const panelIcons = { members: "people", pins: "pin", threads: "thread", topics: "hash", files: "clip" } as const;
type Panel = keyof typeof panelIcons;

/** The other person's face, or what sort of room this is. */
function RoomMark({ view, title, other }: Readonly<{ view: RoomView; title: string; other: string | undefined }>) {
  if (other !== undefined) return <Face principal={`user/${other}`} label={title} size={32} />;
  if (view.visibility === "direct") return <Icon name="people" />;
  return <Openness isPrivate={view.visibility === "private"} />;
}

/** The ways to threads and topics, once the room has any. */
function TalkButtons(props: {
  readonly store: RoomStore;
  readonly panel: string | undefined;
  readonly onPanel: (panel?: Panel) => void;
}) {
  const threads = useShown(props.store.store, (model: RoomModel) => model.threads);
  const hasOwnTopics = useShown(props.store.store, hasTopics);
  const toggle = (panel: Panel) => props.onPanel(props.panel === panel ? undefined : panel);
  return (
    <>
      {Object.keys(threads).length > 0 && (
        <button
          type="button"
          className="tool wide"
          aria-pressed={props.panel === "threads"}
          title="Threads"
          onClick={() => toggle("threads")}
        >
          <Icon name={panelIcons.threads} />
          <span className="hidden-text">Threads</span>
          <ToRead count={threadsToRead(threads).length} />
        </button>
      )}
      {hasOwnTopics && (
        <button
          type="button"
          className="tool"
          aria-pressed={props.panel === "topics"}
          aria-label="Topics"
          title="Topics"
          onClick={() => toggle("topics")}
        >
          <Icon name={panelIcons.topics} />
        </button>
      )}
    </>
  );
}

/** Title and topic of a room, and the way to its panels and settings. */
export function RoomHeader(props: {
  readonly view: RoomView;
  readonly title: string;
  readonly other: string | undefined;
  readonly store: RoomStore;
  readonly canChange: boolean;
  readonly panel: string | undefined;
  readonly onPanel: (panel?: Panel) => void;
}) {
  const { view, title, other } = props;
  const [open, setOpen] = useState<"title" | "rules" | "agents" | "bans" | "links" | "leave" | "notifications">();
  const isArchived = view.archived === true;
  const { isAsked, leave } = useLeave(view, title);
  const close = () => setOpen(undefined);
  const counted = (panel: Panel, label: string, count: number) => (
    <button
      type="button"
      className="tool wide"
      aria-pressed={props.panel === panel}
      title={label}
      onClick={() => props.onPanel(props.panel === panel ? undefined : panel)}
    >
      <Icon name={panelIcons[panel]} />
      <span>
        <span className="hidden-text">{label} </span>
        {count}
      </span>
    </button>
  );
  return (
    <header className="header">
      <MenuButton />
      <RoomMark {...props} />
      <div className="grow">
        <h1 className="ellipsis" dir="auto">
          {title}
        </h1>
        {isArchived ? <span className="tag">archived</span> : other && <StatusMark of={`user/${other}`} />}
        {view.topic !== "" && (
          <div className="topic ellipsis optional" dir="auto" title={view.topic}>
            {view.topic}
          </div>
        )}
      </div>
      <TalkButtons {...props} />
      <FindHere />
      {view.pins.length > 0 && counted("pins", "Pinned messages", view.pins.length)}
      {counted("members", "Members", Object.keys(view.members).length)}
      <Actions
        width={230}
        button={
          <button type="button" className="tool" aria-label="Room settings" title="Room settings">
            <Icon name="more" />
          </button>
        }
      >
        <OwnItems room={view.room} onPanel={props.onPanel} onNotifications={() => setOpen("notifications")} />
        {other === undefined && (
          <>
            {props.canChange && !isArchived && <ModeratorItems onOpen={setOpen} />}
            {props.canChange && (
              <Menu.Item leftSection={<Icon name="stop" size={16} />} onClick={() => void stopAll(props.store)}>
                Stop all agents
              </Menu.Item>
            )}
            <Menu.Item leftSection={<Icon name="people" size={16} />} onClick={() => props.onPanel("members")}>
              {staysWithPeople(view) ? "Members" : "Members and invitations"}
            </Menu.Item>
            {props.canChange && (
              <Menu.Item leftSection={<Icon name="lock" size={16} />} onClick={() => setOpen("bans")}>
                Bans
              </Menu.Item>
            )}
            {view.visibility === "direct" && <GroupItem store={props.store} />}
            <OwnerItems view={view} title={title} store={props.store} onLinks={() => setOpen("links")} />
            <Menu.Item
              className="grave"
              leftSection={<Icon name="leave" size={16} />}
              onClick={() => (isAsked ? setOpen("leave") : void leave())}
            >
              {isAsked ? "Leave the room …" : "Leave the room"}
            </Menu.Item>
          </>
        )}
      </Actions>
      <Dialog opened={open === "title"} onClose={close} title="Title and topic">
        <Suspense>
          <ChangeRoom view={view} store={props.store} onDone={close} />
        </Suspense>
      </Dialog>
      <LateDialogs open={open} view={view} store={props.store} onClose={close} />
      <Suspense>{open === "leave" && <LeaveRoom view={view} title={title} opened onClose={close} />}</Suspense>
    </header>
  );
}

function Openness({ isPrivate }: { readonly isPrivate: boolean }) {
  const said = isPrivate ? "Private room" : "Public room";
  return (
    <span className="dim header-icon" role="img" aria-label={said} title={said}>
      <Icon name={isPrivate ? "lock" : "hash"} size={20} />
    </span>
  );
}

/** What owners alone may do. */
function OwnerItems({
  view,
  title,
  store,
  onLinks,
}: {
  readonly view: RoomView;
  readonly title: string;
  readonly store: RoomStore;
  readonly onLinks: () => void;
}) {
  const { ask } = useDialogs();
  const session = useSession();
  const isArchived = view.archived === true;
  const isPublic = view.visibility === "public";
  const isClosed = staysWithPeople(view);
  const openOrClose = async () => {
    if (!(await ask(isPublic ? closing(title) : opening(title)))) return;
    const visibility = isPublic ? "private" : "public";
    const result = await store.change("setVisibility", { visibility });
    if (result.ok) notices.show(`${title} is ${visibility} now.`);
  };
  const archive = async () => {
    if (!isArchived && !(await ask(archiving(title)))) return;
    const result = await store.change("setArchived", { archived: !isArchived });
    if (result.ok) notices.show(isArchived ? `${title} is back.` : `${title} is archived.`);
  };
  if (view.members[session.me]?.role !== "owner") return null;
  return (
    <>
      {!isClosed && (
        <Menu.Item leftSection={<Icon name="key" size={16} />} onClick={onLinks}>
          Join links …
        </Menu.Item>
      )}
      {!isArchived && !isClosed && (
        <Menu.Item
          leftSection={<Icon name={isPublic ? "lock" : "hash"} size={16} />}
          onClick={() => void openOrClose()}
        >
          {isPublic ? "Make the room private …" : "Make the room public …"}
        </Menu.Item>
      )}
      <Menu.Item leftSection={<Icon name="archive" size={16} />} onClick={() => void archive()}>
        {isArchived ? "Bring the room back" : "Archive the room …"}
      </Menu.Item>
    </>
  );
}

/** A conversation of several people becomes a room. */
function GroupItem({ store }: { readonly store: RoomStore }) {
  const { ask } = useDialogs();
  const make = async () => {
    if (!(await ask(makingRoom))) return;
    const result = await store.change("setVisibility", { visibility: "private" });
    if (result.ok) notices.show("It is a private room now, and you own it.");
  };
  return (
    <Menu.Item leftSection={<Icon name="lock" size={16} />} onClick={() => void make()}>
      Make a room of it …
    </Menu.Item>
  );
}

const makingRoom = {
  title: "Make a room of this conversation?",
  body: (
    <p>
      It becomes a private room that you own, and that you can give a name. It stays with these people: nobody else can
      be invited or join it. What was said stays.
    </p>
  ),
  action: "Make a room",
} as const;

/** What moderators do with a room that is not archived. */
function ModeratorItems({ onOpen }: { readonly onOpen: (what: "title" | "rules" | "agents") => void }) {
  return (
    <>
      <Menu.Item leftSection={<Icon name="edit" size={16} />} onClick={() => onOpen("title")}>
        Title and topic
      </Menu.Item>
      <Menu.Item leftSection={<Icon name="lock" size={16} />} onClick={() => onOpen("rules")}>
        Who posts here
      </Menu.Item>
      <Menu.Item leftSection={<Icon name="people" size={16} />} onClick={() => onOpen("agents")}>
        Agents …
      </Menu.Item>
    </>
  );
}

/** Stops what agents write in the room, and says what came of it. */
async function stopAll(store: RoomStore): Promise<void> {
  const result = await store.change("stopAgents", {});
  if (!result.ok) return;
  const { stopped } = result.value;
  const says = stopped === 1 ? "One answer is stopped." : `${stopped} answers are stopped.`;
  notices.show(stopped === 0 ? "No agent was writing here." : says);
}

/** Those that are loaded when somebody first opens them. */
function LateDialogs(props: {
  readonly open: string | undefined;
  readonly view: RoomView;
  readonly store: RoomStore;
  readonly onClose: () => void;
}) {
  const { open, view, store, onClose } = props;
  return (
    <Suspense>
      {open === "agents" && <RoomAgents view={view} store={store} opened onClose={onClose} />}
      {open === "rules" && <RoomRules view={view} store={store} opened onClose={onClose} />}
      {open === "notifications" && <RoomNotifications room={view.room} opened onClose={onClose} />}
      {open === "links" && <JoinLinks room={view.room} opened onClose={onClose} />}
      {open === "bans" && <Bans store={store} opened onClose={onClose} />}
    </Suspense>
  );
}

function ToRead({ count }: { readonly count: number }) {
  if (count === 0) return null;
  return (
    <span className="count">
      {numberText.format(count)}
      <span className="hidden-text"> with something new</span>
    </span>
  );
}

function FindHere() {
  const onFind = useFind();
  return (
    <button
      type="button"
      className="tool"
      aria-label="Search in this room"
      title="Search in this room ( / )"
      onClick={() => onFind()}
    >
      <Icon name="search" />
    </button>
  );
}

/** What the person alone sees of it, and what everybody does. */
function OwnItems(props: {
  readonly room: string;
  readonly onPanel: (panel: Panel) => void;
  readonly onNotifications: () => void;
}) {
  const { room, onPanel, onNotifications } = props;
  const session = useSession();
  const { favourites, muted } = useSidebar();
  const [isFavourite, isMuted] = [favourites.includes(room), muted.includes(room)];
  return (
    <>
      <Menu.Item
        leftSection={<Icon name="star" size={16} />}
        onClick={() => void session.arrange((now) => withFavourite(now, room, !isFavourite))}
      >
        {isFavourite ? "Remove from favourites" : "Add to favourites"}
      </Menu.Item>
      <Menu.Item
        leftSection={<Icon name="mute" size={16} />}
        onClick={() => void session.arrange((now) => withMuted(now, room, !isMuted))}
      >
        {isMuted ? "Unmute" : "Mute, but for mentions"}
      </Menu.Item>
      <Menu.Item leftSection={<Icon name="bell" size={16} />} onClick={onNotifications}>
        Notifications …
      </Menu.Item>
      <Menu.Item leftSection={<Icon name={panelIcons.topics} size={16} />} onClick={() => onPanel("topics")}>
        Topics
      </Menu.Item>
      <Menu.Item leftSection={<Icon name={panelIcons.files} size={16} />} onClick={() => onPanel("files")}>
        Files
      </Menu.Item>
    </>
  );
}

const archiving = (title: string) => ({
  title: `Archive ${title}?`,
  body: (
    <p>
      Everybody can still read it, and nobody writes in it. It is out of the list of rooms, and stands under “Archived
      rooms”. An owner can bring it back.
    </p>
  ),
  action: "Archive",
});

const closing = (title: string) => ({
  title: `Make ${title} private?`,
  body: <p>It is no longer in the list of rooms, and new people need an invitation. Its members stay.</p>,
  action: "Make private",
});

const opening = (title: string) => ({
  title: `Make ${title} public?`,
  body: <p>Everybody here can find it, join it and read all of it, also what was written while it was private.</p>,
  action: "Make public",
});
