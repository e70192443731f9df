/** Clusters as a plan sees them, whose owners do at once what is wanted of them. */
import type { NodeId, SlotRecord } from "../../../../node/ports/index.ts";
import { placementLimits } from "../../../../node/cluster/placement/index.ts";
import { changed, plan, type Plan } from "../../../../node/cluster/placement/plan.ts";
import { type Candidate, type Load } from "../../../../node/cluster/placement/candidates.ts";
import type { Policy } from "../../../../node/cluster/facts/records.ts";
import type { NodeShards, Role, SlotId } from "../../../../protocols/index.ts";

/** A cluster as a plan sees it, whose owners do at once what is wanted of them. */
export interface Cluster {
  members: Candidate[];
  up: Set<NodeId>;
  expected: Set<NodeId>;
  awaited?: Set<NodeId>;
  slow?: Set<NodeId>;
  slots: Map<SlotId, SlotRecord>;
  policy: Policy;
  directoryNode?: NodeId;
  load?: Load;
  shards?: Map<NodeId, NodeShards>;
  holderBytes?: Map<SlotId, number>;
}

export const member = (node: NodeId, more: Partial<Candidate> = {}): Candidate => ({
  node,
  roles: ["chat"],
  labels: {},
  weight: 1,
  state: "active",
  ...more,
});
export const slot = (index: number, role: Role = "chat"): SlotId => `${role}/${index}`;
export const fresh = (name: SlotId, owner: NodeId, more: Partial<SlotRecord> = {}): SlotRecord => ({
  slot: name,
  epoch: 1,
  owner,
  inSync: [owner],
  learners: [],
  ...more,
});

export function cluster(
  members: readonly Candidate[],
  slots: readonly SlotRecord[],
  more: Partial<Cluster> = {},
): Cluster {
  return {
    members: [...members],
    up: new Set(members.map(({ node }) => node)),
    expected: new Set(),
    slots: new Map(slots.map((record) => [record.slot, record])),
    policy: { replicas: 3, minInSync: 1 },
    ...more,
  };
}

export const think = (state: Cluster, balance = true): Plan =>
  plan({ ...state, slots: [...state.slots.values()], balance, limits: placementLimits });

/** The owner's part: takes in who is wanted, hands over, and lets go of the others only when all wanted are in. */
export function work(state: Cluster, record: SlotRecord): SlotRecord {
  const { want } = record;
  if (!state.up.has(record.owner)) return record;
  const alive = record.inSync.filter((node) => state.up.has(node));
  if (want === undefined) return { ...record, inSync: alive };
  const reachable = want.replicas.filter((node) => state.up.has(node));
  const all = [...new Set([...alive, ...reachable])];
  if (want.owner !== record.owner && all.includes(want.owner))
    return { ...record, inSync: all, owner: want.owner, epoch: record.epoch + 1 };
  const complete = reachable.length === want.replicas.length;
  return { ...record, inSync: complete ? all.filter((node) => want.replicas.includes(node)) : all };
}

export function carryOut(state: Cluster, { changes }: Plan): void {
  for (const change of changes) {
    if (change.type === "pin") {
      const from = state.slots.get(change.slot) as SlotRecord;
      const { want: _, ...rest } = from;
      const own = { ...rest, slot: change.actor as SlotId, splitFrom: change.slot, want: { owner: change.to, replicas: [change.to, ...from.inSync] } }; // prettier-ignore
      state.slots.set(own.slot, own);
    } else state.slots.set(change.slot, changed(state.slots.get(change.slot) as SlotRecord, change));
  }
}

/** Plans and works until nothing is left to do. `watch` sees every state on the way. */
export function converge(state: Cluster, watch: (plan: Plan) => void = () => undefined): number {
  for (let round = 0; round < 200; round += 1) {
    const next = think(state);
    watch(next);
    carryOut(state, next);
    let worked = false;
    for (const [name, record] of state.slots) {
      const done = work(state, record);
      worked ||= JSON.stringify(done) !== JSON.stringify(record);
      state.slots.set(name, done);
      watch(next);
    }
    if (next.changes.length === 0 && !worked) return round;
  }
  throw new Error(`no end: ${JSON.stringify(think(state).changes.slice(0, 3))}`);
}

export const owned = (state: Cluster, node: NodeId): number =>
  [...state.slots.values()].filter((record) => record.owner === node).length;
export const copied = (state: Cluster, node: NodeId): number =>
  [...state.slots.values()].filter(({ inSync }) => inSync.includes(node)).length;
export const names = (count: number): NodeId[] => Array.from({ length: count }, (_, index) => `n${index}`);
export const manySlots = (owner: (index: number) => NodeId, count = 256): SlotRecord[] =>
  Array.from({ length: count }, (_, index) => fresh(slot(index), owner(index)));
