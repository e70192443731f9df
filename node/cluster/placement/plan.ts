/** What to change so that every slot is where it should be. Pure: the same facts give the same plan, and a plan that
 *  was carried out gives an empty one.
 *
 *  A slot's `want` says where it should be; the owner works towards it and the plan leaves it alone until it is there,
 *  as long as it is still possible. What a plan changes, in this order:
 *
 *  1. *Failover*: the owner is not up. Some node that is up and in sync takes over at the next epoch; only those have
 *     everything that was acknowledged. Without one the slot is `lost` until one comes back. If none of them has the
 *     role the slot is `stranded`: an operator may give one of them the role.
 *  2. *Need*: the owner should not own it any more (draining, another role, it keeps the directory), an operator moved
 *     it, copies are missing or lie badly. A want always names as many copies as there can be, so no step leaves a slot
 *     under-replicated: the owner takes the new ones in before it drops the old.
 *  3. *Balance* (`balance.ts`), only when nothing is needed. The shard-holders of a group are kept apart by
 *  `spread.ts`.
 *
 *  How many slots are on their way at once is bounded, for the cluster and for each node that receives. */
import type { Role, SlotId } from "../../../protocols/index.ts";
import type { NodeId, SlotRecord } from "../../ports/index.ts";
import { rankNodes, roleOf } from "../facts/slot-table.ts";
import { balanceCopies, balanceOwners, hotActor } from "./balance.ts";
import { Candidates, type Candidate, type PlanInput, type Want } from "./candidates.ts";
import { fewestOfGroup, groupOf, OwnerCounts, Spread } from "./spread.ts";
import { Motion, type Change, type Placed } from "./motion.ts";

export interface Plan {
  readonly changes: readonly Change[];
  /** No node that is up holds everything that was acknowledged. */
  readonly lost: readonly SlotId[];
  /** No node that could own them has their role. */
  readonly stranded: readonly SlotId[];
  /** On their way, those of this plan included. */
  readonly moving: number;
  /** Needed, and left for a later round. */
  readonly waiting: number;
  /** Writes go on waiting for a slow disk there: no other node can take its part. */
  readonly late: number;
}

/** The part of a plan that cannot wait: slots whose owner is gone. `give` narrows it to some slots. */
export function planFailovers(
  input: Omit<PlanInput, "balance">,
): Pick<Plan, "lost" | "stranded"> & { readonly changes: readonly Extract<Change, { type: "failover" }>[] } {
  const candidates = new Candidates({ ...input, balance: false });
  const changes: Extract<Change, { type: "failover" }>[] = [];
  const lost: SlotId[] = [];
  const stranded: SlotId[] = [];
  const owners = new OwnerCounts(input.holders ?? input.slots, (node) => candidates.isUp(node));
  for (const record of input.slots) {
    if (candidates.isUp(record.owner)) continue;
    const { slot } = record;
    const { inSync, able } = heirsOf(record, candidates);
    // A draining node that has everything is better than none at all, and so is one with a slow disk.
    const active = able.filter(({ state }) => state === "active");
    const here = active.length > 0 ? active : able;
    const fast = here.filter(({ node }) => !candidates.isSlow(node));
    const ranked = rankNodes(slot, fewestOfGroup(slot, fast.length > 0 ? fast : here, owners));
    const preferred = [record.held, record.home, record.want?.owner].flatMap(
      (node) => ranked.find((one) => one.node === node) ?? [],
    );
    const owner = preferred[0] ?? ranked[0];
    if (owner !== undefined) {
      changes.push({ type: "failover", slot, owner: owner.node });
      owners.add(slot, owner.node);
    } else if (inSync.length === 0) lost.push(slot);
    else stranded.push(slot);
  }
  return { changes, lost, stranded };
}

/** The nodes that are up and have everything that was acknowledged, and those of them that may own the slot. */
function heirsOf(
  record: SlotRecord,
  candidates: Candidates,
): { readonly inSync: readonly Candidate[]; readonly able: readonly Candidate[] } {
  const inSync = record.inSync.flatMap((node) => (candidates.isUp(node) ? (candidates.get(node) ?? []) : []));
  return { inSync, able: inSync.filter(({ roles }) => roles.includes(roleOf(record))) };
}

