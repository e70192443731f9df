/** One seed, from start to verdict.
 *
 *      plan ─► faults: clients and followers work while the operator ends and restarts the node, again and again
 *           ─► calm:   no more faults; everything that was promised must come within bounded time
 *           ─► audit:  a clean stop, a power loss, a start; every ledger is read whole and compared with all that was seen
 *
 *  The checkers watch throughout; the first violation ends the run. */
import { PlexusError, slotOf, type ActorId, type Result } from "../../protocols/index.ts";
import type { Kernel } from "../../node/kernel/index.ts";
import type { Request } from "../../node/kernel/api.ts";
import type { StoreOp } from "../../node/ports/index.ts";
import { probeBehaviors } from "./behaviors.ts";
import { BoundsWatch } from "./bounds.ts";
import { JournalWatch, LedgerWatch, type CheckerName } from "./checkers.ts";
import { behaviors as chatBehaviors } from "../../actors/index.ts";
import { Caller, type Entrance } from "./caller.ts";
import { lobby, Person, RoomWatch } from "./chat.ts";
import { Renamer } from "./renames.ts";
import { Client } from "./clients.ts";
import { Disk, type WallClock, type World } from "../world/index.ts";
import { Follower } from "./follower.ts";
import { Life, type NodeParts, type Reached } from "./node.ts";
import { drawPlan, type Ending, type Plan } from "./plan.ts";
import { lens } from "./sealed.ts";
import { judge, type SeedOptions, type Simulated, type Verdict } from "./verdict.ts";

/** Faults end after this much simulated time at the latest. */
const faultsMsMax = 6_000;
/** What is promised must come within this, once the faults are over: longer than every retry and timeout together. */
const calmMsMax = 180_000;
const rightOffsetMs = 1_700_000_000_000;
const yearMs = 365 * 24 * 3_600_000;
const stopDeadlineMs = 3_000;

/** Runs one seed. */
export const runSeed = (seed: number, options: SeedOptions<Plan> = {}): Promise<Verdict> =>
  judge(seed, options, (world) => new Simulation(world, options.plan));

class Simulation implements Entrance, Simulated {
  lives = 0;
  replies = 0;
  /** Lives that were ended. */
  faults = 0;
  readonly #world: World;
  readonly #plan: Plan;
  readonly #disk: Disk;
  readonly #wall: WallClock = { offsetMs: rightOffsetMs };
  readonly #journal: JournalWatch;
  readonly #bounds: BoundsWatch;
  readonly #ledgers: LedgerWatch;
  readonly #clients: Client[];
  readonly #auditor: Client;
  readonly #followers: Follower[];
  readonly #people: Person[];
  readonly #renamers: Renamer[];
  readonly #parts: NodeParts;
  #life: Life | undefined;
  #endLife: () => void = () => undefined;
  #armed: "reply" | "durable" | undefined;
  #faulty = true;
  #finished = false;
  /** Set when the folder itself is damaged and the node said so: nothing more can be expected. */
  #hopeless = false;
  /** Alarms that rang and texts that ended. */
  readonly #heard = new Set<string>();
  readonly #rottenSlots = new Set<string>();
  #rottenKey = "";
  #published = new Map<string, number>();

