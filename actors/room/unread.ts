/** What a member has to read, and how the marker moves that parts it from what was read.
 *
 *      1 … ● readSeq … ○ ○ · ○ · ○ messageSeq       ○ unread: of others, and a line of the room
 *                                                   · not: the member's own, restored, or in its thread only
 *
 *  What is unread is computed: all messages behind the marker without those that do not count. How many these are is
 *  known for each member (`own`) and for the room (`quiet`). Where the marker moves among messages that are not in
 *  memory, the records between are read and counted, so a marker may go far back and the count stays right. */
import {
  sameJson,
  seenBefore,
  seenBehind,
  wireLimits,
  withSeenMessage,
  type ActorId,
  type CommandOf,
  type RoomMessage,
  type RoomRead,
  type RoomUnread,
  type SeenMessages,
  type roomCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type ActorRecord, type ReplyTo, type Sender, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { isSameTopic } from "./kept-topics.ts";
import { evolveMarked, isOwn, isUnreadFor, messageKey, recentFrom, topicRecordKey, unreadFor } from "./state.ts";
import type { Room, RoomChange } from "./shape.ts";
import type { Effects, MemberHandlers } from "./effects.ts";
import { entryOf, type Member } from "./members.ts";
import { hasPlace, threadsFor } from "./threads.ts";
import { readTopic } from "./topic-read.ts";

type Command = CommandOf<typeof roomCommands>;
type MarkRead = Extract<Command, { type: "markRead" }>;

/** Tag of a read that counts what a marker passes. */
export interface CountTag {
  readonly type: "count";
  readonly member: Sender;
  /** Where the marker stood and where it goes. */
  readonly was: number;
  readonly seq: number;
  /** What was counted, from the end of the stretch to before `next`. */
  readonly own: number;
  readonly quiet: number;
  readonly next: number;
  readonly to: ReplyTo | undefined;
}

/** Moves the sender's read marker forward, of the room or of a thread; back it does not go. Other members do not hear
 *  of it: in a busy room there is a marker for every reader of every message. The reader does, on every device. */
function markRead(room: Room, { seq, thread, topic }: MarkRead, turn: Turn): Effects {
  if (seq > room.messageSeq) return [refuse("BAD_REQUEST", { field: "seq", messageSeq: room.messageSeq })];
  if (thread !== undefined) return markThread(room, thread, seq, turn);
  if (topic !== undefined) return markTopic(room, topic, seq, turn);
  const { readSeq = 0, calledSeq } = entryOf(room.members, turn.from) ?? {};
  // A person who has read all may have been mentioned since, by an edit.
  if (seq <= readSeq && calledSeq === undefined) return [reply(unreadFor(room, turn.from))];
  return move(room, turn.from, Math.max(seq, readSeq), turn);
}

/** Moves the sender's read marker back before a message, of the room or of a thread. Error: NOT_FOUND. */
function markUnread(room: Room, { seq, thread }: Extract<Command, { type: "markUnread" }>, turn: Turn): Effects {
  if (seq < 1 || seq > room.messageSeq) return [refuse("NOT_FOUND", { seq })];
  if (thread !== undefined) return unmarkThread(room, thread, seq - 1, turn);
  const member = entryOf(room.members, turn.from);
  if (member === undefined || seq <= member.readSeq) return move(room, turn.from, seq - 1, turn);
  const { seen = [] } = member;
  // What was read in its topic is unread again; all else behind the marker is.
  const left = seenBefore(seen, seq);
  return sameJson(left, seen) ? [reply(unreadFor(room, turn.from))] : moved(room, seenTo(member, turn, left), turn);
}

/** A marker that stays, and what is read behind it. */
const seenTo = (member: Member, { from }: Turn, seen: SeenMessages) =>
  ({
    type: "readMarked",
    member: from,
    seq: member.readSeq,
    own: member.own,
    ...(member.quiet !== undefined && { quiet: member.quiet }),
    seen,
  }) as const;

/** Tag of the read of a topic that somebody has read. */
export interface SeenTag {
  readonly type: "seen";
  readonly member: Sender;
  readonly to: ReplyTo | undefined;
}

/** What is in a topic up to a message counts as read, and the marker stays where it is: messages of other topics are
 *  before them. */
function markTopic(room: Room, topic: string, seq: number, turn: Turn): Effects {
  const { readSeq = 0 } = entryOf(room.members, turn.from) ?? {};
  if (seq <= readSeq) return [reply(unreadFor(room, turn.from))];
  if (readSeq >= recentFrom(room) - 1) {
    const said = room.recent.filter(
      (one) => one.seq <= seq && one.topic !== undefined && isSameTopic(one.topic, topic),
    );
    return seenNow(room, said, turn);
  }
  const range = { from: topicRecordKey(topic, readSeq + 1), to: topicRecordKey(topic, seq + 1) };
  const tag: SeenTag = { type: "seen", member: turn.from, to: turn.replyTo };
  return readTopic(room, { ...range, limit: limits.countedAtOnce, reverse: true }, tag);
}

/** The messages of a topic arrived. */
export function topicSeen(room: Room, tag: SeenTag, records: readonly ActorRecord[], here: Turn): Effects {
  const turn: Turn = { ...here, from: tag.member, ...(tag.to && { replyTo: tag.to }) };
  const read = records.map(({ value }) => value as RoomMessage);
  return seenNow(room, read.toReversed(), turn);
}

function seenNow(room: Room, said: readonly RoomMessage[], turn: Turn): Effects {
  const member = entryOf(room.members, turn.from);
  if (member === undefined) return [refuse("NOT_A_MEMBER", undefined, turn.replyTo)];
  const fresh = said.filter((message) => isUnreadFor(member, message, turn.from));
  if (fresh.length === 0) return [reply(unreadFor(room, turn.from), turn.replyTo)];
  // Nothing else is to be read.
  if (fresh.length === unreadFor(room, turn.from).unread) return move(room, turn.from, room.messageSeq, turn);
  // The newest first: what has no place stays unread.
  const all = fresh.toReversed().reduce<SeenMessages>((seen, { seq }) => {
    const next = withSeenMessage(seen, seq);
    return next.length > wireLimits.topicReadMax ? seen : next;
  }, member.seen ?? []);
  const marked = { ...member, seen: all };
  // Where all up to a message is read, the marker says so.
  const first = room.recent.find((message) => isUnreadFor(marked, message, turn.from));
  const isKnown = member.readSeq >= recentFrom(room) - 1;
  const marker = isKnown && first !== undefined ? first.seq - 1 : member.readSeq;
  const change = { ...seenTo(member, turn, seenBehind(all, marker)), seq: marker };
  return moved(room, change, turn);
}

/** Tells a reader on every device what there is to read. */
export const tellRead = (room: Room, turn: Turn): Effects => {
  const unread = unreadFor(room, turn.from);
  return told(turn, { type: "roomRead", room: turn.key, seq: unread.readSeq, unread });
};

function markThread(room: Room, root: number, seq: number, turn: Turn): Effects {
  const reader = room.threads?.find((thread) => thread.root === root)?.readers[turn.from];
  // Nothing of it is unread for a member that does not follow it, or of a thread that is no longer known here.
  const answer: RoomRead = {
    ...unreadFor(room, turn.from),
    readSeq: Math.max(seq, reader?.readSeq ?? 0),
    thread: root,
  };
  const isCalled = entryOf(room.members, turn.from)?.calledSeq !== undefined;
  if (reader === undefined || (seq <= reader.readSeq && !isCalled)) return [reply(answer)];
  return [
    persist({ type: "readMarked", member: turn.from, seq, thread: root }),
    ...told(turn, { type: "roomRead", room: turn.key, seq, thread: root }),
    reply(answer),
  ];
}

function unmarkThread(room: Room, root: number, seq: number, turn: Turn): Effects {
  const reader = room.threads?.find((thread) => thread.root === root)?.readers[turn.from];
  if (reader === undefined)
    return [refuse("NOT_FOUND", { thread: root, reason: "you do not follow it, or nobody has written in it lately" })];
  const answer: RoomRead = { ...unreadFor(room, turn.from), readSeq: Math.min(seq, reader.readSeq), thread: root };
  if (seq >= reader.readSeq) return [reply(answer)];
  const change = { type: "readMarked", member: turn.from, seq, thread: root, back: true } as const;
  const { own } =
    threadsFor(evolveMarked(room, change).threads, turn.from).find((thread) => thread.root === root) ?? {};
  return [
    persist(change),
    ...told(turn, { type: "roomRead", room: turn.key, seq, thread: root, ...(own && { own }) }),
    reply(answer),
  ];
}

/** Follows a thread or mutes it, for the sender alone. Errors: NOT_FOUND, LIMIT_REACHED. */
function followThread(room: Room, { seq, follow }: Extract<Command, { type: "followThread" }>, turn: Turn): Effects {
  const thread = room.threads?.find(({ root }) => root === seq);
  if (thread === undefined)
    return [refuse("NOT_FOUND", { seq, reason: "nobody has answered this message, or not lately" })];
  const reader = thread.readers[turn.from];
  const follows = reader !== undefined && reader.muted !== true;
  if (follows === follow) return [reply({})];
  if (follow && !hasPlace(thread, turn.from)) return [refuse("LIMIT_REACHED", { limit: "threadReadersMax" })];
  return [
    persist({ type: "readMarked", member: turn.from, seq: thread.last.seq, thread: seq, follow }),
    ...told(turn, { type: "threadFollowed", room: turn.key, thread: seq, follow }),
    reply({}),
  ];
}

const told = (turn: Turn, message: { readonly type: string; readonly [field: string]: unknown }): Effects =>
  turn.from.startsWith("user/") ? [{ type: "tell", to: turn.from as ActorId, message }] : [];

/** Moves a marker, when it is known how many messages it passes that do not count. */
function move(room: Room, member: Sender, seq: number, turn: Turn): Effects {
  const was = entryOf(room.members, member)?.readSeq ?? 0;
  // What comes behind it is in memory.
  if (seq >= recentFrom(room) - 1) return moved(room, { type: "readMarked", member, seq }, turn);
  const tag: CountTag = {
    type: "count",
    member,
    was,
    seq,
    own: 0,
    quiet: 0,
    next: Math.max(was, seq),
    to: turn.replyTo,
  };
  return [readOn(tag)];
}

const readOn = (tag: CountTag): Effects[number] => {
  const range = { from: messageKey(Math.min(tag.was, tag.seq) + 1), to: messageKey(tag.next + 1) };
  return { type: "read", range: { ...range, limit: limits.countedAtOnce, reverse: true }, tag };
};

/** The records of a stretch arrived. Whether a message counts never changes, so what was counted holds. */
export function counted(room: Room, tag: CountTag, records: readonly ActorRecord[], here: Turn): Effects {
  const turn: Turn = { ...here, from: tag.member, ...(tag.to && { replyTo: tag.to }) };
  const member = entryOf(room.members, tag.member);
  if (member === undefined) return [refuse("NOT_A_MEMBER", undefined, tag.to)];
  // Somebody else, on another device, was faster.
  if (member.readSeq !== tag.was) return [reply(unreadFor(room, tag.member), tag.to)];
  const messages = records.map(({ value }) => value as RoomMessage);
  const quiet = tag.quiet + messages.filter(({ threadOnly }) => threadOnly === true).length;
  const own = tag.own + messages.filter((message) => isOwn(message, tag.member)).length;
  const first = Math.min(tag.was, tag.seq) + 1;
  const reached = messages.at(-1)?.seq ?? first;
  const next = reached - 1;
  const far = Math.max(tag.was, tag.seq) - next;
  if (messages.length > 0 && reached > first && far < limits.countedMax) return [readOn({ ...tag, quiet, own, next })];
  // What was not counted is taken for what does not count: rather too few are unread than too many.
  const rest = Math.max(0, reached - first);
  const back = tag.seq < tag.was;
  const change = {
    own: back ? member.own + own + rest : member.own - own,
    quiet: (member.quiet ?? 0) + (back ? -quiet : quiet),
  };
  return moved(room, { type: "readMarked", member: tag.member, seq: tag.seq, ...change }, turn);
}

function moved(room: Room, change: Extract<RoomChange, { type: "readMarked" }>, turn: Turn): Effects {
  const unread: RoomUnread = unreadFor(evolveMarked(room, change), change.member);
  return [
    persist(change),
    ...told(turn, { type: "roomRead", room: turn.key, seq: change.seq, unread }),
    reply(unread, turn.replyTo),
  ];
}

/** What a reader has read. */
export const unreadHandlers = {
  markRead,
  followThread,
  markUnread,
} satisfies Partial<MemberHandlers>;
