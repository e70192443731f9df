/** Many messages deleted as one (docs/decisions/0278-many-messages-deleted-at-once.md).
 *
 *      positions ──► messages (memory, or records) ──► what is kept of their files ──► withdrawn: one event
 *           ▲                                                        │
 *           └──── something changed that was read before ────────────┘  a few times; then OVERLOADED
 *
 *  Of a message that was deleted before, a node of an older version may have left files, previews or earlier texts:
 *  what is there goes, too. */
import {
  wireLimits,
  type DeletionOutcome,
  type KeptFile,
  type MessageOf,
  type RoomDeletions,
  type RoomMessage,
  type roomCommands,
} from "../../protocols/index.ts";
import { refuse, reply, type ActorRecord, type ReplyTo, type Sender, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { fits } from "../outbox.ts";
import { eventEffects, type Effects } from "./effects.ts";
import { entryOf, hasByRank } from "./members.ts";
import { isBehind } from "./posting.ts";
import { picturesOf } from "./previews.ts";
import { unlisted } from "./scanning.ts";
import { counted, emptied, messageInMemory, messageKey } from "./state.ts";
import type { Room, RoomNotes } from "./shape.ts";
import { leftBy } from "./kept-topics.ts";
import { isFiledSince } from "./stored.ts";
import { keptOf } from "./uploads.ts";

/** Tag of the reads behind a deletion of many. */
export interface ManyTag {
  readonly type: "many";
  readonly seqs: readonly number[];
  /** Messages that were read, by position; null: there is none. */
  readonly messages: Readonly<Record<number, RoomMessage | null>>;
  /** What is kept of the files of those that have some. */
  readonly kept: Readonly<Record<number, readonly KeptFile[]>>;
  /** What is being read now. */
  readonly reads: { readonly is: "messages"; readonly to: number } | { readonly is: "kept"; readonly seq: number };
  /** How often it was begun. */
  readonly tries: number;
  /** `room.changes` and `notes.filings` when the first of it was asked for. */
  readonly changes: number;
  readonly since: number;
  readonly from: Sender;
  readonly to: ReplyTo | undefined;
}

type Job = Omit<ManyTag, "reads">;

/** Begins. The gateway asks in the name of a person. Errors: NOT_FOUND, FORBIDDEN, OVERLOADED. */
export function deleteMany(
  room: Room,
  { by, seqs }: MessageOf<typeof roomCommands, "deleteMessages">,
  turn: Turn,
): Effects {
  const wanted = seqs.toSorted((a, b) => a - b);
  return goOn(room, begun(room, wanted, { ...turn, from: by as Sender }, 1), turn);
}

const begun = (room: Room, seqs: readonly number[], { from, replyTo, notes }: Turn, tries: number): Job => ({
  type: "many",
  tries,
  seqs,
  messages: {},
  kept: {},
  changes: room.changes,
  since: (notes as RoomNotes).filings ?? 0,
  from,
  to: replyTo,
});

const known = (room: Room, { messages }: Job, seq: number): RoomMessage | null | undefined => {
  if (seq > room.messageSeq) return null;
  const read = messages[seq];
  return messageInMemory(room, seq) ?? (read ? counted(read) : read);
};

/** Reads what is missing, or deletes. */
function goOn(room: Room, job: Job, turn: Turn): Effects {
  if (entryOf(room.members, job.from) === undefined) return [refuse("NOT_FOUND", undefined, job.to)];
  const missing = job.seqs.filter((seq) => known(room, job, seq) === undefined);
  const [first, last = first] = [missing[0], missing.at(-1)];
  if (first !== undefined && last !== undefined) {
    const to = Math.min(last, first + wireLimits.pageEntriesMax - 1);
    const tag: ManyTag = { ...job, reads: { is: "messages", to } };
    const range = { from: messageKey(first), to: messageKey(to + 1), limit: wireLimits.pageEntriesMax };
    return [{ type: "read", range, tag }];
  }
  const { deleted, unread } = sorted(room, job);
  if (unread !== undefined) {
    const tag: ManyTag = { ...job, reads: { is: "kept", seq: unread } };
    return [{ type: "read", range: keptOf(unread), tag }];
  }
  // What was read before may be another by now, and nothing goes twice.
  const notes = turn.notes as RoomNotes;
  const isPassed = room.changes - job.changes > limits.roomChangedMessages;
  const isOld = (message: RoomMessage): boolean => {
    const kept = job.kept[message.seq];
    if (isPassed && messageInMemory(room, message.seq) === undefined) return true;
    return kept !== undefined && (isFiledSince(notes, message.seq, job.since) || isBehind(kept, message));
  };
  const sure = deleted.filter((message) => !isOld(message));
  if (sure.length === deleted.length || job.tries >= limits.roomDeletionTriesMax) return done(room, job, sure, turn);
  const again = { ...turn, from: job.from, ...(job.to && { replyTo: job.to }) };
  return goOn(room, begun(room, job.seqs, again, job.tries + 1), turn);
}

/** The messages that go now, and the next one of which it is not read yet what is kept of its files. */
function sorted(room: Room, job: Job): { readonly deleted: readonly RoomMessage[]; readonly unread?: number } {
  const deleted: RoomMessage[] = [];
  let parts = 0;
  for (const seq of job.seqs) {
    const message = known(room, job, seq);
    if (message === null || message === undefined || !mayGo(room, job, message)) continue;
    const isGone = message.deletedAtMs !== undefined;
    if (message.files === undefined && !isGone) {
      deleted.push(message);
      continue;
    }
    if (parts >= limits.roomDeletedPartsMax) continue;
    const kept = job.kept[seq];
    if (kept === undefined) return { deleted, unread: seq };
    if (isGone && kept.length === 0 && isEmptied(message)) continue;
    const isFirst = parts === 0;
    parts += kept.reduce((sum, file) => sum + file.parts.length + 2, 0);
    // The files of one message always go.
    if (parts <= limits.roomDeletedPartsMax || isFirst) deleted.push(message);
  }
  return { deleted };
}

/** Whether nothing is left of a deleted message: a node of the version before leaves what it does not know. */
const isEmptied = ({ versions, previews, topic }: RoomMessage): boolean =>
  versions === undefined && previews === undefined && topic === undefined;

const mayGo = (room: Room, { from }: Job, { author }: RoomMessage): boolean =>
  author === from || hasByRank(room, from, "room.delete");

function outcomeOf(room: Room, job: Job, message: RoomMessage | null): DeletionOutcome {
  if (message === null) return "NOT_FOUND";
  if (message.deletedAtMs !== undefined) return "gone";
  return mayGo(room, job, message) ? "deleted" : "FORBIDDEN";
}

function done(room: Room, job: Job, deleted: readonly RoomMessage[], turn: Turn): Effects {
  const going = new Set(deleted.map(({ seq }) => seq));
  const outcomes = job.seqs.map((seq) => {
    const outcome = outcomeOf(room, job, known(room, job, seq) ?? null);
    return { seq, outcome: outcome === "deleted" && !going.has(seq) ? ("OVERLOADED" as const) : outcome };
  });
  const answer = reply({ outcomes } satisfies RoomDeletions, job.to);
  if (deleted.length === 0) return [answer];
  const gone = deleted.flatMap(({ seq }) => job.kept[seq] ?? []);
  const pictures = deleted.flatMap((message) => picturesOf(message).pictures?.gone ?? []);
  const mail = unlisted(gone);
  if (!fits(room.outbox, mail.length)) return [refuse("OVERLOADED", undefined, job.to)];
  const messages = deleted.map((message) => emptied(message, message.deletedAtMs ?? turn.nowMs));
  const event = { type: "withdrawn", recall: "", through: 0, messages, by: job.from } as const;
  const more = {
    ...leftBy(deleted),
    ...(gone.length > 0 && { gone }),
    ...(pictures.length > 0 && { pictures: { made: [], gone: pictures } }),
  };
  return [...eventEffects(room, turn, [event], mail, more), answer];
}

/** A part of it is read. */
export function onManyRead(room: Room, tag: ManyTag, records: readonly ActorRecord[], turn: Turn): Effects {
  const { reads, ...job } = tag;
  if (reads.is === "kept") {
    const kept = { ...job.kept, [reads.seq]: records.map(({ value }) => value as KeptFile) };
    return goOn(room, { ...job, kept }, turn);
  }
  const found = new Map(records.map(({ value }) => [(value as RoomMessage).seq, value as RoomMessage]));
  const looked = job.seqs.filter((seq) => seq <= reads.to && known(room, job, seq) === undefined);
  const messages = { ...job.messages, ...Object.fromEntries(looked.map((seq) => [seq, found.get(seq) ?? null])) };
  return goOn(room, { ...job, messages }, turn);
}
