/** What goes wrong around backups: processes end, disks rot, fill up and are lost, holders and slots move. What is
 *  promised survives all of it. */
import type { NodeId } from "../../../node/ports/index.ts";
import { shardsOf, type ActorId, type StripeRef } from "../../../protocols/index.ts";
import { pathOf } from "../../unit/bulk/shards/fixture.ts";
import { slots } from "./journals.ts";
import type { Scene } from "./scene.ts";
import { Member } from "./member.ts";
import { headRow } from "../../../node/backup/format/heads.ts";

export class Operator {
  readonly #scene: Scene;
  readonly #dead = new Set<NodeId>();
  readonly #commitCrash: number;
  lives = 0;

  constructor(scene: Scene) {
    this.#scene = scene;
    this.#commitCrash = scene.world.dice.pick([0, 0.1, 0.3]);
    scene.directory.onChange = (key, value) => {
      scene.watch.changed(key, value);
      this.#atChange(key);
    };
  }

  /** What was just written to the directory has an answer on its way; its asker may not live to hear it. */
  #atChange(key: string): void {
    const { dice } = this.#scene.world;
    if (this.#scene.isCalm) return;
    const chance = key === headRow ? this.#commitCrash : 0.003;
    if (!dice.chance(chance)) return;
    const node = dice.pick(this.#scene.members.filter(({ isUp }) => isUp))?.node;
    if (node !== undefined) this.#scene.world.after(0, () => this.crash(node, false));
  }

  start(node: NodeId): void {
    this.lives += 1;
    this.#dead.delete(node);
    this.#scene.world.note(() => `${node} starts`);
    this.#scene.run(
      this.#scene.fixture.start(node).then(() => {
        const machine = this.#scene.fixture.machine(node);
        const member = new Member(this.#scene.world, machine, this.#scene.directory.open(machine.pulse));
        member.serve(this.#scene);
        member.keepHeads(this.#scene);
        this.#scene.members = [...this.#scene.members.filter((member) => member.node !== node), member];
      }),
    );
  }

  /** Stripes that must stay readable: those of snapshots, and those of runs that have not committed yet. */
  #survives(lost: (node: NodeId, hash: string) => boolean): boolean {
    const stripes = new Map<string, StripeRef>(this.#scene.watch.needed());
    for (const holder of this.#scene.fixture.all())
      for (const { stripe, trashedAtMs } of this.#scene.fixture.holders.inventory(holder))
        if (trashedAtMs === undefined) stripes.set(stripe.id, stripe);
    for (const { scheme, shards } of stripes.values()) {
      const left = shards.filter(({ hash }) => this.#hasSound(hash, lost));
      if (left.length < shardsOf(scheme).enough) return false;
    }
    return true;
  }

  #hasSound(hash: string, lost: (node: NodeId, hash: string) => boolean): boolean {
    const path = pathOf(hash);
    return this.#scene.fixture.machines.some(
      ({ node, files }) => !lost(node, hash) && files.isDurable(path) && files.isSound(path),
    );
  }

  #forget(lost: (node: NodeId, hash: string) => boolean): void {
    for (const hash of this.#scene.watch.sound) if (!this.#hasSound(hash, lost)) this.#scene.watch.sound.delete(hash);
  }

  crash(node: NodeId, wipes: boolean): void {
    const { dice } = this.#scene.world;
    const fixture = this.#scene.fixture;
    if (!fixture.isUp(node) || this.#dead.size > 1 || this.#scene.isCalm) return;
    const isLost = (other: NodeId): boolean => other === node;
    if (wipes && !this.#survives(isLost)) return;
    this.#scene.world.note(() => `${node} dies${wipes ? ", its disks are lost" : ""}`);
    if (wipes) this.#forget(isLost);
    fixture.crash(node, { power: wipes || dice.chance(0.5), worst: dice.chance(0.5) });
    if (wipes) fixture.wipe(node);
    this.#dead.add(node);
    this.#scene.world.after(dice.pick([500, 3_000, 9_000]) * dice.between(0.5, 1.5), () => this.start(node));
    // The directory gives what it owned to others when it has been away for a while.
    this.#scene.world.after(dice.between(500, 4_000), () => {
      const heir = this.#heir(node);
      if (fixture.isUp(node) || heir === undefined) return;
      for (const holder of fixture.holdersAt(node)) this.#give(holder, heir);
      for (const slot of slots)
        if (this.#scene.journals.ownerOf(slot) === node) this.#scene.run(this.#scene.journals.move(slot, heir));
    });
  }

  /** The node that is up and owns fewest holders. */
  #heir(without: NodeId): NodeId | undefined {
    const up = this.#scene.fixture.machines.filter(({ node, shards }) => node !== without && shards !== undefined);
    return up.toSorted(
      (one, other) => this.#scene.fixture.holdersAt(one.node).length - this.#scene.fixture.holdersAt(other.node).length,
    )[0]?.node;
  }

  #give(holder: ActorId, to: NodeId): void {
    const { epoch } = this.#scene.fixture.recordOf(holder);
    this.#scene.fixture.change(holder, {
      owner: to,
      epoch: epoch + 1,
      inSync: [to],
      want: { owner: to, replicas: [to] },
    });
  }

  /** A planned move: the bytes go ahead. */
  move(): void {
    const { dice } = this.#scene.world;
    const fixture = this.#scene.fixture;
    const holder = dice.pick(fixture.all());
    const from = fixture.ownerOf(holder);
    const to = this.#heir(from);
    if (to === undefined || !fixture.isUp(from)) return;
    fixture.change(holder, { want: { owner: to, replicas: [to] } });
    const { epoch } = fixture.recordOf(holder);
    const ask = (): void => {
      const record = fixture.recordOf(holder);
      const shards = fixture.machine(from).shards;
      if (record.epoch !== epoch || record.want?.owner !== to || shards === undefined) return;
      if (!fixture.isUp(to) || !shards.mayHandOver(record.slot, to)) return void this.#scene.world.after(150, ask);
      this.#give(holder, to);
    };
    ask();
  }

  rot(): void {
    const { dice } = this.#scene.world;
    const { node, files } = dice.pick(this.#scene.fixture.machines);
    const paths = files.paths().filter((path) => !path.startsWith("temporary") && files.isDurable(path));
    if (paths.length === 0) return;
    const path = dice.pick(paths);
    const isLost = (other: NodeId, hash: string): boolean => other === node && pathOf(hash) === path;
    if (!this.#survives(isLost)) return;
    this.#forget(isLost);
    files.flipBit(path, dice.below(500));
  }

  /** A clock is set wrong, and may be set right again. */
  jump(): void {
    const { dice } = this.#scene.world;
    const { node, wall } = dice.pick(this.#scene.fixture.machines);
    // No clock of a machine stands before 1970, where the simulated time begins.
    wall.offsetMs = Math.max(-this.#scene.world.nowMs, dice.pick([0, -3_000, 3_000, -60_000, 60_000, 1e9]));
    this.#scene.watch.jumped.add(node);
    this.#scene.world.note(() => `the clock of ${node} is ${wall.offsetMs} ms off`);
  }

  /** A disk takes many times as long for a while. */
  slow(): void {
    const { dice } = this.#scene.world;
    const { files, disk } = dice.pick(this.#scene.fixture.machines);
    const slower = dice.pick([20, 100]);
    const [fileMs, diskMs] = [files.weather.syncMs, disk.weather.syncMs];
    if (fileMs > 2) return;
    files.weather.syncMs = disk.weather.syncMs = slower;
    this.#scene.world.after(dice.between(500, 6_000), () => {
      files.weather.syncMs = fileMs;
      disk.weather.syncMs = diskMs;
    });
  }

  full(): void {
    const { files } = this.#scene.world.dice.pick(this.#scene.fixture.machines);
    files.weather.full = true;
    this.#scene.world.after(this.#scene.world.dice.between(500, 6_000), () => (files.weather.full = false));
  }
}
