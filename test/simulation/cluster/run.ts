/** One seed of a whole cluster, from start to verdict.
 *
 *      plan ─► found: the machines start, every actor is spoken to once
 *           ─► faults: clients and followers work while machines, disks, paths and the directory fail, nodes come and go,
 *              slots and actors are moved
 *           ─► calm:   no more faults; everything that was promised must come, every slot must be whole again
 *           ─► audit:  all machines lose power at once and start; everything is read and compared with all that was seen
 *
 *  The checkers watch throughout; the first violation ends the run. */
import { PlexusError, slotOf, type ActorId, type SlotId } from "../../../protocols/index.ts";
import { behaviors as chatBehaviors, shardHolder } from "../../../actors/index.ts";
import type { MemberRecord, NodeId, SlotRecord, StoreOp } from "../../../node/ports/index.ts";
import { memberKey } from "../../../node/cluster/facts/records.ts";
import { votersFor } from "../../../node/cluster/directory/index.ts";
import { probeBehaviors } from "../behaviors.ts";
import { BoundsWatch } from "../bounds.ts";
import { Caller } from "../caller.ts";
import { LedgerWatch, type CheckerName } from "../checkers.ts";
import { Person, RoomWatch } from "../chat.ts";
import { Client } from "../clients.ts";
import { Follower } from "../follower.ts";
import { judge, type SeedOptions, type Simulated, type Verdict } from "../verdict.ts";
import { Network, type World } from "../../world/index.ts";
import { ExternalDirectory } from "./external-directory.ts";
import { ExternalEtcd } from "./external-etcd.ts";
import { withFullEtcd } from "./full-etcd.ts";
import { Machine, type ClusterParts } from "./machine.ts";
import { endOf, Operator } from "./operator.ts";
import { drawClusterPlan, type ClusterPlan } from "./plan.ts";
import { registerBehaviors, RegisterClient, RegisterWatch } from "./register.ts";
import { Attachment, type Gates } from "./attachment.ts";
import { copiesWanted } from "./copies-wanted.ts";
import { crowded, ShardOwner } from "./storage.ts";
import {
  bearsOlderDirectory,
  directoryKeys,
  epochsOf,
  moveSome,
  saidMsMax,
  saysOlder,
  toldMs,
} from "./older-directory.ts";
import {
  bearsSlowDisk,
  slowerThan,
  slowSyncMs,
  sparedMsMax,
  timedMs,
  timesOf,
  told,
  waitsForSlow,
} from "./slow-disk.ts";
import { withoutVoter } from "./dead-voter.ts";
import { smallDirectory, withFullDirectory } from "./full-directory.ts";
import { cutOffOwner } from "./cut-off-owner.ts";
import { MembersOnly } from "./members-only.ts";
import { ClusterWatch } from "./watch.ts";

/** The machines must have started, without faults, within this. */
const foundMsMax = 20_000;
/** What is promised must come within this once the faults are over: longer than every retry and timeout together. */
const calmMsMax = 120_000;

/** Runs one seed. */
export const runClusterSeed = (seed: number, options: SeedOptions<ClusterPlan> = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new ClusterSimulation(world, options.plan));

/** Where somebody follows. */
interface Place {
  readonly attachment: Attachment;
  at: Machine | undefined;
  life: number;
  leave: () => void;
}

class ClusterSimulation implements Gates, Simulated {
  lives = 0;
  replies = 0;
  /** Faults that were begun. */
  get faults(): number {
    return this.#operator.faults;
  }
  get histories(): number {
    return this.#registers.judged;
  }
  get undecided(): number {
    return this.#registers.undecided;
  }
  readonly #world: World;
  readonly #plan: ClusterPlan;
  readonly #network: Network;
  readonly #external: ExternalDirectory | undefined;
  readonly #etcd: ExternalEtcd | undefined;
  readonly #machines = new Map<NodeId, Machine>();
  readonly #watch: ClusterWatch;
  readonly #bounds: BoundsWatch;
  readonly #membersOnly: MembersOnly;
  readonly #ledgers: LedgerWatch;
  readonly #registers: RegisterWatch;
  readonly #clients: Client[];
  readonly #registerClients: RegisterClient[];
  readonly #people: Person[];
  readonly #shardOwners: ShardOwner[];
  readonly #followers: (Place & { readonly follower: Follower })[];
  readonly #auditor: Client;
  readonly #operator: Operator;
  /** Puts up one more machine. */
  readonly #add: () => Machine;
  readonly #heard = new Set<string>();
  #faulty = false;
  #cutOffs = 0;
  /** Changes that voters decided, by revision, and the last revision. */
  readonly #changes = new Map<number, string>();
  #revision = 0;
  #phase = "found";

