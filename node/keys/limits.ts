/** Keys. */
export const keyLimits = {
  /** Shares of a root; more are refused with `BAD_REQUEST`. */
  sharesMax: 16,
  /** Sets of shares that are tried where more are given than are needed, and one of them is wrong.
   *
   *  All sets of 8 of 16. */
  combinationsMax: 12_870,
} as const;
