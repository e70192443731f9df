/** Large bytes at this node: shards, pictures and files of rooms, and what looks at them. */
import { parseControl, parseSizeBytes, type Config } from "../../config/index.ts";
import { schemesFrom, type SealedFile } from "../../protocols/index.ts";
import { enginesOf, type Engines } from "../../runtimes/index.ts";
import type { Opener } from "../../runtimes/opened/index.ts";
import type { Pacing } from "../backup/index.ts";
import { createAttachments, type Attachments } from "../bulk/attachments/index.ts";
import { openBlobStore, openOwnedBlobs, type BlobCopies } from "../bulk/blobs/index.ts";
import { namesOfClass } from "../bulk/shards/coding/index.ts";
import {
  allowedBytes,
  createShards,
  isHolder,
  openShardMemory,
  roomAt,
  shardLimits,
  type Shards,
} from "../bulk/shards/index.ts";
import { ownsSlot, slotsOwned } from "../cluster/facts/slot-owner.ts";
import type { NodeLoad } from "../cluster/membership/index.ts";
import { shardFolder } from "../data-folder/index.ts";
import { bytesOfFile, newFileKey, sealPart } from "../gateway/index.ts";
import type { ModelStorage } from "../inference/local/index.ts";
import { ownersOfModels } from "../inference/models/index.ts";
import { openFiles, readGuarded, type GuardedRead } from "../platform/index.ts";
import type { ActorBlobs, Files, Meter, NodeId } from "../ports/index.ts";
import { createPreviews, previewLimits, type PreviewPorts } from "../previews/index.ts";
import { createClamd, createListedFiles, createScanner, type FileSettings } from "../scanning/index.ts";
import type { Stops } from "../stops.ts";
import type { Threats } from "../threats/index.ts";
import type { Identity } from "./identity.ts";
import { shardSigner } from "./keys.ts";
import type { Machine } from "./machine.ts";
import type { Peer, PeerOptions } from "./peer.ts";
import { memberIn } from "../cluster/facts/members.ts";

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
  const termsOf = (other: NodeId) => memberIn(membership, other)?.storage;
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
    signer: shardSigner(config.data, node, peer),
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
  readonly peer: Pick<Peer, "kernel" | "table" | "membership" | "directory" | "policy">;
  readonly copies: BlobCopies;
  readonly shards: Pick<Shards, "losses" | "stripes" | "canPlace">;
  readonly pacing: Pick<Pacing, "put" | "syncedBytes">;
  readonly stops: Stops;
}): Pick<Attachments, "blobs"> & { readonly forModels: ModelStorage } {
  const { node, copies, pacing } = at;
  const { clock, log, meter } = at.machine;
  const { kernel, table, membership, policy } = at.peer;
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
      // Copies that are missing for a while count, or until the cluster has grown: a stripe stays as it was coded, and
      // no file is to be less safe then than its message.
      return Math.max(inSync.length, want?.replicas.length ?? 0, policy.current().replicas);
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

/** The engines of this node: those of its models, and its scanner; what the cluster wants of files, and those that
 *  lists name, once those are opened. */
export function withScanner(
  live: () => Pick<Config, "antivirus" | "files">,
  models: Parameters<typeof enginesOf>[0],
  at: {
    readonly machine: Machine;
    readonly stops: Stops;
    readonly blobs: Promise<ActorBlobs>;
  },
): {
  readonly engines: Engines;
  readonly files: () => FileSettings;
  readonly listed: ReturnType<typeof createListedFiles>;
} {
  const { antivirus } = live();
  const files = (): FileSettings => live().files;
  const { clock, log, meter } = at.machine;
  const place = antivirus === undefined ? undefined : parseControl(antivirus);
  async function* read(file: SealedFile): AsyncGenerator<Uint8Array> {
    yield* bytesOfFile(await at.blobs, file);
  }
  const ports = { read, clock, log, meter };
  const listed = createListedFiles(ports);
  if (place === undefined) return { engines: enginesOf(models), files, listed };
  const scan = createScanner({ ...ports, clamd: createClamd(place, clock) });
  at.stops.add((deadlineMs) => scan.stop(deadlineMs));
  return { engines: { ...enginesOf(models), scan }, files, listed };
}

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
