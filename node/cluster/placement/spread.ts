/** Keeps the owners of one group's shard-holders apart: on distinct nodes first, then in distinct zones, then by
 *  weight. Pure.
 *
 *  A holder has a home: the node that should own it, and so has its bytes or gets them. It is in the slot's record,
 *  because a node that stops or dies gives its slots away in a moment, and its bytes are still there when it comes
 *  back. So a holder returns to a home that is expected back, and has another only when that one is gone, or when it
 *  stands too close to others.
 *
 *  A node that has more than its quota gives a holder to one that has room for it and fewer holders of its group. What
 *  it takes, its inventory says; of one that has not said it, all that its node has is taken for its own.
 *
 *  Every move makes the group's squares of holders by node smaller, or leaves them and makes those by zone smaller, or
 *  leaves both and makes what is beyond quotas less, or those of all holders by weight smaller; none for weight
 *  brings a holder to a node without room for it. So moves come to an end, and a plan that was carried out is followed
 *  by an empty one. */
import { beyondQuota, holderAt, type NodeShards, type SlotId } from "../../../protocols/index.ts";
import type { NodeId, SlotRecord } from "../../ports/index.ts";
import { rankNodes } from "../facts/slot-table.ts";
import { zoneOf, type Candidate, type Candidates, type PlanInput } from "./candidates.ts";

const role = "storage";

/** The group of the holder whose own slot this is; undefined when it is no holder's. */
export const groupOf = (slot: SlotId): string | undefined => holderAt(slot)?.group;

/** A holder in a round: where it is at home. */
interface Holder {
  readonly record: SlotRecord;
  home: NodeId;
  /** An operator put it there, its home is expected back, or its owner is not up: it stays. */
  readonly stays: boolean;
}

/** Counts holders: of a group by node and by zone, and all by node. */
class Counts {
  readonly #counts = new Map<string, number>();

  of(...name: readonly string[]): number {
    return this.#counts.get(name.join("|")) ?? 0;
  }

  add(by: number, ...name: readonly string[]): void {
    this.#counts.set(name.join("|"), this.of(...name) + by);
  }
}

/** What is known of shards and their bytes. */
type ShardFacts = Pick<PlanInput, "shards" | "relieved" | "holderBytes">;

/** The homes of all holders, as they should be. */
export class Spread {
  readonly #candidates: Candidates;
  readonly #holders = new Map<SlotId, Holder>();
  readonly #counts = new Counts();
  readonly #nodes: readonly Candidate[];
  readonly #shards: ReadonlyMap<NodeId, NodeShards>;
  readonly #relieved: ReadonlySet<NodeId>;
  readonly #holderBytes: ReadonlyMap<SlotId, number>;

  /** `records`: the slots of all holders; others are passed over. */
  constructor(
    records: Iterable<SlotRecord>,
    candidates: Candidates,
    { shards = new Map(), relieved = new Set(), holderBytes = new Map() }: ShardFacts = {},
  ) {
    this.#candidates = candidates;
    this.#shards = shards;
    this.#relieved = relieved;
    this.#holderBytes = holderBytes;
    this.#nodes = candidates.mayOwnAll(role);
    const all = [...records]
      .filter(({ slot }) => groupOf(slot) !== undefined)
      .sort((one, other) => (one.slot < other.slot ? -1 : 1));
    const homeless: SlotRecord[] = [];
    for (const record of all) {
      const { held, want, owner } = record;
      const isHeld = held !== undefined && candidates.mayOwn(held, role);
      const home = isHeld ? held : (record.home ?? want?.owner ?? owner);
      // Without an owner that is up it goes nowhere before its failover; a home that is away for a moment is waited
      // for.
      const waits = !candidates.isUp(owner) || candidates.isAwaited(home, role);
      if (!waits && !candidates.mayOwn(home, role)) homeless.push(record);
      else this.#settle({ record, home, stays: isHeld || waits });
    }
    for (const record of homeless) {
      const home = this.#best(record);
      if (home !== undefined) this.#settle({ record, home: home.node, stays: false });
    }
    this.#part();
  }

