/** One peer of the cluster on its ports: everything of a node but its network card, its web server and its models.
 *  `index.ts` runs it on the real ports, the simulation on simulated ones.
 *
 *      transport ─► exchange ─► directory ─► slot table, membership ─► replication ─► kernel ⇄ routing
 *                                                        └─► controller, control
 *
 *  Started in this order, stopped in reverse. A single node is a cluster of one: the same slots, epochs, fences and
 *  journal, with itself as the only replica and the embedded directory. */
import type { AnyBehavior } from "../../actors/behavior.ts";
import {
  failure,
  failureOf,
  ok,
  refused,
  type DirectoryAway,
  type Failure,
  type InvitationIssued,
  type Preference,
  type Result,
  type Role,
  type SlotId,
  type ActorId,
  type HolderSums,
} from "../../protocols/index.ts";
import type { Engines } from "../../runtimes/engine.ts";
import { createExchange, type Exchange } from "../cluster/exchange/index.ts";
import type { DirectoryPlace } from "../data-folder/home.ts";
import {
  createSizeLook,
  directoryLimits,
  openDirectory,
  type DirectoryLimits,
  type EtcdLink,
  type Lead,
  type RowRules,
} from "../cluster/directory/index.ts";
import { nodeIdOf } from "../cluster/mesh/node-id.ts";
import type { Changed } from "../audit/index.ts";
import { createKernel, OpenAsks, type ClusterActors, type Kernel, type KernelLimits } from "../kernel/index.ts";
import {
  createMembership,
  type ByWord,
  membershipLimits,
  type MembershipLimits,
  type MembershipPart,
  type NodeLoad,
  type OwnRecord,
} from "../cluster/membership/index.ts";
import {
  awaitedKeepers,
  createClusterControl,
  createController,
  servePlacement,
  type ClusterControl,
  type Controller,
  type PlacementLimits,
} from "../cluster/placement/index.ts";
import type {
  Clock,
  Directory,
  Hub,
  Log,
  MemberRecord,
  MembershipEnd,
  Meter,
  NodeId,
  Random,
  Store,
  Tracer,
  Transport,
} from "../ports/index.ts";
import { watchReach, type ReachWatch } from "../cluster/facts/reach.ts";
import type { Policy } from "../cluster/facts/records.ts";
import {
  AgeCheck,
  createReplication,
  type DataAge,
  type Replication,
  type ReplicationLimits,
} from "../replication/index.ts";
import {
  createClusterActors,
  createRouting,
  type IdentitySigner,
  type RoutingLimits,
  type RoutingPart,
} from "../routing/index.ts";
import type { RouteLimits } from "../inference/routes/index.ts";
import type { PublishedTap } from "../previews/index.ts";
import { createSearch, type Index, type Search } from "../search/index.ts";
import { watchSlots, type SlotTable } from "../cluster/facts/slot-table.ts";
import { advertise, type CallLimits, type Calls, type ReadAttachment } from "../inference/calls/index.ts";
import type { ModelCalls } from "../inference/index.ts";
import type { Quality, QualityFile } from "../inference/quality/index.ts";
import type { Activity, Usage, UsageLimits } from "../inference/usage/index.ts";
import type { FileSettings, ListedFiles } from "../scanning/index.ts";
import type { Journal } from "../storage/index.ts";
import { within } from "../waiting.ts";
import type { PushCalls } from "../telling/index.ts";
import { createModelPart, type RoomFiles } from "./models.ts";
import { watchFacts, type ClusterFacts } from "../cluster/facts/all.ts";
import { ownsSlot } from "../cluster/facts/slot-owner.ts";
import { memberIn } from "../cluster/facts/members.ts";

