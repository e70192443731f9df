import { expect } from "chai";
import fc from "fast-check";
import { qualityLimits } from "../../../../node/inference/quality/limits.ts";
import {
  both,
  countIn,
  enough,
  isRefusal,
  middleOf,
  noSums,
  sumsAt,
  windowsOf,
  worsened,
  type Hour,
} from "../../../../node/inference/quality/series.ts";
import type { QualitySums } from "../../../../protocols/index.ts";

const scaleOf = (ms: number, count: number): readonly number[] => {
  const scale: number[] = [];
  for (let index = 0; index < count; index += 1) countIn(scale, ms);
  return scale;
};
const sums = (calls: number, more: Partial<QualitySums> = {}): QualitySums => ({
  ...noSums,
  calls,
  answers: calls,
  tokens: 100 * calls,
  first: scaleOf(500, calls),
  pace: scaleOf(2_000, calls),
  ...more,
});
const anySums = fc
  .record({
    calls: fc.integer({ min: 0, max: 2_000 }),
    failed: fc.double({ min: 0, max: 1, noNaN: true }),
    refused: fc.double({ min: 0, max: 1, noNaN: true }),
    tokens: fc.integer({ min: 0, max: 1_000 }),
    first: fc.integer({ min: 0, max: 60_000 }),
    pace: fc.integer({ min: 0, max: 60_000 }),
    up: fc.integer({ min: 0, max: 100 }),
    down: fc.integer({ min: 0, max: 100 }),
  })
  .map(({ calls, failed, refused, tokens, first, pace, up, down }) =>
    sums(calls, { failed: Math.floor(calls * failed), refused: Math.floor(calls * refused), tokens: calls * tokens, first: scaleOf(first, calls), pace: scaleOf(pace, calls), up, down }),
  ); // prettier-ignore
const times = (of: QualitySums, factor: number): QualitySums =>
  Array.from({ length: factor }, () => of).reduce((sum, one) => both(sum, one), noSums);
const whats = (now: QualitySums, before: QualitySums) => worsened(now, before).map(({ what }) => what);

describe("whether a model got worse", () => {
  it("is said of what rose, slowed down or changed its length", () => {
    const before = sums(1_000, { failed: 10, refused: 20, up: 80, down: 20 });
    expect(whats(sums(100, { failed: 1, refused: 2, up: 8, down: 2 }), before)).to.deep.equal([]);
    expect(worsened(sums(100, { failed: 20 }), before)).to.deep.equal([{ what: "errors", before: 0.01, now: 0.2 }]);
    expect(whats(sums(100, { refused: 30 }), before)).to.deep.equal(["refusals"]);
    expect(whats(sums(100, { up: 10, down: 30 }), before)).to.deep.equal(["thumbs"]);
    expect(whats(sums(100, { first: scaleOf(1_200, 100) }), before)).to.deep.equal(["first"]);
    expect(whats(sums(100, { pace: scaleOf(5_000, 100) }), before)).to.deep.equal(["pace"]);
    expect(whats(sums(100, { tokens: 4_000 }), before)).to.deep.equal(["length"]);
    expect(whats(sums(100, { tokens: 30_000 }), before)).to.deep.equal(["length"]);
    // What got better is no alert.
    expect(
      whats(sums(100, { first: scaleOf(100, 100) }), sums(1_000, { failed: 300, first: scaleOf(900, 1_000) })),
    ).to.deep.equal([]);
  });

  it("is never said of the same figures, or of too few", () => {
    fc.assert(
      fc.property(anySums, anySums, fc.integer({ min: 1, max: 5 }), (one, other, factor) => {
        expect(whats(one, times(one, factor))).to.deep.equal([]);
        const few = sums(enough.callsNow - 1, { failed: enough.callsNow - 1, up: 0, down: enough.thumbsNow - 1 });
        expect(whats(few, other)).to.deep.equal([]);
        expect(whats(other, sums(enough.callsBefore - 1, { up: enough.thumbsBefore - 1 }))).to.deep.equal([]);
      }),
      { numRuns: 50 },
    );
  });

  it("stays said when there is more of the same, and when errors become more", () => {
    fc.assert(
      fc.property(anySums, anySums, fc.integer({ min: 2, max: 4 }), (now, before, factor) => {
        const said = whats(now, before);
        expect(whats(times(now, factor), times(before, factor))).to.include.members(said);
        if (said.includes("errors")) expect(whats({ ...now, failed: now.calls }, before)).to.include("errors");
        for (const { before: from, now: to } of worsened(now, before))
          expect([from, to].every((value) => Number.isFinite(value) && value >= 0)).to.equal(true);
      }),
      { numRuns: 50 },
    );
  });

  it("is judged by middles that are right to a fifth", () => {
    fc.assert(
      fc.property(fc.integer({ min: 10, max: 1_000_000 }), (ms) => {
        const middle = middleOf(scaleOf(ms, 3)) ?? 0;
        expect(middle / ms).to.be.within(0.8, 1.25);
      }),
    );
    expect(middleOf([])).to.equal(undefined);
  });

  it("is counted by the hour, for a week, also with a clock that was set back", () => {
    const hours: Hour[] = [];
    for (let hour = 1_000; hour < 1_400; hour += 1) sumsAt(hours, hour, qualityLimits).calls += 1;
    sumsAt(hours, 900, qualityLimits).calls += 1;
    expect(hours.length).to.equal(qualityLimits.hoursMax);
    const { recent, past } = windowsOf(hours, 1_399, qualityLimits);
    expect([recent.calls, past.calls]).to.deep.equal([
      qualityLimits.recentHours + 1,
      qualityLimits.hoursMax - qualityLimits.recentHours,
    ]);
    const thumbs: Hour[] = [];
    sumsAt(thumbs, 1_380, qualityLimits).down += 1;
    sumsAt(thumbs, 1_399, qualityLimits).calls += 1;
    const rated = windowsOf(thumbs, 1_399, qualityLimits);
    expect([rated.recent.down, rated.recent.calls, rated.past.down]).to.deep.equal([1, 1, 0]);
  });

  it("knows how refusals begin", () => {
    for (const text of ["I'm sorry, but I can't help with that.", "I cannot assist", "Sorry, I am unable to do this", "As an AI language model, I cannot", "Es tut mir leid, das kann ich nicht", "Je ne peux pas répondre", "No puedo ayudarte"])
      expect(isRefusal(text), text).to.equal(true);
    for (const text of ["Sure, here it is.", "I can help", "Sorry for the wait: here it is", "The answer cannot be known", ""])
      expect(isRefusal(text), text).to.equal(false);
  }); // prettier-ignore
});
