import { expect } from "chai";
import { openBlobStore } from "../../../node/bulk/blobs/index.ts";
import type { Files } from "../../../node/ports/index.ts";
import { quietMeter } from "../../fixtures/quiet.ts";
import { FileDisk, World } from "../../world/index.ts";

const step = 64 * 1024;
const bytes = Uint8Array.from({ length: 3 * 1024 * 1024 + 77 }, (_, at) => (at * 31) & 0xff);

async function* once(): AsyncGenerator<Uint8Array> {
  yield bytes;
}

/** Puts the bytes, and gives the most that was written and not on the disk at any moment, and how often it was synced. */
async function put(syncedBytes?: () => number | undefined) {
  const world = new World(1);
  const disk = new FileDisk(world).open({ life: 1, alive: true });
  const seen = { most: 0, syncs: 0 };
  const files: Files = {
    ...disk,
    async create(path) {
      const writer = await disk.create(path);
      let waiting = 0;
      return {
        ...writer,
        async write(part) {
          waiting += part.length;
          seen.most = Math.max(seen.most, waiting);
          await writer.write(part);
        },
        async sync() {
          await writer.sync();
          waiting = 0;
          seen.syncs += 1;
        },
      };
    },
  };
  const store = await world.settle(openBlobStore({ files, meter: quietMeter, ...(syncedBytes && { syncedBytes }) }));
  const { hash } = await world.settle(store.put(once()));
  expect(await world.settle(store.check(hash))).to.equal(true);
  return { ...seen, hash };
}

describe("a blob that is written", () => {
  it("is synced as it goes while people wait for the same disk, and once where nobody does", async () => {
    const alone = await put();
    expect(alone.syncs).to.equal(1);
    const beside = await put(() => step);
    expect(beside.hash, "the same bytes").to.equal(alone.hash);
    expect(beside.most).to.be.at.most(step);
    // They come while it is written.
    let pieces = 0;
    const later = await put(() => ((pieces += 1) > 1 ? step : undefined));
    expect(later.most).to.be.below(alone.most);
    expect((await put(() => undefined)).syncs).to.equal(1);
  });

  it("is named and synced in the turn of its folder, so that no other's sync speaks for it", async () => {
    const world = new World(1);
    const disk = new FileDisk(world).open({ life: 1, alive: true });
    const steps: string[] = [];
    const files: Files = {
      ...disk,
      async rename(from, to) {
        steps.push("rename");
        await disk.rename(from, to);
      },
      async sync(path) {
        await disk.sync(path);
        if (path !== "") steps.push("sync");
      },
    };
    const store = await world.settle(openBlobStore({ files, meter: quietMeter }));
    async function* piece(of: number): AsyncGenerator<Uint8Array> {
      yield Uint8Array.of(of & 0xff, of >> 8);
    }
    // Some of so many share a folder.
    const byFolder = new Map<string, number[]>();
    for (let of = 0; of < 40; of += 1) {
      const { hash } = await world.settle(store.put(piece(of)));
      await world.settle(store.delete(hash));
      byFolder.set(hash.slice(0, 2), [...(byFolder.get(hash.slice(0, 2)) ?? []), of]);
    }
    const two = [...byFolder.values()].find((all) => all.length > 1) ?? [];
    expect(two.length, "two in one folder").to.be.above(1);
    steps.length = 0;
    await world.settle(Promise.all(two.map((of) => store.put(piece(of)))));
    expect(steps).to.deep.equal(two.flatMap(() => ["rename", "sync"]));
  });
});
