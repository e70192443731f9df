/** What people do with topics: list them, move messages, rename, resolve, follow and mute.
 *
 *      moveTopic ──► read some of what is to move ──► topicMoved (their messages) ──► read on … ──► answer
 *
 *      moveTopic ──► … ──► topicMoved, and in the same append how far it is ──► the node dies ──► recovered: read on …
 *
 *  A move goes on in stretches, each one event. With the first of several the room owes the rest: a node that takes it
 *  over moves that without being asked. The end of a move is in an append, too, also where the mover may not go on. */
import {
  finder,
  generalTopic,
  topicKey,
  topicText,
  wireLimits,
  type MessageOf,
  type RoomMessage,
  type RoomTopic,
  type RoomTopics,
  type TopicMoved,
  type TopicInterest,
  type roomCommands,
} from "../../protocols/index.ts";
import {
  note,
  persist,
  refuse,
  reply,
  type ActorRecord,
  type Effect,
  type ReplyTo,
  type Sender,
  type Turn,
} from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { firstPage } from "../page.ts";
import { eventEffects, type Effects, type MemberHandlers } from "./effects.ts";
import { firstTopics, isSameTopic, topicNamed, topicsBy, withInterest } from "./kept-topics.ts";
import { entryOf, hasByRank } from "./members.ts";
import { refuseMuted } from "./muted.ts";
import { refuseArchived, refusePost } from "./rules.ts";
import type { BegunMove, KeptTopic, Moving, Room, RoomChange, RoomNotes } from "./shape.ts";
import {
  isUnreadFor,
  messageInMemory,
  messageKey,
  owedMove,
  recentFrom,
  threadKey,
  topicRecordKey,
  unreadFor,
} from "./state.ts";
import { readTopic } from "./topic-read.ts";
import { tellRead } from "./unread.ts";

type Of<Name extends keyof typeof roomCommands> = MessageOf<typeof roomCommands, Name>;

/** A move of a message that is known. */
export type Move = Of<"moveTopic"> & { readonly seq: number };

const movingIn = (room: Room, { notes }: Turn): Moving | undefined => (notes as RoomNotes).moving ?? owedMove(room);

/** The name under which a message is posted into a topic: as it is called already, or is being called now. */
export function topicFor(room: Room, name: string, turn: Turn): string {
  const moving = movingIn(room, turn);
  // Until the first of it has moved, the rename may still be refused.
  const isRenamed = moving?.what === "all" && moving.moved > 0 && isSameTopic(moving.from, name);
  return (isRenamed ? moving.to : undefined) ?? topicNamed(room, name)?.name ?? topicText(name);
}

/** The topic of what names none. */
export const topicOfNone = ({ topicsNeeded }: Room): string | undefined =>
  topicsNeeded === true ? generalTopic : undefined;

/** Why no message goes to a topic of that name; undefined: it may. */
export function refuseTopic(room: Room, name: string | undefined, turn: Turn): Effects | undefined {
  if (name === undefined || topicNamed(room, name) !== undefined) return undefined;
  // Some letters become two in the form that is kept.
  if (topicText(name).length > wireLimits.messageTopicCharsMax)
    return [refuse("BAD_REQUEST", { path: "/topic", problem: "it is too long once it is normalized" }, turn.replyTo)];
  if ((room.topics?.size ?? 0) >= limits.roomTopicsMax)
    return [refuse("LIMIT_REACHED", { limit: "roomTopicsMax" }, turn.replyTo)];
  return moderatesIn(room, turn) || topicsBy(room, turn.from) < limits.roomTopicsPerMemberMax
    ? undefined
    : [refuse("LIMIT_REACHED", { limit: "roomTopicsPerMemberMax" }, turn.replyTo)];
}

const moderatesIn = (room: Room, { from }: Turn): boolean =>
  room.visibility === "direct" || hasByRank(room, from, "room.delete");

/** Why somebody changes nothing of topics: who may not post here does not. */
const refuseChange = (room: Room, turn: Turn): Effects | undefined =>
  refuseArchived(room, turn) ??
  refuseMuted(room, turn) ??
  (moderatesIn(room, turn) ? undefined : refusePost(room, { isLine: true }, turn));

// --- moving ----------------------------------------------------------------------------------------------------------