  constructor(world: World, fixed: Partial<Plan> = {}) {
    this.#world = world;
    // Not drawn: the other seeds are the lives that they were.
    this.#plan = { ...drawPlan(world.dice), sealed: world.seed % 4 === 3, clockYears: world.seed % 7 === 3, ...fixed };
    world.note(() => `plan: ${JSON.stringify(this.#plan)}`);
    this.#disk = new Disk(world, { ...this.#plan.disk });
    this.#journal = new JournalWatch(world);
    if (this.#plan.sealed) this.#disk.lens = lens;
    this.#disk.watch(this.#journal);
    this.#bounds = new BoundsWatch(world, { kernel: this.#plan.kernelLimits, journal: this.#plan.journalLimits });
    this.#disk.watch({ written: (ops) => this.#looksAt(ops), durable: () => undefined });
    this.#ledgers = new LedgerWatch(world, this.#journal);
    const around = { world, plan: this.#plan, entrance: this, ledgers: this.#ledgers };
    this.#clients = Array.from({ length: this.#plan.clients }, (_, index) => new Client(`c${index}`, around));
    this.#auditor = new Client("auditor", around);
    const streams = this.#plan.actors.ledgers.map((ledger) => ({
      topic: ledger,
      resume: (after: number) => this.#auditor.resume(ledger, after),
      saw: (at: number, event: unknown) => this.#ledgers.saw(ledger, at, event as string, "stream"),
      highest: () => this.#ledgers.highest(ledger),
    }));
    const room = new RoomWatch(new Caller("p0", "user/p0", around), around);
    this.#people = Array.from(
      { length: this.#plan.people },
      (_, index) => new Person(`p${index}`, { commands: this.#plan.commandsPerClient, thinkMs: 30 }, room, around),
    );
    const { renames = 0 } = this.#plan;
    this.#renamers = renames > 0 ? [new Renamer(renames, around)] : [];
    this.#followers = [...streams, ...(this.#plan.people > 0 ? [room] : [])].map(
      (stream) => new Follower(stream, world),
    );
    this.#journal.onDurable = () => {
      if (this.#armed === "durable") this.#crash();
    };
    this.#parts = {
      world,
      disk: this.#disk,
      sealed: this.#plan.sealed,
      wall: this.#wall,
      runtime: { ...this.#plan.runtime },
      bounds: this.#bounds,
      kernelLimits: this.#plan.kernelLimits,
      journalLimits: this.#plan.journalLimits,
      behaviors: [
        ...(this.#plan.people > 0 || renames > 0 ? chatBehaviors : []),
        ...probeBehaviors({
          caused: (token) => this.#ledgers.durable(token, "message"),
          ended: (id) => void this.#heard.add(id),
          rang: (alarm, id, dueMs, nowMs) => {
            this.#heard.add(id);
            if (nowMs < dueMs && !this.#plan.clockJumps && !this.#plan.clockYears) {
              this.#violate("reminder-rings", `${alarm} ${id} rang ${dueMs - nowMs} ms early`);
            }
          },
          broken: (checker, detail) => this.#world.violate(checker, detail),
        }),
      ],
      topics: [...this.#plan.actors.ledgers, ...(this.#plan.people > 0 ? [lobby] : [])],
      published: (...event) => this.#onPublished(...event),
      missed: (topic) => this.#onMissed(topic),
      replied: (request, result) => this.#onReplied(request, result),
    };
  }

  async run(): Promise<void> {
    const world = this.#world;
    void this.#live();
    void this.#jumpClocks();
    void this.#administer();
    for (const client of this.#clients) void client.run();
    for (const person of [...this.#people, ...this.#renamers]) void person.run();
    for (const follower of this.#followers) void follower.run();
    const all = [...this.#clients, ...this.#people, ...this.#renamers];
    const clientsDone = () => this.#hopeless || all.every((client) => client.finished);
    await world.run(() => clientsDone() || world.nowMs > faultsMsMax, faultsMsMax + 1);
    if (world.violations.length > 0 || this.#hopeless) return;
    this.#calm();
    let done = false;
    void this.#settle().then(() => (done = true));
    const ended = await world.run(() => done || this.#hopeless, world.nowMs + calmMsMax);
    if (ended === "done" || ended === "violated") return;
    const waiting = this.#clients.map((client) => (client.finished ? client.describeMissing() : `${client.name} runs`));
    waiting.push(
      ...[...this.#people, ...this.#renamers].map(
        (person) => `${person.caller.name} ${person.finished ? "done" : "runs"}`,
      ),
    );
    const followers = this.#followers.map((follower) => follower.describe());
    const life = JSON.stringify(this.#life?.kernel?.status());
    this.#violate("liveness", `${ended}; ${waiting.join("; ")}; ${followers.join("; ")}; ${life}`);
  }

  // --- Entrance: the node as clients see it --------------------------------------------------------------------------

  async ask(request: Request): Promise<Reached> {
    const reached = (await this.#life?.ask(request)) ?? "down";
    const crashed = typeof reached !== "string" && !reached.ok && reached.error.code === "ACTOR_CRASHED";
    if (crashed && request.message.type !== "poison") {
      this.#violate("no-stray-error", `${request.to} crashed on ${JSON.stringify(request.message)}`);
    }
    this.#world.note(() => {
      const { from, to, message, operationId } = request;
      return `${from} ${operationId ?? ""} ${to} ${JSON.stringify(message)} -> ${JSON.stringify(reached)}`;
    });
    return reached;
  }

  faulty(): boolean {
    return this.#faulty;
  }

  rotten(): boolean {
    return this.#rottenSlots.size > 0;
  }

  // --- the operator: starts, ends, restarts --------------------------------------------------------------------------

  async #live(): Promise<void> {
    const { dice } = this.#world;
    while (!this.#finished) {
      this.lives += 1;
      const life = new Life(this.#parts, this.lives);
      const over = new Promise<void>((resolve) => (this.#endLife = resolve));
      this.#life = life;
      this.#published = new Map();
      if (this.#faulty && this.#plan.lifeMs !== Infinity) this.#planEnding(life);
      void this.#start(life);
      await over;
      if (this.#plan.rot && this.#faulty && !this.rotten() && this.lives > 1) this.#rot();
      await this.#world.sleep(dice.between(0, 50));
    }
  }

  async #start(life: Life): Promise<void> {
    this.#world.note(() => `life ${life.pulse.life} starts`);
    const refused = await life.start();
    if (refused === undefined) {
      for (const follower of this.#followers) follower.connected();
      return;
    }
    this.#world.note(() => `life ${life.pulse.life} refuses to start: ${JSON.stringify(refused)}`);
    if (this.rotten() && refused.code === "DATA_DAMAGED") {
      this.#hopeless = true;
      return;
    }
    const { batchErrorChance, readErrorChance } = this.#plan.disk;
    if (batchErrorChance + readErrorChance === 0) this.#violate("node-starts", JSON.stringify(refused));
    this.#crash();
  }

  #planEnding(life: Life): void {
    const { dice } = this.#world;
    const ending: Ending = dice.weighted(this.#plan.endings);
    this.#world.after(-Math.log(1 - dice.number()) * this.#plan.lifeMs, () => {
      if (this.#life !== life || !life.pulse.alive || !this.#faulty) return;
      this.faults += 1;
      this.#world.note(() => `ending of life ${life.pulse.life}: ${ending}`);
      if (ending === "crash") this.#crash();
      else if (ending === "stop") void this.#stop();
      else this.#armed = ending;
    });
  }

  #crash(): void {
    const life = this.#life;
    if (life === undefined || !life.pulse.alive) return;
    this.#world.note(() => `life ${life.pulse.life} is killed`);
    this.#armed = undefined;
    life.kill();
    this.#disk.crash(this.#world.dice.chance(0.5));
    this.#journal.crashed();
    this.#endLife();
  }

  /** A clean stop, then power loss: what was answered was durable anyway. */
  async #stop(): Promise<void> {
    const life = this.#life;
    if (life?.kernel === undefined) return this.#crash();
    const startedMs = this.#world.nowMs;
    await life.stop(stopDeadlineMs);
    const tookMs = this.#world.nowMs - startedMs;
    if (tookMs > stopDeadlineMs + 100) this.#violate("node-starts", `stop took ${tookMs} ms of ${stopDeadlineMs} ms`);
    await this.#world.sleep(0);
    this.#crash();
  }

  async #jumpClocks(): Promise<void> {
    const { dice } = this.#world;
    while (this.#plan.clockYears && this.#faulty) {
      await this.#world.sleep(dice.between(50, 800));
      if (this.#faulty) this.#wall.offsetMs = rightOffsetMs + dice.between(-30, 30) * yearMs;
    }
    while (this.#plan.clockJumps && this.#faulty) {
      await this.#world.sleep(dice.between(50, 800));
      if (this.#faulty) this.#wall.offsetMs += dice.between(-20_000, 20_000);
    }
  }

  /** Rot in one key, or the last chunk of a log lost. */
  #rot(): void {
    const { dice } = this.#world;
    const keys = this.#disk.keys().filter((key) => /^(directory|log|head|snap|side|meta)\//.test(key));
    if (keys.length === 0) return;
    const key = dice.pick(keys);
    const slot = /([a-z]+\/[0-9]+)/.exec(key)?.[1] ?? "none";
    this.#rottenSlots.add(slot);
    const lastChunk = [...this.#disk.keys()].reverse().find((other) => other.startsWith(`log/${slot}/`));
    const loses = lastChunk !== undefined && dice.chance(0.3);
    this.#rottenKey = loses ? lastChunk : key;
    if (loses) this.#disk.lose(lastChunk);
    else this.#disk.flipBit(key, dice.below(1 << 16));
    this.#world.note(() => `rot in ${this.#rottenKey}`);
  }

  #looksAt(ops: readonly StoreOp[]): void {
    this.#bounds.written("n1", ops);
    const { kernel, journal, pulse } = this.#life ?? {};
    if (kernel === undefined || journal === undefined || pulse?.alive !== true) return;
    this.#bounds.holds("n1", kernel);
    this.#bounds.queue("n1", journal);
  }

  /** The admin: looks at actors that are in trouble and releases them. */
  async #administer(): Promise<void> {
    const { dice } = this.#world;
    while (!this.#finished) {
      await this.#world.sleep(dice.between(20, 300));
      const life = this.#life;
      const kernel = life?.kernel;
      if (kernel === undefined || life?.pulse.alive !== true) continue;
      this.#bounds.holds("n1", kernel);
      if (this.#plan.poison || dice.chance(0.1)) {
        this.#visit(kernel, life).catch((thrown: unknown) => {
          // The disk may fail under a look, too; that is the only reason to fail.
          if (!this.#mayGap() || !(thrown instanceof PlexusError)) throw thrown;
        });
      }
      if (this.#plan.poison && this.#faulty && dice.chance(0.3)) {
        kernel.tell({ to: dice.pick(this.#plan.actors.ledgers), from: "node", message: { type: "poison" } });
      }
    }
  }

  async #visit(kernel: Kernel, life: Life): Promise<void> {
    const looked = await this.#bounds.actors("n1", kernel, (actor) => actor.startsWith("ledger/"));
    for (const actor of looked) {
      const shown = await kernel.showActor(actor);
      if (!shown.ok || !life.pulse.alive) continue;
      const { deadLetters, status } = shown.value;
      this.#bounds.deadLetters(actor, deadLetters.length);
      if (status === "quarantined" && shown.value.lastError === undefined) {
        this.#violate("quarantine-shown", `${actor} is quarantined and shows no reason`);
      }
      if (deadLetters.length > 0 || status === "quarantined") {
        // Poison stays poison: it is handed out again only while it may do harm.
        await kernel.release(actor, this.#faulty && this.#world.dice.chance(0.3));
      }
    }
  }

  // --- what the node says --------------------------------------------------------------------------------------------

  #onReplied(_request: Request, _result: Result<unknown>): void {
    this.replies += 1;
    if (this.#armed === "reply") this.#crash();
  }

  #onPublished(topic: string, event: unknown, at: number | undefined, life: number): void {
    if (at === undefined) return;
    const seen = topic.startsWith("ledger/") ? (event as { token: string }).token : event;
    if (topic.startsWith("ledger/")) this.#ledgers.saw(topic as ActorId, at, seen as string, "event");
    for (const token of JSON.stringify(event).match(/t:[a-z0-9]+\.[0-9]+;/g) ?? []) {
      this.#ledgers.durable(token, `event of ${topic}`);
    }
    const before = this.#published.get(topic) ?? 0;
    if (at <= before) {
      this.#violate("stream-whole", `life ${life} published ${at} of ${topic} after ${before}`);
    }
    this.#published.set(topic, at);
    for (const follower of this.#followers) {
      if (follower.stream.topic === topic) follower.live(at, seen, this.#mayGap() ? "sometimes" : "never");
    }
  }

  /** The slot was taken up anew: what its last epoch published may not have been heard. */
  #onMissed(topic: string): void {
    this.#published.delete(topic);
    for (const follower of this.#followers) if (follower.stream.topic === topic) follower.connected();
  }

  /** Whether a live stream may leave an event out: its append failed with an unknown outcome, and is there after
   *  all. */
  #mayGap(): boolean {
    const { disk } = this.#plan;
    return disk.batchErrorChance + disk.readErrorChance > 0 || this.rotten();
  }

  // --- the end -------------------------------------------------------------------------------------------------------

  #calm(): void {
    this.#world.note(() => "calm");
    this.#faulty = false;
    this.#armed = undefined;
    if (this.#plan.clockYears) this.#wall.offsetMs = rightOffsetMs;
    Object.assign(this.#disk.weather, { stallChance: 0, batchErrorChance: 0, readErrorChance: 0 });
    Object.assign(this.#parts.runtime, { failChance: 0 });
  }

  async #settle(): Promise<void> {
    const world = this.#world;
    const until = async (done: () => boolean | Promise<boolean>): Promise<void> => {
      while (!(await done())) await world.sleep(100);
    };
    const all = [...this.#clients, ...this.#people, ...this.#renamers];
    await until(() => all.every((client) => client.finished));
    if (!this.rotten()) {
      // Nobody asks: what is pending must come by itself, also after a crash. A process that goes on has seen its clock
      // go back.
      if (!this.#plan.clockYears || world.dice.chance(0.5)) this.#crash();
      await until(() => this.#clients.every((client) => client.expected().every((id) => this.#heard.has(id))));
    }
    for (const client of all) await until(() => client.promisesKept());
    const before = this.lives;
    void this.#stop();
    await until(() => this.lives > before);
    for (const ledger of this.#plan.actors.ledgers) await this.#auditor.audit(ledger);
    for (const person of this.#people) await person.audit();
    for (const client of all) await until(() => client.promisesKept());
    for (const follower of this.#followers) await until(() => follower.upToDate());
    this.#checkDamage();
    this.#finished = true;
  }

  /** Only what is damaged may be refused, and the node must say what and where. */
  #checkDamage(): void {
    const shown = this.#life?.kernel?.status().slotsQuarantined ?? [];
    const callers = [
      ...this.#clients,
      this.#auditor,
      ...[...this.#people, ...this.#renamers].map((person) => person.caller),
    ];
    for (const actor of callers.flatMap((client) => [...client.gaveUp])) {
      const slot = slotOf(actor.startsWith("writer/") ? "ai" : "chat", actor);
      if (!this.#rottenSlots.has(slot)) this.#violate("damage-named", `${actor} is refused; only others are damaged`);
    }
    for (const actor of this.#auditor.gaveUp) {
      const named = shown.find(({ slot }) => slot === slotOf("chat", actor));
      // A damaged record or snapshot shows when it is read: after a restart the slot serves until somebody does.
      if (named === undefined && /^(side\/record|snap)\//.test(this.#rottenKey)) continue;
      if (named?.reason.includes("/simulated") !== true) {
        this.#violate("damage-named", `${actor} is refused, and the status says ${JSON.stringify(shown)}`);
      }
    }
  }

  #violate(checker: CheckerName, detail: string): void {
    this.#world.violate(checker, detail);
  }
}
