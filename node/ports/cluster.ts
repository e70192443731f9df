/** The cluster as a part sees it: what the directory remembers, the messages between nodes, who is a member, and the
 *  events of actors. */
import type { DrainBegun, Failure, Offer, Role, StorageTerms, SlotId } from "../../protocols/index.ts";
import type { Channel } from "../../protocols/mesh/index.ts";

/** The id of a node: made with its data folder, never used again. Its name is what people call it. */
export type NodeId = string;

/** The owner of a slot, as the directory remembers it.
 *
 *  `epoch` and `owner` change together: by the controller when the owner is gone, by the owner when it hands the slot
 *  over or has restarted. `inSync` and `learners` are changed by the owner alone, `want` by the controller alone: it
 *  says where the slot should be, and the owner works towards it. */
export interface SlotRecord {
  readonly slot: SlotId;
  readonly epoch: number;
  readonly owner: NodeId;
  /** Holds everything acknowledged. Contains the owner. */
  readonly inSync: readonly NodeId[];
  readonly learners: readonly NodeId[];
  /** The epoch in which an operator gave up what was in the slot, because the last node that held it was evicted: its
   *  owner of that epoch begins with nothing. */
  readonly abandoned?: number;
  readonly want?: { readonly owner: NodeId; readonly replicas: readonly NodeId[] };
  /** Where an operator put it: there it stays as long as that node may own it. Written by the node that carries out the
   *  move. */
  readonly held?: NodeId;
  /** Of a shard-holder: the node that should own it, and has its bytes or gets them. It stays when others own the slot
   *  for a moment. */
  readonly home?: NodeId;
  /** Set for the slot of a pinned actor, which is named like the actor: the slot it was split from. */
  readonly splitFrom?: SlotId;
}

/** A node that was admitted. The list of these is the wall around the mesh. */
export interface MemberRecord {
  readonly node: NodeId;
  /** What people call it; unique in the cluster. */
  readonly name: string;
  /** The libp2p peer id that proves who it is. */
  readonly peer: string;
  /** Multiaddrs where it listens. */
  readonly addresses: readonly string[];
  readonly roles: readonly Role[];
  /** The roles it was last started with; `roles` differ when an admin changed them since. */
  readonly rolesConfigured?: readonly Role[];
  /** Those of its own configuration, and those of its invitation that the configuration does not name. */
  readonly labels: Readonly<Record<string, string>>;
  /** The labels it was last started with. */
  readonly labelsConfigured?: Readonly<Record<string, string>>;
  /** What its engines offer; none without the role `ai`. Absent: it has not said so since it started, or its version
   *  cannot. */
  readonly offers?: readonly Offer[];
  /** The models that serve now, by name. Nobody decides by it: it is for people, and for versions before `offers`. */
  readonly models: readonly string[];
  /** A model that serves runs on a graphics card. For versions before `offers`. */
  readonly gpu: boolean;
  /** Its share compared to others; 1 is usual. */
  readonly weight: number;
  readonly version: string;
  /** Where its page and API are, for people. */
  readonly url: string;
  /** Rises with each start of its process. */
  readonly incarnation: number;
  /** `draining`: gets nothing new and gives away what it has. */
  readonly state: "active" | "draining";
  /** The admin who had it drained, and when. */
  readonly drain?: DrainBegun;
  /** It is being taken out of the cluster: it may not leave others out of its slots' sets any more. */
  readonly leaving?: true;
  /** What the cluster allows of it where it keeps shards, by its invitation. It does not change that itself. */
  readonly storage?: StorageTerms;
  /** It can prove for whom it sends, and ask others to; see node/routing/identity.ts. Absent: its version cannot. */
  readonly vouches?: true;
  /** It reads files of rooms from stripes. Absent: its version cannot. */
  readonly readsStripes?: true;
  /** It deletes the texts of files with their messages. Absent: its version cannot. */
  readonly deletesTexts?: true;
}

/** A row of the directory: any plain data under a key, with a revision that rises with each change. Keys in use:
 *  `slot/<slot>` SlotRecord, `member/<node>` MemberRecord, `invitation/<id>`, `route/<name>` ModelRoute, `cluster`,
 *  `policy` and `models` (those that the cluster wants). */
export interface DirectoryRow<Value = unknown> {
  readonly key: string;
  readonly value: Value;
  readonly revision: number;
}

