/** What the kernel, the journal and the gateway need from the world. `platform/` is the real set; the simulation brings
 *  its own, so one process can replay a node, its disk and its clock from a seed. */
import type {
  ActorId,
  ActWish,
  AdminTask,
  Alert,
  DrainBegun,
  Failure,
  HistoryQuery,
  HistoryView,
  LogPage,
  LogQuery,
  ModelInMemory,
  NodeHealed,
  NodeInference,
  NodeSilent,
  Offer,
  OrderWish,
  Profile,
  Result,
  Role,
  StorageTerms,
  SeenEntry,
  SlotId,
  SpanFacts,
  StripeHealth,
  StripeRef,
  Suggestions,
  TakeProfile,
  TraceContext,
  TracePage,
  TraceQuery,
  TraceView,
} from "../protocols/index.ts";
import type { Channel } from "../protocols/mesh/index.ts";

export interface Clock {
  /** Milliseconds since 1970. May jump; used for time stamps and due times. */
  nowMs(): number;
  /** Milliseconds that never go back. Used for deadlines and durations. */
  monotonicMs(): number;
  /** Calls back once, after at least `delayMs`. The returned function cancels it. */
  after(delayMs: number, callback: () => void): () => void;
  /** Calls back after the current turn of the event loop. Keeps order. */
  soon(callback: () => void): void;
}

export interface Random {
  /** In [0, 1). */
  number(): number;
  bytes(count: number): Uint8Array;
}

export type StoreOp =
  | { readonly type: "put"; readonly key: string; readonly value: Uint8Array }
  | { readonly type: "del"; readonly key: string };

export interface StoreRange {
  readonly gte: string;
  readonly lt: string;
  readonly limit?: number;
  readonly reverse?: boolean;
}

/** A store as it was at one moment; what is written later does not show. Holds resources until it is closed. */
export interface StoreView {
  get(key: string): Promise<Uint8Array | undefined>;
  range(range: StoreRange): Promise<readonly (readonly [key: string, value: Uint8Array])[]>;
  /** All of a range in order, in pages of about `bytes`, or of fewer where `now` says so before one is read: for who
   *  reads much. What cannot be read is told at the end at the latest, so what was given is not all before that.
   *  Absent: pages of `range` do the same. */
  scan?(range: Pick<StoreRange, "gte" | "lt">, bytes: number, now?: () => number): AsyncGenerator<StorePage, void>;
  close(): Promise<void>;
}

/** Rows of a store, in the order of their keys. */
export type StorePage = readonly (readonly [key: string, value: Uint8Array])[];

/** An ordered key-value store. A batch is atomic; with `sync` it is on disk when the promise resolves. When `batch`
 *  rejects, its outcome is unknown, and what is written after it is as durable as if it had never been. Keys are ASCII
 *  and compare by code unit. The bytes of a batch belong to the store until it settles. */
export interface Store {
  batch(ops: readonly StoreOp[], options: { readonly sync: boolean }): Promise<void>;
  get(key: string): Promise<Uint8Array | undefined>;
  /** The entries of a range, in key order. Callers page with `limit`; a page is held in memory. */
  range(range: StoreRange): Promise<readonly (readonly [key: string, value: Uint8Array])[]>;
  /** The keys of a range, without reading the values. */
  keys(range: StoreRange): Promise<readonly string[]>;
  /** Everything as it is now: every batch that has settled, and perhaps those that have not. */
  view(): StoreView;
  /** Where the bytes are, for error messages. */
  readonly location: string;
  /** What is left of the disk is needed to go on reading: nothing more may be begun that ends in a write. Absent: it
   *  never is. */
  isFull?(): boolean;
  /** Rewrites what lies on the disk, so that nothing is left there of values that were replaced. Takes its time, and
   *  room. */
  compact?(): Promise<void>;
  close(): Promise<void>;
}

