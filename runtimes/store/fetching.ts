/** Brings one file to the disk, from wherever it is: over HTTP with resume, from a path, or from other nodes in chunks.
 *
 *      have n bytes ─► attempt ─ bytes come ─► all there
 *                        └ nothing came, attemptsMax times in a row ─► SOURCE_FAILED; what is there stays
 *
 *  Nothing here is believed: what was fetched is hashed and looked into afterwards, by the caller. */
import { createReadStream } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { setImmediate, setTimeout as pause } from "node:timers/promises";
import { assert, failure, failureOf, PlexusError } from "../../protocols/index.ts";
import { continueFile, fetchedBytes, type PartialFile } from "./disk.ts";
import { bytesOf, planAnswer, rangeHeaders, request, shownUrl, sourceFailure, validatorOf } from "./http.ts";
import { storeLimits } from "./limits.ts";
import type { ContentTree, ModelPeers } from "./port.ts";
import type { OfferedFile } from "./sources/index.ts";

/** What fetching needs. */
interface FetchPorts {
  readonly signal: AbortSignal;
  readonly peers: ModelPeers | undefined;
  readonly tree: ContentTree;
  hasRoom(bytes: number): boolean;
  /** So many bytes of the file are here; its size, once it is known. */
  progress(done: number, total: number | undefined): void;
}

/** How the bytes that are here were fetched. */
interface Kept {
  readonly url: string;
  readonly validator?: string;
}

/** Fetches a file to `path`, going on with what is there. Errors: SOURCE_FAILED, NOT_FOUND, TOO_LARGE, DISK_FULL; the
 *  system's; the reason of the signal. */
export async function fetchFile(file: OfferedFile, path: string, ports: FetchPorts): Promise<void> {
  if ((file.size ?? 0) > storeLimits.fileBytesMax) throw tooLarge();
  switch (file.from.via) {
    case "http":
      return await overHttp({ ...file, from: file.from }, path, ports);
    case "file":
      return await copy(file.from.path, file, path, ports);
    case "peers":
      return await fromPeers({ ...file, from: file.from }, path, ports);
  }
}

const tooLarge = (): PlexusError => new PlexusError(failure("TOO_LARGE", { limitBytes: storeLimits.fileBytesMax }));

/** Takes bytes in order, looks after the disk, and tells how far it is. */
async function openTarget(path: string, from: number, total: number | undefined, ports: FetchPorts) {
  if (!ports.hasRoom(Math.max(0, (total ?? from + storeLimits.roomLookBytes) - from)))
    throw new PlexusError(failure("DISK_FULL", { neededBytes: (total ?? from) - from }));
  const target: PartialFile = await continueFile(path, from);
  let done = from;
  let lookedAt = from;
  ports.progress(done, total);
  return {
    get done() {
      return done;
    },
    async write(bytes: Uint8Array): Promise<void> {
      if (done + bytes.length > (total ?? storeLimits.fileBytesMax))
        throw total === undefined
          ? tooLarge()
          : new PlexusError(sourceFailure("", `more bytes came than the ${total} that were announced`));
      if (done - lookedAt >= storeLimits.roomLookBytes) {
        lookedAt = done;
        if (!ports.hasRoom(storeLimits.roomLookBytes)) throw new PlexusError(failure("DISK_FULL"));
      }
      await target.write(bytes);
      done += bytes.length;
      ports.progress(done, total);
    },
    close: () => target.close(),
  };
}

// --- over HTTP -------------------------------------------------------------------------------------------------------

type From<Via extends OfferedFile["from"]["via"]> = OfferedFile & {
  readonly from: Extract<OfferedFile["from"], { readonly via: Via }>;
};

async function overHttp(file: From<"http">, path: string, ports: FetchPorts): Promise<void> {
  const { signal } = ports;
  let failures = 0;
  for (;;) {
    const before = await fetchedBytes(path);
    try {
      await attempt(file, path, ports);
      return;
    } catch (thrown) {
      signal.throwIfAborted();
      const reason = failureOf(thrown);
      if (reason.code !== "SOURCE_FAILED" || reason.details?.["lasting"] === true) throw thrown;
      failures = (await fetchedBytes(path)) > before ? 0 : failures + 1;
      if (failures >= storeLimits.attemptsMax) throw thrown;
    }
    await pause(Math.min(storeLimits.retryMsMax, storeLimits.retryMsMin * 2 ** failures), undefined, { signal });
  }
}

async function attempt(file: From<"http">, path: string, ports: FetchPorts): Promise<void> {
  const { url, secret } = file.from;
  const { signal } = ports;
  const notes = `${path}.json`;
  const kept = await readKept(notes);
  // Bytes of another address, or of a version that cannot be told from the present one, are worth nothing; a digest
  // tells in the end.
  const isSame = kept?.url === url && (kept.validator !== undefined || file.sha256 !== undefined);
  const have = isSame ? await fetchedBytes(path) : 0;
  if (have > 0 && have === file.size) return ports.progress(have, file.size);
  const headers = rangeHeaders(have, kept?.validator);
  const response = await request(url, { headers, signal, ...(secret && { secret }) });
  const plan = planAnswer(response, { have, size: file.size });
  if (plan.type !== "take") {
    await response.body?.cancel();
    if (plan.type === "complete") return ports.progress(have, have);
    if (response.status === 404) throw new PlexusError(failure("NOT_FOUND", { url: shownUrl(url) }));
    const lasting = plan.type === "refused" && !plan.again;
    await forget(path, plan.type === "anew" || lasting);
    const reason = plan.type === "anew" ? "the file has changed" : plan.reason;
    throw new PlexusError(sourceFailure(url, reason, lasting));
  }
  const validator = validatorOf(response.headers);
  await writeFile(notes, JSON.stringify({ url, ...(validator !== undefined && { validator }) }), { mode: 0o600 });
  const target = await openTarget(path, plan.from, plan.total, ports);
  try {
    for await (const bytes of bytesOf(response, url, signal)) await target.write(bytes);
  } finally {
    await target.close();
  }
  if (plan.total !== undefined && target.done < plan.total)
    throw new PlexusError(sourceFailure(url, `it ended after ${target.done} of ${plan.total} bytes`));
}

