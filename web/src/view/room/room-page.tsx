import { Button, Loader, Menu } from "@mantine/core";
import { getRouteApi, useLocation, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useMemo, useRef, useState, type ReactNode } from "react";
import { stageWords } from "../../../../protocols/answering/words.ts";
import type { Failure, RoomMessage, RoomView } from "../../../../protocols/index.ts";
import { explain, isText, notices, useKept, useNow, useSession, useShown, type RoomStore } from "../../live/index.ts";
import {
  calledIn,
  closedFor,
  hasTopics,
  namedFiles,
  newestLine,
  otherPerson,
  quotationOf,
  withQuotation,
  type Mentionable,
  type RoomModel,
} from "../../model/index.ts";
import { copyText } from "../parts/clipboard.ts";
import { normalEmoji } from "../../../../protocols/text/emoji.ts";
import { Composer } from "../parts/composer.tsx";
import { isTouch, toRoom, useAttaching, type Attaching } from "../files/attaching.tsx";
import type { FeedHandle } from "../parts/feed.tsx";
import { Icon } from "../parts/icons.tsx";
import { useIsListed, useNames, useRoomTitle } from "../parts/lists.ts";
import { useRights } from "../parts/rights.ts";
import { MenuButton, useDialogs } from "../shell/dialogs.tsx";
import { secretIn } from "../shell/joining.ts";
import { useEdits } from "./edits.ts";
import type { MessageActions } from "./message-actions.ts";
import { RoomHeader } from "./room-header.tsx";
import { callingIn, mentionableIn } from "./calling-in.ts";
import { MentionNote, mayInvite } from "./mention-note.tsx";
import { staysWithPeople } from "./staying.ts";
import { useMute } from "./muted.ts";
import { useOpening } from "./opening.ts";
import type { Picked } from "./selecting.ts";
import { Writing } from "./writing.tsx";
import { Timeline } from "./timeline.tsx";
import { NamedLine } from "./named-line.tsx";
import "./room.css";
import { ownPlace } from "../../wire/index.ts";

/** The panels of a room that need nothing but the room. */
export const roomPanels = ["members", "pins", "threads", "topics", "files"] as const;

/** Those that are about one message. */
export const messagePanels = ["thread", "edits"] as const;

/** What the right-hand panel of a room shows; part of the address, so that back closes it and a link opens it. */
export interface RoomSearch {
  readonly panel?: (typeof roomPanels)[number] | (typeof messagePanels)[number];
  /** The thread's root, or the message. */
  readonly seq?: number;
  /** A message to scroll to. */
  readonly at?: number;
  /** Only this topic is shown. */
  readonly topic?: string;
}

const route = getRouteApi("/room/$room");

// Loaded when somebody first asks for them.
const MembersPanel = lazy(() => import("./members-panel.tsx"));
const VersionsPanel = lazy(() => import("./versions-panel.tsx"));
const FilesPanel = lazy(() => import("../files/files-panel.tsx"));
// Loaded once the room is there, so that a node that is away then keeps nobody from a thread.
const loadPins = () => import("./pins-panel.tsx");
const loadThread = () => import("./thread-panel.tsx");
const loadThreads = () => import("./threads-panel.tsx");
const PinsPanel = lazy(loadPins);
const ThreadPanel = lazy(loadThread);
const ThreadsPanel = lazy(loadThreads);
const UnreadWarning = lazy(() => import("./warnings.tsx"));
const SelectionBar = lazy(() => import("./selection-bar.tsx"));
const loadSelecting = () => import("./selecting.ts");
const calmMs = 1_000;
const JoinByLink = lazy(() => import("./join-by-link.tsx"));
const NewPoll = lazy(() => import("./new-poll.tsx"));
const RemindMe = lazy(() => import("../schedule/remind-me.tsx"));
const Forward = lazy(() => import("./forward.tsx"));
const TopicsPanel = lazy(() => import("./topics-panel.tsx"));
const TopicTimeline = lazy(() => import("./topic-timeline.tsx"));
const TopicField = lazy(() => import("./topic-field.tsx"));
const MoveTopic = lazy(() => import("./move-topic.tsx"));

