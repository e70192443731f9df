/** Moves for balance: owners within each role, copies among all, one hot actor at a time.
 *
 *  A node's fullness is what it has by its weight. A move goes from a fuller node to an emptier one and must leave the
 *  emptier one emptier than the fuller one was, by a margin: so the fullest of the two gets less full with each move,
 *  no sequence of moves comes back to where it began, and noise moves nothing. */
import type { SlotId } from "../../../protocols/index.ts";
import type { NodeId } from "../../ports/index.ts";
import { rankNodes, roleOf } from "../facts/slot-table.ts";
import type { Candidate, Candidates, PlanInput } from "./candidates.ts";
import type { Change, Motion, Placed } from "./motion.ts";
import { groupOf } from "./spread.ts";

interface Round {
  readonly input: PlanInput;
  readonly candidates: Candidates;
  readonly placed: readonly Placed[];
  readonly motion: Motion;
}

type WantChange = Extract<Change, { type: "want" }>;

/** How full nodes are, and the margin that a move must gain. */
class Scales {
  readonly nodes: readonly Candidate[];
  readonly #holds: Map<NodeId, number>;
  readonly #gainMin: number;

  constructor(nodes: readonly Candidate[], holds: ReadonlyMap<NodeId, number>, gainMin: number) {
    this.nodes = nodes;
    this.#holds = new Map(nodes.map(({ node }) => [node, holds.get(node) ?? 0]));
    const weights = nodes.reduce((sum, { weight }) => sum + weight, 0);
    const all = [...this.#holds.values()].reduce((sum, held) => sum + held, 0);
    // Never less than one slot of mean cost: a move that only swaps which node has one slot more gains nothing.
    this.#gainMin = Math.max(nodes.length / weights, (gainMin * all) / weights);
  }

  fullness({ node, weight }: Candidate): number {
    return (this.#holds.get(node) ?? 0) / weight;
  }

  gains(from: Candidate, to: Candidate, cost: number): boolean {
    return this.fullness(from) - this.fullness(to) - cost / to.weight >= this.#gainMin;
  }

  move(from: Candidate, to: Candidate, cost: number): void {
    this.#holds.set(from.node, (this.#holds.get(from.node) ?? 0) - cost);
    this.#holds.set(to.node, (this.#holds.get(to.node) ?? 0) + cost);
  }

  /** Pairs of a fuller and an emptier node, the farthest apart first. */
  *pairs(): Generator<readonly [from: Candidate, to: Candidate]> {
    const order = [...this.nodes].sort(
      (one, other) => this.fullness(one) - this.fullness(other) || (one.node < other.node ? -1 : 1),
    );
    for (const to of order)
      for (const from of order.toReversed()) {
        if (!this.gains(from, to, 0)) break;
        yield [from, to];
      }
  }
}

/** The cost of a slot for its owner: half of it for being there, half by its share of the turns. Its mean is 1. */
function costsOf({ input, placed }: Round, among: readonly Candidate[]): (slot: SlotId) => number {
  const { load, limits } = input;
  const turns = placed.reduce((sum, { record }) => sum + (load?.slots.get(record.slot) ?? 0), 0);
  if (load === undefined || turns < limits.loadTurnsMin * among.length) return () => 1;
  const mean = turns / placed.length;
  return (slot) => 0.5 + (0.5 * (load.slots.get(slot) ?? 0)) / mean;
}

/** Evens out how much of each role the nodes own. */
export function balanceOwners(round: Round): readonly WantChange[] {
  const { placed, candidates } = round;
  const byRole = Map.groupBy(placed, ({ record }) => roleOf(record));
  const changes: WantChange[] = [];
  for (const [role, slots] of [...byRole].sort(([one], [other]) => (one < other ? -1 : 1)))
    changes.push(...balanceRole({ ...round, placed: slots }, candidates.owners(role), changes.length));
  return changes;
}

function balanceRole(round: Round, owners: readonly Candidate[], before: number): readonly WantChange[] {
  const { placed, candidates, motion, input } = round;
  if (owners.length < 2) return [];
  const costOf = costsOf(round, owners);
  const holds = new Map<NodeId, number>();
  for (const { record, want } of placed) holds.set(want.owner, (holds.get(want.owner) ?? 0) + costOf(record.slot));
  const scales = new Scales(owners, holds, input.limits.balanceGainMin);
  const movable = Map.groupBy(
    // Where shard-holders are is decided by their groups.
    placed.filter(
      (entry) => !entry.fixed && entry.record.held === undefined && groupOf(entry.record.slot) === undefined,
    ),
    ({ record }) => record.owner,
  );
  const changes: WantChange[] = [];
  let looks = input.limits.balanceLooksMax;

  const next = (): boolean => {
    for (const [from, to] of scales.pairs()) {
      const slots = (movable.get(from.node) ?? []).filter(
        (entry) => !entry.fixed && scales.gains(from, to, costOf(entry.record.slot)),
      );
      looks -= slots.length;
      if (looks < 0) return false;
      // First moves that need no copying, then moves to where hashing would place the slot, then moves of the most load
      // at once.
      const key = ({ record }: Placed): number =>
        (record.inSync.includes(to.node) ? 0 : 2) + (rankNodes(record.slot, [from, to])[0] === to ? 0 : 1);
      slots.sort((one, other) => key(one) - key(other) || costOf(other.record.slot) - costOf(one.record.slot));
      for (const entry of slots) {
        const role = roleOf(entry.record);
        const want = candidates.isGood(role, to.node, entry.want.replicas)
          ? { owner: to.node, replicas: entry.want.replicas }
          : candidates.choose(entry.record, to.node);
        if (!motion.fits(entry.record, want)) continue;
        motion.add(entry.record, want);
        scales.move(from, to, costOf(entry.record.slot));
        entry.want = want;
        entry.fixed = true;
        changes.push({ type: "want", slot: entry.record.slot, want, why: "balance" });
        return true;
      }
    }
    return false;
  };
  while (before + changes.length < input.limits.balanceMovesMax && next());
  return changes;
}

/** Evens out how many copies the nodes keep, without touching owners. */
export function balanceCopies({ input, candidates, placed, motion }: Round): readonly WantChange[] {
  const nodes = input.members
    .filter(({ node }) => candidates.isUsable(node) && !candidates.isSlow(node))
    .sort((one, other) => (one.node < other.node ? -1 : 1));
  if (nodes.length < 2) return [];
  const holds = new Map<NodeId, number>();
  const copies = new Map<NodeId, Placed[]>();
  for (const entry of placed)
    for (const node of entry.want.replicas) {
      holds.set(node, (holds.get(node) ?? 0) + 1);
      if (entry.fixed || node === entry.want.owner) continue;
      const list = copies.get(node) ?? [];
      copies.set(node, list);
      list.push(entry);
    }
  const scales = new Scales(nodes, holds, input.limits.balanceGainMin);
  const changes: WantChange[] = [];
  let looks = input.limits.balanceLooksMax;

  const next = (): boolean => {
    for (const [from, to] of scales.pairs()) {
      if (!scales.gains(from, to, 1)) continue;
      for (const entry of copies.get(from.node) ?? []) {
        looks -= 1;
        if (looks < 0) return false;
        const swap = { from: from.node, to: to.node };
        if (entry.fixed || !candidates.maySwap(entry.record, entry.want, swap)) continue;
        const replicas = entry.want.replicas.map((node) => (node === swap.from ? swap.to : node));
        const want = { owner: entry.want.owner, replicas };
        if (!motion.fits(entry.record, want)) continue;
        motion.add(entry.record, want);
        scales.move(from, to, 1);
        entry.want = want;
        entry.fixed = true;
        changes.push({ type: "want", slot: entry.record.slot, want, why: "balance" });
        return true;
      }
    }
    return false;
  };
  while (changes.length < input.limits.balanceMovesMax && next());
  return changes;
}

/** One actor that keeps its node much busier than others are, and would do better alone on the least busy. Moving whole
 *  slots cannot help where one actor is the load. */
export function hotActor({ input, candidates, placed }: Omit<Round, "motion">): Change | undefined {
  const { load, limits } = input;
  if (load === undefined) return undefined;
  const busy = new Map<NodeId, number>();
  for (const { record } of placed)
    busy.set(record.owner, (busy.get(record.owner) ?? 0) + (load.slots.get(record.slot) ?? 0));
  const bySlot = new Map(placed.map((entry) => [entry.record.slot, entry]));
  const turnsOf = ({ node }: Candidate): number => busy.get(node) ?? 0;
  const actors = [...load.actors].sort(
    (one, other) => other.turnsPerSecond - one.turnsPerSecond || (one.actor < other.actor ? -1 : 1),
  );
  for (const { actor, slot, turnsPerSecond } of actors) {
    const entry = bySlot.get(slot);
    // A pinned actor has its slot for itself already: balance moves it.
    if (entry === undefined || entry.fixed || entry.record.splitFrom !== undefined) continue;
    const owners = candidates.owners(roleOf(entry.record));
    const mine = busy.get(entry.record.owner) ?? 0;
    const mean = owners.reduce((sum, one) => sum + turnsOf(one), 0) / owners.length;
    if (mine < limits.loadTurnsMin || turnsPerSecond < limits.hotShareMin * mine || mine < limits.hotExcessMin * mean)
      continue;
    const [least] = [...owners].sort(
      (one, other) => turnsOf(one) / one.weight - turnsOf(other) / other.weight || (one.node < other.node ? -1 : 1),
    );
    // With all but nothing else there it would only move the trouble.
    const better = least !== undefined && turnsOf(least) + turnsPerSecond < (1 - limits.balanceGainMin) * mine;
    if (better && least.node !== entry.record.owner) return { type: "pin", actor, slot, to: least.node };
  }
  return undefined;
}
