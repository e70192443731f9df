import { expect } from "chai";
import { depth, isAll } from "../depth.ts";
import { runShardsSeed } from "./shards.ts";

const seeds = depth(isAll ? 6 : 3, 1_000);
/** Seeds that once found a fault. 19: a put told of itself again after another node had let go of it (decision 0059). */
const former = [19];

describe("stripes and their holders, simulated", () => {
  it("are kept, moved, made good and collected as promised, whatever the seed", async () => {
    let [kept, faults] = [0, 0];
    const all = [...Array.from({ length: seeds }, (_, at) => at + 1), ...former.filter((seed) => seed > seeds)];
    for (const seed of all) {
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
