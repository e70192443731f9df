/** Compares ways to find that somebody does what they never do, at equal false alarms, on made-up traffic with attacks
 *  in it:
 *
 *      node test/unit/watch/compare.ts          prints the table of docs/decisions/0083-watching-for-trouble.md */
import type { AuditRecord } from "../../../protocols/index.ts";
import { mixedIn, mixScore, type MixRow } from "../../../node/watch/mix.ts";
import { attacks, dayMs, normalTraffic, numbered, numbersOf, startMs, type Said } from "./traffic.ts";

/** A way to judge the hour of a person: the counts of that hour with what is known of the person before. */
type Score = (row: MixRow) => number;

const withoutNight = (row: MixRow): readonly number[] => row.counts.slice(0, -2);
const sum = (counts: readonly number[]): number => counts.reduce((total, count) => total + count, 0);

/** Areas as `mix.ts` counts them: signIn, power, cluster, models, backups, keys, data, audit, settings. */
const ways: Readonly<Record<string, (learn: readonly MixRow[]) => Score>> = {
  "acts in an hour": () => (row) => sum(withoutNight(row).slice(1)),
  "acts on power, keys, data, settings in an hour":
    () =>
    ({ counts }) =>
      (counts[1] ?? 0) + (counts[5] ?? 0) + (counts[6] ?? 0) + (counts[8] ?? 0),
  "acts outside of the hours of day":
    () =>
    ({ counts }) =>
      Math.min(counts.at(-1) ?? 0, sum(counts.slice(1, -2))),
  "half-space trees over all": (learn) => halfSpaceTrees(learn),
  "robust z-scores of the own past": () => (row) => (row.hours < 20 ? 0 : mixScore(row)),
};

/** Half-space trees over the counts of all people (S. C. Tan, K. M. Ting, T. F. Liu: Fast anomaly detection for
 *  streaming data, IJCAI 2011), with one window to learn from. */
function halfSpaceTrees(learn: readonly MixRow[], { trees = 25, depth = 10 } = {}): Score {
  const random = numbersOf(7);
  const features = learn[0]?.counts.length ?? 0;
  const vector = (row: MixRow): readonly number[] => row.counts.map((count) => Math.log1p(count));
  interface Node { readonly feature: number; readonly at: number; mass: number; readonly below?: Node; readonly above?: Node }
  const grow = (low: readonly number[], high: readonly number[], left: number): Node => {
    const feature = Math.floor(random() * features);
    const at = ((low[feature] ?? 0) + (high[feature] ?? 0)) / 2;
    if (left === 0) return { feature, at, mass: 0 };
    const with_ = (side: readonly number[]): number[] => side.map((value, index) => (index === feature ? at : value));
    return { feature, at, mass: 0, below: grow(low, with_(high), left - 1), above: grow(with_(low), high, left - 1) };
  };
  const forest = Array.from({ length: trees }, () => {
    const ranges = Array.from({ length: features }, () => {
      const middle = random() * 4;
      const half = 2 * Math.max(middle, 4 - middle);
      return [middle - half, middle + half] as const;
    });
    return grow(ranges.map(([low]) => low), ranges.map(([, high]) => high), depth);
  });
  const walk = (node: Node, values: readonly number[], visit: (at: Node, deep: number) => boolean, deep = 0): void => {
    const goesOn = visit(node, deep);
    const next = (values[node.feature] ?? 0) < node.at ? node.below : node.above;
    if (goesOn && next !== undefined) walk(next, values, visit, deep + 1);
  };
  for (const row of learn) for (const tree of forest) walk(tree, vector(row), (at) => ((at.mass += 1), true));
  const few = learn.length * 0.001;
  return (row) => {
    let mass = 0;
    for (const tree of forest) {
      let scored = 0;
      walk(tree, vector(row), (at, deep) => ((scored = at.mass * 2 ** deep), at.mass > few));
      mass += scored;
    }
    return -mass;
  };
} // prettier-ignore

const people = 1_000;
const days = 40;
const learnedDays = 20;
/** False alarms that a way may give in a day, for 1,000 people. */
const budgets = [1, 0.2] as const;

