/** A blob's file: its bytes, then the hashes of its leaves.
 *
 *      stream ─► piece ─ hash leaves ─► write         one piece is filled and hashed while the one before is written
 *      read ─► piece ─ compare leaves ─► the reader   one piece is read ahead while the one before is compared and used
 *
 *  A piece has many leaves: asking the system for each leaf takes longer than to hash it. So what a put or a read holds
 *  in memory is two pieces, and nothing goes faster than its slowest end. */
import { assert, failure, PlexusError } from "../../../protocols/index.ts";
import type { BlobHash, BlobRange, FileReader, FileWriter, HashedBytes } from "../../ports/index.ts";
import { hashBytes, hashLeavesIn, hashOfLeaves, leafBytes, leavesOf } from "./tree.ts";

/** The bytes that the leaves' hashes take. */
const treeBytes = (size: number): number => leavesOf(size) * hashBytes;

/** What is left for the blob in a file of some size; undefined: no blob's file has it. */
export function sizeIn(fileBytes: number): number | undefined {
  const leaves = Math.max(1, Math.ceil(fileBytes / (leafBytes + hashBytes)));
  const size = fileBytes - leaves * hashBytes;
  return size >= 0 && leavesOf(size) === leaves ? size : undefined;
}

/** The size of a blob, and its leaves' hashes, compared with its name. */
export interface Tree {
  readonly size: number;
  readonly leaves: readonly Uint8Array[];
}

/** Memory for a piece, behind the one byte that hashing its leaves takes. */
const roomFor = (bytes: number): Buffer => Buffer.allocUnsafeSlow(1 + bytes);

/** Memory of pieces that nobody reads or writes any more: new memory for each takes longer than to read or write it. As
 *  much is kept as six shards take that are written at once, each three pieces. */
const spareRooms: Buffer[] = [];
const spareMax = 18;
function spareRoom(bytes: number): Buffer {
  const at = spareRooms.findIndex(({ length }) => length === 1 + bytes);
  return at === -1 ? roomFor(bytes) : (spareRooms.splice(at, 1)[0] as Buffer);
}
function giveBack(rooms: Iterable<Buffer>): void {
  for (const room of rooms) if (spareRooms.length < spareMax) spareRooms.push(room);
}

const firstBytes = 4 * leafBytes;

/** How many bytes of a blob are synced at once now; undefined: all of them. */
export type SyncedBytes = () => number | undefined;

/** Writes a piece; with `syncedBytes` so much at a time, each on the disk before the next. What a file system has not
 *  written yet of one file, the syncs of all others wait for. */
async function writePiece(writer: FileWriter, bytes: Uint8Array, syncedBytes = Infinity): Promise<void> {
  for (let at = 0; at < bytes.length; at += syncedBytes) {
    await writer.write(bytes.subarray(at, at + syncedBytes));
    if (syncedBytes < Infinity) await writer.sync();
  }
}

/** What was written. */
export interface Made {
  readonly hash: BlobHash;
  readonly size: number;
}

/** Writes bytes that were hashed, and their leaves' hashes, and syncs them. Errors: the system's. */
export async function writeHashed(
  writer: FileWriter,
  { bytes, leaves, hash }: HashedBytes,
  syncedBytes: SyncedBytes | undefined,
): Promise<Made> {
  await writePiece(writer, bytes, syncedBytes?.());
  await writer.write(Buffer.concat(leaves));
  await writer.sync();
  return { hash, size: bytes.length };
}

/** Writes a stream and its leaves' hashes, and syncs them. Errors: TOO_LARGE, DISK_FULL, the system's, what the stream
 *  throws. */
