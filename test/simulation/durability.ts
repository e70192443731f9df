/** How long a stripe lasts, simulated node by node: what `test/simulation/stripe-losses.ts` computes.
 *
 *  `plainly` lets nodes fail and be repaired, event by event. What happens once in a million years it would never see,
 *  so `rarely` makes failures as frequent as repairs, and counts each path for as much less as it is less likely in
 *  truth (importance sampling by failure biasing; Heidelberger, "Fast simulation of rare events in queueing and
 *  reliability models", 1995). A path begins and ends with all shards well, or ends with the stripe lost; the chance of
 *  the latter gives the mean time until it happens. */
import { backupLimits } from "../../node/backup/index.ts";
import { countsOf, schemeText, widthOf } from "../../node/bulk/shards/coding/index.ts";
import { overheadOf } from "../../node/bulk/shards/coding/scheme.ts";
import { lossOfAny, lossWithinYear, meanYearsToLoss, type Circumstances } from "./stripe-losses.ts"; // prettier-ignore
import type { Scheme } from "../../protocols/index.ts";
import { Dice } from "../world/dice.ts";

/** An estimate, and the deviation that it has. */
export interface Estimate {
  readonly value: number;
  readonly deviation: number;
}

const exponential = (dice: Dice, mean: number): number => -Math.log(1 - dice.number()) * mean;

function meanOf(samples: number, sum: number, squares: number): Estimate {
  const value = sum / samples;
  return { value, deviation: Math.sqrt(Math.max(0, squares / samples - value * value) / samples) };
}

/** The mean time until a stripe is lost, in years, from `lives` stripes. A repair takes the same time always, or an
 *  exponential one. */
export function plainly(
  scheme: Scheme,
  { lossesPerYear, repairYears }: Circumstances,
  {
    seed,
    lives,
    repairs,
  }: { readonly seed: number; readonly lives: number; readonly repairs: "fixed" | "exponential" },
): Estimate {
  const dice = new Dice(seed);
  let [sum, squares] = [0, 0];
  for (let life = 0; life < lives; life += 1) {
    // For each node when it is lost next, or when its shard is there again.
    const nodes = Array.from({ length: widthOf(scheme) }, () => ({
      atYears: exponential(dice, 1 / lossesPerYear),
      well: true,
    }));
    let years = 0;
    for (let lost = 0; lost <= countsOf(scheme).m;) {
      const next = nodes.reduce((first, node) => (node.atYears < first.atYears ? node : first));
      years = next.atYears;
      next.well = !next.well;
      lost += next.well ? -1 : 1;
      const repair = repairs === "fixed" ? repairYears : exponential(dice, repairYears);
      next.atYears = years + (next.well ? exponential(dice, 1 / lossesPerYear) : repair);
    }
    sum += years;
    squares += years * years;
  }
  return meanOf(lives, sum, squares);
}

/** The same for what is rare, from `paths` paths. */
export function rarely(
  scheme: Scheme,
  { lossesPerYear, repairYears }: Circumstances,
  { seed, paths }: { readonly seed: number; readonly paths: number },
): Estimate {
  const dice = new Dice(seed);
  const { m } = countsOf(scheme);
  let [lostSum, lostSquares, yearsSum] = [0, 0, 0];
  for (let path = 0; path < paths; path += 1) {
    const well = new Set(Array.from({ length: widthOf(scheme) }, (_, node) => node));
    const lost = new Set<number>();
    let weight = 1;
    let years = 1 / (well.size * lossesPerYear);
    const lose = (): void => {
      const node = dice.pick([...well]);
      well.delete(node);
      lost.add(node);
    };
    for (lose(); lost.size > 0 && lost.size <= m;) {
      const [losses, repairs] = [well.size * lossesPerYear, lost.size / repairYears];
      const chance = losses / (losses + repairs);
      const biased = Math.max(chance, 0.5);
      years += weight / (losses + repairs);
      if (dice.chance(biased)) {
        weight *= chance / biased;
        lose();
      } else {
        weight *= (1 - chance) / (1 - biased);
        const node = dice.pick([...lost]);
        lost.delete(node);
        well.add(node);
      }
    }
    const counted = lost.size > m ? weight : 0;
    lostSum += counted;
    lostSquares += counted * counted;
    yearsSum += years;
  }
  const chance = meanOf(paths, lostSum, lostSquares);
  const value = yearsSum / paths / chance.value;
  return { value, deviation: value * (chance.deviation / chance.value) };
}

