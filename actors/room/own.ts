/** The room of a person alone, with the files of their conversations with agents (decision 0248). Each message is what
 *  one turn of a conversation showed; its text is the conversation's key. */
import {
  ownRoomKey,
  type CommandOf,
  type KeptFile,
  type RoomFile,
  type RoomMessage,
  type TakenFiles,
  type roomCommands,
} from "../../protocols/index.ts";
import {
  note,
  refuse,
  reply,
  type ActorRecord,
  type Effect,
  type ReplyTo,
  type Sender,
  type Turn,
} from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { padded } from "../stream.ts";
import { eventEffects, type Effects } from "./effects.ts";
import { filesOfPost } from "./files.ts";
import { entryOf } from "./members.ts";
import { saidIn } from "./mentions.ts";
import { onMessage } from "./posting.ts";
import { refuseArchived } from "./rules.ts";
import type { Room, RoomChange, RoomNotes } from "./shape.ts";
import { messageInMemory, messageKey } from "./state.ts";
import { fileKey, keptOf, keptPrefix, shownFile, uploadsAt, type Place } from "./uploads.ts";

type Decided = readonly Effect<RoomChange, Partial<RoomNotes>>[];
type Asked = Extract<CommandOf<typeof roomCommands>, { type: "takeFiles" | "dropFiles" }>;

/** Answers a conversation of the person whose room it is. */
export function forConversation(room: Room, command: Asked, here: Turn<RoomNotes>): Decided {
  const { by, conversation } = command;
  const owner = conversation.split(".", 1)[0] ?? "";
  const isOwn = here.from === `agent/${conversation}` && by === `user/${owner}` && here.key === ownRoomKey(owner);
  if (!isOwn || entryOf(room.members, by) === undefined) return [refuse("FORBIDDEN")];
  const turn: Turn = { ...here, from: by as Sender };
  const to = here.replyTo;
  const { drops = 0 } = here.notes;
  if (command.type === "takeFiles") return take(room, { conversation, ids: command.files, found: [], drops, to }, turn);
  // One message, or all of them up to now.
  const { seq } = command;
  const last = Math.min(seq === 0 ? Infinity : seq, room.messageSeq);
  const tag: DropTag = { type: "dropping", conversation, by: turn.from, next: Math.max(seq, 1), last, looks: 0, to };
  return [...dropOn(tag), note({ drops: drops + 1 })];
}

/** Tag of the look for what the room of somebody who has gone still has. */
export interface LeftTag {
  readonly type: "left";
  readonly by: Sender;
  /** Set while the deletions of a page go on: it looks whether they are done, so often so far. */
  readonly page?: { readonly first: number; readonly last: number; readonly looks: number };
}

/** Messages with files that are deleted at once. */
const leftAtOnce = 64;
/** Looks for a page before the next: what was refused holds up no other. A deletion is two or three reads. */
const leftLooksMax = 8;

/** Deletes all files of a room whose person has gone, some at a time. */
export const emptying = (by: Sender, after = 0): Effects => [
  {
    type: "read",
    range: { from: `${keptPrefix}${padded(after + 1)}`, to: "kept0", limit: leftAtOnce },
    tag: { type: "left", by } satisfies LeftTag,
  },
];

/** Looks whether a page has gone. */
const looking = (by: Sender, page: NonNullable<LeftTag["page"]>): Effects => [
  {
    type: "read",
    range: { from: keptOf(page.first).from, to: keptOf(page.last).to, limit: 1 },
    tag: { type: "left", by, page } satisfies LeftTag,
  },
];

/** Some of them, or what is still there of those before. */
export function onLeftRead(room: Room, { by, page }: LeftTag, records: readonly ActorRecord[], here: Turn): Effects {
  if (page !== undefined)
    return records.length > 0 && page.looks < leftLooksMax
      ? looking(by, { ...page, looks: page.looks + 1 })
      : emptying(by, page.last);
  const { replyTo: _nobody, ...turn } = { ...here, from: by };
  const seqs = [...new Set(records.map(({ value }) => (value as KeptFile).seq))];
  const [first, last] = [seqs[0], seqs.at(-1)];
  if (first === undefined || last === undefined) return [];
  const deletions = seqs.flatMap((seq) => onMessage(room, { type: "delete", seq }, seq, turn));
  return [...deletions, ...looking(by, { first, last, looks: 1 })];
}

// --- taken -----------------------------------------------------------------------------------------------------------

/** What a conversation asks for, and what of it was taken before. */
interface Taking {
  readonly conversation: string;
  readonly ids: readonly string[];
  readonly found: readonly RoomFile[];
  /** The oldest message that has one of these. */
  readonly oldest?: number;
  /** How often something was to be dropped before it. */
  readonly drops: number;
  readonly to: ReplyTo | undefined;
}

/** Tag of the reads of a file that is no upload any more: where it is, and then its message. */
export interface TakeTag extends Taking {
  readonly type: "taking";
  readonly by: Sender;
  readonly id: string;
  /** Absent: where the file is, is being read. */
  readonly seq?: number;
  readonly changes: number;
}

/** Makes one message of the uploads. Files that the conversation has already are named again: the answer before was
 *  lost, so they are taken once, however often they are asked for. */
