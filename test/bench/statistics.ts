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

/** Two arms measured in the same rounds. */
export interface Comparison {
  readonly ours: number;
  readonly peer: number;
  /** Median of the ratios of the rounds, which is not the ratio of the medians: a slow round slows both of its arms. */
  readonly ratio: number;
  /** Lowest and highest ratio of a round. */
  readonly spread: readonly [lowest: number, highest: number];
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
  };
}

/** Index of the list with the best median. Among variants of a peer the best one is the peer, chosen once for all rounds. */
export function bestOf(lists: readonly (readonly number[])[], better: "higher" | "lower"): number {
  const sign = better === "higher" ? 1 : -1;
  const scores = lists.map((values) => sign * median(values));
  return scores.indexOf(Math.max(...scores));
}