/** A room: its timeline, the field to write in, and a panel for members, pins or a thread. */
export function RoomPage() {
  usePanelsReady();
  const { room } = route.useParams();
  const session = useSession();
  const [attempt, setAttempt] = useState(0);
  const store = useMemo(() => session.room(room), [session, room, attempt]);
  const status = useShown(store.store, (model: RoomModel) => model.status);
  const refused = useShown(store.store, (model: RoomModel) => model.refusal);
  useEffect(() => {
    if (status === "ready") session.kept.write("room", room);
  }, [session, room, status]);
  // Sent away while one looks on: asked again, the room says why.
  const wasIn = useRef(false);
  useEffect(() => {
    const wasBefore = wasIn.current;
    wasIn.current = status === "ready";
    if (status === "refused" && wasBefore) setAttempt((number) => number + 1);
  }, [status]);
  // Let in again meanwhile.
  const isListed = useIsListed(room);
  useEffect(() => {
    if (isListed && store.store.latest.status === "refused") setAttempt((number) => number + 1);
  }, [isListed]);
  // Why one may not come in: known only after one has tried.
  const [kept, setKept] = useState<Failure>();
  useEffect(() => setKept(undefined), [room]);
  const join = async () => {
    const keep = (refusal: Failure): boolean => {
      const isWhy = refusal.code === "BANNED" || isUnknown(refusal);
      if (isWhy) setKept(refusal);
      return isWhy;
    };
    const result = await session.changeRoom("join", room, {}, keep);
    if (result.ok || result.error.code === "ALREADY_DONE") setAttempt(attempt + 1);
  };
  const secret = useSecret(room, status === "ready");
  if (status === "ready") return <OpenRoom key={room} store={store} />;
  const refusal = kept ?? refused;
  return (
    <main className="screen-main">
      <header className="header">
        <MenuButton />
        <h1 className="grow">{room}</h1>
      </header>
      <div className="empty">
        {refusal === undefined ? (
          <Loader aria-label="Loading the room" />
        ) : secret !== undefined && refusal.code !== "BANNED" ? (
          <Suspense>
            <JoinByLink room={room} secret={secret} onJoined={() => setAttempt(attempt + 1)} />
          </Suspense>
        ) : (
          <>
            <h2>{refusedTitle(refusal)}</h2>
            {/* What to do about it is on the button. */}
            {isUnknown(refusal) && (
              <p>The address may be wrong. If somebody gave it to you, ask them to add you to the room.</p>
            )}
            {refusal.code !== "NOT_A_MEMBER" && !isUnknown(refusal) && <p>{explain(refusal, "look")}</p>}
            {refusal.code === "NOT_A_MEMBER" && <WayIn room={room} onJoin={() => void join()} />}
          </>
        )}
      </div>
    </main>
  );
}

/** Guests join no room by themselves. */
function WayIn({ room, onJoin }: { readonly room: string; readonly onJoin: () => void }) {
  const { known, may } = useRights();
  if (known && !may("room.join")) return <p>Ask somebody who is in the room to add you.</p>;
  return <Button onClick={onJoin}>Join {room}</Button>;
}

/** The secret of a link into the room by which the person comes. It leaves the address once they are in. */
function useSecret(room: string, isIn: boolean): string | undefined {
  const navigate = useNavigate();
  const secret = secretIn(useLocation({ select: ({ hash }) => hash }));
  const isUsed = isIn && secret !== undefined;
  useEffect(() => {
    if (isUsed) void navigate({ to: "/room/$room", params: { room }, replace: true });
  }, [isUsed, navigate, room]);
  return secret;
}

/** There is none, or it is private: nobody who is not in it is told which. A node of an older version says that it is
 *  forbidden. */
const isUnknown = ({ code }: Failure): boolean => code === "NOT_FOUND" || code === "FORBIDDEN";

