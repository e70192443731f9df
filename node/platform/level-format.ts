/** How LevelDB lays out its files: what `level-files.ts` and `level-reader.ts` take apart.
 *
 *      NNNNNN.ldb       tables: everything but the newest rows, by key
 *        block · type u8 · checksum u32    … data blocks, their filter, the index of filters, the index
 *        handle of the index of filters · handle of the index · zeros · magic       the last 48 bytes
 *      NNNNNN.log       the newest batches, in their order:  sequence u64 · count u32 · (type u8 · key [· value]) …
 *      MANIFEST-NNNNNN  which tables and which log count; named by CURRENT. It and the logs are made of
 *        checksum u32 · length u16 · type u8 · part of a record        none of them across a multiple of 32 KiB
 *
 *  A handle is two varints, offset and length. Index: for each data block a key that is not before its last, and its
 *  handle. Each operation has a sequence number, one more than the one before it. The key of a row in a table ends with
 *  sequence << 8 | type, type 1 for a value and 0 for a deletion: of several rows with one key the highest counts.
 *
 *  Source: doc/table_format.md, doc/log_format.md, db/dbformat.h, db/write_batch.cc and db/version_edit.cc of LevelDB
 *  1.20; format_description.txt of snappy. */

/** A part of a file. */
export interface Handle {
  readonly offset: number;
  readonly length: number;
}

/** A row as LevelDB has it: one version of what is under a key. */
export interface LevelRow {
  readonly key: string;
  readonly sequence: number;
  /** Undefined: it was deleted. */
  readonly value: Uint8Array | undefined;
}

// --- tables ----------------------------------------------------------------------------------------------------------

export const footerBytes = 48;
const magic = Buffer.from("57fb808b247547db", "hex");
export const trailerBytes = 5;
/** Behind each key of a table: what LevelDB adds to tell versions of a row apart. */
const versionBytes = 8;

/** Where a table says that its filters and its index are; undefined when these are not the last bytes of a table. */
export function footerOf(bytes: Buffer): { readonly filters: Handle; readonly index: Handle } | undefined {
  if (bytes.length < footerBytes || !bytes.subarray(-magic.length).equals(magic)) return undefined;
  const reader = new Reader(bytes);
  const filters = reader.handle();
  const index = reader.handle();
  return filters && index && { filters, index };
}

/** The contents of a block with its trailer, which begins at `at` of `bytes`; undefined when it is damaged. */
export function blockAt(bytes: Buffer, { offset, length }: Handle): Buffer | undefined {
  if (!isWhole(bytes, { offset, length })) return undefined;
  const block = bytes.subarray(offset, offset + length);
  return bytes[offset + length] === 0 ? block : decompressed(block);
}

/** Whether a block is what was written. */
export function isWhole(bytes: Buffer, { offset, length }: Handle): boolean {
  if (offset + length + trailerBytes > bytes.length) return false;
  const stored = bytes.readUInt32LE(offset + length + 1);
  return checksumOf(bytes.subarray(offset, offset + length + 1)) === stored;
}

/** A block's rows are  shared · own · value length · own part of the key · value;  offsets of some of them end it. */
export function* entriesOf(block: Buffer): Iterable<readonly [key: Buffer, value: Buffer]> {
  const restarts = block.readUInt32LE(block.length - 4);
  const reader = new Reader(block.subarray(0, block.length - 4 * (restarts + 1)));
  let key = Buffer.alloc(0);
  while (!reader.atEnd) {
    const [shared, own, value] = [reader.varint(), reader.varint(), reader.varint()];
    key = Buffer.concat([key.subarray(0, shared), reader.bytes(own)]);
    yield [key, reader.bytes(value)];
  }
}

/** The place that a row of an index names. */
export const handleOf = (value: Buffer): Handle | undefined => new Reader(value).handle();

/** The blocks that an index names, each with a key that is not before its last. */
export function* blocksOf(index: Buffer): Iterable<readonly [through: string, handle: Handle]> {
  for (const [key, value] of entriesOf(index)) {
    const handle = handleOf(value);
    if (handle) yield [textOf(key.subarray(0, -versionBytes)), handle];
  }
}

