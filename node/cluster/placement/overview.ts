/** The state of the cluster as this node sees it: for admins, and for callers that wait for an actor. */
import {
  holderOf,
  ok,
  ownSlot,
  parseActorId,
  quorumOf,
  soleKeeper,
  type ActorId,
  type Advice,
  type ClusterNodeRow,
  type ClusterSlotRow,
  type ClusterSummary,
  type DirectoryAway,
  type DirectoryInfo,
  type DirectorySize,
  type Failure,
  type HolderRow,
  type NodeShards,
  type Result,
  type Role,
  type StorageNodeRow,
} from "../../../protocols/index.ts";
import type { Groups } from "../facts/groups.ts";
import type { Trust } from "../facts/trust.ts";
import type { ClusterPolicy } from "../facts/policy.ts";
import { serviceOf } from "../facts/reach.ts";
import { sameSet } from "../facts/records.ts";
import { roleOf, slotOfActor, type SlotTable } from "../facts/slot-table.ts";
import type { MemberRecord, Membership, NodeId, SlotRecord } from "../../ports/index.ts";
import type { ClusterControl } from "./api.ts";
import { Candidates } from "./candidates.ts";
import { placesOf } from "./groups.ts";
import type { PlacementLimits } from "./limits.ts";
import { findStranded, wantOf, type Stranded } from "./plan.ts";
import type { Survey } from "./survey.ts";

/** What a member reports of its shards. */
export interface ShardLoad {
  readonly shardBytes?: number;
  readonly shardRoomBytes?: number;
  readonly shardQuotaBytes?: number;
}

/** The load that a member reports in its beats. */
type BeatLoad = Required<
  Pick<ClusterNodeRow, "actors" | "turnsPerSecond" | "connections" | "eventLoopLagMs" | "memoryBytes">
> &
  ShardLoad & {
    readonly diskBytes?: number;
    readonly diskFreeBytes?: number;
    readonly directorySize?: DirectorySize;
  };

export interface OverviewPorts {
  readonly node: NodeId;
  readonly cluster: string;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly policy: ClusterPolicy;
  readonly groups: Pick<Groups, "current">;
  readonly trust: Pick<Trust, "current" | "of">;
  readonly limits: PlacementLimits;
  survey(): Promise<Survey>;
  /** The role whose nodes host a kind of actor. */
  roleOfKind(kind: string): Role | undefined;
  /** The last beat of a member. */
  heard(node: NodeId): { readonly agoMs: number; readonly load: BeatLoad | undefined } | undefined;
  directoryInfo(): ClusterSummary["directory"];
  /** For how long the directory has not answered, and why. */
  directoryAway(): DirectoryAway;
  /** Why the directory takes no change although it answers, and what to type; undefined while it takes them. */
  directoryRefusal(): string | undefined;
  /** Whether this start of the node is in the directory. */
  joined(): boolean;
  /** The version that this process runs; its row has that of an earlier start while the directory is away. */
  version?(): string | undefined;
  /** Members that are there and speak a version that this node does not. */
  refusals?(): ReadonlyMap<NodeId, Failure>;
}

type Overview = Pick<ClusterControl, "directoryAnswers" | "stranded" | "summary" | "slots" | "groups">;

