/** Bytes that are too many for a journal, and never change.
 *
 *      gateway ─ keep ─► copies.ts ═ blob.put ═► copies.ts of each node that holds the slot ─► store.ts ─► disk
 *              ─ read ─►           ═ blob.read ═►
 *
 *  `store.ts` is a node's own disk of them: named by what they consist of (`tree.ts`), whole or not there, compared
 *  with their name whenever they are read. It knows nothing of other nodes, nor of what the bytes are for.
 *
 *  `owned.ts` knows for which actors they are there: for no blob it has to be guessed.
 *
 *  `copies.ts` keeps what belongs to an actor (the picture of a user, the pictures that an agent is shown) where the
 *  actor's journal is: on each node that holds the actor's slot. It is a small part of what is to come for large
 *  things, and stands until then: a blob of it fits into one message, and is copied whole. Decision 0023 says what is
 *  promised.
 *
 *  `forgetting.ts` drops at once what was replaced.
 *
 *  Read tree.ts, store.ts, owned.ts, copies.ts, forgetting.ts. */

export { openActorBlobs } from "./avatars.ts";
export { actorBlobPrefix, type BlobCopies } from "./copies.ts";
export { openOwnedBlobs } from "./owned.ts";
export { blobLimits } from "./limits.ts";
export { openBlobStore } from "./store.ts";
export { contentTree, hashOf, isProven } from "./tree.ts";
