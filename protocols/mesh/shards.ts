/** Shards between nodes (node/bulk/shards): their bytes in chunks, what became of them, and proofs that they are
 *  there. */
import { Type } from "typebox";
import { wireLimits as limits } from "../limits.ts";
import { blobHash as hash } from "../wire/schema.ts";
import { shardOwner, stripeId, stripeRef } from "../admin/shards.ts";
import { shardLife, shardOperation, type ShardReceipt } from "../kinds/shard-holder.ts";
import { actor, bytes, call, closed, count, done, message, node } from "./parts.ts";

const holder = actor;
const upload = Type.String({ minLength: 1, maxLength: 64 });
const hashes = Type.Array(hash, { maxItems: 1_024 });
const shard = Type.Integer({ minimum: 0, maximum: limits.groupHoldersMax - 1 });

const proof = closed({
  leaf: count,
  size: count,
  bytes,
  path: Type.Array(bytes, { maxItems: 64 }),
});

/** What is asked of the node that owns a holder. `for`: who refers to the stripe; `lifeMs`: for how long, from when the
 *  holder hears of it, by its own clock. */
const holding = {
  holder,
  stripe: stripeRef,
  shard,
  for: shardOwner,
  operation: shardOperation,
  lifeMs: Type.Optional(shardLife),
};

export const shardMessages = {
  /** Announces bytes for a holder. `has`: they are here, and need not come. Errors: MOVED (the node neither owns the
   *  holder nor is to), OVERLOADED, TOO_LARGE. */
  "shard.begin": call("bulk", { upload, holder, hash, sizeBytes: count }, closed({ has: Type.Boolean() })),
  /** The next bytes, answered when the disk keeps up; the last ones when all is synced and was compared with the hash.
   *  Errors: NOT_FOUND (no such upload), BAD_REQUEST (not what the hash names), DISK_FULL, LIMIT_REACHED,
   *  OVERLOADED. */
  "shard.chunk": call("bulk", { upload, start: count, bytes }, done),
  /** Takes a shard into the inventory whose bytes are here; the receipt is signed by the node. Errors: MOVED, NOT_FOUND
   *  (the bytes are not here), those of the holder. */
  "shard.hold": call(
    "message",
    holding,
    closed({ receipt: Type.Unsafe<ShardReceipt>(Type.Object({ hash })), signature: bytes }),
  ),
  /** Reads all of a shard here. Errors: NOT_FOUND, OVERLOADED. */
  "shard.check": call("message", { hash }, closed({ well: Type.Boolean() })),
  /** Which of these the asked node does not have, or not for this holder, by their places in the list. */
  "shard.lacks": call(
    "message",
    { hashes, holder: Type.Optional(holder) },
    closed({ lacks: Type.Array(count, { maxItems: 1_024 }) }),
  ),
  /** Bytes from `start` on, before `end`. Errors: NOT_FOUND, DATA_DAMAGED, OVERLOADED, BAD_REQUEST. */
  "shard.read": call("bulk", { hash, start: count, end: count }, closed({ bytes, sizeBytes: count })),
  /** Proves one leaf. Errors: NOT_FOUND, DATA_DAMAGED, OVERLOADED. */
  "shard.prove": call("message", { holder, hash, leaf: count }, closed({ proof })),
  /** Compares what a holder should have with what is here for it: which of the 256 parts differ. Error: MOVED (the
   *  asked node is not to own the holder). */
  "shard.compare": call(
    "message",
    { holder, parts: bytes },
    closed({ differs: Type.Array(Type.Integer({ minimum: 0, maximum: 255 }), { maxItems: 256 }) }),
  ),
  /** A shard that its holder should have and has not, or not whole: it looks after it at once. With what it needs to
   *  rebuild a shard of which its inventory says nothing. Answered when the asked node has taken note. Errors: MOVED,
   *  OVERLOADED, RELEASED. */
  "shard.mend": call("message", holding, done),
  /** Looks for what is lost here and makes it good, without waiting for nodes that are away. */
  "shard.heal": call("control", {}, closed({ holders: count, mended: count, lost: count })),
  /** What the asked node's audits have shown of others. */
  "shard.opinions": call(
    "control",
    {},
    closed({
      opinions: Type.Array(
        closed({ node, passed: count, failed: count, honesty: Type.Number({ minimum: 0, maximum: 1 }) }),
        { maxItems: 1_024 },
      ),
    }),
  ),
  /** What an audit found, told to the node that was asked. */
  "shard.audited": message("message", {
    holder,
    by: node,
    stripe: stripeId,
    hash,
    leaf: count,
    result: Type.Unsafe<"ok" | "failed" | "missing" | "offline" | "slow" | "unknown">(Type.String({ maxLength: 16 })),
    tookMs: count,
  }),
} as const;
