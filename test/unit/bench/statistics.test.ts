import { expect } from "chai";
import fc from "fast-check";
import { figure, listing, table } from "../../bench/report.ts";
import type { Row } from "../../bench/benchmark.ts";
import { judge } from "../../bench/gate.ts";
import { bestOf, compare, median, medianNoise, quantile } from "../../bench/statistics.ts";

const positive = fc.double({ min: 1e-3, max: 1e6, noNaN: true });

describe("the arithmetic of the benchmarks", () => {
  it("takes the middle value as median, and the mean of two middle ones", () => {
    expect(median([9, 1, 5])).to.equal(5);
    expect(median([4, 1, 3, 2])).to.equal(2.5);
    expect(median([])).to.satisfy(Number.isNaN);
  });

  it("does not change the lists it is given", () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).to.deep.equal([3, 1, 2]);
  });

  it("finds quantiles by nearest rank", () => {
    const sorted = Float64Array.from({ length: 100 }, (_, index) => index + 1);
    expect(quantile(sorted, 0.5)).to.equal(50);
    expect(quantile(sorted, 0.99)).to.equal(99);
    expect(quantile(sorted, 1)).to.equal(100);
    expect(quantile([7], 0)).to.equal(7);
    expect(quantile([], 0.5)).to.satisfy(Number.isNaN);
  });

  it("takes the ratio within each round, so that a round that slows both targets does not count", () => {
    const { ratio, spread, ours, peer } = compare([10, 1, 12], [20, 2, 20]);
    expect(ratio).to.equal(0.5);
    expect(spread).to.deep.equal([0.5, 0.6]);
    expect([ours, peer]).to.deep.equal([10, 20]);
  });

  it("keeps the ratio inside its spread, and gives its inverse when the targets change places", () => {
    const rounds = fc.array(fc.tuple(positive, positive), { minLength: 1, maxLength: 15 });
    fc.assert(
      fc.property(rounds, (pairs) => {
        const ours = pairs.map(([value]) => value);
        const peer = pairs.map(([, value]) => value);
        const { ratio, spread } = compare(ours, peer);
        expect(ratio).to.be.within(spread[0], spread[1]);
        const turned = compare(peer, ours);
        expect(turned.spread[0]).to.be.closeTo(1 / spread[1], 1e-9 / spread[1]);
        expect(turned.spread[1]).to.be.closeTo(1 / spread[0], 1e-9 / spread[0]);
        if (pairs.length % 2 === 1) expect(turned.ratio).to.be.closeTo(1 / ratio, 1e-9 / ratio);
      }),
    );
  });

  it("refuses to compare rounds that are not the same ones", () => {
    expect(() => compare([1, 2], [1])).to.throw("cannot compare 2 rounds with 1");
    expect(() => compare([], [])).to.throw("cannot compare 0 rounds");
  });

  it("lets the best variant of a peer stand for it, by its median and not by one lucky round", () => {
    const steady = [50, 51, 52];
    const lucky = [10, 11, 99];
    expect(bestOf([lucky, steady], "higher")).to.equal(1);
    expect(bestOf([lucky, steady], "lower")).to.equal(0);
  });
});

describe("the printed rows of the benchmarks", () => {
  const row: Row = {
    row: "benchmark/level", ours: 61_234.5, peer: 100_000, ratio: 0.612, spread: [0.5, 0.7], noise: 0.05, unit: "commands/s",
    better: "higher", against: "level 2×6400", rounds: 7, aimRatio: 0.5, met: true, oursFigures: {}, peerFigures: {},
  }; // prettier-ignore

  it("show three digits that count and keep thousands apart", () => {
    expect([1_234_567, 999.4, 12.34, 1.239, 0.0456].map(figure)).to.deep.equal(["1,234,567", "999", "12.3", "1.24", "0.046"]);
    expect(figure(NaN)).to.equal("–");
  }); // prettier-ignore

  it("name both figures, the variant that stood for the peer, the ratio with its spread, and the aim", () => {
    const text = table([row]);
    for (const part of ["61,235", "100,000 (level 2×6400)", "0.61", "0.50 – 0.70", "≥ 0.5: met"])
      expect(text).to.include(part);
  });

  it("say when less is better and when an aim is missed", () => {
    const { aimRatio: _aim, ...rest } = row;
    const text = table([{ ...rest, better: "lower", unit: "KB", aimBeyond: 40, met: false }]);
    expect(text).to.include("KB (less is better)").and.to.include("≤ 40.0 beyond: missed");
  });

  it("can be listed without measuring", () => {
    const benchmark = { name: "c", about: "what it is", warmUps: 1, rounds: 1, targets: {}, rows: [{ ...row, figure: "perSecond", ours: "a", peers: ["b"] }] };
    expect(listing([benchmark])).to.equal("what it is\n  benchmark/level (commands/s)");
  }); // prettier-ignore
});

