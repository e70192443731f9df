/** What members read: pages of history, read markers. */
import {
  wireLimits,
  type CommandOf,
  type ActorId,
  type RoomEvent,
  type RoomHistory,
  type RoomMessage,
  type roomCommands,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type ActorRecord, type ReplyTo, type Turn } from "../behavior.ts";
import { firstPage, lastPage } from "../page.ts";
import { entryOf } from "./members.ts";
import type { Effects } from "./happening.ts";
import { asShown, emptied, messageInMemory, messageKey, threadKey, type Room } from "./state.ts";

type Command = CommandOf<typeof roomCommands>;
type History = Extract<Command, { type: "history" }>;

/** Tag of the read behind a page of history. */
export interface HistoryTag {
  readonly type: "history";
  readonly limit: number;
  readonly reverse: boolean;
  /** The root to look for when the thread has no records: nobody has answered it. */
  readonly root: number | undefined;
  readonly to: ReplyTo | undefined;
}

/** A page of messages: forward from `after`, else backward from `before` or the end; always answered oldest first. */
export function history(room: Room, command: History, turn: Turn): Effects {
  const { thread } = command;
  const limit = command.limit ?? wireLimits.pageEntriesDefault;
  const from = (command.after ?? 0) + 1;
  const to = Math.min(command.before ?? Infinity, room.messageSeq + 1);
  if (from >= to) return [reply({ messages: [], more: false } satisfies RoomHistory)];
  const reverse = command.after === undefined;
  const oldest = room.messageSeq - room.recent.length + 1;
  // What is in memory needs no disk: most pages are the newest.
  if (thread === undefined && (reverse ? Math.max(from, to - limit) : from) >= oldest) {
    const inMemory = room.recent.slice(Math.max(from, oldest) - oldest, to - oldest).map(asShown);
    const messages = reverse ? lastPage(inMemory, limit) : firstPage(inMemory, limit);
    return [reply({ messages, more: messages.length < to - from } satisfies RoomHistory)];
  }
  const root = thread !== undefined && thread >= from && thread < to ? thread : undefined;
  const tag: HistoryTag = { type: "history", limit, reverse, root, to: turn.replyTo };
  const keyOf = (seq: number): string => (thread === undefined ? messageKey(seq) : threadKey(thread, seq));
  return [{ type: "read", range: { from: keyOf(from), to: keyOf(to), limit: limit + 1, reverse }, tag }];
}

/** The page arrived. One record more than asked for says that there is more. */
export function historyPage(room: Room, tag: HistoryTag, records: readonly ActorRecord[]): Effects {
  const { root } = tag;
  if (records.length === 0 && root !== undefined) {
    const known = messageInMemory(room, root);
    if (known !== undefined) return [reply({ messages: [known], more: false } satisfies RoomHistory, tag.to)];
    const range = { from: messageKey(root), to: messageKey(root + 1), limit: 1 };
    return [{ type: "read", range, tag: { ...tag, root: undefined } satisfies HistoryTag }];
  }
  const found = records.map(({ value }) => asShown(value as RoomMessage));
  const page = firstPage(found, tag.limit);
  const messages = tag.reverse ? page.toReversed() : page;
  return [reply({ messages, more: page.length < found.length } satisfies RoomHistory, tag.to)];
}

/** Shows old events without the texts that were deleted since, and their reactions in the form of today. */
export function eventsShown(room: Room): (event: unknown) => unknown {
  const deletedAtMs = new Map(room.deletions.map(({ seq, atMs }) => [seq, atMs]));
  const shown = (message: RoomMessage): RoomMessage => {
    const atMs = deletedAtMs.get(message.seq);
    return atMs === undefined ? asShown(message) : emptied(message, atMs);
  };
  return (stored) => {
    const event = stored as RoomEvent;
    if (event.type === "restored") {
      const { messages, root } = event;
      return { ...event, messages: messages.map(shown), ...(root !== undefined && { root: shown(root) }) };
    }
    if (!("message" in event)) return event;
    const root = event.type === "posted" && event.root !== undefined ? { root: shown(event.root) } : {};
    return { ...event, message: shown(event.message), ...root };
  };
}

/** Moves the sender's read marker forward; back it does not go. Other members do not hear of it: in a busy room there
 *  is a marker for every reader of every message. The reader does, on every device. */
export function markRead(room: Room, seq: number, turn: Turn): Effects {
  if (seq > room.messageSeq) return [refuse("BAD_REQUEST", { field: "seq", messageSeq: room.messageSeq })];
  const readSeq = entryOf(room.members, turn.from)?.readSeq ?? 0;
  if (seq <= readSeq) return [reply({ readSeq })];
  const { from: member } = turn;
  const told: Effects = member.startsWith("user/")
    ? [{ type: "tell", to: member as ActorId, message: { type: "roomRead", room: turn.key, seq } }]
    : [];
  return [persist({ type: "readMarked", member, seq }), ...told, reply({ readSeq: seq })];
}
