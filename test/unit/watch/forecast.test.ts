import { expect } from "chai";
import fc from "fast-check";
import { forecastOf, remembered, trendOf, type ThingRow } from "../../../node/watch/forecast.ts";
import { detectorReaders, Fold } from "../../../node/watch/fold.ts";
import { wireLimits, type CountSample, type Finding } from "../../../protocols/index.ts";
import { isAll } from "../../depth.ts";
import { numbersOf, startMs } from "./traffic.ts";

const hourMs = 3_600_000;
const gb = 1e9;
/** What is remembered of a thing that was measured each hour. */
const rowOf = (free: readonly number[], total = 1_000 * gb): ThingRow =>
  free.reduce<ThingRow | undefined>(
    (row, one, at) => remembered(row, { free: one, total }, startMs + at * hourMs),
    undefined,
  ) as ThingRow;
const hours = (count: number, at: (hour: number) => number): readonly number[] =>
  Array.from({ length: count }, (_, hour) => at(hour));
const disk = (free: readonly number[]) => forecastOf("a", "disk", rowOf(free));

/** A node's day: what is used goes up and down by the hour, drifts, and now and then somebody puts a large file
 *  there. */
function madeNode(
  random: () => number,
  { days, drift, swing }: { readonly days: number; readonly drift: number; readonly swing: number },
): readonly number[] {
  let [free, heap] = [450 + random() * 400, 0];
  return hours(days * 24, (hour) => {
    if (random() < 1 / 200) heap = heap > 0 ? 0 : random() * 60;
    free += (random() - 0.5) * 2 - drift / 24;
    const daily = swing * Math.sin((hour / 24) * 2 * Math.PI);
    return Math.max(0, Math.min(1_000, free - heap - daily)) * gb;
  });
}

