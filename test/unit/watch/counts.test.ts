import { expect } from "chai";
import { countSteps, type CountRow } from "../../../node/watch/counts.ts";
import { detectorReaders, Fold } from "../../../node/watch/fold.ts";
import { watchLimits } from "../../../node/watch/limits.ts";
import {
  detectors,
  thresholdBounds,
  type CountSample,
  type DetectorRow,
  type Finding,
} from "../../../protocols/index.ts";
import { compareCounts, normalNodes, samplesOf } from "./counts.ts";
import { numbersOf, startMs } from "./traffic.ts";

const minuteMs = 60_000;
const sample = (minute: number, counts: CountSample["counts"], more: Partial<CountSample> = {}): CountSample => ({
  node: "a",
  start: "1",
  atMs: startMs + minute * minuteMs,
  counts,
  ...more,
});
const findings = (samples: readonly CountSample[], fold = new Fold(detectorReaders())): readonly Finding[] =>
  samples.flatMap((one) => fold.takeCounts(one));

describe("detectors over counts", () => {
  it("find dead letters that rise, and false claims of who somebody is, once in a window", () => {
    const rising = (name: "dead_letters" | "routing_identities_refused", by: number) =>
      findings(Array.from({ length: 9 }, (_, at) => sample(at, { [name]: 1_000 + at * by })));
    expect(rising("dead_letters", 10).map(({ source, about }) => [source, about])).to.eql([
      ["detector/undelivered-rise", "node/a"],
    ]);
    expect(rising("dead_letters", 5)).to.eql([]);
    expect(rising("routing_identities_refused", 1).map(({ source }) => source)).to.eql(["detector/false-identities"]);
  });

  it("say nothing of what a node counted before it was first read, and count on from nothing when its process starts again", () => {
    expect(findings([sample(0, { dead_letters: 5_000 }), sample(1, { dead_letters: 5_010 })])).to.eql([]);
    const restarted = [
      sample(0, { dead_letters: 5_000 }),
      sample(1, { dead_letters: 30 }, { start: "2" }),
      sample(2, { dead_letters: 60 }, { start: "2" }),
    ];
    expect(findings(restarted)[0]?.facts).to.include({ counted: 60 });
  });

  it("count the same whichever words of a node are lost, and whoever goes on from the rows", () => {
    const random = numbersOf(5);
    const all = Array.from({ length: 60 }, (_, at) => sample(at / 6, { dead_letters: at * 2 }));
    const whole = findings(all);
    expect(whole).to.have.length(1);
    let fold = new Fold(detectorReaders());
    const rows = new Map<string, string>();
    const found: Finding[] = [];
    for (const [at, one] of all.entries()) {
      // The last one is always heard.
      if (at < all.length - 1 && random() < 0.6) continue;
      found.push(...fold.takeCounts(one));
      for (const { key, value } of fold.changes())
        if (value === null) rows.delete(key);
        else rows.set(key, value);
      fold = new Fold(detectorReaders());
      fold.load([...rows].map(([key, value]) => ({ key, value })));
    }
    expect(found.map(({ source }) => source)).to.eql(whole.map(({ source }) => source));
  });

  it("take what came over hours, in which nobody could read a node, for no flood", () => {
    const quiet = sample(600, { dead_letters: 300 });
    expect(findings([sample(0, { dead_letters: 0 }), quiet])).to.eql([]);
  });

  it("keep nothing new of a node that counts nothing, within a window", () => {
    const fold = new Fold(detectorReaders());
    fold.takeCounts(sample(0, {}));
    expect(fold.changes()).to.have.length(3);
    fold.takeCounts(sample(1, {}));
    expect(fold.changes()).to.eql([]);
  });

  it("find more with the node's own past than by a threshold alone, at equal false alarms", function () {
    const all = [1, 2].flatMap((seed) => compareCounts(seed, { trials: 20, days: 20 }));
    const mean = (way: string): number => {
      const found = all.filter((one) => one.way.startsWith(way)).flatMap((one) => Object.values(one.found));
      return found.reduce((total, one) => total + one, 0) / found.length;
    };
    for (const simple of ["refusals in ten minutes", "refusals, in parts"])
      expect(mean("both")).to.be.above(mean(simple));
  });

  it("find a flood at a quiet node of which the audit has nothing, with the thresholds that are built in", () => {
    const [quiet] = normalNodes(3, { days: 8 });
    const window = 144 * 7 + 60;
    const made = { name: "n", windows: (quiet?.windows ?? []).slice(0, window + 1) };
    const flood = [...samplesOf(made, new Map([[window, 2_000]]))];
    const floodMs = startMs + window * 600_000;
    const found = findings(flood).filter(({ source, atMs }) => source === "detector/refusals-rise" && atMs >= floodMs);
    expect(found).to.have.length(1);
  });

  it("remember a row of a bounded size", () => {
    let row: CountRow | undefined;
    for (let at = 0; at < 500; at += 1) {
      const step = countSteps["refusals-rise"].step(row, sample(at, { sign_ins_failed: at * 12_345 }), {
        subject: "node/a",
        settings: detectors["refusals-rise"].settings,
        place: () => undefined,
      });
      row = (step.row ?? row) as CountRow;
      expect(JSON.stringify(row).length).to.be.below(300);
    }
  });
});

describe("thresholds", () => {
  it("have bounds that the built-in ones keep to, and none that a detector could not remember", () => {
    for (const [name, { settings }] of Object.entries(detectors) as [string, DetectorRow][])
      for (const [threshold, value] of Object.entries(settings)) {
        const bounds = thresholdBounds[threshold];
        expect(bounds, `${name} ${threshold}`).to.not.equal(undefined);
        expect(value).to.be.within(bounds?.min ?? 0, bounds?.max ?? 0);
        if (bounds?.whole === true) expect(value % 1, `${name} ${threshold}`).to.equal(0);
      }
    for (const threshold of ["count", "accounts"])
      expect(thresholdBounds[threshold]?.max).to.be.at.most(watchLimits.rememberedMax);
  });
});
