/** How messages of a topic are read: their positions first, then what is not in memory of them.
 *
 *      topic/NAME/… ──► positions ──► message/…, in stretches ──► the one who asked, as if it were one read */
import type { RoomMessage } from "../../protocols/index.ts";
import type { ActorRecord, RecordRange } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { Effects } from "./effects.ts";
import type { Room } from "./shape.ts";
import { messageInMemory, messageKey } from "./state.ts";

/** Tag of the reads of messages by their topic; `wanted`: the tag of the one who asked. */
export interface FetchTag<Wanted = unknown> {
  readonly type: "fetch";
  readonly wanted: Wanted;
  /** Absent: the positions are being read. */
  readonly seqs?: readonly number[];
  readonly messages: Readonly<Record<number, RoomMessage>>;
  /** `room.changes` when the first message was asked for. */
  readonly changes: number;
  /** Up to where is being read now. */
  readonly to: number;
}

/** What is there, or what has to be read. */
type Fetched = { readonly records: readonly ActorRecord[] } | { readonly effects: Effects };

/** Reads messages of a topic. */
export const readTopic = (room: Room, range: RecordRange, wanted: unknown): Effects => [
  {
    type: "read",
    range,
    tag: { type: "fetch", wanted, messages: {}, changes: room.changes, to: 0 } satisfies FetchTag,
  },
];

/** Records arrived: positions, or messages. */
export function fetched(room: Room, tag: FetchTag, records: readonly ActorRecord[]): Fetched {
  if (tag.seqs === undefined) {
    const seqs = records.map(({ value }) => (value as Pick<RoomMessage, "seq">).seq);
    return goOn(room, { ...tag, seqs, changes: room.changes }, seqs);
  }
  const read = records.map(({ value }) => value as RoomMessage);
  const messages = { ...tag.messages, ...Object.fromEntries(read.map((message) => [message.seq, message])) };
  return goOn(room, { ...tag, messages }, tag.seqs);
}

function goOn(room: Room, tag: FetchTag, seqs: readonly number[]): Fetched {
  // More has changed since than memory holds.
  const isOld = room.changes - tag.changes > limits.roomChangedMessages;
  const now = isOld ? { ...tag, messages: {}, changes: room.changes, to: 0 } : tag;
  const known = seqs.map((seq) => messageInMemory(room, seq) ?? now.messages[seq]);
  const missing = seqs.filter((seq, index) => known[index] === undefined && seq > now.to).toSorted((a, b) => a - b);
  const [first] = missing;
  if (first === undefined)
    return {
      records: known.flatMap((message) => (message ? [{ key: messageKey(message.seq), value: message }] : [])),
    };
  const last = stretchFrom(missing, first);
  const range = { from: messageKey(first), to: messageKey(last + 1), limit: limits.countedAtOnce };
  return { effects: [{ type: "read", range, tag: { ...now, seqs, to: last } satisfies FetchTag }] };
}

/** The last of those that are read with the first one: what lies between two of them is read for nothing. */
function stretchFrom(seqs: readonly number[], first: number): number {
  let last = first;
  for (const seq of seqs) if (seq - last <= limits.topicGapRead && seq < first + limits.countedAtOnce) last = seq;
  return last;
}
