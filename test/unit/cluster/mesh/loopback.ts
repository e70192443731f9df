/** Real meshes on loopback in one process, and what a test wants to know of them. */
import { generateKeyPair } from "@libp2p/crypto/keys";
import { peerIdFromPrivateKey } from "@libp2p/peer-id";
import { createRandom } from "../../../../node/platform/index.ts";
import {
  meshLimits,
  startMesh,
  type Mesh,
  type MeshLimits,
  type MeshOptions,
  type NodeKey,
} from "../../../../node/cluster/mesh/index.ts";
import type { Channel, MemberRecord, Meter, NodeId } from "../../../../node/ports/index.ts";
import { createWorld, msPerTurn } from "../../../fixtures/flowing.ts";
import { memberRecord } from "../../../fixtures/members.ts";
import { keptLog, type KeptLog } from "../../../conformance/real-time.ts";
import { within } from "../../../waits.ts";

const world = createWorld();
let flowing = 0;
let stopTime = (): Promise<void> => Promise.resolve();

/** Its time passes while there are meshes. That of libp2p is the machine's. */
export const clock = world.clock();
export const random = createRandom();

/** Things that happen, and tests that wait for them. */
export class Happenings {
  #waiting: { holds: () => boolean; resolve: () => void }[] = [];

  /** Something happened. */
  tell(): void {
    const met = this.#waiting.filter((one) => one.holds());
    if (met.length === 0) return;
    this.#waiting = this.#waiting.filter((one) => !met.includes(one));
    for (const one of met) one.resolve();
  }

  until(holds: () => boolean, phase: string): Promise<void> {
    if (holds()) return Promise.resolve();
    const met = Promise.withResolvers<void>();
    this.#waiting.push({ holds, resolve: met.resolve });
    return within(met.promise, phase);
  }
}

export async function newKey(): Promise<NodeKey> {
  const privateKey = await generateKeyPair("Ed25519");
  return { privateKey, peer: peerIdFromPrivateKey(privateKey).toString() };
}

/** The member list that all nodes of a test share. */
export class Roster {
  members: readonly MemberRecord[] = [];
  readonly #listeners = new Set<() => void>();

  onChange(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  put(member: MemberRecord): void {
    this.members = [...this.members.filter(({ node }) => node !== member.node), member];
    for (const listener of this.#listeners) listener();
  }

  remove(node: NodeId): void {
    this.members = this.members.filter((member) => member.node !== node);
    for (const listener of this.#listeners) listener();
  }
}

export interface Received {
  readonly from: NodeId;
  readonly channel: Channel;
  readonly message: unknown;
}

export interface MeshNode {
  readonly mesh: Mesh;
  readonly node: NodeId;
  readonly key: NodeKey;
  readonly log: KeptLog;
  readonly received: Received[];
  /** `+b` for a connection with b, `-b` for its end. */
  readonly events: string[];
  readonly counts: ReadonlyMap<string, number>;
  until(holds: () => boolean, phase: string): Promise<void>;
  isConnected(to: NodeId): boolean;
}

export const memberOf = (node: NodeId, peer: string, addresses: readonly string[], incarnation = 1): MemberRecord =>
  memberRecord(node, { name: node, peer, addresses, incarnation });

/** Counts by name; tells of each. */
function countingMeter(happened: Happenings): { readonly meter: Meter; readonly counts: Map<string, number> } {
  const counts = new Map<string, number>();
  const meter: Meter = {
    count(name, by = 1) {
      counts.set(name, (counts.get(name) ?? 0) + by);
      happened.tell();
    },
    gauge: () => undefined,
    observeMs: () => undefined,
  };
  return { meter, counts };
}

/** Meshes of one test; `stop` ends them all. */
export class Loopback {
  readonly roster = new Roster();
  readonly #started: Mesh[] = [];
  #flows = false;

  /** Starts a mesh, which listens, and puts it on the member list. */
  async start(
    node: NodeId,
    options: Partial<MeshOptions> & { readonly quiet?: boolean; readonly listed?: boolean } = {},
  ): Promise<MeshNode> {
    if (!this.#flows) {
      this.#flows = true;
      flowing += 1;
      if (flowing === 1) stopTime = world.flow(msPerTurn);
    }
    const happened = new Happenings();
    const { meter, counts } = countingMeter(happened);
    const key = options.key ?? (await newKey());
    const log = keptLog();
    const mesh = await startMesh({
      node,
      cluster: "cluster-one",
      version: "1.4.0",
      incarnation: 1,
      listen: { host: "127.0.0.1", port: 0 },
      members: () => this.roster.members,
      onMembersChange: (listener) => this.roster.onChange(listener),
      peers: [],
      mdns: false,
      clock,
      random,
      log,
      meter,
      ...options,
      key,
    });
    this.#started.push(mesh);
    const received: Received[] = [];
    const events: string[] = [];
    if (options.quiet !== true) {
      mesh.transport.listen({
        received(from, channel, message) {
          received.push({ from, channel, message });
          happened.tell();
        },
        connected(peer) {
          events.push(`+${peer}`);
          happened.tell();
        },
        disconnected(peer) {
          events.push(`-${peer}`);
          happened.tell();
        },
      });
    }
    if (options.listed !== false) this.roster.put(memberOf(node, key.peer, mesh.addresses(), options.incarnation ?? 1));
    return {
      mesh,
      node,
      key,
      log,
      received,
      events,
      counts,
      until: (holds, phase) => happened.until(holds, `${node}: ${phase}`),
      isConnected: (to) => mesh.transport.peers().includes(to),
    };
  }

  async stop(): Promise<void> {
    await Promise.all(this.#started.map((mesh) => mesh.stop(2_000)));
    if (!this.#flows) return;
    this.#flows = false;
    flowing -= 1;
    if (flowing === 0) await stopTime();
  }
}

/** Both ends say they are connected. */
export async function meet(one: MeshNode, other: MeshNode): Promise<void> {
  await Promise.all([
    one.until(() => one.isConnected(other.node), `connected to ${other.node}`),
    other.until(() => other.isConnected(one.node), `connected to ${one.node}`),
  ]);
}

export const withLimits = (limits: Partial<MeshLimits>): MeshLimits => ({ ...meshLimits, ...limits });
