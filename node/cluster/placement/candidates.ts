/** Which nodes may hold a slot, and which set of them is a good one. Pure; the facts of one round of planning. */
import type { ActorId, NodeShards, Role, SlotId } from "../../../protocols/index.ts";
import type { MemberRecord, NodeId, SlotRecord } from "../../ports/index.ts";
import type { Policy } from "../facts/records.ts";
import { lastingCopies, rankNodes, roleOf, spareDirectory } from "../facts/slot-table.ts";
import type { PlacementLimits } from "./limits.ts";

export type Want = NonNullable<SlotRecord["want"]>;

/** A member as far as placement looks at it. */
export type Candidate = Pick<MemberRecord, "node" | "roles" | "labels" | "weight" | "state">;

/** How busy the cluster is. */
export interface Load {
  /** Turns a second of each slot; those not named are idle. */
  readonly slots: ReadonlyMap<SlotId, number>;
  /** The busiest actors. */
  readonly actors: readonly { readonly actor: ActorId; readonly slot: SlotId; readonly turnsPerSecond: number }[];
}

export interface PlanInput {
  readonly members: readonly Candidate[];
  readonly up: ReadonlySet<NodeId>;
  /** Down for a moment only: they keep the copies they have, and are given nothing. */
  readonly expected?: ReadonlySet<NodeId>;
  /** Down, and not for so long that shard-holders get another home. Absent: those that are expected. */
  readonly awaited?: ReadonlySet<NodeId>;
  /** Members that are up and whose disk takes no writes: other members get their slots. */
  readonly refusing?: ReadonlySet<NodeId>;
  /** Members whose disk is far slower than the others': they own nothing while others can, and are the last to get
   *  copies. */
  readonly slow?: ReadonlySet<NodeId>;
  /** What nodes have of shards, and may have; those not named have said nothing. */
  readonly shards?: ReadonlyMap<NodeId, NodeShards>;
  /** Nodes that gave a holder a while ago: its bytes may be there still, and count. Not one of them gives for its
   *  quota. */
  readonly relieved?: ReadonlySet<NodeId>;
  /** What holders have, as their inventories say; those not named have said nothing. */
  readonly holderBytes?: ReadonlyMap<SlotId, number>;
  readonly slots: readonly SlotRecord[];
  /** The own slots of all shard-holders, also those that are not planned now. Absent: those among `slots`. */
  readonly holders?: readonly SlotRecord[];
  readonly policy: Policy;
  /** Where the embedded directory is kept. When that node is down nobody can be taken out of sync, so it should hold no
   *  copy that writes would wait for. */
  readonly directoryNode?: NodeId | undefined;
  readonly load?: Load | undefined;
  /** Whether slots may be moved only for balance. */
  readonly balance: boolean;
  readonly limits: PlacementLimits;
}

/** The members that may copy the slots of a role. */
interface Pool {
  /** Has the role: could become owner. */
  readonly first: readonly Candidate[];
  /** Does not; taken when there are too few of the first. */
  readonly rest: readonly Candidate[];
  readonly names: ReadonlySet<NodeId>;
  /** Those that are here; the others are expected back. */
  readonly usable: ReadonlySet<NodeId>;
}

/** What is good about a set of copies, beside its size. */
interface Merits {
  readonly zones: number;
  /** Copies, the owner's among them, on disks that are not far slower than the others'. */
  readonly fast: number;
}

/** A node without the label is alone in its zone: nothing is known that would fail together with it. */
export const zoneOf = ({ node, labels }: Candidate): string =>
  labels["zone"] === undefined ? `=${node}` : labels["zone"];

/** Whether a member is there for copies of a role's slots. A backup node, which has the role `storage` alone, is there
 *  to hold what it cannot read: of what people write it has copies only while writes would wait without them, like a
 *  node that drains. */
const mayCopy = ({ roles }: Candidate, role: Role): boolean =>
  role === "storage" || roles.length !== 1 || roles[0] !== "storage";

/** The members of one round, sorted by what they may hold. */
export class Candidates {
  readonly #input: PlanInput;
  readonly #nodes: ReadonlyMap<NodeId, Candidate>;
  /** The members that drain, and backup nodes, whose copies count: they are here, or were a moment ago. */
  readonly #leavers = new Map<Role, readonly Candidate[]>();
  readonly #owners = new Map<Role, readonly Candidate[]>();
  readonly #pools = new Map<string, Pool>();
  readonly #best = new Map<string, Merits>();

  constructor(input: PlanInput) {
    this.#input = input;
    const sorted = [...input.members].sort((one, other) => (one.node < other.node ? -1 : 1));
    this.#nodes = new Map(sorted.map((member) => [member.node, member]));
  }

