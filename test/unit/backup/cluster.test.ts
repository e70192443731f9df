import { expect } from "chai";
import { createClusterBackups, createDirectoryHeads, openRepository, recall, type BackupPorts, type ClusterBackups, type RunnerLimits } from "../../../node/backup/index.ts"; // prettier-ignore
import type { Directory, DirectoryRow, NodeId } from "../../../node/ports.ts";
import { backupActor, failure, failureOf, PlexusError, refused, slotOf, type ActorId, type BackupResults, type BackupWish, type BackupWork, type ClusterBackupTask, type SlotId } from "../../../protocols/index.ts"; // prettier-ignore
import { decodeRows } from "../../../runtimes/backup/index.ts";
import { depth } from "../../depth.ts";
import { quietLog } from "../../quiet.ts";
import { simulatedClock, World } from "../../world/index.ts";
import { Stage as ActorStage } from "../actors/stage.ts";
import { Stage } from "../shards/stage.ts";
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
};
const ownSlot = slotOf("manager", backupActor);

/** A directory's rows, as every node reads and changes them. */
function memoryDirectory(): Pick<Directory, "read" | "compareAndSet"> {
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

/** Nodes with real shards on simulated disks and paths, the real actor of backups, and slots whose actors are maps of records. */
class Cluster {
  readonly world: World;
  readonly shards: Stage;
  readonly actor = new ActorStage();
  readonly slots = new Map<SlotId, Actors>();
  /** Who owns which slot; what each node thinks of who owns the actor's may be set apart. */
  readonly owners = new Map<SlotId, NodeId>();
  readonly believes = new Map<NodeId, NodeId>();
  readonly directory = memoryDirectory();
  readonly keys = plainKeys();
  readonly backups = new Map<NodeId, ClusterBackups>();
  readonly ports = new Map<NodeId, BackupPorts>();
  /** Told of each word of a runner that was taken. */
  heard: (node: NodeId, type: string, answer: unknown) => void = () => undefined;

  constructor(seed: number, nodes = 4) {
    this.world = new World(seed);
    this.shards = new Stage(this.world, { nodes });
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

  #serve(node: NodeId): void {
    const { world } = this;
    const { pulse, shards, exchange, membership } = this.shards.machine(node);
    if (shards === undefined || exchange === undefined || membership === undefined) throw new Error("it runs");
    const clock = simulatedClock(world, { offsetMs: 0 }, pulse);
    const random = world.dice;
    const { stripes } = shards;
    const heads = createDirectoryHeads(this.directory);
    const ports: BackupPorts = { cluster: "harbour", owner: backupActor, stripes, heads, keys: this.keys, sealer: plainSealer, clock, random, log: quietLog, limits: smallLimits }; // prettier-ignore
    this.ports.set(node, ports);
    const recordOf = (slot: SlotId) => {
      const owner = slot === ownSlot ? (this.believes.get(node) ?? this.owners.get(slot)) : this.owners.get(slot);
      return owner === undefined ? undefined : { record: { slot, epoch: 1, owner, inSync: [owner], learners: [] }, revision: 1 }; // prettier-ignore
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
        limits: quick,
        use: (work) => work(ports),
        drill: () => Promise.reject(new PlexusError(failure("NOT_FOUND"))),
        source: {
          open: async (slot) => {
            const owner = this.owners.get(slot);
            if (owner !== node) throw new PlexusError(failure("MOVED", { slot, owner }));
            return (this.slots.get(slot) as Actors).open();
          },
        },
        // What a process asked does not come back to it after its end.
        ask: (message) =>
          new Promise((resolve) => {
            world.after(3, () => {
              if (!pulse.alive) return;
              if (!this.shards.isUp(this.owners.get(ownSlot) as NodeId)) return resolve(refused(failure("SLOT_UNAVAILABLE"))); // prettier-ignore
              this.actor.nowMs = Math.max(this.actor.nowMs, world.nowMs);
              const answer = this.actor.do("node", backupActor, message);
              if (answer.ok) this.heard(node, message.type, answer.value);
              world.after(3, () => pulse.alive && resolve(answer));
            });
          }),
      }),
    );
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
      ) // prettier-ignore
      .sort();
  }

  snapshots(node: NodeId) {
    return this.world.settle((this.backups.get(node) as ClusterBackups).list());
  }
}

