/** What a room knows of its topics.
 *
 *      message.topic "Release 5"  ──►  topics: release 5 → { name, count, lastSeq, … }      one entry for each topic
 *                                 ──►  record topic/release%205/…seq                          each message of it
 *
 *  Messages have the name, so whatever reads a message knows it. Names that differ in case only are one topic, which
 *  has the name of the index. What somebody has read of a topic is no matter of the topic: `Member.seen` names the
 *  messages, so moving and renaming change nothing of what is unread.
 *
 *  Invariant: `count` is the number of messages that have the topic; deleted ones have none. */
import {
  afterMuted,
  isReadByMute,
  topicKey,
  wireLimits,
  type RoomEvent,
  type RoomMessage,
  type TopicInterest,
} from "../../protocols/index.ts";
import {
  allEntries,
  emptyTable,
  entryOf,
  unreadOf,
  withEntry,
  withoutEntry,
  type Member,
  type MemberTable,
} from "./members.ts";
import type { Table } from "./members.ts";
import type { KeptTopic, LeftTopic, Room } from "./shape.ts";

type Topics = Table<KeptTopic>;
/** Names in tables contain a slash. */
const at = (key: string): string => `topic/${key}`;

/** The topic of that name, whatever its case. */
export const topicNamed = ({ topics }: Pick<Room, "topics">, name: string): KeptTopic | undefined =>
  topics && entryOf(topics, at(topicKey(name)));

/** How many topics somebody began. */
export const topicsBy = ({ topics }: Room, member: string): number =>
  topics === undefined ? 0 : allEntries(topics).filter(([, { by }]) => by === member).length;

/** Of two topics the one that is listed first: where something was said last; of two that one message was in last, by
 *  their names. */
const isBefore = (one: KeptTopic, other: KeptTopic): boolean =>
  one.lastSeq !== other.lastSeq ? one.lastSeq > other.lastSeq : topicKey(one.name) < topicKey(other.name);

/** The first of the topics that fit, in order. One look at each of all there are, of which no more than these are ever
 *  held or compared. */
export function firstTopics(
  { topics }: Pick<Room, "topics">,
  count: number,
  fits: (topic: KeptTopic) => boolean,
): readonly KeptTopic[] {
  const first: KeptTopic[] = [];
  if (topics === undefined) return first;
  for (const [, topic] of allEntries(topics)) {
    const last = first.at(-1);
    if (first.length === count && (last === undefined || !isBefore(topic, last))) continue;
    if (!fits(topic)) continue;
    const place = first.findIndex((other) => isBefore(topic, other));
    first.splice(place < 0 ? first.length : place, 0, topic);
    if (first.length > count) first.pop();
  }
  return first;
}

/** Whether two messages' topics are one; none is one, too. */
export const isSameTopic = (one: string | undefined, other: string | undefined): boolean =>
  one === undefined || other === undefined ? one === other : topicKey(one) === topicKey(other);

/** The topics with one more message, or several; `settings`: what was set of it under another name, or a new one. */
function grown(topics: Topics, name: string, said: readonly RoomMessage[], settings: Partial<KeptTopic>): Topics {
  const key = at(topicKey(name));
  const before = entryOf(topics, key) ?? { name, count: 0, lastSeq: 0, lastAtMs: 0, ...settings };
  const last = said.reduce((one, other) => (other.seq > one.seq ? other : one), {
    seq: before.lastSeq,
    atMs: before.lastAtMs,
  });
  return withEntry(topics, key, {
    ...before,
    count: before.count + said.length,
    lastSeq: last.seq,
    lastAtMs: last.atMs,
  });
}

/** The room after messages came that have a topic: those who muted it have nothing to read of them. */
export function withSaid(room: Room, messages: readonly RoomMessage[]): Pick<Room, "topics" | "members"> {
  const { members } = room;
  const named = messages.filter(({ topic }) => topic !== undefined);
  if (named.length === 0) return { members, ...(room.topics && { topics: room.topics }) };
  const topics = named.reduce(
    (table, one) => grown(table, one.topic ?? "", [one], { by: one.author }),
    room.topics ?? emptyTable,
  );
  return { topics, members: named.reduce((table, one) => withMutersRead({ ...room, members: table }, one), members) };
}

function withMutersRead(room: Room, message: RoomMessage): MemberTable {
  const { topic = "", seq } = message;
  const readers = Object.entries(topicNamed(room, topic)?.readers ?? {});
  return readers.reduce((table, [principal, interest]) => {
    const member = entryOf(table, principal);
    if (member === undefined || interest !== "mute" || !isReadByMute(message, principal)) return table;
    const { seen, ...rest } = member;
    const now = afterMuted({ unread: unreadOf(room, member), ...(seen && { seen }) }, seq, wireLimits.topicReadMax);
    if (now === undefined) return table;
    const passed = { own: 0, ...(room.quiet !== undefined && { quiet: room.quiet }) };
    return withEntry(table, principal, "seen" in now ? { ...member, ...now } : { ...rest, ...now, ...passed });
  }, room.members);
}

type Moved = Extract<RoomEvent, { type: "topicMoved" }>;