export interface PeerOptions {
  readonly node: NodeId;
  readonly cluster: string;
  readonly store: Store;
  readonly journal: Journal;
  readonly transport: Transport;
  /** Where the directory is; a directory itself where it is neither of the two (simulation). */
  readonly directory: DirectoryPlace | Directory;
  /** It may begin the directory in etcd: it is the first node of a new cluster. */
  readonly founding?: boolean;
  /** What reaches etcd, where nothing else is said by gRPC. */
  readonly etcd?: EtcdLink;
  readonly behaviors: readonly AnyBehavior[];
  /** This node's own. */
  readonly engines: Engines;
  /** The bytes of what agents show to models, or let them hear. Without it there are none. */
  readonly attachment?: ReadAttachment;
  /** How files of rooms are read for models. Absent: they are shown none. */
  readonly roomFiles?: RoomFiles;
  /** What becomes of files that nobody can scan. Absent: they are let through. */
  readonly files?: () => FileSettings;
  /** Files that lists of threats name. Absent: none is. */
  readonly listed?: ListedFiles;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Absent: nothing is traced. */
  readonly tracer?: Tracer;
  readonly policy: Policy;
  /** What its folder has is relied on, though it is an older copy. */
  readonly trustsData?: boolean;
  /** Members as last known. */
  readonly seed: readonly MemberRecord[];
  readonly limits?: {
    readonly kernel?: Partial<KernelLimits>;
    readonly membership?: Partial<MembershipLimits>;
    readonly replication?: Partial<ReplicationLimits>;
    readonly routing?: Partial<RoutingLimits>;
    readonly calls?: Partial<CallLimits>;
    readonly routes?: Partial<RouteLimits>;
    readonly placement?: Partial<PlacementLimits>;
    readonly usage?: Partial<UsageLimits>;
    readonly directory?: Partial<DirectoryLimits>;
  };
  /** Told of every change of the directory that this node, as a voter, knows to be decided. */
  readonly decided?: (key: string, revision: number, value: unknown) => void;
  /** Which of several nodes with a model is asked first. Absent: the one with the fewest calls. */
  readonly prefer?: Preference;
  /** The keys of nodes, for proofs of whom they send for; absent: nothing is proven, and nothing asked for. */
  readonly openSigner?: (peerOf: (node: NodeId) => string | undefined) => Promise<IdentitySigner>;
  /** Where this node keeps its full-text index; absent: nothing is searched here. */
  readonly search?: Index;
  /** What the gateway adds to this node's load. */
  readonly load?: () => Partial<NodeLoad>;
  /** Makes an invitation; absent, nobody can be invited through this node. */
  readonly invite?: (
    directory: Directory,
    terms: Parameters<ClusterControl["invite"]>[0],
  ) => Promise<Result<InvitationIssued>>;
  readonly changed?: Changed;
  /** Whether a slot may go where it is wanted now; absent: each may. */
  readonly mayHandOver?: (slot: SlotId, to: NodeId) => boolean;
  /** What the data folder knows of the age of its copies; without it nothing is checked. */
  readonly age?: DataAge;
  /** The directory has a new place from now on. */
  readonly placed?: (place: DirectoryPlace) => void;
  /** This process is not this member any more. */
  readonly ended?: (why: MembershipEnd) => void;
  /** What it learns of another member by the word of a third. */
  readonly byWord?: ByWord;
  /** Where it is kept how good the answers of models are; absent: nowhere. */
  readonly quality?: QualityFile;
  /** How much this node keeps on its disk. Absent: nobody measures it. */
  readonly storedBytes?: () => Promise<number>;
  /** See `ControlOptions.refusals`. */
  readonly refusals?: () => ReadonlyMap<NodeId, Failure>;
}

