/** Backups on five to seven nodes whose shard-holders move and die, whose disks rot, fill up and are lost, while people
 *  go on writing.
 *
 *      plan ─► faults ─► calm ─► audit ─► disks alone ─► loss
 *
 *  Nodes take backups, at times two at once, prune, verify and recall; epochs begin, tenants are erased; clocks jump,
 *  disks are slow. Faults stay within what is promised: of every stripe that somebody was told of as many shards stay
 *  whole as suffice. So each snapshot brings back what each slot had at one position of its log. In the end more is
 *  lost than is promised, and everything that this makes unreadable is named, nothing else; then the next run stores it
 *  again, and what it says is done a recall brings back. */
import type { RunReport } from "../../../node/backup/run/run.ts";
import type { VerifyReport } from "../../../node/backup/upkeep/checking.ts";
import { rootKeysOf } from "../../../node/keys/index.ts";
import { holderOf, shardsOf, type StripeRef } from "../../../protocols/index.ts";
import { pathOf } from "../../unit/bulk/shards/fixture.ts";
import type { World } from "../../world/index.ts";
import { judge, type Simulated, type Verdict } from "../verdict.ts";
import { slots } from "./journals.ts";
import { faultOnDisks, fewestOf } from "./disks.ts";
import { Operator } from "./operator.ts";
import { over, Scene } from "./scene.ts";
import type { Member } from "./member.ts";
import { withSecretsOf } from "./secrets.ts";
import { Tasks } from "./tasks.ts";
import { limits } from "./watch.ts";

const faultSteps = 60;
const root = rootKeysOf(Buffer.alloc(32, 1));

