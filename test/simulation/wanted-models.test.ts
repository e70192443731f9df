import { expect } from "chai";
import { depth } from "../depth.ts";
import { runWantedModelsSeed } from "./wanted-models.ts";

describe("the simulation of models that a cluster wants", () => {
  it("replays a seed exactly", async () => {
    const first = await runWantedModelsSeed(1, { trace: true });
    expect(first.trace.length).to.be.greaterThan(10);
    expect((await runWantedModelsSeed(1, { trace: true })).trace).to.deep.equal(first.trace);
  });

  it("keeps what is wanted on as many nodes as there may be, and in their memory, whatever dies; and pulls nothing in vain", async function () {
    const seeds = depth(40, 3_000);
    let pulls = 0;
    for (let seed = 1; seed <= seeds; seed += 1) {
      const verdict = await runWantedModelsSeed(seed);
      const found = verdict.violations.map(
        ({ checker, detail }) => `npm run simulate -- --wanted ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
      pulls += verdict.replies;
    }
    expect(pulls).to.be.greaterThan(seeds);
  });
});
