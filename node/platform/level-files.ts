/** Reads LevelDB's files as bytes and compares them with the checksums that LevelDB wrote beside them, which LevelDB itself
 *  does not do here, or keeps to itself (`level-store.ts` says why).
 *
 *      NNNNNN.ldb       tables: everything but the newest rows, by key
 *        block · type u8 · checksum u32    … data blocks, their filter, the index of filters, the index
 *        handle of the index of filters · handle of the index · zeros · magic       the last 48 bytes
 *      NNNNNN.log       the newest batches, in their order
 *      MANIFEST-NNNNNN  which tables and which log count; named by CURRENT. It and the logs are made of
 *        checksum u32 · length u16 · type u8 · part of a record        none of them across a multiple of 32 KiB
 *
 *  A handle is two varints, offset and length. Index: for each data block a key that is not before its last, and its handle.
 *
 *  Source: doc/table_format.md, doc/log_format.md and db/version_edit.cc of LevelDB 1.20; format_description.txt of snappy. */
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

/** What is wrong with a file: the system refuses to read it, with this code; or a part of it is not what was written. */
export type FileDamage =
  { readonly file: string; readonly unreadable: string } | ({ readonly file: string } & PartDamage);

export interface PartDamage {
  readonly offset: number;
  readonly length: number;
  /** Its rows have keys behind `after`, if there is any row before, and up to `through`. Absent: the part is of a log, or of
   *  a table and says where its other parts are; LevelDB believes it, and asking for as much memory as it says may end the
   *  process. */
  readonly rows?: { readonly after?: string; readonly through: string };
}

/** What the system says of files that are whole. */
const denied: ReadonlySet<string> = new Set(["EACCES", "EPERM", "EMFILE", "ENFILE"]);

/** All that is wrong with the files of a Level store. What a power loss may leave at the end of a log is not: nobody was told
 *  that it is durable. Errors: the system's, when this user or process may not read. */
export async function findFileDamage(folder: string): Promise<readonly FileDamage[]> {
  const names = (await readdir(folder)).sort();
  const counts = await whatCounts(folder);
  const found: FileDamage[] = [];
  for (const name of names) {
    const parts = name.endsWith(".ldb") ? damagedBlocks : name.endsWith(".log") ? damagedRecords : undefined;
    if (parts === undefined || !counts(name)) continue;
    const file = join(folder, name);
    try {
      for (const part of parts(await readFile(file))) found.push({ file, ...part });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === undefined || denied.has(code)) throw error;
      // Gone meanwhile: a node is at work on the folder.
      if (code !== "ENOENT") found.push({ file, unreadable: code });
    }
  }
  return found;
}

// --- tables ------------------------------------------------------------------------------------------------------------

const footerBytes = 48;
const magic = Buffer.from("57fb808b247547db", "hex");
const trailerBytes = 5;
/** Behind each key of the index: what LevelDB adds to tell versions of a row apart. */
const versionBytes = 8;

interface Handle {
  readonly offset: number;
  readonly length: number;
}

function* damagedBlocks(bytes: Buffer): Iterable<PartDamage> {
  const end: Handle = { offset: Math.max(0, bytes.length - footerBytes), length: Math.min(bytes.length, footerBytes) };
  const footer = new Reader(bytes.subarray(end.offset));
  const filters = footer.handle();
  const index = footer.handle();
  const isTable = bytes.length >= footerBytes && bytes.subarray(-magic.length).equals(magic);
  if (!isTable || filters === undefined || index === undefined) return yield end;
  const rows = blockAt(bytes, index);
  if (rows === undefined) return yield index;
  let after: string | undefined;
  for (const [key, handle] of entriesOf(rows)) {
    const through = key.subarray(0, -versionBytes).toString();
    if (!isWhole(bytes, handle)) yield { ...handle, rows: { ...(after !== undefined && { after }), through } };
    after = through;
  }
  const byName = blockAt(bytes, filters);
  if (byName === undefined) return yield filters;
  // A filter denies rows of any block.
  for (const [, handle] of entriesOf(byName))
    if (!isWhole(bytes, handle)) yield { ...handle, rows: { through: after ?? "" } };
}

function isWhole(bytes: Buffer, { offset, length }: Handle): boolean {
  if (offset + length + trailerBytes > bytes.length) return false;
  const stored = bytes.readUInt32LE(offset + length + 1);
  return checksumOf(bytes.subarray(offset, offset + length + 1)) === stored;
}

