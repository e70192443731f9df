/** Nodes with real shards on simulated disks and paths, the real actor of backups, and living actors beside it. */
import { expect } from "chai";
import {
  createClusterBackups,
  createDirectoryHeads,
  createPacing,
  openRepository,
  pacedStripes,
  recall,
  type BackupPorts,
  type ClusterBackups,
  type Pacing,
  type PlaceTarget,
} from "../../../node/backup/index.ts";
import { type RunnerLimits } from "../../../node/backup/limits.ts"; // prettier-ignore
import type { Directory, DirectoryRow, NodeId } from "../../../node/ports/index.ts";
import { backupActor, failure, PlexusError, refused, slotOf, type ActorId, type BackupResults, type BackupWish, type ClusterBackupTask, type SlotId } from "../../../protocols/index.ts"; // prettier-ignore
import { decodeRows } from "../../../runtimes/backup/index.ts";
import { quietLog, quietMeter } from "../../fixtures/quiet.ts";
import { simulatedClock, World } from "../../world/index.ts";
import { Fixture as ActorFixture } from "../actors/fixture.ts";
import { Fixture } from "../bulk/shards/fixture.ts";
import { Actors, plainKeys, plainSealer, smallLimits } from "./world.ts";

const quick: Partial<RunnerLimits> = {
  pollMs: 100,
  tellMs: 100,
  askTimeoutMs: 500,
  partAnswerMs: 100,
  partTimeoutMs: 400,
  partForgottenMs: 2_000,
  partSlots: 2,
  slotPauseMs: 100,
  slotWaitMs: 5_000,
  partBytesPerSecond: 20_000,
  lateEveryMs: 1_000,
};
/** Little makes many stretches of a recall, and each is kept. */
const limits = { ...smallLimits, placeStretch: 5, placeBatch: 3, markKeptMs: 0 };
export const ownSlot = slotOf("manager", backupActor);

/** A directory's rows, as every node reads and changes them. */
export function memoryDirectory(): Pick<Directory, "read" | "compareAndSet"> {
  const rows = new Map<string, DirectoryRow>();
  let revisions = 0;
  return {
    read: async (key) => rows.get(key),
    async compareAndSet(key, value, revision) {
      const row = rows.get(key);
      if ((row?.revision ?? 0) !== revision) return { applied: false, row };
      const next = { key, value, revision: (revisions += 1) };
      rows.set(key, next);
      return { applied: true, row: next };
    },
  };
}

/** Nodes with real shards on simulated disks and paths, the real actor of backups, and slots whose actors are maps of
 *  records. */
export class Cluster {
  readonly world: World;
  readonly shards: Fixture;
  readonly actor: ActorFixture;
  readonly slots = new Map<SlotId, Actors>();
  /** Who owns which slot; what each node thinks of who owns the actor's may be set apart. */
  readonly owners = new Map<SlotId, NodeId>();
  readonly believes = new Map<NodeId, NodeId>();
  readonly directory = memoryDirectory();
  readonly keys = plainKeys();
  readonly backups = new Map<NodeId, ClusterBackups>();
  readonly ports = new Map<NodeId, BackupPorts>();
  /** Is told of what people change at a node. */
  readonly pacings = new Map<NodeId, Pacing>();
  /** What each node tells those who watch from outside. */
  readonly gauges = new Map<string, number>();
  /** A rehearsal at a node. */
  drill: (node: NodeId) => Promise<BackupResults["drill"]> = () =>
    Promise.reject(new PlexusError(failure("NOT_FOUND")));
  /** Told of each slot that a node begins to read. */
  opened: (node: NodeId, slot: SlotId) => void = () => undefined;
  /** Told of each word of a runner that was taken. */
  heard: (node: NodeId, type: string, answer: unknown) => void = () => undefined;

  constructor(seed: number, nodes = 4, actor = new ActorFixture()) {
    this.actor = actor;
    this.world = new World(seed);
    this.shards = new Fixture(this.world, { nodes });
    for (let index = 0; index < 2 * nodes; index += 1) {
      const actors = new Actors();
      const slot = `chat/${index}` as SlotId;
      for (let count = 0; count < 6; count += 1) {
        const records = { [`message/${count}`]: { text: `${index} ${count} ${"x".repeat(120)}` } };
        actors.change(`room/r${index}` as ActorId, records);
      }
      this.slots.set(slot, actors);
      this.owners.set(slot, `n${(index % nodes) + 1}`);
    }
    this.owners.set(ownSlot, "n1");
  }

  async start(): Promise<void> {
    await this.shards.startAll();
    for (const { node } of this.shards.machines) this.#serve(node);
  }

  /** A node that ended starts again. */
  async restart(node: NodeId): Promise<void> {
    await this.shards.start(node);
    this.#serve(node);
  }

