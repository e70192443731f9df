/** A node takes part in its cluster: its peer joins, and what the cluster remembers of it is brought up to date. */
import type { Config } from "../../config/index.ts";
import { failureOf, PlexusError } from "../../protocols/index.ts";
import { withMembers, type DirectoryPlace } from "../data-folder/home.ts";
import type { Mesh } from "../cluster/mesh/index.ts";
import type { MemberRecord } from "../ports/index.ts";
import { followFirstAdmin, registerNode, type FirstAdmin } from "../accounts/cluster-memory.ts";
import { noteEviction, type Ending } from "../cluster/membership/ending.ts";
import type { Identity } from "./identity.ts";
import type { Machine } from "./machine.ts";
import type { Peer } from "./peer.ts";
import type { Stops } from "../stops.ts";

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
