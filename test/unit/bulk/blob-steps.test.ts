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
});