  /** Where a holder should be at home; undefined when no node may own it. */
  homeOf(slot: SlotId): NodeId | undefined {
    return this.#holders.get(slot)?.home;
  }

  /** One move that is no need, but better: for zones first, then for quotas, then for weights. `may` says which
   *  holders may move now. */
  better(
    may: (slot: SlotId) => boolean,
    looksMax: number,
  ): { readonly slot: SlotId; readonly home: NodeId } | undefined {
    const moves = this.#movable().filter(({ record }) => may(record.slot));
    const kinds: readonly (readonly [readonly Holder[], (holder: Holder, to: Candidate) => boolean])[] = [
      [moves, (holder, to) => this.#gainsZones(holder, to)],
      [this.#relieving(moves), (holder, to) => this.#isNoWorse(holder, to) && this.#hasRoom(holder, to)],
      [moves, (holder, to) => this.#gainsWeight(holder, to)],
    ];
    for (const [some, gains] of kinds)
      for (const holder of some.slice(0, Math.ceil(looksMax / Math.max(1, this.#nodes.length)))) {
        const [to] = this.#ranked(
          holder.record,
          this.#nodes.filter((one) => gains(holder, one)),
        );
        if (to !== undefined) return { slot: holder.record.slot, home: to.node };
      }
    return undefined;
  }

  // --- homes ---------------------------------------------------------------------------------------------------------

  #settle(holder: Holder): void {
    this.#holders.set(holder.record.slot, holder);
    this.#count(holder, 1);
  }

  #count({ record: { slot }, home }: Holder, by: 1 | -1): void {
    const group = groupOf(slot) ?? "";
    const member = this.#candidates.get(home);
    this.#counts.add(by, "node", group, home);
    if (member !== undefined) this.#counts.add(by, "zone", group, zoneOf(member));
    this.#counts.add(by, "all", home);
  }

  #move(holder: Holder, to: NodeId): void {
    this.#count(holder, -1);
    holder.home = to;
    this.#count(holder, 1);
  }

  /** No node has two holders more of a group than another one. */
  #part(): void {
    for (;;) {
      const found = this.#tooClose();
      if (found === undefined) return;
      this.#move(found.holder, found.to);
    }
  }

  #tooClose(): { readonly holder: Holder; readonly to: NodeId } | undefined {
    for (const holder of this.#movable()) {
      if (this.#counts.of("node", groupOf(holder.record.slot) ?? "", holder.home) < 2) continue;
      const to = this.#best(holder.record);
      if (to !== undefined && this.#more(holder, to) >= 2) return { holder, to: to.node };
    }
    return undefined;
  }

  /** Those that may move: of two at a node first the one that costs less there and is of a later number. */
  #movable(): readonly Holder[] {
    const away = ({ record, home }: Holder): number => (record.owner === home ? 1 : 0);
    return [...this.#holders.values()]
      .filter(({ stays }) => !stays)
      .sort((one, other) => away(one) - away(other) || (one.record.slot > other.record.slot ? -1 : 1));
  }

  /** How many more holders of its group a holder's home has than another node. */
  #more({ record: { slot }, home }: Holder, to: Candidate): number {
    const group = groupOf(slot) ?? "";
    return this.#counts.of("node", group, home) - this.#counts.of("node", group, to.node);
  }

  /** The same of zones. */
  #moreInZone({ record: { slot }, home }: Holder, to: Candidate): number {
    const group = groupOf(slot) ?? "";
    const from = this.#candidates.get(home);
    const [here, there] = [from === undefined ? "" : zoneOf(from), zoneOf(to)];
    return here === there ? 1 : this.#counts.of("zone", group, here) - this.#counts.of("zone", group, there);
  }

