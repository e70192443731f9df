/** The shards of this node: their bytes in a folder of their own, beside the holders that it owns; and stripes over all
 *  nodes. */
import { schemesFrom } from "../../../protocols/index.ts";
import type { Pacing } from "../../backup/index.ts";
import { parseSizeBytes, type Config } from "../../../config/index.ts";
import { openBlobStore, openOwnedBlobs } from "../../bulk/blobs/index.ts";
import { shardFolder } from "../../data-folder/index.ts";
import type { NodeLoad } from "../../cluster/membership/index.ts";
import { openFiles } from "../../platform/index.ts";
import type { Files, Meter, NodeId } from "../../ports/index.ts";
import {
  allowedBytes,
  createShards,
  openShardMemory,
  roomAt,
  shardLimits,
  type Shards,
  type Signer,
} from "../../bulk/shards/index.ts";
import { namesOfClass } from "../../bulk/shards/coding/index.ts";
import type { Identity } from "../identity.ts";
import type { Machine } from "../machine.ts";
import type { Peer } from "../peer.ts";

/** Opens the folder. Errors: the system's, DATA_DAMAGED. */
export async function openShards(
  config: Config,
  {
    machine,
    identity,
    peer,
    changed,
    pacing,
  }: {
    readonly machine: Machine;
    readonly identity: Identity;
    readonly peer: Peer;
    /** For the durable audit. */
    readonly changed: (action: string, facts: Readonly<Record<string, string>>) => void;
    /** What other nodes bring makes room for people as backups do. */
    readonly pacing: Pick<Pacing, "guest" | "counted" | "syncedBytes">;
  },
): Promise<{ readonly shards: Shards; readonly files: Files; readonly load: () => Partial<NodeLoad> }> {
  const { clock, random, log, meter } = machine;
  const { node, store } = identity;
  const { exchange, table, membership, kernel, groups } = peer;
  const files = await openFiles(shardFolder(config.data));
  const blobs = await openBlobStore({ files, meter: ofShards(meter), syncedBytes: pacing.syncedBytes });
  const given = config.shardQuota === undefined ? undefined : parseSizeBytes(config.shardQuota);
  const termsOf = (other: NodeId) => membership.members().members.find((one) => one.node === other)?.storage;
  const quotaNow = (): number | undefined => allowedBytes(given, termsOf(node));
  const roomBytes = (): number | undefined => {
    const quotaBytes = quotaNow() ?? Infinity;
    const left = Math.min(Math.max(0, quotaBytes - blobs.usedBytes()), files.freeBytes() ?? Infinity);
    return left === Infinity ? undefined : left;
  };
  const load = (): Partial<NodeLoad> => {
    const [room, quotaBytes] = [roomBytes(), quotaNow()];
    return {
      shardBytes: blobs.usedBytes(),
      ...(room !== undefined && { shardRoomBytes: room }),
      ...(quotaBytes !== undefined && { shardQuotaBytes: quotaBytes }),
    };
  };
  const owned = await openOwnedBlobs({ blobs, store, clock, prefix: "shard/", limits: shardLimits });
  const shards = createShards({
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
    memory: await openShardMemory(store, shardLimits, log),
    signer: signerOf(config, node, peer),
    quotaBytes: quotaNow,
    freeBytesOf: (other) =>
      other === node ? roomBytes() : roomAt(membership.heard(other)?.load ?? {}, termsOf(other)),
    noted: changed,
    guest: pacing.guest,
    counted: pacing.counted,
    trustOf: (other) => peer.trust.of(other),
    schemesOf(name) {
      const text = namesOfClass(name)
        .flatMap((one) => config.shardSchemes[one] ?? [])
        .at(0);
      return text === undefined ? undefined : schemesFrom(text);
    },
  });
  return { shards, files, load };
}

/** The keys of nodes, by which their receipts are known. What they need is loaded when the first shard comes. */
function signerOf(config: Config, node: NodeId, { membership }: Peer): Signer {
  const mesh = () => import("../../cluster/mesh/index.ts");
  let own: ReturnType<Awaited<ReturnType<typeof mesh>>["openNodeKey"]> | undefined;
  const key = async () => (own ??= (await mesh()).openNodeKey(config.data));
  return {
    sign: async (bytes) => (await mesh()).signWith(await key(), bytes),
    async isSigned(by, bytes, signature) {
      const member = by === node ? await key() : membership.members().members.find((one) => one.node === by);
      return member !== undefined && (await mesh()).isSignedBy(member.peer, bytes, signature);
    },
  };
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