  #serve(node: NodeId): void {
    const { world } = this;
    const { pulse, shards, exchange, membership } = this.shards.machine(node);
    if (shards === undefined || exchange === undefined || membership === undefined) throw new Error("it runs");
    const clock = simulatedClock(world, { offsetMs: 0 }, pulse);
    const random = world.dice;
    const { stripes } = shards;
    const heads = createDirectoryHeads(this.directory);
    const ports: BackupPorts = { cluster: "harbour", owner: backupActor, stripes, heads, keys: this.keys, sealer: plainSealer, clock, random, log: quietLog, limits }; // prettier-ignore
    this.ports.set(node, ports);
    const pacing = createPacing({ clock });
    this.pacings.set(node, pacing);
    const recordOf = (slot: SlotId) => {
      const owner = slot === ownSlot ? (this.believes.get(node) ?? this.owners.get(slot)) : this.owners.get(slot);
      return owner === undefined
        ? undefined
        : { record: { slot, epoch: 1, owner, inSync: [owner], learners: [] }, revision: 1 };
    };
    this.backups.set(
      node,
      createClusterBackups({
        node,
        exchange,
        table: { get: recordOf, rows: () => [...this.slots.keys()].flatMap((slot) => recordOf(slot) ?? []).values() },
        membership,
        clock,
        random,
        log: quietLog,
        meter: {
          ...quietMeter,
          gauge: (name, value, labels) =>
            void this.gauges.set([node, name, ...Object.values(labels ?? {})].join(" "), value),
        },
        limits: quick,
        use: (work, paced) => work(paced ? { ...ports, stripes: pacedStripes(ports.stripes, paced) } : ports),
        pacing,
        target: this.targetOf(node),
        drill: () => this.drill(node),
        source: {
          open: async (slot) => {
            const owner = this.owners.get(slot);
            if (owner !== node) throw new PlexusError(failure("MOVED", { slot, owner }));
            this.opened(node, slot);
            return (this.slots.get(slot) as Actors).open();
          },
        },
        // What a process asked does not come back to it after its end.
        ask: (message) =>
          new Promise((resolve) => {
            world.after(3, () => {
              if (!pulse.alive) return;
              if (!this.shards.isUp(this.owners.get(ownSlot) as NodeId))
                return resolve(refused(failure("SLOT_UNAVAILABLE")));
              this.actor.nowMs = Math.max(this.actor.nowMs, world.nowMs);
              const answer = this.actor.do("node", backupActor, message);
              if (answer.ok) this.heard(node, message.type, answer.value);
              world.after(3, () => pulse.alive && resolve(answer));
            });
          }),
      }),
    );
  }

  /** Told of each question to a living actor that was answered. */
  placed: (node: NodeId, message: { readonly type: string }) => void = () => undefined;

  /** Living actors as a node asks them; what a process asked does not come back to it after its end. */
  targetOf(node: NodeId): PlaceTarget {
    const { world, actor } = this;
    const { pulse } = this.shards.machine(node);
    return {
      ask: (to, message, operation) =>
        new Promise((resolve) => {
          world.after(2, () => {
            if (!pulse.alive) return;
            actor.nowMs = Math.max(actor.nowMs, world.nowMs);
            const answer = actor.do("node", to, message, operation);
            this.placed(node, message);
            world.after(2, () => pulse.alive && resolve(answer));
          });
        }),
      file: async () => refused(failure("NOT_FOUND")),
      remake: async () => refused(failure("NOT_FOUND")),
    };
  }

  /** Ends a node; its slots are another's after a while, as after a failover. */
  crash(node: NodeId, heir: NodeId): void {
    this.shards.crash(node, { power: false });
    this.world.after(800, () => {
      for (const [slot, owner] of this.owners) if (owner === node) this.owners.set(slot, heir);
      this.actor.crash(backupActor);
    });
  }

  begin(wish: BackupWish = { sort: "run" }): string {
    return this.actor.ok<ClusterBackupTask>("gateway", backupActor, { type: "start", wish, by: "ada" }).id;
  }

  look(id: string): ClusterBackupTask {
    return this.actor.ok<ClusterBackupTask>("gateway", backupActor, { type: "task", task: id });
  }

  async ended(id: string): Promise<ClusterBackupTask> {
    const isOver = (): boolean => !["waiting", "running"].includes(this.look(id).state);
    expect(await this.world.run(isOver, this.world.nowMs + 120_000), "the task ends").to.equal("done");
    return this.look(id);
  }

  /** What the newest snapshot brings back, at a node. */
  async texts(node: NodeId): Promise<readonly string[]> {
    const ports = this.ports.get(node) as BackupPorts;
    const found: string[] = [];
    const sink = {
      write: async (_: unknown, content: Uint8Array) =>
        void found.push(...decodeRows(content).map(([, value]) => (value as { text: string }).text)),
    };
    const lost = (_: unknown, error: unknown): void => {
      throw error;
    };
    const signal = new AbortController().signal;
    const progress = (): void => undefined;
    await this.world.settle(recall(ports, openRepository(ports), {}, sink, { signal, progress, lost }));
    return found.sort();
  }

  get written(): readonly string[] {
    return [...this.slots.values()]
      .flatMap((actors) =>
        [...actors.rows().values()].flatMap((rows) => rows.map(([, value]) => (value as { text: string }).text)),
      )
      .sort();
  }

  snapshots(node: NodeId) {
    return this.world.settle((this.backups.get(node) as ClusterBackups).list());
  }
}
