/** Stripes on five to seven nodes whose holders move and die, whose disks rot, fill up and are lost: what was
 *  acknowledged can be read, what somebody refers to is never collected, and in the end everything is whole again.
 *
 *      plan ─► faults ─► calm ─► audit
 *
 *  Faults stay within what is promised: of every acknowledged stripe as many shards stay whole on some disk as suffice.
 *  Beyond that, a shard that nothing has happened to must be on some disk at any time (`shard-kept`). */
import { failure, holderOf, shardsOf, type ActorId, type StripeRef } from "../../protocols/index.ts";
import type { NodeId, Stripes } from "../../node/ports/index.ts";
import { enoughOf } from "../../node/bulk/shards/coding/index.ts";
import type { HolderChange } from "../../actors/shard-holder/state.ts";
import { pathOf, quickLimits, Fixture } from "../unit/bulk/shards/fixture.ts";
import type { World } from "../world/index.ts";
import type { CheckerName } from "./checkers.ts";
import { ShardQuotas } from "./shard-quotas.ts";
import { judge, type Simulated, type Verdict } from "./verdict.ts";

const faultSteps = 70;
const calmMs = 90_000;

/** Runs one seed. */
export const runShardsSeed = (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new ShardsLife(world));

/** A stripe that somebody was told is kept. */
interface Kept {
  readonly ref: StripeRef;
  readonly bytes: Uint8Array;
  readonly owners: Set<ActorId>;
  /** Since when nobody refers to it; it is kept for a while, and may be asked for again. */
  freeMs?: number | undefined;
  /** Who let go of it, and was told that this is known. */
  readonly released: Set<ActorId>;
}

/** The same bytes may be kept in two ways, where none of the holders of the one can be asked when the other is
 *  chosen. */
const keyOf = (ref: StripeRef): string => JSON.stringify(ref);

/** Thrown where a violation ends a run. */
const over = new Error("an invariant is broken");

class ShardsLife implements Simulated {
  readonly #world: World;
  readonly #fixture: Fixture;
  readonly #kept = new Map<string, Kept>();
  /** Shards that were on some disk for good, and to which nothing has happened since. */
  readonly #sound = new Set<string>();
  readonly #dead = new Map<NodeId, { readonly backMs: number }>();
  readonly #quotas: ShardQuotas;
  #owners = 0;
  /** When something last happened to a shard, and to a machine's disks. */
  readonly #hitMs = new Map<string, number>();
  #wipedMs = -1;
  lives = 0;
  replies = 0;
  faults = 0;

  constructor(world: World) {
    this.#world = world;
    const { dice } = world;
    const nodes = 5 + dice.below(3);
    const zones = dice.chance(0.3)
      ? new Map(Array.from({ length: nodes }, (_, index) => [`n${index + 1}`, `z${index % 3}`]))
      : new Map<NodeId, string>();
    this.#fixture = new Fixture(world, { nodes, zones, syncErrorChance: dice.chance(0.25) ? 0.005 : 0 });
    this.#quotas = new ShardQuotas(world, this.#fixture);
    this.#fixture.network.weather.breakChance = dice.chance(0.3) ? 0.002 : 0;
    this.#fixture.holders.weather.lostAnswers = dice.chance(0.4) ? 0.03 : 0;
    this.#fixture.holders.weather.away = dice.chance(0.4) ? 0.05 : 0;
    this.#fixture.holders.changing = (holder, change) => this.#checkInventory(holder, change);
  }

  async run(): Promise<void> {
    try {
      await this.#live();
    } catch (error) {
      if (error !== over) throw error;
    }
  }

