/** Bounds of replication. `docs/limits.md` says what happens at each. */
export const replicationLimits = {
  /** A replica that must acknowledge and does not for this long is removed from `inSync`. */
  replicaTimeoutMs: 1_500,
  /** The same while a new owner takes up, for one that was heard of before: nobody is served meanwhile, and leaving it out
   *  costs no more than its catching up. */
  reconcileTimeoutMs: 500,
  /** How often what is overdue is looked at, and an unknown outcome asked for again. */
  tickIntervalMs: 50,
  /** So many that did not come in time mean that this process was stopped, and that nobody is late. */
  ticksPerStall: 5,
  /** How many of these pass between two tries to get rid of a damaged copy. */
  ticksPerHealing: 20,
  /** A damaged copy that cannot be thrown away either is tried again after this; doubles up to the second. */
  discardRetryMs: 1_000,
  discardRetryMaxMs: 300_000,
  /** A slot is not taken up while the directory's watch is behind by more than this. */
  watchTimeoutMs: 3_000,
  /** A question to a replica. It is asked again, or the replica removed. */
  queryTimeoutMs: 1_000,
  /** A compare-and-set whose outcome is not known is sent again after this. */
  proposalRetryMs: 200,
  /** Bytes sent to one replica of one slot and not acknowledged. Beyond it, it catches up from the log on disk. */
  unackedBytesMax: 8 * 1024 * 1024,
  /** The same while it catches up: its disk has others to serve, who wait behind this. */
  catchUpUnackedBytesMax: 512 * 1024,
  /** Bytes of one append that catches up. */
  catchUpBytesMax: 256 * 1024,
  /** A larger snapshot travels in parts on the bulk channel. */
  inlineSnapshotBytesMax: 512 * 1024,
  /** One part of a transfer. */
  partBytesMax: 128 * 1024,
  /** All parts of rows and snapshots that wait for their last. Beyond it the peer that sends most begins anew: TOO_LARGE. */
  partsBytesMax: 256 * 1024 * 1024,
  /** One question or part of a transfer. A transfer that is not answered begins anew, from where it was. */
  transferTimeoutMs: 10_000,
  /** Pause before a transfer that failed is begun again; doubles up to the second. */
  transferRetryMs: 100,
  transferRetryMaxMs: 30_000,
  /** Leaves compared in one question. */
  leavesPerQuestionMax: 256,
  /** Transfers and scrubs this node sends at the same time. */
  transfersMax: 2,
  /** Questions about epochs in one message. */
  confirmSlotsMax: 4_096,
  /** Before a hand-over: turns and appends under way must end within this. */
  drainTimeoutMs: 5_000,
  /** Pause before the directory is asked again whether a hand-over can begin. */
  handOverRetryMs: 500,
  /** Hand-overs at the same time when the node stops. */
  handOversMax: 16,
  /** Pause between two rounds of upkeep (half to one and a half of it), and bytes per second a node reads for one. */
  upkeepIntervalMs: 3_600_000,
  scrubBytesPerSecond: 8 * 1024 * 1024,
  /** A view kept for a scrub. */
  markAgeMaxMs: 60_000,
  /** An actor with more than this beside its state is not pinned; its slot can be moved. */
  pinBytesMax: 64 * 1024 * 1024,
} as const;

export type ReplicationLimits = { readonly [K in keyof typeof replicationLimits]: number };