export interface Peer extends Omit<ClusterFacts, "identityRule"> {
  readonly exchange: Exchange;
  readonly directory: Directory;
  readonly table: SlotTable;
  readonly membership: MembershipPart;
  readonly replication: Replication;
  readonly routing: RoutingPart;
  readonly hub: Hub;
  readonly kernel: Kernel;
  /** The actors of all nodes, for admins. */
  readonly actors: ClusterActors;
  readonly control: ClusterControl;
  readonly controller: Controller;
  /** Whether this node reaches what it needs. */
  readonly reach: ReachWatch;
  /** The engines of all nodes, as one. */
  readonly calls: Omit<Calls, "stop">;
  /** The same, with the routes among their models, counted, and stopped by budgets. */
  readonly engines: Engines;
  readonly usage: Usage;
  /** What people do here; absent: the cluster keeps nothing of it. */
  readonly activity?: Activity;
  /** How good the answers of models are, over time. */
  readonly quality: Quality;
  /** Finds what people said; absent: this node has no index. */
  readonly search?: Search;
  /** Files that lists of threats name. Absent: none is. */
  readonly listed?: ListedFiles;
  /** What a route would do with a question. */
  readonly explainRoute: ModelCalls["explainRoute"];
  /** Accounts that come up here and have somebody to tell while away. */
  readonly pushCalls: PushCalls;
  /** What actors of this node publish. */
  readonly published: PublishedTap;
  /** Where the directory is now; undefined when it was given. */
  place(): DirectoryPlace | undefined;
  /** The leader of a replicated directory, as far as is known. */
  lead(): Lead;
  /** What is known of the directory while it does not answer. */
  directoryAway(): DirectoryAway;
  /** Why the directory takes no change although it answers, and what to type; undefined while it takes them. */
  directoryRefusal(): string | undefined;
  /** Joins under `record`, then serves. `found`: this node may make its own member row, being the first. Errors:
   *  NOT_A_PEER, DATA_DAMAGED, STOPPING (also when `stopAsked` resolves before it has joined). */
  start(
    record: OwnRecord,
    options: { readonly found: boolean; readonly stopAsked?: Promise<unknown> },
  ): Promise<Result<MemberRecord>>;
  /** Hands over what it has, finishes what is under way, then ends. */
  stop(deadlineMs: number): Promise<void>;
}

/** How long a holder is waited for that is asked what it has. */
const emptyTimeoutMs = 10_000;

/** What inventories of shard-holders say. */
function inventoriesOf(
  kernel: Pick<Kernel, "ask">,
): Pick<Parameters<typeof createController>[0], "isEmptyHolder" | "holderBytes"> {
  const sumsOf = async (holder: ActorId): Promise<HolderSums | undefined> => {
    const message = { type: "sums" };
    const answer = await kernel.ask({ to: holder, from: "node", message, timeoutMs: emptyTimeoutMs });
    return answer.ok ? (answer.value as HolderSums) : undefined;
  };
  return {
    async isEmptyHolder(holder) {
      const sums = await sumsOf(holder);
      return sums && sums.held.shards + sums.trash.shards === 0;
    },
    async holderBytes(holder) {
      const sums = await sumsOf(holder);
      return sums && sums.held.bytes + sums.trash.bytes;
    },
  };
}

/** What a node says of itself with each heartbeat. */
function createFigures({ journal, log, meter, load, limits = {} }: PeerOptions) {
  let figures: Partial<NodeLoad> | undefined;
  const sizeOf = createSizeLook({ log, meter, limits: { ...directoryLimits, ...limits.directory } });
  return (of: {
    readonly calls: number;
    readonly directory: Parameters<typeof sizeOf>[0];
    readonly slots: Pick<NodeLoad, "actors" | "turnsPerSecond"> & Partial<NodeLoad>;
  }): NodeLoad => {
    try {
      figures = load?.();
    } catch (error) {
      // The system has refused a look at itself. What was seen last will do: a heartbeat must not end for a figure.
      log.debug("node.load.unknown", { error });
    }
    return {
      connections: 0,
      eventLoopLagMs: 0,
      memoryBytes: 0,
      calls: of.calls,
      ...(journal.syncMs !== undefined && { syncMs: journal.syncMs }),
      ...sizeOf(of.directory),
      ...of.slots,
      ...figures,
    };
  };
}

/** What this node signs with for people, as soon as there is somebody to read it: a second node. Undefined until then.
 *  With each change of the members the cluster's rule of it is settled anew. */
