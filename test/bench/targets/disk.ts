/** The journal and the blobs on a disk that is encrypted, and on one that is not. One of them for each process. */
import { randomBytes } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { SealedFiles, SealedStore } from "../../../node/keys/index.ts";
import { diskKeyOf } from "../../../node/keys/disk-key.ts";
import { createClock, openFiles, openLevelStore } from "../../../node/platform/index.ts";
import { openJournal } from "../../../node/storage/index.ts";
import type { ActorId, SlotId } from "../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { serve } from "./serve.ts";

const slots = 64;
const entriesPerSlot = 400;
const blobBytes = 8 * 1024 * 1024;
const text = "The quick brown fox jumps over the lazy dog, and Ada writes to Bob that it did.";

const key = diskKeyOf(Buffer.alloc(32, 1));
const folder = await mkdtemp(join(tmpdir(), "plexus-bench-disk-"));
let round = 0;

/** Microseconds of the processor for one of so many. */
async function cost(count: number, work: () => Promise<void>): Promise<Record<string, number>> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return { cpuUs: (user + system) / count };
}

/** Entries of 64 actors, each appended when the one before is synced. */
async function append(sealed: boolean): Promise<Record<string, number>> {
  round += 1;
  const raw = await openLevelStore(join(folder, `journal-${round}`));
  const store = sealed ? new SealedStore(raw, { state: "sealed", key }) : raw;
  const identity = { cluster: "bench", node: "n1" };
  const journal = await openJournal({ store, clock: createClock(), log: quietLog, meter: quietMeter, identity });
  const logs = await Promise.all(
    Array.from({ length: slots }, async (_, number) => {
      const log = await journal.openSlot(`chat/${number}` as SlotId);
      await log.raise(1, true);
      return log;
    }),
  );
  const one = (log: (typeof logs)[number], actor: ActorId): Promise<void> =>
    new Promise((resolve, reject) => {
      const entry = { atMs: 1, actor, events: [{ type: "posted", text }], answers: [], side: [] };
      log.append(1, entry, (error) => (error ? reject(new Error(error.code)) : resolve()));
    });
  const done = await cost(slots * entriesPerSlot, async () => {
    await Promise.all(
      logs.map(async (log, number) => {
        for (let entry = 0; entry < entriesPerSlot; entry += 1) await one(log, `room/${number}` as ActorId);
      }),
    );
  });
  await store.close();
  return done;
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 64 * 1024) yield bytes.subarray(at, at + 64 * 1024);
}

/** A blob put and read again; for each of its kilobytes. */
async function blob(sealed: boolean): Promise<Record<string, number>> {
  round += 1;
  const raw = await openFiles(join(folder, `blobs-${round}`));
  const files = sealed ? new SealedFiles(raw, { key, seals: true }) : raw;
  const blobs = await openBlobStore({ files, meter: quietMeter });
  const bytes = randomBytes(blobBytes);
  return cost(blobBytes / 1_000, async () => {
    const { hash } = await blobs.put(once(bytes));
    const read = await blobs.open(hash);
    let size = 0;
    for await (const piece of read.bytes) size += piece.length;
    if (size !== blobBytes) throw new Error("the blob is not what was put");
  });
}

serve({
  append: () => append(false),
  appendEncrypted: () => append(true),
  blob: () => blob(false),
  blobEncrypted: () => blob(true),
  stop: () => rm(folder, { recursive: true, force: true }),
});
