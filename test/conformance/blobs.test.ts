import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect } from "chai";
import { hash, isHashNative, slowHash } from "../../node/bulk/blobs/hash.ts";
import { blobLimits, hashOf, openBlobStore } from "../../node/bulk/blobs/index.ts";
import { leafBytes } from "../../node/bulk/blobs/tree.ts";
import { type BlobLimits } from "../../node/bulk/blobs/limits.ts";
import { SealedFiles } from "../../node/keys/index.ts";
import { diskKeyOf } from "../../node/keys/disk-key.ts";
import { openFiles } from "../../node/platform/index.ts";
import type { Files } from "../../node/ports/index.ts";
import { failureOf } from "../../protocols/index.ts";
import { quietMeter } from "../fixtures/quiet.ts";
import { FileDisk, settled as allSettled, World, type Pulse } from "../world/index.ts";
import { blobConformance, gathered, pieces, someBytes, type BlobFixture } from "./blobs.ts";

interface Kind {
  readonly name: string;
  readonly disk: (files: Files) => Files;
  readonly placeOf?: (at: number) => number;
}
/** The same disk, plain and encrypted. */
const plain: Kind = { name: "", disk: (files) => files };
const encrypted: Kind = {
  name: ", encrypted",
  disk(files) {
    const sealed = new SealedFiles(files, { key: diskKeyOf(Buffer.alloc(32, 1)), seals: true });
    // The suite changes single methods of it.
    return {
      location: sealed.location,
      makeFolder: (path) => sealed.makeFolder(path),
      create: (path) => sealed.create(path),
      open: (path) => sealed.open(path),
      size: (path) => sealed.size(path),
      rename: (from, to) => sealed.rename(from, to),
      remove: (path) => sealed.remove(path),
      names: (folder) => sealed.names(folder),
      sync: (folder) => sealed.sync(folder),
      hasRoom: (bytes) => sealed.hasRoom(bytes),
      freeBytes: () => sealed.freeBytes(),
    };
  },
  // Behind the head, and the tags of the pieces before.
  placeOf: (at) => 56 + at + 16 * Math.floor(at / 16_384),
};

for (const { name, disk: seen, ...places } of [plain, encrypted])
  blobConformance(`real files${name}`, () => {
    const folder = mkdtempSync(join(tmpdir(), "plexus-blobs-"));
    const open: BlobFixture["open"] = async (limits = {}, wrap = (files) => files) =>
      openBlobStore({
        files: wrap(seen(await openFiles(folder))),
        meter: quietMeter,
        limits: { ...blobLimits, ...limits },
      });
    return {
      ...places,
      open,
      reopen: () => open(),
      paths: () =>
        readdirSync(folder, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1))
          .sort(),
      flipBit(path, bit) {
        const bytes = readFileSync(join(folder, path));
        bytes[bit >> 3] = (bytes[bit >> 3] as number) ^ (1 << (bit & 7));
        writeFileSync(join(folder, path), bytes);
      },
      truncate: (path, length) => truncateSync(join(folder, path), length),
      async leave(path, bytes) {
        mkdirSync(dirname(join(folder, path)), { recursive: true });
        writeFileSync(join(folder, path), bytes);
      },
      end: async () => rmSync(folder, { recursive: true, force: true }),
    };
  });

/** Runs the simulation until a promise settles. */
async function inWorld<T>(world: World, promise: Promise<T>): Promise<T> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  // What is to happen first may be decided by promises alone, so that nothing is due yet.
  for (let quiet = 0; !settled && quiet < 3; quiet += 1) {
    await allSettled();
    if ((await world.run(() => settled, Infinity)) !== "silent") quiet = 0;
  }
  return promise;
}

const openAt = (
  disk: FileDisk,
  pulse: Pulse,
  limits: Partial<BlobLimits> = {},
  wrap = (files: Files): Files => files,
) => openBlobStore({ files: wrap(disk.open(pulse)), meter: quietMeter, limits });

for (const { name, disk: seen, ...places } of [plain, encrypted])
  blobConformance(`the simulated disk${name}`, () => {
    const world = new World(1);
    const disk = new FileDisk(world);
    return {
      ...places,
      open: (limits, wrap = plain.disk) => openAt(disk, { life: 1, alive: true }, limits, (files) => wrap(seen(files))),
      reopen: () => openAt(disk, { life: 2, alive: true }, {}, seen),
      paths: () => disk.paths(),
      flipBit: (path, bit) => disk.flipBit(path, bit),
      truncate: (path, length) => disk.truncate(path, length),
      async leave(path, bytes) {
        const writer = await inWorld(world, disk.open({ life: 9, alive: true }).create(path));
        await inWorld(world, writer.write(bytes));
        await inWorld(world, writer.close());
      },
      openFiles: () => disk.openFiles,
      settle: (promise) => inWorld(world, promise),
      end: async () => undefined,
    };
  });

