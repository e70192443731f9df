import { expect } from "chai";
import { depth } from "../../depth.ts";
import { runBlobSeed } from "./run.ts";

const seeds = depth(15, 1_000);

describe("blobs of actors, simulated", () => {
  it("are where their slots are, whole, and nowhere else, whatever the seed", async () => {
    const sum = { acknowledged: 0, mended: 0 };
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { replies, mended, violations } = await runBlobSeed(seed);
      const found = violations.map(
        ({ checker, detail }) => `npm run simulate -- --blobs ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
      sum.acknowledged += replies;
      sum.mended += mended;
    }
    expect(sum.acknowledged).to.be.above(5 * seeds);
    expect(sum.mended).to.be.above(seeds / 5);
  });
});