/** Makes the overview. It keeps nothing. */
export function createOverview(ports: OverviewPorts): Overview {
  const { node, cluster, table, membership, policy, limits } = ports;
  const isUp = (one: NodeId): boolean => membership.isUp(one);

  const directoryAnswers = (): boolean => {
    const info = ports.directoryInfo();
    const keeper = info.kind === "replicated" ? (info.leader ?? "") : soleKeeper(info);
    // A leader that sees no majority can change nothing, and learns only after a while that it no longer leads.
    const isAlone =
      info.kind === "replicated" && keeper === node && quorumOf(info, isUp).up < quorumOf(info, isUp).needed;
    return table.current && !isAlone && (keeper === undefined || membership.isUp(keeper));
  };

  /** The members, taken as up unless the caller asks which are: a copy on a node that is down is missing, and not given
   *  up. */
  const candidatesNow = (up: (one: NodeId) => boolean = () => true): Candidates => {
    const { members } = membership.members();
    return new Candidates({
      members,
      up: new Set(members.flatMap((one) => (up(one.node) ? [one.node] : []))),
      slots: [],
      policy: policy.current(),
      directoryNode: soleKeeper(ports.directoryInfo()),
      balance: false,
      limits,
    });
  };

  /** While the directory is away no node gets a role or takes over a slot: slots of dead owners wait. */
  const strandedOf = (records: Iterable<SlotRecord>): readonly Stranded[] =>
    directoryAnswers() ? findStranded(records, candidatesNow(isUp)) : [];
  const records = (): readonly SlotRecord[] => [...table.rows()].map(({ record }) => record);

  const rowOf = (record: SlotRecord, candidates: Candidates): ClusterSlotRow => {
    const { slot, epoch, owner, inSync, learners, held } = record;
    const want = wantOf(record);
    const there = want.owner === owner && sameSet(want.replicas, inSync);
    const short = inSync.filter(isUp).length < candidates.copies(roleOf(record), owner);
    const at = { isUp, directoryAnswers: directoryAnswers(), minInSync: policy.current().minInSync };
    const service = serviceOf(record, at);
    const status = service !== "served" ? service : short ? "short" : there ? "ok" : "moving";
    return {
      slot,
      epoch,
      owner,
      inSync,
      learners,
      ...(held !== undefined && { held }),
      ...(!there && { want }),
      status,
    };
  };

  const counts = (): { readonly slots: ClusterSummary["slots"]; readonly held: ReadonlyMap<NodeId, SlotCounts> } => {
    const candidates = candidatesNow();
    const slots = { total: 0, ok: 0, moving: 0, short: 0, blocked: 0, down: 0 };
    const held = new Map<NodeId, { owned: number; replicated: number }>();
    for (const record of records()) {
      slots.total += 1;
      slots[rowOf(record, candidates).status] += 1;
      for (const one of record.inSync) {
        const count = held.get(one) ?? { owned: 0, replicated: 0 };
        held.set(one, count);
        if (one === record.owner) count.owned += 1;
        else count.replicated += 1;
      }
    }
    return { slots, held };
  };

  const nodeRow = (
    member: MemberRecord,
    at: { readonly held: SlotCounts; readonly refuses: boolean },
  ): ClusterNodeRow => {
    const { name, roles, labels, weight, models, version, url, addresses, incarnation, state, drain } = member;
    const self = member.node === node;
    const up = membership.isUp(member.node);
    const last = ports.heard(member.node);
    const why = up ? undefined : ports.refusals?.().get(member.node);
    const info = ports.directoryInfo();
    return {
      node: member.node,
      name,
      roles,
      labels,
      weight,
      models,
      version: (self && ports.version?.()) || version,
      url,
      addresses,
      incarnation,
      state,
      ...(state === "draining" && drain && { drain }),
      up,
      ...(why && { refused: why }),
      self,
      ...(self && !ports.joined() && { joined: false }),
      ...(at.refuses && { diskRefuses: true }),
      ...(membership.isSlow(member.node) && { diskSlow: true }),
      directory: keepersOf(info).includes(member.node),
      ...(roles.includes("storage") && { shards: shardsOf(member, up ? last?.load : undefined) }),
      slotsOwned: at.held.owned,
      slotsReplicated: at.held.replicated,
      ...(up && last?.load),
      ...(last && { lastHeardMs: last.agoMs }),
    };
  };

  return {
    directoryAnswers,

    stranded(actor) {
      const kind = parseActorId(actor)?.kind;
      const role = kind === undefined ? undefined : ports.roleOfKind(kind);
      if (role === undefined) return undefined;
      const record = table.get(slotOfActor(table, role, actor))?.record;
      const [found] = record === undefined ? [] : strandedOf([record]);
      if (record === undefined || found === undefined) return undefined;
      const holders = membership.members().members.filter((one) => record.inSync.includes(one.node) && isUp(one.node));
      const taker = holders.find((one) => one.node === found.nodes[0]);
      if (taker === undefined) return undefined;
      const advice: Advice = { code: "setRoles", node: taker.name, roles: [...taker.roles, found.role] };
      return { role: found.role, nodes: holders.map(({ name }) => name), advice };
    },

    async slots() {
      const { turns } = await ports.survey();
      const candidates = candidatesNow();
      const stranded = new Map(
        strandedOf(records()).flatMap(({ role, slots }) => slots.map((slot) => [slot, role] as const)),
      );
      const rows = records().map((record): ClusterSlotRow => {
        const role = stranded.get(record.slot);
        const turnsPerSecond = turns.get(record.slot);
        return {
          ...rowOf(record, candidates),
          ...(role && { stranded: role }),
          ...(turnsPerSecond !== undefined && { turnsPerSecond }),
        };
      });
      return ok(rows.sort((one, other) => (one.slot < other.slot ? -1 : 1)));
    },

    groups() {
      const candidates = candidatesNow();
      const { members } = membership.members();
      const memberOf = (one: NodeId | undefined): MemberRecord | undefined =>
        members.find(({ node: id }) => id === one);
      const holderRow = (holder: ActorId): HolderRow => {
        const record = table.get(ownSlot(holder))?.record;
        if (record === undefined) return { holder };
        const member = memberOf(record.owner);
        const zone = member?.labels["zone"];
        const away = record.home !== undefined && record.home !== record.owner;
        return {
          holder,
          owner: record.owner,
          node: member?.name ?? record.owner,
          ...(zone !== undefined && { zone }),
          ...(away && { home: memberOf(record.home)?.name ?? record.home }),
          status: rowOf(record, candidates).status,
        };
      };
      const groups = ports.groups.current().map(({ name, width, open }) => ({
        name,
        width,
        open,
        holders: Array.from({ length: width }, (_, index) => holderRow(holderOf(name, index))),
      }));
      const keepers = members.filter(({ roles }) => roles.includes("storage"));
      const nodes = keepers.map((member): StorageNodeRow => {
        const { node: id, name, labels } = member;
        const load = ports.heard(id)?.load;
        const row = ports.trust.current().find((one) => one.name === id);
        const up = isUp(id);
        return {
          node: id,
          name,
          ...(labels["zone"] !== undefined && { zone: labels["zone"] }),
          up,
          trust: ports.trust.of(id) ?? "trusted",
          ...(row && { sinceMs: row.sinceMs }),
          ...shardsOf(member, up ? load : undefined),
        };
      });
      return { places: placesOf(members), groups, nodes };
    },

    async summary(): Promise<Result<ClusterSummary>> {
      const { busiest, refusing } = await ports.survey();
      const { view, members } = membership.members();
      const { slots, held } = counts();
      const nodes = members.map((member) =>
        nodeRow(member, { held: held.get(member.node) ?? noSlots, refuses: refusing.has(member.node) }),
      );
      const { replicas, minInSync } = policy.current();
      const [refusal, older] = [ports.directoryRefusal(), table.older()];
      const stranded = strandedOf(records()).map((row) => ({ ...row, slots: row.slots.length }));
      return ok({
        cluster,
        view,
        directory: ports.directoryInfo(),
        ...(!directoryAnswers() && { directoryAway: ports.directoryAway() }),
        ...(refusal !== undefined && { directoryRefuses: { because: refusal } }),
        ...(older !== undefined && { directoryOlder: { slot: older } }),
        replicas,
        minInSync,
        nodes,
        slots,
        ...(busiest && { busiest }),
        ...(stranded.length > 0 && { stranded }),
      });
    },
  };
}

