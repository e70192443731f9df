/** The Files port, encrypted: a file is a head and pieces of 16 KiB, each sealed by itself and bound to its place, so
 *  that a part is read without the rest. What is not whole, or in another order, does not open.
 *
 *      mark 8 │ salt 32 │ tag 16 ║ piece 16 KiB + 16 │ … │ last piece
 *
 *  The key of a file is made of the disk's key and the salt. The tag tells a sealed file from one that only begins like
 *  one. */
import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes, timingSafeEqual } from "node:crypto";
import type { FileReader, Files, FileWriter } from "../ports/index.ts";
import type { DiskKey } from "./disk-key.ts";

const mark = Buffer.from("PLXFILE1");
const saltBytes = 32;
const tagBytes = 16;
const headBytes = mark.length + saltBytes + tagBytes;
const pieceBytes = 16 * 1024;
const sealedBytes = pieceBytes + tagBytes;
/** A file that is rewritten. */
const partSuffix = ".sealing";

const tagOf = (key: DiskKey, salt: Uint8Array): Buffer =>
  createHmac("sha256", key.files).update(mark).update(salt).digest().subarray(0, tagBytes);
const fileKey = (key: DiskKey, salt: Uint8Array): Buffer =>
  Buffer.from(hkdfSync("sha256", key.files, salt, "plexus file", 32));

/** The number of a piece, and whether it is the last: a file that ends too early is told by it. */
function nonceOf(piece: number, isLast: boolean): Buffer {
  const nonce = Buffer.alloc(12);
  nonce.writeBigUInt64BE(BigInt(piece), 0);
  nonce[11] = isLast ? 1 : 0;
  return nonce;
}

/** What a file of some size has in it; undefined: a sealed one cannot have this size. */
function plainSize(size: number): number | undefined {
  const rest = size - headBytes;
  const pieces = Math.ceil(rest / sealedBytes);
  const plain = rest - pieces * tagBytes;
  return pieces < 1 || plain < (pieces - 1) * pieceBytes ? undefined : plain;
}

/** Files on a disk that is sealed, or may be from some moment on. */
export class SealedFiles implements Files {
  readonly #raw: Files;
  #key: DiskKey | undefined;
  #seals: boolean;
  /** The file that is being rewritten: its removal or replacement waits. */
  #rewriting: { readonly path: string; readonly done: Promise<unknown> } | undefined;
  /** Files that have not got their names yet, and with which key they are sealed. */
  readonly #made = new Map<string, DiskKey | undefined>();
  /** Files that are getting their names. */
  readonly #moving = new Set<Promise<unknown>>();
  readonly location: string;

  constructor(raw: Files, at: { readonly key?: DiskKey | undefined; readonly seals: boolean }) {
    this.#raw = raw;
    this.#key = at.key;
    this.#seals = at.seals;
    this.location = raw.location;
  }

  /** From now on new files are sealed, or are not. Without a key: none is sealed any more. */
  use(key: DiskKey | undefined, seals: boolean): void {
    this.#key = key;
    this.#seals = seals;
  }

  makeFolder(path: string): Promise<void> {
    return this.#raw.makeFolder(path);
  }
  names(folder: string): Promise<readonly string[]> {
    return this.#raw.names(folder);
  }
  sync(folder: string): Promise<void> {
    return this.#raw.sync(folder);
  }
  freeBytes(): number | undefined {
    return this.#raw.freeBytes();
  }
  hasRoom(bytes: number): boolean {
    return this.#raw.hasRoom(bytes);
  }

