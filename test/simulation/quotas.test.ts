import { expect } from "chai";
import { depth, isAll } from "../depth.ts";
import { runQuotasSeed } from "./quotas.ts";

describe("the simulation of nodes that count calls and hold budgets", () => {
  it("replays a seed exactly", async () => {
    const first = await runQuotasSeed(1, { trace: true });
    expect(first.trace.length).to.be.greaterThan(10);
    expect((await runQuotasSeed(1, { trace: true })).trace).to.deep.equal(first.trace);
  });

  it("keeps budgets, counts each call once, and loses none that it said it has, with nodes that die and ledgers that are away", async function () {
    const seeds = depth(isAll ? 20 : 10, 2_000);
    for (let seed = 1; seed <= seeds; seed += 1) {
      const { violations } = await runQuotasSeed(seed);
      const found = violations.map(
        ({ checker, detail }) => `npm run simulate -- --quotas ${seed}: ${checker}: ${detail}`,
      );
      expect(found).to.deep.equal([]);
    }
  });
});
