/** Files of rooms at this node: copies beside the rooms, and stripes on the storage nodes. */
import { createAttachments, type Attachments } from "../bulk/attachments/index.ts";
import type { BlobCopies } from "../bulk/blobs/index.ts";
import { isHolder, type Shards } from "../bulk/shards/index.ts";
import type { Opener } from "../../runtimes/opened/index.ts";
import type { Pacing } from "../backup/index.ts";
import { ownsSlot, slotsOwned } from "../cluster/facts/slot-owner.ts";
import type { ActorBlobs, NodeId } from "../ports/index.ts";
import { ownersOfModels } from "../inference/models/index.ts";
import type { ModelStorage } from "../inference/local/models.ts";
import type { Machine } from "./machine.ts";
import { bytesOfFile } from "../gateway/index.ts";
import type { Peer, PeerOptions } from "./peer.ts";
import type { Stops } from "../stops.ts";

/** What models are shown of them. */
export const shownToModels = (
  blobs: Promise<ActorBlobs>,
  opener: Opener,
): Pick<PeerOptions, "attachment" | "roomFiles"> => ({
  attachment: async (of, hash) => (await blobs).read(of, hash),
  roomFiles: {
    async *bytes(file, range) {
      yield* bytesOfFile(await blobs, file, range);
    },
    opener,
  },
});

/** Opens them: the blobs of actors, wherever they lie. */
export function openAttachments(at: {
  readonly node: NodeId;
  readonly machine: Pick<Machine, "clock" | "log" | "meter">;
  readonly peer: Pick<Peer, "kernel" | "table" | "membership" | "directory">;
  readonly copies: BlobCopies;
  readonly shards: Pick<Shards, "losses" | "stripes" | "canPlace">;
  readonly pacing: Pick<Pacing, "put" | "syncedBytes">;
  readonly stops: Stops;
}): Pick<Attachments, "blobs"> & { readonly forModels: ModelStorage } {
  const { node, copies, pacing } = at;
  const { clock, log, meter } = at.machine;
  const { kernel, table, membership } = at.peer;
  const attachments = createAttachments({
    copies,
    owned: copies.owned,
    stripes: at.shards.stripes,
    ask: (to, message, timeoutMs) => kernel.ask({ to, from: "node", message, timeoutMs }),
    losses: (name) => at.shards.losses(name),
    copiesOf(actor) {
      const slot = kernel.slotOf(actor);
      if (slot === undefined || !ownsSlot(table, node, slot)) return undefined;
      const { inSync, want } = table.get(slot)?.record ?? { inSync: [] };
      // Copies that are missing for a while count: no file is to be less safe afterwards.
      return Math.max(inSync.length, want?.replicas.length ?? 0);
    },
    isReadByAll: () => membership.members().members.every(({ readsStripes }) => readsStripes === true),
    owners: [ownersOfModels(at.peer.directory)],
    holders: () => slotsOwned(table, node).filter(isHolder),
    pacing: { part: pacing.put, bytes: pacing.syncedBytes },
    clock,
    log,
    meter,
  });
  at.stops.add(async () => {
    attachments.stop();
    copies.stop();
  });
  const { blobs, readStripe } = attachments;
  return { blobs, forModels: { shards: at.shards, readStripe, pacing } };
}
