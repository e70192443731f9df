import { expect } from "chai";
import { depth } from "../depth.ts";
import { runStripedModelsSeed } from "./striped-models.ts";

const seeds = depth(10, 2_000);

describe("models in stripes, simulated", () => {
  it("can be read from the storage nodes alone when they are wanted there, and leave nothing when they are not", async () => {
    let [told, faults] = [0, 0];
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { replies, faults: some, violations } = await runStripedModelsSeed(seed);
      const found = violations.map(
        ({ checker, detail }) => `npm run simulate -- --striped ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
      told += replies;
      faults += some;
    }
    expect(told).to.be.above(2 * seeds);
    expect(faults).to.be.above(8 * seeds);
  });
});
