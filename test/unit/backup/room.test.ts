import { mkdtemp, mkdir, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { createDirectoryHeads, createFolderHeads, createFolderStripes, openRepository, prune, recall, runBackup, sweepFolder, type BackupPorts } from "../../../node/backup/index.ts"; // prettier-ignore
import { openBlobStore } from "../../../node/bulk/blobs/index.ts";
import { createEmbeddedDirectory } from "../../../node/cluster/directory/index.ts";
import { openFiles } from "../../../node/platform/index.ts";
import type { Files } from "../../../node/ports/index.ts";
import { codedBytes, codingStripe, readStripe } from "../../../node/bulk/shards/coding/index.ts";
import { failure, PlexusError, type ActorId } from "../../../protocols/index.ts";
import { decodeRows } from "../../../runtimes/backup/index.ts";
import { hearUnsynced, namesPut, syncFolder, type UnsyncedFolder } from "../../../runtimes/folders.ts";
import { quietMeter } from "../../fixtures/quiet.ts";
import { RowStore } from "../storage/fixture.ts";
import { Actors, backupsOf } from "./world.ts";

const idle = { signal: new AbortController().signal, progress: () => undefined, pace: async () => undefined };
const died = new Error("the process died");

/** A folder on a disk of some size, whose process dies at a step when it is told to. */
async function openFixture(top: string) {
  const disk = { free: Infinity, stepsLeft: Infinity };
  const step = (): void => {
    if ((disk.stepsLeft -= 1) < 0) throw died;
  };
  const limited = (files: Files): Files => ({
    ...files,
    hasRoom: () => true,
    async create(path) {
      step();
      const file = await files.create(path);
      return {
        ...file,
        async write(bytes) {
          step();
          if (bytes.length > disk.free) throw new PlexusError(failure("DISK_FULL"));
          disk.free -= bytes.length;
          await file.write(bytes);
        },
      };
    },
    async rename(from, to) {
      step();
      await files.rename(from, to);
    },
    async remove(path) {
      step();
      const bytes = (await files.size(path)) ?? 0;
      await files.remove(path);
      disk.free += bytes;
    },
  });
  const files = limited(await openFiles(top));
  const blobFiles = limited(await openFiles(join(top, "blobs")));
  const ports = async (): Promise<BackupPorts> => {
    const store = await openBlobStore({ files: blobFiles, meter: quietMeter });
    const scheme = { type: "copies", copies: 1 } as const;
    const stripes = createFolderStripes([store], { bytes: codedBytes, coding: codingStripe, read: readStripe }, scheme);
    return { ...backupsOf().ports, stripes, heads: createFolderHeads([files]) };
  };
  const actors = new Actors();
  const used = async (): Promise<number> =>
    (await (await ports()).stripes.stored!.list()).reduce((sum, { bytes }) => sum + bytes, 0);
  const run = async () => {
    const at = await ports();
    return runBackup(at, openRepository(at), actors, idle);
  };
  const pruneTo = async (last: number) => {
    const at = await ports();
    return prune(at, openRepository(at), { last }, { ...idle, apply: true });
  };
  /** Every text of the newest snapshot. */
  const texts = async (): Promise<readonly string[]> => {
    const at = await ports();
    const all: string[] = [];
    const write = async (_: unknown, content: Uint8Array) => void all.push(...decodeRows(content).map(([key]) => key));
    await recall(at, openRepository(at), {}, { write }, { signal: idle.signal, progress: () => undefined });
    return all.toSorted();
  };
  return { disk, ports, actors, used, run, pruneTo, texts };
}

/** Rows of which most are written anew with each round, so that packs lose what is in them. */
function change(actors: Actors, round: number): void {
  for (let n = 0; n < 40; n += 1)
    if (round === 0 || n % 8 !== 0)
      actors.change(`room/${n}` as ActorId, {
        [`message/${String(n).padStart(4, "0")}`]: { text: `${round} of ${n} `.repeat(60) },
      });
}

describe("room in a folder of backups", () => {
  let top: string;
  beforeEach(async () => (top = await mkdtemp(join(tmpdir(), "plexus-room-"))));
  afterEach(() => rm(top, { recursive: true, force: true }));

  it("is made where there is none: a removal says first what leaves, and the head comes when there is room", async () => {
    const at = await openFixture(top);
    for (let round = 0; round < 4; round += 1) {
      change(at.actors, round);
      await at.run();
    }
    const before = await at.used();
    at.disk.free = 0;
    const report = await at.pruneTo(1);
    expect(report.removed).to.deep.equal([1, 2, 3]);
    expect(await at.used()).to.be.below(before / 2);
    const ports = await at.ports();
    expect((await openRepository(ports).state()).snapshots.map(({ number }) => number)).to.deep.equal([4]);
    expect(await ports.heads.leaving!.read()).to.deep.equal([]);
    expect(await at.texts()).to.have.length(40);
  });

  it("is made by two prunes at once, of which one gives up: the packs that both have written stay", async () => {
    const backups = backupsOf();
    const actors = new Actors();
    // Only keys differ: both put the fragments into the same order.
    const bytes = (count: number) => (count === 32 ? backups.ports.random.bytes(count) : new Uint8Array(count));
    const ports = { ...backups.ports, random: { ...backups.ports.random, bytes } };
    for (let round = 0; round < 4; round += 1) {
      change(actors, round);
      await runBackup(ports, openRepository(ports), actors, idle);
    }
    const made = backups.store.made.length;
    const removal = { ...idle, apply: true };
    let commits = 0;
    const slow: BackupPorts = {
      ...ports,
      heads: {
        ...ports.heads,
        read: () => ports.heads.read(),
        async commit(head, number) {
          commits += 1;
          // It has written its packs; another prune does the same, and is through first.
          if (commits === 2) {
            const { repacked } = await prune(ports, openRepository(ports), { last: 1 }, removal);
            expect(repacked?.packs).to.be.above(0);
          }
          return ports.heads.commit(head, number);
        },
      },
    };
    const { repacked } = await prune(slow, openRepository(slow), { last: 1 }, removal);
    expect([commits, repacked?.error?.code]).to.deep.equal([2, "BACKUP_CHANGED"]);
    const ids = backups.store.made.slice(made).map(({ ref }) => ref.id);
    expect(ids.length - new Set(ids).size, "packs that both have written").to.be.above(0);
    const texts: string[] = [];
    const write = async (_: unknown, content: Uint8Array) =>
      void texts.push(...decodeRows(content).map(([key]) => key));
    const reading = { signal: idle.signal, progress: () => undefined };
    await recall(ports, openRepository(ports), {}, { write }, reading);
    expect(texts).to.have.length(40);
  });

  it("is none at holders that are full: what leaves is said beside the head, and the next head leaves it out", async () => {
    const backups = backupsOf();
    const directory = createEmbeddedDirectory({ store: new RowStore() });
    await directory.opened();
    const ports = (): BackupPorts => ({ ...backups.ports, heads: createDirectoryHeads(directory) });
    const actors = new Actors();
    const run = async () => {
      const at = ports();
      return runBackup(at, openRepository(at), actors, idle);
    };
    const numbers = async () => (await openRepository(ports()).state()).snapshots.map(({ number }) => number);
    for (let round = 0; round < 3; round += 1) {
      change(actors, round);
      await run();
    }
    const before = backups.store.held.size;
    // A head that was made before the word came does not bring back what leaves.
    const late = ports();
    await openRepository(late).state();
    backups.store.fault.failsAt = 0;
    const at = ports();
    expect((await prune(at, openRepository(at), { last: 1 }, { ...idle, apply: true })).removed).to.deep.equal([1, 2]);
    expect(await numbers()).to.deep.equal([3]);
    expect(backups.store.held.size).to.be.below(before);
    expect(await late.heads.commit(new Uint8Array(1), 4)).to.equal(false);
    backups.store.fault.failsAt = Infinity;
    change(actors, 4);
    expect((await run()).lost).to.deep.equal({ before: 0, units: 0, stripes: 0 });
    expect(await numbers()).to.deep.equal([3, 4]);
    expect(await createDirectoryHeads(directory).leaving!.read()).to.deep.equal([]);
  });

  it("comes back from runs that were killed, and nothing that a snapshot needs goes with it", async () => {
    const at = await openFixture(top);
    change(at.actors, 0);
    await at.run();
    const clean = await at.used();
    for (let steps = 3; steps < 12; steps += 4) {
      change(at.actors, 0);
      at.disk.stepsLeft = steps;
      await at.run().catch(() => undefined);
      at.disk.stepsLeft = Infinity;
    }
    expect(await at.used()).to.be.above(clean);
    const ports = await at.ports();
    await sweepFolder(ports, openRepository(ports), idle.signal);
    expect(await at.used()).to.equal(clean);
    expect(await at.texts()).to.have.length(40);
  });

  it("comes back from packs with little left in them, whatever step the process dies at", async () => {
    for (let steps = 1; ; steps += 13) {
      await rm(top, { recursive: true, force: true });
      const at = await openFixture(top);
      for (let round = 0; round < 3; round += 1) {
        change(at.actors, round);
        await at.run();
      }
      at.disk.stepsLeft = steps;
      const isWhole = await at.pruneTo(1).then(
        ({ repacked }) => repacked.error === undefined,
        () => false,
      );
      at.disk.stepsLeft = Infinity;
      expect(await at.texts(), `died at step ${steps}`).to.have.length(40);
      // It goes on where that ended, and in the end nothing is there that is not needed.
      await at.pruneTo(1);
      const last = await at.pruneTo(1);
      expect([last.leftovers.files, last.stripes, last.repacked], `died at step ${steps}`).to.deep.equal([
        0,
        0,
        { packs: 0, freedBytes: 0 },
      ]);
      expect(await at.texts(), `died at step ${steps}`).to.have.length(40);
      if (!isWhole) continue;
      const fresh = await openFixture(await mkdtemp(join(top, "fresh-")));
      for (const [actor, records] of at.actors.records) fresh.actors.change(actor, Object.fromEntries(records));
      await fresh.run();
      expect((await at.used()) / (await fresh.used())).to.be.below(1.2);
      return;
    }
  });

  it("does not blame a share that syncs no folders, says it once, and passes on every other error", async () => {
    const handle = await open(top);
    const proto = Object.getPrototypeOf(handle) as { sync: () => Promise<void> };
    await handle.close();
    const { sync } = proto;
    const told: UnsyncedFolder[] = [];
    hearUnsynced((one) => void told.push(one));
    let code = "EINVAL";
    proto.sync = () => Promise.reject(Object.assign(new Error(`${code}: fsync`), { code }));
    try {
      for (code of ["EINVAL", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]) await syncFolder(top);
      expect(told.map((one) => one.code)).to.deep.equal(["EINVAL"]);
      code = "EIO";
      expect(await syncFolder(top).catch((error: NodeJS.ErrnoException) => error.code)).to.equal("EIO");
    } finally {
      proto.sync = sync;
    }
  });

  it("is empty for everybody where a volume alone has put something", async () => {
    for (const name of ["lost+found", ".Trash-1000", "System Volume Information", "@eaDir"])
      await mkdir(join(top, name));
    await writeFile(join(top, ".DS_Store"), "");
    expect(await namesPut(top)).to.deep.equal([]);
    await writeFile(join(top, "mine.txt"), "mine");
    expect(await namesPut(top)).to.deep.equal(["mine.txt"]);
    expect(await namesPut(join(top, "absent"))).to.deep.equal([]);
  });
});
