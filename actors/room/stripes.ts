/** Pieces of messages' files that lie in stripes on the storage nodes, and no longer beside the room.
 *
 *      filePiece ─► parts that stand together ─ put by the node ─► fileStriped ─ kept, whole ─► fileSettled: no copies
 *                                                                   └ the file is gone: refused, and the put ends
 *
 *  The room is asked before and after; the bytes are the node's business (`node/bulk/attachments`). In records are
 *
 *      striped/ID    a stripe, and which parts of which file are in it
 *      part/HASH     the file that has the blob, and its stripe, where it is in one
 *
 *  A file that is gone has no `part/…` any more: so a stripe is needed while that of its first part names it. What is
 *  known of the stripe goes when it is asked for the next time.
 *
 *  A stripe's id is the name of its bytes: put again into another group they have the same id, and are another stripe.
 *  So what is said of a stripe names all of its descriptor, and nothing is written by what was read before a change.
 *
 *  Invariant: a blob whose stripe is not settled is needed. No backup has `striped/…`: where one is restored there are
 *  no such stripes, and the parts are copied, as their bytes come. */
import {
  sameStripe,
  type CommandOf,
  type FileHeld,
  type FilePiece,
  type KeptFile,
  type roomCommands,
} from "../../protocols/index.ts";
import { note, persist, refuse, reply, type ActorRecord, type Effect, type ReplyTo, type Turn } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { StripesOwn } from "./effects.ts";
import { messageInMemory } from "./state.ts";
import type { Room, RoomChange, RoomNotes, Striped, StripingChange } from "./shape.ts";
import {
  fileKey,
  keptKey,
  ofPart,
  partKey,
  stripedKey,
  uploadsAt,
  type PartValue,
  type PicturePlace,
  type Place,
} from "./uploads.ts";

type Command = CommandOf<typeof roomCommands>;
type Asked = Extract<Command, { type: StripesOwn }>;
type Here = Turn<RoomNotes>;
type Effects = readonly Effect<RoomChange, Partial<RoomNotes>>[];

/** Tag of a read behind such a question: what is read now, and what was. */
export interface StripeTag {
  readonly type: "striping";
  readonly asked: Asked;
  /** `known`: the stripe of `fileStriped`; `first`: the first part of `striped`. */
  readonly read: "part" | "stripe" | "place" | "kept" | "known" | "first";
  readonly file?: string;
  readonly kept?: KeptFile;
  readonly striped?: Striped;
  /** `stripings` of the notes when it was asked. */
  readonly since: number;
  readonly to: ReplyTo | undefined;
}

const read = (key: string, tag: StripeTag): Effect<never, never> => ({
  type: "read",
  range: { from: key, to: `${key}!`, limit: 1 },
  tag,
});

const striping = (is: StripingChange["is"], striped: Striped, { since }: StripeTag): Effects => [
  persist({ type: "readMarked", member: "", seq: 0, striping: { is, striped } }),
  note({ stripings: since + 1 }),
];

/** Answers a node, or looks first. */
export function aboutStripes(room: Room, asked: Asked, turn: Here): Effects {
  const tag = { type: "striping", asked, since: turn.notes.stripings ?? 0, to: turn.replyTo } as const;
  switch (asked.type) {
    case "filePiece": {
      const upload = uploadsAt(room, turn.nowMs).find(({ parts }) => parts.includes(asked.hash));
      if (upload !== undefined) return [reply({ parts: upload.parts } satisfies FilePiece)];
      return [read(partKey(asked.hash), { ...tag, read: "part" })];
    }
    case "fileStriped":
      return [read(fileKey(asked.id), { ...tag, read: "place" })];
    default:
      return [read(stripedKey(asked.stripe.id), { ...tag, read: "stripe" })];
  }
}

/** A message, or a file of it, may have gone while records were read. */
function isGone(room: Room, { seq, id }: { readonly seq: number; readonly id: string }): boolean {
  const message = messageInMemory(room, seq);
  if (message?.deletedAtMs !== undefined) return true;
  return message?.files?.some((file) => file.id === id && file.check === "removed") === true;
}

/** What a question comes to where there is nothing. */
function nothingOf(tag: StripeTag): Effects {
  const { asked, striped, to } = tag;
  if (asked.type === "filePiece") return [reply({ parts: [] } satisfies FilePiece, to)];
  const left = striped === undefined ? [] : striping("left", striped, tag);
  if (asked.type === "stripeHeld") return [...left, reply({ held: false } satisfies FileHeld, to)];
  return [refuse("NOT_FOUND", asked.type === "fileStriped" ? { file: asked.id } : { stripe: asked.stripe.id }, to)];
}

