/** Bounds of the journal. `docs/limits.md` says what happens at each. */
export const journalLimits = {
  /** Entries in one synced batch. Larger ones still gain where a sync is slow: decision 0003. */
  commitEntriesMax: 8_192,
  /** Bytes in one synced batch: one batch must not hold up the next for long on a slow disk, and what it adds to one slot
   *  travels to the copies in one frame (4 MiB). */
  commitBytesMax: 3 * 1024 * 1024,
  /** Appends of all actors that wait for a batch. Beyond it turns pause; nothing is dropped. */
  pendingBytesMax: 64 * 1024 * 1024,
  /** One entry: all events, records and replies of one turn. */
  entryBytesMax: 1024 * 1024,
  /** Records one range deletion removes in one append. */
  deleteRangeMax: 10_000,
  /** Log entries read at a time when a slot is opened or an actor loaded. */
  scanChunksMax: 256,
  /** Chunks that are read, and so sent, at a time. */
  pieceChunksMax: 4_096,
  /** Actors that a copy names when it lacks their snapshots. */
  lackingActorsMax: 64,
} as const;

export type JournalLimits = { readonly [K in keyof typeof journalLimits]: number };
