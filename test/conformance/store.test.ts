import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { openSealedStore, SealedStore } from "../../node/keys/index.ts";
import { diskKeyOf } from "../../node/keys/disk-key.ts";
import { openLevelStore } from "../../node/platform/index.ts";
import type { Store } from "../../node/ports/index.ts";
import { Disk, type Pulse, World } from "../world/index.ts";
import { storeConformance } from "./store.ts";

storeConformance("Level", () => {
  const folder = mkdtempSync(join(tmpdir(), "plexus-store-"));
  return {
    open: () => openLevelStore(folder),
    reopen: async (store) => {
      await store.close();
      return openLevelStore(folder);
    },
    end: async (store) => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

/** Runs the simulation until a promise settles. */
async function inWorld<T>(world: World, promise: Promise<T>): Promise<T> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await world.run(() => settled, Infinity);
  return promise;
}

storeConformance("the simulated disk", () => {
  const world = new World(1);
  const disk = new Disk(world);
  return {
    open: async () => disk.open({ life: 1, alive: true }),
    reopen: async (store) => {
      await inWorld(world, store.close());
      return disk.open({ life: 2, alive: true });
    },
    end: async () => undefined,
    settle: (promise) => inWorld(world, promise),
  };
});

const diskKey = diskKeyOf(Buffer.alloc(32, 1));

storeConformance("Level, encrypted", () => {
  const folder = mkdtempSync(join(tmpdir(), "plexus-store-"));
  const open = async () => openSealedStore(await openLevelStore(folder), async () => diskKey);
  return {
    open: async () => {
      const store = await open();
      await store.convert("sealed", { key: diskKey, parts: [] });
      return store;
    },
    reopen: async (store) => {
      await store.close();
      return open();
    },
    end: async (store) => {
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
});

storeConformance("the simulated disk, encrypted", () => {
  const world = new World(1);
  const disk = new Disk(world);
  const sealed = (life: number) => new SealedStore(disk.open({ life, alive: true }), { state: "sealed", key: diskKey });
  return {
    open: async () => sealed(1),
    reopen: async (store) => {
      await inWorld(world, store.close());
      return sealed(2);
    },
    end: async () => undefined,
    settle: (promise) => inWorld(world, promise),
  };
});

describe("the simulated disk at a power loss", () => {
  const text = async (world: World, store: Store, key: string): Promise<string | undefined> => {
    const value = await inWorld(world, store.get(key));
    return value && new TextDecoder().decode(value);
  };
  const put = (key: string, value: string) => [{ type: "put" as const, key, value: new TextEncoder().encode(value) }];

  it("loses what was not synced, and nothing that was", async () => {
    const world = new World(2);
    const disk = new Disk(world);
    const pulse: Pulse = { life: 1, alive: true };
    const store = disk.open(pulse);
    await inWorld(world, store.batch(put("a", "unsynced, then carried along"), { sync: false }));
    await inWorld(world, store.batch(put("b", "synced"), { sync: true }));
    await inWorld(world, store.batch(put("b", "overwritten without sync"), { sync: false }));
    await inWorld(world, store.batch(put("c", "unsynced"), { sync: false }));
    pulse.alive = false;
    disk.crash(true);
    const after = disk.open({ life: 2, alive: true });
    expect(await text(world, after, "a")).to.equal("unsynced, then carried along");
    expect(await text(world, after, "b")).to.equal("synced");
    expect(await text(world, after, "c")).to.equal(undefined);
  });

  it("keeps a prefix of what was not synced, whatever the seed", async () => {
    for (let seed = 1; seed <= 50; seed += 1) {
      const world = new World(seed);
      const disk = new Disk(world);
      const pulse: Pulse = { life: 1, alive: true };
      const store = disk.open(pulse);
      for (const key of ["1", "2", "3"]) await inWorld(world, store.batch(put(key, key), { sync: false }));
      pulse.alive = false;
      disk.crash(false);
      const after = disk.open({ life: 2, alive: true });
      const kept = (await inWorld(world, after.range({ gte: "", lt: "~" }))).map(([key]) => key);
      expect(kept).to.deep.equal(["1", "2", "3"].slice(0, kept.length));
    }
  });

  it("never resolves a promise of the life that ended", async () => {
    const world = new World(3);
    const disk = new Disk(world);
    const pulse: Pulse = { life: 1, alive: true };
    let resolved = false;
    void disk
      .open(pulse)
      .batch(put("a", "late"), { sync: true })
      .then(() => (resolved = true));
    pulse.alive = false;
    disk.crash(true);
    expect(await world.run(() => resolved, Infinity)).to.equal("silent");
    expect(resolved).to.equal(false);
  });
});