const day = 1 / 365.25;
/** Circumstances that the page shows. */
export const shown: Readonly<Record<string, Circumstances>> = {
  "servers: 0.05 losses a year, repaired in a day": { lossesPerYear: 0.05, repairYears: day },
  "homes: 0.3 losses a year, in a day": { lossesPerYear: 0.3, repairYears: day },
  "homes, in a week": { lossesPerYear: 0.3, repairYears: 7 * day },
};
/** Schemes that the page shows: the usual ones, and others for comparison. */
export const schemesShown: readonly Scheme[] = [
  { type: "copies", copies: 2 },
  { type: "copies", copies: 3 },
  { type: "rs", k: 3, m: 2 },
  { type: "rs", k: 4, m: 2 },
  { type: "rs", k: 4, m: 4 },
  { type: "rs", k: 8, m: 4 },
  { type: "rs", k: 10, m: 4 },
];

const nines = (chance: number): number => -Math.log10(chance);

/** The table of docs/backup/shards.md: for each scheme the nines of a year, computed and simulated. */
export function durabilityTable(paths = 30_000): string {
  const rows = schemesShown.map((scheme, at) => {
    const cells = Object.values(shown).map((circumstances) => {
      const simulated = rarely(scheme, circumstances, { seed: at + 1, paths });
      const low = nines(-Math.expm1(-1 / (simulated.value - 2 * simulated.deviation)));
      const high = nines(-Math.expm1(-1 / (simulated.value + 2 * simulated.deviation)));
      return `${nines(lossWithinYear(scheme, circumstances)).toFixed(2)} (${low.toFixed(2)} to ${high.toFixed(2)})`;
    });
    return `| ${schemeText(scheme)} | ${overheadOf(scheme).toFixed(2)} | ${countsOf(scheme).m} | ${cells.join(" | ")} |`;
  });
  return [
    `| scheme | bytes stored for each | losses survived | ${Object.keys(shown).join(" | ")} |`,
    `| --- | --- | --- | ${Object.keys(shown)
      .map(() => "---")
      .join(" | ")} |`,
    ...rows,
  ].join("\n");
}

/** Stripes of the snapshot that the page shows: about 4 GB. */
export const snapshotStripes = 1_000;

/** The second table of docs/backup/shards.md: the nines of a year of a unit, and of a whole snapshot. */
export function unitTable(): string {
  const of = (stripes: number) => (scheme: Scheme) =>
    Object.values(shown).map((one) => nines(lossOfAny(lossWithinYear(scheme, one), stripes)).toFixed(2));
  const [unit, snapshot] = [of(backupLimits.fragments), of(snapshotStripes)];
  const rows = schemesShown.map((scheme) => {
    const whole = snapshot(scheme);
    return `| ${schemeText(scheme)} of a backup | ${unit(scheme)
      .map((nine, at) => `${nine}, ${whole[at]}`)
      .join(" | ")} |`;
  });
  return [
    `| a unit, a snapshot | ${Object.keys(shown).join(" | ")} |`,
    `| --- |${" --- |".repeat(Object.keys(shown).length)}`,
    ...rows,
  ].join("\n");
}

/** How often a unit is lost when a stripe is lost with this chance: stripes drawn one by one. */
export function unitsLost(loss: number, { seed, units }: { readonly seed: number; readonly units: number }): Estimate {
  const dice = new Dice(seed);
  let lost = 0;
  for (let unit = 0; unit < units; unit += 1)
    if (Array.from({ length: backupLimits.fragments }, () => dice.chance(loss)).includes(true)) lost += 1;
  return meanOf(units, lost, lost);
}

/** Prints the tables, and what plain simulation says where losses are frequent enough for it. */
export function printDurability(): void {
  console.log(`${durabilityTable()}\n\n${unitTable()}\n`);
  const often: Circumstances = { lossesPerYear: 1, repairYears: 14 * day };
  console.log(`Mean years until a stripe is lost, with a loss of a node each year and repairs of two weeks:\n`);
  for (const scheme of schemesShown.slice(0, 4)) {
    const said = (repairs: "fixed" | "exponential"): string => {
      const { value, deviation } = plainly(scheme, often, { seed: 1, lives: 5_000, repairs });
      return `${value.toFixed(1)} ± ${(2 * deviation).toFixed(1)}`;
    };
    const computed = meanYearsToLoss(scheme, often).toFixed(1);
    console.log(
      `${schemeText(scheme).padEnd(9)} computed ${computed}, simulated ${said("exponential")}; with repairs that all take as long ${said("fixed")}`,
    );
  }
}
