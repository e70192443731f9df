import type { NodeShards } from "../admin/cluster.ts";

/** By how much a node's shards take more than they may; undefined: they do not, or nobody knows. */
export function beyondQuota({ usedBytes = 0, quotaBytes, allowed }: NodeShards): number | undefined {
  const most = Math.min(quotaBytes ?? Infinity, allowed?.quotaBytes ?? Infinity);
  return usedBytes > most ? usedBytes - most : undefined;
}
