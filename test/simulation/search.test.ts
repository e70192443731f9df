import { expect } from "chai";
import { depth, isAll } from "../depth.ts";
import { runSearchSeed } from "./search.ts";

describe("the simulation of searches in a cluster", () => {
  it("replays a seed exactly", async () => {
    const first = await runSearchSeed(1, { trace: true });
    expect(first.trace.length).to.be.greaterThan(100);
    expect((await runSearchSeed(1, { trace: true })).trace).to.deep.equal(first.trace);
  });

  it("finds what a look at everything finds, comes back after each fault, and leaves no byte of what was deleted", async () => {
    const seeds = depth(isAll ? 6 : 3, 600);
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { violations } = await runSearchSeed(seed);
      const found = violations.map(
        ({ checker, detail }) => `npm run simulate -- --search ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
    }
  });
});
