/** What everything in one life of a cluster's backups shares: the world, its machines, the slots, the directory, and
 *  who sees it all. */
import { backup } from "../../../actors/index.ts";
import type { NodeId } from "../../../node/ports/index.ts";
import type { RootKeys } from "../../../node/keys/index.ts";
import { backupActor } from "../../../protocols/index.ts";
import { Fixture } from "../../unit/bulk/shards/fixture.ts";
import type { Pulse, World } from "../../world/index.ts";
import type { CheckerName } from "../checkers.ts";
import { ExternalDirectory } from "../cluster/external-directory.ts";
import { Journals } from "./journals.ts";
import { Rooms } from "./rooms.ts";
import type { Member } from "./member.ts";
import { BackupWatch } from "./watch.ts";

/** Thrown where a violation ends a run. */
export const over = new Error("an invariant is broken");

export class Scene {
  readonly world: World;
  readonly fixture: Fixture;
  readonly journals: Journals;
  readonly directory: ExternalDirectory;
  readonly watch: BackupWatch;
  /** Where recalls bring messages back. */
  readonly rooms: Rooms;
  /** The lives of processes that run. */
  members: readonly Member[] = [];
  /** The node that owns the actor of the backups. */
  actorOwner: NodeId = "n1";
  /** No faults any more. */
  isCalm = false;

  constructor(world: World, root: RootKeys) {
    this.world = world;
    const { dice } = world;
    const nodes = 5 + dice.below(3);
    const zones = dice.chance(0.3)
      ? new Map(Array.from({ length: nodes }, (_, index) => [`n${index + 1}`, `z${index % 3}`]))
      : new Map<NodeId, string>();
    this.fixture = new Fixture(world, {
      nodes,
      zones,
      syncErrorChance: dice.chance(0.2) ? 0.003 : 0,
      others: [backup],
    });
    const { holders } = this.fixture;
    const { isServed, lifeOf } = holders;
    const pulse = (): Pulse => this.fixture.machine(this.actorOwner).pulse;
    holders.isServed = (actor) => (actor === backupActor ? pulse().alive : isServed(actor));
    holders.lifeOf = (actor) => (actor === backupActor ? `${this.actorOwner} ${pulse().life}` : lifeOf(actor));
    this.fixture.network.weather.breakChance = dice.chance(0.3) ? 0.001 : 0;
    this.fixture.holders.weather.lostAnswers = dice.chance(0.3) ? 0.02 : 0;
    this.fixture.holders.weather.away = dice.chance(0.3) ? 0.03 : 0;
    this.directory = new ExternalDirectory(world, { delayMs: 3, lossChance: dice.pick([0, 0, 0.02]) });
    this.journals = new Journals(world);
    this.watch = new BackupWatch(world, this.fixture, this.journals, root);
    this.rooms = new Rooms(this);
  }

  violate(checker: CheckerName, detail: string): void {
    this.world.violate(checker, detail);
  }

  /** Another node owns the actor of the backups; everybody hears of it sooner or later. */
  moveActor(to: NodeId): void {
    this.actorOwner = to;
    this.world.note(() => `${to} owns ${backupActor}`);
    for (const member of this.members)
      this.world.after(this.world.dice.between(0, 2_500), () => (member.heardOwner = this.actorOwner));
  }

  someMember(): Member | undefined {
    const up = this.members.filter(({ isUp }) => isUp);
    return up.length === 0 ? undefined : this.world.dice.pick(up);
  }

  async pass(forMs: number): Promise<void> {
    const untilMs = this.world.nowMs + forMs;
    this.world.after(forMs, () => undefined);
    await this.world.run(() => this.world.nowMs >= untilMs, untilMs);
    if (this.world.violations.length > 0) throw over;
  }

  run(work: Promise<unknown>): void {
    void work.catch((thrown: unknown) => this.violate("no-stray-error", String((thrown as Error).stack ?? thrown)));
  }

  /** Lets something take its time. False: it did not end. */
  async wait(work: Promise<unknown>, forMs: number): Promise<boolean> {
    let done = false;
    this.run(work.then(() => void (done = true)));
    const untilMs = this.world.nowMs + forMs;
    while (!done && this.world.nowMs < untilMs) await this.pass(100);
    return done;
  }

  check(): void {
    this.watch.check();
    if (this.world.violations.length > 0) throw over;
  }
}