function keepSigner(
  { openSigner, log }: PeerOptions,
  membership: MembershipPart,
  rule: ClusterFacts["identityRule"],
): () => IdentitySigner | undefined {
  let signer: IdentitySigner | undefined;
  let opening: Promise<IdentitySigner> | undefined;
  const settle = async (): Promise<void> => {
    const { members } = membership.members();
    if (openSigner === undefined || members.length < 2) return;
    opening ??= openSigner((other) => memberIn(membership, other)?.peer);
    try {
      signer = await opening;
    } catch (error) {
      // Tried anew at the next change.
      opening = undefined;
      throw error;
    }
    await rule.settle(members);
  };
  membership.onChange(() => {
    settle().catch((error: unknown) => log.debug("identity.rule.waits", { error }));
  });
  return () => signer;
}

type Placed = ReturnType<typeof openDirectory>;

/** Which place in the line of controllers this node has; undefined: none. The first is the node where the directory is;
 *  where none is named, the managers that are up have a turn each: two at once only race. */
function rankOf(node: NodeId, placed: Placed, membership: MembershipPart): number | undefined {
  const at = placed.place();
  if (at !== undefined && at.kind !== "etcd") return placed.leader() === node ? 0 : undefined;
  const managers = membership
    .members()
    .members.filter((member) => member.roles.includes("manager") && membership.isUp(member.node));
  const place = managers.findIndex((member) => member.node === node);
  return place < 0 ? undefined : place;
}

/** What is known of the directory while it does not answer. */
function awayOf(placed: Placed, membership: MembershipPart): DirectoryAway {
  const { members } = membership.members();
  const awaited = awaitedKeepers(placed.info(), {
    isUp: (one) => membership.isUp(one),
    nameOf: (one) => members.find((member) => member.node === one)?.name ?? one,
  });
  // That the only keeper is down is seen from the list of nodes, unlike why it does not answer although it is there.
  const isSole = placed.node() !== undefined;
  const [forMs, because] = [membership.silentMs(), placed.trouble() ?? (isSole ? undefined : awaited)];
  return { ...(forMs !== undefined && { forMs: Math.round(forMs) }), ...(because !== undefined && { because }) };
}

/** What the journal has to do, as the kernel sees it. */
const pressureOf = (
  journal: Journal,
  { node, table, membership }: Pick<Peer, "table" | "membership"> & Pick<PeerOptions, "node">,
): Parameters<typeof createKernel>[0]["pressure"] => ({
  get queuedBytes() {
    return journal.queuedBytes;
  },
  pendingBytesMax: journal.limits.pendingBytesMax,
  full(slot) {
    const others = table.get(slot)?.record.inSync.filter((other) => other !== node && membership.isUp(other)) ?? [];
    return others.length === 0 && journal.full;
  },
  settled: () => journal.settled(),
});

/** The search of a node that has an index. */
const searchOf = (
  { search: index, node, clock, log, meter }: PeerOptions,
  peer: Pick<Peer, "replication" | "kernel" | "exchange" | "table" | "membership">,
): Search | undefined =>
  index &&
  createSearch({
    ...peer,
    node,
    index,
    slots: { committed: (slot) => peer.replication.committed(slot), cut: (slot) => peer.replication.cut(slot) },
    clock,
    log,
    meter,
  });

/** What the rules of the directory's rows need. */
const rowRules = (behaviors: readonly AnyBehavior[]): RowRules => ({
  roleOfKind: (kind) => behaviors.find((one) => one.kind === kind)?.role,
  idOf: nodeIdOf,
});

/** What its directory is told of, and reached by, where that is not for all nodes. */
const ofDirectory = ({ behaviors, decided, etcd }: PeerOptions) => ({
  rules: rowRules(behaviors),
  ...(decided && { decided }),
  ...(etcd && { etcd }),
});

/** How long a start waits for the directory before the node goes on without: it copies, but takes nothing up. */
const directoryWaitMs = 3_000;