function refusedTitle({ code }: Failure): string {
  if (code === "NOT_A_MEMBER") return "You are not in this room";
  if (code === "NOT_FOUND" || code === "FORBIDDEN") return "There is no such room that you can see";
  return code === "BANNED" ? "You are banned from this room" : "This room cannot be shown";
}

/** What is asked before a message is deleted. */
function deleting(
  message: RoomMessage,
  here: {
    readonly store: RoomStore;
    readonly nameFor: (principal: string) => string;
    readonly me: string;
    readonly isOwner: boolean;
  },
) {
  const { store, nameFor, me, isOwner } = here;
  const name = nameFor(message.author);
  const own = message.author === me;
  return {
    title: own ? "Delete your message?" : `Delete the message of ${name}?`,
    body: (
      <>
        <blockquote dir="auto">
          <NamedLine
            text={message.text.slice(0, quotedCharsMax)}
            calling={callingIn(store, calledIn(message), nameFor)}
          />
        </blockquote>
        <p>
          {own
            ? "It disappears for everybody and cannot be brought back."
            : `You are ${isOwner ? "an owner" : "a moderator"} of this room, so you can. ${name} and ` +
              "everybody else will see that a message was deleted. It cannot be brought back."}
        </p>
      </>
    ),
    action: "Delete",
    grave: true,
  };
}

/** Takes a reaction back where it is the person's own already. */
function react(
  store: RoomStore,
  message: RoomMessage,
  { picked, me }: { readonly picked: string; readonly me: string },
) {
  const emoji = normalEmoji(picked) ?? picked;
  const on = message.reactions?.[emoji]?.includes(me) !== true;
  void store.change("react", { seq: message.seq, emoji, on });
}

async function pin(store: RoomStore, { seq, pinned }: RoomMessage): Promise<void> {
  const result = await store.change("pin", { seq, on: pinned !== true });
  if (result.ok && pinned === true)
    notices.done("The message is no longer pinned.", () => void store.change("pin", { seq, on: true }));
}

async function copyLink({ room }: RoomStore, message: RoomMessage): Promise<void> {
  if (await copyText(linkTo(room, message))) notices.show("Link copied.");
}

