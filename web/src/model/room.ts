import {
  asKnown,
  isLine,
  joined,
  keptApart,
  letGo,
  linesAfter,
  messageAt,
  replaceMessage,
  tells,
  trimmed,
  withApart,
  withLine,
  withoutLines,
} from "./window.ts";
import { waitsForFiles, type PendingPost, type RoomModel } from "./room-model.ts";
import { draftsAfter, draftsAfterPiece, draftsOf, type RoomDraft } from "./drafts.ts";
import {
  threadsAfter,
  threadsAfterChange,
  threadsAfterFollow,
  threadsAfterRead,
  threadsAfterUnread,
  threadsTold,
} from "./threads.ts";
import type {
  Failure,
  RoomEvent,
  RoomHistory,
  RoomMember,
  RoomMessage,
  RoomSignal,
  RoomState,
  RoomThread,
  RoomUnread,
  RoomView,
  SeenMessages,
  ThreadUnread,
} from "../../../protocols/index.ts";
import { afterMuted, isReadByMute, isSeen, seenBehind } from "../../../protocols/kinds/room-unread.ts";
import { withoutModeOf, withSettings, type RoomSettingEvent } from "../../../protocols/kinds/room-settings.ts";

export type RoomInput =
  | { readonly type: "state"; readonly state: RoomState }
  | { readonly type: "event"; readonly event: RoomEvent }
  | { readonly type: "signal"; readonly signal: RoomSignal; readonly nowMs: number }
  | { readonly type: "older" | "newer"; readonly history: RoomHistory }
  /** The window is somewhere else now; without `newer` at the end. */
  | { readonly type: "placed"; readonly history: RoomHistory }
  /** So many lines leave the window at one of its ends. */
  | { readonly type: "trimmed"; readonly end: "older" | "newer"; readonly count: number }
  | { readonly type: "posting"; readonly post: Omit<PendingPost, "status" | "afterSeq"> }
  /** Written before the page was loaded. */
  | { readonly type: "restored"; readonly posts: readonly PendingPost[] }
  | { readonly type: "posted"; readonly operationId: string; readonly seq: number }
  | { readonly type: "postFailed"; readonly operationId: string; readonly failure: Failure }
  | { readonly type: "retrying"; readonly operationId: string }
  | { readonly type: "discarded"; readonly operationId: string }
  /** The files that a message waited for are at the node; of one that was written before the page was loaded. */
  | { readonly type: "filesUp"; readonly post: Omit<PendingPost, "status" | "afterSeq"> }
  /** The person has voted, here or on another device. */
  | { readonly type: "chose"; readonly seq: number; readonly choices: readonly number[] }
  /** This page, or another device, showed all up to `seq`. */
  | { readonly type: "seen"; readonly member: string; readonly seq: number }
  /** What is to be read, as the node knows it. */
  | { readonly type: "counted"; readonly unread: RoomUnread }
  | {
      readonly type: "threadSeen";
      readonly root: number;
      readonly seq: number;
      /** The marker went back. */
      readonly own?: ThreadUnread;
    }
  /** The threads, and what is unread in them, as the node knows them up to the message `to`. */
  | { readonly type: "threadsTold"; readonly threads: readonly RoomThread[]; readonly to: number }
  | { readonly type: "threadFollowed"; readonly root: number; readonly follow: boolean }
  | { readonly type: "refused"; readonly reason: Failure };

export const emptyRoom: RoomModel = {
  status: "loading",
  me: "",
  view: undefined,
  messages: [],
  older: false,
  newer: false,
  from: 1,
  to: 0,
  placed: 0,
  tail: [],
  droppedTo: 0,
  changed: {},
  unread: { messageSeq: 0, readSeq: 0, unread: 0, mentioned: false },
  toldOf: false,
  threads: {},
  threadsTo: 0,
  votes: {},
  pending: [],
  drafts: {},
  typing: {},
};

// A member who types says so every 3 seconds; twice that bridges one lost signal. The node's `untilMs` is on the node's
// clock, which a phone does not share, so only the moment of arrival counts.
const typingShownMs = 6_000;

/** What the room looks like after one more input. Pure; unchanged parts keep their identity, so that rows can be
 *  memoised. */