/** The contents of a block; undefined when it is damaged. */
function blockAt(bytes: Buffer, handle: Handle): Buffer | undefined {
  if (!isWhole(bytes, handle)) return undefined;
  const block = bytes.subarray(handle.offset, handle.offset + handle.length);
  return bytes[handle.offset + handle.length] === 0 ? block : decompressed(block);
}

/** A block's rows are  shared · own · value length · own part of the key · value;  offsets of some of them end it. */
function* entriesOf(block: Buffer): Iterable<readonly [key: Buffer, value: Handle]> {
  const restarts = block.readUInt32LE(block.length - 4);
  const reader = new Reader(block.subarray(0, block.length - 4 * (restarts + 1)));
  let key = Buffer.alloc(0);
  while (!reader.atEnd) {
    const [shared, own, value] = [reader.varint(), reader.varint(), reader.varint()];
    key = Buffer.concat([key.subarray(0, shared), reader.bytes(own)]);
    const handle = new Reader(reader.bytes(value)).handle();
    if (handle) yield [key, handle];
  }
}

// --- logs --------------------------------------------------------------------------------------------------------------

const pageBytes = 32 * 1024;
const headerBytes = 7;
/** Types of the first part of a record: the whole of it, or the first of several. The others are 3 and 4. */
const begins: ReadonlySet<number> = new Set([1, 2]);

interface Part extends Handle {
  readonly type: number;
  /** Undefined when it is damaged. */
  readonly bytes: Buffer | undefined;
}

function* partsOf(bytes: Buffer): Iterable<Part> {
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

/** A batch is begun when the one before it is on the disk. So what is damaged is damage if another one begins behind it. */
function* damagedRecords(bytes: Buffer): Iterable<PartDamage> {
  let waiting: PartDamage[] = [];
  for (const { offset, length, type, bytes: good } of partsOf(bytes)) {
    if (good === undefined) waiting.push({ offset, length });
    else if (begins.has(type)) {
      yield* waiting;
      waiting = [];
    }
  }
}

/** Says which tables and logs hold what the store holds: a table that was being written when the process ended, say, is of
 *  no use to anybody and removed at the next start. Where the manifest cannot be read, all count. */
async function whatCounts(folder: string): Promise<(name: string) => boolean> {
  const tables = new Set<number>();
  let firstLog = 0;
  try {
    const name = (await readFile(join(folder, "CURRENT"), "utf8")).trim();
    let record: Buffer = Buffer.alloc(0);
    for (const { type, bytes } of partsOf(await readFile(join(folder, name)))) {
      if (bytes === undefined) return () => true;
      record = begins.has(type) ? bytes : Buffer.concat([record, bytes]);
      if (type === 2 || type === 3) continue;
      const edit = readEdit(record);
      for (const number of edit.removed) tables.delete(number);
      for (const number of edit.added) tables.add(number);
      firstLog = edit.firstLog ?? firstLog;
    }
  } catch {
    return () => true;
  }
  return (name) => {
    const number = Number.parseInt(name, 10);
    return name.endsWith(".ldb") ? tables.has(number) : number >= firstLog;
  };
}

/** What stands behind the number of each field of a change: `n` a number, `t` a text. */
const fields = new Map(Object.entries({ 1: "t", 2: "n", 3: "n", 4: "n", 5: "nt", 6: "nn", 7: "nnntt", 9: "n" }));

/** A change of what counts: tables that were made (field 7) or went (6), each behind its level, and the first log (2). */
function readEdit(bytes: Buffer): {
  readonly removed: readonly number[];
  readonly added: readonly number[];
  readonly firstLog: number | undefined;
} {
  const reader = new Reader(bytes);
  const removed: number[] = [];
  const added: number[] = [];
  let firstLog: number | undefined;
  while (!reader.atEnd) {
    const field = reader.varint();
    const numbers: number[] = [];
    for (const sort of fields.get(String(field)) ?? "")
      if (sort === "n") numbers.push(reader.varint());
      else reader.bytes(reader.varint());
    const [first = NaN, second = NaN] = numbers;
    if (field === 2) firstLog = first;
    if (field === 6) removed.push(second);
    if (field === 7) added.push(second);
  }
  return { removed, added, firstLog };
}

// --- bytes -------------------------------------------------------------------------------------------------------------

class Reader {
  #at = 0;
  readonly #bytes: Buffer;
  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }
  get atEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }
  bytes(count: number): Buffer {
    this.#at += count;
    return this.#bytes.subarray(this.#at - count, this.#at);
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