describe("the names of blobs", () => {
  // What is on disks is called so: made with the first version, and never again.
  it("never change", () => {
    const names = [0, 1, leafBytes, leafBytes + 1, 5 * leafBytes + 3].map((size) => hashOf(someBytes(size)));
    expect(names).to.deep.equal([
      "2ad8271432fb83a7d13be28019fb6f837eed45a0cc51b593dba892a1faf8a47d",
      "a9f33259b1fd76e1b1b797349ee7967066763f5a964a9e69b9b19ee66b9e9512",
      "a1410d388e8e7bf38a4edb18eb17ae66c8c9d55d74b45c2683523cdce25ff91b",
      "9860ec5a5373aa6d9920cd17e51f6f8aeb70e058fa06b16ec517fa293b7ac85c",
      "d65738ce14ee0da4154ad72e9c04a2f2cade8a3597fb10ea94676d0a3e60c845",
    ]);
  });

  it("are the same whether a hash is made natively or not", function () {
    if (!isHashNative) this.skip();
    for (const size of [0, 1, 64, 1_024, 1_025, leafBytes, leafBytes + 1]) {
      const bytes = someBytes(size, 3);
      expect(Buffer.compare(hash(bytes), slowHash(bytes)), `${size} bytes`).to.equal(0);
    }
  });
});

describe("blobs and a power loss", () => {
  it("have all that was acknowledged, whole, and never take for whole what is not, whatever the seed", async () => {
    let [kept, lost] = [0, 0];
    for (let seed = 1; seed <= 60; seed += 1) {
      const world = new World(seed);
      const { dice } = world;
      const disk = new FileDisk(world, { syncErrorChance: seed % 3 === 0 ? 0.2 : 0 });
      const acknowledged = new Map<string, Uint8Array>();
      const tried = new Map<string, Uint8Array>();
      for (let life = 1; life <= 3; life += 1) {
        const pulse: Pulse = { life, alive: true };
        const store = await inWorld(world, openAt(disk, pulse, {}, (seed % 2 === 0 ? encrypted : plain).disk));
        for (const [hash, bytes] of tried) {
          const size = await inWorld(world, store.has(hash));
          expect(size !== undefined || !acknowledged.has(hash), `seed ${seed}: an acknowledged blob is gone`).to.equal(
            true,
          );
          if (size === undefined) lost += 1;
          else {
            kept += 1;
            const read = await inWorld(
              world,
              store.open(hash).then((open) => gathered(open.bytes)),
            );
            expect(read.equals(bytes), `seed ${seed}: a blob is not what was put`).to.equal(true);
          }
        }
        expect(disk.paths().filter((path) => path.startsWith("temporary/"))).to.deep.equal([]);
        for (let number = 0; number < 6; number += 1) {
          const bytes = someBytes(dice.below(20_000), seed * 100 + life * 10 + number);
          tried.set(hashOf(bytes), bytes);
          disk.weather.full = dice.chance(0.1);
          void store.put(pieces(bytes, 9_000)).then(
            ({ hash }) => acknowledged.set(hash, bytes),
            () => undefined,
          );
          // One that was acknowledged, so that nobody is still putting it. Whether it is there after the power loss is
          // open.
          if (acknowledged.size > 0 && dice.chance(0.2)) {
            const victim = dice.pick([...acknowledged.keys()]);
            acknowledged.delete(victim);
            void store.delete(victim).catch(() => undefined);
          }
          const untilMs = world.nowMs + dice.between(0, 12);
          world.after(untilMs - world.nowMs, () => undefined);
          await world.run(() => world.nowMs >= untilMs, untilMs);
        }
        pulse.alive = false;
        disk.crash(dice.chance(0.5));
      }
    }
    // Both happen: the test is about something.
    expect(kept).to.be.above(40);
    expect(lost).to.be.above(40);
  });

  it("leave nothing behind when the disk fails to sync them, and are taken when it does again", async () => {
    const world = new World(6);
    const disk = new FileDisk(world);
    const store = await inWorld(world, openAt(disk, { life: 1, alive: true }));
    disk.weather.syncErrorChance = 0.5;
    let refused = 0;
    for (let number = 0; number < 20; number += 1) {
      const bytes = someBytes(100, number);
      const put = store.put(pieces(bytes)).then(
        () => true,
        () => false,
      );
      const taken = await inWorld(world, put);
      if (!taken) refused += 1;
      expect((await inWorld(world, store.has(hashOf(bytes)))) !== undefined).to.equal(taken);
    }
    expect(refused).to.be.within(1, 19);
    disk.weather.syncErrorChance = 0;
    for (let number = 0; number < 20; number += 1) await inWorld(world, store.put(pieces(someBytes(100, number))));
    disk.crash(true);
    expect(disk.paths()).to.have.length(20);
  });

  it("are refused with DISK_FULL while the disk is full, with nothing left of them, and read all the while", async () => {
    const world = new World(5);
    const disk = new FileDisk(world);
    const store = await inWorld(world, openAt(disk, { life: 1, alive: true }));
    const { hash } = await inWorld(world, store.put(pieces(someBytes(5_000))));
    const before = disk.paths();
    let given = 0;
    // It fills while one is written; then there is no room from the beginning.
    async function* filling() {
      yield someBytes(20_000);
      disk.weather.full = true;
      given += 1;
      yield someBytes(20_000);
    }
    for (const stream of [filling(), pieces(someBytes(10))]) {
      const code = await inWorld(
        world,
        store.put(stream).then(
          () => "taken",
          (error: unknown) => failureOf(error).code,
        ),
      );
      expect(code).to.equal("DISK_FULL");
    }
    expect(given).to.equal(1);
    expect(disk.paths()).to.deep.equal(before);
    expect(
      (
        await inWorld(
          world,
          store.open(hash).then(({ bytes }) => gathered(bytes)),
        )
      ).length,
    ).to.equal(5_000);
    disk.weather.full = false;
    await inWorld(world, store.put(pieces(someBytes(10))));
    expect(disk.openFiles).to.equal(0);
  });
});
