/** Where things lie in the store, and how their bytes are guarded.
 *
 *      meta/format                     what wrote this folder
 *      head/<slot>                     fence, last seq and checksum, where the log begins     (rewritten by each commit)
 *      log/<slot>/<first seq>          a chunk: the entries one commit added to this slot
 *      snap/<slot>/<actor>             folded state
 *      side/<space>/<slot>/<actor>/…   what entries put beside the log: records, reminders, …
 *
 *  A chunk is frames, each  length u32 · checksum u32 · payload.  The checksum of an entry continues the checksum of the
 *  entry before it, so a missing, swapped or foreign entry is found as surely as a flipped bit. Every other value is
 *  sealed: checksum u32 (seeded by its key) · payload. */
import { crc32 } from "node:zlib";
import { assert, decode, encode, type ActorId, type SlotId } from "../../protocols/index.ts";

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

/** What a log that starts from nothing continues: differs by slot, so that a chunk of another slot never fits. */
export const genesisChecksum = (slot: SlotId): number => crc32(slot);

/** How deep in an event a value is looked for that is kept beside the log too. */
const sharedDepthMax = 2;

/** Where a value lies: the event's number, and keys from the outside in. */
type Path = readonly [event: number, ...keys: string[]];

/** The events and the objects within them, each with its place. */
function placesIn(events: readonly unknown[]): ReadonlyMap<unknown, Path> {
  const places = new Map<unknown, Path>();
  const add = (value: unknown, path: Path): void => {
    if (typeof value !== "object" || value === null || Array.isArray(value) || value instanceof Uint8Array) return;
    if (!places.has(value)) places.set(value, path);
    if (path.length > sharedDepthMax) return;
    for (const key in value) add((value as Readonly<Record<string, unknown>>)[key], [...path, key]);
  };
  for (const [number, event] of events.entries()) add(event, [number]);
  return places;
}

/** Side values that are one of the entry's own events, or a part of one, are stored as a reference to it. */
function packSide(op: SideOp, places: ReadonlyMap<unknown, Path>): unknown[] {
  if ("split" in op) return ["", 4, op.split];
  if ("drop" in op) return ["", 5, op.drop];
  if ("delete" in op) return [op.space, 1, op.delete];
  if ("deleteFrom" in op) return [op.space, 2, op.deleteFrom, op.deleteTo];
  const place = places.get(op.value);
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
  const [event, ...keys] = row.slice(3) as unknown as Path;
  const value = keys.reduce((whole, part) => (whole as Readonly<Record<string, unknown>>)[part], events[event]);
  return { space, put: key, value };
}

/** The payload of an entry's frame. */
export function encodeEntry(epoch: number, seq: number, entry: Omit<Entry, "epoch" | "seq">): Uint8Array {
  const { atMs, actor, events, answers, side } = entry;
  const keepsObjects = side.some((op) => "put" in op && typeof op.value === "object");
  const places = keepsObjects ? placesIn(events) : new Map<unknown, Path>();
  return encode([epoch, seq, atMs, actor, events, answers, side.map((op) => packSide(op, places))]);
}

function decodeEntry(payload: Uint8Array): Entry {
  const row = decode(payload) as readonly unknown[];
  const events = row[4] as readonly unknown[];
  return {
    epoch: row[0] as number,
    seq: row[1] as number,
    atMs: row[2] as number,
    actor: row[3] as ActorId,
    events,
    answers: row[5] as Entry["answers"],
    side: (row[6] as readonly (readonly unknown[])[]).map((packed) => unpackSide(packed, events)),
  };
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
    const entry = decodeEntry(payload);
    if (entry.seq !== seq) return damaged(`the entry says seq ${entry.seq}`);
    entries.push(entry);
    chained = expected;
    offset = end;
  }
  return { entries, checksum: chained };
}
