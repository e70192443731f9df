/** Files of a room: what members see of them, and what the gateway and the room tell each other while one comes. */
import { Type, type Static } from "typebox";
import { keyText } from "../ids.ts";
import { answer, command } from "../wire/command.ts";
import { wireLimits as limits } from "../limits.ts";
import { blobHash, key, limit, line, nothing, object, position, principal, roomKey, timeMs } from "../wire/schema.ts";
import { stripeRef, type StripeRef } from "../admin/shards.ts";

/** Names a file, and by its end the room that has it. */
export const fileId = Type.String({ pattern: `^[0-9a-f]{16,64}\\.${keyText}$`, maxLength: 168 });

/** The room that a file is in. */
export const roomOfFile = (id: string): string => id.slice(id.indexOf(".") + 1);

const name = line(limits.fileNameCharsMax);
const side = Type.Integer({ minimum: 1, maximum: 0xffff_ffff });
/** What the first bytes of a file say of it. */
const found = {
  type: Type.String({ pattern: "^[a-z]+/[a-z0-9.+-]+$", maxLength: 64 }),
  /** Of pictures, where the file says it. */
  width: Type.Optional(side),
  height: Type.Optional(side),
} as const;
const foundIn = object(found);
export type FoundType = Static<typeof foundIn>;

/** What a scanner has said of a file. Nobody fetches one that is `scanning`, `quarantined` or `removed`.
 *  `unscanned`: no scanner could look at it, and the cluster lets such files through. `released` and `removed`: an
 *  admin has decided so of one that was in quarantine. */
const check = Type.Union([
  Type.Literal("scanning"),
  Type.Literal("clean"),
  Type.Literal("unscanned"),
  Type.Literal("quarantined"),
  Type.Literal("released"),
  Type.Literal("removed"),
]);
export type FileCheck = Static<typeof check>;

const sealKey = Type.String({ pattern: "^[A-Za-z0-9_-]{43}$" });
/** A side of a picture that a node has made of another. */
export const madeSide = Type.Integer({ minimum: 1, maximum: limits.previewSideMax });

/** A picture that a node has made, sealed: a blob of the room. */
export const madePicture = object({
  /** What it was sealed as. */
  id: fileId,
  part: blobHash,
  key: sealKey,
  bytes: Type.Integer({ minimum: 1, maximum: limits.filePartBytes }),
  width: madeSide,
  height: madeSide,
});
export type MadePicture = Static<typeof madePicture>;

/** A file of a message. Without `check` it came while nothing was scanned. */
export const roomFile = object({
  id: fileId,
  name,
  bytes: position,
  ...found,
  check: Type.Optional(check),
  /** There is a small picture of it: of a picture, or of the first page of a document. */
  preview: Type.Optional(object({ width: madeSide, height: madeSide })),
});
export type RoomFile = Static<typeof roomFile>;

/** A file of a conversation with an agent, as its turn names it: what else there is to know its room says. */
export const saidFile = object({ id: fileId, name, bytes: position, ...found });
export type SaidFile = Static<typeof saidFile>;
/** That of a file of which more is known. */
export const saidOf = ({ id, name: of, bytes, type, width, height }: SaidFile): SaidFile => ({
  id,
  name: of,
  bytes,
  type,
  ...(width !== undefined && { width }),
  ...(height !== undefined && { height }),
});

/** The message that files of a conversation are in. */
export interface TakenFiles {
  readonly seq: number;
  readonly files: readonly RoomFile[];
}

/** A file in quarantine. */
export const quarantinedFile = object({
  id: fileId,
  name,
  bytes: position,
  room: roomKey,
  /** The message that has it. */
  seq: position,
  sender: principal,
  /** When it was posted. */
  atMs: timeMs,
  /** When it was put here. */
  sinceMs: timeMs,
  /** What was found in it. Absent: no scanner could look at it. */
  signature: Type.Optional(Type.String({ maxLength: limits.signatureCharsMax })),
});
export type QuarantinedFile = Static<typeof quarantinedFile>;

/** Files of messages. */
export const roomFiles = Type.Array(roomFile, { minItems: 1, maxItems: limits.filesPerMessageMax });

const by = principal;
const upload = answer<RoomUpload>("RoomUpload");

