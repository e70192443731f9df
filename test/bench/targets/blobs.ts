/** Bytes on a disk and in memory: the blob store, plain files, and what bytes are computed with. One of them for each
 *  process. */
import { spawnSync } from "node:child_process";
import { createCipheriv, randomBytes } from "node:crypto";
import { mkdtemp, open, rename, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { hashOf, openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { openFiles } from "../../../node/platform/index.ts";
import { codedBytes, codeStripe, headerBytes, remakeShard } from "../../../node/bulk/shards/coding/index.ts";
import type { Scheme } from "../../../protocols/index.ts";
import { quietMeter } from "../../fixtures/quiet.ts";
import { serve } from "./serve.ts";

const megabyte = 1e6;
const fileBytes = 8 * 1024 * 1024;
const files = 8;
/** What a sender gives at a time, and what plain files are read and written by. */
const receivedBytes = 64 * 1024;
const pieceBytes = 256 * 1024;

const folder = await mkdtemp(join(tmpdir(), "plexus-bench-blobs-"));
const plain = join(folder, "plain");
const disk = await openFiles(plain);
const store = await openBlobStore({ files: await openFiles(join(folder, "blobs")), meter: quietMeter });
const contents = Array.from({ length: files }, () => randomBytes(fileBytes));
let hashes: string[] = [];
let round = 0;

async function* cut(bytes: Uint8Array, size: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** Megabytes a second, by the clock and by the processor. */
async function rate(bytes: number, work: () => Promise<void> | void): Promise<Record<string, number>> {
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  await work();
  const seconds = (performance.now() - startMs) / 1_000;
  const { user, system } = process.cpuUsage(cpuBefore);
  return { perSecond: bytes / megabyte / seconds, perCpuSecond: bytes / megabyte / ((user + system) / 1e6) };
}

/** Repeats what is quick for so long. */
async function often(bytes: number, work: () => void): Promise<Record<string, number>> {
  let times = 0;
  const startMs = performance.now();
  const done = await rate(1, () => {
    for (; performance.now() - startMs < 500; times += 1) work();
  });
  return Object.fromEntries(Object.entries(done).map(([name, value]) => [name, value * times * bytes]));
}

/** Reads come from the disk, where the system has a `dd` that can forget what is in memory of a file. */
function forget(path: string): void {
  spawnSync("dd", [`if=${path}`, "iflag=nocache", "count=0", "status=none"]);
}

/** Each round has bytes that no round had before: the same would be the same blob. */
const mark = (): void => {
  round += 1;
  for (const content of contents) content.writeUInt32LE(round, 0);
};

const all = files * fileBytes;
const nameOf = (at: number): string => join(plain, String(at));

async function putPlain(): Promise<void> {
  for (const [at, content] of contents.entries()) {
    const file = await open(join(plain, "temporary"), "w");
    for await (const piece of cut(content, pieceBytes)) await file.write(piece);
    await file.sync();
    await file.close();
    await rename(join(plain, "temporary"), nameOf(at));
    await disk.sync("");
  }
}

async function put(): Promise<void> {
  const made: string[] = [];
  for (const content of contents) made.push((await store.put(cut(content, receivedBytes))).hash);
  hashes = made;
}

const coded = (contents[0] as Buffer).subarray(0, 4 * 1024 * 1024);
const memory = Buffer.alloc(codedBytes({ type: "rs", k: 4, m: 4 }, coded.length));
const code = (scheme: Scheme) => {
  const made = codeStripe(coded, scheme, memory);
  if (!made.ok) throw new Error("not coded");
  return made.value;
};
const wide: Scheme = { type: "rs", k: 4, m: 4 };

serve({
  async plainPut() {
    mark();
    return rate(all, putPlain);
  },
  async put() {
    for (const hash of hashes) await store.delete(hash);
    mark();
    return rate(all, put);
  },
  async plainGet({ cold }: { cold: boolean }) {
    if (round === 0) await putPlain();
    round = 1;
    if (cold) for (let at = 0; at < files; at += 1) forget(nameOf(at));
    return rate(all, async () => {
      const piece = Buffer.alloc(pieceBytes);
      for (let at = 0; at < files; at += 1) {
        const file = await open(nameOf(at));
        for (let position = 0; position < fileBytes; position += pieceBytes)
          await file.read(piece, 0, pieceBytes, position);
        await file.close();
      }
    });
  },
  async get({ cold }: { cold: boolean }) {
    if (hashes.length === 0) await put();
    if (cold) for (const hash of hashes) forget(join(folder, "blobs", hash.slice(0, 2), hash));
    let read = 0;
    const done = await rate(all, async () => {
      for (const hash of hashes)
        for await (const piece of (await store.open(hash, undefined, { reused: true })).bytes) read += piece.length;
    });
    if (read !== all) throw new Error(`${read} bytes were read of ${all}`);
    return done;
  },
  hash: () => often(fileBytes, () => void hashOf(contents[0] as Buffer)),
  encrypt: () =>
    often(receivedBytes, () => {
      const cipher = createCipheriv("aes-256-gcm", Buffer.alloc(32, 1), Buffer.alloc(12));
      cipher.update((contents[0] as Buffer).subarray(0, receivedBytes));
      cipher.final();
      cipher.getAuthTag();
    }),
  encode: () => often(coded.length, () => void code(wide)),
  /** One shard made anew, of the four that its stripe needs. */
  remake() {
    const stripe = code(wide);
    const others = stripe.shards.slice(2, 6);
    return often(others.length * ((others[0] as Uint8Array).length - headerBytes), () => {
      if (!remakeShard(stripe, 0, others).ok) throw new Error("not made");
    });
  },
  async stop() {
    await rm(folder, { recursive: true, force: true });
  },
});
