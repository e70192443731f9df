/** The disk. */
export const platformLimits = {
  /** Bytes of the head of an answer from an address that a stranger has named; with more it counts as none. */
  guardedHeadBytesMax: 8_192,
  /** A server of names has so long for an answer about an address that a stranger has named. */
  guardedNameMs: 3_000,
  /** How often, while there are writes, the number of the last durable one is noted outside the journal; also at a
   *  clean stop. A start compares it with the journal. */
  markEveryMs: 5_000,
  /** After a failed write, reads go directly to the files for so long before the database is opened again. A write
   *  opens it at once. */
  reopenPauseMs: 1_000,
  /** Less room than this on the disk: commands that would write are refused with `DISK_FULL`; reads, and the node's
   *  own work, continue.
   *
   *  The write buffer, twice. */
  roomBytes: 64 * 1024 * 1024,
  /** On a disk of which this share is less than `roomBytes`, this share is the limit instead. */
  roomShare: 0.05,
  /** Pause between two checks of the free space. */
  roomLookMs: 20,
  /** Rows that are read at once by a reader of a whole range, where their bytes are few. */
  scanRows: 4_096,
  /** Rows that are read at first by a reader of few bytes at a time, while nothing is known of how large they are. */
  scanRowsFirst: 16,
  /** Before the journal's tables are merged, for an encrypted disk, what reads older rows gets so long to end. Then it
   *  is tried again later. */
  looksWaitMs: 10_000,
  /** Rows that are written at a time so that tables are merged with them. The largest have 3 MiB. */
  touchRows: 8,
  /** Looks for files of replaced rows that are still there; then the merge counts as failed, and is tried again
   *  later. */
  mergeLooks: 4,
  /** Time for one message with spans of traces; then they are given up. */
  traceSendTimeoutMs: 10_000,
} as const;

/** The process.
 *
 *  Files, sockets and pipes that the process may have open (`ulimit -n`, `LimitNOFILE=`) are shared out at the
 *  start, so that connections of strangers cannot take what the journal and the mesh need. The log says how:
 *  `node.descriptors`. */
export const processLimits = {
  /** With fewer the node does not start: `CONFIG_INVALID` says how to raise the limit. */
  descriptorsMin: 256,
  /** Descriptors of the process itself.
   *
   *  Its event loop, its log, the inference host, etcd, look-ups of names. */
  descriptorsOwn: 96,
  /** The disk and the mesh each get one in so many descriptors, connections of people get the rest: with 1,024, 672. */
  descriptorsShare: 8,
  /** The disk and the mesh each get at least so many. */
  descriptorsShareMin: 32,
  /** The disk gets at most so many.
   *
   *  LevelDB maps its tables and keeps no descriptor for them: more than its logs and a compaction need is wasted. */
  descriptorsDiskMax: 512,
  /** The mesh gets at most so many. */
  descriptorsMeshMax: 4_096,
  /** A limit beyond it, or none, counts as this. */
  descriptorsCounted: 1_048_576,
} as const;

/** Certificates of this node. */
export const tlsLimits = {
  /** How often the files are looked at; what was renewed is shown to new connections. */
  certificateLookMs: 10_000,
  /** The log warns of a certificate that ends sooner. */
  certificateWarnMs: 14 * 86_400_000,
} as const;
