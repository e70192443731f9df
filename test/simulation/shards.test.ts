import { expect } from "chai";
import { depth, isAll } from "../depth.ts";
import { runShardsSeed } from "./shards.ts";

const seeds = depth(isAll ? 6 : 3, 1_000);

describe("stripes and their holders, simulated", () => {
  it("are kept, moved, made good and collected as promised, whatever the seed", async () => {
    let [kept, faults] = [0, 0];
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { replies, faults: some, violations } = await runShardsSeed(seed);
      const found = violations.map(
        ({ checker, detail }) => `npm run simulate -- --shards ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
      kept += replies;
      faults += some;
    }
    expect(kept).to.be.above(5 * seeds);
    expect(faults).to.be.above(10 * seeds);
  });
});