export async function writeBlob(
  writer: FileWriter,
  stream: AsyncIterable<Uint8Array>,
  how: {
    readonly bytesMax: number;
    readonly pieceBytes: number;
    hasRoom(): boolean;
    readonly syncedBytes?: SyncedBytes | undefined;
  },
): Promise<Made> {
  const { bytesMax, pieceBytes } = how;
  assert(pieceBytes % leafBytes === 0, "a piece has whole leaves");
  const leaves: Uint8Array[] = [];
  // Most blobs are small.
  let [room, spare]: [Buffer, Buffer | undefined] = [spareRoom(Math.min(pieceBytes, firstBytes)), undefined];
  const rooms = new Set([room]);
  let filled = 0;
  let size = 0;
  let writing: Promise<void> = Promise.resolve();

  const flush = async (isLast = false): Promise<void> => {
    leaves.push(...hashLeavesIn(room.subarray(0, 1 + filled)));
    await writing;
    if (!how.hasRoom()) throw new PlexusError(failure("DISK_FULL"));
    writing = writePiece(writer, room.subarray(1, 1 + filled), how.syncedBytes?.());
    // It is awaited before the next piece; until then nobody listens.
    writing.catch(() => undefined);
    if (isLast) return;
    const other = room.length === 1 + pieceBytes ? room : undefined;
    [room, spare] = [spare ?? spareRoom(pieceBytes), other];
    rooms.add(room);
    filled = 0;
  };

  try {
    for await (const bytes of stream) {
      if (size + bytes.length > bytesMax) throw new PlexusError(failure("TOO_LARGE", { limitBytes: bytesMax }));
      // A copy: the caller may go on to use its bytes.
      for (let at = 0; at < bytes.length;) {
        const taken = Math.min(room.length - 1 - filled, bytes.length - at);
        room.set(bytes.subarray(at, at + taken), 1 + filled);
        filled += taken;
        at += taken;
        size += taken;
        if (filled === room.length - 1) await flush();
      }
    }
    if (filled > 0 || size === 0) await flush(true);
    await writing;
    assert(leaves.length === leavesOf(size), "each leaf was hashed once");
    await writer.write(Buffer.concat(leaves));
    await writer.sync();
  } finally {
    // The file is closed next.
    await writing.catch(() => undefined);
    giveBack(rooms);
  }
  return { hash: hashOfLeaves(size, leaves), size };
}

/** Makes the error of damage, and counts it. */
export type Damage = (reason: string, leaf?: number) => PlexusError;

/** How pieces are read. */
interface Reading {
  readonly pieceBytes: number;
  /** A piece may be overwritten when the next is asked for. */
  readonly reused: boolean;
  readonly damage: Damage;
}

/** A piece that was read, with the hashes that its leaves have. */
interface Piece {
  readonly leaf: number;
  readonly bytes: Uint8Array;
  readonly hashes: readonly Uint8Array[];
}

/** The pieces of a blob from one leaf on, before another, one read ahead. Not compared with anything. */
async function* pieces(
  reader: FileReader,
  { first, last, size }: { readonly first: number; readonly last: number; readonly size: number },
  { pieceBytes, reused }: Omit<Reading, "damage">,
): AsyncGenerator<Piece> {
  const leavesAtOnce = pieceBytes / leafBytes;
  const end = Math.min(size, last * leafBytes);
  const rooms: Buffer[] = [];
  const readAt = async (leaf: number): Promise<{ readonly room: Buffer; readonly bytes: Uint8Array }> => {
    const from = leaf * leafBytes;
    const length = Math.max(0, Math.min(pieceBytes, end - from));
    // One is being used and one is filled.
    const known = reused && rooms.length >= 2 ? rooms.shift() : undefined;
    const room = known ?? (reused ? spareRoom(pieceBytes) : roomFor(length));
    if (reused) rooms.push(room);
    return { room, bytes: await reader.read(from, length, room.subarray(1)) };
  };
  const startAt = (leaf: number): ReturnType<typeof readAt> => {
    const reading = readAt(leaf);
    // It is awaited before the next piece; until then nobody listens.
    reading.catch(() => undefined);
    return reading;
  };
  let ahead = startAt(first);
  try {
    for (let leaf = first; leaf < last; leaf += leavesAtOnce) {
      const { room, bytes } = await ahead;
      if (leaf + leavesAtOnce < last) ahead = startAt(leaf + leavesAtOnce);
      assert(
        bytes.buffer === room.buffer && bytes.byteOffset === room.byteOffset + 1,
        "it was read where it was to be",
      );
      yield { leaf, bytes, hashes: hashLeavesIn(room.subarray(0, 1 + bytes.length)) };
    }
  } finally {
    // The file is closed next.
    await ahead.catch(() => undefined);
    giveBack(rooms);
  }
}

/** Reads the leaves' hashes and compares them with the name. Where they are wrong and the bytes are not, they are made
 *  anew. */