export function foldRoom(room: RoomModel, input: RoomInput): RoomModel {
  switch (input.type) {
    case "state":
      return settle(foldState(room, input.state));
    case "event":
      return room.view === undefined ? room : settle(foldEvent(room, room.view, input.event));
    case "signal":
      return foldSignal(room, input.signal, input.nowMs);
    case "older":
    case "newer":
    case "placed":
      return foldPage(room, input.type, input.history);
    case "trimmed":
      return trimmed(room, input.end, input.count);
    case "posting": {
      const post = { ...input.post, status: "waiting", afterSeq: room.view?.messageSeq ?? 0 } as const;
      return { ...room, pending: [...room.pending, post] };
    }
    case "restored":
      return { ...room, pending: [...input.posts, ...room.pending] };
    case "posted":
      return settle(changePending(room, input.operationId, { status: "accepted", seq: input.seq }));
    case "postFailed":
      return changePending(room, input.operationId, { status: "failed", failure: input.failure });
    case "retrying":
      return changePending(room, input.operationId, { status: "waiting" });
    case "discarded":
      return { ...room, pending: room.pending.filter((post) => post.operationId !== input.operationId) };
    case "filesUp": {
      const before = room.pending.filter((post) => post.operationId !== input.post.operationId);
      return foldRoom({ ...room, pending: before }, { type: "posting", post: input.post });
    }
    case "chose":
      return foldChoice(room, input.seq, input.choices);
    case "seen":
      return foldSeen(room, input.member, input.seq);
    case "counted":
      return foldCounted(room, input.unread);
    case "threadSeen": {
      const { root, seq, own } = input;
      const here = { behind: apartOf(room, root, seq), me: room.me };
      const threads =
        own === undefined
          ? threadsAfterRead(room.threads, { root, seq }, here)
          : threadsAfterUnread(room.threads, root, own);
      // A look at what one is called to.
      return threads === room.threads ? room : withMentioned(uncalled({ ...room, threads }));
    }
    case "threadsTold":
      return foldThreads(room, input.threads, input.to);
    case "threadFollowed":
      return { ...room, threads: threadsAfterFollow(room.threads, input.root, input.follow) };
    case "refused":
      return { ...room, status: "refused", refusal: input.reason };
  }
}

/** A page of history. What the room has heard since it was asked for is newer. */
function foldPage(room: RoomModel, end: "older" | "newer" | "placed", history: RoomHistory): RoomModel {
  const { more, newer = false } = history;
  const page = asKnown(room, history.messages);
  const [first, last] = [page[0]?.seq, page.at(-1)?.seq];
  const isNew = ({ seq }: RoomMessage): boolean =>
    end === "placed" || (end === "older" ? seq < room.from : seq > room.to);
  const lines = page.filter((message) => isLine(message) && isNew(message));
  const known = withApart({ ...room, changed: withoutLines(room.changed, lines) }, page);
  const isMore = more && page.length > 0;
  if (end === "older") {
    const messages = lines.length === 0 ? room.messages : [...lines, ...room.messages];
    return { ...known, messages, from: Math.min(room.from, first ?? 1), older: isMore };
  }
  if (end === "newer") {
    const messages = [...room.messages, ...lines];
    return joined({ ...known, messages, to: Math.max(room.to, last ?? 0), newer: isMore }, room);
  }
  const place = { from: first ?? 1, to: last ?? 0, older: more, newer, placed: room.placed + 1 };
  const there = joined({ ...known, ...place, messages: lines }, room);
  const here = new Set([...there.messages, ...there.tail].map(({ seq }) => seq));
  return letGo(
    there,
    room.messages.filter(({ seq }) => !here.has(seq)),
  );
}

