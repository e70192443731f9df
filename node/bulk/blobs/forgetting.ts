/** Blobs that their actor has replaced and that nobody puts again go at once, at every node of the actor's slot. */
import { failureOf, ok, refused, type ActorId, type Result } from "../../../protocols/index.ts";
import type { Exchange } from "../../cluster/exchange/index.ts";
import type { ActorBlobs, BlobHash, NodeId, OwnedBlobs, Pair, Reference } from "../../ports/index.ts";
import type { BlobLimits } from "./limits.ts";

/** Answers other nodes, and makes what `ActorBlobs.forget` is. */
export function forgetting({
  node,
  exchange,
  limits,
  owned,
  ...at
}: {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly refersTo: (actor: ActorId, hash: BlobHash) => Promise<Result<boolean>>;
  readonly limits: BlobLimits;
  readonly owned: OwnedBlobs;
  readonly placesOf: (actor: ActorId) => readonly NodeId[];
  readonly drop: (pair: Pair, reference: Reference) => Promise<void>;
}): ActorBlobs["forget"] {
  /** Drops here what the actor does not refer to. What fails waits for its round. */
  async function dropHere(actor: ActorId, hashes: readonly BlobHash[]) {
    try {
      for (const hash of hashes) {
        const reference = owned.reference([hash, actor]);
        if (reference === undefined) continue;
        const present = await at.refersTo(actor, hash);
        if (present.ok && !present.value) await at.drop([hash, actor], reference);
      }
      return ok(null);
    } catch (error) {
      return refused(failureOf(error));
    }
  }

  exchange.on("blob.drop", ({ for: actor, hashes }) => dropHere(actor, hashes));
  return async (actor, hashes) => {
    const places = new Set([node, ...at.placesOf(actor)]);
    for (let from = 0; from < hashes.length; from += limits.askedPerMessage) {
      const some = hashes.slice(from, from + limits.askedPerMessage);
      const tell = (to: NodeId) =>
        to === node
          ? dropHere(actor, some)
          : exchange.call(to, "blob.drop", { for: actor, hashes: some }, limits.callTimeoutMs);
      await Promise.all([...places].map(tell));
    }
  };
}