function OpenRoom({ store }: { readonly store: RoomStore }) {
  const session = useSession();
  const search = route.useSearch();
  const navigate = useNavigate();
  const nameFor = useNames();
  const { ask } = useDialogs();
  const view = useShown(store.store, (model: RoomModel) => model.view);
  const titleOf = useRoomTitle();
  const feed = useRef<FeedHandle>(null);
  const field = useRef<HTMLTextAreaElement>(null);
  const { editing, setEditing } = useEdits(store);
  const { goal, opened, setGoal, open } = useOpening(store, search.at);
  const [unfolded] = useState(() => new Set<number>());
  const [marked, setMarked] = useMarked();
  const [polling, setPolling] = useState(false);
  const [reminding, setReminding] = useState<number>();
  const [forwarding, setForwarding] = useState<RoomMessage>();
  const [moving, setMoving] = useState<readonly RoomMessage[]>();
  const room = store.room;
  const role = view?.members[session.me]?.role;
  const place = `room/${room}/text`;
  const topic = useWritingIn(store, view, search.topic);
  const attaching = useAttaching(toRoom(store), place, field);

  const setPanel = (panel?: RoomSearch["panel"], seq?: number, replace = false) =>
    void navigate({
      replace,
      to: "/room/$room",
      params: { room },
      search: {
        ...(panel === undefined ? {} : { panel }),
        ...(seq === undefined ? {} : { seq }),
        ...(search.topic === undefined ? {} : { topic: search.topic }),
      },
    });
  const showTopic = (topic: string | undefined) =>
    void navigate({
      to: "/room/$room",
      params: { room },
      search: {
        ...(search.panel === "topics" && !isTouch() ? { panel: "topics" } : {}),
        ...(topic === undefined ? {} : { topic }),
      },
    });

  /** `isLink`: the address names it. */
  const show = async (seq: number, isLink = false) => {
    const message = await store.find(seq);
    if (message === "failed") return;
    if (message === undefined) {
      setGoal({ kind: "end" });
      return notices.show("There is no such message in this room.");
    }
    // Where it is no line of the room, it is shown where it is one.
    // Back leads to where the link was, and not to the link.
    if (message.threadOnly === true) return setPanel("thread", message.replyTo, isLink);
    const hadFocus = document.activeElement?.matches(".feed *") === true;
    setGoal({ kind: "line", seq });
    if (!(await store.reach(seq))) return;
    setMarked(seq);
    // The rows of what was just loaded exist after the next render.
    requestAnimationFrame(() => feed.current?.show(`m${seq}`, hadFocus));
  };
  useEffect(() => {
    if (search.at !== undefined) void show(search.at, true).then(open);
  }, [search.at]);

  const remove = async (message: RoomMessage) => {
    const question = deleting(message, { store, nameFor, me: session.me, isOwner: role === "owner" });
    if (await ask(question)) await store.change("delete", { seq: message.seq });
  };

  const closePoll = async (message: RoomMessage) => {
    if (await ask(closing(message, store, nameFor))) await store.change("closePoll", { seq: message.seq });
  };

  // One object for the life of the room, so that memoised rows stay; what changes is read when it is needed.
  const now = { setPanel, show, remove, closePoll, showTopic };
  const current = useRef(now);
  current.current = now;
  const moderates = role === "owner" || role === "moderator";
  const isMuted = useMute(view, session.me) !== undefined;
  const isClosed = view?.archived === true || isMuted;
  const [picked, setPicked] = useState<Picked>();
  const endPicking = () => setPicked(undefined);
  const actions = useMemo<MessageActions>(
    () => ({
      me: session.me,
      room: store,
      moderates,
      nameFor,
      react: (message, picked) => react(store, message, { picked, me: session.me }),
      openThread: (root) => current.current.setPanel("thread", root),
      setEditing(seq, on) {
        setEditing(seq, on);
        if (!on) field.current?.focus();
      },
      remove: (message) => void current.current.remove(message),
      removePreviews: ({ seq }) => void store.change("removePreviews", { seq }),
      pin: (message) => void pin(store, message),
      closePoll: (message) => void current.current.closePoll(message),
      quote(message, inThread) {
        const at = inThread ? `room/${store.room}/thread/${message.replyTo ?? message.seq}` : `room/${store.room}/text`;
        const quotation = quotationOf(message, { name: nameFor(message.author) });
        session.kept.write(at, withQuotation(session.kept.read(at), quotation));
        if (!inThread) field.current?.focus();
      },
      forward: setForwarding,
      moveTopic: (message) => setMoving([message]),
      openTopic: (topic) => current.current.showTopic(topic),
      copyLink: (message) => void copyLink(store, message),
      show: (seq) => void current.current.show(seq),
      showVersions: (seq) => current.current.setPanel("edits", seq),
      isClosed,
      pick(message, event) {
        if (!/^x$/i.test(event?.key ?? "x")) return;
        // The menu begins it at once: a click right after it selects, and Escape ends it.
        const begins = event === undefined;
        if (begins) setPicked((before) => before ?? new Map());
        void loadSelecting().then(({ pickedAfter }) => {
          setPicked((before) => (begins && before === undefined ? before : pickedAfter(before, store, message, event)));
        });
      },
      remind: (message) => setReminding(message.seq),
      markUnread: (message) => void store.markUnread(message.seq),
      unfolded,
    }),
    [session, store, nameFor, moderates, isClosed, setEditing, unfolded],
  );

  if (view === undefined) return null;
  const title = titleOf(view);
  const direct = view.visibility === "direct";
  const mentionable = mentionableIn(view, nameFor);

  const note = (text: string) => <MentionNote text={text} store={store} view={view} />;

  const editLast = () => {
    const { messages } = store.store.latest;
    const last = messages.findLast(
      ({ author, deletedAtMs, poll }) => author === session.me && deletedAtMs === undefined && poll === undefined,
    );
    if (last === undefined) return;
    feed.current?.show(`m${last.seq}`);
    setEditing(last.seq, true);
  };
  return (
    <div className="screen">
      <main
        className="screen-main"
        aria-label={title}
        {...(closedFor(view, session.me, "room") === undefined && !isMuted && attaching.zone)}
      >
        <RoomHeader
          {...{ view, title, store }}
          other={otherPerson(room, session.me)}
          canChange={!direct && moderates}
          panel={search.panel}
          onPanel={setPanel}
        />
        {search.topic !== undefined ? (
          <Suspense fallback={<div className="feed empty" />}>
            <TopicTimeline
              key={search.topic}
              {...{ store, actions, editing }}
              picked={picked}
              topic={search.topic}
              mayRename={moderates}
              handle={feed}
              onTopic={showTopic}
              onLeave={() => (picked === undefined ? field.current?.focus() : endPicking())}
            />
          </Suspense>
        ) : (
          <Timeline
            {...{ store, title, actions, editing, marked, goal, opened }}
            picked={picked}
            handle={feed}
            onLatest={() => {
              setGoal({ kind: "end" });
              void store.toLatest();
            }}
            invite={mayInvite(view, session.me) && !staysWithPeople(view) ? () => setPanel("members") : undefined}
            onLeave={() => (picked === undefined ? field.current?.focus() : endPicking())}
          />
        )}
        <div className="foot">
          <Suspense>
            {role !== "owner" && <UnreadWarning store={store} />}
            {picked && (
              <SelectionBar {...{ store, moderates, nameFor }} me={session.me} picked={picked} onEnd={endPicking}>
                <Button
                  variant="default"
                  size="xs"
                  leftSection={<Icon name="hash" size={16} />}
                  disabled={picked.size === 0}
                  onClick={() => setMoving([...(picked?.values() ?? [])])}
                >
                  Move to topic …
                </Button>
              </SelectionBar>
            )}
          </Suspense>
          <div hidden={picked !== undefined}>
            <Writing view={view} me={session.me} where="room">
              {topic.field}
              <Composer
                key={room}
                {...attaching.field}
                hinders={() => topic.isMissing() || attaching.field.hinders()}
                {...{ place, field, mentionable, note }}
                label={`Message ${direct ? "" : "#"}${title}${search.topic === undefined ? "" : ` › ${search.topic}`}`}
                // Somebody who goes through what was found goes on there.
                autoFocus={!isTouch() && search.find === undefined}
                onTyping={() => store.typing()}
                onUp={editLast}
                onEscape={() => {
                  if (search.panel !== undefined) setPanel();
                }}
                later={{ room, ...(topic.name !== undefined && { topic: topic.name }) }}
                onSend={(text) => {
                  store.writesIn = topic.name;
                  attaching.post(text);
                  feed.current?.toEnd();
                }}
                beside={<Beside button={attaching.button} onPoll={() => setPolling(true)} onTopic={topic.open} />}
              />
            </Writing>
          </div>
          <TypingLine store={store} nameFor={nameFor} me={session.me} />
          <Polling store={store} topic={topic.name} isOpen={polling} onClose={() => setPolling(false)} />
        </div>
        <Announcer store={store} nameFor={nameFor} me={session.me} />
      </main>
      <Reminding room={room} seq={reminding} onClose={() => setReminding(undefined)} />
      <Suspense>
        {moving && (
          <MoveTopic
            opened
            store={store}
            messages={moving}
            onMoved={endPicking}
            moderates={moderates || direct}
            onClose={() => setMoving(undefined)}
          />
        )}
        {forwarding && (
          <Forward
            opened
            onClose={() => setForwarding(undefined)}
            room={room}
            message={forwarding}
            link={linkTo(room, forwarding)}
            isOpenToAll={view.visibility === "public"}
          />
        )}
      </Suspense>
      <RoomPanel
        {...{ search, store, view, title, actions, mentionable, note }}
        onTopic={showTopic}
        onClose={() => setPanel()}
      />
    </div>
  );
}

