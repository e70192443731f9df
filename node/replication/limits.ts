/** Replication. */
export const replicationLimits = {
  /** A replica that has not acknowledged for so long is removed from the set in sync. */
  replicaTimeoutMs: 1_500,
  /** The same while a new owner acquires the slot, for a replica that has answered before.
   *
   *  The slot serves nobody meanwhile, and leaving the replica out costs no more than its catching up. */
  reconcileTimeoutMs: 500,
  /** How often overdue work is looked for. */
  tickIntervalMs: 50,
  /** A tick that comes so many intervals after the one before means that this process was itself stopped; then it
   *  gives every replica its full time again. */
  ticksPerStall: 5,
  /** Ticks between two tries to give away a damaged or failed slot. */
  ticksPerHealing: 20,
  /** After this the deletion of a damaged copy that could not be deleted is tried again; the pause doubles. */
  discardRetryMs: 1_000,
  /** The longest such pause. */
  discardRetryMaxMs: 300_000,
  /** A slot whose record is newer than the directory's watch waits so long; then `DIRECTORY_UNAVAILABLE`, and it is
   *  tried again. */
  watchTimeoutMs: 3_000,
  /** Time for a question to a replica (its state, or whether an epoch is current); then it is asked again, or the
   *  replica is removed. */
  queryTimeoutMs: 1_000,
  /** A change of the directory whose outcome is unknown is sent again after this. */
  proposalRetryMs: 200,
  /** Bytes sent to one replica of one slot and not acknowledged; beyond it the replica catches up from the log on
   *  disk. */
  unackedBytesMax: 8 * 1024 * 1024,
  /** The same while a replica catches up; the rest waits, so that other slots do not wait at its disk. */
  catchUpUnackedBytesMax: 512 * 1024,
  /** Bytes of one append that catches up, at least one chunk. A new owner fetches four times as much at once. */
  catchUpBytesMax: 256 * 1024,
  /** A larger snapshot travels in parts on the bulk channel. */
  inlineSnapshotBytesMax: 512 * 1024,
  /** Bytes of one part of a transfer or of a snapshot. */
  partBytesMax: 128 * 1024,
  /** Bytes of all parts of rows and snapshots that wait for their last; beyond it those of the peer that sends most
   *  are refused with `TOO_LARGE`. */
  partsBytesMax: 256 * 1024 * 1024,
  /** One question or part of a transfer. A transfer that is not answered starts over and keeps the parts that
   *  already arrived. */
  transferTimeoutMs: 10_000,
  /** Pause before a transfer that failed is begun again; doubles. */
  transferRetryMs: 100,
  /** The longest such pause. */
  transferRetryMaxMs: 30_000,
  /** Merkle leaves compared in one question. */
  leavesPerQuestionMax: 256,
  /** How long a backup waits for a slot to be in service and its last entries to be on every copy; then it goes on
   *  without the slot, and says so. */
  cutWaitMs: 5_000,
  /** How often it looks. */
  cutLookMs: 20,
  /** Transfers this node sends at the same time; the others wait. Four times as many views are kept for comparisons
   *  of copies; further ones wait for the next round. */
  transfersMax: 2,
  /** Questions about epochs in one message; the others go with the next. */
  confirmSlotsMax: 4_096,
  /** Turns and appends under way must end within this before a hand-over; else the slot stays. Before a split all
   *  copies must have the snapshot by then. */
  drainTimeoutMs: 5_000,
  /** Pause before the directory is asked again whether a hand-over can begin. */
  handOverRetryMs: 500,
  /** Slots handed over at the same time when the node stops. */
  handOversMax: 16,
  /** Pause between two rounds of upkeep, half to one and a half of it. */
  upkeepIntervalMs: 3_600_000,
  /** Bytes a second that a node reads for a round of upkeep. */
  scrubBytesPerSecond: 8 * 1024 * 1024,
  /** A view kept for comparing copies is dropped so long after its last comparison; the rest waits for the next
   *  round. */
  markAgeMaxMs: 60_000,
  /** An actor with more data than this beside its state gets no slot of its own: `TOO_LARGE`. Its whole slot can be
   *  moved. */
  splitBytesMax: 64 * 1024 * 1024,
  /** Appends of a slot that are traced at the same time; of further ones nothing is told. */
  tracedAppendsMax: 128,
} as const;

export type ReplicationLimits = { readonly [K in keyof typeof replicationLimits]: number };
