/** Where things lie in the store, and how their bytes are guarded.
 *
 *      meta/format                     what wrote this folder
 *      head/<slot>                     fence, last seq and checksum, where the log begins    (rewritten by each commit)
 *      log/<slot>/<first seq>          a chunk: the entries one commit added to this slot
 *      snap/<slot>/<actor>             folded state
 *      side/<space>/<slot>/<actor>/…   what entries put beside the log: records, reminders, …
 *
 *  A chunk is frames, each length u32 · checksum u32 · payload. The checksum of an entry continues the checksum of the
 *  entry before it, so a missing, swapped or foreign entry is found as surely as a flipped bit. Every other value is
 *  sealed: checksum u32 (seeded by its key) · payload. */
import { crc32 } from "node:zlib";
import {
  assert,
  decode,
  encode,
  failure,
  isRoleSlot,
  parseActorId,
  PlexusError,
  type ActorId,
  type SlotId,
} from "../../protocols/index.ts";
import { seal, unseal } from "../data-folder/seal.ts";

export const formatVersion = 1;
export const formatKey = "meta/format";
/** Every key there is, other parts' as well: each begins with a word. */
export const everything = { gte: "", lt: "~" } as const;

const seqDigits = 16;
const headerBytes = 8;

export const paddedSeq = (seq: number): string => String(seq).padStart(seqDigits, "0");
export const headKey = (slot: SlotId): string => `head/${slot}`;
export const logPrefix = (slot: SlotId): string => `log/${slot}/`;
export const logKey = (slot: SlotId, firstSeq: number): string => `log/${slot}/${paddedSeq(firstSeq)}`;
export const snapshotKey = (slot: SlotId, actor: ActorId): string => `snap/${slot}/${actor}`;
export const sidePrefix = (space: Space, slot: SlotId): string => `side/${space}/${slot}/`;
export const sideKey = (space: Space, slot: SlotId, actor: ActorId, key: string): string =>
  `side/${space}/${slot}/${actor}/${key}`;

/** The keys that start with a prefix ending in `/`. */
export const within = (prefix: string): { readonly gte: string; readonly lt: string } => {
  assert(prefix.endsWith("/"), "a key prefix ends in a slash");
  return { gte: prefix, lt: `${prefix.slice(0, -1)}0` }; // "0" follows "/" in ASCII
};

/** Folded state of an actor, up to and including entry `seq`. */
export interface Snapshot {
  readonly seq: number;
  readonly body: unknown;
}

export const sealSnapshot = (key: string, { seq, body }: Snapshot): Uint8Array => seal(key, [seq, body]);

/** Opens a snapshot that `sealSnapshot` closed. Error: DATA_DAMAGED, also when the bytes are no snapshot. */
export function unsealSnapshot(key: string, sealed: Uint8Array, location: string): Snapshot {
  const row = unseal(key, sealed, location);
  if (!Array.isArray(row) || row.length !== 2 || !Number.isSafeInteger(row[0]) || row[0] < 0)
    throw new PlexusError(failure("DATA_DAMAGED", { key, file: location, reason: "it is not a snapshot" }));
  return { seq: row[0] as number, body: row[1] as unknown };
}

/** What an entry keeps beside the log, in the same batch. */
export const spaces = ["record", "reminder", "wake", "quarantine", "dead"] as const;
export type Space = (typeof spaces)[number];

/** Where an actor's side values lie. */
export const actorKeys = (
  slot: SlotId,
  actor: ActorId,
): readonly { readonly space: Space; readonly prefix: string }[] =>
  spaces.map((space) => ({ space, prefix: sideKey(space, slot, actor, "") }));

export type SideOp =
  | { readonly space: Space; readonly put: string; readonly value: unknown }
  | { readonly space: Space; readonly delete: string }
  | { readonly space: Space; readonly deleteFrom: string; readonly deleteTo: string }
  /** Copies everything the actor has into a slot of its own, named like the actor. */
  | { readonly split: ActorId }
  /** Deletes everything the actor has here: it lives in its own slot now. */
  | { readonly drop: ActorId };

/** Whether operations change records, or take an actor with its records out of the slot. What is derived from records
 *  has nothing to read in an entry that does neither. */
export const changesRecords = (side: readonly SideOp[]): boolean =>
  side.some((op) => "drop" in op || ("space" in op && op.space === "record"));

/** One append: what one turn of one actor changed. */
export interface Entry {
  readonly epoch: number;
  readonly seq: number;
  readonly atMs: number;
  readonly actor: ActorId;
  readonly events: readonly unknown[];
  /** Operations this turn answered, with their answers. */
  readonly answers: readonly (readonly [operation: string, result: unknown])[];
  readonly side: readonly SideOp[];
}

/** A slot's log as the store knows it. Entries (baseSeq, lastSeq] are there. */
export interface Head {
  /** The lowest epoch whose appends are accepted. Never falls. */
  readonly fence: number;
  /** The epoch whose owner's log this one is known to be the beginning of. */
  readonly continues: number;
  /** Rises when data was lost or thrown away. */
  readonly incarnation: number;
  /** A transfer is under way: the rows are neither old nor new. */
  readonly incomplete: boolean;
  readonly lastEpoch: number;
  readonly lastSeq: number;
  readonly lastChecksum: number;
  readonly baseSeq: number;
  readonly baseChecksum: number;
}