/** The topic in which one writes: the one that is shown, or what stands in a field of its own, which is there where the
 *  room has topics. */
function useWritingIn(store: RoomStore, view: RoomView | undefined, shown: string | undefined) {
  const [written, write] = useKept(`topics/${store.room}`, isText, "");
  const [isOpen, setIsOpen] = useState(false);
  const known = useShown(store.store, hasTopics);
  const isNeeded = view?.topicsNeeded === true;
  const hasField = shown === undefined && (isNeeded || known || isOpen || written !== "");
  const name = shown ?? (written.trim() || undefined);
  return {
    name,
    open: hasField || shown !== undefined ? undefined : () => setIsOpen(true),
    isMissing(): boolean {
      const isMissing = isNeeded && name === undefined;
      if (isMissing) notices.show("Say what it is about: this room asks for a topic.", "bad");
      return isMissing;
    },
    field: hasField && (
      <Suspense>
        <TopicField
          store={store}
          topic={written}
          isNeeded={isNeeded}
          isOpened={isOpen}
          onTopic={(next) => write(next === "" ? undefined : next)}
        />
      </Suspense>
    ),
  };
}

/** What can be sent beside a text: where one touches, one menu has all of it. */
function Beside(props: {
  readonly button: Attaching["button"];
  readonly onPoll: () => void;
  /** Absent: the field for it is there. */
  readonly onTopic: (() => void) | undefined;
}) {
  const { button, onPoll, onTopic } = props;
  return (
    <>
      {button(
        <>
          <Menu.Item leftSection={<Icon name="poll" size={16} />} onClick={onPoll}>
            New poll
          </Menu.Item>
          {onTopic && (
            <Menu.Item leftSection={<Icon name="hash" size={16} />} onClick={onTopic}>
              Write in a topic
            </Menu.Item>
          )}
        </>,
      )}
      {!isTouch() && onTopic && (
        <button type="button" className="tool" aria-label="Write in a topic" title="Write in a topic" onClick={onTopic}>
          <Icon name="hash" />
        </button>
      )}
      {!isTouch() && (
        <button type="button" className="tool" aria-label="New poll" title="New poll" onClick={onPoll}>
          <Icon name="poll" />
        </button>
      )}
    </>
  );
}

