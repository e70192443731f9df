/** How likely a stripe is lost: computed from how often nodes are lost and how long it takes to make a shard anew.
 *
 *      shards lost:   0 ──nλ──► 1 ──(n−1)λ──► 2 ── … ──(n−m)λ──► m + 1: the stripe is lost
 *                       ◄──μ──    ◄───2μ────          n = k + m, λ losses of a node a year, μ = 1 / time of a repair
 *
 *  The mean time until a stripe is lost is that of this birth and death process (Angus, "On computing MTBF for a
 *  k-out-of-n:G repairable system", 1988). For the usual rates it depends on the mean time of a repair alone, not on
 *  how that is distributed.
 *
 *  Nodes are taken to be lost independently. Fires, floods and faults of software are not: what is computed ranks
 *  schemes, and is no promise. `test/simulation/durability.ts` simulates the same node by node. */
import { assert, type Scheme } from "../../protocols/index.ts";
import { countsOf, widthOf } from "../../node/bulk/shards/coding/index.ts";

/** What happens to the nodes that hold a stripe. */
export interface Circumstances {
  /** How often a node is lost with all that is on its disk. One that comes back is not lost. */
  readonly lossesPerYear: number;
  /** From the loss of a node until its shards are made anew elsewhere: waiting for it included. */
  readonly repairYears: number;
}

/** The mean time until a stripe is lost, in years. */
export function meanYearsToLoss(scheme: Scheme, { lossesPerYear, repairYears }: Circumstances): number {
  assert(lossesPerYear > 0 && repairYears > 0, "nodes are lost, and repairs take time");
  const width = widthOf(scheme);
  const lossRate = (lost: number): number => (width - lost) * lossesPerYear;
  const repairRate = (lost: number): number => lost / repairYears;
  // From each number of lost shards to the next: the time of one step, and of all that go back before it.
  let step = 0;
  let total = 0;
  for (let lost = 0; lost <= countsOf(scheme).m; lost += 1) {
    step = (1 + repairRate(lost) * step) / lossRate(lost);
    total += step;
  }
  return total;
}

/** How likely a stripe is lost within a year. */
export const lossWithinYear = (scheme: Scheme, circumstances: Circumstances): number =>
  -Math.expm1(-1 / meanYearsToLoss(scheme, circumstances));

/** How likely any of so many stripes is lost, each by itself with this chance: a unit of a backup needs all of its
 *  stripes, a snapshot all that it has. */
export const lossOfAny = (loss: number, stripes: number): number => -Math.expm1(stripes * Math.log1p(-loss));