describe("the noise of a median", () => {
  it("reaches to the values that enclose the true median with 95 %", () => {
    // Of 23 values those are the 7th from below and from above, of 9 the 2nd, of 6 the lowest and highest.
    const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => 100 + index);
    expect(medianNoise(upTo(23))).to.be.closeTo(111 / 106 - 1, 1e-12);
    expect(medianNoise(upTo(9))).to.be.closeTo(104 / 101 - 1, 1e-12);
    expect(medianNoise(upTo(6))).to.be.closeTo(102.5 / 100 - 1, 1e-12);
    expect(medianNoise([2, 1])).to.be.closeTo(0.5, 1e-12);
    expect(medianNoise([5])).to.equal(0);
  });

  it("passes over a few rounds that were disturbed, and shrinks with their number", () => {
    const calm = Array.from({ length: 23 }, (_, index) => 1 + (index % 5) / 100);
    expect(medianNoise(calm.with(3, 0.1).with(9, 40))).to.be.below(0.03);
    const wild = Array.from({ length: 99 }, (_, index) => 1 + ((index * 37) % 99) / 99);
    expect(medianNoise(wild)).to.be.below(medianNoise(wild.slice(0, 9)));
  });

  it("encloses the true median about as often as it says, whatever the distribution", () => {
    let seed = 1;
    const chance = (): number => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
    let inside = 0;
    for (let run = 0; run < 2_000; run += 1) {
      // Exponential: far from normal, and its median is ln 2. One is added, as ratios are positive and far from zero.
      const values = Array.from({ length: 15 }, () => 1 - Math.log(chance()));
      const truth = 1 + Math.LN2;
      const off = Math.max(median(values) / truth, truth / median(values)) - 1;
      if (off <= medianNoise(values)) inside += 1;
    }
    expect(inside / 2_000).to.be.within(0.95, 1);
  });
});

describe("the bench gate", () => {
  const row = (ratio: number, noise = 0.01, better: "higher" | "lower" = "higher") => ({
    row: "r",
    ratio,
    noise,
    better,
  });
  const kept = { ratio: 2, noise: 0.01 };
  const verdict = (...now: Parameters<typeof row>): string => judge(row(...now), kept).verdict;

  it("fails a row that is worse by more than 5 % and the noise of both measurements", () => {
    const { limit } = judge(row(2), kept);
    expect(limit).to.be.closeTo(1.05 * (1 + Math.SQRT2 / 100), 1e-12);
    expect([verdict(2 / (limit + 0.001)), verdict(2 / (limit - 0.001))]).to.deep.equal(["worse", "held"]);
    expect([verdict(2 * (limit + 0.001), 0.01, "lower"), verdict(2 * (limit - 0.001), 0.01, "lower")]).to.deep.equal([
      "worse",
      "held",
    ]);
  });

  it("tells what is better, what is not kept yet, and what was not measured", () => {
    expect(verdict(2.5)).to.equal("better");
    expect(verdict(1.5, 0.01, "lower")).to.equal("better");
    expect(judge(row(2), undefined).verdict).to.equal("new");
    expect(verdict(NaN, NaN)).to.equal("worse");
  });

  it("is unsure of a row whose noise could hide as much as it looks for, and fails it all the same when it is worse", () => {
    expect(verdict(2, 0.2)).to.equal("unsure");
    expect(verdict(1, 0.2)).to.equal("worse");
  });
});
