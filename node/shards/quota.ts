/** What a node's operator gives to shards: beyond it none is taken, from other nodes or from this one. */
import { failure, PlexusError, type Failure } from "../../protocols/index.ts";
import type { OwnedBlobs } from "../ports.ts";

/** Why so many bytes more may not be taken; undefined: they may. */
export function quotaFault({ blobs }: OwnedBlobs, quotaBytes: number | undefined, bytes: number): Failure | undefined {
  const usedBytes = blobs.usedBytes();
  if (quotaBytes === undefined || usedBytes + bytes <= quotaBytes) return undefined;
  return failure("DISK_FULL", { limit: "shardQuota", quotaBytes, usedBytes });
}

/** The same blobs, of which none is taken beyond the quota. What is there already takes no more. */
export const withinQuota = (owned: OwnedBlobs, quotaBytes: number | undefined): OwnedBlobs =>
  quotaBytes === undefined
    ? owned
    : Object.assign(Object.create(owned) as OwnedBlobs, {
        take: async (...[pair, stream, bytesMax]: Parameters<OwnedBlobs["take"]>) => {
          const fault =
            (await owned.blobs.has(pair[0])) === undefined ? quotaFault(owned, quotaBytes, bytesMax) : undefined;
          if (fault !== undefined) throw new PlexusError(fault);
          await owned.take(pair, stream, bytesMax);
        },
      });
