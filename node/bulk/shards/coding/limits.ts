/** Coding of stripes. */
export const codingLimits = {
  /** A shard with its header. Of a stripe with more in it nothing is made: `TOO_LARGE`.
   *
   *  Of 4 + 4 shards all are in memory at a time, with what they are made of: 96 MiB. */
  shardBytesMax: 8 * 1024 * 1024,
  /** Shards of a stripe. */
  shardsMax: 64,
} as const;