/** Slots of one role that no failover brings back, and the nodes that could own them if they had the role. */
export interface Stranded {
  readonly role: Role;
  readonly slots: readonly SlotId[];
  /** As few nodes as greed finds, the one that could own the most first. */
  readonly nodes: readonly NodeId[];
}

/** By role, the slots whose owner is gone and that only another role for one of their nodes brings back. */
export function findStranded(slots: Iterable<SlotRecord>, candidates: Candidates): readonly Stranded[] {
  const byRole = new Map<Role, { readonly slot: SlotId; readonly nodes: readonly NodeId[] }[]>();
  for (const record of slots) {
    if (candidates.isUp(record.owner)) continue;
    const { inSync, able } = heirsOf(record, candidates);
    if (inSync.length === 0 || able.length > 0) continue;
    const role = roleOf(record);
    const rows = byRole.get(role) ?? [];
    rows.push({ slot: record.slot, nodes: inSync.map(({ node }) => node) });
    byRole.set(role, rows);
  }
  return [...byRole].map(([role, rows]) => ({ role, slots: rows.map(({ slot }) => slot), nodes: fewestFor(rows) }));
}

function fewestFor(rows: readonly { readonly nodes: readonly NodeId[] }[]): readonly NodeId[] {
  const chosen: NodeId[] = [];
  for (let left = rows; left.length > 0;) {
    const counts = new Map<NodeId, number>();
    for (const { nodes } of left) for (const node of nodes) counts.set(node, (counts.get(node) ?? 0) + 1);
    const [best] = [...counts].reduce((one, other) =>
      other[1] > one[1] || (other[1] === one[1] && other[0] < one[0]) ? other : one,
    );
    chosen.push(best);
    left = left.filter(({ nodes }) => !nodes.includes(best));
  }
  return chosen;
}

/** The record after a failover or with another want. */
export function changed(record: SlotRecord, change: Exclude<Change, { type: "pin" }>): SlotRecord {
  if (change.type === "want")
    return { ...record, want: change.want, ...(change.home !== undefined && { home: change.home }) };
  const { owner } = change;
  const want = record.want && {
    owner,
    replicas: record.want.replicas.includes(owner) ? record.want.replicas : [owner, ...record.want.replicas],
  };
  return { ...record, owner, epoch: record.epoch + 1, ...(want && { want }) };
}

/** Where a slot is going, or is. */
export const wantOf = (record: SlotRecord): Want => record.want ?? { owner: record.owner, replicas: record.inSync };

/** Everything that should be changed now. */
export function plan(input: PlanInput): Plan {
  const candidates = new Candidates(input);
  const slots = [...input.slots].sort((one, other) => (one.slot < other.slot ? -1 : 1));
  const failovers = planFailovers({ ...input, slots });
  const changes: Change[] = [...failovers.changes];
  const stranded = [...failovers.stranded];
  const placed: Placed[] = [];
  const needs: { readonly placed: Placed; readonly want: Want; readonly urgency: number; readonly home?: NodeId }[] =
    [];
  const motion = new Motion(input);
  const spread = new Spread(input.holders ?? slots, candidates, input);

  for (const record of slots) {
    // A slot without an owner that is up goes nowhere before its failover.
    if (!candidates.isUp(record.owner)) continue;
    const entry: Placed = { record, want: wantOf(record), fixed: true };
    placed.push(entry);
    const isHolder = groupOf(record.slot) !== undefined;
    const home = spread.homeOf(record.slot);
    const owner = isHolder ? ownerForHolder(record, home, candidates) : ownerFor(record, candidates);
    if (owner === undefined) stranded.push(record.slot);
    const wanted = owner ?? record.owner;
    const role = roleOf(record);
    const isHome = !isHolder || home === undefined || home === record.home;
    if (isHome && entry.want.owner === wanted && candidates.isGood(role, wanted, entry.want.replicas)) {
      motion.add(record, entry.want);
      entry.fixed = !isThere(record, entry.want);
      continue;
    }
    const want =
      isHolder && candidates.isGood(role, wanted, entry.want.replicas)
        ? { owner: wanted, replicas: entry.want.replicas }
        : candidates.choose(record, wanted);
    const urgency = urgencyOf(record, candidates);
    needs.push({ placed: entry, want, urgency, ...(isHolder && home !== undefined && { home }) });
  }

  needs.sort((one, other) => one.urgency - other.urgency);
  let waiting = 0;
  for (const need of needs) {
    const { record } = need.placed;
    if (!motion.fits(record, need.want)) {
      waiting += 1;
      continue;
    }
    motion.add(record, need.want);
    need.placed.want = need.want;
    const { want, home } = need;
    changes.push({ type: "want", slot: record.slot, want, why: "need", ...(home !== undefined && { home }) });
  }

  if (input.balance && needs.length === 0 && failovers.changes.length === 0) {
    changes.push(...balanceOwners({ input, candidates, placed, motion }));
    changes.push(...balanceCopies({ input, candidates, placed, motion }));
    changes.push(...balanceHolders({ input, candidates, placed, motion, spread }));
    const hot = hotActor({ input, candidates, placed });
    if (hot !== undefined) changes.push(hot);
  }
  const late = placed.filter(({ want }) => candidates.waitsForSlow(want)).length;
  return { changes, lost: failovers.lost, stranded, moving: motion.moving, waiting, late };
}

