import { expect } from "chai";
import { alertText, describeQuality } from "../../../cli/models/quality.ts";
import type { QualityRow } from "../../../protocols/index.ts";

const row: QualityRow = {
  model: "m\u001b[2J",
  version: "abc",
  now: { calls: 50, errorShare: 0.2, refusalShare: 0, firstMs: 1_500, tokensPerSecond: 21.44, tokensPerAnswer: 120, up: 3, down: 1 },
  before: { calls: 900, errorShare: 0.011, refusalShare: 0, firstMs: 700, tokensPerSecond: 21.44, tokensPerAnswer: 118, up: 0, down: 0 },
  alerts: [{ what: "errors", before: 0.011, now: 0.2 }],
}; // prettier-ignore

describe("plexus routes quality", () => {
  it("shows each model beside its past, what got worse first, and who did not answer", () => {
    const shown = describeQuality({ rows: [row], unanswered: ["b"] }, false);
    expect(shown).to.match(/^Worse: m.+ abc: errors rose from 1\.1 % to 20 %\./u);
    expect(shown).to.match(/50 \(900\).+20 % \(1\.1 %\).+1\.5 s \(0\.7 s\).+21\.4 .+3 up, 1 down/u);
    expect(shown).to.include("Without b: no answer.").and.to.not.include("\u001b");
    expect(describeQuality({ rows: [] }, false)).to.equal("No calls of models in the last week.");
  });

  it("says in words what got worse", () => {
    const texts = (["errors", "refusals", "thumbs", "first", "pace", "length"] as const).map((what) =>
      alertText({ what, before: 0.1, now: 0.5 }),
    );
    expect(new Set(texts).size).to.equal(6);
  });
});