async function forget(path: string, wanted: boolean): Promise<void> {
  if (!wanted) return;
  await rm(path, { force: true });
  await rm(`${path}.json`, { force: true });
}

async function readKept(path: string): Promise<Kept | undefined> {
  try {
    const { url, validator } = JSON.parse(await readFile(path, "utf8")) as Readonly<Record<string, unknown>>;
    if (typeof url !== "string") return undefined;
    return { url, ...(typeof validator === "string" && { validator }) };
  } catch {
    return undefined;
  }
}

// --- from a path -----------------------------------------------------------------------------------------------------

async function copy(from: string, { size }: OfferedFile, path: string, ports: FetchPorts): Promise<void> {
  const target = await openTarget(path, 0, size, ports);
  try {
    for await (const bytes of createReadStream(from, { highWaterMark: storeLimits.writeBytes })) {
      ports.signal.throwIfAborted();
      await target.write(bytes as Uint8Array);
    }
  } finally {
    await target.close();
  }
  if (size !== undefined && target.done !== size)
    throw new PlexusError(failure("SOURCE_FAILED", { path: from, reason: "it changed while it was read" }));
}

// --- from other nodes ------------------------------------------------------------------------------------------------

/** Leaves that are hashed before others have their turn: two milliseconds' worth. */
const leavesPerTurn = 8;

async function fromPeers(file: From<"peers">, path: string, ports: FetchPorts): Promise<void> {
  const { peers, tree, signal } = ports;
  const { size, sha256: digest } = file;
  assert(peers !== undefined && size !== undefined && digest !== undefined, "another node says all of its files");
  /** Nodes that may be asked, with what each is asked now. */
  const asked = new Map(file.from.nodes.map((node) => [node, 0]));
  let last = failure("SOURCE_FAILED", { reason: "no node has it any more" });
  const leaves = await firstLeaves();
  const leavesPerChunk = storeLimits.chunkBytes / tree.leafBytes;
  assert(Number.isInteger(leavesPerChunk), "a chunk is a number of leaves");

  async function firstLeaves(): Promise<readonly Uint8Array[]> {
    for (const node of asked.keys()) {
      const found = await peers!.leaves(node, { digest: digest!, tree: file.from.tree, size: size! }, signal);
      signal.throwIfAborted();
      if (found.ok) return found.value;
      last = found.error;
      asked.delete(node);
    }
    throw new PlexusError(last);
  }

  const isProven = async (start: number, bytes: Uint8Array): Promise<boolean> => {
    for (let at = 0; at < bytes.length; at += tree.leafBytes) {
      const expected = leaves[(start + at) / tree.leafBytes];
      const hash = tree.hashLeaf(bytes.subarray(at, at + tree.leafBytes));
      if (expected === undefined || Buffer.compare(hash, expected) !== 0) return false;
      if ((at / tree.leafBytes) % leavesPerTurn === leavesPerTurn - 1) await setImmediate();
    }
    return true;
  };

  /** One chunk, from the source that is asked least and has not failed. */
  async function chunk(start: number): Promise<Uint8Array> {
    const end = Math.min(size!, start + storeLimits.chunkBytes);
    for (;;) {
      signal.throwIfAborted();
      const [node] = [...asked].toSorted(([, one], [, other]) => one - other)[0] ?? [];
      if (node === undefined) throw new PlexusError(last);
      asked.set(node, (asked.get(node) ?? 0) + 1);
      const got = await peers!.chunk(node, { digest: digest!, start, end });
      const good = got.ok && got.value.length === end - start && (await isProven(start, got.value));
      if (asked.has(node)) asked.set(node, (asked.get(node) ?? 1) - 1);
      if (good) return got.value;
      last = got.ok ? failure("SOURCE_FAILED", { node, reason: "what it gave is not what it should be" }) : got.error;
      // It has its chance with the next pull.
      asked.delete(node);
    }
  }

  const from = Math.floor(Math.min(await fetchedBytes(path), size) / storeLimits.chunkBytes) * storeLimits.chunkBytes;
  const target = await openTarget(path, from, size, ports);
  try {
    const coming: Promise<Uint8Array>[] = [];
    let next = from;
    while (next < size || coming.length > 0) {
      while (next < size && coming.length < storeLimits.chunksAtOnceMax) {
        const promise = chunk(next);
        // One that fails while an earlier one is waited for is heard in its turn.
        promise.catch(() => undefined);
        coming.push(promise);
        next += storeLimits.chunkBytes;
      }
      await target.write((await coming.shift()) as Uint8Array);
    }
  } finally {
    await target.close();
  }
}