/** Rows of somebody, entry by entry. */
function* rowsOf(entries: readonly AuditRecord[]): Generator<readonly [entry: AuditRecord, row: MixRow]> {
  let row: MixRow | undefined;
  for (const entry of entries) {
    row = mixedIn(row, entry);
    yield [entry, row];
  }
}

/** What one way comes to: found, of each sort of attack, at each budget. */
export interface Compared {
  readonly way: string;
  readonly budget: number;
  readonly threshold: number;
  readonly found: Readonly<Record<string, number>>;
}

/** Compares all ways on one seed. */
export function compare(seed: number, trials = 40): readonly Compared[] {
  const admins = 20;
  const byPerson = Map.groupBy(normalTraffic({ seed, people, admins, days }), ({ by, target }) =>
    by === "stranger" ? String(target) : by,
  );
  const learnedMs = startMs + learnedDays * dayMs;
  const learn: MixRow[] = [];
  const judged: MixRow[][] = [];
  for (const said of byPerson.values()) {
    let hour: MixRow | undefined;
    const rows: MixRow[] = [];
    for (const [entry, row] of rowsOf(numbered(said).filter(({ by }) => by !== "stranger"))) {
      if (hour !== undefined && row.hour !== hour.hour) (entry.atMs < learnedMs ? learn : rows).push(hour);
      hour = row;
    }
    judged.push(rows);
  }
  const random = numbersOf(seed + 1);
  const victims = Array.from({ length: trials }, (_, at) => ({
    // Half of the attacks have an admin's account.
    by: `user/p${at % 2 === 0 ? Math.floor(random() * admins) : admins + Math.floor(random() * (people - admins))}`,
    atMs: startMs + (learnedDays + 2 + Math.floor(random() * (days - learnedDays - 4))) * dayMs + 11 * 3_600_000,
  }));
  return Object.entries(ways).flatMap(([way, make]) => {
    const score = make(learn);
    // An alert stays open for a day: a person is a false alarm once a day.
    const normal: number[] = [];
    for (const rows of judged) {
      const ofDay = new Map<number, number>();
      for (const row of rows) {
        const day = Math.floor(row.hour / 24);
        ofDay.set(day, Math.max(ofDay.get(day) ?? Number.NEGATIVE_INFINITY, score(row)));
      }
      normal.push(...ofDay.values());
    }
    normal.sort((one, other) => other - one);
    return budgets.map((budget): Compared => {
      const may = Math.floor(budget * (days - learnedDays));
      const threshold = normal[may] ?? 0;
      const found = Object.entries(attacks).map(([name, attack]) => {
        const caught = victims.filter(({ by, atMs }) => {
          const bad: readonly Said[] = attack(by, atMs);
          const firstMs = Math.min(...bad.map((one) => one.atMs));
          const all = numbered([...(byPerson.get(by) ?? []).filter((one) => one.by !== "stranger"), ...bad]);
          for (const [entry, row] of rowsOf(all))
            if (entry.atMs >= firstMs && entry.atMs <= firstMs + 3 * 3_600_000 && score(row) > threshold) return true;
          return false;
        });
        return [name, caught.length / trials] as const;
      });
      return { way, budget, threshold, found: Object.fromEntries(found) };
    });
  });
}

if (import.meta.main) {
  const seeds = [1, 2, 3, 4, 5];
  const all = seeds.map((seed) => compare(seed));
  const names = Object.keys(attacks);
  console.log(`| way | false alarms a day | threshold | ${names.join(" | ")} |`);
  console.log(`| --- | --- | --- |${" --- |".repeat(names.length)}`);
  for (const [index, { way, budget }] of (all[0] ?? []).entries()) {
    const mean = (pick: (one: Compared) => number): number =>
      all.reduce((total, one) => total + pick(one[index] as Compared), 0) / all.length;
    const found = names.map((name) => `${Math.round(100 * mean((one) => one.found[name] ?? 0))} %`);
    console.log(`| ${way} | ${budget} | ${mean(({ threshold }) => threshold).toFixed(1)} | ${found.join(" | ")} |`);
  }
}
