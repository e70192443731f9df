/** Files of a room on five to seven nodes that store copies and stripes of them, crash, lose their disks and give the
 *  room and its holders to one another: what was posted can be read, and of what was deleted nothing stays.
 *
 *      post, read, delete ═ faults ─► calm ─► everything is in stripes, and nothing else ─► as many nodes die as may
 *
 *  Faults stay within what is promised: of each stripe that is settled as many shards stay whole on some disk as suffice,
 *  and nodes with copies lose no disks. */
import { hashOf } from "../../node/bulk/blobs/index.ts";
import { countsOf } from "../../node/bulk/shards/coding/index.ts";
import type { NodeId } from "../../node/ports/index.ts";
import { actorLimits } from "../../actors/limits.ts";
import type { Room } from "../../actors/room/shape.ts";
import type { ActorId, KeptFile } from "../../protocols/index.ts";
import { FilesFixture, lobby, type Posted } from "../unit/bulk/attachments/fixture.ts";
import { pathOf } from "../unit/bulk/shards/fixture.ts";
import type { World } from "../world/index.ts";
import type { CheckerName } from "./checkers.ts";
import { judge, type Simulated, type Verdict } from "./verdict.ts";

const faultSteps = 60;
const calmMs = 120_000;
/** Disks are not lost one right after the other: what was on one is made again first. */
const betweenWipesMs = 15_000;

/** Runs one seed. */
export const runFilesSeed = (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new FilesLife(world));

/** Thrown where a violation ends a run. */
const over = new Error("an invariant is broken");

class FilesLife implements Simulated {
  readonly #world: World;
  readonly #fixture: FilesFixture;
  /** Files that were posted, as the poster was told, and those that somebody has begun to delete. */
  readonly #posted: Posted[] = [];
  readonly #going = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #dead = new Set<NodeId>();
  readonly #settled = new Set<string>();
  #wipedMs = -betweenWipesMs;
  lives = 0;
  replies = 0;
  faults = 0;

  constructor(world: World) {
    this.#world = world;
    const { dice } = world;
    const nodes = 5 + dice.below(3);
    const places = ["n1", "n2", "n3"].slice(0, 1 + dice.below(3));
    this.#fixture = new FilesFixture(world, { nodes, syncErrorChance: dice.chance(0.25) ? 0.005 : 0 }, places);
    // So every stripe bears two losses, whatever was there when it was coded.
    this.#fixture.replicas = 3;
    this.#fixture.network.weather.breakChance = dice.chance(0.3) ? 0.002 : 0;
    this.#fixture.holders.weather.lostAnswers = dice.chance(0.4) ? 0.03 : 0;
    this.#fixture.holders.weather.away = dice.chance(0.4) ? 0.05 : 0;
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

  /** What some work comes to; undefined: it did not end in time. */
  async #wait<Value>(work: Promise<Value>, forMs = 30_000): Promise<Value | undefined> {
    let [done, value]: [boolean, Value | undefined] = [false, undefined];
    this.#run(work.then((found) => void ([done, value] = [true, found])));
    const untilMs = this.#world.nowMs + forMs;
    while (!done && this.#world.nowMs < untilMs) await this.#pass(50);
    return value;
  }

  async #live(): Promise<void> {
    const { dice } = this.#world;
    const fixture = this.#fixture;
    for (const { node } of fixture.machines) this.#start(node);
    await this.#pass(600);
    for (let tries = 0; fixture.holders.stateOf(lobby) === null; tries += 1) {
      if (tries === 20) this.#violate("liveness", "the room was not made");
      await this.#wait(fixture.create().catch(() => undefined));
    }
    const weights = { post: 5, read: 6, remove: 2, crash: dice.pick([1, 3]), wipe: 1, room: dice.pick([1, 3]), full: 1, cut: dice.pick([0, 2]) }; // prettier-ignore
    const healChance = dice.pick([0.5, 0.15]);
    for (let step = 0; step < faultSteps; step += 1) {
      const what = dice.weighted(weights);
      if (!["post", "read", "remove"].includes(what)) this.faults += 1;
      if (what === "post") this.#run(this.#post());
      if (what === "read") this.#run(this.#read());
      if (what === "remove") this.#run(this.#remove());
      if (what === "crash") this.#crash(dice.pick(fixture.machines).node, false);
      if (what === "wipe") this.#crash(dice.pick(fixture.machines).node, true);
      if (what === "room") this.#moveRoom();
      if (what === "full") this.#full();
      if (what === "cut") fixture.network.cut(dice.pick(fixture.machines).node, dice.pick(fixture.machines).node);
      if (dice.chance(healChance)) fixture.network.heal();
      await this.#pass(dice.between(0, 1_200));
      this.#check();
    }
    fixture.network.heal();
    fixture.network.weather.breakChance = 0;
    fixture.holders.weather.lostAnswers = 0;
    fixture.holders.weather.away = 0;
    for (const { files } of fixture.machines) Object.assign(files.weather, { full: false, syncErrorChance: 0 });
    await this.#pass(20_000);
    this.#spread();
    for (let passed = 0; passed < calmMs; passed += 3_000) {
      await this.#pass(3_000);
      this.#check();
    }
    await this.#audit();
  }