/** A file that is being written, from its beginning on. */
export interface FileWriter {
  write(bytes: Uint8Array): Promise<void>;
  /** What was written is on the disk when it resolves. After a rejection nothing is known of any of it. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FileReader {
  readonly size: number;
  /** The bytes from `position` on, fewer at the end of the file; in `into` where that is given, which has room for
   *  them. */
  read(position: number, length: number, into?: Uint8Array): Promise<Uint8Array>;
  close(): Promise<void>;
}

/** Plain files below one folder; paths are relative to it, with `/`. What the system refuses rejects with its code
 *  (ENOSPC). */
export interface Files {
  readonly location: string;
  /** Makes a folder, which may be there. That it was made is on the disk once the folder above it is synced. */
  makeFolder(path: string): Promise<void>;
  /** Rejects when the file is there. */
  create(path: string): Promise<FileWriter>;
  /** Undefined: there is none. */
  open(path: string): Promise<FileReader | undefined>;
  /** In bytes; undefined: there is none. */
  size(path: string): Promise<number | undefined>;
  /** Replaces what is at `to`. At a power loss a name is the old or the new one, until its folder is synced. */
  rename(from: string, to: string): Promise<void>;
  /** A file that is not there is as good as removed. */
  remove(path: string): Promise<void>;
  /** The names in a folder, in order; none where the folder is not there. */
  names(folder: string): Promise<readonly string[]>;
  /** What was made, renamed or removed in a folder is so on the disk when it resolves. */
  sync(folder: string): Promise<void>;
  /** Whether so much more may be written without taking the room that the journal needs. */
  hasRoom(bytes: number): boolean;
  /** How much may be written so; undefined: the file system does not say. */
  freeBytes(): number | undefined;
}

/** The name of a blob: what it consists of, as 64 hexadecimal digits (`node/bulk/blobs/tree.ts`). */
export type BlobHash = string;

/** A part of a blob: from `start` on, before `end`. */
export interface BlobRange {
  readonly start: number;
  readonly end: number;
}

/** Shows that a blob has a leaf: the leaf's bytes and the hashes beside its way to the root. `isProven` in `node/bulk/blobs`
 *  judges it. */
export interface LeafProof {
  readonly leaf: number;
  readonly size: number;
  readonly bytes: Uint8Array;
  readonly path: readonly Uint8Array[];
}

/** A node's own disk of immutable bytes, each blob named by what it consists of. What `put` has resolved with is on the
 *  disk, and what a read gives is what was put, or it rejects. Errors of all: OVERLOADED (too many at a time); the
 *  system's. */
export interface BlobStore {
  /** Takes bytes until the stream ends, no faster than the disk. Errors: TOO_LARGE (more than `bytesMax`), BAD_REQUEST
   *  (not what `expected` names), DISK_FULL; what the stream throws. After an error nothing of it is left. */
  put(
    stream: AsyncIterable<Uint8Array>,
    options?: { readonly bytesMax?: number; readonly expected?: BlobHash },
  ): Promise<{ readonly hash: BlobHash; readonly size: number }>;
  /** Its size; undefined: it is not here. Says nothing of whether it can still be read: see `check`. */
  has(hash: BlobHash): Promise<number | undefined>;
  /** A blob or a part of it, read as it is asked for and compared leaf by leaf. With `reused` a piece is overwritten
   *  when the next is asked for: who copies it anyway spares the garbage collector all of them. Errors, also while it
   *  is read: NOT_FOUND, DATA_DAMAGED. */
  open(
    hash: BlobHash,
    range?: BlobRange,
    options?: { readonly reused?: boolean },
  ): Promise<{ readonly size: number; readonly bytes: AsyncIterable<Uint8Array> }>;
  /** Errors: NOT_FOUND (also of the leaf), DATA_DAMAGED. */
  prove(hash: BlobHash, leaf: number): Promise<LeafProof>;
  /** Reads all of it. False: it is damaged. Error: NOT_FOUND. */
  check(hash: BlobHash): Promise<boolean>;
  /** What all of them have together. */
  usedBytes(): number;
  /** One that is not there is as good as deleted. */
  delete(hash: BlobHash): Promise<void>;
  /** Names after `after`, in order, a page at a time: an empty page ends it. */
  list(after?: BlobHash): Promise<readonly { readonly hash: BlobHash; readonly size: number }[]>;
}