/** Runs one seed. */
export const runBackupsSeed = (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  withSecretsOf(seed, () => judge(seed, options, (world) => new BackupsLife(world)));

class BackupsLife implements Simulated {
  readonly #scene: Scene;
  readonly #operator: Operator;
  readonly #tasks: Tasks;
  #writing = true;
  faults = 0;

  constructor(world: World) {
    this.#scene = new Scene(world, root);
    this.#operator = new Operator(this.#scene);
    this.#tasks = new Tasks(this.#scene, ({ isUp, node }) => {
      if (isUp) this.#operator.crash(node, false);
    });
  }

  get lives(): number {
    return this.#operator.lives;
  }
  get replies(): number {
    return this.#scene.watch.seen.size;
  }

  async run(): Promise<void> {
    try {
      await this.#live();
    } catch (error) {
      if (error !== over) throw error;
    }
  }

  async #live(): Promise<void> {
    const { dice } = this.#scene.world;
    const fixture = this.#scene.fixture;
    await this.#scene.wait(this.#scene.journals.open(fixture.machines.map(({ node }) => node)), 5_000);
    for (const { node } of fixture.machines) this.#operator.start(node);
    await this.#scene.pass(600);
    await this.#scene.wait(this.#found(), 30_000);
    this.#scene.run(this.#writers());
    const weights = { backup: 4, wish: dice.pick([2, 6]), actor: 1, prune: 2, recall: 3, place: dice.pick([1, 4]), post: 2, verify: 1, rotate: 1, erase: dice.pick([0, 1]), slot: 2, move: dice.pick([1, 4]), crash: dice.pick([1, 3]), wipe: 1, rot: 2, full: 1, slow: dice.pick([0, 2]), jump: dice.pick([0, 0, 2]), cut: dice.pick([0, 2]), apart: dice.pick([0, 1]) }; // prettier-ignore
    const healChance = dice.pick([0.4, 0.1]);
    for (let step = 0; step < faultSteps; step += 1) {
      const what = dice.weighted(weights);
      if (!["backup", "wish", "prune", "recall", "place", "post", "verify", "rotate", "erase"].includes(what))
        this.faults += 1;
      this.#do(what);
      if (dice.chance(healChance)) fixture.network.heal();
      await this.#scene.pass(dice.between(0, 900));
      this.#scene.check();
    }
    await this.#calmDown();
    await this.#audit();
    await this.#burn();
    await this.#lose();
    for (const { shards } of fixture.machines) shards?.stop();
  }

  #do(what: string): void {
    const { dice } = this.#scene.world;
    const fixture = this.#scene.fixture;
    const member = this.#scene.someMember();
    if (member !== undefined && what === "backup" && !this.#tasks.erasing) this.#scene.run(this.#tasks.backup(member));
    if (member !== undefined && what === "wish" && !this.#tasks.erasing) this.#scene.run(this.#tasks.wish(member));
    if (member !== undefined && what === "actor") this.#scene.moveActor(member.node);
    if (member !== undefined && what === "prune") this.#scene.run(this.#tasks.prune(member));
    if (member !== undefined && what === "recall") this.#scene.run(this.#tasks.recall(member));
    if (member !== undefined && what === "place" && !this.#tasks.erasing) this.#scene.run(this.#tasks.place(member));
    if (what === "post") this.#scene.rooms.post();
    if (member !== undefined && what === "verify") this.#scene.run(this.#tasks.verify(member));
    if (member !== undefined && what === "rotate") this.#scene.run(this.#tasks.rotate(member));
    if (what === "erase") this.#scene.run(this.#tasks.erase());
    if (what === "slot") this.#scene.run(this.#scene.journals.move(dice.pick(slots), dice.pick(fixture.machines).node));
    if (what === "move") this.#operator.move();
    if (what === "crash") this.#operator.crash(dice.pick(fixture.machines).node, false);
    if (what === "wipe") this.#operator.crash(dice.pick(fixture.machines).node, true);
    if (what === "rot") this.#operator.rot();
    if (what === "full") this.#operator.full();
    if (what === "slow") this.#operator.slow();
    if (what === "jump") this.#operator.jump();
    if (what === "cut") fixture.network.cut(dice.pick(fixture.machines).node, dice.pick(fixture.machines).node);
    if (what === "apart" && member !== undefined) {
      this.#scene.directory.cutOff.add(member.pulse);
      this.#scene.world.after(dice.between(100, 3_000), () => this.#scene.directory.cutOff.delete(member.pulse));
    }
  }

  async #writers(): Promise<void> {
    while (this.#writing) {
      await this.#scene.journals.write();
      await this.#scene.world.sleep(this.#scene.world.dice.between(5, 200));
    }
  }

  async #found(): Promise<void> {
    for (;;) {
      const done = await this.#scene
        .someMember()
        ?.found(root)
        .catch(() => undefined);
      if (done?.ok === true) return;
      await this.#scene.world.sleep(300);
    }
  }

  // --- the end -------------------------------------------------------------------------------------------------------

  async #calmDown(): Promise<void> {
    const fixture = this.#scene.fixture;
    this.#scene.isCalm = true;
    this.#writing = false;
    fixture.network.heal();
    fixture.network.weather.breakChance = 0;
    Object.assign(fixture.holders.weather, { lostAnswers: 0, away: 0 });
    this.#scene.directory.lossChance = 0;
    this.#scene.directory.cutOff.clear();
    for (const { files, wall } of fixture.machines) {
      Object.assign(files.weather, { full: false, syncErrorChance: 0 });
      wall.offsetMs = 0;
    }
    // Everybody is up again, and what was begun ends or expires.
    for (let passed = 0; passed < 16_000; passed += 2_000) {
      await this.#scene.pass(2_000);
      this.#scene.check();
    }
    const last = this.#scene.someMember() as Member;
    const tasksEnd = async (): Promise<void> => {
      while (!(await this.#tasks.ended(last))) await this.#scene.world.sleep(500);
    };
    const taskIsDone = async (): Promise<void> => {
      await tasksEnd();
      const { size } = this.#scene.watch.seen;
      if (!(await this.#tasks.wish(last))) this.#scene.violate("liveness", "nobody hears of a task");
      await tasksEnd();
      if (this.#scene.watch.seen.size === size) this.#scene.violate("liveness", "a task makes no snapshot");
      const recalls = this.#scene.rooms.done;
      await this.#tasks.place(last);
      await tasksEnd();
      if (this.#scene.rooms.done === recalls) this.#scene.violate("liveness", "a recall brings nothing back");
    };
    if (!(await this.#scene.wait(taskIsDone(), 120_000))) this.#scene.violate("liveness", "tasks do not end");
    const isDone = async (): Promise<void> => {
      if (!(await this.#tasks.rotate(last))) this.#scene.violate("liveness", `${last.node} cannot rotate`);
      await this.#tasks.backup(last);
    };
    const before = this.#tasks.done;
    if (!(await this.#scene.wait(isDone(), 60_000)) || this.#tasks.done === before)
      this.#scene.violate("liveness", "no backup can be taken");
    for (let passed = 0; passed < limits.unfinishedMs + 40_000; passed += 4_000) {
      await this.#scene.pass(4_000);
      this.#scene.check();
    }
  }

  async #audit(): Promise<void> {
    const member = this.#scene.someMember() as Member;
    for (const living of this.#scene.watch.living.values()) {
      let whole = false;
      const recalled = this.#tasks.recall(member, living).then((done) => void (whole = done));
      if (!(await this.#scene.wait(recalled, 30_000)) || !whole)
        this.#scene.violate("backup-kept", `snapshot ${living.snapshot.number} is not brought back in the end`);
    }
    await this.#demandNamed(member, new Set());
    // What others have left is collected by the next ones that remove anything. Audits may bring a reference back that
    // was released meanwhile.
    for (let rounds = 0; rounds < 4 && this.#scene.watch.left().length > 0; rounds += 1) {
      await this.#scene.wait(this.#tasks.prune(member, { last: 1_000 }), 60_000);
      await this.#scene.pass(5_000);
    }
    const [left] = this.#scene.watch.left();
    if (left !== undefined) this.#scene.violate("backup-left", `it is kept, and no snapshot needs it: ${left}`);
    if (this.#scene.world.violations.length > 0) throw over;
  }

  /** Of all nodes as few disks are left as suffice, and no directory: with the kit they bring back the newest
   *  snapshot. */
  async #burn(): Promise<void> {
    // Behind a head of the same epoch.
    await this.#scene.wait(this.#tasks.backup(this.#scene.someMember() as Member), 60_000);
    const newest = [...this.#scene.watch.living.values()].at(-1);
    if (newest === undefined) return;
    // What a commit has changed is on the disks soon.
    await this.#scene.pass(3_000);
    const machines = fewestOf(this.#scene, [...newest.stripes.values(), ...this.#scene.watch.catalog]);
    this.#scene.world.note(() => `${machines.map(({ node }) => node).join()} are left`);
    let fault: string | undefined = "it takes for ever";
    await this.#scene.wait(
      faultOnDisks(this.#scene, machines, newest).then((found) => void (fault = found)),
      30_000,
    );
    if (fault !== undefined)
      this.#scene.violate(
        "backup-disks",
        `${machines.map(({ node }) => node).join()} do not bring back snapshot ${newest.snapshot.number}: ${fault}`,
      );
    if (this.#scene.world.violations.length > 0) throw over;
  }

  /** More of a stripe is lost than it may lose: what that makes unreadable is named, and nothing else. */
  async #lose(): Promise<void> {
    const { dice } = this.#scene.world;
    const living = [...this.#scene.watch.living.values()];
    // Mostly of the newest, from which the next run begins.
    const all = (dice.chance(0.3) ? living : living.slice(-1)).flatMap(({ stripes }) => [...stripes.values()]);
    if (all.length === 0) return;
    const stripe = dice.pick(all);
    const keeps = dice.below(shardsOf(stripe.scheme).enough);
    const spared = new Set(
      dice.chance(0.5) ? stripe.shards.slice(0, keeps) : stripe.shards.slice(stripe.shards.length - keeps),
    );
    this.#scene.world.note(
      () => `${stripe.id} is lost at ${stripe.shards.map(({ index }) => holderOf(stripe.group, index)).join()}`,
    );
    for (const shard of stripe.shards)
      for (const { files } of this.#scene.fixture.machines) {
        const path = pathOf(shard.hash);
        if (spared.has(shard) || !files.paths().includes(path)) continue;
        if (dice.chance(0.5)) files.flipBit(path, dice.below(500));
        else files.truncate(path, 0);
      }
    const member = this.#scene.someMember() as Member;
    await this.#demandNamed(member, new Set([stripe.id]));
    await this.#demandMended(member, stripe.id);
    if (this.#scene.world.violations.length > 0) throw over;
    await this.#loseMeanwhile(this.#scene.someMember() as Member);
    if (this.#scene.world.violations.length > 0) throw over;
  }

  /** A run behind losses stores again what lives, which is everything, or says what it has not. */
  async #demandMended(member: Member, lost: string): Promise<void> {
    const { size } = this.#scene.watch.seen;
    const isDone = async (): Promise<void> => {
      await this.#tasks.wish(member);
      while (!(await this.#tasks.ended(member))) await this.#scene.world.sleep(500);
    };
    if (!(await this.#scene.wait(isDone(), 120_000)))
      return this.#scene.violate("liveness", "a run behind losses does not end");
    await this.#scene.watch.settled();
    const newest = [...this.#scene.watch.living.values()].at(-1);
    if (newest === undefined || this.#scene.watch.seen.size === size)
      return this.#scene.violate("liveness", "a run behind losses makes no snapshot");
    if (newest.stripes.has(lost))
      this.#scene.violate("backup-true", `snapshot ${newest.snapshot.number} refers to ${lost}, which is lost`);
    let whole = false;
    const recalled = this.#tasks.recall(member, newest).then((done) => void (whole = done));
    if (!(await this.#scene.wait(recalled, 30_000)) || !whole)
      this.#scene.violate("backup-true", `snapshot ${newest.snapshot.number} is done, and is not brought back`);
  }

  /** A pack is lost while a run is under way that has just found it to be there: it says of how many units it cannot
   *  bring back. */
  async #loseMeanwhile(member: Member): Promise<void> {
    const { watch, world } = this.#scene;
    const newest = [...watch.living.values()].at(-1);
    const packs = [
      ...new Map(
        newest?.units.flatMap(({ fragments }) => fragments.map(({ stripe }) => [stripe.id, stripe as StripeRef])),
      ),
    ];
    if (packs.length === 0) return;
    const [id, { shards }] = world.dice.pick(packs);
    const lose = async (): Promise<void> => {
      world.note(() => `${id} is lost while ${member.node} backs up`);
      watch.spoiled.add(id);
      for (const { files } of this.#scene.fixture.machines)
        for (const { hash } of shards) await files.open({ life: 0, alive: true }).remove(pathOf(hash));
    };
    let report: RunReport | undefined;
    const done = await this.#scene.wait(
      this.#tasks.backup(member, lose).then((said) => void (report = said)),
      60_000,
    );
    await watch.settled();
    const made = watch.living.get(report?.snapshot.number ?? 0);
    if (!done || report === undefined || made === undefined)
      return this.#scene.violate("liveness", "a run beside a loss does not end");
    const gone = made.units.filter((unit) => watch.isSpoiled(unit)).length;
    if (report.lost.units !== gone)
      this.#scene.violate(
        "backup-true",
        `snapshot ${made.snapshot.number} is said to lack ${report.lost.units} units, and lacks ${gone}`,
      );
  }

  /** A check down to the data names what is lost, and exactly that. */
  async #demandNamed(member: Member, lost: ReadonlySet<string>): Promise<void> {
    const unreadable = new Set<string>();
    const opens = this.#scene.watch.opener();
    for (const { snapshot, nodes } of this.#scene.watch.living.values()) {
      const walk = (id: string): void => {
        const node = lost.has(id) ? undefined : nodes.get(id);
        if (node === undefined) return;
        if ("children" in node) for (const { link } of node.children) walk(link.stripe.id);
        else
          for (const unit of node.units)
            if (!opens(unit) || unit.fragments.some(({ stripe }) => lost.has(stripe.id)))
              unreadable.add(JSON.stringify(unit.name));
      };
      if (snapshot.root !== null) walk(snapshot.root.stripe.id);
    }
    let found: VerifyReport | undefined;
    const done = await this.#scene.wait(
      this.#tasks.verified(member, "data").then((report) => void (found = report)),
      120_000,
    );
    if (!done || found === undefined)
      return this.#scene.violate("backup-named", `${member.node} cannot check what there is`);
    const named = {
      stripes: [...new Set(found.lost.named.map(({ stripe }) => stripe))].sort(),
      units: [...new Set(found.lostUnits.named.map(({ name }) => JSON.stringify(name)))].sort(),
    };
    const expected = { stripes: [...lost].sort(), units: [...unreadable].sort() };
    if (JSON.stringify(named) !== JSON.stringify(expected))
      this.#scene.violate(
        "backup-named",
        `${JSON.stringify(named)} is called lost, which is ${JSON.stringify(expected)}`,
      );
  }
}