/** Tag of a read of messages that are to go to another topic. */
export interface MoveTag extends Moving {
  readonly type: "move";
  readonly first: number;
  readonly next: number;
  /** The room's newest message when this was read. */
  readonly end: number;
  /** The thread's first message is the mover's own. */
  readonly isOwn: boolean;
  readonly changes: number;
  readonly by: Sender;
  readonly asker: ReplyTo | undefined;
}

/** Moves all of a topic, or goes to the message that is named. */
export function moveTopic(room: Room, command: Of<"moveTopic">, turn: Turn, toMessage: (seq: number) => Effects) {
  if (command.seq !== undefined) return toMessage(command.seq);
  const { topic, into: to = topicOfNone(room) } = command;
  if (topic === undefined)
    return [refuse("BAD_REQUEST", { field: "seq", reason: "a message or a topic must be named" })];
  const known = topicNamed(room, topic);
  const closed = refuseChange(room, turn);
  if (closed !== undefined) return closed;
  // It has the other name by now: somebody else was faster, or it is asked again.
  if (known === undefined && to !== undefined && topicNamed(room, to) !== undefined)
    return [reply({ moved: 0, topic: topicFor(room, to, turn) } satisfies TopicMoved)];
  if (known === undefined) return [refuse("NOT_FOUND", { topic })];
  return begin(room, { what: "all", first: 0, from: known.name, ...(to !== undefined && { to }) }, false, turn);
}