/** A blob, and an actor for which it is on this node's disk. */
export type Pair = readonly [hash: BlobHash, actor: ActorId];

/** That a blob is here for an actor. Another object with each `take` and `seen`. */
export interface Reference {
  /** When it was known last that the actor refers to the blob. */
  readonly atMs: number;
}

/** Blobs on this node's disk, and for which actors they are there. A blob without an actor is not known here. */
export interface OwnedBlobs {
  readonly blobs: BlobStore;
  /** How many pairs there are. */
  readonly size: number;
  pairs(): readonly Pair[];
  /** What is here for an actor. */
  of(actor: ActorId): readonly BlobHash[];
  actors(): readonly ActorId[];
  isFor(hash: BlobHash, actor: ActorId): boolean;
  has(hash: BlobHash): boolean;
  reference(pair: Pair): Reference | undefined;
  /** Stores a blob for an actor; when it resolves, it is on the disk. Errors: LIMIT_REACHED, and those of
   *  `BlobStore.put`. */
  take(pair: Pair, stream: AsyncIterable<Uint8Array>, bytesMax: number): Promise<void>;
  /** A blob that is here already is here for this actor, too. False: it is not here, or damaged. */
  adopt(pair: Pair): Promise<boolean>;
  /** The actor refers to it now, as is known, or will. False: it is not here for it. */
  seen(pair: Pair): Promise<boolean>;
  /** Forgets that a blob is here for an actor, unless it was put for it or seen since; the last one takes it along.
   *  False: it stays. */
  drop(pair: Pair, reference: Reference): Promise<boolean>;
}

/** Small blobs that belong to actors, kept at the nodes that hold the actors' slots. */
export interface ActorBlobs {
  /** Stores bytes for an actor and lets `commit` make that a fact; resolves with its answer when every node in sync
   *  with the actor's slot has them. May be repeated. Errors: TOO_LARGE, DISK_FULL, LIMIT_REACHED, SLOT_UNAVAILABLE (a
   *  node in sync cannot be reached), those of `commit`; after `commit` ASK_TIMEOUT: the fact stands, and not every
   *  node has the bytes yet. */
  put<T>(actor: ActorId, bytes: Uint8Array, commit: (hash: BlobHash) => Promise<Result<T>>): Promise<Result<T>>;
  /** The bytes that an actor refers to, from whichever node has them. Errors: NOT_FOUND (nobody who can be asked has
   *  them), OVERLOADED. */
  read(actor: ActorId, hash: BlobHash): Promise<Result<Uint8Array>>;
}

/** Bulk that outlives nodes: each stripe is kept by many holders, of which some suffice
 *  (docs/decisions/0044-shards.md). What is put is kept as it is: the caller has encrypted it. */