/** A record arrived. */
export function onStripingRead(room: Room, tag: StripeTag, records: readonly ActorRecord[], turn: Here): Effects {
  const { replyTo: _before, ...here } = turn;
  if ((turn.notes.stripings ?? 0) !== tag.since)
    return aboutStripes(room, tag.asked, { ...here, ...(tag.to && { replyTo: tag.to }) });
  const value = records[0]?.value;
  if (tag.read === "known") return onTold(room, tag, value as Striped | undefined);
  // In a cluster that was restored the part is copied.
  if (value === undefined && tag.read === "stripe" && tag.file !== undefined)
    return [read(fileKey(tag.file), { ...tag, read: "place" })];
  if (value === undefined) return nothingOf(tag);
  switch (tag.read) {
    case "part": {
      const { file, stripe } = ofPart(value as PartValue);
      const next = { ...tag, file };
      return stripe === undefined
        ? [read(fileKey(file), { ...next, read: "place" })]
        : [read(stripedKey(stripe), { ...next, read: "stripe" })];
    }
    case "stripe":
      return onStriped(room, tag, value as Striped);
    case "first":
      return onFirst(room, tag, value as PartValue);
    case "place": {
      const { seq, place } = value as Place;
      // The picture of a preview: its blob is all there is of it.
      if ("picture" in (value as PicturePlace)) return wholeOf(tag);
      return [read(keptKey(seq, place), { ...tag, read: "kept" })];
    }
    default:
      return onKept(room, tag, value as KeptFile);
  }
}

/** A stripe that the room was told of. */
function onStriped(room: Room, tag: StripeTag, striped: Striped): Effects {
  const { id, first, parts, seq: _seq, ...stripe } = striped;
  if (isGone(room, striped)) return nothingOf({ ...tag, striped });
  if (tag.asked.type === "filePiece") return [reply({ id, first, parts, stripe } satisfies FilePiece, tag.to)];
  return [read(partKey(parts[0] ?? ""), { ...tag, read: "first", striped })];
}

/** The first part of a stripe is there: the stripe is needed if it is still the one that it is in. */
function onFirst(room: Room, tag: StripeTag, part: PartValue): Effects {
  const { asked, striped, to } = tag;
  if (striped === undefined || isGone(room, striped) || ofPart(part).stripe !== striped.stripe.id)
    return nothingOf(tag);
  if (asked.type !== "stripeHeld" && asked.type !== "fileSettled") return nothingOf(tag);
  const isIt = sameStripe(asked.stripe, striped.stripe);
  // Until one is settled, whichever was told last, each may be the one that comes to be.
  if (asked.type === "stripeHeld") return [reply({ held: isIt || striped.settled !== true } satisfies FileHeld, to)];
  if (!isIt) return [refuse("CHANGED_MEANWHILE", { stripe: asked.stripe.id, group: striped.stripe.group }, to)];
  return [...(striped.settled === true ? [] : striping("settled", striped, tag)), reply({}, to)];
}

/** A small picture is one blob, which stays copied. */
const wholeOf = (tag: StripeTag): Effects =>
  tag.asked.type === "filePiece" && tag.file !== undefined
    ? [reply({ id: tag.file, first: 0, parts: [tag.asked.hash] } satisfies FilePiece, tag.to)]
    : nothingOf(tag);

/** A file of a message: what is asked is about one of its pieces. */
function onKept(room: Room, tag: StripeTag, kept: KeptFile): Effects {
  const { asked, to } = tag;
  if (isGone(room, kept)) return nothingOf(tag);
  if (asked.type === "filePiece") {
    if (kept.preview?.part === asked.hash) return wholeOf(tag);
    const index = kept.parts.indexOf(asked.hash);
    const first = index - (index % limits.filePieceParts);
    return [reply(index < 0 ? { parts: [] } : { id: kept.id, first, parts: pieceFrom(kept, first) }, to)];
  }
  if (asked.type !== "fileStriped") return nothingOf(tag);
  const { first, partBytes, stripe } = asked;
  const count = pieceFrom(kept, first).length;
  const isPiece = first % limits.filePieceParts === 0 && count > 1;
  if (isPiece && stripe.sizeBytes > (count - 1) * partBytes && stripe.sizeBytes <= count * partBytes)
    return [read(stripedKey(stripe.id), { ...tag, read: "known", kept })];
  return [refuse("BAD_REQUEST", { file: kept.id, problem: "it has no such piece", first }, to)];
}

/** What is told again is settled as it was, and no other takes its place. */
function onTold(room: Room, tag: StripeTag, known: Striped | undefined): Effects {
  const { asked, kept, to } = tag;
  if (asked.type !== "fileStriped" || kept === undefined || isGone(room, kept)) return nothingOf(tag);
  const { first, partBytes, stripe } = asked;
  if (known?.settled === true && !sameStripe(stripe, known.stripe))
    return [refuse("ALREADY_DONE", { stripe: stripe.id, group: known.stripe.group }, to)];
  if (known?.settled === true) return [reply({}, to)];
  const striped = { id: kept.id, seq: kept.seq, first, parts: pieceFrom(kept, first), partBytes, stripe };
  return [...striping("striped", striped, tag), reply({}, to)];
}

const pieceFrom = ({ parts }: KeptFile, first: number): readonly string[] =>
  parts.slice(first, first + limits.filePieceParts);
