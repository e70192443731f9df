/** How the owner of a slot and its replicas talk (node/replication). Every message names the epoch it is said in; a
 *  node that knows a newer one answers FENCED and nothing else happens. */
import { Type, type Static } from "typebox";
import { traceContext } from "../admin/traces.ts";
import { bytes, call, checksum, closed, count, done, message, slot } from "./parts.ts";

/** Where a log ends. Two logs with the same position are the same log, from the same base on. */
const position = closed({ epoch: count, seq: count, checksum });
/** Not more than one reading of a log may give: `pieceChunksMax` of the journal. */
const chunks = Type.Unsafe<readonly (readonly [firstSeq: number, bytes: Uint8Array])[]>(
  Type.Array(Type.Tuple([count, bytes]), { maxItems: 4_096 }),
);
const actor = Type.String({ maxLength: 200 });
const storeKey = Type.String({ maxLength: 1_024 });
const leavesMax = 1_024;
const fenced = Type.Tuple([slot, count]);
const fencedMax = 8_192;

/** How a node's copy of a slot stands. */
const standing = closed({
  fence: count,
  continues: count,
  incarnation: count,
  incomplete: Type.Boolean(),
  at: position,
});
export type Standing = Static<typeof standing>;

export const replicationMessages = {
  /** Raises and persists the asked node's fence. Errors: FENCED, DATA_DAMAGED. */
  "replica.query": call("message", { slot, epoch: count }, standing),
  /** What one batch of the owner added, or a part of the log that the replica lacks. The first one of an epoch also
   *  says that the owner's log begins with everything the replica has. Answered by `synced` or `refused`. */
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
    /** Steps of traces that wait for entries of this piece. */
    traces: Type.Optional(Type.Array(traceContext, { maxItems: 256 })),
  }),
  /** Everything up to here is on disk, as the beginning of this epoch's log. `gap`: a piece did not fit and was
   *  dropped; nothing is acknowledged by it. `lacks`: actors whose stored snapshots it does not have, and so keeps
   *  entries that the owner has trimmed. */
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
  /** Do these epochs still stand? `gone`: those that do not, with the fence of each. */
  "replica.confirm": call(
    "message",
    { slots: Type.Array(fenced, { maxItems: fencedMax }) },
    closed({ gone: Type.Array(fenced, { maxItems: fencedMax }) }),
  ),
  /** Chunks after a position, for the new owner whose log is not the longest. */
  "replica.fetch": call("bulk", { slot, epoch: count, after: position }, closed({ chunks })),
  /** A snapshot too large for an append, in parts. */
  "replica.snapshot": call(
    "bulk",
    {
      slot,
      epoch: count,
      incarnation: count,
      actor,
      seq: count,
      /** Tells the parts of one sending from those of another. */
      sending: count,
      data: bytes,
      last: Type.Boolean(),
    },
    done,
  ),
  /** Begins a transfer: the node forgets its copy, if that is still this incarnation. Answered by the next one. */
  "transfer.begin": call("bulk", { slot, epoch: count, incarnation: count }, closed({ incarnation: count })),
  /** Digests of runs of keys. `differ`: the indexes of those that differ here. With `mark`, in the view kept under it
   *  instead of a transfer; `at` is where that was made, and `digests` what those that differ are here. */
  "transfer.compare": call(
    "bulk",
    {
      slot,
      epoch: count,
      incarnation: count,
      mark: count,
      leaves: Type.Array(Type.Tuple([storeKey, storeKey, bytes]), { maxItems: leavesMax }),
    },
    closed({
      differ: Type.Array(count, { maxItems: leavesMax }),
      at: Type.Optional(position),
      digests: Type.Optional(Type.Array(bytes, { maxItems: leavesMax })),
    }),
  ),
  /** The rows of one run, encoded and cut into parts; what else lies in the run goes. */
  "transfer.rows": call(
    "bulk",
    {
      slot,
      epoch: count,
      incarnation: count,
      from: storeKey,
      to: storeKey,
      /** Tells the parts of one sending from those of another. */
      sending: count,
      data: bytes,
      last: Type.Boolean(),
    },
    done,
  ),
  /** Ends a transfer with the head that belongs to the rows. */
  "transfer.finish": call(
    "bulk",
    {
      slot,
      epoch: count,
      incarnation: count,
      head: closed({ last: position, baseSeq: count, baseChecksum: checksum }),
    },
    standing,
  ),
} as const;
