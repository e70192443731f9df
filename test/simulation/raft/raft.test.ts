import { expect } from "chai";
import { depth } from "../../depth.ts";
import { runRaftSeed } from "./run.ts";

describe("the simulation of a replicated directory's voters", () => {
  it("replays a seed exactly", async () => {
    const first = await runRaftSeed(1, { trace: true });
    expect(first.trace.length).to.be.greaterThan(10);
    expect((await runRaftSeed(1, { trace: true })).trace).to.deep.equal(first.trace);
  });

  it("has one leader a term, keeps what is committed, answers reads as of now, and gets on when a majority is there", async function () {
    const seeds = depth(3_000, 1_000_000);
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { violations } = await runRaftSeed(seed);
      if (violations.length === 0) continue;
      const found = violations.map(
        ({ checker, detail }) => `npm run simulate -- --raft ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
    }
  });
});
