/** How the owner of a slot and its replicas talk (node/replication). Every message names the epoch it is said in; whoever
 *  knows a newer one answers FENCED and nothing else happens. */
import { Type } from "typebox";
import { bytes, checksum, count, message, slot } from "./parts.ts";

/** Where a log ends. Two logs with the same position are the same log, from the same base on. */
const position = Type.Object({ epoch: count, seq: count, checksum }, { additionalProperties: false });

export const replicationMessages = {
  /** Raises and persists the asked replica's fence. Answer: `Standing`. */
  "replica.query": message("message", { slot, epoch: count }),
  /** The owner's log of this epoch begins here: the replica, whose log must end there, persists that it continues this
   *  epoch. Answer: `Standing`. */
  "replica.base": message("message", { slot, epoch: count, at: position }),
  /** Chunks of the log, in order, and the snapshots and the trim that go with them. Answered by `replica.synced`. */
  "replica.append": message("message", {
    slot,
    epoch: count,
    /** Rises with each; a gap is answered with where the replica stands. */
    from: position,
    chunks: Type.Array(Type.Tuple([count, bytes]), { maxItems: 1_024 }),
    snapshots: Type.Array(Type.Tuple([Type.String({ maxLength: 200 }), count, bytes]), { maxItems: 4_096 }),
    trim: count,
  }),
  /** Everything up to here is on disk, and continues this epoch. `gap`: an append did not fit and was dropped. */
  "replica.synced": message("message", { slot, epoch: count, incarnation: count, at: position, gap: Type.Boolean() }),
  /** The replica will take no more in this epoch: its fence is higher, or its disk fails. */
  "replica.refused": message("message", { slot, epoch: count, fence: count, reason: Type.String({ maxLength: 200 }) }),
  /** Does this epoch still stand? Many slots at once. Answer: the slots for which it does not. */
  "replica.confirm": message("message", {
    slots: Type.Array(Type.Tuple([slot, count]), { maxItems: 4_096 }),
  }),
  /** Chunks after a position, from the log with the longest history. Answer: `{ chunks, more }`. */
  "replica.fetch": message("bulk", { slot, epoch: count, after: position }),
  /** Merkle hashes of the key ranges below a node of the tree. Answer: `{ hashes }`. */
  "replica.hashes": message("bulk", {
    slot,
    epoch: count,
    path: Type.Array(Type.Integer({ minimum: 0, maximum: 255 }), { maxItems: 4 }),
  }),
} as const;
