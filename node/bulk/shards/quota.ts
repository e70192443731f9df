/** What a node's operator gives to shards, and what the cluster allows of it: beyond either none is taken, from other
 *  nodes or from this one. */
import { failure, PlexusError, type Failure, type StorageTerms } from "../../../protocols/index.ts";
import { namesOfClass } from "./coding/index.ts";
import type { OwnedBlobs } from "../../ports/index.ts";

/** Why so many bytes more may not be taken; undefined: they may. */
export function quotaFault(
  { blobs }: Pick<OwnedBlobs, "blobs">,
  quotaBytes: number | undefined,
  bytes: number,
): Failure | undefined {
  const usedBytes = blobs.usedBytes();
  if (quotaBytes === undefined || usedBytes + bytes <= quotaBytes) return undefined;
  return failure("DISK_FULL", { limit: "shardQuota", quotaBytes, usedBytes });
}

/** The same blobs, of which none is taken beyond the quota as it is then: what is being taken counts as if it were
 *  there. What is there already takes no more. */
export function withinQuota(owned: OwnedBlobs, quotaBytes: () => number | undefined): OwnedBlobs {
  let comingBytes = 0;
  const { blobs } = owned;
  const counted = Object.assign(Object.create(blobs) as OwnedBlobs["blobs"], {
    usedBytes: () => blobs.usedBytes() + comingBytes,
  });
  const take: OwnedBlobs["take"] = async (pair, stream, bytesMax) => {
    if ((await blobs.has(pair[0])) !== undefined) return owned.take(pair, stream, bytesMax);
    const fault = quotaFault({ blobs: counted }, quotaBytes(), bytesMax);
    if (fault !== undefined) throw new PlexusError(fault);
    comingBytes += bytesMax;
    try {
      await owned.take(pair, stream, bytesMax);
    } finally {
      comingBytes -= bytesMax;
    }
  };
  return Object.assign(Object.create(owned) as OwnedBlobs, { blobs: counted, take });
}

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
