/** The blob store on plain files.
 *
 *      temporary/<number>            being written
 *      <two digits>/<64 digits>      a blob: its bytes, then the hashes of its leaves
 *
 *  A file gets its name when all of it is on the disk, and is not changed after that. What is in `temporary` at the start was never
 *  acknowledged, and goes. The size of a blob is not written down: that of its file says it, and the name has it in it. */
import { assert, failure, PlexusError } from "../../protocols/index.ts";
import type { BlobHash, BlobRange, BlobStore, FileReader, Files, FileWriter, Meter } from "../ports.ts";
import { blobLimits, type BlobLimits } from "./limits.ts";
import { hashBytes, hashLeaf, hashOfLeaves, leafBytes, leavesOf, pathOf } from "./tree.ts";

const temporary = "temporary";
const hashPattern = /^[0-9a-f]{64}$/;
const folderPattern = /^[0-9a-f]{2}$/;

/** Whether a text may be the name of a blob. */
export const isBlobHash = (text: string): boolean => hashPattern.test(text);

const folderOf = (hash: BlobHash): string => hash.slice(0, 2);
const pathTo = (hash: BlobHash): string => `${folderOf(hash)}/${hash}`;

/** The bytes that the leaves' hashes take, and what is left for the blob in a file of some size; undefined: no blob's file has it. */
const treeBytes = (size: number): number => leavesOf(size) * hashBytes;
function sizeIn(fileBytes: number): number | undefined {
  const leaves = Math.max(1, Math.ceil(fileBytes / (leafBytes + hashBytes)));
  const size = fileBytes - leaves * hashBytes;
  return size >= 0 && leavesOf(size) === leaves ? size : undefined;
}

/** What the system says when there is no room; others of its refusals are passed on as they are. */
const roomCodes: ReadonlySet<unknown> = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const diskFull = (cause?: unknown): PlexusError => new PlexusError(failure("DISK_FULL"), cause);
const named = (error: unknown): unknown =>
  roomCodes.has((error as { readonly code?: unknown } | undefined)?.code) ? diskFull(error) : error;