function foldState(room: RoomModel, state: RoomState): RoomModel {
  const { messages: page, votes = {}, unread, threads = [], answering, ...view } = state;
  const { refusal: _, ...rest } = room;
  const readSeq = view.members[room.me]?.readSeq ?? 0;
  const own = page.filter(({ seq, author }) => seq > readSeq && author === room.me).length;
  const before: RoomUnread = {
    messageSeq: view.messageSeq,
    readSeq,
    unread: Math.max(0, view.messageSeq - readSeq - own),
    mentioned: page.some(({ seq, mentions }) => seq > readSeq && mentions?.includes(room.me) === true),
  };
  const from = page[0]?.seq ?? 1;
  const place = { from, to: page.at(-1)?.seq ?? 0, older: from > 1, newer: false, tail: [], droppedTo: 0 };
  const loaded = withApart(
    {
      ...uncalled(rest as RoomModel),
      ...place,
      placed: room.placed + (room.newer ? 1 : 0),
      status: "ready",
      view,
      messages: page.filter(isLine),
      changed: {},
      threads: Object.fromEntries(threads.map((thread) => [thread.root, thread])),
      threadsTo: 0,
      votes,
      drafts: draftsOf(answering),
      typing: {},
    },
    page,
  );
  return told(loaded, unread ?? before);
}

/** Messages of a room that are kept of it. */
const keptMessages = 50;

/** A room as the node would say how it is, from what the page knows; undefined: the page does not know its end. Of what
 *  an agent is writing nothing. */
export function stateOf(room: RoomModel): RoomState | undefined {
  const { status, view, messages, newer, unread, threads, votes } = room;
  if (status !== "ready" || view === undefined || newer) return undefined;
  return { ...view, messages: messages.slice(-keptMessages), unread, threads: Object.values(threads), votes };
}

/** Whether a line is one that the person has to read. What they have read in its topic is none. */
const counts = ({ me, unread }: RoomModel, { author, restored, seq }: RoomMessage): boolean =>
  author !== me && restored === undefined && !isSeen(unread.seen, seq);

/** As of `wireLimits`, all of which the page does not load for one of them. `afresh.test.ts` compares the two. */
const topicReadMax = 256;

/** What is unread after one more line, which counts unless its topic is muted. */
function withNewLine(room: RoomModel, unread: RoomUnread, line: RoomMessage): RoomUnread {
  const { me } = room;
  const { topics = {} } = unread;
  const isMuted = line.topic !== undefined && Object.hasOwn(topics, line.topic) && topics[line.topic] === "mute";
  const now = isMuted && isReadByMute(line, me) ? afterMuted(unread, line.seq, topicReadMax) : undefined;
  if (now !== undefined) return "seen" in now ? { ...unread, ...now } : withSeen({ ...unread, ...now }, []);
  if (!counts({ ...room, unread }, line)) return unread;
  return {
    ...unread,
    unread: unread.unread + 1,
    mentioned: unread.mentioned || line.mentions?.includes(me) === true,
  };
}

/** What is unread, of which this is read behind the marker. */
function withSeen(unread: RoomUnread, seen: SeenMessages): RoomUnread {
  const { seen: _, ...rest } = unread;
  return seen.length === 0 ? rest : { ...rest, seen };
}

function foldSeen(room: RoomModel, member: string, seq: number): RoomModel {
  const { view, unread } = room;
  // One's own messages are read with all before them, but the node's marker does not move by them.
  const read = member === room.me ? unread.readSeq : view?.members[member]?.readSeq;
  if (view === undefined || read === undefined || read >= seq) return room;
  const seen = { ...room, view: changeMember(view, member, { readSeq: seq }) };
  if (member !== room.me) return seen;
  const behind = linesAfter(room, seq);
  const passed = linesAfter(room, unread.readSeq).filter((line) => line.seq <= seq && counts(room, line)).length;
  const left = seq >= view.messageSeq ? 0 : Math.max(0, unread.unread - passed);
  // Lines behind the position are known only if the window reaches from it to the end.
  const isPart = room.newer || (room.older && room.from > seq + 1);
  const mentioned = seq < view.messageSeq && (tells(room, behind) || (isPart && unread.mentioned));
  return {
    ...uncalled(seen),
    toldOf: isPart && mentioned,
    unread: withSeen({ ...unread, readSeq: seq, unread: left, mentioned }, seenBehind(unread.seen ?? [], seq)),
  };
}