const resultOf = (task: ClusterBackupTask): BackupResults["run"] => {
  expect(task.error, JSON.stringify(task.error)).to.equal(undefined);
  return task.result as BackupResults["run"];
};

describe("backups of a cluster", function () {
  this.timeout(120_000);

  it("have what all nodes have, and of the next run only what is new", async () => {
    const cluster = new Cluster(1);
    await cluster.start();
    const first = resultOf(await cluster.ended(cluster.begin()));
    expect(first.missed).to.deep.equal([]);
    expect(await cluster.texts("n3")).to.deep.equal(cluster.written);
    cluster.slots.get("chat/2" as SlotId)?.change("room/r2" as ActorId, { "message/9": { text: "new" } });
    const second = resultOf(await cluster.ended(cluster.begin()));
    expect(second.snapshot.number).to.equal(2);
    expect(second.changedUnits).to.be.within(1, first.changedUnits / 4);
    expect(await cluster.texts("n4")).to.deep.equal(cluster.written);
  });

  it("end at another node when the runner's dies, whenever that is, and keep what was done", async () => {
    let tookOver = 0;
    let wentOn = 0;
    for (let moment = 2; moment <= 14; moment += depth(4, 1)) {
      const cluster = new Cluster(moment);
      await cluster.start();
      let words = 0;
      cluster.heard = (node, type, answer) => {
        const taken = type === "take" ? (answer as BackupWork).task : null;
        if (taken !== null && taken.turn > 1) tookOver += 1;
        if (taken !== null && taken.turn > 1 && taken.pieces > 0) wentOn += 1;
        if (node !== "n1" || type !== "advance") return;
        words += 1;
        if (words === moment) cluster.crash("n1", "n2");
      };
      const result = resultOf(await cluster.ended(cluster.begin()));
      expect(result.missed, `died at ${moment}`).to.deep.equal([]);
      expect(result.snapshot.number).to.equal(1);
      expect(await cluster.texts("n3"), `died at ${moment}`).to.deep.equal(cluster.written);
      expect((await cluster.snapshots("n3")).length).to.equal(1);
    }
    expect(tookOver, "runs that ended at another node").to.be.above(1);
    expect(wentOn, "runs that went on from parts of the turn before").to.be.above(0);
  });

  it("are committed once by two runners of which each takes itself for the only one", async () => {
    for (let seed = 1; seed <= depth(2, 12); seed += 1) {
      const cluster = new Cluster(seed);
      await cluster.start();
      const id = cluster.begin();
      let words = 0;
      cluster.heard = (node, type) => {
        if (node !== "n1" || type !== "advance") return;
        words += 1;
        // It goes on as if it owned the slot.
        if (words === seed * 2) {
          cluster.believes.set("n1", "n1");
          cluster.owners.set(ownSlot, "n3");
          cluster.world.after(600, () => cluster.believes.delete("n1"));
        }
      };
      const result = resultOf(await cluster.ended(id));
      await cluster.world.pass(3_000);
      expect((await cluster.snapshots("n2")).map(({ number }) => number)).to.deep.equal([result.snapshot.number]);
      expect(await cluster.texts("n2")).to.deep.equal(cluster.written);
    }
  });

  it("name the slots of a node that stays away, and have them the next time", async () => {
    const cluster = new Cluster(5);
    await cluster.start();
    cluster.shards.crash("n4", { power: false });
    const { missed, snapshot } = resultOf(await cluster.ended(cluster.begin()));
    const away = [...cluster.owners].flatMap(([slot, owner]) => (owner === "n4" ? [slot as string] : []));
    expect(missed.map(({ slot }) => slot).sort()).to.deep.equal(away.sort());
    expect(missed[0]?.owner).to.equal("node-n4");
    expect(snapshot.missed.toSorted()).to.deep.equal(away);
    for (const [slot, owner] of cluster.owners) if (owner === "n4") cluster.owners.set(slot, "n2");
    expect(resultOf(await cluster.ended(cluster.begin())).missed).to.deep.equal([]);
    expect(await cluster.texts("n1")).to.deep.equal(cluster.written);
  });

  it("leave nothing but what expires when they are cancelled", async () => {
    const cluster = new Cluster(6);
    await cluster.start();
    const id = cluster.begin();
    let words = 0;
    cluster.heard = (_, type) => {
      words += type === "advance" ? 1 : 0;
      if (words === 4) cluster.actor.ok("gateway", backupActor, { type: "cancel", task: id, by: "eve" });
    };
    const task = await cluster.ended(id);
    expect(task).to.include({ state: "cancelled", cancelledBy: "eve" });
    expect(await cluster.snapshots("n2")).to.deep.equal([]);
    await cluster.world.pass(10_000);
    // Nobody refers to anything any more, but to what an owner still wrote when it heard of it; that has an end.
    for (const holder of cluster.shards.all())
      for (const { references } of cluster.shards.holders.inventory(holder))
        for (const { expiresAtMs } of references) expect(expiresAtMs).to.be.a("number");
  });

  it("are checked and pruned by tasks, and a prune leaves what the newest needs", async () => {
    const cluster = new Cluster(7);
    await cluster.start();
    for (const text of ["one", "two"]) {
      cluster.slots.get("chat/1" as SlotId)?.change("room/r1" as ActorId, { [`message/${text}`]: { text } });
      resultOf(await cluster.ended(cluster.begin()));
    }
    const pruned = await cluster.ended(cluster.begin({ sort: "prune", keep: { last: 1 }, apply: true }));
    expect((pruned.result as BackupResults["prune"]).removed).to.deep.equal([1]);
    const checked = await cluster.ended(cluster.begin({ sort: "verify", depth: "data" }));
    expect(checked.result).to.deep.include({ snapshots: 1, weak: 0, lost: { total: 0, named: [] } });
    expect(await cluster.texts("n2")).to.deep.equal(cluster.written);
    const none = await cluster.ended(cluster.begin({ sort: "verify", depth: "manifest", snapshot: 9 }));
    expect(none.error?.code).to.equal("NOT_FOUND");
  });

  it("are refused where too few nodes could keep them, saying how many would do", async () => {
    const cluster = new Cluster(8, 1);
    await cluster.start();
    const { state, error } = await cluster.ended(cluster.begin());
    expect(state).to.equal("failed");
    expect(error?.code).to.equal("HOLDERS_TOO_FEW");
    expect(error?.details).to.include({ holders: 1, needed: 2 });
  });
});