/** The nodes that keep the directory. */
const keepersOf = (info: DirectoryInfo): readonly NodeId[] =>
  info.kind === "replicated" ? info.voters : info.kind === "embedded" ? [info.node] : [];

interface SlotCounts {
  readonly owned: number;
  readonly replicated: number;
}

const noSlots: SlotCounts = { owned: 0, replicated: 0 };

/** The same of all nodes that are up and do not stop. */
export const shardsAmong = (
  members: readonly MemberRecord[],
  membership: Pick<Membership, "isStaying">,
  loadOf: (node: NodeId) => ShardLoad | undefined,
): ReadonlyMap<NodeId, NodeShards> =>
  new Map(
    members.flatMap((one) => (membership.isStaying(one.node) ? [[one.node, shardsOf(one, loadOf(one.node))]] : [])),
  );

/** What a node says of its shards, and what the cluster allows of it. */
export function shardsOf(
  { storage }: Pick<MemberRecord, "storage">,
  { shardBytes, shardRoomBytes, shardQuotaBytes }: ShardLoad = {},
): NodeShards {
  return {
    ...(shardBytes !== undefined && { usedBytes: shardBytes }),
    ...(shardRoomBytes !== undefined && { roomBytes: shardRoomBytes }),
    ...(shardQuotaBytes !== undefined && { quotaBytes: shardQuotaBytes }),
    ...(storage !== undefined && { allowed: storage }),
  };
}