/** Why no log can have this head; undefined: one can. Asserted before a head is written, refused where one is read. */
export function headFault({ fence, continues, lastEpoch, baseSeq, lastSeq }: Head): string | undefined {
  if (baseSeq > lastSeq) return "the log would end before it begins";
  if (lastEpoch > fence) return "an entry would be of an epoch beyond the fence";
  return continues > fence ? "the log would continue an epoch beyond the fence" : undefined;
}

/** The checksum that the first entry of a log continues. It differs by slot, so that a chunk of another slot never
 *  fits. */
export const genesisChecksum = (slot: SlotId): number => crc32(slot);

/** How deep in an event a value is looked for that is kept beside the log too. */
const sharedDepthMax = 2;

/** Where a value lies: the event's number, and keys from the outside in. */
type Path = readonly [event: number, ...keys: string[]];

const isFields = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Uint8Array);

/** Where this very object is among the events and the objects within them. */
function placeOf(wanted: unknown, events: readonly unknown[]): Path | undefined {
  if (!isFields(wanted)) return undefined;
  for (let number = 0; number < events.length; number += 1) {
    const keys = keysTo(wanted, events[number], sharedDepthMax);
    if (keys !== undefined) return [number, ...keys];
  }
  return undefined;
}

/** The keys from an object to one within it, at most so deep. */
function keysTo(wanted: object, whole: unknown, depth: number): readonly string[] | undefined {
  if (whole === wanted) return [];
  if (depth === 0 || !isFields(whole)) return undefined;
  for (const key in whole) {
    const keys = keysTo(wanted, whole[key], depth - 1);
    if (keys !== undefined) return [key, ...keys];
  }
  return undefined;
}

/** Side values that are one of the entry's own events, or a part of one, are stored as a reference to it. */
function packSide(op: SideOp, events: readonly unknown[]): unknown[] {
  if ("split" in op) return ["", 4, op.split];
  if ("drop" in op) return ["", 5, op.drop];
  if ("delete" in op) return [op.space, 1, op.delete];
  if ("deleteFrom" in op) return [op.space, 2, op.deleteFrom, op.deleteTo];
  const place = placeOf(op.value, events);
  return place ? [op.space, 3, op.put, ...place] : [op.space, 0, op.put, op.value];
}

function unpackSide(row: readonly unknown[], events: readonly unknown[]): SideOp {
  const space = row[0] as Space;
  const key = row[2] as string;
  if (row[1] === 4) return { split: key as ActorId };
  if (row[1] === 5) return { drop: key as ActorId };
  if (row[1] === 1) return { space, delete: key };
  if (row[1] === 2) return { space, deleteFrom: key, deleteTo: row[3] as string };
  if (row[1] === 0) return { space, put: key, value: row[3] };
  if (row[1] !== 3) throw new Error("a side operation that nobody knows");
  return { space, put: key, value: (row.slice(3) as unknown as Path).reduce(partOf, events) };
}

function partOf(whole: unknown, key: string | number): unknown {
  if (typeof whole !== "object" || whole === null || !Object.hasOwn(whole, key))
    throw new Error("a reference that leads nowhere");
  return (whole as Readonly<Record<string, unknown>>)[key];
}

/** The payload of an entry's frame. */
export function encodeEntry(epoch: number, seq: number, entry: Omit<Entry, "epoch" | "seq">): Uint8Array {
  const { atMs, actor, events, answers, side } = entry;
  return encode([epoch, seq, atMs, actor, events, answers, side.map((op) => packSide(op, events))]);
}

/** Throws when it is no entry at all. That its fields are what an entry's are is for `misfitOf` to say. */
function decodeEntry(payload: Uint8Array): Entry {
  const row = decode(payload) as readonly unknown[];
  const seq = row[1];
  if (typeof seq !== "number") throw new Error("an entry without a seq");
  const events = row[4] as readonly unknown[];
  return {
    epoch: row[0] as number,
    seq,
    atMs: row[2] as number,
    actor: row[3] as ActorId,
    events,
    answers: row[5] as Entry["answers"],
    side: (row[6] as readonly (readonly unknown[])[]).map((packed) => unpackSide(packed, events)),
  };
}

/** Whether an actor of this slot can have this name. A slot is a role's share, or one actor's own and named like the
 *  actor. Which kinds belong to a role, and which actors have left for slots of their own, is not known here. */
export const mayHold = (slot: SlotId, actor: unknown): boolean =>
  typeof actor === "string" && parseActorId(actor) !== undefined && (isRoleSlot(slot) || actor === slot);

/** Why no owner of the slot can have appended this entry in `epoch` or before; undefined: an owner can have. Entries of
 *  another node are judged by this before any operation of theirs is done, because side operations reach the keys and
 *  slots that they name. */
