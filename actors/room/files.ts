/** Files of messages: how they come, and where they are.
 *
 *      upload ─► uploadTake ─► uploadPart, again and again ─► post with `files` ─► records of what is kept
 *                     └ another writer: the one before is refused                        └ until the message is deleted
 *
 *  Bytes are blobs of the room, sealed with the file's key: without the key nobody reads them. While a file comes it is
 *  in the state. A file of a message is three sorts of records, which are written with the message and go with it:
 *
 *      kept/SEQ/N    the file with its key and its parts: those of one message stand together
 *      file/ID       where that is
 *      part/HASH     the file that has the blob
 *
 *  What has expired is as if it were gone. It is written off when the next upload begins, when a node asks whether its
 *  bytes are needed, or when the reminder of the first one to expire rings.
 *
 *  What of this is state and records is in `uploads.ts`. */
import {
  roomOfFile,
  wireLimits,
  type CommandOf,
  type FileHeld,
  type KeptFile,
  type RoomFiles,
  type RoomUpload,
  type roomCommands,
} from "../../protocols/index.ts";
import {
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
import { padded } from "../stream.ts";
import type { Effects, GatewaysOwn } from "./effects.ts";
import { entryOf } from "./members.ts";
import { refuseMuted } from "./muted.ts";
import { hasPlaceFor, refuseArchived } from "./rules.ts";
import { decidedFor, refuseUnchecked, type Checked } from "./scanning.ts";
import { messageInMemory } from "./state.ts";
import type { Room, Striped, Upload, UploadChange } from "./shape.ts";
import {
  evolveUpload,
  fileKey,
  keptKey,
  keptPrefix,
  ofPart,
  partKey,
  shownFile,
  stripedKey,
  uploadChanged,
  uploadsAt,
  type PartValue,
  type PicturePlace,
  type Place,
} from "./uploads.ts";

const { fileBytesMax, filePartBytes, filesPerMessageMax, pageEntriesDefault } = wireLimits;

type Command = CommandOf<typeof roomCommands>;
type Of<Type extends Command["type"]> = Extract<Command, { type: Type }>;

/** The files of a post, or why it is refused. Each is whole, is the author's, and is in no message yet. */
export function filesOfPost(
  room: Room,
  ids: readonly string[] = [],
  { from, nowMs, replyTo }: Turn,
): { readonly kept: readonly KeptFile[] } | { readonly refusal: Effects } {
  const uploads = uploadsAt(room, nowMs);
  const kept: KeptFile[] = [];
  for (const id of ids) {
    const upload = uploads.find((one) => one.id === id && one.by === from);
    if (upload === undefined) return { refusal: [refuse("NOT_FOUND", { file: id }, replyTo)] };
    const {
      offset,
      epoch: _epoch,
      keeps: _keeps,
      asked: _asked,
      by: author,
      scan,
      type = "application/octet-stream",
      ...file
    } = upload;
    if (offset < file.bytes)
      return { refusal: [refuse("BAD_REQUEST", { file: id, problem: "not all of it is here", offset }, replyTo)] };
    const scanned = scan && ({ check: "scanning" } as const);
    kept.push({ ...file, type, author, atMs: nowMs, seq: room.messageSeq + 1, ...scanned });
  }
  const waiting = kept.filter(({ check }) => check === "scanning").length;
  if (waiting > 0 && (room.checks?.length ?? 0) + waiting > limits.roomChecksMax)
    return { refusal: [refuse("LIMIT_REACHED", { limit: "roomChecksMax" }, replyTo)] };
  return { kept };
}

const shownUpload = ({ by: _by, asked: _asked, atMs, ...upload }: Upload): RoomUpload => ({
  ...upload,
  expiresAtMs: atMs + limits.uploadIdleMs,
});

/** One change of an upload, answered by what it is then. */
function uploadEffects(room: Room, change: UploadChange, turn: Turn): Effects {
  const upload = evolveUpload(room, change).uploads?.find(
    ({ id }) => id === (change.is === "begun" ? change.upload.id : change.id),
  );
  return [persist(uploadChanged(change)), reply(upload === undefined ? {} : shownUpload(upload), turn.replyTo)];
}

type Wanted = Pick<Upload, "by" | "bytes">;

const sumOf = (uploads: readonly Wanted[], of: (upload: Wanted) => number): number =>
  uploads.reduce((sum, upload) => sum + of(upload), 0);

/** What uploads are counted by, for a person and for the room. */
const uploadRules = [
  { of: () => 1, own: "roomUploadsPerPersonMax", all: "roomUploadsMax" },
  { of: ({ bytes }: Wanted) => bytes, own: "roomUploadBytesPerPersonMax", all: "roomUploadBytesMax" },
] as const;

/** The uploads that stay when another one begins; the limit where none that stands against it may give way. Nobody
 *  gives way to a person who has more. */
function withPlaceFor(uploads: readonly Upload[], wanted: Wanted, nowMs: number): readonly Upload[] | string {
  let left = uploads;
  for (const { of, own, all } of uploadRules) {
    const shareOf = (by: string): number =>
      sumOf(
        [...left, wanted].filter((upload) => upload.by === by),
        of,
      );
    for (;;) {
      const isOwn = shareOf(wanted.by) > limits[own];
      if (!isOwn && sumOf([...left, wanted], of) <= limits[all]) break;
      const [oldest] = left
        .filter(({ by, atMs }) => {
          const mayGo = isOwn ? by === wanted.by : shareOf(by) >= shareOf(wanted.by);
          return mayGo && atMs + limits.uploadYieldsMs <= nowMs;
        })
        .toSorted((one, other) => shareOf(other.by) - shareOf(one.by) || one.atMs - other.atMs);
      if (oldest === undefined) return isOwn ? own : all;
      left = left.filter((upload) => upload !== oldest);
    }
  }
  return left;
}

/** A file is to come from a person who may post here. */
function begin(room: Room, command: Of<"upload">, turn: Turn): Effects {
  const { by, id, name, bytes, key, keeps, scan } = command;
  const archived = refuseArchived(room, turn);
  if (archived !== undefined) return archived;
  if (!hasPlaceFor(room, true, turn) && !hasPlaceFor(room, false, turn))
    return [refuse("FORBIDDEN", { reason: "only moderators post in this room" })];
  const muted = refuseMuted(room, turn, by);
  if (muted !== undefined) return muted;
  if (roomOfFile(id) !== turn.key) return [refuse("BAD_REQUEST", { field: "id" })];
  if (bytes > fileBytesMax) return [refuse("TOO_LARGE", { bytes, fileBytesMax })];
  const uploads = uploadsAt(room, turn.nowMs);
  if (uploads.some((upload) => upload.id === id)) return [refuse("ALREADY_DONE")];
  const left = withPlaceFor(uploads, command, turn.nowMs);
  if (typeof left === "string") return [refuse("LIMIT_REACHED", { limit: left })];
  const ended = (room.uploads ?? []).filter((upload) => !left.includes(upload)).map((upload) => upload.id);
  const began = {
    by,
    offset: 0,
    epoch: 0,
    parts: [],
    atMs: turn.nowMs,
    ...(keeps && { keeps }),
    ...(scan && { scan }),
  };
  const upload = { id, name, bytes, key, ...began };
  return [...uploadEffects(room, { is: "begun", upload, ended }, turn), ...remindUploads([...left, upload])];
}

/** Another writer goes on. */
function take(room: Room, { by, id, offset }: Of<"uploadTake">, turn: Turn): Effects {
  const upload = ownUpload(room, id, by, turn);
  if (upload === undefined) return [refuse("NOT_FOUND", { file: id })];
  if (offset !== undefined && offset !== upload.offset) return [refuse("CHANGED_MEANWHILE", { now: upload.offset })];
  const asks = offset === undefined;
  // Nobody has begun to write since somebody asked: there is no writer to refuse.
  if (asks && upload.asked === true) return [reply(shownUpload(upload))];
  return uploadEffects(room, { is: "taken", id, epoch: upload.epoch + 1, ...(asks && { asked: true }) }, turn);
}

/** A part is kept. */
function grow(room: Room, command: Of<"uploadPart">, turn: Turn): Effects {
  const { by, id, epoch, index, part, bytes, found } = command;
  const muted = refuseMuted(room, turn, by);
  if (muted !== undefined) return muted;
  const upload = ownUpload(room, id, by, turn);
  if (upload === undefined) return [refuse("NOT_FOUND", { file: id })];
  if (epoch !== upload.epoch) return [refuse("CHANGED_MEANWHILE", { now: upload.offset })];
  const end = index * filePartBytes + bytes;
  const had = Math.min(filePartBytes, upload.offset - index * filePartBytes);
  // No part begins before the one in front of it is full, none gets shorter, and the last is the only one that grows.
  if (had < 0 || bytes < had || end > upload.bytes) return [refuse("BAD_REQUEST", { field: "index" })];
  const offset = Math.max(end, upload.offset);
  const grown = { is: "grown", id, index, part, offset, atMs: turn.nowMs, ...(found && { found }) } as const;
  return uploadEffects(room, grown, turn);
}

/** Also of an upload that has expired: it counts until it is written off. */
function drop(room: Room, { by, id }: Of<"uploadDrop">): Effects {
  const upload = room.uploads?.find((one) => one.id === id && one.by === by);
  if (upload === undefined) return [refuse("NOT_FOUND", { file: id })];
  return [persist(uploadChanged({ is: "dropped", id })), reply(shownUpload(upload))];
}

const ownUpload = (room: Room, id: string, by: string, { nowMs }: Turn): Upload | undefined =>
  uploadsAt(room, nowMs).find((upload) => upload.id === id && upload.by === by);

/** Tags of the reads behind questions about files. */
export type FileTag =
  /** `striped`: what is read now is its stripe. */
  | { readonly type: "fileHeld"; readonly striped: boolean; readonly to: ReplyTo | undefined }
  | {
      readonly type: "filePlace" | "fileKept";
      readonly id: string;
      readonly by: Sender;
      /** An admin's decision about a file in quarantine. Absent: it is to be fetched. */
      readonly as?: Of<"settleFile">["as"];
      readonly place?: number;
      readonly to: ReplyTo | undefined;
    }
  | { readonly type: "files"; readonly limit: number; readonly to: ReplyTo | undefined };

const one = (key: string) => ({ from: key, to: `${key}!`, limit: 1 });

/** Lists the files, newest first. */
export const files = (room: Room, { before, limit = pageEntriesDefault }: Of<"files">, turn: Turn): Effects => [
  {
    type: "read",
    range: {
      from: keptPrefix,
      to: `${keptPrefix}${padded(Math.min(before ?? Infinity, room.messageSeq + 1))}`,
      // With all files of the message that would be cut, and one to know whether there are more.
      limit: limit + filesPerMessageMax + 1,
      reverse: true,
    },
    tag: { type: "files", limit, to: turn.replyTo } satisfies FileTag,
  },
];

/** Records arrived. */
export function onFilesRead(room: Room, tag: FileTag, records: readonly ActorRecord[], turn: Turn): Effects | Checked {
  const { to } = tag;
  switch (tag.type) {
    case "fileHeld": {
      const [record] = records;
      const { stripe } = record === undefined || tag.striped ? {} : ofPart(record.value as PartValue);
      if (stripe !== undefined)
        return [{ type: "read", range: one(stripedKey(stripe)), tag: { ...tag, striped: true } }];
      // In a cluster that was restored the part is copied, and nothing is known of its stripe.
      const held = tag.striped ? (record?.value as Striped | undefined)?.settled !== true : record !== undefined;
      return [...writtenOff(room, turn), reply({ held } satisfies FileHeld, to)];
    }
    case "files":
      return [
        reply(
          pageOf(
            records.map(({ value }) => value as KeptFile),
            tag.limit,
          ),
          to,
        ),
      ];
    case "filePlace": {
      const place = records[0]?.value as Place | PicturePlace | undefined;
      const isSettled = tag.as !== undefined;
      if (place === undefined || (isSettled && "picture" in place)) return [refuse("NOT_FOUND", { file: tag.id }, to)];
      if ("picture" in place) return answeredFor(room, tag, place.picture);
      const next = { ...tag, type: "fileKept", place: place.place } as const;
      return [{ type: "read", range: one(keptKey(place.seq, place.place)), tag: next }];
    }
    default: {
      const kept = records[0]?.value as KeptFile | undefined;
      if (tag.as !== undefined) return decidedFor({ ...tag, as: tag.as }, kept, tag.place ?? 0);
      return answeredFor(room, tag, kept);
    }
  }
}

/** Where the bytes are. The member may have gone while the records were read, and the message, too. */
function answeredFor(
  room: Room,
  { id, by, to }: Extract<FileTag, { readonly by: Sender }>,
  kept: KeptFile | undefined,
): Effects {
  if (by !== "node" && entryOf(room.members, by) === undefined) return [refuse("NOT_A_MEMBER", undefined, to)];
  const isGone = kept === undefined || messageInMemory(room, kept.seq)?.deletedAtMs !== undefined;
  if (isGone) return [refuse("NOT_FOUND", { file: id }, to)];
  return [refuseUnchecked(kept, to) ?? reply(kept, to)];
}

/** As many as were asked for, and all of the last message. */
function pageOf(read: readonly KeptFile[], limit: number): RoomFiles {
  const last = read[limit - 1]?.seq;
  const page = last === undefined ? read : read.filter(({ seq }, index) => index < limit || seq === last);
  return {
    files: page.map((file) => ({ ...shownFile(file), seq: file.seq, author: file.author, atMs: file.atMs })),
    more: page.length < read.length,
  };
}

/** Whether a blob is needed. The question itself writes nothing: it is what makes room on a full disk, where questions
 *  that write are refused. */
function fileHeld(room: Room, { hash }: Of<"fileHeld">, turn: Turn): Effects {
  const isOfUpload = uploadsAt(room, turn.nowMs).some(({ parts }) => parts.includes(hash));
  if (isOfUpload) return [reply({ held: true } satisfies FileHeld)];
  const tag: FileTag = { type: "fileHeld", striped: false, to: turn.replyTo };
  return [{ type: "read", range: one(partKey(hash)), tag }];
}

/** Uploads that have expired go, with their keys. */
function writtenOff(room: Room, { nowMs }: Turn): Effects {
  const uploads = uploadsAt(room, nowMs);
  const gone = (room.uploads ?? []).filter((upload) => !uploads.includes(upload));
  return gone.map(({ id }) => persist(uploadChanged({ is: "dropped", id })));
}

/** The id of the reminder that uploads expire. */
export const uploadsReminder = "uploads";

/** Has the room look again when the first of these uploads expires. */
export function remindUploads(uploads: readonly Pick<Upload, "atMs">[] = []): readonly Effect<never, never>[] {
  if (uploads.length === 0) return [];
  const dueMs = Math.min(...uploads.map(({ atMs }) => atMs)) + limits.uploadIdleMs;
  return [{ type: "remind", id: uploadsReminder, dueMs }];
}

/** The reminder rang. */
export function onUploadsDue(room: Room, turn: Turn): Effects {
  const left = uploadsAt(room, turn.nowMs);
  const next = left.length > 0 ? remindUploads(left) : [{ type: "forget" as const, id: uploadsReminder }];
  return [...writtenOff(room, turn), ...next];
}

/** Answers the gateway, which names the person. */
export function forGateway(room: Room, command: Of<GatewaysOwn>, here: Turn): Effects {
  if (command.type === "fileHeld") return fileHeld(room, command, here);
  const { by, id } = command;
  const turn: Turn = { ...here, from: by as Sender };
  if (command.type === "settleFile") {
    const tag: FileTag = { type: "filePlace", id, by: turn.from, as: command.as, to: here.replyTo };
    return [{ type: "read", range: one(fileKey(id)), tag }];
  }
  // The room's node reads what stands in a file, also of a person who has left.
  if (here.from !== "node" && entryOf(room.members, by) === undefined) return [refuse("NOT_A_MEMBER")];
  switch (command.type) {
    case "upload":
      return begin(room, command, turn);
    case "uploadTake":
      return take(room, command, turn);
    case "uploadPart":
      return grow(room, command, turn);
    case "uploadDrop":
      return drop(room, command);
    default: {
      const asks = here.from === "node" ? here.from : turn.from;
      const tag: FileTag = { type: "filePlace", id, by: asks, to: here.replyTo };
      return [{ type: "read", range: one(fileKey(id)), tag }];
    }
  }
}