export interface Stripes {
  /** Codes and stores; resolves when k + ⌈m/2⌉ holders have their shards synced and in their inventories; the rest
   *  follows. A caller that puts it for good says for how long at first, so that a crash leaves nothing for ever, and
   *  calls `keep` when its own fact is committed. Errors: HOLDERS_TOO_FEW, TOO_LARGE, OVERLOADED, and what most holders
   *  said: DISK_FULL, LIMIT_REACHED, RATE_LIMITED. */
  put(
    bytes: Uint8Array,
    how: { readonly class: string; readonly owner: ActorId; readonly lifeMs?: number },
  ): Promise<Result<StripeRef>>;
  /** Any k shards give it; asks for more when some are slow. Errors: STRIPE_LOST (names the shards), SLOT_UNAVAILABLE
   *  (holders that may have enough do not answer), OVERLOADED. */
  read(ref: StripeRef): Promise<Result<Uint8Array>>;
  /** The shards that suffice, each compared with its hash. `without`: the number of one that is not asked for. */
  gather(ref: StripeRef, without?: number): Promise<Result<ReadonlyMap<number, Uint8Array>>>;
  /** One more owner refers to it, or one for longer: for `lifeMs` from when a holder hears of it, by that holder's
   *  clock, or without an end. Resolves when as many have heard of it as `put` waits for; the others hear later.
   *  Errors: HOLDERS_TOO_FEW, and what most holders said. */
  keep(ref: StripeRef, owner: ActorId, lifeMs?: number): Promise<Result<null>>;
  /** Resolves when all holders have answered of which a `keep` that was begun before this did not wait, or are to be
   *  told as those are that were away. */
  told(): Promise<void>;
  /** One owner refers to it no longer: collected after the grace when nobody does. May be repeated, and must be after
   *  an error. */
  release(ref: StripeRef, owner: ActorId): Promise<Result<null>>;
  /** How it stands. `deep`: each shard is read whole where it is. */
  inspect(ref: StripeRef, deep?: boolean): Promise<Result<StripeHealth>>;
  /** The ids of those that enough holders say they have, a few questions for all; of the others nothing is known. No
   *  shard is read. */
  standing(refs: readonly StripeRef[]): Promise<ReadonlySet<string>>;
  /** What an owner refers to without an end, each stripe once; holders that do not answer are left out. */
  referred(owner: ActorId): AsyncIterable<StripeRef>;
}

/** Shards as admins see them. */
export interface ShardControl {
  readonly stripes: Pick<Stripes, "put" | "read" | "release" | "inspect">;
  /** Tells every node with the role `storage` to make good at once what it lacks. One that does not answer is there
   *  with the reason. */
  heal(): Promise<readonly NodeHealed[]>;
  /** Whether storage nodes could take a stripe of this class now. Errors: HOLDERS_TOO_FEW, DISK_FULL. */
  canPlace(what: string): Result<null>;
}

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

/** Structured log: an event name and facts. Never secrets, never message texts. */
export interface Log {
  debug(event: string, facts?: Readonly<Record<string, unknown>>): void;
  info(event: string, facts?: Readonly<Record<string, unknown>>): void;
  warn(event: string, facts?: Readonly<Record<string, unknown>>): void;
  error(event: string, facts?: Readonly<Record<string, unknown>>): void;
}

/** One step of a trace that is under way. */
export interface Span {
  /** What goes on under it. */
  readonly context: TraceContext;
  /** `error`: the code with which it ended. Called once. */
  end(error?: string, facts?: SpanFacts): void;
}

/** Traces: the way of one request through the nodes. Facts are names, counts and codes, never what somebody wrote. A
 *  request that is not traced has no context, and code without a context asks for no span: so tracing that is off costs
 *  nothing but that look. */
export interface Tracer {
  /** A request comes in, perhaps with a trace of its own (W3C `traceparent`). Undefined: it is not traced. */
  enter(name: string, traceparent: string | undefined, facts: SpanFacts): Span | undefined;
  /** A step below another one, which may have been at another node. `sinceMs`: when it began by the monotonic clock, if
   *  that is not now. */
  under(parent: TraceContext, name: string, facts: SpanFacts, sinceMs?: number): Span | undefined;
}

/** Counts and durations, named as in docs/operate/metrics.md. */
export interface Meter {
  count(name: string, by?: number, labels?: Readonly<Record<string, string>>): void;
  gauge(name: string, value: number, labels?: Readonly<Record<string, string>>): void;
  observeMs(name: string, valueMs: number, labels?: Readonly<Record<string, string>>): void;
}

