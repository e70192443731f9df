/** Bounds of the journal. `docs/limits.md` says what happens at each. */
export const journalLimits = {
  /** Entries in one synced batch. Larger ones still gain where a sync is slow: decision 0003. */
  commitEntriesMax: 8_192,
  /** Bytes in one synced batch: one batch must not hold up the next for long on a slow disk. */
  commitBytesMax: 4 * 1024 * 1024,
  /** Appends of all actors that wait for a batch. Beyond it turns pause; nothing is dropped. */
  pendingBytesMax: 64 * 1024 * 1024,
  /** One entry: all events, records and replies of one turn. */
  entryBytesMax: 1024 * 1024,
  /** Records one range deletion removes in one append. */
  deleteRangeMax: 10_000,
  /** Log entries read at a time when a slot is opened or an actor loaded. */
  scanChunksMax: 256,
} as const;

export type JournalLimits = { readonly [K in keyof typeof journalLimits]: number };
