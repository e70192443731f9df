/** What people and schedules ask for of backups, with the real code of a node, and what each answer has to be. */
import type { BackupState } from "../../../actors/backup/state.ts";
import { openRepository, prune, recall, runBackup, verify } from "../../../node/backup/index.ts";
import { type Retention } from "../../../node/backup/upkeep/retention.ts";
import { type RunReport } from "../../../node/backup/run/run.ts";
import { backupActor, failure, PlexusError, type ActorId, type ClusterBackupTasks } from "../../../protocols/index.ts";
import { tenantOf, type Snapshot, type UnitEntry } from "../../../runtimes/backup/index.ts";
import { people, tenantOfActor } from "./journals.ts";
import type { Scene } from "./scene.ts";
import { codeOf, type Member } from "./member.ts";
import type { Living } from "./watch.ts";

/** What ends a task while there are faults, and says nothing of the backup. */
const passing = new Set(["HOLDERS_TOO_FEW", "SLOT_UNAVAILABLE", "ASK_TIMEOUT", "UNREACHABLE", "PEER_LOST", "MOVED", "DIRECTORY_UNAVAILABLE", "OVERLOADED", "DISK_FULL", "STOPPING", "RATE_LIMITED", "LIMIT_REACHED", "NOT_FOUND", "DATA_DAMAGED", "KEY_MISSING"]); // prettier-ignore

export class Tasks {
  readonly #scene: Scene;
  /** Ends a node's process, if it still runs. */
  readonly #crash: (member: Member) => void;
  /** Processes that change backups now. */
  readonly #changing = new Set<{ readonly member: Member }>();
  /** A tenant's keys are being destroyed: no backup is begun. */
  erasing = false;
  /** Backups that were taken. */
  done = 0;

  constructor(scene: Scene, crash: (member: Member) => void) {
    this.#scene = scene;
    this.#crash = crash;
  }

