import { expect } from "chai";
import fc from "fast-check";
import { figure, listing, table } from "../../bench/report.ts";
import type { Row } from "../../bench/contest.ts";
import { bestOf, compare, median, quantile } from "../../bench/statistics.ts";

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

  it("takes the ratio within each round, so that a round that slows both arms does not count", () => {
    const { ratio, spread, ours, peer } = compare([10, 1, 12], [20, 2, 20]);
    expect(ratio).to.equal(0.5);
    expect(spread).to.deep.equal([0.5, 0.6]);
    expect([ours, peer]).to.deep.equal([10, 20]);
  });

  it("keeps the ratio inside its spread, and gives its inverse when the arms change places", () => {
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
    row: "contest/level", ours: 61_234.5, peer: 100_000, ratio: 0.612, spread: [0.5, 0.7], unit: "commands/s",
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
    const contest = { name: "c", about: "what it is", warmUps: 1, rounds: 1, arms: {}, rows: [{ ...row, figure: "perSecond", ours: "a", peers: ["b"] }] };
    expect(listing([contest])).to.equal("what it is\n  contest/level (commands/s)");
  }); // prettier-ignore
});