describe("the head in the directory", () => {
  it("is the next one, by one of several who try, and is known again when its answer was lost", async () => {
    const directory = memoryDirectory();
    const [one, other] = [createDirectoryHeads(directory), createDirectoryHeads(directory)];
    const head = (text: string): Uint8Array => new TextEncoder().encode(text);
    expect(await one.read()).to.equal(undefined);
    expect(await one.commit(head("a"), 2)).to.equal(false);
    const both = await Promise.all([one.commit(head("a"), 1), other.commit(head("b"), 1)]);
    expect(both).to.deep.equal([true, false]);
    expect(await one.commit(head("a"), 1), "again").to.equal(true);
    expect(await other.settled?.read()).to.equal(0);
    await one.settled?.tell(1);
    expect(await other.settled?.read()).to.equal(1);
    expect(await other.commit(head("b"), 2)).to.equal(true);
    expect(await one.settled?.read(), "up to the head before").to.equal(1);
    await one.settled?.tell(1);
    expect(await one.settled?.read()).to.equal(1);
    await one.settled?.tell(2);
    expect(await other.settled?.read()).to.equal(2);
    expect(Buffer.from((await one.read()) ?? []).toString()).to.equal("b");
    const away = createDirectoryHeads({ ...directory, compareAndSet: () => Promise.reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE"))) }); // prettier-ignore
    const code = await away.commit(head("c"), 3).catch((error: unknown) => failureOf(error).code);
    expect(code).to.equal("DIRECTORY_UNAVAILABLE");
  });
});