export async function readTree(
  reader: FileReader,
  hash: BlobHash,
  { bytesMax, pieceBytes, damage }: Omit<Reading, "reused"> & { readonly bytesMax: number },
): Promise<Tree> {
  const size = sizeIn(reader.size);
  if (size === undefined || size > bytesMax) throw damage(`a file of ${reader.size} bytes is not a blob`);
  const count = leavesOf(size);
  const stored = await reader.read(size, treeBytes(size));
  const leaves = Array.from({ length: count }, (_, leaf) => stored.subarray(leaf * hashBytes, (leaf + 1) * hashBytes));
  if (stored.length === treeBytes(size) && hashOfLeaves(size, leaves) === hash) return { size, leaves };
  const anew: Uint8Array[] = [];
  for await (const { hashes } of pieces(reader, { first: 0, last: count, size }, { pieceBytes, reused: true })) {
    // Shorter than it was a moment ago.
    if (anew.length + hashes.length > count) break;
    anew.push(...hashes);
  }
  if (anew.length !== count || hashOfLeaves(size, anew) !== hash) throw damage("it is not what its name says");
  return { size, leaves: anew };
}

/** All of a blob in one step, compared with its name; the hashes that are stored with it are not asked. For blobs that
 *  fit into memory. Error: that of `damage`. */
export async function readWhole(
  reader: FileReader,
  hash: BlobHash,
  { bytesMax, damage }: Omit<Reading, "reused" | "pieceBytes"> & { readonly bytesMax: number },
): Promise<Uint8Array> {
  const size = sizeIn(reader.size);
  if (size === undefined || size > bytesMax) throw damage(`a file of ${reader.size} bytes is not a blob`);
  const room = roomFor(size);
  const bytes = await reader.read(0, size, room.subarray(1));
  if (bytes.length < size || hashOfLeaves(size, hashLeavesIn(room)) !== hash)
    throw damage("it is not what its name says");
  return bytes;
}

/** The same, compared with nothing; in `into` where that has room. Error: that of `damage`. */
export async function readUncompared(
  reader: FileReader,
  { bytesMax, damage }: Omit<Reading, "reused" | "pieceBytes"> & { readonly bytesMax: number },
  into: Buffer | undefined,
): Promise<Uint8Array> {
  const size = sizeIn(reader.size);
  if (size === undefined || size > bytesMax) throw damage(`a file of ${reader.size} bytes is not a blob`);
  const room = into !== undefined && into.length >= size ? into.subarray(0, size) : Buffer.allocUnsafeSlow(size);
  const bytes = await reader.read(0, size, room);
  if (bytes.length < size) throw damage("its end is missing");
  return bytes;
}

/** Whether a file has the bytes of its name. The hashes that are stored with them are not asked. */
export async function isWell(
  reader: FileReader,
  hash: BlobHash,
  { bytesMax, pieceBytes }: Omit<Reading, "reused" | "damage"> & { readonly bytesMax: number },
): Promise<boolean> {
  const size = sizeIn(reader.size);
  if (size === undefined || size > bytesMax) return false;
  const count = leavesOf(size);
  const made: Uint8Array[] = [];
  for await (const { hashes } of pieces(reader, { first: 0, last: count, size }, { pieceBytes, reused: true })) {
    // Shorter than it was a moment ago.
    if (made.length + hashes.length > count) return false;
    made.push(...hashes);
  }
  return made.length === count && hashOfLeaves(size, made) === hash;
}

/** A part of a blob, each leaf of it compared. Error: that of `damage`. */
export async function* readBlob(
  reader: FileReader,
  { size, leaves }: Tree,
  { start, end }: BlobRange,
  reading: Reading,
): AsyncGenerator<Uint8Array> {
  const { pieceBytes, damage } = reading;
  const first = Math.floor(start / leafBytes);
  const last = Math.max(Math.ceil(end / leafBytes), first);
  for await (const { leaf, bytes, hashes } of pieces(reader, { first, last, size }, reading)) {
    const from = leaf * leafBytes;
    const wanted = Math.min(pieceBytes, Math.min(size, last * leafBytes) - from);
    for (const [at, made] of hashes.entries()) {
      const expected = leaves[leaf + at];
      if (expected === undefined || Buffer.compare(made, expected) !== 0)
        throw damage("it is not what was written", leaf + at);
    }
    if (bytes.length < wanted) throw damage("its end is missing", leaf + leavesOf(bytes.length));
    yield bytes.subarray(Math.max(0, start - from), end - from);
  }
}
