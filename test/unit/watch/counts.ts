/** Made-up counts of nodes: months of refused sign-ins and connections by seed, attacks that are put into them, and
 *  ways to find these compared at equal false alarms:
 *
 *      node test/unit/watch/counts.ts          prints the table of docs/decisions/0083-watching-for-trouble.md */
import type { CountSample } from "../../../protocols/index.ts";
import { countedIn, usualOf, type CountRow } from "../../../node/watch/counts.ts";
import { dayMs, numbersOf, startMs } from "./traffic.ts";

const windowMs = 600_000;
const everyMs = 300_000;

/** A node, and how much it refuses in each ten minutes. */
export interface MadeNode {
  readonly name: string;
  readonly windows: readonly number[];
}

/** Nodes that refuse between one in an hour and one in ten seconds, by day more than at night, with heaps: a program
 *  with an old password, somebody who looks for open doors. */
export function normalNodes(seed: number, { nodes = 10, days = 60 } = {}): readonly MadeNode[] {
  const random = numbersOf(seed);
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const poisson = (mean: number): number => {
    // Near enough to the normal distribution, and a thousand times as fast.
    if (mean > 40)
      return Math.max(
        0,
        Math.round(mean + Math.sqrt(mean) * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random())),
      );
    let [count, product] = [0, random()];
    for (const limit = Math.exp(-mean); product > limit; product *= random()) count += 1;
    return count;
  };
  return Array.from({ length: nodes }, (_, at) => {
    const base = 0.2 * 300 ** (at / (nodes - 1));
    const windows: number[] = [];
    let [heap, heapLeft] = [0, 0];
    for (let index = 0; index < (days * dayMs) / windowMs; index += 1) {
      const hour = (index / 6) % 24;
      const day = Math.floor(index / 144);
      const rhythm =
        (hour > 7 && hour < 19 ? 1 : 0.25) *
        (day % 7 >= 5 ? 0.5 : 1) *
        (day % 7 === 0 && hour > 8 && hour < 10 ? 2 : 1);
      if (heapLeft === 0 && random() < 1 / (144 * 7))
        [heap, heapLeft] = [5 + exponential(15) + exponential(base), 1 + Math.floor(random() * 12)];
      heapLeft = Math.max(0, heapLeft - 1);
      // The rate itself goes up and down: counts of people are more scattered than coins.
      const mean = base * rhythm * (0.5 + exponential(0.5)) + (heapLeft > 0 ? heap : 0);
      windows.push(poisson(mean));
    }
    return { name: `n${at}`, windows };
  });
}

/** One attack of each sort: so many refusals more in each ten minutes. */
export const floods: Readonly<Record<string, readonly number[]>> = {
  flood: [2_000, 2_000],
  burst: [250],
  spray: [100, 100, 100, 100, 100, 100],
};

/** Samples as the watcher reads them. */
export function* samplesOf({ name, windows }: MadeNode, extra: ReadonlyMap<number, number> = new Map(), from = 0): Generator<CountSample> {
  let total = 0;
  for (let index = from; index < windows.length; index += 1) {
    const count = (windows[index] ?? 0) + (extra.get(index) ?? 0);
    for (let part = 1; part <= windowMs / everyMs; part += 1) {
      const upTo = total + Math.floor((count * part * everyMs) / windowMs);
      yield { node: name, start: "s", atMs: startMs + index * windowMs + part * everyMs - 1, counts: { sign_ins_failed: upTo } };
    }
    total += count;
  }
} // prettier-ignore

const ways: Readonly<Record<string, (row: CountRow) => number>> = {
  "refusals in ten minutes": ({ counted }) => counted,
  "refusals, in parts of the node's usual": (row) => row.counted / Math.max(1, usualOf(row)),
  "both: 60 refusals at least, in parts of the usual": (row) =>
    row.counted < 60 ? 0 : row.counted / Math.max(1, usualOf(row)),
};
const learnedWindows = 144 * 7;
const budgets = [0.2, 0.05] as const;

/** What one way comes to: found, of each sort of attack, at each budget. */
export interface ComparedCounts {
  readonly way: string;
  readonly budget: number;
  readonly threshold: number;
  readonly found: Readonly<Record<string, number>>;
}

/** Compares all ways on one seed. */
export function compareCounts(seed: number, { trials = 40, days = 40 } = {}): readonly ComparedCounts[] {
  const nodes = normalNodes(seed, { days });
  const rowsOf = function* (samples: Iterable<CountSample>): Generator<CountRow> {
    let row: CountRow | undefined;
    for (const sample of samples) yield (row = countedIn(row, sample.counts.sign_ins_failed ?? 0, sample, 10));
  };
  const judged = nodes.map((node) => [...rowsOf(samplesOf(node))]);
  const random = numbersOf(seed + 1);
  const victims = Array.from({ length: trials }, (_, at) => ({
    node: at % nodes.length,
    window: learnedWindows + Math.floor(random() * (days * 144 - learnedWindows - 8)),
  }));
  const first = (row: CountRow): boolean => row.windows >= learnedWindows;
  return Object.entries(ways).flatMap(([way, score]) => {
    // An alert stays open for a day: a node is a false alarm once a day.
    const normal = judged.flatMap((rows) => {
      const ofDay = new Map<number, number>();
      for (const row of rows.filter(first)) {
        const day = Math.floor(row.atMs / dayMs);
        ofDay.set(day, Math.max(ofDay.get(day) ?? 0, score(row)));
      }
      return [...ofDay.values()];
    });
    normal.sort((one, other) => other - one);
    return budgets.map((budget): ComparedCounts => {
      const threshold = normal[Math.floor(budget * (days - 7))] ?? 0;
      const found = Object.entries(floods).map(([name, more]) => {
        const caught = victims.filter(({ node, window }) => {
          const made = nodes[node] as MadeNode;
          const extra = new Map(more.map((count, at) => [window + at, count]));
          const from = window - learnedWindows;
          const part = { ...made, windows: made.windows.slice(0, window + more.length) };
          let at = 0;
          for (const row of rowsOf(samplesOf(part, extra, from))) {
            if (at >= 2 * learnedWindows && score(row) > threshold) return true;
            at += 1;
          }
          return false;
        });
        return [name, caught.length / trials] as const;
      });
      return { way, budget, threshold, found: Object.fromEntries(found) };
    });
  });
}

if (import.meta.main) {
  const all = [1, 2, 3, 4, 5].map((seed) => compareCounts(seed));
  const names = Object.keys(floods);
  console.log(`| way | false alarms a day | threshold | ${names.join(" | ")} |`);
  console.log(`| --- | --- | --- |${" --- |".repeat(names.length)}`);
  for (const [index, { way, budget }] of (all[0] ?? []).entries()) {
    const mean = (pick: (one: ComparedCounts) => number): number =>
      all.reduce((total, one) => total + pick(one[index] as ComparedCounts), 0) / all.length;
    const found = names.map((name) => `${Math.round(100 * mean((one) => one.found[name] ?? 0))} %`);
    console.log(`| ${way} | ${budget} | ${mean(({ threshold }) => threshold).toFixed(1)} | ${found.join(" | ")} |`);
  }
}
