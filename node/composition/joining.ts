/** A node takes part in its cluster: it looks whether it can listen where it is to, listens for the other nodes, its
 *  peer joins, and what the cluster remembers of it is brought up to date. */
import { hostAddress, parseControl, type Config } from "../../config/index.ts";
import { failure, failureOf, PlexusError } from "../../protocols/index.ts";
import { followFirstAdmin, registerNode, type FirstAdmin } from "../accounts/index.ts";
import { tellCluster } from "../audit/index.ts";
import { noteEviction, type Ending } from "../cluster/membership/index.ts";
import type { Mesh, MeshOptions } from "../cluster/mesh/index.ts";
import { withMembers, withReached, type DirectoryPlace } from "../data-folder/home.ts";
import { refusalToListen } from "../platform/index.ts";
import type { MemberRecord } from "../ports/index.ts";
import type { Stops } from "../stops.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import { patientMesh } from "./patience.ts";
import type { Peer } from "./peer.ts";

// --- places of its configuration -------------------------------------------------------------------------------------

/** A place of the configuration at which a node listens. */
interface Place {
  readonly of: "web" | "mesh" | "metrics" | "grpc" | "control";
  readonly host: string;
  readonly port: number;
}

/** All places of one node, in the order in which they are tried. A socket of the file system is none of them. */
export function placesToListen(config: Config): readonly Place[] {
  const { host, port, mesh, metricsListen, grpc, control } = config;
  const at = control === undefined ? undefined : parseControl(control);
  const places: readonly (Place | undefined)[] = [
    { of: "web", host, port },
    { of: "mesh", host: mesh.host, port: mesh.port },
    metricsListen === undefined ? undefined : { of: "metrics", ...placeIn(metricsListen) },
    grpc === undefined ? undefined : { of: "grpc", ...placeIn(grpc) },
    at === undefined || "path" in at ? undefined : { of: "control", host: at.host, port: at.port },
  ];
  return places.flatMap((place) => (place === undefined ? [] : [{ ...place, host: hostAddress(place.host) }]));
}

/** Reads `10.0.0.5:9464`, or a port alone, which lets in nobody from elsewhere. */
export function placeIn(text: string): { readonly host: string; readonly port: number } {
  const at = text.lastIndexOf(":");
  if (at < 0) return { host: "127.0.0.1", port: Number(text) };
  return { host: hostAddress(text.slice(0, at).replace(/^\[|\]$/g, "")), port: Number(text.slice(at + 1)) };
}

/** Tries all places, before anything depends on them: before an invitation is redeemed, and before a model is loaded.
 *  What is free now may be taken a moment later; then the listener itself says so. Errors: CONFIG_INVALID (of the
 *  mesh), what the system says of the others. */
export async function checkPlaces(config: Config, tryPlace: typeof refusalToListen = refusalToListen): Promise<void> {
  for (const place of placesToListen(config)) {
    const { host, port } = place;
    const problem = await tryPlace({ host, port });
    if (problem !== undefined) throw place.of === "mesh" ? meshRefusal(place, problem) : problem;
  }
}

function meshRefusal({ host, port }: Place, problem: NodeJS.ErrnoException): PlexusError {
  const { code = "", message: because } = problem;
  const [field, message] =
    code === "EADDRINUSE"
      ? ["mesh.port", `Port ${port} is in use by another process; choose one for other nodes with --mesh-port.`]
      : code === "EADDRNOTAVAIL"
        ? [
            "mesh.host",
            `This machine has no address ${host}; name one of its own with --mesh-host, or 0.0.0.0 for all of ` +
              "them. Give an address that only others can see with --announce.",
          ]
        : [
            "mesh.port",
            `The node cannot listen for other nodes at ${host}:${port} (${code}); choose another port with ` +
              "--mesh-port.",
          ];
  const value = field === "mesh.host" ? host : port;
  return new PlexusError({ ...failure("CONFIG_INVALID", { field, value, because }), message }, problem);
}

// --- the mesh --------------------------------------------------------------------------------------------------------

/** Starts the mesh of a peer. The mesh is loaded late: it is a large part of the program, and a node alone answers
 *  sooner without it. Errors: CONFIG_INVALID, DATA_DAMAGED (the key). */