/** What is beside the room. */
function RoomPanel(props: {
  readonly search: RoomSearch;
  readonly store: RoomStore;
  readonly view: RoomView;
  readonly title: string;
  readonly actions: MessageActions;
  readonly mentionable: readonly Mentionable[];
  readonly note: (text: string) => ReactNode;
  readonly onTopic: (topic: string | undefined) => void;
  readonly onClose: () => void;
}) {
  const { search, store, view, title, actions, onClose } = props;
  const { panel, seq } = search;
  return (
    <Suspense>
      {panel === "members" && <MembersPanel store={store} view={view} title={title} onClose={onClose} />}
      {panel === "pins" && <PinsPanel store={store} view={view} actions={actions} onClose={onClose} />}
      {panel === "threads" && <ThreadsPanel store={store} actions={actions} onClose={onClose} />}
      {panel === "topics" && (
        <TopicsPanel store={store} topic={search.topic} onTopic={props.onTopic} onClose={onClose} />
      )}
      {panel === "files" && <FilesPanel store={store} actions={actions} onClose={onClose} />}
      {panel === "edits" && seq !== undefined && <VersionsPanel key={seq} store={store} seq={seq} onClose={onClose} />}
      {panel === "thread" && seq !== undefined && (
        <ThreadPanel
          key={seq}
          store={store}
          view={view}
          root={seq}
          actions={actions}
          mentionable={props.mentionable}
          note={props.note}
          onClose={onClose}
        />
      )}
    </Suspense>
  );
}