/** The room after messages went from one topic to another. */
export function withMoved(room: Room, { from, to, messages, renamed, by }: Moved): Pick<Room, "topics" | "members"> {
  const { members, topics: before = emptyTable } = room;
  const left = from === undefined ? undefined : entryOf(before, at(topicKey(from)));
  if (from !== undefined && to !== undefined && isSameTopic(from, to)) {
    const topics = left && withEntry(before, at(topicKey(from)), { ...left, name: to });
    return { members, topics: topics ?? before };
  }
  const goes = renamed === true && left !== undefined && to !== undefined;
  const { readers, resolved, lastSeq, lastAtMs, by: first = by } = left ?? { lastSeq: 0, lastAtMs: 0 };
  const settings = goes
    ? { by: first, lastSeq, lastAtMs, ...(resolved && { resolved }), ...(readers && { readers }) }
    : { by };
  const added = to === undefined ? before : grown(before, to, messages, settings);
  if (from === undefined || left === undefined) return { members, topics: added };
  const count = left.count - messages.length;
  const { readers: _readers, ...others } = left;
  const topics =
    count > 0
      ? withEntry(added, at(topicKey(from)), { ...(goes ? others : left), count })
      : withoutEntry(added, at(topicKey(from)));
  const isOver = goes || count <= 0;
  return { topics, members: isOver ? movedInterests(members, left, from, goes ? to : undefined) : members };
}

/** The room after messages that had a topic were deleted: without a message there is none, but for those who follow or
 *  mute it. */
export function withoutDeleted(room: Room, left: readonly LeftTopic[] = []): Room {
  if (room.topics === undefined || left.length === 0) return room;
  const topics = left.reduce((table, { topic }) => {
    const known = entryOf(table, at(topicKey(topic)));
    return known === undefined ? table : kept(table, topic, { ...known, count: Math.max(0, known.count - 1) });
  }, room.topics);
  return { ...room, topics };
}

/** The topics with what is known of one, which goes when nothing is in it and nobody interests anything of it. */
const kept = (topics: Topics, name: string, topic: KeptTopic): Topics =>
  topic.count <= 0 && Object.keys(topic.readers ?? {}).length === 0
    ? withoutEntry(topics, at(topicKey(name)))
    : withEntry(topics, at(topicKey(name)), topic);

/** The topics of messages that are deleted. */
export function leftBy(messages: readonly RoomMessage[]): { readonly left?: readonly LeftTopic[] } {
  const left = messages.flatMap(({ seq, topic }) => (topic === undefined ? [] : [{ seq, topic }]));
  return left.length === 0 ? {} : { left };
}

/** The members, of whom those who follow or mute a topic do so under its other name, or no more. */
const movedInterests = (members: MemberTable, { readers = {} }: KeptTopic, from: string, to: string | undefined) =>
  Object.entries(readers).reduce((table, [principal, interest]) => {
    const member = entryOf(table, principal);
    if (member === undefined) return table;
    const { [topicKey(from)]: _gone, ...others } = member.topics ?? {};
    return withEntry(
      table,
      principal,
      withInterests(member, to === undefined ? others : { ...others, [topicKey(to)]: interest }),
    );
  }, members);

function withInterests(member: Member, topics: Readonly<Record<string, TopicInterest>>): Member {
  const { topics: _before, ...rest } = member;
  return Object.keys(topics).length === 0 ? rest : { ...rest, topics };
}

/** The topics after one was marked as resolved, or opened again. */
export function withResolved(room: Room, { topic, resolved }: Extract<RoomEvent, { type: "topicResolved" }>): Room {
  const known = topicNamed(room, topic);
  if (known === undefined || room.topics === undefined) return room;
  const { resolved: _, ...rest } = known;
  const next = resolved ? { ...rest, resolved } : rest;
  return { ...room, topics: withEntry(room.topics, at(topicKey(topic)), next as KeptTopic) };
}

/** The room after a member follows a topic, mutes it, or neither. */
export function withInterest(room: Room, principal: string, topic: string, interest: TopicInterest | undefined): Room {
  const known = topicNamed(room, topic);
  const member = entryOf(room.members, principal);
  if (known === undefined || member === undefined || room.topics === undefined) return room;
  const { [principal]: _reader, ...readers } = known.readers ?? {};
  const { [topicKey(topic)]: _interest, ...topics } = member.topics ?? {};
  const next = { ...known, readers: interest === undefined ? readers : { ...readers, [principal]: interest } };
  const interests = interest === undefined ? topics : { ...topics, [topicKey(topic)]: interest };
  return {
    ...room,
    topics: kept(room.topics, topic, next),
    members: withEntry(room.members, principal, withInterests(member, interests)),
  };
}

/** The topics without a member, who has left. */
export function withoutReaderOf(room: Room, principal: string): Pick<Room, "topics"> {
  const { topics: interests = {} } = entryOf(room.members, principal) ?? {};
  if (room.topics === undefined) return {};
  const topics = Object.keys(interests).reduce((table, key) => {
    const known = entryOf(table, at(key));
    if (known === undefined) return table;
    const { [principal]: _, ...readers } = known.readers ?? {};
    return kept(table, key, { ...known, readers });
  }, room.topics);
  return { topics };
}

/** What a member interests of topics, by the names that these have now. */
export function interestsOf(room: Room, { topics = {} }: Member): Readonly<Record<string, TopicInterest>> | undefined {
  const nameOf = (key: string): string => topicNamed(room, key)?.name ?? key;
  const named = Object.entries(topics).map(([key, interest]) => [nameOf(key), interest] as const);
  return named.length === 0 ? undefined : Object.fromEntries(named);
}