/** The rows of a data block, in the order of their keys, newer versions first. */
export function rowsOf(block: Buffer): readonly LevelRow[] {
  const rows: LevelRow[] = [];
  for (const [key, value] of entriesOf(block)) {
    const at = key.length - versionBytes;
    const type = key[at] ?? 0;
    const sequence = key.readUIntLE(at + 1, 6) + (key[at + 7] ?? 0) * 2 ** 48;
    rows.push({ key: textOf(key.subarray(0, at)), sequence, value: type === 0 ? undefined : value });
  }
  return rows;
}

const textOf = (bytes: Buffer): string => bytes.toString();

// --- logs ------------------------------------------------------------------------------------------------------------

const pageBytes = 32 * 1024;
const headerBytes = 7;
/** Types of the first part of a record: the whole of it, or the first of several. The others are 3 and 4. */
const begins: ReadonlySet<number> = new Set([1, 2]);
/** Types of the last part of a record. */
const ends: ReadonlySet<number> = new Set([1, 4]);

interface Part extends Handle {
  readonly type: number;
  /** Undefined when it is damaged. */
  readonly bytes: Buffer | undefined;
}

/** The parts of a log or of a manifest. */
export function* partsOf(bytes: Buffer): Iterable<Part> {
  let offset = 0;
  while (offset + headerBytes <= bytes.length) {
    const pageEnd = offset - (offset % pageBytes) + pageBytes;
    const length = headerBytes + (offset + headerBytes <= pageEnd ? bytes.readUInt16LE(offset + 4) : pageBytes);
    const type = bytes.readUInt8(offset + 6);
    const isPadding = offset + headerBytes > pageEnd || (type === 0 && length === headerBytes);
    const end = isPadding || offset + length > pageEnd ? pageEnd : offset + length;
    if (!isPadding) {
      const body = bytes.subarray(offset + 6, offset + length);
      const fits = end === offset + length && end <= bytes.length;
      const isGood = fits && checksumOf(body) === bytes.readUInt32LE(offset);
      yield { offset, length: end - offset, type, bytes: isGood ? body.subarray(1) : undefined };
    }
    offset = end;
  }
}

/** What is damaged, and not only torn by a power loss: a record is begun when the one before it is on the disk, so
 *  another one begins behind it. */
export function* damagedParts(parts: Iterable<Part>): Iterable<Handle> {
  let waiting: Handle[] = [];
  for (const { offset, length, type, bytes } of parts) {
    if (bytes === undefined) waiting.push({ offset, length });
    else if (begins.has(type)) {
      yield* waiting;
      waiting = [];
    }
  }
}

/** The records whose parts are all whole. */
export function* recordsOf(parts: Iterable<Part>): Iterable<Buffer> {
  let open: Buffer[] | undefined;
  for (const { type, bytes } of parts) {
    if (bytes === undefined) open = undefined;
    else {
      open = begins.has(type) ? [bytes] : open && [...open, bytes];
      if (open === undefined || !ends.has(type)) continue;
      yield open.length === 1 ? bytes : Buffer.concat(open);
      open = undefined;
    }
  }
}

const batchHeaderBytes = 12;

/** The sequence number of the last operation of a batch; 0 when it is none. */
export function lastSequenceOf(batch: Buffer): number {
  if (batch.length < batchHeaderBytes) return 0;
  const first = batch.readUIntLE(0, 6) + batch.readUInt16LE(6) * 2 ** 48;
  return Math.max(0, first + batch.readUInt32LE(8) - 1);
}

/** What a batch writes, in its order. */
export function* operationsOf(batch: Buffer): Iterable<LevelRow> {
  if (batch.length < batchHeaderBytes) return;
  const reader = new Reader(batch);
  reader.bytes(batchHeaderBytes);
  let sequence = lastSequenceOf(batch) - batch.readUInt32LE(8) + 1;
  while (!reader.atEnd) {
    const type = reader.varint();
    const key = textOf(reader.bytes(reader.varint()));
    yield { key, sequence, value: type === 0 ? undefined : reader.bytes(reader.varint()) };
    sequence += 1;
  }
}

// --- the manifest ----------------------------------------------------------------------------------------------------

/** What stands behind the number of each field of a change: `n` a number, `t` a text. */
const fields = new Map(Object.entries({ 1: "t", 2: "n", 3: "n", 4: "n", 5: "nt", 6: "nn", 7: "nnntt", 9: "n" }));

