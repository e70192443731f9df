/** Bounds of the real disk. `docs/limits.md` says what happens at each. */
export const platformLimits = {
  /** Between two times that the number of the last durable write is noted outside the journal, while there are writes. */
  markEveryMs: 5_000,
  /** After a write that failed: how long reads go to the files before the database is tried again. */
  reopenPauseMs: 1_000,
  /** Room on the disk that is kept for what the node does by itself: the write buffer, twice. On a small disk this share of it. */
  roomBytes: 64 * 1024 * 1024,
  roomShare: 0.05,
  /** Between two looks at it. */
  roomLookMs: 20,
} as const;

/** How a process shares out what the machine lets it have. `docs/limits.md` says what happens at each. */
export const processLimits = {
  /** With fewer the node does not start. */
  descriptorsMin: 256,
  /** What the process itself has open: its event loop, its log, the inference host, etcd, look-ups of names. */
  descriptorsOwn: 96,
  /** Of the rest, one part in so many is the disk's, and as much the mesh's. */
  descriptorsShare: 8,
  descriptorsShareMin: 32,
  /** LevelDB maps its tables and keeps no descriptor for them: more than its logs and a compaction need is wasted. */
  descriptorsDiskMax: 512,
  descriptorsMeshMax: 4_096,
  /** A limit beyond this, or none, counts as this. */
  descriptorsCounted: 1_048_576,
} as const;