/** Commands of a room about its files. All but the list are the gateway's, which names the person. */
export const roomFileCommands = {
  /** Its node: all who keep files here have their accounts told again, and what was not counted is. */
  tellStored: command({
    params: {},
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Has the accounts of people told how much they keep in the room",
  }),
  /** A file is to come. Errors: NOT_A_MEMBER, ROOM_ARCHIVED, FORBIDDEN, LIMIT_REACHED. */
  upload: command({
    params: {
      by,
      id: fileId,
      name,
      bytes: position,
      key: sealKey,
      keeps: Type.Optional(Type.Literal(true)),
      /** Nobody fetches it before a scanner has looked at it. */
      scan: Type.Optional(Type.Literal(true)),
    },
    result: upload,
    from: ["gateway"],
    effect: "changes",
    summary: "Begins an upload",
  }),
  /** Goes on with an upload: its writer before is refused from now on. Errors: NOT_FOUND, CHANGED_MEANWHILE
   *  (`offset` is another). */
  uploadTake: command({
    params: { by, id: fileId, offset: Type.Optional(position) },
    result: upload,
    from: ["gateway"],
    effect: "changes",
    summary: "Goes on with an upload",
  }),
  /** A part is kept: a new one, or one that is there in another form and not shorter. Errors: NOT_FOUND,
   *  CHANGED_MEANWHILE (another writer has taken over), BAD_REQUEST. */
  uploadPart: command({
    params: {
      by,
      id: fileId,
      epoch: position,
      index: position,
      part: blobHash,
      /** Of the part, as it was before it was sealed. */
      bytes: Type.Integer({ minimum: 1, maximum: limits.filePartBytes }),
      found: Type.Optional(foundIn),
    },
    result: upload,
    from: ["gateway"],
    effect: "changes",
    summary: "Says that a part of an upload is kept",
  }),
  /** Answers with what it was: its parts are needed no more. Error: NOT_FOUND. */
  uploadDrop: command({
    params: { by, id: fileId },
    result: upload,
    from: ["gateway"],
    effect: "changes",
    summary: "Gives up an upload",
  }),
  /** Where the bytes of a message's file are. The room's node is told, whether `by` is here or not. Errors:
   *  NOT_A_MEMBER, NOT_FOUND, FILE_BEING_CHECKED, FILE_QUARANTINED. */
  file: command({
    params: { by, id: fileId },
    result: answer<KeptFile>("KeptFile"),
    from: ["gateway", "node"],
    effect: "reads",
    summary: "Where the bytes of a file are",
  }),
  files: command({
    params: {
      /** Only those of messages with a seq below this. */
      before: Type.Optional(position),
      limit: Type.Optional(limit),
    },
    result: answer<RoomFiles>("RoomFiles"),
    from: ["client", "agent"],
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/files"],
    summary: "The files of a room, newest first",
    answers: "page",
  }),
  /** A conversation with an agent takes uploads of its owner: they are a message of the owner's own room. Asked
   *  again, it names those that it has taken for this conversation. Errors: FORBIDDEN, NOT_FOUND (`file`), BAD_REQUEST
   *  (`file` is not all here). */
  takeFiles: command({
    params: { by, conversation: key, files: Type.Array(fileId, { minItems: 1, maxItems: limits.filesPerMessageMax }) },
    result: answer<TakenFiles>("TakenFiles"),
    from: ["actor"],
    effect: "changes",
    summary: "Keeps files that an agent is shown",
  }),
  /** The conversation is forgotten: with `seq` 0, all that the room has of it. Errors: FORBIDDEN, NOT_FOUND,
   *  OVERLOADED (not all of it has gone yet). */
  dropFiles: command({
    params: { by, conversation: key, seq: position },
    result: nothing,
    from: ["actor"],
    effect: "changes",
    summary: "Deletes files that an agent was shown",
  }),
  /** For admins: a file in quarantine is let out of it, or its bytes are deleted. Errors: NOT_FOUND, ALREADY_DONE. */
  settleFile: command({
    params: {
      by: Type.String({ maxLength: 128 }),
      id: fileId,
      as: Type.Union([Type.Literal("released"), Type.Literal("removed")]),
    },
    result: answer<QuarantinedFile>("QuarantinedFile"),
    from: ["gateway"],
    effect: "changes",
    summary: "Lets a file out of quarantine, or deletes it",
  }),
  /** The room's node has made a small picture of a file. Errors: NOT_FOUND, ALREADY_DONE, CHANGED_MEANWHILE (nobody
   *  may fetch it by now). */
  fileDrawn: command({
    params: { id: fileId, seq: position, place: position, picture: madePicture },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says that there is a small picture of a file",
  }),
  /** The room's node has read a file's text, so that it is found. Without one: there is none that can be read. Errors:
   *  NOT_FOUND, CHANGED_MEANWHILE (nobody may fetch it by now). */
  fileRead: command({
    params: {
      id: fileId,
      seq: position,
      place: position,
      text: Type.String({ maxLength: limits.fileTextCharsMax }),
      /** There was no time, or no memory, for it: it is tried once more. */
      tried: Type.Optional(Type.Literal(true)),
    },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says what the text of a file is",
  }),
  /** What is found of a file. Errors: NOT_A_MEMBER, NOT_FOUND (the file is gone, or has no text). */
  fileText: command({
    params: { file: fileId },
    result: answer<FileText>("FileText"),
    from: ["client", "agent"],
    effect: "reads",
    permission: "room.read",
    http: ["GET", "/rooms/:room/files/:file/text"],
    summary: "The text of a file, as it is searched",
    answers: "page",
  }),
  /** Files of the newest messages whose text nobody has read yet: the room's node asks when it hears of the room. */
  filesUnread: command({
    params: {},
    result: answer<UnreadFiles>("UnreadFiles"),
    from: ["node"],
    effect: "reads",
    summary: "Files whose text is not read yet",
    answers: "page",
  }),
  /** Whether the room refers to a blob. Nodes that have one ask now and then, so uploads that have expired are written
   *  off with the answer. */
  fileHeld: command({
    params: { hash: blobHash },
    result: answer<FileHeld>("FileHeld"),
    from: ["node"],
    effect: "changes",
    summary: "Whether the room refers to a blob",
  }),
  /** Where a blob is: in which stripe, or with which others it may be put into one. */
  filePiece: command({
    params: { hash: blobHash },
    result: answer<FilePiece>("FilePiece"),
    from: ["node"],
    effect: "reads",
    summary: "The piece of a file that a blob belongs to",
  }),
  /** A piece is in a stripe, which the room refers to from now on; the copies are still needed. May be repeated.
   *  Errors: NOT_FOUND (the file is gone), BAD_REQUEST (there is no such piece), ALREADY_DONE (the same bytes are
   *  settled in another group). */
  fileStriped: command({
    params: { id: fileId, first: position, partBytes: position, stripe: stripeRef },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says that a piece of a file is in a stripe",
  }),
  /** Each shard of the stripe is at its holder, for good: the copies are needed no more. May be repeated. Errors:
   *  NOT_FOUND, CHANGED_MEANWHILE (the room was told of the same bytes in another group). */
  fileSettled: command({
    params: { stripe: stripeRef },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says that a stripe of a file is whole",
  }),
  /** Whether the room refers to a stripe. Nodes whose holders keep one for it ask now and then. */
  stripeHeld: command({
    params: { stripe: stripeRef },
    result: answer<FileHeld>("FileHeld"),
    from: ["node"],
    effect: "changes",
    summary: "Whether the room refers to a stripe",
  }),
} as const;

