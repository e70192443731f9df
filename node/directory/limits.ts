/** Bounds of the directory. `docs/limits.md` says what happens at each. */
export const directoryLimits = {
  /** One row's value, encoded. Four fit a message of 1 MiB, with room to spare. */
  valueBytesMax: 224 * 1024,
  /** Rows of an embedded directory: all of them are in memory. 64 roles' worth of slots and 80,000 pins. */
  rowsMax: 100_000,
  /** Changes that one synced batch carries. */
  groupChangesMax: 1_024,
  /** Bytes of values in one synced batch. */
  groupBytesMax: 4 * 1024 * 1024,
  /** Changes that wait for the batch before them, or for a migration to end. */
  changesWaitingMax: 65_536,
  /** Rows read at a time from the store and from etcd. */
  scanRowsMax: 256,
  /** Wait before an embedded directory that could not read its store tries again. */
  reloadMs: 500,
  /** Bytes and rows of a page, and of a push, between nodes. A value more may follow the last that fits. */
  pageBytesMax: 512 * 1024,
  pageRowsMax: 4_096,
  /** Watches one peer may hold. */
  watchesPerPeerMax: 64,
  /** Listings one peer may have open; the oldest goes. */
  cursorsPerPeerMax: 16,
  /** Pushes to a watcher that it has not confirmed. */
  pushesUnseenMax: 16,
  /** Changes that wait for a watcher's confirmations. */
  pushQueueMax: 16_384,
  /** Bytes of those. */
  pushQueueBytesMax: 8 * 1024 * 1024,
  /** Deadline of one call to the node or server that keeps the directory. */
  callTimeoutMs: 3_000,
  /** How often a list whose listing was dropped is begun again. */
  listAttemptsMax: 3,
  /** Wait before a broken watch is begun again: doubled from the first to the second. */
  retryMinMs: 100,
  retryMaxMs: 2_000,
  /** How often a watch asks whether it is complete. A push that got lost shows at the next push or here. */
  checkMs: 5_000,
  /** Rows written to etcd in one transaction of a migration; a server takes 128 operations. */
  fillRowsMax: 100,
  /** Bytes of those; a server takes 1.5 MiB. */
  fillBytesMax: 512 * 1024,
} as const;

export type DirectoryLimits = { readonly [K in keyof typeof directoryLimits]: number };
