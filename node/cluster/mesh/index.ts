/** The mesh: the Transport port on libp2p.
 *
 *      transport ─► pairs ─► link ─► lane (control) ─┐ one connection
 *                     │        ├───► lane (message) ─┘
 *                     │        └───► lane (bulk) ────── another: streams of one connection delay each other
 *                     └─ gate: the member list is the wall ─► places: strangers that wait keep nobody out
 *
 *  A node is known by its key: noise proves it, the member list says which node it is. A node that is not on the list
 *  is turned away before a byte of ours is spoken, except that it may redeem an invitation (`join.ts`), and that an
 *  evicted node is told so.
 *
 *  What is sent in one turn of the event loop leaves together. Each lane has a bounded queue in the sender and a window
 *  of credit from the receiver, so a peer that stops reading fills its own queue and nothing else; after a while its
 *  connection ends. So does that of a peer that breaks the rules: a frame that is none, a stream too many, a message
 *  before the handshake. Nothing else is touched, and it may come again, later each time.
 *
 *  Read `handshake.ts` (who belongs together), `pairs.ts` (who dials, which link stands), `link.ts`, `lane.ts`, then
 *  `invitation.ts` and `join.ts`. `swarm.ts` has the settings of libp2p and the traps they answer. */
import { peerIdFromString } from "@libp2p/peer-id";
import { multiaddr } from "@multiformats/multiaddr";
import { failure, PlexusError, slotCount, type Failure } from "../../../protocols/index.ts";
import type { Clock, Log, MemberRecord, MembershipEnd, Meter, NodeId, Random, Transport } from "../../ports/index.ts";
import { createGate } from "./gate.ts";
import { meshVersion } from "./handshake.ts";
import { meshLimits, type MeshLimits } from "./limits.ts";
import { joinProtocol, serveJoin } from "./join.ts";
import type { Admission } from "./invitation.ts";
import type { NodeKey } from "./node-key.ts";
import { addressKey } from "./places.ts";
import { channelProtocols, Pairs, type PairStatus } from "./pairs.ts";
import { createSwarm, listenAddress, startSwarm } from "./swarm.ts";

export { createAdmission, createInvitation, readToken, type Admission, type JoiningNode } from "./invitation.ts";
export { joinCluster, type Joined } from "./join.ts";
export { meshLimits, type MeshLimits } from "./limits.ts";
export { isSignedBy, openNodeKey, publicKeyOf, signWith, type NodeKey } from "./node-key.ts";

export interface MeshOptions {
  readonly node: NodeId;
  readonly cluster: string;
  /** The version of the product, `major.minor.patch`. */
  readonly version: string;
  readonly incarnation: number;
  readonly key: NodeKey;
  readonly listen: { readonly host: string; readonly port: number };
  /** Multiaddrs to be known by, where they differ from those it listens at. */
  readonly announce?: readonly string[];
  /** The member list as it is now. Whether oneself is in it does not matter. */
  members(): readonly MemberRecord[];
  onMembersChange(listener: () => void): () => void;
  /** Multiaddrs with peer ids, from the configuration. */
  readonly peers: readonly string[];
  /** Where a member was reached in earlier runs. */
  reachedAt?(peer: string): readonly string[];
  /** A member was reached at an address. */
  reached?(peer: string, address: string): void;
  /** Whether to look for members on the local network. */
  readonly mdns: boolean;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Whether a peer that is no member was evicted: when it comes, it is told so. */
  wasEvicted?(peer: string): boolean;
  /** A member says that this process is not its node any more. Any member can say that; whether it knows is for the
   *  listener to judge. */
  expelled?(by: NodeId, why: MembershipEnd, generation?: number): void;
  /** The generation in which the directory was recovered without a peer; undefined: it was evicted otherwise. */
  recoveredWithout?(peer: string): number | undefined;
  /** Lets newcomers with an invitation in; without it nobody joins through this node. Stops with
   *  the mesh. */
  readonly admission?: Admission;
  /** Plain data with which newcomers find the directory. */
  directoryInfo?(): unknown;
  readonly limits?: MeshLimits;
  /** Slots per role, where it is not this version's. */
  readonly slotCount?: number;
}

export interface Mesh {
  /** Peers are dialled and let in from its `listen` on. */
  readonly transport: Transport;
  /** The libp2p peer id, which the member record of this node has to name. */
  readonly peer: string;
  /** Multiaddrs where it listens: likewise. */
  addresses(): readonly string[];
  status(): readonly PairStatus[];
  /** Members that are there and speak a version which this node does not, with the refusal in this node's words. */
  refusals(): ReadonlyMap<NodeId, Failure>;
  /** A member may listen at these addresses as well, by the word of another. */
  located(node: NodeId, addresses: readonly string[]): void;
  /** Says goodbye and closes every connection, within the deadline. */
  stop(deadlineMs: number): Promise<void>;
}

