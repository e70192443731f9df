/** Blobs that belong to actors, copied between the nodes that hold their slots (node/bulk/blobs). */
import { Type } from "typebox";
import { blobHash as hash } from "../wire/schema.ts";
import { actor, bytes, call, closed, count, done } from "./parts.ts";

export const blobMessages = {
  /** Stores a blob for an actor; answered when it is on the disk. Errors: TOO_LARGE, BAD_REQUEST (these bytes have
   *  another hash), LIMIT_REACHED, DISK_FULL, OVERLOADED. */
  "blob.put": call("bulk", { for: actor, hash, bytes }, done),
  /** Which of these the asked node does not have for these actors, by their places in the list. */
  "blob.lacks": call(
    "message",
    { blobs: Type.Array(Type.Tuple([hash, actor]), { maxItems: 1_024 }) },
    closed({ lacks: Type.Array(count, { maxItems: 1_024 }) }),
  ),
  /** Some blobs of an actor were replaced and are never put again: the asked node drops those that the actor, which it
   *  asks, does not refer to. */
  "blob.drop": call("message", { for: actor, hashes: Type.Array(hash, { maxItems: 1_024 }) }, done),
  /** Errors: NOT_FOUND, DATA_DAMAGED, OVERLOADED. */
  "blob.read": call("bulk", { hash }, closed({ bytes })),
} as const;