  constructor(world: World, fixed: Partial<ClusterPlan> = {}) {
    this.#world = world;
    const drawn = drawClusterPlan(world.dice);
    // Not drawn: the other seeds are the lives that they were. Which bit of an encrypted value has flipped nobody can
    // flip back once it is written anew.
    const sealed = fixed.sealed ?? world.seed % 5 === 2;
    const { rot: _left, ...faults } = drawn.faults;
    const replicated = world.seed % 4 === 1;
    this.#plan = {
      ...drawn,
      sealed,
      ...(sealed && { faults }),
      ...(replicated && { directory: "replicated" }),
      ...(drawn.directory === "external" && world.seed % 4 === 3 && { directory: "etcd" }),
      lateDisk: world.seed % 3 === 1,
      olderDirectory: world.seed % 3 === 2,
      deadVoter: replicated,
      fullDirectory: world.seed % 8 === 1,
      ...fixed,
    };
    if (this.#plan.fullDirectory) {
      const directory = { ...this.#plan.limits.directory, ...smallDirectory };
      this.#plan = { ...this.#plan, limits: { ...this.#plan.limits, directory } };
    }
    world.note(() => `plan: ${JSON.stringify(this.#plan)}`);
    const plan = this.#plan;
    this.#watch = new ClusterWatch(world, plan.minInSync);
    this.#network = new Network(world, plan.network);
    this.#network.watch(this.#watch);
    this.#bounds = new BoundsWatch(world, { ...plan.limits, journal: plan.journalLimits });
    this.#network.watch(this.#bounds);
    this.#membersOnly = new MembersOnly(world, { machines: this.#machines, truth: this.#watch.members });
    this.#network.watch(this.#membersOnly);
    this.#external =
      plan.directory === "external"
        ? new ExternalDirectory(world, { delayMs: plan.network.delayMs ?? 1, lossChance: plan.directoryLossChance })
        : undefined;
    const changed = (key: string, value: unknown): void => this.#watch.rowChanged(key, value);
    if (this.#external) this.#external.onChange = changed;
    this.#etcd = plan.directory === "etcd" ? new ExternalEtcd(world, plan.directoryLossChance, changed) : undefined;
    const outside = this.#external ?? this.#etcd;
    this.#ledgers = new LedgerWatch(world, this.#watch);
    this.#registers = new RegisterWatch(world, this.#ledgers);

    const parts: ClusterParts = {
      world,
      plan,
      network: this.#network,
      bounds: this.#bounds,
      external: this.#external,
      etcd: this.#etcd,
      host: "n0",
      behaviors: [
        ...(plan.people > 0 ? chatBehaviors : plan.storage > 0 ? [shardHolder] : []),
        ...registerBehaviors,
        ...probeBehaviors({
          caused: (token) => this.#ledgers.durable(token, "message"),
          ended: (id) => void this.#heard.add(id),
          rang: (_alarm, id) => void this.#heard.add(id),
          broken: (checker, detail) => world.violate(checker, detail),
        }),
      ],
      replied: () => (this.replies += 1),
      crashed: (machine) => this.#watch.crashed(machine.node),
      decided: ({ node }, ...change) => this.#decided(node, ...change),
      nextLife: () => (this.lives += 1),
    };
    this.#add = () => {
      const machine = new Machine(`n${this.#machines.size}`, this.#machines.size, parts);
      const { node, disk } = machine;
      this.#machines.set(node, machine);
      this.#watch.machine(node, disk, node === "n0" && outside === undefined);
      disk.watch({ written: (ops) => this.#looksAt(machine, ops), durable: () => undefined });
      return machine;
    };
    for (let count = 0; count < plan.nodes; count += 1) this.#add();
    this.#operator = new Operator({
      world,
      plan,
      network: this.#network,
      external: outside,
      watch: this.#watch,
      machines: () => [...this.#machines.values()],
      add: () => void this.#join(),
      cutOffOwner: (forMs) => void this.#cutOffOwner(forMs),
    });

    const around = () => ({ world, plan, entrance: new Attachment(world, this), ledgers: this.#ledgers });
    this.#clients = Array.from({ length: plan.clients }, (_, index) => new Client(`c${index}`, around()));
    this.#auditor = new Client("auditor", around());
    this.#registerClients = Array.from(
      { length: plan.registerClients },
      (_, index) =>
        new RegisterClient(
          `r${index}`,
          { ...around(), watch: this.#registers },
          { commands: 2 * plan.commandsPerClient, thinkMs: plan.thinkMs / 2, lingerMs: plan.lingerMs },
        ),
    );
    const roomPlace = this.#place();
    const reading = { ...around(), entrance: roomPlace.attachment };
    const room = new RoomWatch(new Caller("p0", "user/p0", reading), reading);
    this.#people = Array.from({ length: plan.people }, (_, index) => {
      const pace = { commands: Math.ceil(plan.commandsPerClient / 2), thinkMs: 30, lingerMs: plan.lingerMs };
      return new Person(`p${index}`, pace, room, around());
    });
    this.#shardOwners = Array.from({ length: plan.storage > 0 ? 2 : 0 }, (_, index) => {
      const groups = () => [...this.#watch.groups.values()];
      return new ShardOwner(`s${index}`, { world, entrance: new Attachment(world, this), groups });
    });
    const streams = plan.actors.ledgers.map((ledger, index) => {
      const place = this.#place();
      const reader = new Client(`f${index}`, { ...around(), entrance: place.attachment });
      const stream = {
        topic: ledger as string,
        resume: (after: number) => reader.resume(ledger, after),
        saw: (at: number, event: unknown) => this.#ledgers.saw(ledger, at, event as string, "stream"),
        highest: () => this.#ledgers.highest(ledger),
      };
      return { stream, place };
    });
    this.#followers = [...streams, ...(plan.people > 0 ? [{ stream: room, place: roomPlace }] : [])].map(
      ({ stream, place }) => Object.assign(place, { follower: new Follower(stream, world) }),
    );
  }