/** Starts listening. Errors: CONFIG_INVALID (host, port, version, an address). */
export async function startMesh(options: MeshOptions): Promise<Mesh> {
  const { clock, log, meter, random, limits = meshLimits } = options;
  const version = meshVersion(options.version);
  if (!version.ok) throw new PlexusError(version.error);
  const known = staticAddresses(options.peers);
  const found = new Map<string, readonly string[]>();

  const memberPeers = new Set<string>();
  /** Where members are said to be, see `addressKey`. */
  let memberHosts: ReadonlySet<string> = new Set();
  const noteHosts = (): void => {
    const said = options.members().flatMap(({ peer, addresses }) => [...addresses, ...addressesOf(peer)]);
    memberHosts = new Set(said.flatMap((address) => addressKey(address) ?? []));
  };
  const addressesOf = (peer: string): readonly string[] => [
    ...(known.get(peer) ?? []),
    ...(found.get(peer) ?? []),
    ...(options.reachedAt?.(peer) ?? []),
  ];
  const wasEvicted = (peer: string): boolean => !memberPeers.has(peer) && options.wasEvicted?.(peer) === true;
  const gate = createGate({
    clock,
    meter,
    limits,
    isMember: (peer) => memberPeers.has(peer),
    wasEvicted,
    admits: () => options.admission?.open() ?? false,
    isMembersAddress: (address) => memberHosts.has(address),
  });
  const swarm = await createSwarm({
    key: options.key.privateKey,
    listen: [listenAddress(options.listen.host, options.listen.port)],
    ...(options.announce === undefined ? {} : { announce: options.announce }),
    gater: gate.gater,
    ...(options.mdns ? { found: (peer: string, addresses: readonly string[]) => discovered(peer, addresses) } : {}),
    limits,
  });
  const self = {
    version: version.value,
    cluster: options.cluster,
    node: options.node,
    incarnation: options.incarnation,
    slotCount: options.slotCount ?? slotCount,
  };
  const pairs = new Pairs({
    self,
    peer: options.key.peer,
    swarm,
    gate,
    clock,
    random,
    log,
    meter,
    limits,
    addressesOf,
    reached: (peer, address) => options.reached?.(peer, address),
    wasEvicted,
    expelled: (by, why, generation) => options.expelled?.(by, why, generation),
    recoveredWithout: (peer) => options.recoveredWithout?.(peer),
  });

  // Anyone can announce anything on a local network; only members are worth remembering.
  const discovered = (peer: string, addresses: readonly string[]): void => {
    if (!pairs.isMember(peer)) return;
    found.set(peer, addresses.slice(0, limits.addressesMax));
    noteHosts();
    pairs.discovered(peer);
  };
  swarm.addEventListener("connection:open", ({ detail }) => gate.opened(detail));
  swarm.addEventListener("connection:close", ({ detail }) => gate.closed(detail));
  // Two, so that one too many is seen and answered for, instead of being reset in silence.
  const streams = { maxInboundStreams: 2, maxOutboundStreams: 1 };
  await swarm.handle(channelProtocols.control, (stream, on) => pairs.acceptControl(stream, on), streams);
  for (const channel of ["message", "bulk"] as const)
    await swarm.handle(channelProtocols[channel], (stream, on) => pairs.acceptLane(channel, stream, on), streams);
  const { admission } = options;
  if (admission !== undefined) {
    const host = { self, admission, directoryInfo: () => options.directoryInfo?.() ?? null };
    await swarm.handle(joinProtocol, (stream, on) => serveJoin(host, stream, on, { gate, clock, log, meter, limits }), {
      maxInboundStreams: 1,
    });
  }

  const follow = (): void => {
    const members = options.members();
    memberPeers.clear();
    for (const { peer } of members) memberPeers.add(peer);
    pairs.setMembers(members);
    for (const peer of found.keys()) if (!pairs.isMember(peer)) found.delete(peer);
    noteHosts();
  };
  const unfollow = options.onMembersChange(follow);
  follow();
  try {
    await startSwarm(swarm);
  } catch (error) {
    unfollow();
    gate.stop();
    throw error;
  }

  const transport: Transport = {
    node: options.node,
    send: (to, channel, message) => pairs.send(to, channel, message),
    flush: (to, channel) => pairs.flush(to, channel),
    peers: () => pairs.connected(),
    listen: (listener) => pairs.listen(listener),
    disconnect: (peer, reason) => pairs.disconnect(peer, reason),
  };
  return {
    transport,
    peer: options.key.peer,
    addresses: () => swarm.getMultiaddrs().map((address) => address.toString().split("/p2p/")[0] ?? ""),
    status: () => pairs.status(),
    refusals: () => pairs.refusals(),
    located(other, addresses) {
      const peer = options.members().find((one) => one.node === other)?.peer;
      // Addresses that are known already are tried already, in their time.
      if (peer !== undefined && found.get(peer)?.join() !== addresses.join()) discovered(peer, addresses);
    },
    async stop(deadlineMs) {
      unfollow();
      admission?.stop();
      const late = Promise.withResolvers<void>();
      const cancel = clock.after(deadlineMs, late.resolve);
      await Promise.race([pairs.stop().then(() => swarm.stop()), late.promise]);
      cancel();
      gate.stop();
    },
  };
}

/** The configured addresses by the peer that is to answer there. Error: CONFIG_INVALID. */
function staticAddresses(addresses: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const byPeer = new Map<string, string[]>();
  for (const address of addresses) {
    const refuse = (reason: string): PlexusError =>
      new PlexusError(failure("CONFIG_INVALID", { field: "mesh.peers", address, reason }));
    const peer = /\/p2p\/([^/]+)$/.exec(address)?.[1];
    if (peer === undefined) throw refuse("must end in /p2p/ and the peer id");
    try {
      multiaddr(address);
    } catch (error) {
      throw refuse((error as Error).message);
    }
    try {
      peerIdFromString(peer);
    } catch {
      throw refuse(`${peer} is not a peer id; \`plexus status\` of that node shows its own under Mesh`);
    }
    byPeer.set(peer, [...(byPeer.get(peer) ?? []), address]);
  }
  return byPeer;
}