export interface DirectoryWatcher {
  /** All rows under the prefix. First after `watch`, and again after every gap: what is not in it is gone. */
  reset(rows: readonly DirectoryRow[]): void;
  changed(row: DirectoryRow): void;
  removed(key: string, revision: number): void;
  /** The view may be old from now on; a `reset` follows when it is current again. */
  stale(): void;
}

/** The cluster's memory of who belongs to it and who owns what. Correctness rests on compare-and-set alone, never on a
 *  clock or a lease. Error of every operation: DIRECTORY_UNAVAILABLE; for a compare-and-set its outcome is then
 *  unknown, unless the details say `asked: false`. */
export interface Directory {
  read(key: string): Promise<DirectoryRow | undefined>;
  /** Writes `value` (undefined: deletes) if the stored revision is still `revision` (0: absent) and, with `guard`, that
   *  row's revision is too. Resolves with the row as it is now: `applied` says whether it is this one. */
  compareAndSet(
    key: string,
    value: unknown,
    revision: number,
    guard?: { readonly key: string; readonly revision: number },
  ): Promise<{ readonly applied: boolean; readonly row: DirectoryRow | undefined }>;
  /** Every row whose key starts with `prefix`, as they were at one moment. */
  list(prefix: string): Promise<readonly DirectoryRow[]>;
  /** Tells of every change under `prefix`, in the order of revisions, from a `reset` on. The returned function ends
   *  it. */
  watch(prefix: string, watcher: DirectoryWatcher): () => void;
}

/** Messages between nodes. At most once each; in order within one channel of one pair for as long as the pair stays
 *  connected; channels overtake one another. When a connection ends, what was under way may have arrived or not. */
export interface Transport {
  readonly node: NodeId;
  /** Queues plain data for a peer. False, and nothing is sent: there is no connection, or its queue is full. What takes
   *  more than `wireLimits.peerMessageBytesMax`, encoded, may never be sent: a sender that keeps unsent messages, to
   *  send them again, measures them before. */
  send(to: NodeId, channel: Channel, message: unknown): boolean;
  /** Lets what is queued for a peer leave now, and not at the end of this turn of the event loop: for a sender
   *  that has batched its messages itself. */
  flush(to: NodeId, channel: Channel): void;
  /** The peers that can be sent to now. */
  peers(): readonly NodeId[];
  /** One listener, set before anything is received. */
  listen(listener: TransportListener): void;
  /** Ends the connection with a peer that breaks the rules. It may connect again. */
  disconnect(peer: NodeId, reason: Failure): void;
}

export interface TransportListener {
  received(from: NodeId, channel: Channel, message: unknown): void;
  connected(peer: NodeId): void;
  disconnected(peer: NodeId): void;
}

/** Why a process ceases to be its node: it is no member any more; another process runs as it, on a copy of its data. */
export type MembershipEnd = "evicted" | "duplicate";

/** The members, as this node sees them. An opinion: nothing that must never be wrong rests on it. */
export interface Membership {
  readonly self: NodeId;
  /** Every admitted node, oneself included. `view` rises with each change of the list. */
  members(): { readonly view: number; readonly members: readonly MemberRecord[] };
  /** Whether a member is thought to be up: connected and heard of. Oneself always is. */
  isUp(node: NodeId): boolean;
  /** Whether a member is up and has not said that its process stops: only such a one is given anything. */
  isStaying(node: NodeId): boolean;
  /** Whether a member's disk is far slower than those of the others: it should own nothing, and nobody should wait for
   *  its copies. */
  isSlow(node: NodeId): boolean;
  /** Calls back after any change of the list, of who is up, of who stops or of whose disk is slow. */
  onChange(listener: () => void): () => void;
}

/** Where an actor's published events go. Durable events of one topic arrive in the order of `at`. `epoch`: that of the
 *  actor's slot. */
export interface Publisher {
  publish(topic: string, event: unknown, at: number | undefined, epoch: number): void;
}

/** Takes one event of a followed topic. `at` is absent for best-effort events. Must not throw or wait. */
export type EventFollower = (event: unknown, at: number | undefined) => void;

/** Where actors publish and the gateway listens, wherever in the cluster either is. */
export interface Hub extends Publisher {
  /** Hears every event of `topic` from now on, until the returned function is called. `onGap` is called when events may
   *  have been missed: the topic moved to another node, or a connection between nodes broke. */
  follow(topic: string, follower: EventFollower, onGap?: () => void): () => void;
}

export type { Channel };
