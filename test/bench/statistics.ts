/** The arithmetic of the benchmarks: pure, so that it is tested apart from what it measures. */

/** Middle of the values; the mean of the two middle ones when their number is even. NaN for none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** The value below which `share` (0 to 1) of values in ascending order lie, by nearest rank. NaN for none. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const rank = Math.ceil(share * sorted.length) - 1;
  return sorted[Math.min(sorted.length - 1, Math.max(0, rank))] ?? NaN;
}

/** What 99 of 100 values are not above, in whatever order they are. NaN for none. */
export const p99 = (values: readonly number[]): number =>
  quantile(
    values.toSorted((one, other) => one - other),
    0.99,
  );

/** Two targets measured in the same rounds. */
export interface Comparison {
  readonly ours: number;
  readonly peer: number;
  /** Median of the ratios of the rounds, which is not the ratio of the medians: a slow round slows both of its
   *  targets. */
  readonly ratio: number;
  /** Lowest and highest ratio of a round. */
  readonly spread: readonly [lowest: number, highest: number];
  /** How far, as a share of it, the median may be from what endless rounds would give; see `medianNoise`. */
  readonly noise: number;
}

/** Compares round by round. Both lists must be of the same rounds in the same order. */
export function compare(ours: readonly number[], peer: readonly number[]): Comparison {
  if (ours.length !== peer.length || ours.length === 0)
    throw new Error(`cannot compare ${ours.length} rounds with ${peer.length}`);
  const ratios = ours.map((value, round) => value / (peer[round] ?? NaN));
  return {
    ours: median(ours),
    peer: median(peer),
    ratio: median(ratios),
    spread: [Math.min(...ratios), Math.max(...ratios)],
    noise: medianNoise(ratios),
  };
}

/** The noise of a median of positive values, as a share of it: how far the ends of its 95 % confidence interval are
 *  away.
 *
 *  The interval is between two of the values themselves, chosen by their order (the sign test): each value is above the
 *  true median with probability 1/2, so the number of values above it is binomial, whatever distribution the values
 *  have. Of n values in order the k-th from below and the k-th from above enclose the true median with at least 95 %,
 *  where k is the largest number for which fewer than k of n tosses of a coin are heads with at most 2.5 %. Rounds of a
 *  bench are not normal: a disturbance makes one far too slow and none far too fast. With fewer than six values there
 *  is no such interval, and the lowest and the highest value stand for it. */
export function medianNoise(values: readonly number[]): number {
  const sorted = values.toSorted((one, other) => one - other);
  const count = sorted.length;
  let rank = 0;
  let share = 2 ** -count;
  for (let below = share; below <= 0.025; below += share) {
    rank += 1;
    share *= (count - rank + 1) / rank;
  }
  const end = Math.max(1, rank) - 1;
  const middle = median(sorted);
  const [low = NaN, high = NaN] = [sorted[end], sorted[count - 1 - end]];
  return Math.max(middle / low, high / middle) - 1;
}

/** Index of the list with the best median. Among variants of a peer the best one is the peer, chosen once for all
 *  rounds. */
export function bestOf(lists: readonly (readonly number[])[], better: "higher" | "lower"): number {
  const sign = better === "higher" ? 1 : -1;
  const scores = lists.map((values) => sign * median(values));
  return scores.indexOf(Math.max(...scores));
}