function Polling(props: {
  readonly store: RoomStore;
  readonly topic: string | undefined;
  readonly isOpen: boolean;
  readonly onClose: () => void;
}) {
  const { store, topic, isOpen, onClose } = props;
  return <Suspense>{isOpen && <NewPoll store={store} topic={topic} opened onClose={onClose} />}</Suspense>;
}

const linkTo = (room: string, { seq }: RoomMessage): string => `${ownPlace()}/room/${room}?at=${seq}`;

function Reminding(props: { readonly room: string; readonly seq: number | undefined; readonly onClose: () => void }) {
  const { room, seq, onClose } = props;
  return <Suspense>{seq !== undefined && <RemindMe room={room} seq={seq} opened onClose={onClose} />}</Suspense>;
}

/** What is asked before a poll is closed. */
function closing({ text, mentions = [] }: RoomMessage, store: RoomStore, nameFor: (principal: string) => string) {
  return {
    title: "Close the poll?",
    body: (
      <>
        <blockquote dir="auto">
          <NamedLine text={text} calling={callingIn(store, mentions, nameFor)} />
        </blockquote>
        <p>Nobody can vote any more. The counts stay. This cannot be undone.</p>
      </>
    ),
    action: "Close the poll",
  };
}

/** The message that somebody was led to, for a moment. */
function useMarked() {
  const [marked, setMarked] = useState<number>();
  useEffect(() => {
    if (marked === undefined) return;
    const timer = setTimeout(() => setMarked(undefined), 2_500);
    return () => clearTimeout(timer);
  }, [marked]);
  return [marked, setMarked] as const;
}

function usePanelsReady(): void {
  useEffect(() => {
    const load = () => Promise.all([loadPins(), loadThread(), loadThreads()]).catch(() => undefined);
    const timer = setTimeout(() => void load(), calmMs);
    return () => clearTimeout(timer);
  }, []);
}

// Enough to know which message it is.
const quotedCharsMax = 200;

/** What a line about the room needs. */
interface LineProps {
  readonly store: RoomStore;
  readonly nameFor: (principal: string) => string;
  readonly me: string;
}

function TypingLine({ store, nameFor, me }: LineProps) {
  const typing = useShown(store.store, (model: RoomModel) => model.typing);
  const others = Object.entries(typing).filter(([member]) => member !== me);
  const nowMs = useNow(1_000, others.length > 0);
  const names = others.filter(([, untilMs]) => untilMs > nowMs).map(([member]) => nameFor(member));
  return (
    <div className="under">
      {names.length > 2 ? (
        `${names.length} people are typing …`
      ) : names.length > 0 ? (
        <>
          <bdi>{names[0]}</bdi>
          {names.length === 2 && (
            <>
              {" and "}
              <bdi>{names[1]}</bdi>
            </>
          )}
          {names.length === 2 ? " are typing …" : " is typing …"}
        </>
      ) : null}
    </div>
  );
}

/** Tells screen readers about new messages; the list itself only holds what is in view. */
function Announcer({ store, nameFor, me }: LineProps) {
  const newest = useShown(store.store, newestLine);
  // How far the answers are that one has asked for.
  const stages = useShown(store.store, (model: RoomModel) => stagesFor(model, me, nameFor));
  const first = useRef(newest?.seq);
  const told = newest !== undefined && newest.seq !== first.current && newest.author !== me;
  return (
    <>
      <div className="hidden-text" role="status">
        {stages}
      </div>
      <div className="hidden-text" role="log" aria-live="polite">
        {told && (
          <p key={newest.seq}>
            <bdi>{nameFor(newest.author)}</bdi>: <bdi>{newest.text.slice(0, 300)}</bdi> {namedFiles(newest.files)}
          </p>
        )}
      </div>
    </>
  );
}

/** What a screen reader says of the answers that a person has asked for. */
const stagesFor = (model: RoomModel, me: string, nameFor: (principal: string) => string): string =>
  Object.values(model.drafts)
    .filter(({ by }) => by === me)
    .map((draft) => `${nameFor(draft.agent)} is ${stageWords(draft)}.`)
    .join(" ");