  async run(): Promise<void> {
    const world = this.#world;
    const [first, ...others] = this.#machines.values();
    first?.start();
    for (const machine of others) void this.#letIn(machine);
    const started = await world.run(() => [...this.#machines.values()].every(({ ready }) => ready), foundMsMax);
    if (started !== "done") return this.#late(started);
    this.#phase = "faults";
    this.#faulty = true;
    const workers = [...this.#clients, ...this.#registerClients, ...this.#people];
    for (const worker of workers) void worker.run();
    const { commandsPerClient: commands, thinkMs, lingerMs } = this.#plan;
    for (const owner of this.#shardOwners) void owner.run({ commands, thinkMs, lingerMs });
    for (const { follower } of this.#followers) void follower.run();
    void this.#attachFollowers();
    void this.#administer();
    this.#operator.begin();
    const endMs = world.nowMs + this.#plan.faultsMs;
    await world.run(() => world.nowMs > endMs, endMs + 1);
    if (world.violations.length > 0) return;
    world.note(() => "calm");
    this.#phase = "calm";
    this.#faulty = false;
    this.#operator.calm();
    let done = false;
    void this.#settle().then(() => (done = true));
    const ended = await world.run(() => done, world.nowMs + (this.#plan.calmMs ?? calmMsMax));
    if (ended === "late" || ended === "silent") this.#late(ended);
    else if (ended === "done") this.#registers.check();
  }

  // --- the operator's work -------------------------------------------------------------------------------------------

  /** Lets a newcomer in, as a member does to whom it shows its invitation: its row comes first, then it starts. */
  async #letIn(machine: Machine): Promise<void> {
    const { node, record } = machine;
    const member: MemberRecord = { ...record, incarnation: 0, state: "active" };
    for (;;) {
      const open = this.gates();
      const asked = open.length === 0 ? undefined : this.#world.dice.pick(open);
      const host = asked?.peer;
      // Where the answer is lost, or who was asked has ended, it is asked again, and the row may be there.
      const written = host?.directory.compareAndSet(memberKey(node), member, 0).then(
        ({ row }) => row !== undefined,
        () => false,
      );
      const there = asked === undefined ? false : await Promise.race([written, endOf(asked, this.#world)]);
      if (host !== undefined && there === true) {
        const others = host.membership.members().members.filter((other) => other.node !== node);
        machine.admitted([...others, member], host.place());
        return machine.start();
      }
      await this.#world.sleep(20);
    }
  }

  #join(): Machine {
    const machine = this.#add();
    void this.#letIn(machine);
    return machine;
  }

  #cutOffOwner(forMs: number): Promise<void> {
    this.#cutOffs += 1;
    return cutOffOwner(forMs, {
      world: this.#world,
      network: this.#network,
      registers: this.#registers,
      records: this.#watch.records,
      machines: () => this.gates(),
      // An embedded directory stays with most: else nobody would get the slot.
      spared: this.#plan.directory === "embedded" ? "n0" : undefined,
      faulty: () => this.#faulty,
      number: this.#cutOffs,
    });
  }

  /** Of every change that voters decide, the first to know it tells, and the others must tell the same. */
  #decided(node: NodeId, key: string, revision: number, value: unknown): void {
    const change = `${key} ${JSON.stringify(value)}`;
    const known = this.#changes.get(revision);
    if (known === undefined) {
      if (revision <= this.#revision)
        this.#world.violate("applied-same", `${node} decided ${change} at ${revision}, after ${this.#revision}`);
      this.#revision = revision;
      this.#changes.set(revision, change);
      this.#watch.voted = true;
      this.#watch.rowChanged(key, value);
    } else if (known !== change)
      this.#world.violate("applied-same", `at ${revision}, ${node} decided ${change}, another ${known}`);
  }

  /** The admin: looks at the nodes now and then. */
  async #administer(): Promise<void> {
    const { dice } = this.#world;
    while (this.#phase !== "done") {
      await this.#world.sleep(dice.between(20, 300));
      for (const { node, peer, pulse } of this.gates()) {
        if (peer === undefined || !dice.chance(0.2)) continue;
        const looked = this.#bounds.actors(node, peer.kernel, () => false);
        looked.catch((thrown: unknown) => {
          if (pulse.alive && !(thrown instanceof PlexusError)) throw thrown;
        });
      }
    }
  }

  #looksAt({ node, peer, journal, pulse }: Machine, ops: readonly StoreOp[]): void {
    this.#bounds.written(node, ops);
    if (peer === undefined || journal === undefined || !pulse.alive) return;
    this.#bounds.holds(node, peer.kernel);
    this.#bounds.queue(node, journal, this.#watch.records.size);
  }

  // --- Gates: where clients attach -----------------------------------------------------------------------------------

  gates(): readonly Machine[] {
    return [...this.#machines.values()].filter(({ ready, alive, gone }) => ready && alive && !gone);
  }

  faulty(): boolean {
    return this.#faulty;
  }

  // --- followers -----------------------------------------------------------------------------------------------------

  /** Who follows at a node asks that node, as its gateway does: another may not know yet of the owner that it has heard
   *  of. */
  #place(): Place {
    const gates = (): readonly Machine[] => this.gates().filter((machine) => machine === place.at);
    const attachment = new Attachment(this.#world, { gates, faulty: () => this.#faulty });
    const place: Place = { attachment, at: undefined, life: 0, leave: () => undefined };
    return place;
  }

  /** A follower whose node is gone goes on at another one, after its cursor. Now and then one moves without need. */
  async #attachFollowers(): Promise<void> {
    const { dice } = this.#world;
    for (;;) {
      for (const place of this.#followers) {
        const lost = place.at?.ready !== true || place.at.pulse.life !== place.life;
        if (!lost && !dice.chance(0.01)) continue;
        const open = this.gates();
        if (open.length === 0) continue;
        place.leave();
        place.at = dice.pick(open);
        place.life = place.at.pulse.life;
        place.attachment.leave();
        place.leave = this.#follow(place.follower, place.at);
      }
      await this.#world.sleep(dice.between(5, 40));
    }
  }

  /** Follows at a node from now on, as its gateway does: what may have been missed is asked for. */
  #follow(follower: Follower, { peer, pulse, node }: Machine): () => void {
    const { topic } = follower.stream;
    const hear = (event: unknown, at: number | undefined): void => {
      if (at === undefined || !pulse.alive) return;
      const seen = topic.startsWith("ledger/") ? (event as { token: string }).token : event;
      this.#world.note(() => `${node} hears ${topic}@${at} ${JSON.stringify(seen)}`);
      follower.live(at, seen, "signalled");
    };
    const leave = peer?.hub.follow(topic, hear, () => {
      this.#world.note(() => `${node} may have missed something of ${topic}`);
      if (pulse.alive) follower.connected();
    });
    follower.connected();
    return () => leave?.();
  }

  // --- the end -------------------------------------------------------------------------------------------------------

  async #settle(): Promise<void> {
    const world = this.#world;
    const until = async (phase: string, done: () => boolean | Promise<boolean>): Promise<void> => {
      this.#phase = phase;
      world.note(() => `waits: ${phase}`);
      while (!(await done())) await world.sleep(50);
    };
    const workers = [...this.#clients, ...this.#registerClients, ...this.#people];
    const talkers = [...this.#clients, ...this.#people];
    await until("every command is answered", () =>
      [...workers, ...this.#shardOwners].every(({ finished }) => finished),
    );
    await until("every alarm rings, every text ends", () =>
      this.#clients.every((client) => client.expected().every((id) => this.#heard.has(id))),
    );
    for (const talker of talkers) await until("every promise is kept", () => talker.promisesKept());
    await until("every slot is whole", () => this.#unsettled() === undefined);
    await until("every holder is apart", () => this.#crowded() === undefined);
    await until("as many vote as should", () => this.#votes());
    await until("all nodes know the members", () => this.#membersOnly.difference() === undefined);
    await until("no node takes itself for cut off", () => this.gates().every((one) => !one.peer?.reach.degraded()));
    if (world.dice.chance(0.5)) await this.#withoutDirectory(until);
    if (this.#plan.lateDisk && bearsSlowDisk(this.#plan)) await this.#withSlowDisk(until);
    if (this.#plan.olderDirectory && bearsOlderDirectory(this.#plan)) await this.#withOlderDirectory(until);
    if (this.#plan.deadVoter && this.#plan.directory === "replicated") await this.#withDeadVoter(until);
    if (this.#plan.fullDirectory && this.#plan.directory === "replicated") await this.#withFullDirectory(until);
    if (this.#etcd) await this.#withFullEtcd(this.#etcd, until);
    // What everybody has must outlive everybody.
    world.note(() => "all machines lose power");
    for (const machine of this.#machines.values()) machine.kill(true);
    for (const machine of this.#machines.values()) machine.start();
    this.#phase = "the audit";
    for (const ledger of this.#plan.actors.ledgers) await this.#auditor.audit(ledger);
    for (const person of this.#people) await person.audit();
    for (const owner of this.#shardOwners) await owner.audit();
    for (const talker of talkers) await until("every promise is kept", () => talker.promisesKept());
    for (const { follower } of this.#followers)
      await until(`${follower.stream.topic} is followed to its end`, () => follower.upToDate());
    await until("every slot is whole again", () => this.#unsettled() === undefined);
    await until("no node takes itself for cut off", () => this.gates().every((one) => !one.peer?.reach.degraded()));
    await until("all replicas hold the same", () => this.#watch.difference() === undefined);
    this.#phase = "done";
  }

  /** While nobody reaches the directory, every slot goes on whose owner and copies are up: also when connections break
   *  and processes stop for a while, which would change the slot's set if the directory could be asked. */
  async #withoutDirectory(
    until: (fixture: string, done: () => boolean | Promise<boolean>) => Promise<void>,
  ): Promise<void> {
    const world = this.#world;
    const { dice } = world;
    const isReplicated = this.#plan.directory === "replicated";
    // With voters nothing is away for long when one of them is, whichever.
    const { leader = "" } = this.#operator.voters();
    const outside = this.#external ?? this.#etcd;
    const host = outside === undefined ? this.#machines.get(isReplicated ? leader : "n0") : undefined;
    // What is on its way when the directory goes may have to wait for it, so nothing is.
    let known = "";
    await until("nothing moves", async () => {
      const before = known;
      known = JSON.stringify([...this.#watch.records]);
      if (known === before) return true;
      await world.sleep(5_000);
      return false;
    });
    const lives = ({ owner, inSync }: SlotRecord): boolean =>
      isReplicated ? inSync.length > 1 : owner !== host?.node && !inSync.includes(host?.node ?? "");
    const served = this.#plan.actors.ledgers.filter((ledger) => {
      const record = this.#recordOf(ledger);
      return record !== undefined && lives(record);
    });
    world.note(() => `the directory is away (${host?.node}); ${served.join(" ")} go on`);
    if (host) host.kill(false);
    else outside?.setDown(true);
    const others = [...this.#machines.values()].filter((machine) => machine !== host && !machine.gone);
    const going = new Set(served);
    for (const ledger of served) void this.#appendsTo(ledger).then(() => going.delete(ledger));
    for (let troubles = dice.below(6); troubles > 0; troubles -= 1) {
      await world.sleep(dice.between(0, 2_000));
      if (dice.chance(0.5)) dice.pick(others).stall(dice.between(10, 4_000));
      else this.#network.break(dice.pick(others).node, dice.pick(others).node);
    }
    await until("slots go on without the directory", () => going.size === 0);
    if (host) host.start();
    else outside?.setDown(false);
    await until("the directory is back", () => host === undefined || host.ready);
    await until("every slot is whole with the directory", () => this.#unsettled() === undefined);
  }

  /** The nodes that keep the directory come back on an older copy of it. Until the newest one is back, that is said,
   *  and nobody acts by it: the checkers compare all that is written with the newest. */
  async #withOlderDirectory(
    until: (fixture: string, done: () => boolean | Promise<boolean>) => Promise<void>,
  ): Promise<void> {
    const world = this.#world;
    const { dice } = world;
    const present = (): readonly Machine[] => [...this.#machines.values()].filter(({ gone }) => !gone);
    const keepers = this.#plan.directory === "embedded" ? present().filter(({ node }) => node === "n0") : present();
    const copies = (): readonly ReadonlyMap<string, Uint8Array>[] => keepers.map(({ disk }) => disk.copyOf(keys));
    const putBack = (kept: ReturnType<typeof copies>): void =>
      keepers.forEach(({ disk }, index) => disk.putBack(keys, kept[index] ?? new Map()));
    const keys = directoryKeys(this.#plan);
    const older = copies();
    const before = epochsOf(this.#watch.records);
    await until("slots move", async () => {
      await moveSome(this.#plan.actors.ledgers, { dice, gates: this.gates() });
      return epochsOf(this.#watch.records) > before && this.#unsettled() === undefined;
    });
    await world.sleep(toldMs);
    // Some of those who know more are started again as well: they know by what is on their disks.
    const restarts = dice.chance(0.3) ? 1 : 0.3;
    const ending = new Set([...keepers, ...present().filter(() => dice.chance(restarts))]);
    for (const machine of ending) machine.kill(false);
    const newest = copies();
    world.note(() => `the directory of ${keepers.map(({ node }) => node).join(",")} is an older one`);
    putBack(older);
    for (const machine of ending) machine.start();
    const going = new Set(this.#plan.actors.ledgers);
    for (const ledger of going) void this.#appendsTo(ledger).then(() => going.delete(ledger));
    const dying = dice.chance(0.5) ? dice.pick(present()) : undefined;
    await world.sleep(dice.between(0, 3_000));
    if (dying !== undefined && !keepers.includes(dying)) dying.kill(false);
    const sinceMs = world.nowMs;
    const silent = async (): Promise<NodeId | undefined> => {
      for (const machine of this.gates()) if (!(await saysOlder(machine))) return machine.node;
      return this.gates().length === 0 ? "every node" : undefined;
    };
    let left: NodeId | undefined;
    await until("it is said that the directory is older", async () => {
      left = await silent();
      return left === undefined || world.nowMs - sinceMs > saidMsMax;
    });
    if (left !== undefined) world.violate("older-is-said", `after ${saidMsMax} ms ${left} does not say it`);
    for (const machine of keepers) machine.kill(false);
    putBack(newest);
    world.note(() => "the newest directory is back");
    for (const machine of present()) machine.start();
    await until("every slot is whole with the newest directory", () => this.#unsettled() === undefined);
    await until("slots go on with the newest directory", () => going.size === 0);
    await until("nobody says any more that the directory is older", async () => {
      const said = await Promise.all(this.gates().map(saysOlder));
      return !said.includes(true);
    });
  }

  /** A majority of the voters does all that a cluster does. */
  async #withDeadVoter(
    until: (fixture: string, done: () => boolean | Promise<boolean>) => Promise<void>,
  ): Promise<void> {
    await withoutVoter({
      world: this.#world,
      watch: this.#watch,
      operator: this.#operator,
      gates: () => this.gates(),
      join: () => this.#join(),
      until,
      minInSync: this.#plan.minInSync,
    });
    await until("every slot is whole with every voter", () => this.#unsettled() === undefined);
    await until("as many vote as should, after a death", () => this.#votes());
  }

  async #withFullDirectory(
    until: (fixture: string, done: () => boolean | Promise<boolean>) => Promise<void>,
  ): Promise<void> {
    await withFullDirectory({
      world: this.#world,
      watch: this.#watch,
      operator: this.#operator,
      gates: () => this.gates(),
      until,
      minInSync: this.#plan.minInSync,
    });
    await until("every slot is whole after the directory was full", () => this.#unsettled() === undefined);
    await until("as many vote as should, after the directory was full", () => this.#votes());
  }

  async #withFullEtcd(
    etcd: ExternalEtcd,
    until: (fixture: string, done: () => boolean | Promise<boolean>) => Promise<void>,
  ): Promise<void> {
    await withFullEtcd({
      world: this.#world,
      watch: this.#watch,
      etcd,
      gates: () => this.gates(),
      until,
      minInSync: this.#plan.minInSync,
      ledgers: this.#plan.actors.ledgers.filter((ledger) => this.#recordOf(ledger) !== undefined),
      append: (ledger) => this.#appendsTo(ledger),
    });
    await until("every slot is whole after etcd was full", () => this.#unsettled() === undefined);
  }

  /** Of the slot that a ledger is in. */
  #recordOf(ledger: ActorId): SlotRecord | undefined {
    return this.#watch.records.get(ledger) ?? this.#watch.records.get(slotOf("chat", ledger));
  }

  /** While one disk is far slower than the others, people write, and soon nobody waits for it; when it is well again,
   *  it is as before. */
  async #withSlowDisk(
    until: (fixture: string, done: () => boolean | Promise<boolean>) => Promise<void>,
  ): Promise<void> {
    const world = this.#world;
    const { records, members } = this.#watch;
    const gates = this.gates();
    // A disk that nothing is written to is measured by nobody, and nobody waits for it.
    const written = new Set(this.#plan.actors.ledgers.flatMap((ledger) => this.#recordOf(ledger)?.inSync ?? []));
    const holders = gates.filter(({ node }) => written.has(node));
    const machine = world.dice.pick(holders.length > 0 ? holders : gates);
    const { weather } = machine.disk;
    const { syncMs } = weather;
    const isUp = (node: NodeId): boolean => this.#machines.get(node)?.ready === true;
    const at = { records, members: members.values(), isUp, minInSync: this.#plan.minInSync };
    const { timedLateMs } = this.#plan;
    const post = (ledger: ActorId): Promise<void> => this.#auditor.append(ledger);
    const times = (): ReturnType<typeof timesOf> => timesOf(world, this.#plan.actors.ledgers, post, timedMs);
    const before = timedLateMs === undefined ? [] : await times();
    world.note(() => `the disk of ${machine.node} is slow`);
    weather.syncMs = timedLateMs ?? slowSyncMs;
    const sinceMs = world.nowMs;
    let isOver = false;
    const writing = Promise.all(
      this.#plan.actors.ledgers.map(async (ledger) => {
        while (!isOver) await this.#auditor.append(ledger);
      }),
    );
    const waits = (): string | undefined => waitsForSlow(machine.node, { ...at, members: members.values() });
    await until("nobody waits for a slow disk", () => waits() === undefined || world.nowMs - sinceMs > sparedMsMax);
    const left = waits();
    isOver = true;
    await writing;
    if (timedLateMs !== undefined) {
      await world.sleep(Math.max(0, sinceMs + sparedMsMax - world.nowMs));
      const after = await times();
      world.note(() => told(before, after));
      const slower = slowerThan(before, after);
      if (slower !== undefined) world.violate("slow-disk-spared", `${sparedMsMax} ms after: ${slower}`);
    }
    if (left !== undefined) world.violate("slow-disk-spared", `after ${sparedMsMax} ms ${left}`);
    weather.syncMs = syncMs;
    world.note(() => `the disk of ${machine.node} is well`);
    await until("every slot is whole on a disk that is well again", () => this.#unsettled() === undefined);
  }

  /** Whether the voters of a replicated directory are up, and as many as the managers there are can make. */
  #votes(): boolean {
    if (this.#plan.directory !== "replicated") return true;
    const managers = [...this.#watch.members.values()].filter(({ state }) => state === "active").length;
    const { voters, leader } = this.#operator.voters();
    const isUp = (node: NodeId): boolean => this.#machines.get(node)?.ready === true;
    return leader !== undefined && voters.every(isUp) && voters.length === votersFor(3, managers);
  }

  async #appendsTo(ledger: ActorId): Promise<void> {
    for (let count = 0; count < 5; count += 1) {
      await this.#world.sleep(this.#world.dice.between(0, 2_000));
      await this.#auditor.append(ledger);
    }
  }

  #wanted(record: SlotRecord): number {
    const role = (record.splitFrom ?? record.slot).split("/")[0] as string;
    const isUp = (node: NodeId): boolean => this.#machines.get(node)?.ready === true;
    const keeper = this.#plan.directory === "embedded" ? "n0" : undefined;
    const { replicas, minInSync } = this.#plan;
    const rule = { members: this.#watch.members.values(), isUp, keeper, replicas, minInSync };
    return copiesWanted({ role, owner: record.owner }, rule);
  }

  #crowded(): string | undefined {
    if (this.#plan.storage === 0) return undefined;
    const { groups, records, members } = this.#watch;
    const isUp = (node: NodeId): boolean => this.#machines.get(node)?.ready === true;
    return crowded({ groups, records, members: members.values(), isUp });
  }

  #unsettled(): string | undefined {
    return this.#watch.unsettled(
      (record) => this.#wanted(record),
      (node) => this.#machines.get(node)?.ready === true,
    );
  }

  #late(how: string): void {
    const facts = [`${how} in phase "${this.#phase}"`];
    const unsettled = this.#unsettled();
    const difference = this.#watch.difference();
    if (unsettled !== undefined) facts.push(unsettled);
    if (difference !== undefined) facts.push(difference);
    const stranger = this.#membersOnly.difference();
    if (stranger !== undefined) facts.push(stranger);
    const crowd = this.#crowded();
    if (crowd !== undefined) facts.push(crowd);
    for (const owner of this.#shardOwners) if (!owner.finished) facts.push(`${owner.name} runs`);
    for (const client of this.#clients) if (!client.finished) facts.push(`${client.name} runs`);
    for (const client of this.#registerClients) if (!client.finished) facts.push(`${client.caller.name} runs`);
    for (const { follower } of this.#followers) if (!follower.upToDate()) facts.push(follower.describe());
    for (const machine of this.#machines.values()) {
      const status = { slots: machine.peer?.replication.status(), kernel: machine.peer?.kernel.status() };
      for (const [slot, record] of this.#watch.records) {
        const known = JSON.stringify(machine.peer?.table.get(slot as SlotId)?.record);
        const truth = JSON.stringify(record);
        if (known !== truth) this.#world.note(() => `${machine.node} believes ${known}, it is ${truth}`);
      }
      this.#world.note(
        () =>
          `${machine.node}: table current ${String(machine.peer?.table.current)}, peers ${machine.peer?.exchange.peers().join(",")}`,
      );
      this.#world.note(() => `${machine.node}: ready ${machine.ready} ${JSON.stringify(status)}`);
      if (!machine.ready && !machine.gone) facts.push(`${machine.node} has not started`);
    }
    const checker: CheckerName = this.#phase.startsWith("every slot is whole")
      ? "fully-replicated"
      : this.#phase.startsWith("every holder is apart")
        ? "holders-apart"
        : this.#phase.startsWith("all replicas")
          ? "replicas-equal"
          : this.#phase.startsWith("all nodes know")
            ? "members-only"
            : "liveness";
    this.#world.violate(checker, facts.join("; "));
  }
}