/** What a file is, and how its bytes are read. */
export interface SealedFile {
  readonly id: string;
  readonly name: string;
  /** Of the whole file. */
  readonly bytes: number;
  /** What its parts are sealed with, in base64url. */
  readonly key: string;
  /** The blobs, in order: each has `filePartBytes`, but the last. */
  readonly parts: readonly string[];
  /** The first bytes are not here yet: it is not known. */
  readonly type?: string;
  readonly width?: number;
  readonly height?: number;
}

/** An upload, as the gateway sees it. */
export interface RoomUpload extends SealedFile {
  /** How many bytes are kept. */
  readonly offset: number;
  /** Which writer this is: one with a lower number is refused. */
  readonly epoch: number;
  /** What a picture says of its place and camera stays in it. */
  readonly keeps?: true;
  /** Nobody fetches it before a scanner has looked at it. */
  readonly scan?: true;
  readonly expiresAtMs: number;
}

/** A file of a message, as the room keeps it. */
export interface KeptFile extends SealedFile {
  readonly type: string;
  readonly seq: number;
  readonly author: string;
  readonly atMs: number;
  readonly check?: FileCheck;
  /** When that was said. */
  readonly checkedAtMs?: number;
  /** What was found in it. Absent of one in quarantine: no scanner could look at it. */
  readonly signature?: string;
  /** A small picture of it, sealed by itself. */
  readonly preview?: MadePicture;
}

/** A line of the list of files. */
export interface RoomFileRow extends RoomFile {
  /** The message that has it. */
  readonly seq: number;
  readonly author: string;
  readonly atMs: number;
}

/** Answer to `files`. `more`: there are older ones; the next page begins `before` the `seq` of the last. All files of
 *  one message are in one page. */
export interface RoomFiles {
  readonly files: readonly RoomFileRow[];
  readonly more: boolean;
}

/** Answer to `fileText`: its beginning, where it is longer. */
export interface FileText {
  readonly id: string;
  readonly text: string;
}

/** Answer to `filesUnread`, newest first. */
export interface UnreadFiles {
  readonly files: readonly (RoomFileRow & {
    /** Which of the files of its message it is. */
    readonly place: number;
    /** There was no time, or no memory, for it. */
    readonly tried?: true;
  })[];
}

/** Answer to `ownFiles`, newest first. */
export interface OwnFiles {
  readonly files: readonly RoomFileRow[];
  /** There may be more of messages below this. */
  readonly next?: number;
}

/** Answer to `fileHeld`. */
export interface FileHeld {
  readonly held: boolean;
}

/** Answer to `filePiece`: parts of a file that stand together. */
export interface FilePiece {
  /** Absent: they are of no message's file. */
  readonly id?: string;
  /** The number of the first one. */
  readonly first?: number;
  /** With no others: the room does not know the blob. */
  readonly parts: readonly string[];
  readonly stripe?: FileStripe;
}

/** Where a piece of a file is. */
export interface FileStripe {
  readonly stripe: StripeRef;
  /** Of each part as it is kept, but the last one. */
  readonly partBytes: number;
  /** There need be no copies any more. */
  readonly settled?: true;
}