/** What counts, as a manifest says. */
export interface Manifest {
  readonly tables: ReadonlySet<number>;
  /** The first row's key in each of them. */
  readonly firstKeys: ReadonlyMap<number, string>;
  /** The first log whose batches are in no table. It is there from before it is named here. 0: there was none yet. */
  readonly firstLog: number;
  readonly lastSequence: number;
}

/** Reads a manifest: changes of what counts, in their order. Tables that were made (field 7) or went (6), each behind
 *  its level, the first log (2) and the last sequence number (4). Undefined when a part of it is damaged, or nothing is
 *  in it. */
export function readManifest(bytes: Buffer): Manifest | undefined {
  const tables = new Set<number>();
  const firstKeys = new Map<number, string>();
  let [firstLog, lastSequence, changes] = [0, 0, 0];
  const parts = [...partsOf(bytes)];
  for (const _ of damagedParts(parts)) return undefined;
  for (const record of recordsOf(parts)) {
    changes += 1;
    const reader = new Reader(record);
    while (!reader.atEnd) {
      const field = reader.varint();
      const numbers: number[] = [];
      const texts: Buffer[] = [];
      for (const sort of fields.get(String(field)) ?? "")
        if (sort === "n") numbers.push(reader.varint());
        else texts.push(reader.bytes(reader.varint()));
      const [first = NaN, second = NaN] = numbers;
      if (field === 2) firstLog = first;
      if (field === 4) lastSequence = first;
      if (field === 6) {
        tables.delete(second);
        firstKeys.delete(second);
      }
      if (field === 7) {
        tables.add(second);
        // Behind the key: 8 bytes with the number of the write.
        firstKeys.set(second, (texts[0] ?? Buffer.alloc(0)).subarray(0, -8).toString());
      }
    }
  }
  return changes === 0 ? undefined : { tables, firstKeys, firstLog, lastSequence };
}

// --- bytes -----------------------------------------------------------------------------------------------------------

class Reader {
  #at = 0;
  readonly #bytes: Buffer;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }
  /** All that is left where there is no such count. */
  bytes(count: number): Buffer {
    const from = this.#at;
    this.#at = count >= 0 ? from + count : this.#bytes.length;
    return this.#bytes.subarray(from, this.#at);
  }
  /** NaN where the bytes end, or go on for longer than any number that is in these files. */
  varint(): number {
    let value = 0;
    for (let scale = 1; scale < 2 ** 56; scale *= 128) {
      const byte = this.#bytes[this.#at++] ?? NaN;
      value += (byte % 128) * scale;
      if (!(byte >= 128)) return value;
    }
    return NaN;
  }
  handle(): Handle | undefined {
    const [offset, length] = [this.varint(), this.varint()];
    return Number.isNaN(offset + length) ? undefined : { offset, length };
  }
}

/** Undoes snappy, for bytes whose checksum has been compared. */
function decompressed(bytes: Buffer): Buffer {
  const reader = new Reader(bytes);
  const out = Buffer.alloc(reader.varint());
  let at = 0;
  const little = (count: number): number => reader.bytes(count).readUIntLE(0, count);
  while (!reader.atEnd) {
    const tag = little(1);
    const kind = tag % 4;
    if (kind === 0) {
      const short = tag >> 2;
      at += reader.bytes(1 + (short < 60 ? short : little(short - 59))).copy(out, at);
      continue;
    }
    const length = kind === 1 ? 4 + ((tag >> 2) % 8) : 1 + (tag >> 2);
    const back = kind === 1 ? (tag >> 5) * 256 + little(1) : little(kind === 2 ? 2 : 4);
    // Byte by byte: what is copied may reach into what this copy has just written.
    for (const end = at + length; at < end; at += 1) out[at] = out[at - back] ?? 0;
  }
  return out;
}

const castagnoli = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0x82f63b78 : rest >>> 1;
  return rest >>> 0;
});

/** CRC-32C, which is not the CRC-32 of node:zlib, as LevelDB stores it: turned by 15 bits and with a constant added. */
function checksumOf(bytes: Uint8Array): number {
  let rest = 0xffffffff;
  // By index: an iterator takes three times as long, and this is run over everything on the disk.
  for (let at = 0; at < bytes.length; at += 1)
    rest = (castagnoli[(rest ^ (bytes[at] as number)) & 0xff] as number) ^ (rest >>> 8);
  const checksum = ~rest >>> 0;
  return (((checksum >>> 15) | (checksum << 17)) + 0xa282ead8) >>> 0;
}
