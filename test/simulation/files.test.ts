import { expect } from "chai";
import { depth, isAll } from "../depth.ts";
import { runFilesSeed } from "./files.ts";

const seeds = depth(isAll ? 5 : 3, 1_000);

describe("files of a room in copies and stripes, simulated", () => {
  it("can be read whatever dies, lie in stripes in the end, and leave nothing when they are deleted", async () => {
    let [posted, faults] = [0, 0];
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { replies, faults: some, violations } = await runFilesSeed(seed);
      const found = violations.map(
        ({ checker, detail }) => `npm run simulate -- --files ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
      posted += replies;
      faults += some;
    }
    expect(posted).to.be.above(4 * seeds);
    expect(faults).to.be.above(8 * seeds);
  });
});
