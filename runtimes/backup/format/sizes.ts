/** Sizes that give little away: Padmé (Nikitin and others, "Reducing metadata leakage from encrypted files and
 *  communication with PURBs", 2019). A size has no more significant bits than its exponent has bits: 12 % more at the
 *  most, less the larger it is. */

/** The size that a body of so many bytes is brought to. */
export function paddedSize(bytes: number, least: number): number {
  if (bytes <= least) return least;
  const exponent = Math.floor(Math.log2(bytes));
  const kept = Math.floor(Math.log2(exponent)) + 1;
  const step = 2 ** Math.max(0, exponent - kept);
  return Math.ceil(bytes / step) * step;
}
