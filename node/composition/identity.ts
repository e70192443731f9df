/** Which node a process is: its data folder, opened, with the journal in it and what it remembers of its cluster. */
import type { Config } from "../../config/index.ts";
import { failure, roles, PlexusError } from "../../protocols/index.ts";
import {
  diskKeyFile,
  isUntouched,
  journalFolder,
  keyGone,
  markFile,
  notNew,
  openDataFolder,
} from "../data-folder/index.ts";
import {
  asPlace,
  etcdPrefix,
  homeRow,
  keepHome,
  readHome,
  type DirectoryPlace,
  type Home,
  type HomeKeeper,
} from "../data-folder/home.ts";
import type { OwnRecord } from "../cluster/membership/index.ts";
import { openSealedStore, readDiskKey, type SealedStore } from "../keys/index.ts";
import { openLevelStore } from "../platform/index.ts";
import { nodeIdOf } from "../cluster/mesh/node-id.ts";
import type { Clock, Log, NodeId, Store } from "../ports/index.ts";
import { openJournal, readFormat, type Journal, type JournalPorts } from "../storage/index.ts";
import type { Machine } from "./machine.ts";
import { patientMesh } from "./patience.ts";
import type { Stops } from "../stops.ts";

export interface Identity {
  readonly node: NodeId;
  readonly cluster: string;
  readonly store: SealedStore;
  readonly journal: Journal;
  readonly home: HomeKeeper;
  /** Where the directory is, as far as the folder and the configuration know. */
  readonly place: DirectoryPlace;
  /** The member row it would have by its configuration, and by what it knows of its last one. */
  readonly own: OwnRecord;
  /** That last one. */
  readonly known: Home["members"][number] | undefined;
  /** It has not been a member before this start. */
  readonly isNew: boolean;
  /** It may make the directory, and its own row in it. */
  readonly founder: boolean;
}

/** Opens the folder, or makes it; redeems the invitation of the configuration first. Errors: see `startNode`. */
export async function openIdentity(
  config: Config,
  at: {
    readonly machine: Machine;
    readonly stops: Stops;
    readonly trustsData: boolean;
    /** Looked at before anything is made, and before an invitation is redeemed. Where a node was, once the folder is
     *  this process's: a second start of the same node is told of the folder, not of the port. */
    readonly checked: () => Promise<void>;
    /** Hears what each change of a slot took. */
    readonly heard: NonNullable<JournalPorts["heard"]>;
  },
): Promise<Identity> {
  const { clock, random, log, meter, version } = at.machine;
  const isUntouchedYet = await isUntouched(config.data);
  if (isUntouchedYet) await checkFirst(config, at);
  const { folder, store } = await openStore(config, at);
  if (!isUntouchedYet) await at.checked();

  const fresh = { cluster: randomHex(random.bytes(8)), node: randomHex(random.bytes(8)) };
  const joined = await joinIfAsked(config, { store, clock, log, version });
  const earlier = joined?.home ?? (await readHome(store));
  if (config.directory.kind === "etcd") {
    if (earlier?.directory.kind === "embedded") throw otherDirectory();
    // It may have been there, and a node that is started again as before must come up.
    if (earlier?.directory.kind === "replicated")
      log.warn("directory.etcd.unused", { generation: earlier.directory.generation });
  }
  // A folder that knew who it is and not of which cluster would found one.
  const beside = joined === undefined ? [] : [homeRow(joined.home)];
  const journal = await openJournal({
    store,
    clock,
    log,
    meter,
    identity: joined?.identity ?? fresh,
    beside,
    heard: at.heard,
  });
  await folder.begun();

  const { node, cluster } = journal.format;
  const before: Home = earlier ?? firstHome(journal.format, config);
  if (!folder.hasKey && joined === undefined && before.members.length > 1) throw keyGone(config.data);
  // What this start learns counts.
  const { selfEvicted: _, ...kept } = before;
  const home = keepHome({ ...kept, starts: before.starts + 1 }, { store, log });
  await home.keep({});

  const isFirst = joined === undefined && before.members.length === 0;
  const place = placeOf(before, config);
  // A folder that has slots is of a cluster already: that begins nowhere again.
  const begins = isFirst && (await journal.slots()).length === 0;
  const known = before.members.find((member) => member.node === node);
  return {
    node,
    cluster,
    store,
    journal,
    home,
    place,
    own: ownRecord(config, { node, version, known }),
    known,
    isNew: before.members.length === 0 || joined !== undefined,
    founder: place.kind === "embedded" ? place.host === node : begins,
  };
}

/** What is cheap and certain, before anything is made. Errors: INVITATION_INVALID, CONFIG_INVALID, the system's. */
async function checkFirst(config: Config, { checked }: { readonly checked: () => Promise<void> }): Promise<void> {
  await checkInvitation(config);
  await checked();
}