function foldCounted(room: RoomModel, unread: RoomUnread): RoomModel {
  if (room.view === undefined) return room;
  // What came meanwhile, the node will count next time.
  const lines = linesAfter(room, unread.messageSeq);
  const now = lines.reduce((known, line) => withNewLine(room, known, line), unread);
  const { messageSeq } = room.view;
  return told(
    { ...room, view: changeMember(room.view, room.me, { readSeq: unread.readSeq }) },
    { ...now, messageSeq: Math.max(messageSeq, unread.messageSeq) },
  );
}

/** Of all threads, what their person has read may have been told elsewhere. */
function foldThreads(room: RoomModel, told: readonly RoomThread[], to: number): RoomModel {
  if (to < room.threadsTo) return room;
  const known = [...linesAfter(room, to), ...Object.values(room.changed).filter(({ seq }) => seq > to)];
  const later = known.toSorted((one, other) => one.seq - other.seq);
  return { ...room, threads: threadsTold(room.threads, told, { to, later, me: room.me }), threadsTo: to };
}

/** What is known of a thread behind a position: answers of others that are in it only. */
const apartOf = (room: RoomModel, root: number, seq: number): readonly RoomMessage[] =>
  Object.values(room.changed).filter(
    (one) => one.replyTo === root && one.seq > seq && one.threadOnly === true && one.author !== room.me,
  );

/** Whether a draft is written where the room's lines are: an agent answers where it was asked. */
export const isDraftOfRoom = (room: RoomModel, { replyTo }: RoomDraft): boolean =>
  replyTo === undefined || messageAt(room, replyTo)?.threadOnly !== true;

/** Whether a draft is written in the thread of a message. */
export const isDraftOfThread = (room: RoomModel, { replyTo }: RoomDraft, root: number): boolean =>
  replyTo === root || (replyTo !== undefined && messageAt(room, replyTo)?.replyTo === root);

/** The pending posts to show: those whose own message is not in the window yet. The event may come before the answer
 *  that says which seq it got, so a waiting post also counts as shown when a later message of the same author has its
 *  text. */
export function pendingShown(room: RoomModel, me: string): readonly PendingPost[] {
  if (room.pending.length === 0) return room.pending;
  const taken = new Set<number>();
  return room.pending.filter((post) => {
    if (post.status !== "waiting" || waitsForFiles(post)) return true;
    const arrived = [...linesAfter(room, post.afterSeq), ...Object.values(room.changed)].find(
      (message) =>
        message.seq > post.afterSeq &&
        message.author === me &&
        message.text === post.text &&
        message.files?.[0]?.id === post.files?.[0]?.id &&
        !taken.has(message.seq),
    );
    if (arrived !== undefined) taken.add(arrived.seq);
    return arrived === undefined;
  });
}

/** Whether a pending post is a line of the room. */
export const isLinePending = ({ replyTo, alsoInRoom }: PendingPost): boolean =>
  replyTo === undefined || alsoInRoom === true;

/** A thread: its root and all that answer it, from what was loaded apart and what the room window knows since. */
export function threadOf(room: RoomModel, root: number, loaded: readonly RoomMessage[]): readonly RoomMessage[] {
  const bySeq = new Map<number, RoomMessage>();
  const take = (message: RoomMessage | undefined) => {
    if (message !== undefined && (message.seq === root || message.replyTo === root)) bySeq.set(message.seq, message);
  };
  for (const message of loaded) take(message);
  for (const message of Object.values(room.changed)) take(message);
  for (const message of room.messages) take(message);
  for (const message of room.tail) take(message);
  return [...bySeq.values()].toSorted((a, b) => a.seq - b.seq);
}

function changePending(room: RoomModel, operationId: string, change: Partial<PendingPost>): RoomModel {
  const pending = room.pending.map((post) => {
    if (post.operationId !== operationId) return post;
    const { failure: _, ...rest } = post;
    return { ...rest, ...change };
  });
  return { ...room, pending };
}

/** Drops pending posts that the room has shown. */
function settle(room: RoomModel): RoomModel {
  const newest = room.view?.messageSeq ?? 0;
  const pending = room.pending.filter((post) => post.seq === undefined || post.seq > newest);
  return pending.length === room.pending.length ? room : { ...room, pending };
}