export async function listenForNodes(
  config: Config,
  at: {
    readonly machine: Machine;
    readonly identity: Identity;
    readonly peer: Peer;
    readonly ending: Ending;
    directory(): DirectoryPlace;
    /** For the audit of this node: another one has joined through it. */
    joined(facts: Readonly<Record<string, string>>): void;
  },
): Promise<Mesh> {
  const { createAdmission, meshLimits, openNodeKey, startMesh } = await import("../cluster/mesh/index.ts");
  const { machine, identity, peer, ending } = at;
  const { clock, random, log, meter, version, descriptors } = machine;
  const { node, cluster, home } = identity;
  // A list from before this start may lack members that have joined since.
  let listed = false;
  void peer.membership.ready().then(() => (listed = true));
  const admission = createAdmission({ directory: peer.directory, clock });
  const options: Omit<MeshOptions, "listen"> = {
    node,
    cluster,
    version,
    incarnation: home.now.starts,
    key: await openNodeKey(config.data),
    limits: {
      ...patientMesh(meshLimits, config.limits.patience),
      connectionsMax: Math.min(meshLimits.connectionsMax, descriptors.mesh),
      // The other half is for those who have proven who they are.
      pendingConnectionsMax: Math.min(meshLimits.pendingConnectionsMax, Math.floor(descriptors.mesh / 2)),
    },
    ...(config.mesh.announce.length > 0 && { announce: config.mesh.announce }),
    members: () => peer.membership.members().members,
    onMembersChange: (listener) => peer.membership.onChange(listener),
    peers: config.mesh.peers,
    reachedAt: (other) => home.now.reached?.[other] ?? [],
    reached(other, address) {
      const change = withReached(home.now, other, address);
      if (change !== undefined) home.remember(change);
    },
    mdns: config.mesh.mdns,
    clock,
    random,
    log,
    meter,
    admission: {
      ...admission,
      async redeem(invitation, secret, key, facts) {
        const redeemed = await admission.redeem(invitation, secret, key, facts);
        // Refusals are in the log only: strangers must not push out of the audit what members did.
        if (redeemed.ok) {
          const { node: joined, name, roles } = redeemed.value.member;
          const entry = { action: "join", by: name, facts: { node: joined, name, invitation, roles: roles.join(",") } };
          // A newcomer that lost its answer comes again.
          tellCluster(peer.kernel, entry, `join-${invitation}`);
          at.joined(entry.facts);
        }
        return redeemed;
      },
    },
    directoryInfo: () => at.directory(),
    wasEvicted: (other) => listed && home.now.evicted?.includes(other) === true,
    recoveredWithout(other) {
      const { recovered } = home.now;
      return recovered?.without.includes(other) === true ? recovered.generation : undefined;
    },
    expelled(by, why, generation) {
      // Only a node that keeps the directory knows. Any other may be wrong, or lie.
      const place = at.directory();
      const keepers = place.kind === "embedded" ? [place.host] : place.kind === "replicated" ? place.voters : [];
      if (keepers.includes(by)) ending.begin(why, generation);
    },
  };
  const listenAt = (port: number): Promise<Mesh> => startMesh({ ...options, listen: { host: config.mesh.host, port } });
  // A node that is to choose a port takes the one of the last start: there the others look for it, and when all were
  // down nobody could tell them another.
  const port = config.mesh.port === 0 ? home.now.meshPort : config.mesh.port;
  const mesh = await listenAt(port ?? 0).catch((error: unknown) => {
    if (config.mesh.port !== 0 || port === undefined || !isPortRefused(error)) throw error;
    log.warn("mesh.port.taken", { port });
    return listenAt(0);
  });
  log.info("mesh.listening", { peer: mesh.peer, addresses: mesh.addresses() });
  // Where addresses are announced, the node is to be known by those.
  const chosen = config.mesh.announce.length === 0 ? portOf(mesh) : undefined;
  if (chosen !== undefined && chosen !== home.now.meshPort) home.remember({ meshPort: chosen });
  return mesh;
}

const isPortRefused = (error: unknown): boolean => failureOf(error).details?.["field"] === "mesh.port";

/** The port on which a mesh listens. */
const portOf = (mesh: Mesh): number | undefined => {
  const [, port] = /\/tcp\/(\d+)$/.exec(mesh.addresses()[0] ?? "") ?? [];
  return port === undefined ? undefined : Number(port);
};

// --- its part --------------------------------------------------------------------------------------------------------

