/** Previews of what was posted in rooms of this node: how pages are reached, and where pictures go. */
import { bytesOfFile, newFileKey, sealPart } from "../../gateway/index.ts";
import { readGuarded, type GuardedRead } from "../../platform/index.ts";
import type { ActorBlobs } from "../../ports/index.ts";
import { createPreviews, previewLimits, type PreviewPorts } from "../../previews/index.ts";
import type { Threats } from "../../threats/index.ts";
import type { Machine } from "../machine.ts";
import type { Peer } from "../peer.ts";
import type { Stops } from "../../stops.ts";

/** Opens them. `reach`: how tests reach pages of their own. */
export function openPreviews(at: {
  readonly live: () => { readonly linkPreviews: "on" | "off"; readonly filePreviews: "on" | "off" };
  readonly machine: Pick<Machine, "clock" | "log" | "meter" | "random" | "opener">;
  readonly peer: Pick<Peer, "kernel" | "published" | "membership">;
  readonly blobs: ActorBlobs;
  readonly threats: Pick<Threats, "hasDomain">;
  readonly stops: Stops;
  readonly limits?: Partial<PreviewPorts["limits"]>;
  readonly reach?: Pick<GuardedRead, "mayReach" | "resolve" | "ca" | "ports">;
}): void {
  const { clock, log, meter, random, opener } = at.machine;
  const read: PreviewPorts["read"] = (url, how) =>
    readGuarded(url, {
      ...how,
      headers: {
        "user-agent": "Plexus link preview",
        accept: "text/html,image/*;q=0.8",
        "accept-encoding": "identity",
      },
      redirectsMax: previewLimits.redirectsMax,
      mayAsk: (host) => !at.threats.hasDomain(host) && how.mayAsk(host),
      ...at.reach,
    });
  const previews = createPreviews({
    settings: () => ({ links: at.live().linkPreviews === "on", files: at.live().filePreviews === "on" }),
    read,
    opener,
    ask: (to, message, timeoutMs, from = "node") => at.peer.kernel.ask({ to, from, message, timeoutMs }),
    async keepPicture(room, { bytes, width, height }, tell) {
      const id = `${Buffer.from(random.bytes(16)).toString("hex")}.${room.slice("room/".length)}`;
      const key = newFileKey(random);
      const sealed = sealPart({ id, key }, 0, { bytes, random });
      return at.blobs.put(room, sealed, (part) => tell({ id, part, key, bytes: bytes.length, width, height }));
    },
    ...(at.limits && { limits: at.limits }),
    bytesOf: (file) => bytesOfFile(at.blobs, file),
    isKnownToAll: () => at.peer.membership.members().members.every(({ deletesTexts }) => deletesTexts === true),
    clock,
    log,
    meter,
  });
  const unhear = at.peer.published.listen((actor, event, epoch) => previews.heard(actor, event, epoch));
  at.stops.add(async () => {
    unhear();
    previews.stop();
  });
}
