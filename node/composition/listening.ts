/** Listening for the other nodes: the mesh, started for a peer. */
import type { Config } from "../../config/index.ts";
import { failureOf } from "../../protocols/index.ts";
import { withReached, type DirectoryPlace } from "../data-folder/home.ts";
import type { Mesh, MeshOptions } from "../cluster/mesh/index.ts";
import { audit } from "../accounts/cluster-memory.ts";
import type { Ending } from "../cluster/membership/ending.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import { patientMesh } from "./patience.ts";
import type { Peer } from "./peer.ts";

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
          audit(peer.kernel, entry, `join-${invitation}`);
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
