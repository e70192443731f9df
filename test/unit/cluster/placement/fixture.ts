/** Clusters with placement on them, for the tests of this folder. */
import type { Kernel } from "../../../../node/kernel/api.ts";
import {
  createClusterControl,
  createController,
  servePlacement,
  type ClusterControl,
  type Controller,
  type PlacementLimits,
} from "../../../../node/cluster/placement/index.ts";
import type { ShardLoad } from "../../../../node/cluster/placement/overview.ts";
import type { NodeId, SlotRecord } from "../../../../node/ports/index.ts";
import { watchPolicy, type ClusterPolicy } from "../../../../node/cluster/facts/policy.ts";
import { watchGroups, type Groups } from "../../../../node/cluster/facts/groups.ts";
import { watchTrust, type Trust } from "../../../../node/cluster/facts/trust.ts";
import { changeSlot, slotPrefix, type Policy } from "../../../../node/cluster/facts/records.ts";
import { watchSlots, type SlotTable } from "../../../../node/cluster/facts/slot-table.ts";
import {
  type DirectoryInfo,
  type Failure,
  failure,
  holderAt,
  holderOf,
  ok,
  ownSlot,
  refused,
  slotOf,
  type ActorId,
  type InvitationIssued,
  type Result,
  type Role,
  type SlotId,
} from "../../../../protocols/index.ts";
import { ownRecord } from "../../../fixtures/members.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { Cluster, type Life } from "../membership/cluster.ts";
export type Loads = ReturnType<Kernel["load"]>;

/** A life with placement on it, and an owner that does what slots want: the part of replication, without data. */
export interface Member extends Life {
  readonly table: SlotTable;
  readonly policy: ClusterPolicy;
  readonly groups: Groups;
  readonly trust: Trust;
  readonly controller: Controller;
  readonly control: ClusterControl;
  loads: Loads;
  /** When its disk refused to take anything. */
  refusedAtMs: number | undefined;
}

/** What a controller is made with at a node. */
export function portsOf(member: Life & Pick<Member, "table" | "policy" | "groups" | "trust">) {
  const { node, directory, exchange, membership, clock, table, policy, groups, trust } = member;
  return {
    node,
    directory,
    exchange,
    membership,
    clock,
    table,
    policy,
    groups,
    trust,
    log: quietLog,
    meter: quietMeter,
  };
}

const idle = { actors: 0, turnsPerSecond: 0, connections: 0, eventLoopLagMs: 0, memoryBytes: 0 };

/** The slot of the only holder of a group, at home where it is owned. */
export const soleHolder = (group: string, owner: NodeId): SlotRecord => ({
  ...fresh(ownSlot(holderOf(group, 0)), owner, ["a", "b"]),
  home: owner,
  splitFrom: "storage/1",
});

export class Placed extends Cluster {
  readonly members = new Map<NodeId, Member>();
  /** Undefined: those that are up, in each node's opinion, so that there may be two that act, or none. */
  controllerNode: NodeId | undefined = "a";
  /** Every change of a slot record, as it took effect. */
  readonly history: SlotRecord[] = [];
  readonly notes: string[] = [];
  /** What each node's configuration says; the others': two copies. */
  readonly configured = new Map<NodeId, Policy>();
  /** What controllers are made with. */
  limits: Partial<PlacementLimits> = {};
  isEmptyHolder: (holder: ActorId) => boolean | undefined = () => undefined;
  /** What nodes say of their shards, and holders of what they take. */
  readonly shards = new Map<NodeId, ShardLoad>();
  readonly holderBytes = new Map<ActorId, number>();
  /** How long an owner needs for a step. */
  stepMs = 5;
  invitation: Result<InvitationIssued> = refused(failure("STOPPING"));

  constructor(seed: number) {
    super(seed);
    this.external.onChange = (key, value) => {
      if (key.startsWith(slotPrefix)) this.history.push(value as SlotRecord);
    };
  }

  /** Members that are there and speak another version. */
  refused: ReadonlyMap<NodeId, Failure> = new Map([["b", failure("VERSION_UNSUPPORTED")]]);
  /** Where the directory is said to be. */
  directoryRefusal: string | undefined;
  directoryInfo: DirectoryInfo = { kind: "etcd", endpoints: ["http://x"] };

  async open(nodes: readonly NodeId[], more: Parameters<typeof ownRecord>[1] = {}): Promise<Member> {
    await this.begin(nodes.map((node) => ownRecord(node, more)));
    for (const node of nodes) this.add(node);
    await this.pass(4_000);
    return this.members.get("a") as Member;
  }