  /** What new files are sealed with; undefined: they are not. */
  get #by(): DiskKey | undefined {
    return this.#seals ? this.#key : undefined;
  }

  /** Whether a file is being written that began before what was said last by `use`. */
  get isMixed(): boolean {
    return [...this.#made.values()].some((by) => by?.id !== this.#by?.id);
  }

  async create(path: string): Promise<FileWriter> {
    const writer = await this.#raw.create(path);
    const by = this.#by;
    this.#made.set(path, by);
    return by === undefined ? writer : sealingWriter(writer, by);
  }

  async open(path: string): Promise<FileReader | undefined> {
    const before = this.#key;
    const reader = await this.#raw.open(path);
    // It may have been opened before it was rewritten.
    const key = this.#key ?? before;
    if (reader === undefined || key === undefined) return reader;
    try {
      return (await openingReader(reader, key)) ?? reader;
    } catch (error) {
      await reader.close();
      throw error;
    }
  }

  async size(path: string): Promise<number | undefined> {
    if (this.#key === undefined) return this.#raw.size(path);
    const reader = await this.open(path);
    await reader?.close();
    return reader?.size;
  }

  async rename(from: string, to: string): Promise<void> {
    const moved = this.#move(from, to);
    this.#moving.add(moved);
    try {
      await moved;
    } finally {
      this.#moving.delete(moved);
    }
  }

  /** A file that was begun otherwise than files are now is rewritten before it gets its name: no walk may come by any
   *  more. */
  async #move(from: string, to: string): Promise<void> {
    await this.#rewritten(to);
    while (this.#made.has(from) && this.#made.get(from)?.id !== this.#by?.id) {
      await this.#recode(from, this.#made.get(from), this.#by);
      await this.#rewritten(to);
    }
    await this.#raw.rename(from, to);
    this.#made.delete(from);
  }

  async remove(path: string): Promise<void> {
    await this.#rewritten(path);
    await this.#raw.remove(path);
    this.#made.delete(path);
  }

  /** Rewrites the files in a folder that are not as they should be: each is replaced when its new one is on the disk.
   *  Resolves with how many were. */
  async convert(folder: string): Promise<number> {
    const at = (name: string): string => (folder === "" ? name : `${folder}/${name}`);
    let count = 0;
    // Those that were looked at before they were to be otherwise are in the folder now.
    await Promise.allSettled(this.#moving);
    for (const name of await this.#raw.names(folder)) {
      if (name.endsWith(partSuffix)) await this.#raw.remove(at(name));
      else if (await this.#convertFile(at(name))) count += 1;
    }
    if (count > 0) await this.#raw.sync(folder);
    return count;
  }

  async #convertFile(path: string): Promise<boolean> {
    const done = this.#copied(path);
    this.#rewriting = { path, done: done.catch(() => undefined) };
    try {
      return await done;
    } finally {
      this.#rewriting = undefined;
    }
  }

  async #copied(path: string): Promise<boolean> {
    const raw = await this.#raw.open(path);
    if (raw === undefined) return false;
    try {
      const sealed = this.#key && (await openingReader(raw, this.#key));
      if ((sealed !== undefined) === this.#seals) return false;
      await this.#copy(sealed ?? raw, path, this.#by);
      return true;
    } finally {
      await raw.close();
    }
  }

  async #recode(path: string, from: DiskKey | undefined, to: DiskKey | undefined): Promise<void> {
    const raw = await this.#raw.open(path);
    if (raw === undefined) return;
    try {
      const reader = from === undefined ? raw : await openingReader(raw, from);
      if (reader === undefined) throw new Error(`${path} is not what was written`);
      await this.#copy(reader, path, to);
      this.#made.set(path, to);
    } finally {
      await raw.close();
    }
  }

  /** Writes what is in a file anew, in its place. */
  async #copy(reader: FileReader, path: string, to: DiskKey | undefined): Promise<void> {
    const part = `${path}${partSuffix}`;
    try {
      const plain = await this.#raw.create(part);
      const writer = to === undefined ? plain : sealingWriter(plain, to);
      try {
        for (let at = 0; at < reader.size; at += pieceBytes)
          await writer.write(await reader.read(at, Math.min(pieceBytes, reader.size - at)));
        await writer.sync();
      } finally {
        await writer.close();
      }
      await this.#raw.rename(part, path);
    } catch (error) {
      await this.#raw.remove(part).catch(() => undefined);
      throw error;
    }
  }

  async #rewritten(path: string): Promise<void> {
    if (this.#rewriting?.path === path) await this.#rewriting.done;
  }
}

function sealingWriter(writer: FileWriter, key: DiskKey): FileWriter {
  const salt = randomBytes(saltBytes);
  const own = fileKey(key, salt);
  let waiting: Buffer = Buffer.concat([]);
  let pieces = 0;
  let isBegun = false;
  let isEnded = false;
  const begin = async (): Promise<void> => {
    if (isBegun) return;
    isBegun = true;
    await writer.write(Buffer.concat([mark, salt, tagOf(key, salt)]));
  };
  const sealed = (bytes: Uint8Array, isLast: boolean): readonly Uint8Array[] => {
    const cipher = createCipheriv("aes-256-gcm", own, nonceOf(pieces, isLast));
    pieces += 1;
    return [cipher.update(bytes), cipher.final(), cipher.getAuthTag()];
  };
  return {
    async write(bytes) {
      if (isEnded) throw new Error("a sealed file ends with its first sync");
      await begin();
      waiting = waiting.length === 0 ? Buffer.from(bytes) : Buffer.concat([waiting, bytes]);
      const made: Uint8Array[] = [];
      // The last one waits: it is sealed as the last.
      for (; waiting.length > pieceBytes; waiting = waiting.subarray(pieceBytes))
        made.push(...sealed(waiting.subarray(0, pieceBytes), false));
      if (made.length > 0) await writer.write(Buffer.concat(made));
    },
    async sync() {
      await begin();
      if (!isEnded) await writer.write(Buffer.concat(sealed(waiting, true)));
      isEnded = true;
      await writer.sync();
    },
    close: () => writer.close(),
  };
}

/** Undefined: the file is not sealed with this key. */
async function openingReader(reader: FileReader, key: DiskKey): Promise<FileReader | undefined> {
  const size = plainSize(reader.size);
  if (size === undefined) return undefined;
  const head = await reader.read(0, headBytes);
  const salt = head.subarray(mark.length, mark.length + saltBytes);
  const tag = head.subarray(mark.length + saltBytes);
  if (head.length < headBytes || !timingSafeEqual(tag, tagOf(key, salt))) return undefined;
  const own = fileKey(key, salt);
  const last = Math.max(0, Math.ceil(size / pieceBytes) - 1);
  const piece = async (at: number): Promise<Uint8Array> => {
    const length = Math.min(pieceBytes, size - at * pieceBytes);
    const sealed = await reader.read(headBytes + at * sealedBytes, length + tagBytes);
    const decipher = createDecipheriv("aes-256-gcm", own, nonceOf(at, at === last), { authTagLength: tagBytes });
    // What does not open is not what was written. Its reader compares all that it reads, and finds it so.
    if (sealed.length < length + tagBytes) return Buffer.alloc(length);
    decipher.setAuthTag(sealed.subarray(length));
    const bytes = decipher.update(sealed.subarray(0, length));
    try {
      decipher.final();
      return bytes;
    } catch {
      return Buffer.alloc(length);
    }
  };
  return {
    size,
    async read(position, length, into) {
      const end = Math.max(position, Math.min(size, position + length));
      const bytes = into?.subarray(0, end - position) ?? Buffer.alloc(end - position);
      for (let at = Math.floor(position / pieceBytes); at * pieceBytes < end; at += 1) {
        const start = at * pieceBytes;
        const part = (await piece(at)).subarray(Math.max(0, position - start), end - start);
        bytes.set(part, Math.max(0, start - position));
      }
      return bytes;
    },
    close: () => reader.close(),
  };
}