export function misfitOf(entry: Entry, slot: SlotId, epoch: number): string | undefined {
  const { actor, atMs, events, answers } = entry;
  if (!mayHold(slot, actor)) return "an entry of no actor of this slot";
  if (!Number.isSafeInteger(entry.epoch) || entry.epoch < 1 || entry.epoch > epoch)
    return "an entry of no epoch that has been";
  const isAnswer = (answer: unknown): boolean => Array.isArray(answer) && typeof answer[0] === "string";
  if (typeof atMs !== "number" || !Array.isArray(events) || !Array.isArray(answers) || !answers.every(isAnswer))
    return "an entry with fields that are none";
  for (const op of entry.side) {
    const misfit = sideMisfitOf(op, slot, actor);
    if (misfit !== undefined) return misfit;
  }
  return undefined;
}

function sideMisfitOf(op: SideOp, slot: SlotId, actor: ActorId): string | undefined {
  if ("split" in op || "drop" in op) {
    if (("split" in op ? op.split : op.drop) !== actor) return "another actor that leaves";
    // The new slot is named like the actor: that name must be neither a role's slot nor this one.
    return isRoleSlot(actor) || !isRoleSlot(slot) ? "an actor that leaves for no slot of its own" : undefined;
  }
  if (!spaces.includes(op.space)) return "a space that is none";
  const keys: readonly unknown[] = "put" in op ? [op.put] : "delete" in op ? [op.delete] : [op.deleteFrom, op.deleteTo];
  if (!keys.every((key) => typeof key === "string")) return "a side value under no key";
  return "put" in op && !mayPut(op.space, op.value) ? `a value that is no ${op.space}` : undefined;
}

/** Checks the fields that a node acquiring the slot relies on. */
function mayPut(space: Space, value: unknown): boolean {
  if (space === "reminder") return typeof value === "number";
  if (space === "quarantine" || space === "dead") return typeof value === "object" && value !== null;
  return true;
}

/** Joins payloads to a chunk that continues `checksum`. Returns the chunk and the checksum of its last entry. */
export function encodeChunk(
  payloads: readonly Uint8Array[],
  checksum: number,
): { bytes: Uint8Array; checksum: number } {
  const bytes = Buffer.allocUnsafe(payloads.reduce((sum, payload) => sum + headerBytes + payload.length, 0));
  let offset = 0;
  let chained = checksum;
  for (const payload of payloads) {
    chained = crc32(payload, chained);
    bytes.writeUInt32LE(payload.length, offset);
    bytes.writeUInt32LE(chained, offset + 4);
    bytes.set(payload, offset + headerBytes);
    offset += headerBytes + payload.length;
  }
  return { bytes, checksum: chained };
}

/** Reads a chunk whose first entry must be `firstSeq` and continue `checksum`. `damage` names what does not fit, at
 *  `seq`; the entries before it are good. */
export function decodeChunk(
  chunk: Uint8Array,
  firstSeq: number,
  checksum: number,
): { entries: Entry[]; checksum: number; damage?: { seq: number; reason: string } } {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const entries: Entry[] = [];
  let chained = checksum;
  let offset = 0;
  while (offset < bytes.length) {
    const seq = firstSeq + entries.length;
    const damaged = (reason: string) => ({ entries, checksum: chained, damage: { seq, reason } });
    if (offset + headerBytes > bytes.length) return damaged("the chunk ends inside a frame header");
    const end = offset + headerBytes + bytes.readUInt32LE(offset);
    if (end > bytes.length) return damaged("the chunk ends inside an entry");
    const payload = bytes.subarray(offset + headerBytes, end);
    const expected = bytes.readUInt32LE(offset + 4);
    if (crc32(payload, chained) !== expected) return damaged("checksum mismatch");
    let entry: Entry;
    try {
      entry = decodeEntry(payload);
    } catch {
      return damaged("no entry");
    }
    if (entry.seq !== seq) return damaged(`the entry says seq ${entry.seq}`);
    entries.push(entry);
    chained = expected;
    offset = end;
  }
  return { entries, checksum: chained };
}

/** An entry of a chunk that may stand behind a gap, with its bytes. */
export interface LooseEntry {
  readonly entry: Entry;
  readonly payload: Uint8Array;
  readonly checksum: number;
}

/** The entries of a chunk that can be read, each by itself: those behind one that cannot be as well. `before` is the
 *  checksum that the first continues, where it is known. */
export function looseEntries(chunk: Uint8Array, firstSeq: number, before: number | undefined): readonly LooseEntry[] {
  const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
  const entries: LooseEntry[] = [];
  let continued = before;
  let seq = firstSeq;
  for (let offset = 0; offset + headerBytes <= bytes.length; seq += 1) {
    const end = offset + headerBytes + bytes.readUInt32LE(offset);
    if (end > bytes.length) break;
    const payload = bytes.subarray(offset + headerBytes, end);
    const checksum = bytes.readUInt32LE(offset + 4);
    if (continued === undefined || crc32(payload, continued) === checksum) {
      try {
        const entry = decodeEntry(payload);
        if (entry.seq === seq) entries.push({ entry, payload, checksum });
      } catch {
        // The entry cannot be read, and is left out.
      }
    }
    continued = checksum;
    offset = end;
  }
  return entries;
}