/** What is written to people by mail. */
export type MailWish =
  | {
      readonly what: "reset";
      readonly to: string;
      readonly user: string;
      readonly secret: string;
      readonly lifeMs: number;
    }
  | {
      readonly what: "confirm";
      readonly to: string;
      readonly user: string;
      readonly secret: string;
      readonly lifeMs: number;
    }
  | { readonly what: "signUp"; readonly to: string; readonly proof: string; readonly lifeMs: number }
  | { readonly what: "known"; readonly to: string; readonly user: string }
  | { readonly what: "changed"; readonly to: string; readonly user: string }
  | { readonly what: "passwordSet"; readonly to: string; readonly user: string }
  | {
      readonly what: "deletion";
      readonly to: string;
      readonly user: string;
      readonly atMs: number;
      readonly byAdmin: boolean;
    }
  | {
      readonly what: "alert";
      readonly to: string;
      readonly alert: Alert;
      /** Entries of the audit that it came of. */
      readonly seen: readonly SeenEntry[];
      readonly playbook: string;
    }
  | { readonly what: "test"; readonly to: string };

/** Hears what people do. */
export interface ActivityPort {
  /** Somebody did something here. */
  active(person: string): void;
  /** Somebody posted a message. */
  posted(person: string): void;
}

/** Sends mail. */
export interface Outbound {
  /** Puts a letter into the queue. Nobody waits for its end, which the log and the metrics say. Errors: MAIL_OFF (links
   *  have no address), OVERLOADED. */
  post(wish: MailWish): Result<unknown>;
  /** Sends one now, once, past the queue. Errors: MAIL_OFF, MAIL_REFUSED, MAIL_AWAY, MAIL_UNKNOWN. */
  send(wish: MailWish): Promise<Result<unknown>>;
  waiting(): number;
  /** Sends no more; what waits is dropped, and told. */
  stop(): void;
}

export type { Channel };

/** Profiles of nodes, as admins take and read them. */
export interface ProfileControl {
  /** Errors: NOT_FOUND, LIMIT_REACHED; of the way to the node: UNREACHABLE, PEER_LOST. */
  take(wanted: TakeProfile, by: string): Promise<Result<{ readonly id: string }>>;
  /** Error: NOT_FOUND, also of one that is being taken. */
  read(id: string): Promise<Result<Profile>>;
}

/** What the nodes are busy with. */
export interface TaskControl {
  /** `silent`: nodes that did not answer. */
  list(): Promise<{ readonly tasks: readonly AdminTask[]; readonly silent: readonly NodeSilent[] }>;
  /** Errors: NOT_FOUND, FORBIDDEN; of the way to the node: UNREACHABLE, PEER_LOST. */
  cancel(id: string): Promise<Result<unknown>>;
  /** Shows work that takes long in the list of tasks, until it is over. */
  follow?<Value>(act: ActWish, work: Promise<Result<Value>>): Promise<Result<Value>>;
}

/** The models in the memory of all nodes, for admins. */
export interface InferenceControl {
  /** Every node that has models in memory, or `node` alone; one that does not answer is there with the reason. Error:
   *  NOT_FOUND. */
  view(node?: string): Promise<Result<readonly NodeInference[]>>;
  /** Errors: NOT_FOUND (no such node), MODEL_NOT_FOUND, MODEL_BUSY, MODEL_UNAVAILABLE (the node does not have the role
   *  ai), FORBIDDEN (it is pinned), STOPPING, and those of the way to another node. */
  order(wish: OrderWish): Promise<Result<ModelInMemory>>;
  /** Which models fit a node's machine. Error: NOT_FOUND, and those of the way to it. */
  suggest(wish: { readonly node?: string; readonly measure: boolean }): Promise<Result<Suggestions>>;
}

/** What all nodes remember of themselves, for admins. Nodes that do not answer are named in the answer. */
export interface ObserveControl {
  /** Lines of the logs. Errors: NOT_FOUND (no such node), OVERLOADED (too many wait for lines). */
  logs(query: LogQuery): Promise<Result<LogPage>>;
  /** The newest traces that began at the nodes. Error: NOT_FOUND (no such node). */
  traces(query: TraceQuery): Promise<Result<TracePage>>;
  /** The steps of one trace at all nodes. Error: NOT_FOUND. */
  trace(id: string): Promise<Result<TraceView>>;
  /** Figures over an hour or a day. Errors: NOT_FOUND, BAD_REQUEST (no such series). */
  history(query: HistoryQuery): Promise<Result<HistoryView>>;
}
