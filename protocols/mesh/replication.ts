/** How the owner of a slot and its replicas talk (node/replication). Every message names the epoch it is said in; whoever
 *  knows a newer one answers FENCED and nothing else happens. */
import { Type, type Static } from "typebox";
import { bytes, checksum, count, message, slot } from "./parts.ts";

/** Where a log ends. Two logs with the same position are the same log, from the same base on. */
const position = Type.Object({ epoch: count, seq: count, checksum }, { additionalProperties: false });
/** Not more than one reading of a log may give: `pieceChunksMax` of the journal. */
const chunks = Type.Array(Type.Tuple([count, bytes]), { maxItems: 4_096 });
const actor = Type.String({ maxLength: 200 });
const storeKey = Type.String({ maxLength: 1_024 });

/** The answer to a query: how a node's copy of a slot stands. */
export const standing = Type.Object({
  fence: count,
  continues: count,
  incarnation: count,
  incomplete: Type.Boolean(),
  at: position,
});
export type Standing = Static<typeof standing>;

export const replicationMessages = {
  /** Raises and persists the asked node's fence. Answer: `Standing`. Errors: FENCED, DATA_DAMAGED. */
  "replica.query": message("message", { slot, epoch: count }),
  /** What one batch of the owner added, or a part of the log that the replica lacks. The first one of an epoch also says
   *  that the owner's log begins with everything the replica has. Answered by `synced` or `refused`. */
  "replica.append": message("message", {
    slot,
    epoch: count,
    incarnation: count,
    from: position,
    chunks,
    snapshots: Type.Array(Type.Tuple([actor, count, bytes]), { maxItems: 8_192 }),
    trim: count,
    /** Not 0: the replica keeps a view of the slot as it is after this piece, to be compared under this number. */
    mark: count,
  }),
  /** Everything up to here is on disk, as the beginning of this epoch's log. `gap`: a piece did not fit and was dropped;
   *  nothing is acknowledged by it. `lacks`: actors whose stored snapshots it does not have, and so keeps entries that the
   *  owner has trimmed. */
  "replica.synced": message("message", {
    slot,
    epoch: count,
    incarnation: count,
    at: position,
    gap: Type.Boolean(),
    lacks: Type.Optional(Type.Array(actor, { maxItems: 1_024 })),
  }),
  /** The replica takes no more in this epoch: its fence is another, or its disk fails. */
  "replica.refused": message("message", { slot, epoch: count, fence: count, reason: Type.String({ maxLength: 500 }) }),
  /** Do these epochs still stand? Answer: `{ gone: [slot, fence][] }`, those that do not. */
  "replica.confirm": message("message", { slots: Type.Array(Type.Tuple([slot, count]), { maxItems: 8_192 }) }),
  /** Chunks after a position, for the new owner whose log is not the longest. Answer: `{ chunks }`. */
  "replica.fetch": message("bulk", { slot, epoch: count, after: position }),
  /** A snapshot too large for an append, in parts. Answer: nothing. */
  "replica.snapshot": message("bulk", {
    slot,
    epoch: count,
    incarnation: count,
    actor,
    seq: count,
    /** Tells the parts of one sending from those of another. */
    sending: count,
    data: bytes,
    last: Type.Boolean(),
  }),
  /** Begins a transfer: the node forgets its copy, if that is still this incarnation. Answer: `{ incarnation }`. */
  "transfer.begin": message("bulk", { slot, epoch: count, incarnation: count }),
  /** Digests of runs of keys. Answer: `{ differ }`, the indexes of those that differ here. With `mark`, in the view kept
   *  under it instead of a transfer. */
  "transfer.compare": message("bulk", {
    slot,
    epoch: count,
    incarnation: count,
    mark: count,
    leaves: Type.Array(Type.Tuple([storeKey, storeKey, bytes]), { maxItems: 1_024 }),
  }),
  /** The rows of one run, encoded and cut into parts; what else lies in the run goes. Answer: nothing. */
  "transfer.rows": message("bulk", {
    slot,
    epoch: count,
    incarnation: count,
    from: storeKey,
    to: storeKey,
    /** Tells the parts of one sending from those of another. */
    sending: count,
    data: bytes,
    last: Type.Boolean(),
  }),
  /** Ends a transfer with the head that belongs to the rows. Answer: `Standing`. */
  "transfer.finish": message("bulk", {
    slot,
    epoch: count,
    incarnation: count,
    head: Type.Object({ last: position, baseSeq: count, baseChecksum: checksum }, { additionalProperties: false }),
  }),
} as const;