describe("a forecast of what runs out", () => {
  it("says when a disk is full that fills evenly, within how it was seen", () => {
    // 10 GB in an hour, over a day: in 10 hours it is full.
    const said = disk(hours(24, (hour) => (340 - 10 * hour) * gb));
    expect(said).to.include({ says: "ends", free: 110 * gb, total: 1_000 * gb });
    expect(said.daysLeft?.likely).to.be.closeTo(11 / 24, 0.1);
    expect(said.perDay).to.be.closeTo(240 * gb, 2 * gb);
    // Over a month at 4 GB a day, with 100 left.
    const slow = disk(hours(30 * 24, (hour) => (220 - (4 * hour) / 24) * gb));
    expect(slow.says).to.equal("ends");
    expect(slow.daysLeft?.likely).to.be.within(23, 28);
    expect(slow.overDays).to.be.within(28, 30);
    // With 800 left it is further off than anybody can know.
    expect(disk(hours(30 * 24, (hour) => (920 - (4 * hour) / 24) * gb)).says).to.equal("falls");
  });

  it("knows nothing at first, and nothing of what neither falls nor is the same disk", () => {
    expect(disk(hours(5, () => 500 * gb)).says).to.equal("unknown");
    expect(disk(hours(72, () => 500 * gb)).says).to.equal("steady");
    expect(disk(hours(72, (hour) => (500 + hour) * gb)).says).to.equal("steady");
    const larger = [...hours(40, (hour) => 300 - 7 * hour)].reduce<ThingRow | undefined>(
      (row, free, at) => remembered(row, { free: free * gb, total: 1_000 * gb }, startMs + at * hourMs),
      undefined,
    );
    expect(
      forecastOf("a", "disk", remembered(larger, { free: 1_020 * gb, total: 2_000 * gb }, startMs + 40 * hourMs)).says,
    ).to.equal("unknown");
  });

  it("is not moved by one large file, nor by hours in which the node was away", () => {
    const file = disk(hours(72, (hour) => (hour < 60 ? 800 : 500) * gb));
    expect(file.says).to.equal("steady");
    const away = hours(30, (hour) => (340 - 10 * hour) * gb);
    let row: ThingRow | undefined;
    for (const [at, free] of away.entries())
      if (at < 10 || at > 14) row = remembered(row, { free, total: 1_000 * gb }, startMs + at * hourMs);
    const said = forecastOf("a", "disk", row as ThingRow);
    expect(said.says).to.equal("ends");
    expect(said.daysLeft?.likely).to.be.closeTo(5 / 24, 0.1);
  });

  it("takes no day's rhythm of memory or models for an end", () => {
    const rhythm = (hour: number) => (40 + 39 * Math.cos((hour / 24) * 2 * Math.PI)) * gb;
    for (const thing of ["memory", "models"] as const)
      for (let from = 40; from < 120; from += 5)
        expect(
          forecastOf("a", thing, rowOf(hours(from, rhythm), 100 * gb)).says,
          `${thing}, ${from} hours`,
        ).to.not.equal("ends");
  });

  it("finds what ends before it does, and gives few false alarms", function () {
    const random = numbersOf(7);
    const nodes = isAll ? 20 : 8;
    let [found, falseAlarms, days] = [0, 0, 0];
    for (let node = 0; node < nodes; node += 1) {
      let row: ThingRow | undefined;
      let told = 0;
      // It is full at the end: between 15 and 60 GB a day.
      const filling = madeNode(random, { days: 60, drift: 15 + random() * 45, swing: 10 });
      const full = filling.indexOf(0);
      for (const [at, free] of filling.slice(0, full < 0 ? undefined : full).entries()) {
        row = remembered(row, { free, total: 1_000 * gb }, startMs + at * hourMs);
        const said = at % 8 === 0 ? forecastOf("a", "disk", row) : undefined;
        if (said?.says === "ends" && (said.daysLeft?.likely ?? 99) <= 7 && told === 0) told = at;
      }
      if (full > 0 && told > 0 && full - told >= 24) found += 1;
      else if (full < 0) found += 1;
    }
    expect(found, `of ${nodes} nodes that fill, warned of a day before`).to.be.at.least(nodes - 1);
    for (let node = 0; node < nodes; node += 1) {
      let row: ThingRow | undefined;
      let before = false;
      for (const [at, free] of madeNode(random, { days: 60, drift: 0, swing: 30 }).entries()) {
        row = remembered(row, { free, total: 1_000 * gb }, startMs + at * hourMs);
        if (at % 8 !== 0) continue;
        const said = forecastOf("a", "disk", row);
        const now = said.says === "ends" && (said.daysLeft?.likely ?? 99) <= 7;
        if (now && !before) falseAlarms += 1;
        before = now;
      }
      days += 60;
    }
    expect(falseAlarms / days, "false alarms of a node in a day").to.be.below(0.01);
  });

  it("gives an alert once, and remembers a row that is bounded and written once an hour", () => {
    const fold = new Fold(detectorReaders());
    const sample = (at: number, free: number): CountSample => ({
      node: "a",
      start: "1",
      atMs: startMs + at,
      counts: {
        disk_free_bytes: free * gb,
        disk_bytes: 1_000 * gb,
        memory_free_bytes: 50 * gb,
        memory_bytes: 64 * gb,
        model_places_free: 3,
        model_places: 4,
      },
    });
    const found: Finding[] = [];
    let writes = 0;
    for (let minute = 0; minute < 90 * 60; minute += 10) {
      found.push(...fold.takeCounts(sample(minute * 60_000, 950 - (10 * minute) / 60)));
      const rows = fold.changes().filter(({ key }) => key.startsWith("detector/runs-out|"));
      writes += rows.length;
      for (const { value } of rows) expect(value?.length).to.be.below(wireLimits.watchRowCharsMax);
    }
    const alerts = found.filter(({ source }) => source === "detector/runs-out");
    expect(alerts.map(({ about }) => about)).to.deep.equal(["node/a"]);
    expect(alerts[0]?.title).to.match(/^The disk is full in about/);
    expect(writes).to.equal(90);
  });

  it("never says an end that is past, nor an earliest after the latest", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -1, max: 10_000 }), { maxLength: 72 }), (shares) => {
        const trend = trendOf(shares, 1 / 24, 8);
        if (trend === undefined) return;
        expect(trend.steep).to.be.at.most(trend.slope);
        expect(trend.slope).to.be.at.most(trend.flat);
        const row = { total: 100, hour: 0, hours: shares, day: 0, days: [], told: false };
        const { daysLeft } = forecastOf("a", "disk", row);
        if (daysLeft === undefined) return;
        expect(daysLeft.earliest).to.be.within(0, daysLeft.likely);
        if (daysLeft.latest !== undefined) expect(daysLeft.latest).to.be.at.least(daysLeft.likely);
      }),
    );
  });
});