  add(node: NodeId): Member {
    const life = this.life(node);
    const { directory, exchange, membership, clock } = life;
    const table = watchSlots(directory);
    const policy = watchPolicy(directory, this.configured.get(node) ?? { replicas: 2, minInSync: 1 });
    const groups = watchGroups(directory);
    const trust = watchTrust(directory);
    const base = portsOf({ ...life, table, policy, groups, trust });
    const controller = createController({
      ...base,
      rank: () => this.#rank(life),
      isEmptyHolder: async (holder) => this.isEmptyHolder(holder),
      holderBytes: async (holder) => this.holderBytes.get(holder),
      shardsAt: (other) => this.shards.get(other),
      limits: this.limits,
    });
    const control = createClusterControl({
      ...base,
      cluster: "c1",
      roleOfKind: (kind) => ({ room: "chat", agent: "ai", "role-manager": "manager" })[kind] as Role | undefined,
      heard: (other) => {
        const [heard, shards] = [membership.heard(other), this.shards.get(other)];
        return heard && shards ? { ...heard, load: { ...(heard.load ?? idle), ...shards } } : heard;
      },
      directoryInfo: () => this.directoryInfo,
      directoryAway: () => ({ because: "it is away" }),
      directoryRefusal: () => this.directoryRefusal,
      joined: () => membership.joined,
      version: () => "0.2.0",
      refusals: () => this.refused,
      invite: async () => this.invitation,
      migrate: async () => ok({ rows: 3 }),
      changed: (action, facts, by) =>
        void this.notes.push([action, ...Object.values(facts), ...(by === undefined ? [] : [`by ${by}`])].join(" ")),
    });
    const member: Member = {
      ...life,
      table,
      policy,
      groups,
      trust,
      controller,
      control,
      loads: [],
      refusedAtMs: undefined,
    };
    const kernel = { load: () => member.loads, split: (actor: string) => this.#split(member, actor) };
    servePlacement({ exchange, clock, kernel, journal: member });
    table.onChange(() => void this.#work(member));
    const again = (): void => {
      void this.#work(member);
      clock.after(500, again);
    };
    again();
    this.members.set(node, member);
    return member;
  }

  #rank({ membership, node }: Life): number | undefined {
    if (this.controllerNode !== undefined) return node === this.controllerNode ? 0 : undefined;
    const up = membership.members().members.filter((member) => membership.isUp(member.node));
    return up.findIndex((member) => member.node === node);
  }

  async put(...records: SlotRecord[]): Promise<void> {
    const { directory } = this.members.get(this.controllerNode ?? "a") as Member;
    const all = records.map((record) => changeSlot(directory, record, 0));
    let done = false;
    void Promise.all(all).then(() => (done = true));
    await this.until(() => done, 5_000);
  }

  record(slot: SlotId): SlotRecord {
    return this.history.findLast((record) => record.slot === slot) as SlotRecord;
  }

  settle<T>(promise: Promise<T>, withinMs = 20_000): Promise<T> {
    let value: { readonly it: T } | undefined;
    void promise.then((it) => (value = { it }));
    return this.until(() => value !== undefined, withinMs).then(() => (value as unknown as { readonly it: T }).it);
  }

  readonly #working = new Set<string>();

  /** One step of the owner towards what is wanted, 5 ms later. */
  async #work({ node, table, directory, membership, clock }: Member): Promise<void> {
    for (const { record } of table.rows()) {
      const key = `${node} ${record.slot}`;
      if (record.owner !== node || record.want === undefined || this.#working.has(key)) continue;
      this.#working.add(key);
      clock.after(this.stepMs, () => {
        this.#working.delete(key);
        const row = table.get(record.slot);
        if (row?.record.owner !== node || row.record.want === undefined) return;
        const { want, inSync, epoch } = row.record;
        const alive = inSync.filter((one) => membership.isUp(one));
        const all = [...new Set([...alive, ...want.replicas.filter((one) => membership.isUp(one))])];
        const complete = want.replicas.every((one) => all.includes(one));
        const handing = want.owner !== node && all.includes(want.owner);
        const next: SlotRecord = handing
          ? { ...row.record, inSync: all, owner: want.owner, epoch: epoch + 1 }
          : { ...row.record, inSync: complete ? all.filter((one) => want.replicas.includes(one)) : all };
        if (JSON.stringify(next) === JSON.stringify(row.record)) return;
        void changeSlot(directory, next, row.revision).then(
          (changed) => changed.row && table.learn(changed.row),
          () => undefined,
        );
      });
    }
  }

  async #split({ node, table, directory, loads }: Member, actor: string): Promise<Result<{ readonly slot: SlotId }>> {
    const share = holderAt(actor) === undefined ? chat(0) : slotOf("storage", actor as ActorId);
    const from = loads.find(({ busiest }) => busiest?.actor === actor)?.slot ?? share;
    if (table.get(from) === undefined) {
      const { row } = await changeSlot(directory, fresh(from, node), 0);
      if (row !== undefined) table.learn(row);
    }
    const base = table.get(from) as { record: SlotRecord };
    const { want: _, held: __, ...rest } = base.record;
    const slot = actor as SlotId;
    await changeSlot(directory, { ...rest, slot, splitFrom: base.record.slot, epoch: 1 }, 0);
    return ok({ slot });
  }
}

export const fresh = (slot: SlotId, owner: NodeId, inSync: readonly NodeId[] = [owner]): SlotRecord => ({
  slot,
  epoch: 1,
  owner,
  inSync,
  learners: [],
});
export const chat = (index: number): SlotId => `chat/${index}`;
