/** What a node remembers of its cluster. */
export const homeLimits = {
  /** Evicted nodes that are told of it when they connect; beyond it the oldest is refused without a reason. */
  evictedMax: 256,
  /** Addresses of one member at which it was reached; beyond it the oldest is forgotten. */
  reachedMax: 8,
} as const;
