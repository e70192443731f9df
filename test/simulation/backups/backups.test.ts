import { expect } from "chai";
import { depth, isAll } from "../../depth.ts";
import { runBackupsSeed } from "./run.ts";

/** The second seed takes half of what the first takes. */
const firstSeed = isAll ? 1 : 2;
const seeds = depth(1, 500);

describe("the backups of a cluster, simulated", () => {
  it("bring back what each slot had, and keep what they need and nothing else, whatever the seed", async () => {
    let [taken, faults] = [0, 0];
    for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
      const { replies, faults: some, violations } = await runBackupsSeed(seed);
      const found = violations.map(
        ({ checker, detail }) => `npm run simulate -- --backups ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
      taken += replies;
      faults += some;
    }
    expect(taken).to.be.above(2 * seeds);
    expect(faults).to.be.above(10 * seeds);
  });
});
