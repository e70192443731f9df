/** Searching in messages. */
export const searchLimits = {
  /** How often the nodes are asked for one page. What was found and is not readable any more is left out of a page; one
   *  that is not full after so many rounds is answered as it is, with `next`. */
  roundsMax: 4,
} as const;
