/** What a node's operator gives to shards, and what the cluster allows of it: beyond either none is taken, from other
 *  nodes or from this one. */
import { failure, PlexusError, type Failure, type StorageTerms } from "../../protocols/index.ts";
import { namesOfClass } from "./coding/index.ts";
import type { OwnedBlobs } from "../ports.ts";

/** Why so many bytes more may not be taken; undefined: they may. */
export function quotaFault({ blobs }: OwnedBlobs, quotaBytes: number | undefined, bytes: number): Failure | undefined {
  const usedBytes = blobs.usedBytes();
  if (quotaBytes === undefined || usedBytes + bytes <= quotaBytes) return undefined;
  return failure("DISK_FULL", { limit: "shardQuota", quotaBytes, usedBytes });
}

/** The same blobs, of which none is taken beyond the quota as it is then. What is there already takes no more. */
export const withinQuota = (owned: OwnedBlobs, quotaBytes: () => number | undefined): OwnedBlobs =>
  Object.assign(Object.create(owned) as OwnedBlobs, {
    take: async (...[pair, stream, bytesMax]: Parameters<OwnedBlobs["take"]>) => {
      const fault =
        (await owned.blobs.has(pair[0])) === undefined ? quotaFault(owned, quotaBytes(), bytesMax) : undefined;
      if (fault !== undefined) throw new PlexusError(fault);
      await owned.take(pair, stream, bytesMax);
    },
  });

/** The smaller of what its operator gives and what the cluster allows; undefined: as much as there is. */
export function allowedBytes(given: number | undefined, allowed: StorageTerms | undefined): number | undefined {
  const most = Math.min(given ?? Infinity, allowed?.quotaBytes ?? Infinity);
  return most === Infinity ? undefined : most;
}

/** How much more a node may take: what it says, and no more than the cluster allows beside what it says that it has. */
export function roomAt(
  { shardRoomBytes, shardBytes = 0 }: { readonly shardRoomBytes?: number; readonly shardBytes?: number },
  allowed: StorageTerms | undefined,
): number | undefined {
  const left = allowed?.quotaBytes === undefined ? undefined : Math.max(0, allowed.quotaBytes - shardBytes);
  return left === undefined ? shardRoomBytes : Math.min(left, shardRoomBytes ?? Infinity);
}

/** Whether new stripes of a class may go to a node. */
export const admitsClass = (allowed: StorageTerms | undefined, name: string): boolean =>
  allowed?.classes === undefined || namesOfClass(name).some((one) => allowed.classes?.includes(one) === true);