  #gainsZones(holder: Holder, to: Candidate): boolean {
    return this.#more(holder, to) === 1 && this.#moreInZone(holder, to) >= 2;
  }

  /** A move leaves the squares by node as they are, and makes those by zone no larger. */
  #isNoWorse(holder: Holder, to: Candidate): boolean {
    return this.#more(holder, to) === 1 && this.#moreInZone(holder, to) >= 1;
  }

  /** Holders of nodes that have more than their quotas and gave none lately: first those that are enough, the smallest
   *  first; then the largest. */
  #relieving(holders: readonly Holder[]): readonly Holder[] {
    return holders
      .flatMap((holder) => {
        const beyondBytes = beyondQuota(this.#shards.get(holder.home) ?? {});
        const bytes = this.#bytesOf(holder);
        if (beyondBytes === undefined || bytes === 0 || this.#relieved.has(holder.home)) return [];
        return [{ holder, bytes, isEnough: bytes >= beyondBytes }];
      })
      .sort(
        (one, other) =>
          Number(other.isEnough) - Number(one.isEnough) ||
          (one.isEnough ? one.bytes - other.bytes : other.bytes - one.bytes),
      )
      .map(({ holder }) => holder);
  }

  /** No holder has more than this. */
  #bytesOf({ record: { slot }, home }: Holder): number {
    return this.#holderBytes.get(slot) ?? this.#shards.get(home)?.usedBytes ?? 0;
  }

  /** Whether a node has room for a holder, as far as it and the holder's node say. */
  #hasRoom(holder: Holder, to: Candidate): boolean {
    const { roomBytes = Infinity, usedBytes = 0, quotaBytes = Infinity, allowed } = this.#shards.get(to.node) ?? {};
    const most = Math.min(quotaBytes, allowed?.quotaBytes ?? Infinity);
    return this.#bytesOf(holder) <= Math.min(roomBytes, most - usedBytes);
  }

  /** By a whole holder and more: bytes are moved for it. */
  #gainsWeight(holder: Holder, to: Candidate): boolean {
    const from = this.#candidates.get(holder.home);
    if (from === undefined || !this.#isNoWorse(holder, to) || !this.#hasRoom(holder, to)) return false;
    const all = ({ node }: Candidate): number => this.#counts.of("all", node);
    return (all(from) - 1) / from.weight > (all(to) + 1) / to.weight;
  }

  /** The node that should get a holder. */
  #best(record: SlotRecord): Candidate | undefined {
    return this.#ranked(record, this.#nodes)[0];
  }

  /** The nodes in the order in which they should get it: those with the fewest of its group, in the emptiest zone,
   *  emptiest by weight, with a copy of the inventory. */
  #ranked(record: SlotRecord, nodes: readonly Candidate[]): readonly Candidate[] {
    const group = groupOf(record.slot) ?? "";
    const facts = (one: Candidate): readonly number[] => [
      this.#counts.of("node", group, one.node),
      beyondQuota(this.#shards.get(one.node) ?? {}) === undefined ? 0 : 1,
      this.#counts.of("zone", group, zoneOf(one)),
      (this.#counts.of("all", one.node) + 1) / one.weight,
      record.inSync.includes(one.node) ? 0 : 1,
    ];
    return rankNodes(record.slot, nodes)
      .map((one) => ({ one, facts: facts(one) }))
      .sort((left, right) => left.facts.reduce((before, fact, index) => before || fact - (right.facts[index] ?? 0), 0))
      .map(({ one }) => one);
  }
}

/** How many holders of each group every node owns now. */
export class OwnerCounts {
  readonly #counts = new Counts();

  constructor(records: Iterable<SlotRecord>, isUp: (node: NodeId) => boolean) {
    for (const { slot, owner } of records) if (isUp(owner)) this.add(slot, owner);
  }

  of(group: string, node: NodeId): number {
    return this.#counts.of(group, node);
  }

  add(slot: SlotId, owner: NodeId): void {
    const group = groupOf(slot);
    if (group !== undefined) this.#counts.add(1, group, owner);
  }
}

/** Of nodes that could take a slot over, those that own the fewest holders of its group; all where it is no
 *  holder's. */
export function fewestOfGroup(slot: SlotId, nodes: readonly Candidate[], owners: OwnerCounts): readonly Candidate[] {
  const group = groupOf(slot);
  if (group === undefined) return nodes;
  const least = Math.min(...nodes.map(({ node }) => owners.of(group, node)));
  return nodes.filter(({ node }) => owners.of(group, node) === least);
}