  /** `meanwhile`: when the run has looked at what there is, and has read nothing yet. Resolves with what it says. */
  async backup(member: Member, meanwhile?: () => Promise<void>): Promise<RunReport | undefined> {
    const { dice } = this.#scene.world;
    const task = { member };
    this.#changing.add(task);
    const stop = new AbortController();
    if (dice.chance(this.#scene.isCalm ? 0 : 0.15)) this.#scene.world.after(dice.between(0, 1_500), () => stop.abort());
    if (dice.chance(0.15)) this.#scene.world.after(dice.between(0, 2_500), () => this.#crash(member));
    let committed: number | undefined;
    let unknown = false;
    // The directory takes the head or does not, and is not heard of any more.
    const mute = dice.chance(this.#scene.isCalm ? 0 : 0.08) ? dice.pick(["before", "behind"]) : undefined;
    try {
      const ports = await member.ports(this.#scene.members, this.#scene.watch);
      const heads = {
        ...ports.heads,
        commit: async (head: Uint8Array, number: number): Promise<boolean> => {
          const away = new PlexusError(failure("DIRECTORY_UNAVAILABLE"));
          if (mute !== undefined && (unknown || mute === "before")) throw away;
          unknown = true;
          const applied = await ports.heads.commit(head, number);
          if (mute !== undefined) throw away;
          unknown = false;
          if (applied) committed = number;
          return applied;
        },
      };
      const counted = { ...ports, heads };
      this.#scene.world.note(() => `${member.node} backs up`);
      const source = this.#scene.journals.sourceOf(member.node);
      const slots = async () => {
        await meanwhile?.();
        return source.slots();
      };
      const report = await runBackup(
        counted,
        openRepository(counted),
        { ...source, slots },
        {
          signal: stop.signal,
          progress: () => undefined,
          pace: () => member.pause(dice.between(0, 30)),
        },
      );
      this.done += 1;
      this.#scene.world.note(() => `${member.node} has backed up: snapshot ${report.snapshot.number}`);
      await this.#scene.watch.settled();
      if (committed !== report.snapshot.number || this.#scene.watch.headNumber < committed)
        this.#scene.violate("backup-whole", `${member.node} says that there is snapshot ${report.snapshot.number}`);
      return report;
    } catch (error) {
      const code = codeOf(error);
      this.#scene.world.note(() => `${member.node} has not backed up: ${code} ${JSON.stringify(error)}`);
      if (committed !== undefined && !unknown)
        this.#scene.violate("backup-whole", `${member.node} says ${code} of snapshot ${committed}, which is there`);
      const isAborted = stop.signal.aborted;
      if (!isAborted && code !== "BACKUP_CHANGED" && !passing.has(code))
        this.#scene.violate("no-stray-error", `a backup: ${code}: ${(error as Error).stack} ${JSON.stringify(error)}`);
      return undefined;
    } finally {
      this.#changing.delete(task);
    }
  }

  /** Tasks of the whole cluster that have not ended. */
  get #open(): BackupState["open"] {
    return (this.#scene.fixture.holders.stateOf(backupActor) as BackupState).open;
  }

  /** Somebody asks for a backup of the whole cluster, and may think better of it. False: nobody has heard of it. */
  async wish(member: Member): Promise<boolean> {
    const { world } = this.#scene;
    const asked = await member.ask(this.#scene, { type: "start", wish: { sort: "run" }, by: "operator" }, 1_000);
    if (!asked.ok) return false;
    const { id } = asked.value as { id: string };
    world.note(() => `task ${id} is to be done`);
    if (!this.#scene.isCalm && world.dice.chance(0.15))
      world.after(
        world.dice.between(0, 3_000),
        () => void member.ask(this.#scene, { type: "cancel", task: id, by: "operator" }, 1_000),
      );
    return true;
  }

  /** Somebody has messages brought back, and may think better of it. */
  async place(member: Member): Promise<void> {
    const { world, rooms, isCalm } = this.#scene;
    const id = await rooms.wish(member);
    if (id === undefined) return;
    world.note(() => `task ${id} is to bring messages back`);
    if (!isCalm && world.dice.chance(0.15))
      world.after(
        world.dice.between(0, 3_000),
        () => void member.ask(this.#scene, { type: "cancel", task: id, by: "operator" }, 1_000),
      );
  }

  /** Each task has ended, and what it says of a snapshot is true. */
  async ended(member: Member): Promise<boolean> {
    if (this.#open.length > 0) return false;
    const asked = await member.ask(this.#scene, { type: "tasks", limit: 50 }, 1_000);
    if (!asked.ok) return false;
    for (const task of (asked.value as ClusterBackupTasks).tasks) {
      const { id, state, result, error } = task;
      const number = (result as { snapshot?: { number: number } } | undefined)?.snapshot?.number ?? 0;
      this.#scene.world.note(() => `task ${id}: ${state} ${number} ${JSON.stringify(error)}`);
      this.#scene.rooms.demandWhole(task);
      if (state === "done" && !this.#scene.watch.seen.has(number))
        this.#scene.violate("backup-whole", `task ${id} says that there is snapshot ${number}`);
      const code = error?.code;
      if (code !== undefined && !["CANCELLED", "BACKUP_CHANGED"].includes(code) && !passing.has(code))
        this.#scene.violate("no-stray-error", `task ${id}: ${JSON.stringify(error)}`);
    }
    return true;
  }

  async prune(member: Member, wanted?: Retention): Promise<void> {
    const { dice } = this.#scene.world;
    const task = { member };
    this.#changing.add(task);
    if (dice.chance(this.#scene.isCalm ? 0 : 0.15))
      this.#scene.world.after(dice.between(0, 2_000), () => this.#crash(member));
    const drawn = dice.chance(0.6) ? { last: 1 + dice.below(3) } : { withinMs: dice.between(2_000, 9_000) };
    const retention: Retention = wanted ?? drawn;
    try {
      const ports = await member.ports(this.#scene.members, this.#scene.watch);
      const may = ({ number, atMs }: Snapshot, all: readonly Snapshot[]): boolean => {
        const newer = all.filter((one) => one.number > number).length;
        const nowMs = member.clock.nowMs();
        // One that is dated in the future by the clock of whoever removes counts for nothing.
        if (newer > 0 && all.some((one) => one.atMs > nowMs)) return true;
        // None counts as made after one that was made later: the clock of that one may have been behind.
        const madeAtMs = Math.min(atMs, ...all.filter((one) => one.number > number).map((one) => one.atMs));
        return (
          newer >= Math.max(1, retention.last ?? 1) &&
          (retention.withinMs === undefined || nowMs - madeAtMs > retention.withinMs)
        );
      };
      this.#scene.watch.mayGo.add(may);
      const { removed } = await prune(ports, openRepository(ports), retention, {
        apply: true,
        signal: new AbortController().signal,
        progress: () => undefined,
      });
      this.#scene.watch.mayGo.delete(may);
      this.#scene.world.note(() => `${member.node} has pruned ${removed.join()}`);
    } catch (error) {
      const code = codeOf(error);
      if (code !== "BACKUP_CHANGED" && !passing.has(code))
        this.#scene.violate("no-stray-error", `a prune: ${code}: ${(error as Error).stack} ${JSON.stringify(error)}`);
    } finally {
      this.#changing.delete(task);
    }
  }

  async recall(member: Member, wanted?: Living): Promise<boolean> {
    const living = [...this.#scene.watch.living.values()];
    const chosen = wanted ?? (living.length === 0 ? undefined : this.#scene.world.dice.pick(living));
    if (chosen === undefined) return true;
    const { number } = chosen.snapshot;
    const contents = new Map<string, Uint8Array[]>();
    const lost = new Map<UnitEntry, string>();
    // Whose keys go while a recall reads may still be in it.
    const erased = new Set(this.#erased);
    let broken: unknown;
    try {
      const ports = await member.ports(this.#scene.members, this.#scene.watch);
      const sink = {
        async write({ name }: UnitEntry, content: Uint8Array): Promise<void> {
          const place = `${name.thread} ${name.type}`;
          contents.set(place, [...(contents.get(place) ?? []), new Uint8Array(content)]);
        },
      };
      await recall(ports, openRepository(ports), { snapshot: number }, sink, {
        signal: new AbortController().signal,
        progress: () => undefined,
        lost: (unit, error) => void lost.set(unit, codeOf(error)),
      });
    } catch (error) {
      broken = error;
    }
    // It may have been removed meanwhile.
    if (!this.#scene.watch.living.has(number)) return true;
    const codes = [...lost]
      .filter(([unit]) => !this.#scene.journals.gone.has(tenantOf(unit.name)))
      .map(([, code]) => code);
    if (broken !== undefined) codes.push(codeOf(broken));
    this.#scene.world.note(() => `${member.node} has recalled ${number}: ${codes.join()} ${JSON.stringify(broken)}`);
    const bad = codes.find(
      (code) => !passing.has(code) || code === "DATA_DAMAGED" || (this.#scene.isCalm && broken === undefined),
    );
    if (bad !== undefined)
      this.#scene.violate(
        "backup-kept",
        `snapshot ${number} is brought back at ${member.node} with ${bad} ${JSON.stringify(broken)}`,
      );
    if (codes.length > 0) return false;
    this.#demandErased(contents, erased);
    const fault = this.#scene.watch.faultIn(chosen, contents, (actor) => this.#scene.watch.isGone(actor));
    if (fault !== undefined) this.#scene.violate("backup-true", `snapshot ${number} at ${member.node}: ${fault}`);
    return true;
  }

  readonly #erased = new Set<string>();

  #demandErased(contents: ReadonlyMap<string, readonly Uint8Array[]>, erased: ReadonlySet<string>): void {
    for (const [place, units] of contents) {
      const tenant = tenantOfActor(place.split(" ")[0] as ActorId);
      // That it was there may be known, not what it had.
      if (erased.has(tenant) && units.some((unit) => Buffer.from(unit).includes('"text"')))
        this.#scene.violate("backup-erased", `${place} is brought back after ${tenant} was erased`);
    }
  }

  async verify(member: Member): Promise<void> {
    const before = [...this.#scene.watch.living.keys()];
    const found = await this.verified(member, "manifest");
    if (found === undefined || !before.every((number) => this.#scene.watch.living.has(number))) return;
    const wrong = found.lost.named.find(({ error }) => error.code === "BACKUP_DAMAGED");
    if (wrong !== undefined)
      this.#scene.violate("backup-named", `${wrong.stripe} is called ${wrong.error.code} at ${member.node}`);
  }

  async verified(member: Member, depth: "manifest" | "data") {
    try {
      const ports = await member.ports(this.#scene.members, this.#scene.watch);
      const repository = openRepository(ports);
      const { snapshots } = await repository.state();
      const signal = new AbortController().signal;
      return await verify(ports, repository, snapshots, { depth, signal, progress: () => undefined, pace: async () => undefined }); // prettier-ignore
    } catch (error) {
      const code = codeOf(error);
      if (!passing.has(code) && code !== "STRIPE_LOST")
        this.#scene.violate("no-stray-error", `a check: ${code}: ${(error as Error).stack}`);
      return undefined;
    }
  }

  async rotate(member: Member): Promise<boolean> {
    try {
      await member.completeKeys(this.#scene.members, this.#scene.watch);
      const done = await member.keys.rotate({ compromised: this.#scene.world.dice.chance(0.2) });
      this.#scene.world.note(() => `${member.node} has rotated: ${done.ok ? "done" : done.error.code}`);
      return done.ok;
    } catch (error) {
      if (!passing.has(codeOf(error))) this.#scene.violate("no-stray-error", `a rotation: ${(error as Error).stack}`);
      return false;
    }
  }

  /** A person leaves: what the person has is deleted, then the keys are destroyed, again until that is known. No backup
   *  is taken meanwhile. */
  async erase(): Promise<void> {
    const { dice } = this.#scene.world;
    const tenant = dice.pick(people.slice(0, 2));
    const isBusy = (): boolean => this.#open.length > 0 || [...this.#changing].some(({ member }) => member.isUp);
    if (this.#scene.journals.gone.has(tenant) || isBusy()) return;
    this.erasing = true;
    await this.#scene.journals.leave(tenant);
    for (;;) {
      const member = this.#scene.someMember();
      // A process that dies never answers.
      const done =
        member &&
        (await Promise.race([member.keys.erase(tenant).catch(() => undefined), this.#scene.world.sleep(2_000)]));
      if (typeof done === "object" && done.ok) break;
      await this.#scene.world.sleep(300);
    }
    this.erasing = false;
    this.#erased.add(tenant);
    this.#scene.world.note(() => `${tenant} is erased`);
  }
}