/** A directory that answers does so in milliseconds; a person who waits longer wants to know for what. */
const directoryNoticeMs = 3_000;

interface Parts {
  readonly machine: Machine;
  readonly identity: Identity;
  readonly peer: Peer;
}

/** Keeps what the folder remembers of the cluster as the directory has it. */
export function rememberCluster({ identity, peer }: Parts, directory: () => DirectoryPlace): void {
  const { home } = identity;
  // What a third says of others before the directory has told the list is not kept.
  let isTold = false;
  peer.membership.onChange(() => {
    if (!isTold) return;
    const { members } = peer.membership.members();
    if (members.length > 0 && JSON.stringify(members) !== JSON.stringify(home.now.members))
      home.remember(withMembers(home.now, members));
  });
  void peer.membership.ready().then(() => {
    isTold = true;
    if (JSON.stringify(directory()) !== JSON.stringify(home.now.directory)) home.remember({ directory: directory() });
  });
}

/** Joins, and serves from then on. Errors: NOT_A_PEER, DATA_DAMAGED, DATA_FOLDER_IN_USE, STOPPING. */
export async function join(
  { machine, identity, peer }: Parts,
  at: {
    readonly ending: Ending;
    /** Absent: it is alone, and listens later. */
    readonly mesh: Mesh | undefined;
    readonly stopAsked: Promise<unknown> | undefined;
    /** See `NodePlatform.waiting`. */
    waiting(where: string, because: string | undefined): void;
  },
): Promise<MemberRecord> {
  const { node, place, own, founder, home } = identity;
  const { clock, log } = machine;
  const { mesh, stopAsked, ending } = at;
  const nameOf = (id: string): string => home.now.members.find((one) => one.node === id)?.name ?? id;
  const where = whereIs(place, nameOf);
  const cancelNotice = clock.after(directoryNoticeMs, () => {
    if (place.kind === "embedded" && place.host === node) return;
    const { because } = peer.directoryAway();
    log.warn("directory.awaited", { where, ...(because !== undefined && { because }) });
    at.waiting(where, because);
  });
  const record = { ...own, ...(mesh && { peer: mesh.peer, addresses: mesh.addresses() }) };
  const starting = peer.start(record, { found: founder, ...(stopAsked && { stopAsked }) });
  const member = await Promise.race([starting, ending.ended]).finally(cancelNotice);
  if (member.ok) return member.value;
  if (member.error.code === "NOT_A_PEER") await noteEviction(home, log);
  throw new PlexusError(member.error);
}

/** In words, for people who wait for it. */
function whereIs(place: DirectoryPlace, nameOf: (node: string) => string): string {
  if (place.kind === "etcd") return `etcd at ${place.endpoints.join(", ")}`;
  if (place.kind === "embedded") return `node ${nameOf(place.host)}`;
  const { voters } = place;
  const names = voters.map(nameOf).join(", ");
  return voters.length === 1 ? `node ${names}` : `${Math.floor(voters.length / 2) + 1} of the nodes ${names}`;
}

/** Tells the cluster's memory that this node has started, and follows whether there is an admin. Resolves at once in a
 *  cluster of many, whose memory may be away for now. */
export async function register(
  { machine, identity, peer }: Parts,
  at: {
    readonly config: Config;
    readonly member: MemberRecord;
    readonly adminCodeHash: string | undefined;
    /** Its own memory must know of it: there is no other node that could be away. */
    readonly alone: boolean;
    readonly stops: Stops;
  },
): Promise<FirstAdmin> {
  const { clock, log } = machine;
  const { config, member, adminCodeHash, stops } = at;
  const { home } = identity;
  const registering = registerNode({ kernel: peer.kernel, clock }, { row: member, config, adminCodeHash });
  stops.add(() => registering.stop());
  const unregistered = (error: unknown): void => log.warn("node.register.failed", { failure: failureOf(error) });
  if (at.alone)
    await registering.attempted.catch((error: unknown) => {
      // What is stored is there to be read; it is told when there is room.
      if (failureOf(error).code !== "DISK_FULL") throw error;
      unregistered(error);
    });
  else registering.attempted.catch(unregistered);
  const firstAdmin = followFirstAdmin({
    kernel: peer.kernel,
    clock,
    known: home.now.hasAdmin === true,
    keep: () => home.remember({ hasAdmin: true }),
  });
  stops.add(() => firstAdmin.stop());
  return firstAdmin;
}
