import { expect } from "chai";
import { commandOf, describeBudgets, describePrices, readCount } from "../../../cli/settings/budgets.ts";
import { describeUsage } from "../../../cli/watching/usage.ts";
import type { Budget, UsageRow } from "../../../protocols/index.ts";

const row: UsageRow = {
  model: "gpt",
  provider: "api.example",
  calls: 2,
  promptTokens: 10,
  cachedTokens: 3,
  completionTokens: 5,
  ms: 1_500,
  cost: 1_250_000,
};
const budget: Budget = {
  name: "openai",
  of: "provider",
  names: ["api.example"],
  measure: "cost",
  limit: 50_000_000,
  per: "month",
  warnPercent: 80,
  ending: "instead",
  instead: "qwen",
};

describe("plexus usage", () => {
  it("shows who took most first, and nothing that steers a terminal", () => {
    const shown = describeUsage(
      [
        { ...row, person: "bob", cost: 0 },
        { ...row, person: "ada", model: "g\u001b[2Jpt" },
        { ...row, person: "" },
      ],
      false,
    );
    expect(shown.split("\n").slice(1).join()).to.match(/(ada|nobody).+(ada|nobody).+bob/su);
    expect(shown)
      .to.match(/ada.+2.+10.+3.+5.+1\.5.+1\.25/u)
      .and.to.not.include("\u001b");
    expect(describeUsage([], false)).to.equal("No calls of models.");
  });
});

describe("plexus budgets", () => {
  it("reads counts as they are typed", () => {
    expect(["1000", "500k", "1.5M", "2G"].map(readCount)).to.deep.equal([1_000, 500_000, 1_500_000, 2_000_000_000]);
    for (const text of ["", "-1", "1x", "1e9", "999999999999G"])
      expect(() => readCount(text), text).to.throw("BAD_REQUEST");
  });

  it("shows what was taken, of whom, and what comes then", () => {
    const shown = describeBudgets(
      [
        { ...budget, spent: [{ amount: 40_000_000, resetsInMs: 3_600_000 }] },
        { ...budget, name: "each", of: "person", names: [], measure: "tokens", limit: 1_000_000, per: "day", ending: "stop", spent: [] },
      ],
      false,
    );
    expect(shown).to.match(/openai.+provider api\.example.+50\.00 a month.+40\.00.+80 %.+1 h.+qwen instead/u);
    expect(shown).to.match(/each.+each person.+1,000,000 tokens a day.+stop/u);
    expect(describeBudgets([], false)).to.include("plexus budgets set");
    expect(describePrices([{ name: "gpt", input: 1, output: 4 }], false)).to.match(/gpt.+1.+4/u);
    expect(describePrices([], false)).to.include("plexus prices set");
  }); // prettier-ignore

  it("prints the command that brings back what was removed", () => {
    expect(commandOf(budget)).to.equal("plexus budgets set openai provider api.example --cost 50 --per month --instead qwen");
    expect(commandOf({ ...budget, names: ["a b"], measure: "tokens", limit: 5, warnPercent: 90, ending: "warn", instead: undefined as never })).to.equal(
      "plexus budgets set openai provider 'a b' --tokens 5 --per month --warn 90 --only-warn",
    );
  }); // prettier-ignore
});
