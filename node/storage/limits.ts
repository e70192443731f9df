/** The journal. */
export const journalLimits = {
  /** Entries in one synced batch; the others go into the next.
   *
   *  Larger batches still gain where a sync is slow: decision 0003. */
  commitEntriesMax: 8_192,
  /** Bytes in one synced batch; the others go into the next. What it adds to one slot travels to its copies in one
   *  frame between nodes.
   *
   *  One batch must not delay the next for long on a slow disk; a frame between nodes has 4 MiB. */
  commitBytesMax: 3 * 1024 * 1024,
  /** Appends that wait for a batch; beyond it actors take no turns until there is room. Nothing is dropped. */
  pendingBytesMax: 64 * 1024 * 1024,
  /** One entry: all events, records and replies of one turn. A larger one is refused with `TOO_LARGE`; when no
   *  sender waits for the answer, the actor is restarted without the message. */
  entryBytesMax: 1024 * 1024,
  /** Records one range deletion removes in one append. */
  deleteRangeMax: 10_000,
  /** Log chunks read at a time when a slot is opened or an actor loaded. */
  scanChunksMax: 256,
  /** Log chunks read at a time for a copy that lacks them, and so sent in one message; the others go with the next. */
  pieceChunksMax: 4_096,
  /** Actors that a copy names when it cannot trim like its owner because it lacks their snapshots; it names the
   *  others at the next trim. */
  lackingActorsMax: 64,
  /** The last synced batches by which the disk's speed is told. */
  syncsMeasured: 8,
} as const;

export type JournalLimits = { readonly [K in keyof typeof journalLimits]: number };

/** Readers of whole slots. */
export const storageReads = {
  /** Of a slot that is read from its beginning to its end, read at once: a backup does.
   *
   *  With less more time goes by between reads than in them; with more the node's other work waits. */
  aheadBytes: 256 * 1024,
  /** Snapshots of a slot that are kept between the look at who is there and the reading of them; more are read
   *  twice. */
  keptBytes: 4 * 1024 * 1024,
  /** Rows that are read at once where bytes cannot be counted. */
  pageRows: 256,
} as const;