/** Moves a message with its thread, or with all later ones of its topic. */
export function moveMessage(room: Room, command: Move, message: RoomMessage, turn: Turn): Effects {
  const { into: to = topicOfNone(room), later = false, topic: seen } = command;
  const { seq, topic: from, author, deletedAtMs, replies } = message;
  if (deletedAtMs !== undefined) return [refuse("NOT_FOUND", { seq }, turn.replyTo)];
  const isOwn = author === turn.from;
  if (!isOwn && !moderatesIn(room, turn)) return refuseOthers(turn);
  const closed = refuseChange(room, turn);
  if (closed !== undefined) return closed;
  if (to !== undefined && from !== undefined && isSameTopic(from, to))
    return [reply({ moved: 0, topic: from } satisfies TopicMoved, turn.replyTo)];
  if (seen !== undefined && !isSameTopic(seen, from))
    return [refuse("CHANGED_MEANWHILE", { seq, now: from ?? "" }, turn.replyTo)];
  if ((replies?.count ?? 0) > limits.topicMovedByAuthorMax && !moderatesIn(room, turn))
    return refuseMany("topicMovedByAuthorMax", turn);
  const named = { first: seq, ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  return begin(room, { what: later ? "later" : "thread", ...named }, isOwn, turn);
}

const refuseOthers = (turn: Turn): Effects => [
  refuse("FORBIDDEN", { reason: "only moderators can move what others have written" }, turn.replyTo),
];

const refuseMany = (limit: string, turn: Turn): Effects => [
  refuse("LIMIT_REACHED", { limit, reason: "a moderator can move more" }, turn.replyTo),
];

function begin(room: Room, move: Pick<MoveTag, "what" | "first" | "from" | "to">, isOwn: boolean, turn: Turn): Effects {
  const refusal = refuseTopic(room, move.to, turn);
  if (refusal !== undefined) return refusal;
  const { to: wanted, from } = move;
  const isCase = from !== undefined && wanted !== undefined && isSameTopic(from, wanted);
  const to = wanted === undefined ? undefined : isCase ? topicText(wanted) : topicFor(room, wanted, turn);
  if (to === from)
    return [reply({ moved: 0, ...(to !== undefined && { topic: to }) } satisfies TopicMoved, turn.replyTo)];
  // Two at a time would part what belongs together.
  if (movingIn(room, turn) !== undefined)
    return [refuse("OVERLOADED", { reason: "other messages are on their way to a topic" }, turn.replyTo)];
  return readOn(room, {
    type: "move",
    ...move,
    ...(to !== undefined && { to }),
    next: move.first,
    end: room.messageSeq,
    moved: 0,
    isOwn,
    changes: room.changes,
    by: turn.from,
    asker: turn.replyTo,
  });
}

function readOn(room: Room, tag: MoveTag): Effects {
  const { what, from, first, next } = tag;
  const keyOf = (seq: number): string => {
    if (what === "thread") return threadKey(first, seq);
    return from === undefined ? messageKey(seq) : topicRecordKey(from, seq);
  };
  const range = { from: keyOf(next), to: keyOf(room.messageSeq + 1), limit: limits.topicMovedAtOnce };
  const now: MoveTag = { ...tag, end: room.messageSeq, changes: room.changes };
  return what === "thread" || from === undefined ? [{ type: "read", range, tag: now }] : readTopic(room, range, now);
}

/** What of a stretch is to go: what answers a message that stays, stays with it. What is deleted gets no topic. */
const goes = ({ what, from, first }: MoveTag, { seq, topic, replyTo, deletedAtMs }: RoomMessage): boolean =>
  isSameTopic(topic, from) &&
  (topic !== undefined || deletedAtMs === undefined) &&
  (what !== "later" || (replyTo ?? seq) >= first);

/** A stretch of what is to move arrived. */
export function moved(room: Room, tag: MoveTag, records: readonly ActorRecord[], here: Turn): Effects {
  const turn: Turn = { ...here, from: tag.by, ...(tag.asker && { replyTo: tag.asker }) };
  if (entryOf(room.members, tag.by) === undefined) return [refuse("NOT_A_MEMBER", undefined, tag.asker)];
  const closed = refuseArchived(room, turn) ?? refuseMuted(room, turn);
  if (closed !== undefined) return closed;
  if (room.changes - tag.changes > limits.roomChangedMessages)
    return readOn(room, tag.moved === 0 ? { ...tag, next: tag.first } : tag);
  const read = records.map(({ value }) => value as RoomMessage);
  // The first of a thread stands in it only once it was answered.
  const root = tag.what === "thread" && tag.next === tag.first ? messageInMemory(room, tag.first) : undefined;
  const all = root !== undefined && read[0]?.seq !== root.seq ? [root, ...read] : read;
  return all.length === 0 && tag.what === "thread" && tag.next === tag.first
    ? readRoot(room, tag)
    : stretch(room, tag, { all, isEnd: records.length < limits.topicMovedAtOnce }, turn);
}

const readRoot = (room: Room, tag: MoveTag): Effects => [
  {
    type: "read",
    range: { from: messageKey(tag.first), to: messageKey(tag.first + 1), limit: 1 },
    tag: { ...tag, next: tag.first + 1, changes: room.changes } satisfies MoveTag,
  },
];

interface Stretch {
  readonly all: readonly RoomMessage[];
  /** Nothing behind it was there when it was read. */
  readonly isEnd: boolean;
}

function stretch(room: Room, tag: MoveTag, { all, isEnd }: Stretch, turn: Turn): Effects {
  const { from, what } = tag;
  const to = nameNow(room, tag);
  const known = all.map((message) => messageInMemory(room, message.seq) ?? message);
  const fitting = known.filter((message) => goes(tag, message));
  const page = firstPage(fitting, limits.topicMovedAtOnce, limits.topicMovedBytes);
  const isWhole = page.length === fitting.length;
  const isNewer = room.messageSeq > tag.end;
  // Of others' messages an author moves none, and whether there are some is to be known.
  if (isEnd && isNewer && what !== "thread" && !moderatesIn(room, turn)) return readOn(room, tag);
  const refusal = refuseMove(room, tag, fitting, isEnd && isWhole, turn);
  if (refusal !== undefined) return refusal;
  const messages = page.map(({ topic: _topic, ...rest }): RoomMessage =>
    to === undefined ? rest : { ...rest, topic: to },
  );
  const event = { type: "topicMoved", ...(from !== undefined && { from }), ...(to !== undefined && { to }) } as const;
  const events =
    messages.length === 0 ? [] : [{ ...event, messages, ...becomes(room, tag, messages.length), by: tag.by }];
  const count = tag.moved + messages.length;
  const effects = eventEffects(room, turn, events);
  // What was written while this was read goes along.
  if ((isEnd && isWhole && !isNewer) || count >= limits.topicMovedMax)
    return [
      ...effects,
      reply({ moved: count, ...(to !== undefined && { topic: to }) } satisfies TopicMoved, turn.replyTo),
    ];
  const last = isEnd && isWhole ? tag.end : ((isWhole ? all : page).at(-1)?.seq ?? tag.next);
  return [...effects, ...readOn(room, { ...tag, ...(to !== undefined && { to }), moved: count, next: last + 1 })];
}

/** The name to which it goes: somebody may have begun a topic of that name meanwhile. */
const nameNow = (room: Room, { from, to }: MoveTag): string | undefined =>
  to === undefined || isSameTopic(from, to) ? to : (topicNamed(room, to)?.name ?? to);

/** What keeps somebody from moving these, who may be no moderator any more. */
function refuseMove(
  room: Room,
  { what, isOwn, by }: MoveTag,
  fitting: readonly RoomMessage[],
  isAll: boolean,
  turn: Turn,
): Effects | undefined {
  if (moderatesIn(room, turn)) return undefined;
  if (what === "thread") return isOwn ? undefined : refuseOthers(turn);
  if (fitting.some(({ author }) => author !== by)) return refuseOthers(turn);
  // All or nothing: what others write meanwhile is not theirs to move.
  return isAll ? undefined : refuseMany("topicMovedAtOnce", turn);
}

/** What becomes of the topic from which so many messages go. */
function becomes(room: Room, { from, to, what, moved: before }: MoveTag, count: number) {
  const left = from === undefined ? undefined : topicNamed(room, from);
  if (left === undefined) return {};
  const isSame = isSameTopic(from, to);
  const isRenamed =
    what === "all" && before === 0 && to !== undefined && (isSame || topicNamed(room, to) === undefined);
  const isGone = !isSame && left.count <= count;
  return { ...(isRenamed && { renamed: true as const }), ...(isGone && { gone: true as const }) };
}

const moveOf = (tag: unknown): MoveTag | undefined => {
  const { type, wanted } = (tag ?? {}) as { readonly type?: unknown; readonly wanted?: unknown };
  if (type === "fetch") return moveOf(wanted);
  return type === "move" ? (tag as MoveTag) : undefined;
};

type Noted = readonly Effect<RoomChange, Partial<RoomNotes>>[];

/** Notes which messages are on their way to another topic, and that they have come. What has begun to move is a fact
 *  until it is over. */
export function withMoves(
  room: Room,
  effects: Noted,
  message: { readonly type: string; readonly tag?: unknown },
): Noted {
  const next = effects.map((effect) => (effect.type === "read" ? moveOf(effect.tag) : undefined)).find(Boolean);
  const before = message.type === "records" ? moveOf(message.tag) : undefined;
  if (next === undefined && before === undefined) return effects;
  if (next === undefined)
    return [...effects, ...(room.moving === undefined ? [] : [owing(null)]), note({ moving: null })];
  const { what, from, to, moved: count, first, next: reached, isOwn, by } = next;
  const moving: Moving = { what, moved: count, ...(from !== undefined && { from }), ...(to !== undefined && { to }) };
  const isFurther = effects.some(({ type }) => type === "persist");
  return [...effects, ...(isFurther ? [owing({ ...moving, first, next: reached, isOwn, by })] : []), note({ moving })];
}

const owing = (moving: BegunMove | null) => persist({ type: "readMarked", member: "", seq: 0, moving } as const);

/** Goes on with a move that a node before this one has begun. Nobody waits for its answer any more. */
export function recoverMove(room: Room): Effects {
  const owed = owedMove(room);
  if (owed === undefined) return [];
  const { head: _head, ...move } = owed;
  return readOn(room, { type: "move", ...move, end: room.messageSeq, changes: room.changes, asker: undefined });
}

// --- what is set of one ----------------------------------------------------------------------------------------------

function resolveTopic(room: Room, { topic, resolved }: Of<"resolveTopic">, turn: Turn): Effects {
  const known = topicNamed(room, topic);
  if (known === undefined) return [refuse("NOT_FOUND", { topic })];
  const closed = refuseChange(room, turn);
  if (closed !== undefined) return closed;
  if ((known.resolved === true) === resolved) return [reply({})];
  const event = { type: "topicResolved", topic: known.name, resolved, by: turn.from } as const;
  return [...eventEffects(room, turn, [event]), reply({})];
}

function followTopic(room: Room, { topic, interest }: Of<"followTopic">, turn: Turn): Effects {
  const known = topicNamed(room, topic);
  const member = entryOf(room.members, turn.from);
  if (known === undefined || member === undefined) return [refuse("NOT_FOUND", { topic })];
  const now = interest === "none" ? undefined : interest;
  if (known.readers?.[turn.from] === now) return [reply({})];
  const isNew = now !== undefined && known.readers?.[turn.from] === undefined;
  if (isNew && Object.keys(member.topics ?? {}).length >= wireLimits.topicInterestsMax)
    return [refuse("LIMIT_REACHED", { limit: "topicInterestsMax" })];
  const change = {
    type: "readMarked",
    member: "",
    seq: 0,
    interest: { member: turn.from, topic, interest: now ?? "none" },
  } as const;
  const after = withInterest(room, turn.from, topic, now);
  return [persist(change), ...tellRead(after, turn), reply({})];
}

// --- the list --------------------------------------------------------------------------------------------------------

/** Tag of the read that counts what is unread in topics. */
export interface TopicsTag {
  readonly type: "topics";
  readonly command: Of<"topics">;
  readonly next: number;
  readonly scanned: number;
  readonly counts: Readonly<Record<string, number>>;
  readonly by: Sender;
  readonly asker: ReplyTo | undefined;
}

const listTopics = (room: Room, command: Of<"topics">, turn: Turn): Effects =>
  countOn(room, {
    type: "topics",
    command,
    next: (entryOf(room.members, turn.from)?.readSeq ?? room.messageSeq) + 1,
    scanned: 0,
    counts: {},
    by: turn.from,
    asker: turn.replyTo,
  });

function countOn(room: Room, tag: TopicsTag): Effects {
  const oldest = recentFrom(room);
  if (tag.next >= oldest || tag.scanned >= limits.topicsCountedMax) return listed(room, tag);
  const range = { from: messageKey(tag.next), to: messageKey(oldest), limit: limits.countedAtOnce };
  return [{ type: "read", range, tag }];
}

/** Records of unread messages arrived. */
export function topicsCounted(room: Room, tag: TopicsTag, records: readonly ActorRecord[]): Effects {
  const read = records.map(({ value }) => value as RoomMessage);
  const last = read.at(-1)?.seq ?? recentFrom(room) - 1;
  const now = read.map((message) => messageInMemory(room, message.seq) ?? message);
  const counts = countedIn(room, tag, now);
  return countOn(room, { ...tag, counts, scanned: tag.scanned + read.length, next: last + 1 });
}

/** What is unread of these messages, by the keys of their topics; without one it is "". */
function countedIn(room: Room, { by, counts }: TopicsTag, messages: readonly RoomMessage[]) {
  const member = entryOf(room.members, by);
  const now = new Map(Object.entries(counts));
  for (const message of messages) {
    if (member === undefined || !isUnreadFor(member, message, by)) continue;
    const key = message.topic === undefined ? "" : topicKey(message.topic);
    now.set(key, (now.get(key) ?? 0) + 1);
  }
  return Object.fromEntries(now);
}

function listed(room: Room, tag: TopicsTag): Effects {
  const { before = Infinity, after, find = "", limit = wireLimits.pageEntriesDefault } = tag.command;
  const last = after === undefined ? undefined : topicKey(after);
  const isBehind = ({ name, lastSeq }: KeptTopic): boolean =>
    lastSeq < before || (lastSeq === before && last !== undefined && topicKey(name) > last);
  const counts = countedIn(
    room,
    tag,
    room.recent.filter(({ seq }) => seq >= tag.next),
  );
  const isFound = finder(find);
  const fits = (topic: KeptTopic): boolean => topic.count > 0 && isBehind(topic) && isFound(topic.name);
  const fitting = firstTopics(room, limit + 1, fits);
  const topics = fitting.slice(0, limit).map((topic) => shown(topic, counts, tag.by));
  const unread = unreadFor(room, tag.by);
  const counted = Object.values(counts).reduce((sum, one) => sum + one, 0);
  const answer: RoomTopics = {
    topics,
    more: fitting.length > limit,
    without: ownOf(counts, ""),
    ...(unread.unread > counted && { uncounted: unread.unread - counted }),
    unread,
  };
  return [reply(answer, tag.asker)];
}

const ownOf = (counts: TopicsTag["counts"], key: string): number =>
  Object.hasOwn(counts, key) ? (counts[key] ?? 0) : 0;

function shown(topic: KeptTopic, counts: TopicsTag["counts"], asker: string): RoomTopic {
  const { name, count, lastSeq, lastAtMs, resolved, readers } = topic;
  const interest: TopicInterest | undefined = readers?.[asker];
  return {
    topic: name,
    count,
    lastSeq,
    lastAtMs,
    ...(resolved && { resolved }),
    unread: ownOf(counts, topicKey(name)),
    ...(interest && { interest }),
  };
}

/** What members do with topics. */
export const topicHandlers = {
  topics: listTopics,
  resolveTopic,
  followTopic,
} satisfies Partial<MemberHandlers>;