/** The data folder, and the store in it. */
async function openStore(
  config: Config,
  { machine, stops, trustsData }: { readonly machine: Machine; readonly stops: Stops; readonly trustsData: boolean },
) {
  const folder = await openDataFolder(config.data, machine.log);
  const raw = await openLevelStore(journalFolder(config.data), {
    mark: markFile(config.data),
    mustExist: !folder.isNew,
    trusted: trustsData,
  });
  stops.add(() => raw.close());
  const store = await openSealedStore(raw, () => readDiskKey(config.diskKey ?? diskKeyFile(config.data)));
  if (!folder.isNew && (await readFormat(store)) === undefined) throw notNew(config.data);
  return { folder, store };
}

/** etcd may have moved to other machines since the last start; what the cluster has there is under the same prefix. An
 *  address is remembered when that was seen there: a wrong one would be in the way of every start after this one. */
const placeOf = ({ directory }: Home, config: Config): DirectoryPlace =>
  directory.kind === "etcd" && config.directory.kind === "etcd"
    ? { ...directory, endpoints: config.directory.endpoints }
    : directory;

const ownRecord = (
  config: Config,
  { node, version, known }: { readonly node: NodeId; readonly version: string; readonly known: Identity["known"] },
): OwnRecord => ({
  node,
  // The cluster may have made it unique.
  name: known?.name.replace(/-\d+$/, "") === config.name ? known.name : config.name,
  peer: known?.peer ?? "",
  addresses: known?.addresses ?? [],
  roles: config.roles.length === roles.length ? (known?.roles ?? config.roles) : config.roles,
  labels: config.labels,
  models: [],
  gpu: false,
  weight: config.weight,
  version,
  url: known?.url ?? "",
  vouches: true,
  readsStripes: true,
  deletesTexts: true,
});

const firstHome = (format: { readonly cluster: string; readonly node: string }, config: Config): Home => ({
  cluster: format.cluster,
  directory:
    config.directory.kind === "etcd"
      ? { kind: "etcd", endpoints: config.directory.endpoints, prefix: etcdPrefix(format.cluster) }
      : { kind: "embedded", host: format.node },
  members: [],
  starts: 0,
});

/** etcd is configured, and the cluster keeps its directory in a node. */
const otherDirectory = (): PlexusError =>
  new PlexusError(
    failure("CONFIG_INVALID", {
      field: "directory",
      reason: "the cluster of this data folder keeps its directory in one of its nodes, not in etcd",
      hint: "Start without --etcd. To move the directory while the cluster runs: plexus directory migrate --etcd …",
    }),
  );

const randomHex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");

// --- by an invitation, once ------------------------------------------------------------------------------------------

/** Whether the invitation in the configuration can be one. Error: INVITATION_INVALID. */
async function checkInvitation({ join }: Pick<Config, "join">): Promise<void> {
  if (join === undefined) return;
  const { readToken } = await import("../cluster/mesh/index.ts");
  const token = readToken(join);
  if (!token.ok) throw new PlexusError(token.error);
}

/** Redeems the invitation in the configuration, unless this folder is a member already: the same command starts a node
 *  for the first time and ever after. Errors: INVITATION_INVALID, CONFIG_INVALID (a folder of another cluster). */
async function joinIfAsked(
  config: Config,
  at: { readonly store: Store; readonly clock: Clock; readonly log: Log; readonly version: string },
): Promise<
  { readonly identity: { readonly cluster: string; readonly node: string }; readonly home: Home } | undefined
> {
  if (config.join === undefined) return undefined;
  const { store, clock, log, version } = at;
  const { joinCluster, meshLimits, openNodeKey, readToken } = await import("../cluster/mesh/index.ts");
  const token = readToken(config.join);
  if (!token.ok) throw new PlexusError(token.error);
  const home = await readHome(store);
  if (home?.cluster === token.value.cluster) return undefined;
  if (home !== undefined || (await readFormat(store)) !== undefined)
    throw new PlexusError(
      failure("CONFIG_INVALID", {
        field: "join",
        reason: "this data folder belongs to another cluster; start with an empty one (--data)",
      }),
    );
  const key = await openNodeKey(config.data);
  const node = nodeIdOf(key);
  const joined = await joinCluster({
    token: config.join,
    key,
    node: {
      node,
      name: config.name,
      addresses: [],
      // All roles is what holds when nobody says otherwise: then the invitation says which.
      ...(config.roles.length < roles.length && { roles: config.roles }),
      labels: config.labels,
      models: [],
      gpu: false,
      weight: config.weight,
      version,
      url: "",
      incarnation: 0,
    },
    clock,
    limits: patientMesh(meshLimits, config.limits.patience),
    again: ({ code, details }, leftMs) => log.info("node.join.waits", { code, ...details, leftMs: Math.round(leftMs) }),
  });
  if (!joined.ok) throw new PlexusError(joined.error);
  const { cluster, members, directory } = joined.value;
  const place = asPlace(directory);
  if (place === undefined)
    throw new PlexusError(failure("BAD_FRAME", { reason: "the cluster did not say where its directory is" }));
  log.info("node.joined", { cluster, node, name: joined.value.member.name, members: members.length });
  return { identity: { cluster, node }, home: { cluster, directory: place, members, starts: 0 } };
}
