/** What members read: pages of history, events of before. */
import {
  mutesAt,
  wireLimits,
  type CommandOf,
  type RoomEvent,
  type RoomHistory,
  type RoomMessage,
  type RoomMute,
  type RoomThreads,
  type roomCommands,
} from "../../protocols/index.ts";
import { refuse, reply, type ActorRecord, type ReplyTo, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { firstPage } from "../page.ts";
import { resume } from "../stream.ts";
import { signalsOf } from "./answering.ts";
import type { Effects, MemberHandlers } from "./effects.ts";
import {
  asShown,
  emptied,
  messageInMemory,
  messageKey,
  recentFrom,
  snapshotOf,
  summaryOf,
  threadKey,
  topicRecordKey,
  unreadFor,
} from "./state.ts";
import type { Room } from "./shape.ts";
import { threadsFor } from "./threads.ts";
import { readTopic } from "./topic-read.ts";

type Command = CommandOf<typeof roomCommands>;
type History = Extract<Command, { type: "history" }>;

/** A stretch of positions, read from one of its ends. */
interface Stretch {
  readonly reverse: boolean;
  readonly from: number;
  /** Not included. */
  readonly to: number;
  readonly limit: number;
}

/** Tag of the read behind a page of history. */
export interface HistoryTag extends Stretch {
  readonly type: "history";
  readonly thread: number | undefined;
  readonly topic?: string;
  readonly roomOnly: boolean;
  /** What was found of the page, in the order of reading, and how many records were looked at for it. */
  readonly found: readonly RoomMessage[];
  readonly scanned: number;
  /** The root to look for when the thread has no records: nobody has answered it. */
  readonly root: number | undefined;
  /** Of a page around a message: its older half, once that is there, and the stretch that follows. */
  readonly older?: RoomHistory;
  readonly next?: Stretch;
  readonly asker: ReplyTo | undefined;
}

/** A page of messages: around one, forward from `after`, else backward from `before` or the end; always answered oldest
 *  first. */
export function history(room: Room, command: History, turn: Turn): Effects {
  const { thread, topic, around } = command;
  if (thread !== undefined && topic !== undefined)
    return [refuse("BAD_REQUEST", { field: "topic", reason: "topic cannot be combined with thread" })];
  if (around !== undefined && (command.before ?? command.after) !== undefined)
    return [refuse("BAD_REQUEST", { field: "around", reason: "around cannot be combined with before or after" })];
  const limit = command.limit ?? wireLimits.pageEntriesDefault;
  const from = (command.after ?? 0) + 1;
  const end = room.messageSeq + 1;
  const to = Math.min(command.before ?? Infinity, end);
  const roomOnly = command.roomOnly === true;
  const rest = { type: "history", thread, ...(topic && { topic }), roomOnly, found: [], scanned: 0 } as const;
  const inThread = (seq: number, { from: first, to: last }: Pick<Stretch, "from" | "to">) =>
    seq >= first && seq < last ? seq : undefined;
  if (around !== undefined) {
    const place = Math.min(Math.max(1, around), end);
    const half = Math.floor(limit / 2);
    const next = { reverse: false, from: place, to: end, limit: limit - half };
    const older = { reverse: true, from: 1, to: place, limit: half };
    const root = thread && inThread(thread, older);
    return readOn(room, { ...rest, ...older, root, next, asker: turn.replyTo });
  }
  const stretch = { reverse: command.after === undefined, from, to, limit };
  return readOn(room, { ...rest, ...stretch, root: thread && inThread(thread, stretch), asker: turn.replyTo });
}

/** Goes on with a page: what is in memory needs no disk, and most pages are the newest. */
function readOn(room: Room, tag: HistoryTag): Effects {
  const { from, to, reverse, limit, thread, topic, roomOnly, found } = tag;
  if (from >= to) return onward(room, tag, false);
  const oldest = recentFrom(room);
  if (thread === undefined && topic === undefined && (reverse ? to > oldest : from >= oldest)) {
    const inMemory = room.recent.slice(Math.max(from, oldest) - oldest, to - oldest).map(asShown);
    const fitting = roomOnly ? inMemory.filter(isLine) : inMemory;
    const grown = { ...tag, found: [...found, ...(reverse ? fitting.toReversed() : fitting)] };
    const isWhole = !reverse || from >= oldest;
    // Where all count, it is known without a look at them that there are more.
    if (isWhole || grown.found.length > limit || (!roomOnly && grown.found.length === limit))
      return onward(room, grown, !isWhole);
    return readOn(room, { ...grown, to: oldest });
  }
  const keyOf = (seq: number): string => {
    if (topic !== undefined) return topicRecordKey(topic, seq);
    return thread === undefined ? messageKey(seq) : threadKey(thread, seq);
  };
  const range = { from: keyOf(from), to: keyOf(to), limit: wantedOf(tag), reverse };
  return topic === undefined ? [{ type: "read", range, tag }] : readTopic(room, range, tag);
}

/** One more than is missing says that there is more; where not all fit, as many as are looked at together. */
const wantedOf = ({ roomOnly, limit, found }: HistoryTag): number =>
  roomOnly ? limits.countedAtOnce : limit + 1 - found.length;

const isLine = ({ threadOnly }: RoomMessage): boolean => threadOnly !== true;

/** Records arrived. */
export function historyPage(room: Room, tag: HistoryTag, records: readonly ActorRecord[]): Effects {
  const { root, found, roomOnly, reverse } = tag;
  if (records.length === 0 && found.length === 0 && root !== undefined) {
    const known = messageInMemory(room, root);
    if (known !== undefined) return onward(room, { ...tag, found: [asShown(known)] }, false);
    const range = { from: messageKey(root), to: messageKey(root + 1), limit: 1 };
    return [{ type: "read", range, tag: { ...tag, root: undefined } satisfies HistoryTag }];
  }
  const read = records.map(({ value }) => asShown(value as RoomMessage));
  const grown = {
    ...tag,
    found: [...found, ...(roomOnly ? read.filter(isLine) : read)],
    scanned: tag.scanned + read.length,
  };
  const last = read.at(-1);
  const isEnd = last === undefined || records.length < wantedOf(tag);
  if (isEnd || !roomOnly || grown.found.length > tag.limit) return onward(room, grown, false);
  // The reader goes on behind the last that was looked at, wherever that is shown.
  if (grown.scanned >= limits.historyScannedMax) return onward(room, { ...grown, found: [...grown.found, last] }, true);
  return readOn(room, { ...grown, ...(reverse ? { to: last.seq } : { from: last.seq + 1 }) });
}

/** Answers with what was found, or goes on with the other half of a page around a message. */
function onward(room: Room, tag: HistoryTag, hasMore: boolean): Effects {
  const { found, limit, reverse, older, next, thread } = tag;
  const isHalf = older !== undefined || next !== undefined;
  const page = firstPage(found, limit, isHalf ? wireLimits.pageBytesMax / 2 : undefined);
  const half: RoomHistory = {
    messages: reverse ? page.toReversed() : page,
    more: hasMore || page.length < found.length,
  };
  if (next !== undefined) {
    const { next: _, ...rest } = tag;
    const root = thread !== undefined && thread >= next.from ? thread : undefined;
    return readOn(room, { ...rest, ...next, older: half, found: [], scanned: 0, root });
  }
  const whole = older && { messages: [...older.messages, ...half.messages], more: older.more, newer: half.more };
  return [reply(whole ?? half, tag.asker)];
}

/** Shows old events without the texts that were deleted since, and their reactions in the form of today. */
export function eventsShown(room: Room, { nowMs }: Pick<Turn, "nowMs">): (event: unknown) => unknown {
  const held = mutesAt(room.mutes, nowMs);
  const deletedAtMs = new Map(room.deletions.map(({ seq, atMs }) => [seq, atMs]));
  const shown = (message: RoomMessage): RoomMessage => {
    const atMs = deletedAtMs.get(message.seq);
    return atMs === undefined ? asShown(message) : emptied(message, atMs);
  };
  return (stored) => {
    const event = stored as RoomEvent;
    if ("messages" in event) {
      const root = event.type === "restored" && event.root !== undefined ? { root: shown(event.root) } : {};
      return { ...event, messages: event.messages.map(shown), ...root };
    }
    // Why somebody was muted is not told again once it is over.
    if (event.type === "muted") return held.some((mute) => isSame(mute, event)) ? event : bare(event);
    if (!("message" in event)) return event;
    const root = event.type === "posted" && event.root !== undefined ? { root: shown(event.root) } : {};
    return { ...event, message: shown(event.message), ...root };
  };
}

type Muted = Extract<RoomEvent, { type: "muted" }>;

const isSame = (mute: RoomMute, { member, atMs, by }: Muted): boolean =>
  mute.member === member && mute.atMs === atMs && mute.by === by;

const bare = ({ reason: _reason, ...event }: Muted): RoomEvent => event;

/** What members read. */
export const readingHandlers = {
  summary: (room, _command, turn) => [reply(summaryOf(room, turn.key, turn.from))],
  history,
  threads: (room, _command, turn) => [
    reply({ threads: threadsFor(room.threads, turn.from), unread: unreadFor(room, turn.from) } satisfies RoomThreads),
  ],
  resume: (room, { after }, turn) =>
    resume(
      { head: room.head, floor: room.eventsFrom ?? 0 },
      after,
      turn,
      () => snapshotOf(room, turn.from, turn),
      signalsOf(room, turn.notes, turn.nowMs),
    ),
} satisfies Partial<MemberHandlers>;