function take(room: Room, taking: Taking, turn: Turn): Effects {
  const { conversation, ids, found, to } = taking;
  const archived = refuseArchived(room, turn);
  if (archived !== undefined) return archived;
  const rest = ids.filter((id) => !found.some((file) => file.id === id));
  const uploads = uploadsAt(room, turn.nowMs);
  const gone = rest.find((id) => !uploads.some((upload) => upload.id === id));
  if (gone !== undefined) {
    const tag: TakeTag = { ...taking, type: "taking", by: turn.from, id: gone, changes: room.changes };
    return [{ type: "read", range: { from: fileKey(gone), to: `${fileKey(gone)}!`, limit: 1 }, tag }];
  }
  const posted = filesOfPost(room, rest, turn);
  if ("refusal" in posted) return posted.refusal;
  const seq = room.messageSeq + 1;
  const files = posted.kept.map(shownFile);
  const all = ids.flatMap((id) => [...found, ...files].find((file) => file.id === id) ?? []);
  // Nodes of the version before drop by this number.
  const answer = reply({ seq: taking.oldest ?? seq, files: all } satisfies TakenFiles, to);
  if (rest.length === 0) return [answer];
  const message: RoomMessage = { seq, author: turn.from, text: conversation, atMs: turn.nowMs, files };
  return [...eventEffects(room, turn, [saidIn(message, undefined)], [], { kept: posted.kept }), answer];
}

/** Where a file is, or the message that has it. */
export function onTakeRead(room: Room, tag: TakeTag, records: readonly ActorRecord[], here: Turn<RoomNotes>): Effects {
  // What was asked for before a drop is dropped, too. It may be another conversation's: that is asked for again.
  if ((here.notes.drops ?? 0) !== tag.drops) return [refuse("OVERLOADED", undefined, tag.to)];

  const { type: _type, by, id, seq: known, changes, ...taking } = tag;
  const turn: Turn = { ...here, from: by, ...(tag.to && { replyTo: tag.to }) };
  const unknown = [refuse("NOT_FOUND", { file: id }, tag.to)];
  const seq = known ?? (records[0]?.value as Partial<Place> | undefined)?.seq;
  if (seq === undefined) return unknown;
  const read = known === undefined ? undefined : (records[0]?.value as RoomMessage | undefined);
  const message = messageInMemory(room, seq) ?? read;
  // More has changed since than memory holds.
  const isOld = room.changes - changes > limits.roomChangedMessages && messageInMemory(room, seq) === undefined;
  if (message === undefined || isOld) {
    if (known !== undefined && !isOld) return unknown;
    const range = { from: messageKey(seq), to: messageKey(seq + 1), limit: 1 };
    return [{ type: "read", range, tag: { ...tag, seq, changes: room.changes } satisfies TakeTag }];
  }
  const file = message.text === tag.conversation ? message.files?.find((one) => one.id === id) : undefined;
  const oldest = Math.min(tag.oldest ?? seq, seq);
  return file === undefined ? unknown : take(room, { ...taking, oldest, found: [...tag.found, file] }, turn);
}

// --- dropped ---------------------------------------------------------------------------------------------------------

/** Tag of the look for what a conversation has that is forgotten. */
export interface DropTag {
  readonly type: "dropping";
  readonly conversation: string;
  readonly by: Sender;
  readonly next: number;
  /** The newest message when it was asked for: what comes behind it is of the conversation that begins anew. */
  readonly last: number;
  /** How often this page was looked at; 0: where it begins is being read. */
  readonly looks: number;
  readonly to: ReplyTo | undefined;
}

/** Looks for the next message that still has files: of those that were deleted nothing is read. */
const dropOn = (tag: DropTag): Effects =>
  tag.next > tag.last
    ? [reply({}, tag.to)]
    : [{ type: "read", range: { from: keptOf(tag.next).from, to: keptOf(tag.last).to, limit: 1 }, tag }];

const dropFrom = (tag: DropTag): Effects => [
  { type: "read", range: { from: messageKey(tag.next), to: messageKey(tag.last + 1), limit: leftAtOnce }, tag },
];

/** Where the next messages with files are, or these: those of the conversation go, and the next come when they have
 *  gone. */
export function onDropRead(room: Room, tag: DropTag, records: readonly ActorRecord[], here: Turn): Effects {
  const { replyTo: _later, ...turn } = { ...here, from: tag.by };
  if (tag.looks === 0) {
    const next = (records[0]?.value as KeptFile | undefined)?.seq;
    return next === undefined ? [reply({}, tag.to)] : dropFrom({ ...tag, next, looks: 1 });
  }
  const read = records.map(({ value }) => value as RoomMessage);
  const end = read.at(-1)?.seq;
  const mine = read
    .map((message) => messageInMemory(room, message.seq) ?? message)
    .filter(({ text, deletedAtMs }) => text === tag.conversation && deletedAtMs === undefined);
  if (mine.length === 0) return dropOn({ ...tag, next: (end ?? tag.last) + 1, looks: 0 });
  // It is asked for again, by the outbox.
  if (tag.looks >= leftLooksMax) return [refuse("OVERLOADED", undefined, tag.to)];
  const deletions = mine.flatMap(({ seq }) => onMessage(room, { type: "delete", seq }, seq, turn));
  return [...deletions, ...dropFrom({ ...tag, looks: tag.looks + 1 })];
}
