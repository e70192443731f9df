/** The blob store on plain files.
 *
 *      temporary/<number>            being written
 *      <two digits>/<64 digits>      a blob: its bytes, then the hashes of its leaves
 *
 *  A file gets its name when all of it is on the disk, and is not changed after that. What is in `temporary` at the
 *  start was never acknowledged, and goes. The size of a blob is not written down: that of its file says it, and the
 *  name has it in it. */
import { assert, failure, PlexusError } from "../../../protocols/index.ts";
import { turnsByKey } from "../../../runtimes/turns.ts";
import type { BlobHash, BlobRange, BlobStore, FileReader, Files, FileWriter, Meter } from "../../ports/index.ts";
import {
  isWell,
  readBlob,
  readTree,
  readUncompared,
  readWhole,
  sizeIn,
  writeBlob,
  writeHashed,
  type Damage,
  type Made,
  type SyncedBytes,
  type Tree,
} from "./file.ts";
import { blobLimits, type BlobLimits } from "./limits.ts";
import { leafBytes, leavesOf, pathOf } from "./tree.ts";

const temporary = "temporary";
/** Pieces that are read at once where a whole blob is compared: a shard of a pack is one. */
const checkedPieces = 3;
const hashPattern = /^[0-9a-f]{64}$/;
const folderPattern = /^[0-9a-f]{2}$/;

/** Whether a text may be the name of a blob. */
const isBlobHash = (text: string): boolean => hashPattern.test(text);

const folderOf = (hash: BlobHash): string => hash.slice(0, 2);
const pathTo = (hash: BlobHash): string => `${folderOf(hash)}/${hash}`;

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
  readonly syncedBytes?: SyncedBytes | undefined;
}): Promise<BlobStore> {
  const { files, meter, syncedBytes } = ports;
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

  /** Names in a folder are given and taken one at a time: a caller that finds one must not see it go by another's
   *  failure, and a sync that succeeds after another's failure says nothing about the other's name. */
  const inTurn = turnsByKey<string>();

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
      // Nobody can say whether the name stays, and a second try would not tell either. Where it was before, it was
      // synced.
      if (before === undefined) await files.remove(pathTo(hash)).catch(() => undefined);
      throw error;
    }
    if (before === undefined) count(1, size);
  }

  /** Writes a file, and gives it its name. */
  const stored = (
    needsBytes: number,
    write: (writer: FileWriter) => Promise<Made>,
    ready?: Promise<unknown>,
  ): Promise<Made> =>
    placed(async () => {
      if (!files.hasRoom(needsBytes)) throw diskFull();
      nextNumber += 1;
      const path = `${temporary}/${nextNumber}`;
      try {
        const writer = await files.create(path);
        let made;
        try {
          made = await write(writer);
        } finally {
          await writer.close();
        }
        await ready;
        const { hash, size } = made;
        await inTurn(folderOf(hash), () => publish(path, hash, size));
        return made;
      } catch (error) {
        await files.remove(path).catch(() => undefined);
        throw named(error);
      }
    });

  const damageIn =
    (hash: BlobHash): Damage =>
    (reason, leaf) => {
      meter.count("blobs_damaged");
      const file = `${files.location}/${pathTo(hash)}`;
      return new PlexusError(failure("DATA_DAMAGED", { file, ...(leaf !== undefined && { leaf }), reason }));
    };
  const treeIn = (reader: FileReader, hash: BlobHash): Promise<Tree> =>
    readTree(reader, hash, { bytesMax, pieceBytes: limits.pieceBytes, damage: damageIn(hash) });
  const partOf = (reader: FileReader, hash: BlobHash, tree: Tree, range: BlobRange, reused: boolean) =>
    readBlob(reader, tree, range, { pieceBytes: limits.pieceBytes, reused, damage: damageIn(hash) });

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

  async function* read(hash: BlobHash, tree: Tree, range: BlobRange, reused: boolean): AsyncGenerator<Uint8Array> {
    if (open >= limits.openMax) throw new PlexusError(failure("OVERLOADED", { blobsOpenMax: limits.openMax }));
    open += 1;
    let reader: FileReader | undefined;
    try {
      // Deleted since it was asked for, or not: now it is held.
      reader = await files.open(pathTo(hash));
      if (reader === undefined) throw new PlexusError(failure("NOT_FOUND", { blob: hash }));
      yield* partOf(reader, hash, tree, range, reused);
    } finally {
      open -= 1;
      await reader?.close();
    }
  }

  /** The sizes of all blobs. */
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
      stored(Math.min(most, limits.pieceBytes), async (writer) => {
        const { pieceBytes } = limits;
        const hasRoom = (): boolean => files.hasRoom(pieceBytes);
        const how = { bytesMax: Math.min(most, bytesMax), pieceBytes, hasRoom, syncedBytes };
        const made = await writeBlob(writer, stream, how);
        if (expected !== undefined && made.hash !== expected)
          throw new PlexusError(failure("BAD_REQUEST", { path: "", problem: `these bytes are not ${expected}` }));
        return made;
      }),
    async putHashed(blob, ready) {
      // It is awaited once the bytes are on the disk; until then nobody listens.
      ready.catch(() => undefined);
      await stored(blob.bytes.length, (writer) => writeHashed(writer, blob, syncedBytes), ready);
    },
    async has(hash) {
      const bytes = isBlobHash(hash) ? await files.size(pathTo(hash)) : undefined;
      return bytes === undefined ? undefined : (sizeIn(bytes) ?? 0);
    },
    open: (hash, range, { reused = false } = {}) =>
      opened(hash, async (reader) => {
        const tree = await treeIn(reader, hash);
        const { size } = tree;
        const { start, end } = range ?? { start: 0, end: size };
        if (start < 0 || start > end || end > size)
          throw new PlexusError(
            failure("BAD_REQUEST", { path: "", problem: `a blob of ${size} bytes has no such part` }),
          );
        return { size, bytes: read(hash, tree, { start, end }, reused) };
      }),
    whole: (hash) => opened(hash, (reader) => readWhole(reader, hash, { bytesMax, damage: damageIn(hash) })),
    uncompared: (hash, into) =>
      opened(hash, (reader) => readUncompared(reader, { bytesMax, damage: damageIn(hash) }, into)),
    prove: (hash, leaf) =>
      opened(hash, async (reader) => {
        const tree = await treeIn(reader, hash);
        const { size, leaves } = tree;
        if (!Number.isSafeInteger(leaf) || leaf < 0 || leaf >= leavesOf(size))
          throw new PlexusError(failure("NOT_FOUND", { blob: hash, leaf }));
        const range = { start: leaf * leafBytes, end: Math.min(size, (leaf + 1) * leafBytes) };
        let bytes: Uint8Array = new Uint8Array();
        for await (const part of partOf(reader, hash, tree, range, false)) bytes = part;
        return { leaf, size, bytes, path: pathOf(leaves, leaf) };
      }),
    check: (hash) =>
      opened(hash, async (reader) => {
        // Read in few steps: each takes as long as to hash a part of it.
        const isAsNamed = await isWell(reader, hash, { bytesMax, pieceBytes: checkedPieces * limits.pieceBytes });
        if (!isAsNamed) meter.count("blobs_damaged");
        return isAsNamed;
      }),
    delete: (hash) =>
      inTurn(folderOf(hash), async () => {
        const bytes = isBlobHash(hash) ? await files.size(pathTo(hash)) : undefined;
        if (bytes === undefined) return;
        await files.remove(pathTo(hash));
        count(-1, -(sizeIn(bytes) ?? 0));
        await files.sync(folderOf(hash));
      }),
    usedBytes: () => held.bytes,
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