/** Opens the store in a folder, which is made where it is absent. Errors: the system's. */
export async function openBlobStore(ports: {
  readonly files: Files;
  readonly meter: Meter;
  readonly limits?: Partial<BlobLimits>;
  /** A node may be at work in it: nothing is cleaned up. */
  readonly looksOnly?: boolean;
}): Promise<BlobStore> {
  const { files, meter } = ports;
  const limits: BlobLimits = { ...blobLimits, ...ports.limits };
  const bytesMax = limits.blobBytesMax;
  let open = 0;
  let nextNumber = 0;
  let held = { blobs: 0, bytes: 0 };
  const count = (blobs: number, bytes: number): void => {
    held = { blobs: held.blobs + blobs, bytes: held.bytes + bytes };
    meter.gauge("blobs", held.blobs);
    meter.gauge("blob_bytes", held.bytes);
  };

  if (ports.looksOnly !== true) {
    await files.makeFolder(temporary);
    for (const name of await files.names(temporary)) await files.remove(`${temporary}/${name}`);
  }
  const folders = new Set((await files.names("")).filter((name) => folderPattern.test(name)));

  /** Holds one of the places for open files while `work` runs. */
  const placed = async <T>(work: () => Promise<T>): Promise<T> => {
    if (open >= limits.openMax) throw new PlexusError(failure("OVERLOADED", { blobsOpenMax: limits.openMax }));
    open += 1;
    try {
      return await work();
    } finally {
      open -= 1;
      assert(open >= 0, "a place that is given back was taken");
    }
  };

  /** Writes the stream and its leaves' hashes to a new file. */
  async function write(
    writer: FileWriter,
    stream: AsyncIterable<Uint8Array>,
    most: number,
  ): Promise<{ readonly hash: BlobHash; readonly size: number }> {
    const leaves: Uint8Array[] = [];
    // A copy: who gives the bytes may go on to use them.
    let leaf = Buffer.alloc(leafBytes);
    let filled = 0;
    let size = 0;
    let lookedAt = 0;
    for await (const bytes of stream) {
      if (size + bytes.length > most) throw new PlexusError(failure("TOO_LARGE", { limitBytes: most }));
      for (let at = 0; at < bytes.length;) {
        const taken = Math.min(leafBytes - filled, bytes.length - at);
        leaf.set(bytes.subarray(at, at + taken), filled);
        filled += taken;
        at += taken;
        size += taken;
        if (filled < leafBytes) continue;
        leaves.push(hashLeaf(leaf));
        await writer.write(leaf);
        leaf = Buffer.alloc(leafBytes);
        filled = 0;
        if (size - lookedAt < limits.roomLookBytes) continue;
        lookedAt = size;
        if (!files.hasRoom(limits.roomLookBytes)) throw diskFull();
      }
    }
    if (filled > 0 || leaves.length === 0) {
      const last = leaf.subarray(0, filled);
      leaves.push(hashLeaf(last));
      await writer.write(last);
    }
    await writer.write(Buffer.concat(leaves));
    await writer.sync();
    return { hash: hashOfLeaves(size, leaves), size };
  }

  /** Names are given and taken one at a time: who finds a name there must not see it go by another's failure. */
  let naming: Promise<unknown> = Promise.resolve();
  const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
    const mine = naming.then(work);
    naming = mine.catch(() => undefined);
    return mine;
  };

  /** Gives a finished file its name. */
  async function publish(from: string, hash: BlobHash, size: number): Promise<void> {
    const folder = folderOf(hash);
    if (!folders.has(folder)) {
      await files.makeFolder(folder);
      await files.sync("");
      folders.add(folder);
    }
    // One that is there may be damaged: the new one takes its place.
    const before = await files.size(pathTo(hash));
    await files.rename(from, pathTo(hash));
    try {
      await files.sync(folder);
    } catch (error) {
      // Nobody can say whether the name stays, and a second try would not tell either. Where it was before, it was synced.
      if (before === undefined) await files.remove(pathTo(hash)).catch(() => undefined);
      throw error;
    }
    if (before === undefined) count(1, size);
  }

  /** Reads the leaves' hashes and compares them with the name. Where they are wrong and the bytes are not, they are made anew. */
  async function leavesIn(reader: FileReader, hash: BlobHash): Promise<{ size: number; leaves: Uint8Array[] }> {
    const damaged = (reason: string): PlexusError => {
      meter.count("blobs_damaged");
      return new PlexusError(failure("DATA_DAMAGED", { file: `${files.location}/${pathTo(hash)}`, reason }));
    };
    const size = sizeIn(reader.size);
    if (size === undefined || size > bytesMax) throw damaged(`a file of ${reader.size} bytes is no blob`);
    const stored = await reader.read(size, treeBytes(size));
    const leaves = Array.from({ length: leavesOf(size) }, (_, leaf) =>
      stored.subarray(leaf * hashBytes, (leaf + 1) * hashBytes),
    );
    if (stored.length === treeBytes(size) && hashOfLeaves(size, leaves) === hash) return { size, leaves };
    const anew: Uint8Array[] = [];
    for (let leaf = 0; leaf < leavesOf(size); leaf += 1) anew.push(hashLeaf(await readLeaf(reader, leaf, size)));
    if (hashOfLeaves(size, anew) !== hash) throw damaged("it is not what its name says");
    return { size, leaves: anew };
  }

  const readLeaf = (reader: FileReader, leaf: number, size: number): Promise<Uint8Array> =>
    reader.read(leaf * leafBytes, Math.min(leafBytes, size - leaf * leafBytes));

  async function goodLeaf(
    reader: FileReader,
    hash: BlobHash,
    at: { readonly leaf: number; readonly size: number; readonly expected: Uint8Array | undefined },
  ): Promise<Uint8Array> {
    const bytes = await readLeaf(reader, at.leaf, at.size);
    if (at.expected !== undefined && Buffer.compare(hashLeaf(bytes), at.expected) === 0) return bytes;
    meter.count("blobs_damaged");
    const file = `${files.location}/${pathTo(hash)}`;
    throw new PlexusError(failure("DATA_DAMAGED", { file, leaf: at.leaf, reason: "it is not what was written" }));
  }

  const opened = <T>(hash: BlobHash, use: (reader: FileReader) => Promise<T>): Promise<T> =>
    placed(async () => {
      const reader = isBlobHash(hash) ? await files.open(pathTo(hash)) : undefined;
      if (reader === undefined) throw new PlexusError(failure("NOT_FOUND", { blob: hash }));
      try {
        return await use(reader);
      } finally {
        await reader.close();
      }
    });

  async function* read(hash: BlobHash, range: BlobRange): AsyncGenerator<Uint8Array> {
    if (open >= limits.openMax) throw new PlexusError(failure("OVERLOADED", { blobsOpenMax: limits.openMax }));
    open += 1;
    let reader: FileReader | undefined;
    try {
      // Deleted since it was asked for, or not: now it is held.
      reader = await files.open(pathTo(hash));
      if (reader === undefined) throw new PlexusError(failure("NOT_FOUND", { blob: hash }));
      const { size, leaves } = await leavesIn(reader, hash);
      const last = Math.ceil(range.end / leafBytes);
      for (let leaf = Math.floor(range.start / leafBytes); leaf < last; leaf += 1) {
        const bytes = await goodLeaf(reader, hash, { leaf, size, expected: leaves[leaf] });
        const from = Math.max(0, range.start - leaf * leafBytes);
        yield bytes.subarray(from, range.end - leaf * leafBytes);
      }
    } finally {
      open -= 1;
      await reader?.close();
    }
  }

  /** The sizes of all blobs, for the metrics. */
  const survey = async (): Promise<void> => {
    for (const folder of [...folders].sort())
      for (const name of (await files.names(folder)).filter(isBlobHash)) {
        const bytes = await files.size(`${folder}/${name}`);
        if (bytes !== undefined) held = { blobs: held.blobs + 1, bytes: held.bytes + (sizeIn(bytes) ?? 0) };
      }
    count(0, 0);
  };
  await survey();

  return {
    put: (stream, { bytesMax: most = bytesMax, expected } = {}) =>
      placed(async () => {
        if (!files.hasRoom(Math.min(most, limits.roomLookBytes))) throw diskFull();
        nextNumber += 1;
        const path = `${temporary}/${nextNumber}`;
        try {
          const writer = await files.create(path);
          let made;
          try {
            made = await write(writer, stream, Math.min(most, bytesMax));
          } finally {
            await writer.close();
          }
          const { hash } = made;
          if (expected !== undefined && hash !== expected)
            throw new PlexusError(failure("BAD_REQUEST", { path: "", problem: `these bytes are not ${expected}` }));
          const { size } = made;
          await inTurn(() => publish(path, hash, size));
          return made;
        } catch (error) {
          await files.remove(path).catch(() => undefined);
          throw named(error);
        }
      }),
    async has(hash) {
      const bytes = isBlobHash(hash) ? await files.size(pathTo(hash)) : undefined;
      return bytes === undefined ? undefined : (sizeIn(bytes) ?? 0);
    },
    open: (hash, range) =>
      opened(hash, async (reader) => {
        const { size } = await leavesIn(reader, hash);
        const { start, end } = range ?? { start: 0, end: size };
        if (start < 0 || start > end || end > size)
          throw new PlexusError(
            failure("BAD_REQUEST", { path: "", problem: `a blob of ${size} bytes has no such part` }),
          );
        return { size, bytes: read(hash, { start, end }) };
      }),
    prove: (hash, leaf) =>
      opened(hash, async (reader) => {
        const { size, leaves } = await leavesIn(reader, hash);
        const expected = leaves[leaf];
        if (expected === undefined) throw new PlexusError(failure("NOT_FOUND", { blob: hash, leaf }));
        const bytes = await goodLeaf(reader, hash, { leaf, size, expected });
        return { leaf, size, bytes, path: pathOf(leaves, leaf) };
      }),
    check: (hash) =>
      opened(hash, async (reader) => {
        try {
          const { size, leaves } = await leavesIn(reader, hash);
          for (const [leaf, expected] of leaves.entries()) await goodLeaf(reader, hash, { leaf, size, expected });
          return true;
        } catch (error) {
          if (error instanceof PlexusError && error.failure.code === "DATA_DAMAGED") return false;
          throw error;
        }
      }),
    delete: (hash) =>
      inTurn(async () => {
        const bytes = isBlobHash(hash) ? await files.size(pathTo(hash)) : undefined;
        if (bytes === undefined) return;
        await files.remove(pathTo(hash));
        count(-1, -(sizeIn(bytes) ?? 0));
        await files.sync(folderOf(hash));
      }),
    async list(after = "") {
      const found: { hash: BlobHash; size: number }[] = [];
      for (const folder of [...folders].sort()) {
        if (folder < after.slice(0, 2)) continue;
        for (const hash of (await files.names(folder)).filter(isBlobHash)) {
          if (hash <= after) continue;
          const bytes = await files.size(pathTo(hash));
          if (bytes !== undefined) found.push({ hash, size: sizeIn(bytes) ?? 0 });
          if (found.length >= limits.pageMax) return found;
        }
      }
      return found;
    },
  };
}
