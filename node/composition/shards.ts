/** The shards of this node: their bytes in a folder of their own, beside the holders that it owns; and stripes over all nodes. */
import { schemesFrom } from "../../protocols/index.ts";
import type { Config } from "../../config/index.ts";
import { openBlobStore, openOwnedBlobs } from "../blobs/index.ts";
import { shardFolder } from "../data-folder/index.ts";
import { openFiles } from "../platform/index.ts";
import type { Meter } from "../ports.ts";
import { createShards, shardLimits, type Shards } from "../shards/index.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import type { Peer } from "./peer.ts";

/** Opens the folder. Errors: the system's, DATA_DAMAGED. */
export async function openShards(
  config: Config,
  { machine, identity, peer }: { readonly machine: Machine; readonly identity: Identity; readonly peer: Peer },
): Promise<Shards> {
  const { clock, random, log, meter } = machine;
  const { node, store } = identity;
  const { exchange, table, membership, kernel, groups } = peer;
  const blobs = await openBlobStore({ files: await openFiles(shardFolder(config.data)), meter: ofShards(meter) });
  const owned = await openOwnedBlobs({ blobs, store, clock, prefix: "shard/", limits: shardLimits });
  return createShards({
    node,
    exchange,
    table,
    membership,
    owned,
    clock,
    random,
    log,
    meter,
    kernel,
    groups: () => groups.current(),
    schemesOf(name) {
      const text = config.shardSchemes[name] ?? config.shardSchemes["default"];
      return text === undefined ? undefined : schemesFrom(text);
    },
  });
}

/** The same figures as of other blobs, under names of their own. */
const ofShards = (meter: Meter): Meter => ({
  ...meter,
  count(name, by, labels) {
    if (name === "blobs_damaged") meter.count("shards_damaged", by, labels);
    else meter.count(name, by, labels);
  },
  gauge(name, value, labels) {
    if (name === "blobs") meter.gauge("shards", value, labels);
    else if (name === "blob_bytes") meter.gauge("shard_bytes", value, labels);
    else meter.gauge(name, value, labels);
  },
});