  get(node: NodeId): Candidate | undefined {
    return this.#nodes.get(node);
  }

  isUp(node: NodeId): boolean {
    return this.#nodes.has(node) && this.#input.up.has(node);
  }

  /** Whether a node may be given anything. */
  isUsable(node: NodeId): boolean {
    const { up, refusing } = this.#input;
    return this.#nodes.get(node)?.state === "active" && up.has(node) && refusing?.has(node) !== true;
  }

  /** Whether a node's disk is far slower than the others'. */
  isSlow(node: NodeId): boolean {
    return this.#input.slow?.has(node) === true;
  }

  /** Nodes that should own slots of a role: not those with a slow disk; not the one that keeps the directory once there
   *  are two others, of which those that are away for a moment count. */
  owners(role: Role): readonly Candidate[] {
    const known = this.#owners.get(role);
    if (known !== undefined) return known;
    const { directoryNode, policy } = this.#input;
    const all = [...this.#nodes.values()].filter(({ node }) => this.mayOwn(node, role));
    const fast = all.filter(({ node }) => !this.isSlow(node));
    const able = fast.length > 0 ? fast : all;
    const others = able.filter(({ node }) => node !== directoryNode);
    const lasting = [...this.#nodes.values()].filter(
      (member) =>
        member.node !== directoryNode &&
        member.roles.includes(role) &&
        member.state === "active" &&
        this.#mayKeep(member),
    );
    const spared = others.length > 0 && spareDirectory(lasting.length, policy.minInSync);
    const owners = spared ? others : able;
    this.#owners.set(role, owners);
    return owners;
  }

  shouldOwn(node: NodeId, role: Role): boolean {
    return this.owners(role).some((owner) => owner.node === node);
  }

  /** Whether a node could own slots of a role: where an operator wants one, it is. */
  mayOwn(node: NodeId, role: Role): boolean {
    return this.isUsable(node) && this.#nodes.get(node)?.roles.includes(role) === true;
  }

  /** All such nodes, by name: also the one that keeps the directory. */
  mayOwnAll(role: Role): readonly Candidate[] {
    return [...this.#nodes.values()].filter(({ node }) => this.mayOwn(node, role));
  }

  /** Whether a node that could own slots of a role is away, and what is at home there waits for it. */
  isAwaited(node: NodeId, role: Role): boolean {
    const member = this.#nodes.get(node);
    const { up, expected, awaited = expected } = this.#input;
    const isAway = awaited?.has(node) === true && !up.has(node);
    return isAway && member?.state === "active" && member.roles.includes(role);
  }

  /** How many copies a slot with this owner should have at the least: on nodes that are here. */
  copies(role: Role, owner: NodeId): number {
    const { usable } = this.#pool(role, owner);
    return Math.min(this.#input.policy.replicas, usable.size + (usable.has(owner) ? 0 : 1));
  }

  /** Whether a set of copies, its owner among them, needs no change: as many as there can be, on nodes with the role
   *  before others, in as many zones as possible, and then so many on fast disks that writes wait for no slow one. A
   *  node that is expected back counts like one that is here, unless writes would wait for it. Nodes that drain have
   *  copies only while the others are too few for writes, and then as many as are missing. */
  isGood(role: Role, owner: NodeId, replicas: readonly NodeId[]): boolean {
    const { policy } = this.#input;
    const { first, names, usable } = this.#pool(role, owner);
    if (!replicas.includes(owner) || replicas.length > Math.max(1, policy.replicas)) return false;
    if (replicas.length < this.copies(role, owner) || !this.#suffices(role, owner, replicas)) return false;
    const leaving = replicas.filter((node) => node !== owner && !names.has(node));
    const staying = replicas.filter((node) => node === owner || usable.has(node));
    const spared = leaving.length === 0 || staying.length === this.copies(role, owner);
    const missing = Math.max(0, this.#leastForWrites - staying.length);
    const leavers = this.#leaversOf(role);
    if (!spared || leaving.length > missing || !leaving.every((node) => leavers.some((one) => one.node === node)))
      return false;
    const leaversHere = leavers.filter(({ node }) => node !== owner && this.isUp(node)).length;
    if (leaving.filter((node) => this.isUp(node)).length < Math.min(missing, leaversHere)) return false;
    const chosen = replicas.flatMap((node) => this.#nodes.get(node) ?? []);
    const others = first.filter(({ node }) => node !== owner && usable.has(node));
    const chosenFirst = chosen.filter(({ node, roles }) => node !== owner && roles.includes(role)).length;
    if (chosenFirst < Math.min(others.length, replicas.length - 1)) return false;
    const [has, best] = [this.#meritsOf(chosen), this.#bestBeside(role, owner, replicas.length)];
    return has.zones >= best.zones && has.fast >= Math.min(best.fast, this.#leastFast);
  }

  /** The best set of copies for an owner, with as little copying as possible. */
  choose(record: SlotRecord, owner: NodeId): Want {
    const role = roleOf(record);
    for (const patient of [true, false]) {
      for (const fastFirst of [false, true]) {
        const want = this.#choose(record, owner, { patient, fastFirst });
        if (this.isGood(role, owner, want.replicas)) return want;
      }
    }
    return this.#choose(record, owner, { patient: false, fastFirst: true });
  }

  /** `patient`: with nodes that are expected back. `fastFirst`: no copying is saved by a slow disk. */
  #choose(
    record: SlotRecord,
    owner: NodeId,
    { patient, fastFirst }: { readonly patient: boolean; readonly fastFirst: boolean },
  ): Want {
    const role = roleOf(record);
    const { first, rest } = this.#pool(role, owner);
    const costOf = (node: NodeId): number => {
      const distance = this.#distance(record, node);
      return this.isSlow(node) && (fastFirst || distance === 2) ? 3 + distance : distance;
    };
    const tiers = [first, rest].map((tier) =>
      rankNodes(record.slot, tier).filter(
        ({ node }) => this.isUsable(node) || (patient && this.#distance(record, node) < 2),
      ),
    );
    const chosen = this.#pick(owner, tiers, { size: Math.max(1, this.#input.policy.replicas), costOf });
    const here = chosen.filter((node) => node === owner || this.isUsable(node)).length;
    const missing = Math.max(0, this.#leastForWrites - here);
    const leaving = missing === 0 ? [] : this.#rankLeavers(record, role, owner).slice(0, missing);
    return { owner, replicas: [...chosen, ...leaving] };
  }

  /** The owner, and from each tier in turn the cheapest, in zones without a chosen one first; of equal ones the
   *  first. */
  #pick(
    owner: NodeId,
    tiers: readonly (readonly Candidate[])[],
    { size, costOf }: { readonly size: number; readonly costOf: (node: NodeId) => number },
  ): readonly NodeId[] {
    const chosen: NodeId[] = [owner];
    const zonesTaken = new Set([this.#nodes.get(owner)].flatMap((one) => (one === undefined ? [] : [zoneOf(one)])));
    for (const tier of tiers) {
      const left = tier.filter(({ node }) => node !== owner);
      while (chosen.length < size && left.length > 0) {
        const key = (one: Candidate): number => (zonesTaken.has(zoneOf(one)) ? 100 : 0) + costOf(one.node);
        const best = left.reduce((one, other) => (key(other) < key(one) ? other : one));
        left.splice(left.indexOf(best), 1);
        chosen.push(best.node);
        zonesTaken.add(zoneOf(best));
      }
    }
    return chosen;
  }

  /** What a set of so many copies on nodes that are here can have at the most. */
  #bestBeside(role: Role, owner: NodeId, size: number): Merits {
    const key = `${role}|${owner}|${size}`;
    const known = this.#best.get(key);
    if (known !== undefined) return known;
    const { first, rest } = this.#pool(role, owner);
    const tiers = [first, rest].map((tier) => tier.filter(({ node }) => this.isUsable(node)));
    const picked = this.#pick(owner, tiers, { size, costOf: (node) => Number(this.isSlow(node)) });
    const best = this.#meritsOf(picked.flatMap((node) => this.#nodes.get(node) ?? []));
    this.#best.set(key, best);
    return best;
  }

  #meritsOf(copies: readonly Candidate[]): Merits {
    return {
      zones: new Set(copies.map(zoneOf)).size,
      fast: copies.filter(({ node }) => !this.isSlow(node)).length,
    };
  }

  /** The draining nodes, in the order in which they may keep a copy meanwhile: nodes that are up first, then those
   *  whose disk is not slow, then those that cost the least copying, then those whose death lets no writes wait, then
   *  those that could take over. Zones do not count: it is not for long. */
  #rankLeavers(record: SlotRecord, role: Role, owner: NodeId): readonly NodeId[] {
    const keeper = this.#input.directoryNode;
    const facts = ({ node, roles }: Candidate): readonly number[] =>
      [!this.isUp(node), this.isSlow(node), distanceOf(record, node), node === keeper, !roles.includes(role)].map(
        Number,
      );
    const compare = (one: readonly number[], other: readonly number[]): number =>
      one.reduce((before, value, index) => before || value - (other[index] ?? 0), 0);
    const able = this.#leaversOf(role).filter(
      ({ node }) => node !== owner && (this.isUp(node) || record.inSync.includes(node)),
    );
    return rankNodes(record.slot, able)
      .map((candidate) => ({ node: candidate.node, facts: facts(candidate) }))
      .sort((one, other) => compare(one.facts, other.facts))
      .map(({ node }) => node);
  }

  /** How many copies in sync writes need; no policy that is obeyed asks for more than there are to be. */
  get #leastForWrites(): number {
    const { minInSync, replicas } = this.#input.policy;
    return Math.min(minInSync, Math.max(1, replicas));
  }

  /** How many copies on fast disks let the slow ones be spared. */
  get #leastFast(): number {
    return lastingCopies(this.#input.policy.minInSync);
  }

  /** Whether writes of a set of copies wait for a slow disk: its owner's, or another's where too few others are
   *  fast. */
  waitsForSlow({ owner, replicas }: Want): boolean {
    const slow = replicas.filter((node) => this.isSlow(node));
    return this.isSlow(owner) || (slow.length > 0 && replicas.length - slow.length < this.#leastFast);
  }

  /** Whether `to` in place of `from` leaves a good set good. */
  maySwap(record: SlotRecord, want: Want, swap: { readonly from: NodeId; readonly to: NodeId }): boolean {
    if (swap.from === want.owner || want.replicas.includes(swap.to)) return false;
    const role = roleOf(record);
    const replicas = want.replicas.map((node) => (node === swap.from ? swap.to : node));
    return this.isUsable(swap.to) && this.isGood(role, want.owner, replicas);
  }

  /** Whether enough of the copies are on nodes that are here for writes to go on. */
  #suffices(role: Role, owner: NodeId, replicas: readonly NodeId[]): boolean {
    const least = Math.min(this.#input.policy.minInSync, this.copies(role, owner));
    return replicas.filter((node) => node === owner || this.isUsable(node)).length >= least;
  }

  /** Whether a node may keep its slots: it is up or was a moment ago, and its disk takes writes. */
  #mayKeep({ node }: Candidate): boolean {
    const { up, expected, refusing } = this.#input;
    return (up.has(node) || expected?.has(node) === true) && refusing?.has(node) !== true;
  }

  /** The nodes that have copies of a role's slots only while others are too few. */
  #leaversOf(role: Role): readonly Candidate[] {
    const known = this.#leavers.get(role);
    if (known !== undefined) return known;
    const leavers = [...this.#nodes.values()].filter(
      (member) => (member.state === "draining" || !mayCopy(member, role)) && this.#mayKeep(member),
    );
    this.#leavers.set(role, leavers);
    return leavers;
  }

  /** How far a node is from having a copy that counts; one in sync that may be given nothing is as far as one on its
   *  way. */
  #distance(record: SlotRecord, node: NodeId): number {
    const far = distanceOf(record, node);
    return far === 0 && !this.isUsable(node) ? 1 : far;
  }

  #pool(role: Role, owner: NodeId): Pool {
    const { directoryNode, policy } = this.#input;
    const key = `${role}|${owner === directoryNode}`;
    const known = this.#pools.get(key);
    if (known !== undefined) return known;
    const all = [...this.#nodes.values()].filter(
      (member) => member.state === "active" && this.#mayKeep(member) && mayCopy(member, role),
    );
    const others = all.filter(({ node }) => node !== directoryNode);
    // Two others that are here, so that the slot survives the death of one; and as many as writes need. One with a slow
    // disk is none of them: writes would wait for it.
    const helps = directoryNode !== undefined && !this.isSlow(directoryNode);
    const here = others.filter(({ node }) => this.isUsable(node) && !(helps && this.isSlow(node))).length;
    const avoid = owner !== directoryNode && spareDirectory(here, policy.minInSync);
    const candidates = avoid ? others : all;
    const pool: Pool = {
      first: candidates.filter(({ roles }) => roles.includes(role)),
      rest: candidates.filter(({ roles }) => !roles.includes(role)),
      names: new Set(candidates.map(({ node }) => node)),
      usable: new Set(candidates.flatMap(({ node }) => (this.isUsable(node) ? [node] : []))),
    };
    this.#pools.set(key, pool);
    return pool;
  }
}

/** How far a node is from having a copy: in sync, on its way, or neither. */
function distanceOf({ inSync, learners, want }: SlotRecord, node: NodeId): number {
  if (inSync.includes(node)) return 0;
  return learners.includes(node) || want?.replicas.includes(node) === true ? 1 : 2;
}