function foldEvent(room: RoomModel, view: RoomView, event: RoomEvent): RoomModel {
  switch (event.type) {
    case "created":
      return { ...room, view: event.view };
    case "joined": {
      const member: RoomMember = { role: event.role, joinedAtMs: event.atMs, readSeq: view.messageSeq };
      return { ...room, view: { ...view, members: { ...view.members, [event.member]: member } } };
    }
    case "left": {
      const { [event.member]: _, ...members } = view.members;
      return { ...room, view: { ...view, members, ...withoutModeOf(view, event.member) } };
    }
    case "roleSet":
      return { ...room, view: changeMember(view, event.member, { role: event.role }) };
    case "posted":
      return foldPosted(room, view, event.message, event.root);
    case "restored":
      return event.messages.reduce(foldRestored, event.root === undefined ? room : replaceMessage(room, event.root));
    case "withdrawn":
      return event.messages.reduce((one, message) => foldChanged(one, { type: "deleted", message }), room);
    case "edited":
    case "deleted":
      return foldChanged(room, event);
    case "voted":
      return replaceMessage(room, event.message);
    case "topicMoved":
      return foldMoved(room, event);
    case "pollClosed":
      return replaceMessage(withoutVote(room, event.message), event.message);
    default:
      return foldSet(room, view, event);
  }
}

const withTopicsChanged = (room: RoomModel): RoomModel => ({ ...room, topicsChanged: (room.topicsChanged ?? 0) + 1 });

/** Messages are in another topic; what the old one was to the person, the new one is. */
function foldMoved(room: RoomModel, event: Extract<RoomEvent, { type: "topicMoved" }>): RoomModel {
  const { from = "", to = "", messages, renamed, gone } = event;
  const moved = withTopicsChanged(messages.reduce(replaceMessage, room));
  const { topics, ...unread } = room.unread;
  if (topics === undefined || !Object.hasOwn(topics, from) || (renamed ?? gone) !== true) return moved;
  const { [from]: interest, ...others } = topics;
  const now = renamed === true && interest !== undefined ? { ...others, [to]: interest } : others;
  return { ...moved, unread: Object.keys(now).length === 0 ? unread : { ...unread, topics: now } };
}

type Changed =
  | Pick<Extract<RoomEvent, { type: "edited" }>, "type" | "message" | "told">
  | Pick<Extract<RoomEvent, { type: "deleted" }>, "type" | "message">;

/** A message says something else, or nothing any more: so it may mention the person, or do so no longer. */
function foldChanged(room: RoomModel, event: Changed): RoomModel {
  const { message } = event;
  const before = messageAt(room, message.seq);
  const { me } = room;
  const answers = Object.values(room.changed).filter(({ threadOnly }) => threadOnly === true);
  const changed = replaceMessage(
    {
      ...(event.type === "deleted" ? withTopicsChanged(unlisted(room, message)) : room),
      threads: threadsAfterChange(room.threads, message, { me, before, answers }),
    },
    message,
  );
  const isCalled = event.type === "edited" && event.told?.includes(me) === true && message.author !== me;
  const isTaken = room.called === message.seq && message.mentions?.includes(me) !== true;
  return withMentioned(isCalled ? { ...changed, called: message.seq } : isTaken ? uncalled(changed) : changed);
}

/** What is deleted takes no votes and is pinned no more. */
function unlisted(room: RoomModel, { seq }: RoomMessage): RoomModel {
  const { view } = room;
  const rest = withoutVote(room, { seq });
  return view?.pins.includes(seq) === true
    ? { ...rest, view: { ...view, pins: view.pins.filter((pin) => pin !== seq) } }
    : rest;
}

function uncalled(room: RoomModel): RoomModel {
  const { called: _, ...rest } = room;
  return rest;
}

/** Whether the person is mentioned, by what is known and by what the node has told. */
function withMentioned(room: RoomModel): RoomModel {
  const mentioned = room.toldOf || room.called !== undefined || tells(room, linesAfter(room, room.unread.readSeq));
  return mentioned === room.unread.mentioned ? room : { ...room, unread: { ...room.unread, mentioned } };
}