/** Puts a peer together. Nothing runs before `start`. */
export function createPeer(options: PeerOptions): Peer {
  const { node, cluster, store, journal, transport, behaviors, clock, random, log, meter, limits = {} } = options;
  const world = { clock, random, log, meter };
  const exchange = createExchange({ transport, ...world });

  // --- directory -----------------------------------------------------------------------------------------------------

  const placed = openDirectory(options.directory, {
    node,
    cluster,
    founding: options.founding ?? false,
    store,
    exchange,
    ...world,
    others: options.seed.filter((member) => member.node !== node),
    trusted: options.trustsData === true,
    placed: (place) => options.placed?.(place),
    // It acts as the controller: what died with the leader before it waits for that.
    leads: () => controller.wake(),
    ...(limits.directory && { limits: limits.directory }),
    ...ofDirectory(options),
  });
  const { directory } = placed;

  // --- who is here, who owns what ------------------------------------------------------------------------------------

  const table = watchSlots(directory);
  placed.age.follow(table, () => journal.fences());
  const age = new AgeCheck(options.age, { node, journal, log });
  const figuresOf = createFigures(options);
  const membership: MembershipPart = createMembership({
    node,
    directory,
    exchange,
    ...world,
    seed: options.seed,
    load() {
      // One that nobody waits for any more is not written to while nobody writes: it would be slow for ever.
      if (membership.isSlow(node)) void journal.probe(membershipLimits.diskProbeMs);
      return figuresOf({ calls: calls.busy(), directory: placed.size(), slots: placement.figures() });
    },
    starting: (next, last) => age.starting({ next, last }, replication),
    ...(limits.membership && { limits: limits.membership }),
    ...(options.ended && { ended: options.ended }),
    ...options.byWord,
  });
  const watched = watchFacts(directory, { node, clock, policy: options.policy, membership });
  const { policy, groups, trust, identityRule } = watched.facts;
  /** What most of the following stand on. */
  const ground = { node, exchange, directory, table, membership, ...world };
  const ownRoles = (): readonly Role[] => memberIn(membership, node)?.roles ?? [];

  const replication = createReplication({
    ...ground,
    roles: ownRoles,
    journal,
    store,
    ...(options.tracer && { tracer: options.tracer }),
    minInSync: () => policy.current().minInSync,
    ...(limits.replication && { limits: limits.replication }),
    owned: (slot) => kernel.serve(slot),
    drain: (slot, deadlineMs) => kernel.drain(slot, deadlineMs),
    resume: (slot) => kernel.resume(slot),
    ...(options.mayHandOver && { mayHandOver: options.mayHandOver }),
    vouch: (newer) => placed.age.vouch(newer),
    discarded: (slot) => age.discarded(slot),
    committed: (slot) => search?.wake(slot),
  });

  // --- actors --------------------------------------------------------------------------------------------------------

  const asks = new OpenAsks(random);
  const signer = keepSigner(options, membership, identityRule);
  const routing: RoutingPart = createRouting({
    ...ground,
    asks,
    directoryNode: placed.node,
    ...(options.tracer && { tracer: options.tracer }),
    kernel: () => kernel,
    identity: {
      signer,
      required: () => identityRule.required(),
      authenticate: (user, tokenHash, timeoutMs) =>
        kernel.ask({ to: `user/${user}`, from: "gateway", message: { type: "authenticate", tokenHash }, timeoutMs }),
    },
    ...(limits.routing && { limits: limits.routing }),
  });
  const models = createModelPart({ ...options, membership, exchange, facts: watched.facts, kernel: () => kernel });
  const { calls, usage, activity, quality } = models;
  const kernel: Kernel = createKernel({
    node,
    ...(options.tracer && { tracer: options.tracer }),
    behaviors,
    slots: replication,
    routing,
    asks,
    pressure: pressureOf(journal, { node, table, membership }),
    slotsWithWork: async () => {
      const work = await journal.slotsWithWork();
      return work.filter((slot) => ownsSlot(table, node, slot));
    },
    ...models.ofKernel,
    publisher: models.ofPeer.published.over(models.ofPeer.pushCalls.over(routing.hub)),
    ...world,
    ...(limits.kernel && { limits: limits.kernel }),
  });
  const actors = createClusterActors({ ...ground, kernel, ...(limits.routing && { limits: limits.routing }) });

  const search = searchOf(options, { replication, kernel, exchange, table, membership });

  // --- placement -----------------------------------------------------------------------------------------------------

  const placement = servePlacement({ exchange, kernel, clock, journal, directory: placed });
  const controller = createController({
    ...ground,
    policy,
    groups,
    trust,
    ...inventoriesOf(kernel),
    rank: () => rankOf(node, placed, membership),
    directoryNode: placed.node,
    shardsAt: (other) => membership.heard(other)?.load,
    ...(limits.placement && { limits: limits.placement }),
  });
  const directoryAway = (): DirectoryAway => awayOf(placed, membership);
  const control = createClusterControl({
    ...ground,
    cluster,
    policy,
    groups,
    trust,
    roleOfKind: rowRules(behaviors).roleOfKind,
    heard: (other) => membership.heard(other),
    version: () => version,
    ...(options.refusals && { refusals: options.refusals }),
    directoryInfo: placed.info,
    directoryAway,
    directoryRefusal: placed.refusal,
    joined: () => membership.joined,
    invite: (terms) =>
      options.invite?.(directory, terms) ??
      Promise.resolve(refused(failure("FORBIDDEN", { because: "there is no mesh" }))),
    migrate: placed.migrate,
    changed: (action, facts, by) => options.changed?.(kernel, action, facts, by),
    ...(limits.placement && { limits: limits.placement }),
  });

  const reach = watchReach({
    ...ground,
    joined: () => membership.joined,
    directoryAnswers: () => control.directoryAnswers(),
    minInSync: () => policy.current().minInSync,
  });

  let version: string | undefined;
  let stopped = false;
  let stopAdvertising = (): void => undefined;
  return {
    exchange,
    directory,
    table,
    membership,
    replication,
    routing,
    hub: routing.hub,
    kernel,
    actors,
    control,
    controller,
    reach,
    calls,
    engines: models.engines,
    usage,
    ...(activity && { activity }),
    ...watched.facts,
    quality,
    ...(search && { search }),
    ...models.ofPeer,
    place: placed.place,
    lead: placed.lead,
    directoryAway,
    directoryRefusal: placed.refusal,
    async start(record, { found, stopAsked = new Promise(() => undefined) }) {
      ({ version } = record);
      await placed.opened();
      quality.start();
      // With the directory away the node starts all the same: it copies, and takes up what it owns when it can.
      const known = options.seed.find((member) => member.node === node);
      const joining = membership.join(record, { found });
      const waited = within(clock, directoryWaitMs, joining);
      const joined = await Promise.race([
        waited.then((soon) => soon ?? (known ? ok(known) : joining)),
        stopAsked.then(() => refused(failure("STOPPING"))),
      ]);
      if (!joined.ok) return joined;
      joining.then(
        (late) => {
          if (!late.ok && late.error.code === "NOT_A_PEER") options.ended?.("evicted");
        },
        (error: unknown) => log.error("membership.join.failed", { failure: failureOf(error) }),
      );
      await within(clock, directoryWaitMs, Promise.all([table.ready(), membership.ready()]));
      stopAdvertising = advertise({ engines: options.engines, membership, clock, log });
      replication.start();
      search?.start();
      placed.keepVoters({ members: () => membership.members().members, isUp: (one) => membership.isUp(one) });
      controller.wake();
      // A slot that waits for its other copies must not keep the operator from the door.
      await within(clock, directoryWaitMs, kernel.start());
      activity?.start();
      return joined;
    },
    async stop(deadlineMs) {
      if (stopped) return;
      stopped = true;
      stopAdvertising();
      const endMs = clock.monotonicMs() + deadlineMs;
      const leftMs = (): number => Math.max(0, endMs - clock.monotonicMs());
      reach.stop();
      if (options.quality !== undefined) await within(clock, leftMs() / 4, quality.stop());
      controller.stop();
      membership.stopping();
      await within(clock, leftMs() / 4, placed.leave());
      // What calls took is told while the ledgers are still here.
      await within(clock, leftMs() / 4, Promise.all([usage.stop(), activity?.stop()]));
      await replication.handOver(leftMs() / 2);
      await kernel.stop(leftMs());
      if (search !== undefined) await within(clock, leftMs(), search.stop());
      replication.stop();
      routing.stop();
      calls.stop();
      membership.stop();
      table.stop();
      watched.stop();
      await placed.close();
    },
  };
}
