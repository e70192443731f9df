/** Keys. */
export const keyLimits = {
  /** Shares of a root; more are refused with `BAD_REQUEST`. */
  sharesMax: 16,
  /** Sets of shares that are tried where more are given than are needed, and one of them is wrong.
   *
   *  All sets of 8 of 16. */
  combinationsMax: 12_870,
  /** Rows that are rewritten at a time while a disk is encrypted, at first and at least.
   *
   *  The largest rows have 3 MiB. */
  rewriteRowsMin: 4,
  /** At most so many. */
  rewriteRowsMax: 1_024,
  /** Bytes that are rewritten at a time, about: the journal's writes wait meanwhile. */
  rewriteBytes: 512 * 1024,
  /** Tasks with its disk that a node remembers; the oldest goes. */
  diskTasksKept: 8,
  /** A disk that cannot be rewritten is tried again after this. */
  sealingRetryMs: 30_000,
  /** From the beginning of a recovery kit to its end; later it is refused with `KEY_REFUSED`, and made again. */
  kitMs: 600_000,
  /** Roots that followed on one another since a node has last looked; beyond that its operator says which it trusts
   *  (`ROOT_UNVOUCHED`). */
  successionMax: 16,
  /** A task that uses keys of tenants looks so often at the key ring for what was erased meanwhile. */
  ringLookMs: 60_000,
  /** Where the directory does not answer, it uses the keys that it has for so long; then they are refused with
   *  `KEY_MISSING`. */
  ringOldMs: 600_000,
  /** Places with backups whose units of compromised epochs are counted; the one that was counted first is forgotten. */
  placesMax: 64,
  /** A node that has no share of the key of secrets waits so long for one; then `KEY_MISSING`. */
  shareWaitMs: 5_000,
  /** Between members that may give a share, in the order of their ids: the next does it where the one before has
   *  not. */
  shareTurnMs: 1_000,
  /** A member that had no receiver, or a directory that did not answer, is looked at again after this. */
  shareRetryMs: 30_000,
  /** Changes of one row of keys that others are changing; then `OVERLOADED`. */
  attemptsMax: 8,
  /** Keys of one epoch that a node keeps: of attempts to begin it, one of which may have succeeded. The oldest goes. */
  keysPerEpochMax: 8,
  /** What a backup carries of the keys; more is not read (`BACKUP_DAMAGED`).
   *
   *  Ten times the largest key ring. */
  carriedBytesMax: 256 * 1024 * 1024,
} as const;