/** The node that should own a slot whose owner is up. Undefined: no node may. */
function ownerFor(record: SlotRecord, candidates: Candidates): NodeId | undefined {
  const role = roleOf(record);
  const { held, want, owner } = record;
  if (held !== undefined && candidates.mayOwn(held, role)) return held;
  if (want !== undefined && candidates.shouldOwn(want.owner, role)) return want.owner;
  if (candidates.shouldOwn(owner, role)) return owner;
  const able = rankNodes(record.slot, candidates.owners(role));
  return (able.find(({ node }) => record.inSync.includes(node)) ?? able[0])?.node;
}

/** The same of a shard-holder: the node where it is at home, and while that one is away a node that has it. */
function ownerForHolder(record: SlotRecord, home: NodeId | undefined, candidates: Candidates): NodeId | undefined {
  const role = roleOf(record);
  const preferred = [home, record.want?.owner, record.owner];
  return preferred.find((node) => node !== undefined && candidates.mayOwn(node, role));
}

/** One move of a shard-holder that is not needed but better: its bytes go with it, so there is one at a time. */
function balanceHolders({
  input,
  candidates,
  placed,
  motion,
  spread,
}: {
  readonly input: PlanInput;
  readonly candidates: Candidates;
  readonly placed: readonly Placed[];
  readonly motion: Motion;
  readonly spread: Spread;
}): readonly Change[] {
  const holders = placed.filter(({ record }) => groupOf(record.slot) !== undefined);
  if (holders.some(({ record, fixed }) => fixed || (record.want !== undefined && record.want.owner !== record.owner)))
    return [];
  const bySlot = new Map(holders.map((entry) => [entry.record.slot, entry]));
  const found = spread.better((slot) => bySlot.has(slot), input.limits.balanceLooksMax);
  const entry = found && bySlot.get(found.slot);
  if (found === undefined || entry === undefined) return [];
  const want = candidates.choose(entry.record, found.home);
  if (!motion.fits(entry.record, want)) return [];
  motion.add(entry.record, want);
  entry.want = want;
  entry.fixed = true;
  return [{ type: "want", slot: found.slot, want, why: "balance", home: found.home }];
}

/** Slots that a person waits for come first, then those with the fewest copies. */
function urgencyOf(record: SlotRecord, candidates: Candidates): number {
  const role = roleOf(record);
  if (record.held !== undefined && record.held !== record.owner && candidates.mayOwn(record.held, role)) return 0;
  const safe = record.inSync.filter((node) => candidates.isUp(node)).length;
  if (safe < candidates.copies(role, record.owner)) return safe;
  return candidates.shouldOwn(record.owner, role) ? 1_001 : 1_000;
}

const isThere = (record: SlotRecord, want: Want): boolean =>
  record.owner === want.owner &&
  record.inSync.length === want.replicas.length &&
  want.replicas.every((node) => record.inSync.includes(node));