/** What the node tells of mentions, of which some are known here. */
function told(room: RoomModel, unread: RoomUnread): RoomModel {
  const known = unread.mentioned ? room : uncalled(room);
  const isKnown = known.called !== undefined || tells(room, linesAfter(room, unread.readSeq));
  return { ...known, unread, toldOf: unread.mentioned && !isKnown };
}

/** The person's own vote. Of a poll that takes none any more nobody's is known. */
function foldChoice(room: RoomModel, seq: number, choices: readonly number[]): RoomModel {
  const message = messageAt(room, seq);
  const isOver = message !== undefined && (message.poll === undefined || message.poll.closedAtMs !== undefined);
  if (isOver || choices.length === 0) return withoutVote(room, { seq });
  return { ...room, votes: { ...room.votes, [seq]: choices } };
}

function withoutVote(room: RoomModel, { seq }: Pick<RoomMessage, "seq">): RoomModel {
  if (!(seq in room.votes)) return room;
  const { [seq]: _, ...votes } = room.votes;
  return { ...room, votes };
}

function foldSet(room: RoomModel, before: RoomView, event: RoomSettingEvent): RoomModel {
  const view = withSettings(before, event);
  const known = view === before ? room : { ...room, view };
  if (event.type === "topicResolved") return withTopicsChanged(known);
  // No answer is awaited after it.
  const set = event.type === "agentsStopped" ? { ...known, drafts: {} } : known;
  return "message" in event ? replaceMessage(set, event.message) : set;
}

function changeMember(view: RoomView, key: string, change: Partial<RoomMember>): RoomView {
  const member = view.members[key];
  return member === undefined ? view : { ...view, members: { ...view.members, [key]: { ...member, ...change } } };
}

function foldPosted(room: RoomModel, view: RoomView, message: RoomMessage, root: RoomMessage | undefined): RoomModel {
  if (message.seq <= view.messageSeq) return replaceMessage(room, message);
  const withRoot = root === undefined ? room : replaceMessage(room, root);
  const { [message.author]: _, ...typing } = room.typing;
  // Its author has seen all up to it.
  const author = view.members[message.author];
  const read = author === undefined ? {} : { readSeq: Math.max(author.readSeq, message.seq) };
  const said: RoomModel = {
    ...withRoot,
    typing: message.author in room.typing ? typing : room.typing,
    view: { ...changeMember(view, message.author, read), messageSeq: message.seq },
    unread: { ...room.unread, messageSeq: Math.max(room.unread.messageSeq, message.seq) },
    drafts: draftsAfter(withRoot.drafts, message),
    ...(root !== undefined &&
      message.seq > room.threadsTo && { threads: threadsAfter(room.threads, root, message, room.me) }),
  };
  if (!isLine(message)) return { ...said, changed: keptApart(said.changed, [message]) };
  // The node may have counted it before it was heard of here.
  const isNew = message.seq > room.unread.messageSeq;
  const unread = isNew ? withNewLine(room, said.unread, message) : said.unread;
  return withLine({ ...said, unread }, message);
}

/** One more message, which its author wrote long ago: it says nothing of what the author does now. */
function foldRestored(room: RoomModel, message: RoomMessage): RoomModel {
  const { view } = room;
  if (view === undefined || message.seq <= view.messageSeq) return replaceMessage(room, message);
  const { seq } = message;
  const unread = { ...room.unread, messageSeq: Math.max(room.unread.messageSeq, seq) };
  const grown = { ...room, view: { ...view, messageSeq: seq }, unread };
  return isLine(message) ? withLine(grown, message) : { ...grown, changed: keptApart(grown.changed, [message]) };
}

function foldSignal(room: RoomModel, signal: RoomSignal, nowMs: number): RoomModel {
  switch (signal.type) {
    case "typing":
      return { ...room, typing: { ...room.typing, [signal.member]: nowMs + typingShownMs } };
    case "draft": {
      // A draft that comes after its own message is late, not new.
      const newest = [...room.messages.slice(-50), ...room.tail, ...Object.values(room.changed)];
      const posted = newest.some((message) => message.generation === signal.generation);
      if (posted) return room;
      const asker = signal.replyTo === undefined ? undefined : messageAt(room, signal.replyTo)?.author;
      return { ...room, drafts: draftsAfterPiece(room.drafts, signal, asker) };
    }
  }
}
