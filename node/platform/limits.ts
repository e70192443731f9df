/** Bounds of the real disk. `docs/limits.md` says what happens at each. */
export const platformLimits = {
  /** Between two times that the number of the last durable write is noted outside the journal, while there are writes. */
  markEveryMs: 5_000,
  /** After a write that failed: how long reads go to the files before the database is tried again. */
  reopenPauseMs: 1_000,
} as const;
