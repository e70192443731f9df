import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { format } from "oxfmt";
import { backupLimits } from "../../../../node/backup/index.ts";
import { lossOfAny, lossWithinYear, meanYearsToLoss, type Circumstances } from "../../../simulation/stripe-losses.ts";
import type { Scheme } from "../../../../protocols/index.ts";
import {
  durabilityTable,
  unitsLost,
  unitTable,
  plainly,
  rarely,
  schemesShown,
  type Estimate,
} from "../../../simulation/durability.ts";

const day = 1 / 365.25;
const rs = (k: number, m: number): Scheme => ({ type: "rs", k, m });
const copies = (count: number): Scheme => ({ type: "copies", copies: count });

/** Within so many deviations, and these are small enough to say something. */
function expectNear({ value, deviation }: Estimate, computed: number, deviations: number): void {
  expect(deviation / value, "the simulation is long enough").to.be.below(0.04);
  expect(Math.abs(value - computed) / deviation, `${value} ± ${deviation}, computed ${computed}`).to.be.below(
    deviations,
  );
}

describe("durability", () => {
  it("is what arithmetic says where that is easy", () => {
    // One copy: the first loss is the end. Two, never repaired: the first of two, then the other.
    expect(meanYearsToLoss(copies(1), { lossesPerYear: 0.5, repairYears: day })).to.be.closeTo(2, 1e-12);
    expect(meanYearsToLoss(copies(2), { lossesPerYear: 1, repairYears: 1e12 })).to.be.closeTo(1.5, 1e-9);
    // Repairs that take no time to speak of: λ losses of n nodes, and another of the rest in the time of a repair, and
    // so on.
    const rare: Circumstances = { lossesPerYear: 0.01, repairYears: 1e-5 };
    expect(lossWithinYear(rs(4, 2), rare) / ((6 * 5 * 4 * 0.01 ** 3 * 1e-5 ** 2) / 2)).to.be.closeTo(1, 1e-4);
  });

  it("is more with more parity, with fewer losses and with faster repairs", () => {
    const base: Circumstances = { lossesPerYear: 0.1, repairYears: day };
    const loss = lossWithinYear(rs(4, 2), base);
    expect(lossWithinYear(rs(4, 3), base)).to.be.below(loss);
    expect(lossWithinYear(rs(5, 2), base)).to.be.above(loss);
    expect(lossWithinYear(rs(4, 2), { ...base, lossesPerYear: 0.2 })).to.be.above(loss);
    expect(lossWithinYear(rs(4, 2), { ...base, repairYears: 2 * day })).to.be.above(loss);
  });

  it("agrees with nodes that are simulated one by one, where losses are frequent", () => {
    const often: Circumstances = { lossesPerYear: 2, repairYears: 30 * day };
    for (const [seed, scheme] of [copies(2), copies(3), rs(3, 2), rs(4, 2), rs(4, 4)].entries())
      expectNear(
        plainly(scheme, often, { seed, lives: 2_000, repairs: "exponential" }),
        meanYearsToLoss(scheme, often),
        3.5,
      );
    // The length of repairs matters by its mean, the less else the rarer losses are.
    const seldom: Circumstances = { lossesPerYear: 1, repairYears: 4 * day };
    for (const scheme of [copies(2), rs(3, 1)])
      expectNear(
        plainly(scheme, seldom, { seed: 5, lives: 1_500, repairs: "fixed" }),
        meanYearsToLoss(scheme, seldom),
        3.5,
      );
  });

  it("agrees with the simulation of what is rare, down to once in 10¹⁴ years", () => {
    for (const [seed, scheme] of schemesShown.entries())
      for (const circumstances of [
        { lossesPerYear: 0.05, repairYears: day },
        { lossesPerYear: 0.3, repairYears: 7 * day },
        { lossesPerYear: 2, repairYears: 30 * day },
      ])
        expectNear(rarely(scheme, circumstances, { seed, paths: 15_000 }), meanYearsToLoss(scheme, circumstances), 3.5);
  });

  it("of a unit is that of any of its stripes, as those that are drawn one by one are lost", () => {
    for (const [seed, loss] of [0.01, 0.1, 0.33].entries())
      expectNear(unitsLost(loss, { seed, units: 200_000 }), lossOfAny(loss, backupLimits.fragments), 3.5);
  });

  it("of a unit and a snapshot is on the page as it is computed", async () => {
    const page = readFileSync(join(import.meta.dirname, "../../../../docs/backup/shards.md"), "utf8");
    const [table = ""] = /\| a unit, a snapshot[^]*?(?=\n\n)/.exec(page) ?? [];
    expect(table.trim()).to.equal((await format("shards.md", unitTable())).code.trim());
  });

  it("is on the page as it is computed and simulated", async () => {
    const page = readFileSync(join(import.meta.dirname, "../../../../docs/backup/shards.md"), "utf8");
    const [table = ""] = /\| scheme +\| bytes[^]*?(?=\n\n)/.exec(page) ?? [];
    expect(table.trim()).to.equal((await format("shards.md", durabilityTable())).code.trim());
  });
});