  #violate(checker: CheckerName, detail: string): void {
    this.#world.violate(checker, detail);
  }

  async #pass(forMs: number): Promise<void> {
    const untilMs = this.#world.nowMs + forMs;
    this.#world.after(forMs, () => undefined);
    await this.#world.run(() => this.#world.nowMs >= untilMs, untilMs);
    if (this.#world.violations.length > 0) throw over;
  }

  #run(work: Promise<void>): void {
    void work.catch((thrown: unknown) => this.#violate("no-stray-error", String((thrown as Error).stack ?? thrown)));
  }

  /** Lets something take its time. False: it did not end. */
  async #wait(work: Promise<void>, forMs: number): Promise<boolean> {
    let done = false;
    this.#run(work.then(() => void (done = true)));
    const untilMs = this.#world.nowMs + forMs;
    while (!done && this.#world.nowMs < untilMs) await this.#pass(100);
    return done;
  }

  async #live(): Promise<void> {
    const { dice } = this.#world;
    const fixture = this.#fixture;
    for (const { node } of fixture.machines) this.#start(node);
    await this.#pass(600);
    // In some seeds holders move all the time, in some nodes die a lot.
    const weights = { put: 6, read: 5, keep: 1, release: 1, move: dice.pick([1, 5]), crash: dice.pick([1, 3]), wipe: 1, rot: 2, full: 1, cut: dice.pick([0, 2]), lie: 1 }; // prettier-ignore
    const healChance = dice.pick([0.4, 0.1]);
    for (let step = 0; step < faultSteps; step += 1) {
      const what = dice.weighted(weights);
      if (!["put", "read", "keep", "release"].includes(what)) this.faults += 1;
      if (what === "put") this.#run(this.#put());
      if (what === "read") this.#run(this.#read());
      if (what === "keep") this.#run(this.#keep());
      if (what === "release") this.#run(this.#release());
      if (what === "move") this.#move();
      if (what === "crash") this.#crash(dice.pick(fixture.machines).node, false);
      if (what === "wipe") this.#crash(dice.pick(fixture.machines).node, true);
      if (what === "rot") this.#rot();
      if (what === "full") this.#full();
      if (what === "lie") this.#lie();
      if (what === "cut") fixture.network.cut(dice.pick(fixture.machines).node, dice.pick(fixture.machines).node);
      if (dice.chance(healChance)) fixture.network.heal();
      this.#quotas.change();
      await this.#pass(dice.between(0, 900));
      this.#check();
    }

    this.#quotas.lift();
    fixture.network.heal();
    fixture.network.weather.breakChance = 0;
    fixture.holders.weather.lostAnswers = 0;
    fixture.holders.weather.away = 0;
    for (const { files } of fixture.machines) Object.assign(files.weather, { full: false, syncErrorChance: 0 });
    await this.#wait(this.#putAfterRefused(), 60_000);
    for (let passed = 0; passed < calmMs; passed += 3_000) {
      await this.#pass(3_000);
      this.#check();
    }
    await this.#audit();
    for (const { shards } of fixture.machines) shards?.stop();
  }

  // --- people --------------------------------------------------------------------------------------------------------

  #someNode(): NodeId | undefined {
    const up = this.#fixture.machines.filter(({ shards }) => shards !== undefined);
    return up.length === 0 ? undefined : this.#world.dice.pick(up).node;
  }

  /** One for each reference: an end that was asked for must not meet a beginning. */
  #newOwner(): ActorId {
    this.#owners += 1;
    return `user/u${this.#owners}`;
  }

  async #put(): Promise<void> {
    const { dice } = this.#world;
    const node = this.#someNode();
    const stripes = this.#fixture.machine(node ?? "n1").shards?.stripes;
    if (stripes === undefined) return;
    const length = dice.pick([1, 900, 20_000, 60_000]);
    const salt = dice.below(40);
    const bytes = Uint8Array.from({ length }, (_, at) => (at * (salt + 3) + (at >> 7) * salt + salt) & 0xff);
    await this.#putFor(this.#newOwner(), stripes, bytes);
  }

  /** Puts bytes, and takes in what was promised. */
  async #putFor(owner: ActorId, stripes: Stripes, bytes: Uint8Array): Promise<StripeRef | undefined> {
    const startedMs = this.#world.nowMs;
    const put = await stripes.put(bytes, { class: "test", owner });
    if (!put.ok) return undefined;
    this.replies += 1;
    const ref = put.value;
    this.#world.note(
      () => `${ref.id.slice(0, 8)} of ${owner} is kept by ${ref.group}, ${ref.shards.map(({ index }) => index).join()}`,
    );
    // What was lost while it was put may be more than is promised.
    const left = ref.shards.filter(({ hash }) => this.#fixture.isKept(hash)).length;
    const isHit = ref.shards.some(({ hash }) => (this.#hitMs.get(hash) ?? -1) >= startedMs);
    if (left < shardsOf(ref.scheme).enough && (isHit || this.#wipedMs >= startedMs)) return ref;
    const nobody = { ref, bytes, owners: new Set<ActorId>(), released: new Set<ActorId>() };
    const known: Kept = this.#kept.get(keyOf(ref)) ?? nobody;
    known.owners.add(owner);
    known.freeMs = undefined;
    this.#kept.set(keyOf(ref), known);
    const there = ref.shards.filter(({ hash }) => this.#fixture.isKept(hash));
    for (const { hash } of there) this.#sound.add(hash);
    const enough = enoughOf(ref.scheme);
    const wasHit = ref.shards.some(({ hash }) => (this.#hitMs.get(hash) ?? -1) >= startedMs);
    if (there.length < enough && !wasHit && this.#wipedMs < startedMs)
      this.#violate(
        "shard-acknowledged",
        `${ref.id} is acknowledged with ${there.length} of ${enough} shards on disks`,
      );
    const named = ref.shards.filter(({ index }) =>
      this.#fixture.holders.inventory(holderOf(ref.group, index)).some(({ stripe }) => stripe.id === ref.id),
    );
    if (named.length < enough)
      this.#violate("shard-acknowledged", `${ref.id} is acknowledged and in ${named.length} of ${enough} inventories`);
    return ref;
  }

  /** A node whose clock is ahead releases what it has put, one holder hears it, and the caller is refused. Then another
   *  node puts the same bytes for the same owner, while that holder is late. */
  async #putAfterRefused(): Promise<void> {
    const { holders, machines } = this.#fixture;
    const [first, second] = machines.filter(({ shards }) => shards !== undefined);
    if (first?.shards === undefined || second?.shards === undefined) return;
    const bytes = Uint8Array.from({ length: 30_000 }, (_, at) => (at * 7 + (at >> 8) * 13) & 0xff);
    const owner = this.#newOwner();
    const ref = await this.#putFor(owner, first.shards.stripes, bytes);
    const kept = ref && this.#kept.get(keyOf(ref));
    const last = ref?.shards.at(-1);
    if (ref === undefined || kept === undefined || last === undefined) return;
    const late = holderOf(ref.group, last.index);
    const { isServed } = holders;
    holders.isServed = (holder) => holder === late && isServed(holder);
    kept.owners.delete(owner);
    kept.freeMs = this.#world.nowMs;
    first.wall.offsetMs = 3_600_000;
    const releasing = first.shards.stripes.release(ref, owner);
    first.wall.offsetMs = 0;
    const released = await releasing;
    holders.isServed = isServed;
    if (released.ok) kept.released.add(owner);
    holders.lateMsOf = (holder) => (holder === late ? 900 : 0);
    if (!released.ok) await this.#putFor(owner, second.shards.stripes, bytes);
    holders.lateMsOf = () => 0;
  }

  async #read(): Promise<void> {
    const kept = [...this.#kept.values()].filter(({ owners }) => owners.size > 0);
    const node = this.#someNode();
    const stripes = this.#fixture.machine(node ?? "n1").shards?.stripes;
    if (kept.length === 0 || stripes === undefined) return;
    const { ref, bytes, owners } = this.#world.dice.pick(kept);
    const read = await stripes.read(ref);
    if (read.ok && Buffer.compare(Buffer.from(read.value), bytes) !== 0)
      this.#violate("shard-kept", `${ref.id} is read as something else at ${node}`);
    if (!read.ok && read.error.code === "STRIPE_LOST" && owners.size > 0)
      this.#violate("shard-kept", `${ref.id} is called lost at ${node}: ${JSON.stringify(read.error.details)}`);
  }

  async #keep(): Promise<void> {
    const kept = [...this.#kept.values()].filter(({ owners }) => owners.size > 0);
    const stripes = this.#fixture.machine(this.#someNode() ?? "n1").shards?.stripes;
    if (kept.length === 0 || stripes === undefined) return;
    const one = this.#world.dice.pick(kept);
    const owner = this.#newOwner();
    if (!(await stripes.keep(one.ref, owner)).ok || this.#kept.get(keyOf(one.ref)) !== one) return;
    one.owners.add(owner);
    one.freeMs = undefined;
    this.#world.note(() => `${one.ref.id.slice(0, 8)} is kept for ${owner}`);
  }

  async #release(): Promise<void> {
    const kept = [...this.#kept.values()].filter(({ owners }) => owners.size > 0);
    const stripes = this.#fixture.machine(this.#someNode() ?? "n1").shards?.stripes;
    if (kept.length === 0 || stripes === undefined) return;
    const one = this.#world.dice.pick(kept);
    const { ref, owners } = one;
    const owner = this.#world.dice.pick([...owners]);
    // From now on the bytes may go, whatever comes of the question; it is repeated until it is known.
    owners.delete(owner);
    if (owners.size === 0) one.freeMs = this.#world.nowMs;
    this.#world.note(() => `${ref.id.slice(0, 8)} is released by ${owner}`);
    for (;;) {
      const node = this.#someNode();
      const done = await this.#fixture.machine(node ?? "n1").shards?.stripes.release(ref, owner);
      if (done?.ok === true) return void one.released.add(owner);
      await this.#world.sleep(500);
    }
  }

  // --- faults --------------------------------------------------------------------------------------------------------

  #start(node: NodeId): void {
    this.lives += 1;
    this.#dead.delete(node);
    this.#world.note(() => `${node} starts`);
    this.#run(this.#fixture.start(node));
  }

  /** Which stripes would have too few shards left without these files. */
  #survives(lost: (node: NodeId, hash: string) => boolean): boolean {
    for (const kept of this.#kept.values()) {
      if (this.#isOver(kept)) continue;
      const { ref } = kept;
      const left = ref.shards.filter(({ hash }) =>
        this.#fixture.machines.some(
          ({ node, files }) => files.isDurable(pathOf(hash)) && files.isSound(pathOf(hash)) && !lost(node, hash),
        ),
      );
      if (left.length < shardsOf(ref.scheme).enough) return false;
    }
    return true;
  }

  /** Something has happened to what is lost: until it is made good it may be nowhere. */
  #forget(lost: (node: NodeId, hash: string) => boolean): void {
    for (const hash of this.#sound)
      if (
        !this.#fixture.machines.some(
          ({ node, files }) => files.isDurable(pathOf(hash)) && files.isSound(pathOf(hash)) && !lost(node, hash),
        )
      )
        this.#sound.delete(hash);
  }

  #crash(node: NodeId, wipes: boolean): void {
    const { dice } = this.#world;
    const fixture = this.#fixture;
    if (!fixture.isUp(node) || this.#dead.size > 1) return;
    const isLost = (other: NodeId): boolean => other === node;
    if (wipes && !this.#survives(isLost)) return;
    this.#world.note(() => `${node} dies${wipes ? ", its disks are lost" : ""}`);
    if (wipes) this.#forget(isLost);
    fixture.crash(node, { power: wipes || dice.chance(0.5), worst: dice.chance(0.5) });
    if (wipes) fixture.wipe(node);
    if (wipes) this.#wipedMs = this.#world.nowMs;
    const backMs = dice.pick([500, 3_000, 9_000, 25_000]) * dice.between(0.5, 1.5);
    this.#dead.set(node, { backMs });
    this.#world.after(backMs, () => this.#start(node));
    // The directory gives its holders to others when it has been away for a while.
    const patienceMs = dice.between(500, 6_000);
    this.#world.after(patienceMs, () => {
      if (fixture.isUp(node)) return;
      for (const holder of fixture.holdersAt(node)) {
        const to = this.#heir(node);
        if (to !== undefined) this.#give(holder, to);
      }
    });
  }

  /** The node that is up and owns fewest holders. */
  #heir(without: NodeId): NodeId | undefined {
    const up = this.#fixture.machines.filter(({ node, shards }) => node !== without && shards !== undefined);
    return up.toSorted(
      (one, other) => this.#fixture.holdersAt(one.node).length - this.#fixture.holdersAt(other.node).length,
    )[0]?.node;
  }

  #give(holder: ActorId, to: NodeId): void {
    this.#world.note(() => `${holder} goes to ${to}`);
    const { epoch } = this.#fixture.recordOf(holder);
    this.#fixture.change(holder, { owner: to, epoch: epoch + 1, inSync: [to], want: { owner: to, replicas: [to] } });
  }

  /** A planned move: the bytes go ahead. */
  #move(): void {
    const { dice } = this.#world;
    const fixture = this.#fixture;
    const crowded = fixture.machines.toSorted(
      (one, other) => fixture.holdersAt(other.node).length - fixture.holdersAt(one.node).length,
    );
    const holder = dice.pick(
      fixture
        .holdersAt((dice.chance(0.7) ? crowded[0] : dice.pick(fixture.machines))?.node ?? "n1")
        .concat(fixture.all().slice(0, 1)),
    );
    const from = fixture.ownerOf(holder);
    const to = this.#heir(from);
    if (to === undefined || !fixture.isUp(from)) return;
    fixture.change(holder, { want: { owner: to, replicas: [to] } });
    const { epoch } = fixture.recordOf(holder);
    const ask = (): void => {
      const record = fixture.recordOf(holder);
      const shards = fixture.machine(from).shards;
      if (record.epoch !== epoch || record.want?.owner !== to || shards === undefined) return;
      if (!fixture.isUp(to) || !shards.mayHandOver(record.slot, to)) {
        this.#world.after(150, ask);
        return;
      }
      this.#checkMove(holder, from, to);
      this.#give(holder, to);
    };
    ask();
  }

  /** A holder goes where its bytes are: what its owner has for it, the next one has. */
  #checkMove(holder: ActorId, from: NodeId, to: NodeId): void {
    const [old, next] = [this.#fixture.machine(from), this.#fixture.machine(to)];
    // A disk that was lost since they were compared: seconds pass between the two.
    if (this.#wipedMs > this.#world.nowMs - 1_000) return;
    // What came in the last moments follows.
    const settledMs = this.#world.nowMs - 2_000;
    for (const { stripe, shard, heldSinceMs, lost, trashedAtMs } of this.#fixture.holders.inventory(holder)) {
      const hash = stripe.shards[shard]?.hash ?? "";
      if (heldSinceMs > settledMs || lost !== undefined || trashedAtMs !== undefined) continue;
      const had =
        old.owned?.isFor(hash, holder) === true && old.files.isDurable(pathOf(hash)) && old.files.isSound(pathOf(hash));
      if (
        had &&
        this.#isOld(old.owned?.reference([hash, holder])?.atMs, settledMs) &&
        !next.files.isDurable(pathOf(hash))
      )
        this.#violate("shard-moved", `${holder} moves from ${from} to ${to} without ${hash}`);
    }
  }
  #isOld(atMs: number | undefined, beforeMs: number): boolean {
    return atMs !== undefined && atMs < beforeMs;
  }

  #rot(): void {
    const { dice } = this.#world;
    const { node, files } = dice.pick(this.#fixture.machines);
    const paths = files.paths().filter((path) => !path.startsWith("temporary") && files.isDurable(path));
    if (paths.length === 0) return;
    const path = dice.pick(paths);
    const isLost = (other: NodeId, hash: string): boolean => other === node && pathOf(hash) === path;
    if (!this.#survives(isLost)) return;
    this.#forget(isLost);
    this.#world.note(() => `${path} rots at ${node}`);
    this.#hitMs.set(path.slice(3), this.#world.nowMs);
    // Of the bytes, not of the hashes behind them, which can be made anew.
    files.flipBit(path, dice.below(500));
  }

  #full(): void {
    const { files } = this.#world.dice.pick(this.#fixture.machines);
    files.weather.full = true;
    this.#world.after(this.#world.dice.between(500, 6_000), () => (files.weather.full = false));
  }

  /** A node says for a while that it has taken what it has not. */
  #lie(): void {
    const machine = this.#world.dice.pick(this.#fixture.machines);
    if (this.#fixture.machines.some(({ lies }) => lies)) return;
    this.#world.note(() => `${machine.node} lies`);
    machine.lies = true;
    this.#world.after(this.#world.dice.between(500, 4_000), () => (machine.lies = false));
  }

  // --- checkers ------------------------------------------------------------------------------------------------------

  /** An inventory names only what is on some disk for good. */
  #checkInventory(holder: ActorId, change: HolderChange): void {
    if (change.type !== "changed") return;
    for (const { before, after } of change.shards) {
      if (after === undefined || after.lost !== undefined || (before !== undefined && before.lost === undefined))
        continue;
      const hash = after.stripe.shards[after.shard]?.hash ?? "";
      if (!this.#fixture.machines.some(({ files }) => files.isDurable(pathOf(hash))))
        this.#violate("shard-named", `${holder} names ${hash} as held, which is on no disk`);
    }
  }

  /** Whether the bytes may be gone. */
  #isOver({ owners, freeMs = this.#world.nowMs }: Kept): boolean {
    const { collectGraceMs = 0, trashMs = 0 } = quickLimits;
    return owners.size === 0 && this.#world.nowMs - freeMs >= collectGraceMs + trashMs;
  }

  /** What somebody refers to or did a short while ago, and nothing has happened to, is on some disk. */
  #check(): void {
    this.#quotas.check();
    for (const kept of this.#kept.values()) {
      const { ref, owners } = kept;
      for (const { hash } of ref.shards) {
        const isKept = this.#fixture.isKept(hash);
        if (this.#isOver(kept)) this.#sound.delete(hash);
        else if (isKept) this.#sound.add(hash);
        else if (this.#sound.has(hash))
          this.#violate("shard-kept", `${hash} of ${ref.id} was deleted, and ${[...owners].join()} refers to it`);
      }
    }
    if (this.#world.violations.length > 0) throw over;
  }

  async #audit(): Promise<void> {
    const fixture = this.#fixture;
    for (const { ref, released } of this.#kept.values())
      for (const { index } of ref.shards) {
        const held = fixture.holders.inventory(holderOf(ref.group, index)).find(({ stripe }) => stripe.id === ref.id);
        const back = held?.references.find(({ owner }) => released.has(owner));
        if (back !== undefined)
          this.#violate("shard-released", `${back.owner} let go of ${ref.id}, and refers to it at ${index} in the end`);
      }
    const wanted = new Set<string>();
    for (const { ref, bytes, owners } of this.#kept.values()) {
      if (owners.size === 0) continue;
      for (const { hash, index } of ref.shards) {
        wanted.add(hash);
        const owner = fixture.machine(fixture.ownerOf(holderOf(ref.group, index)));
        if (!owner.files.isDurable(pathOf(hash)) || !owner.files.isSound(pathOf(hash)))
          this.#violate("shard-mended", `${hash} of ${ref.id} is not whole at ${owner.node} in the end`);
      }
      for (const { node, shards } of fixture.machines) {
        let found = failure("ASK_TIMEOUT").code as string;
        await this.#wait(
          (async () => {
            const read = await shards?.stripes.read(ref);
            if (read !== undefined) found = !read.ok ? read.error.code : Buffer.compare(Buffer.from(read.value), bytes) === 0 ? "same" : "other"; // prettier-ignore
          })(),
          10_000,
        );
        if (found !== "same") this.#violate("shard-kept", `${ref.id} is read as ${found} at ${node} in the end`);
      }
    }
    if (this.#world.violations.length > 0) throw over;
  }
}
