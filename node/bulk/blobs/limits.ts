/** Blobs. */
export const blobLimits = {
  /** A larger blob is refused with `TOO_LARGE`.
   *
   *  A shard is 8 MiB at most, and the hashes of a blob's leaves are in memory while it is read. */
  blobBytesMax: 64 * 1024 * 1024,
  /** Blobs that are written or read at a time, each with one open file; one more is refused with `OVERLOADED`. */
  openMax: 64,
  /** What is read or written of a blob at once; each put and each read holds two such pieces. Before each that is
   *  written there must be room for it, and twice what the journal keeps free: else `DISK_FULL`.
   *
   *  With less more time goes by between reads than in them; with more nothing gets faster. */
  pieceBytes: 512 * 1024,
  /** Blobs in one page of a listing. */
  pageMax: 1_000,

  /** A blob that is copied between nodes, in one message. A larger one is refused with `TOO_LARGE`. */
  copyBytesMax: 1024 * 1024,
  /** Blobs that a node keeps for actors; one more is refused with `LIMIT_REACHED`. */
  referencesMax: 100_000,
  /** Blobs that another node is asked about in one message. */
  askedPerMessage: 256,
  /** Another node that does not answer a question about blobs for so long is asked again later. */
  callTimeoutMs: 5_000,
  /** How long an upload waits for the nodes that must have it; then `SLOT_UNAVAILABLE`. */
  keepTimeoutMs: 10_000,
  /** Pause before a node that did not take an upload is tried again. */
  keepRetryMs: 250,
  /** How long a reader waits for other nodes to give a blob; then `NOT_FOUND`. */
  fetchTimeoutMs: 10_000,
  /** Blobs of other nodes that are kept in memory; beyond it the one that came first goes. */
  cacheBytesMax: 8 * 1024 * 1024,
  /** Blobs that are fetched from other nodes at a time; one more is refused with `OVERLOADED`. */
  fetchesMax: 64,
  /** From a change of a slot's nodes until its blobs go to the new ones: many slots change at once. */
  spreadDelayMs: 1_000,
  /** Pause between two rounds, in which copies that lack or are damaged are made anew, and blobs that nobody refers to
   *  go. A quarter of it where half of `referencesMax` are here: then what is deleted makes room sooner. */
  roundEveryMs: 10 * 60_000,
  /** Blobs that a round looks after; the others have the next. */
  lookedPerRound: 4_000,
  /** Bytes that a round compares with their names; the next one goes on there.
   *
   *  A node with 100 GB of files is through in three days, at half a megabyte a second. */
  checkedBytesPerRound: 256 * 1024 * 1024,
  /** Actors that a round asks at a time. */
  asksAtOnce: 8,
  /** An actor that does not answer for so long keeps its blobs until the next round. */
  askTimeoutMs: 5_000,
  /** A blob is deleted when nobody has referred to it for so long.
   *
   *  Longer than any upload takes, and time to bring back a backup. */
  graceMs: 24 * 3_600_000,
  /** The same of what a room kept: with its message went the key, so nobody can read it any more.
   *
   *  Longer than a part of a file is here before its room knows of it. */
  fileGraceMs: 3_600_000,
} as const;

/** The same, where a test has smaller ones. */
export type BlobLimits = { readonly [Name in keyof typeof blobLimits]: number };