  #start(node: NodeId): void {
    this.lives += 1;
    this.#dead.delete(node);
    this.#run(this.#fixture.start(node));
  }

  /** A node that is up, at random. */
  #someone(): NodeId | undefined {
    const up = this.#fixture.machines.filter(({ node }) => this.#fixture.beside(node).attachments !== undefined);
    return up.length === 0 ? undefined : this.#world.dice.pick(up).node;
  }

  async #post(): Promise<void> {
    const node = this.#someone();
    if (node === undefined) return;
    const posted = await this.#fixture.post(node, this.#world.dice.pick([1, 2, 3, 9, 17]));
    if (!posted.ok) return;
    this.replies += 1;
    this.#world.note(() => `${posted.value.id} is posted as ${posted.value.seq}`);
    this.#posted.push(posted.value);
  }

  #one(): Posted | undefined {
    const there = this.#posted.filter(({ id }) => !this.#going.has(id));
    return there.length === 0 ? undefined : this.#world.dice.pick(there);
  }

  /** Anybody may read anywhere: what comes is what was sent. */
  async #read(): Promise<void> {
    const [file, node] = [this.#one(), this.#someone()];
    if (file === undefined || node === undefined) return;
    const read = await this.#fixture.readAt(node, file);
    if (read === "other") this.#violate("file-kept", `${file.id} is read as something else at ${node}`);
  }

  async #remove(): Promise<void> {
    const file = this.#one();
    if (file === undefined) return;
    this.#going.add(file.id);
    const removed = await this.#fixture.remove(file);
    if (removed.ok) this.#gone.add(file.id);
  }

  // --- faults --------------------------------------------------------------------------------------------------------

  #crash(node: NodeId, wipes: boolean): void {
    const { dice } = this.#world;
    const fixture = this.#fixture;
    if (!fixture.isUp(node) || this.#dead.size > 1) return;
    if (wipes && !this.#maybeWiped(node)) return;
    this.#world.note(() => `${node} dies${wipes ? ", its disks are lost" : ""}`);
    fixture.crash(node, { power: wipes || dice.chance(0.5), worst: dice.chance(0.5) });
    if (wipes) fixture.wipe(node);
    if (wipes) this.#wipedMs = this.#world.nowMs;
    this.#dead.add(node);
    this.#world.after(dice.pick([500, 3_000, 9_000]) * dice.between(0.5, 1.5), () => this.#start(node));
    this.#world.after(dice.between(500, 5_000), () => {
      if (!fixture.isUp(node)) this.#leave(node);
    });
  }

  /** Whether everything survives if a node loses its disks now. */
  #maybeWiped(node: NodeId): boolean {
    const { inSync, learners } = this.#fixture.recordOf(lobby);
    if (inSync.includes(node) || learners.includes(node)) return false;
    if (this.#world.nowMs - this.#wipedMs < betweenWipesMs) return false;
    return this.#fixture.stripes().every(({ stripe }) => {
      const left = stripe.shards.filter(({ hash }) =>
        this.#fixture.machines.some(
          (one) => one.node !== node && one.files.isDurable(pathOf(hash)) && one.files.isSound(pathOf(hash)),
        ),
      );
      return left.length >= countsOf(stripe.scheme).k;
    });
  }

  /** The directory gives what a node owned to others when it has been away for a while. */
  #leave(node: NodeId): void {
    const fixture = this.#fixture;
    for (const holder of fixture.holdersAt(node)) {
      const record = fixture.recordOf(holder);
      const up = fixture.machines.filter((one) => fixture.isUp(one.node)).map((one) => one.node);
      const inSync = record.inSync.filter((one) => one !== node && fixture.isUp(one));
      const to =
        holder === lobby
          ? inSync[0]
          : up.toSorted((one, other) => fixture.holdersAt(one).length - fixture.holdersAt(other).length)[0];
      if (to === undefined) continue;
      this.#world.note(() => `${holder} goes to ${to}`);
      const rest = holder === lobby ? { inSync } : { inSync: [to], want: { owner: to, replicas: [to] } };
      fixture.change(holder, { owner: to, epoch: record.epoch + 1, ...rest });
    }
  }

  /** Holders go where they are one for each node, by plan, their bytes ahead of them. */
  #spread(): void {
    const fixture = this.#fixture;
    for (const [index, holder] of fixture
      .all()
      .filter((actor) => actor !== lobby)
      .entries()) {
      const to = fixture.machines[index]?.node ?? "";
      fixture.change(holder, { want: { owner: to, replicas: [to] } });
      const ask = (): void => {
        const { slot, owner, epoch } = fixture.recordOf(holder);
        if (owner === to) return;
        if (fixture.machine(owner).shards?.mayHandOver(slot, to) === true)
          return fixture.change(holder, { owner: to, epoch: epoch + 1, inSync: [to] });
        this.#world.after(150, ask);
      };
      ask();
    }
  }

  /** The room's slot leaves a node, or gets one, as replication does it. */
  #moveRoom(): void {
    const { dice } = this.#world;
    const fixture = this.#fixture;
    const { inSync, learners, epoch, owner } = fixture.recordOf(lobby);
    if (inSync.length > 1 && (inSync.length > 2 || dice.chance(0.5))) {
      const leaves = dice.pick(inSync);
      const rest = inSync.filter((node) => node !== leaves);
      const next = owner === leaves ? rest.find((node) => fixture.isUp(node)) : owner;
      if (next !== undefined && fixture.isUp(next))
        fixture.change(lobby, { inSync: rest, owner: next, epoch: epoch + (next === owner ? 0 : 1) });
      return;
    }
    const comes = dice.pick(fixture.machines).node;
    if (inSync.includes(comes) || learners.length > 0 || !fixture.isUp(comes)) return;
    fixture.change(lobby, { learners: [comes] });
    this.#world.after(dice.between(20, 1_000), () => {
      const now = fixture.recordOf(lobby);
      fixture.change(lobby, fixture.isUp(comes) ? { inSync: [...now.inSync, comes], learners: [] } : { learners: [] });
    });
  }

  #full(): void {
    const { files } = this.#world.dice.pick(this.#fixture.machines);
    files.weather.full = true;
    this.#world.after(this.#world.dice.between(500, 6_000), () => (files.weather.full = false));
  }

  // --- checkers ------------------------------------------------------------------------------------------------------

  /** What was posted is on disks: as a copy, or as enough shards of a stripe that is settled. */
  #check(): void {
    const striped = new Map(this.#fixture.stripes().flatMap((one) => one.parts.map((part) => [part, one] as const)));
    for (const file of this.#posted) {
      if (this.#going.has(file.id)) continue;
      for (const part of file.parts) {
        const hash = hashOf(part);
        if (this.#fixture.copiesOf(hash).length > 0) continue;
        const one = striped.get(hash);
        const left = one?.stripe.shards.filter((shard) => this.#fixture.isKept(shard.hash)).length ?? 0;
        if (one?.settled !== true || left < countsOf(one.stripe.scheme).k)
          this.#violate("file-kept", `${hash} of ${file.id} is no copy, and has ${left} shards (${one?.settled})`);
      }
    }
    for (const { stripe, settled } of this.#fixture.stripes()) {
      if (settled !== true || this.#settled.has(stripe.id)) continue;
      this.#settled.add(stripe.id);
      if (this.#world.nowMs - this.#wipedMs < betweenWipesMs) continue;
      const lacks = stripe.shards.filter(({ hash }) => !this.#fixture.isKept(hash)).map(({ index }) => index);
      if (lacks.length > 0)
        this.#violate("file-settled", `${stripe.id} is settled without its shards at ${lacks.join()}`);
      const unsure = this.#fixture.unsureOf(stripe);
      if (unsure.length > 0)
        this.#violate("file-settled", `${stripe.id} is settled, and ${unsure.join()} may let go of its shard`);
    }
    if (this.#world.violations.length > 0) throw over;
  }

  async #audit(): Promise<void> {
    const fixture = this.#fixture;
    const kept = fixture.holders.recordsOf(lobby, "kept/").map(([, value]) => value as KeptFile);
    const { inSync } = fixture.recordOf(lobby);
    for (const file of this.#posted) {
      const isThere = kept.some(({ id }) => id === file.id);
      if (!isThere && !this.#going.has(file.id)) this.#violate("file-kept", `${file.id} was posted, and is no more`);
      if (isThere && this.#gone.has(file.id)) this.#violate("file-left", `${file.id} was deleted, and is still there`);
      if (!isThere) continue;
      for (const { node } of fixture.machines) {
        const read = await this.#wait(fixture.readAt(node, file));
        if (read !== "same") this.#violate("file-kept", `${file.id} is read as ${read} at ${node} in the end`);
      }
    }
    const settled = new Map(fixture.stripes().flatMap((one) => one.parts.map((part) => [part, one.settled] as const)));
    const alone = new Set<string>();
    for (const { id, parts } of kept)
      for (const [index, part] of parts.entries()) {
        const first = index - (index % actorLimits.filePieceParts);
        if (parts.length - first < 2) alone.add(part);
        else if (settled.get(part) !== true) this.#violate("file-left", `${part} of ${id} is in no stripe in the end`);
      }
    // Uploads whose sender was told of a failure stay for a day.
    const { uploads = [] } = fixture.holders.stateOf(lobby) as Room;
    const coming = new Set(uploads.flatMap(({ parts }) => parts));
    for (const { node } of fixture.machines)
      for (const path of fixture.beside(node).disk.paths()) {
        const hash = path.slice(3);
        if (!coming.has(hash) && !(alone.has(hash) && inSync.includes(node)))
          this.#violate("file-left", `${node} has a copy of ${hash} in the end`);
      }
    const known = new Set(fixture.stripes().map(({ stripe }) => stripe.id));
    for (const holder of fixture.all().filter((actor) => actor !== lobby))
      for (const { stripe } of fixture.holders.inventory(holder))
        if (!known.has(stripe.id)) this.#violate("file-left", `${holder} keeps ${stripe.id} in the end`);
    await this.#withoutSome(kept);
    if (this.#world.violations.length > 0) throw over;
  }

  /** As many nodes die as the schemes bear: all is read all the same. */
  async #withoutSome(kept: readonly KeptFile[]): Promise<void> {
    const fixture = this.#fixture;
    const owner = fixture.ownerOf(lobby);
    const others = fixture.machines.map(({ node }) => node).filter((node) => node !== owner);
    const holders = fixture.all().filter((actor): actor is ActorId => actor !== lobby);
    // A node that has two holders of the group counts for two.
    const dying = others
      .filter((node) => holders.filter((one) => fixture.ownerOf(one) === node).length < 2)
      .slice(0, 2);
    for (const node of dying) fixture.crash(node, { power: true });
    for (const file of this.#posted) {
      if (!kept.some(({ id }) => id === file.id)) continue;
      const read = await this.#wait(fixture.readAt(owner, file), 60_000);
      if (read !== "same") this.#violate("file-kept", `${file.id} is read as ${read} without ${dying.join()}`);
    }
  }
}
