/** Files of rooms in stripes. */
export const attachmentLimits = {
  /** Pause between two looks for pieces of files that may go into stripes. */
  roundEveryMs: 10_000,
  /** Blobs that such a look asks rooms about; the next one goes on there. */
  askedPerRound: 500,
  /** Blobs of which it is remembered that they stay copied; with more all are asked about anew. */
  staysMax: 100_000,
  /** Pieces that it brings into stripes, one after the other. */
  movedPerRound: 64,
  /** Pieces that cannot be brought there, one after the other; then the round is over. */
  failuresPerRound: 3,
  /** Rounds that are left out after one that failed; twice as many after each further one, up to this. */
  restRoundsMax: 32,
  /** A room that does not answer for so long is asked again in a later round. */
  askTimeoutMs: 5_000,
  /** How long a stripe is kept that no room has taken for a fact: what a crash leaves is collected then.
   *
   *  Far longer than it takes until the room refers to it. */
  unfinishedMs: 6 * 3_600_000,
  /** Looks at a new stripe until all of its shards are there; then the copies stay, and a later round goes on. */
  wholeTriesMax: 20,
  /** Pause before each of them. */
  wholePauseMs: 500,
  /** Stripes that are read for files at a time. The others wait, in the order in which they came. */
  readsAtOnce: 16,
  /** Stripes that wait for it; of one more the reading is refused with `OVERLOADED`.
   *
   *  A download reads one after the other, so this is for a thousand of them. */
  readsWaitingMax: 1_024,
  /** Pieces of files that are kept in memory, as bytes, for those who read on; beyond it the oldest goes. */
  heldBytes: 64 * 1024 * 1024,
  /** No longer than this. */
  heldMs: 30_000,
  /** Blobs of which it is remembered in which stripe they are; the first are forgotten. */
  knownMax: 16_384,
  /** Pause between two looks for stripes that no room refers to any more. */
  sweepEveryMs: 60_000,
  /** Shards of each holder of this node that such a look asks about; the next one goes on there.
   *
   *  A holder with half a million shards, which is a terabyte, is through in a day and a half. */
  sweptPerRound: 256,
} as const;

/** The same, where a test has smaller ones. */
export type AttachmentLimits = { readonly [Name in keyof typeof attachmentLimits]: number };
