import { expect } from "chai";
import { depth, isAll } from "../depth.ts";
import { runModelsSeed } from "./models.ts";

describe("the simulation of a node's models", () => {
  it("replays a seed exactly", async function () {
    for (const seed of isAll ? [1, 2, 3] : [1]) {
      const first = await runModelsSeed(seed, { trace: true });
      expect(first.trace.length).to.be.greaterThan(10);
      expect((await runModelsSeed(seed, { trace: true })).trace).to.deep.equal(first.trace);
    }
  });

  it("ends every call once, within the budget, and lets nobody starve, with hosts that crash and stall and an admin", async function () {
    const seeds = depth(isAll ? 60 : 20, 3_000);
    let faults = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const verdict = await runModelsSeed(seed);
      const found = verdict.violations.map(
        ({ checker, detail }) => `npm run simulate -- --models ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
      faults += verdict.faults;
    }
    expect(faults).to.be.greaterThan(seeds / 4);
  });
});
