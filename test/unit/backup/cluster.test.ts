import { expect } from "chai";
import type { BackupState } from "../../../actors/backup/state.ts";
import {
  createDirectoryHeads,
  runnerLimits,
  type BackupPorts,
  type ClusterBackups,
  type Pacing,
} from "../../../node/backup/index.ts";
import { backupActor, failure, failureOf, PlexusError, type ActorId, type BackupResults, type BackupWork, type ClusterBackupTask, type ClusterBackupTasks, type SlotId } from "../../../protocols/index.ts"; // prettier-ignore
import { depth, isAll } from "../../depth.ts";
import { Cluster, memoryDirectory, ownSlot } from "./cluster-fixture.ts";
import { Actors, smallLimits } from "./world.ts";

const resultOf = (task: ClusterBackupTask): BackupResults["run"] => {
  expect(task.error, JSON.stringify(task.error)).to.equal(undefined);
  return task.result as BackupResults["run"];
};

describe("backups of a cluster", function () {
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

  it("have each row once of an actor that moves to another slot between the parts of a run, whatever units each part makes", async () => {
    const cluster = new Cluster(1);
    await cluster.start();
    for (const ports of cluster.ports.values()) Object.assign(ports, { limits: { ...ports.limits, pageRows: 100 } });
    const [room, from, to] = ["room/r2" as ActorId, "chat/2" as SlotId, "chat/99" as SlotId];
    const left = cluster.slots.get(from) as Actors;
    const say = (actors: Actors, n: number, text: string): void => actors.change(room, { [`message/9${n}`]: { text } });
    resultOf(await cluster.ended(cluster.begin()));
    for (let n = 0; n < 3; n += 1) {
      say(left, n, `some words ${n}`);
      resultOf(await cluster.ended(cluster.begin()));
    }
    // The part that still reads it there puts four units together; to the other one what is new is too much for that.
    say(left, 3, "more words");
    cluster.opened = (_, slot) => {
      if (slot !== from || cluster.slots.has(to)) return;
      const own = new Actors();
      own.change(room, Object.fromEntries(left.records.get(room) ?? []));
      say(own, 4, "w".repeat(smallLimits.unitBytes - 60));
      cluster.slots.set(to, own);
      cluster.owners.set(to, "n1");
    };
    resultOf(await cluster.ended(cluster.begin()));
    left.records.delete(room);
    expect(cluster.slots.has(to)).to.equal(true);
    expect(await cluster.texts("n3")).to.deep.equal(cluster.written);
  });

  it("step back at a node whose people write, say so, and end with all that there is", async () => {
    const took = async (isBusy: boolean) => {
      const cluster = new Cluster(1);
      await cluster.start();
      const { world } = cluster;
      const write = (): void => {
        cluster.pacings.get("n2")?.heard(1);
        world.after(50, write);
      };
      if (isBusy) write();
      const said = new Set<number>();
      const id = cluster.begin();
      cluster.heard = (_, type) => {
        const { workPercent } = cluster.look(id).progress;
        if (type === "advance" && workPercent !== undefined) said.add(workPercent);
      };
      const startMs = world.nowMs;
      expect(resultOf(await cluster.ended(id)).missed).to.deep.equal([]);
      const tookMs = world.nowMs - startMs;
      expect(await cluster.texts("n3")).to.deep.equal(cluster.written);
      return { tookMs, said: [...said] };
    };
    const alone = await took(false);
    const beside = await took(true);
    expect(alone.said).to.deep.equal([]);
    expect(beside.said).to.have.length.above(0);
    expect(Math.max(...beside.said)).to.be.below(100);
    expect(beside.tookMs).to.be.above(1.5 * alone.tookMs);
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

  it("have a slot that moves while it is read as it was at one moment, not what two owners read of it", async () => {
    const cluster = new Cluster(4);
    await cluster.start();
    const [moved, long] = ["chat/0", "chat/4"] as SlotId[];
    const own = (texts: readonly string[]): readonly string[] => texts.filter((text) => text.startsWith("0 "));
    const before = own(cluster.written);
    // Both are in one part, which takes longer than the next owner would to read the first again.
    for (let count = 0; count < 60; count += 1)
      cluster.slots
        .get(long as SlotId)
        ?.change("room/r4" as ActorId, { [`message/y${count}`]: { text: `4 ${"y".repeat(150)}` } });
    let readers = 0;
    cluster.opened = (_, slot) => {
      if (slot === moved) readers += 1;
      if (slot !== long || cluster.owners.get(moved as SlotId) === "n2") return;
      expect(readers, "it was read before it moves").to.equal(1);
      const late = { "message/0": { text: "0 changed" }, "message/6": { text: `0 6 ${"z".repeat(400)}` } };
      cluster.slots.get(moved as SlotId)?.change("room/r0" as ActorId, late);
      cluster.owners.set(moved as SlotId, "n2");
    };
    expect(resultOf(await cluster.ended(cluster.begin())).missed).to.deep.equal([]);
    expect(cluster.owners.get(moved as SlotId)).to.equal("n2");
    expect([before, own(cluster.written)]).to.deep.include(own(await cluster.texts("n3")));
    expect(resultOf(await cluster.ended(cluster.begin())).missed).to.deep.equal([]);
    expect(await cluster.texts("n3")).to.deep.equal(cluster.written);
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

  it("go on where they were cancelled, whenever that was, and ask for no part again that was done", async () => {
    let kept = 0;
    for (let moment = 2; moment <= 14; moment += depth(isAll ? 3 : 6, 1)) {
      const cluster = new Cluster(moment);
      await cluster.start();
      const opened = new Map<SlotId, number>();
      cluster.opened = (_, slot) => void opened.set(slot, (opened.get(slot) ?? 0) + 1);
      let words = 0;
      const id = cluster.begin();
      cluster.heard = (_, type) => {
        words += type === "advance" ? 1 : 0;
        if (words === moment && type === "advance")
          cluster.actor.ok("gateway", backupActor, { type: "cancel", task: id, by: "eve" });
      };
      const ended = await cluster.ended(id);
      if (ended.state === "done") continue;
      expect([ended.state, ended.resumable], `at ${moment}`).to.deep.equal(["cancelled", true]);
      cluster.slots.get("chat/2" as SlotId)?.change("room/r2" as ActorId, { "message/9": { text: "new" } });
      let pieces = 0;
      cluster.heard = (_, type, answer) => {
        if (type === "take") pieces = (answer as BackupWork).task?.pieces ?? pieces;
      };
      const before = new Map(opened);
      cluster.actor.ok("gateway", backupActor, { type: "resume", task: id, by: "ada" });
      const { snapshot, missed } = resultOf(await cluster.ended(id));
      expect([snapshot.number, missed], `at ${moment}`).to.deep.equal([1, []]);
      const again = [...opened].filter(([slot, times]) => times > (before.get(slot) ?? 0)).length;
      // A part has two slots.
      expect(again, `at ${moment}`).to.be.at.most(cluster.slots.size - 2 * pieces);
      kept += pieces;
      await cluster.ended(cluster.begin());
      expect(await cluster.texts("n3"), `at ${moment}`).to.deep.equal(cluster.written);
    }
    expect(kept, "parts that were not made again").to.be.above(0);
  });

  it("are checked to the end at another node when the runner's dies, or after a cancel, and nothing is looked at twice", async () => {
    const whole = async (how: "crash" | "cancel", moment: number) => {
      const cluster = new Cluster(9);
      await cluster.start();
      resultOf(await cluster.ended(cluster.begin()));
      const looked = new Map<string, number>();
      for (const ports of cluster.ports.values()) {
        const { stripes } = ports;
        const inspect: typeof stripes.inspect = (stripe, deep) => {
          looked.set(stripe.id, (looked.get(stripe.id) ?? 0) + 1);
          return stripes.inspect(stripe, deep);
        };
        Object.assign(ports, { stripes: { ...stripes, inspect } });
      }
      const id = cluster.begin({ sort: "verify", depth: "data" });
      let marks = 0;
      cluster.heard = (node, type) => {
        if (type !== "advance" || (cluster.actor.stateOf(backupActor) as BackupState).open[0]?.checkpoint === undefined)
          return;
        marks += 1;
        if (marks !== moment) return;
        if (how === "crash") cluster.crash(node, "n3");
        else cluster.actor.ok("gateway", backupActor, { type: "cancel", task: id, by: "eve" });
      };
      let task = await cluster.ended(id);
      if (task.state === "cancelled") {
        cluster.actor.ok("gateway", backupActor, { type: "resume", task: id, by: "ada" });
        task = await cluster.ended(id);
      }
      return { task, looked: [...looked.values()], marks };
    };
    const { task: plain, marks, looked: plainLooked } = await whole("cancel", Infinity);
    expect(marks).to.be.above(4);
    expect(plainLooked.length).to.be.above(4);
    for (const how of ["crash", "cancel"] as const)
      for (let moment = 1; moment < marks; moment += depth(isAll ? 3 : 6, 1)) {
        const { task, looked } = await whole(how, moment);
        expect([task.state, task.turn], `${how} ${moment}`).to.deep.equal(["done", 2]);
        // The node that died has shards, too.
        const { weak } = task.result as BackupResults["verify"];
        expect(task.result, `${how} ${moment}`).to.deep.equal({ ...plain.result, ...(how === "crash" && { weak }) });
        // The one that was being looked at is looked at again, and the one before it where its mark was not heard.
        expect(looked.length, "stripes were looked at").to.equal(plainLooked.length);
        expect(looked.filter((times) => times > 1).length, `${how} ${moment}`).to.be.at.most(2);
      }
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

  it("are rehearsed on their schedule, and who watches from outside hears of a rehearsal that fails, and of none", async () => {
    const cluster = new Cluster(7);
    cluster.actor.nowMs = 0;
    await cluster.start();
    await cluster.ended(cluster.begin());
    const outcomes: readonly object[] = [
      { whole: true },
      { whole: false, lost: { total: 2 }, missing: { total: 0 }, wrong: { total: 0 } },
    ];
    const drills: string[] = [];
    cluster.drill = async (node) => {
      const outcome = outcomes[drills.length];
      drills.push(node);
      if (outcome === undefined) throw new PlexusError(failure("DISK_FULL"));
      return outcome as never;
    };
    const { actor, world } = cluster;
    actor.ok("gateway", backupActor, { type: "putSchedule", name: "rehearsal", cron: "* * * * *", wish: { sort: "drill" }, by: "ada" }); // prettier-ignore
    /** The next minute comes: the schedule's task is taken by the runner, and ends. */
    const minute = async (): Promise<ClusterBackupTask> => {
      const before = drills.length;
      await world.pass(60_000);
      actor.pass(Math.max(0, world.nowMs - actor.nowMs));
      await world.pass(3_000);
      expect(drills).to.have.length(before + 1);
      const [task] = actor.ok<ClusterBackupTasks>("gateway", backupActor, { type: "tasks" }).tasks;
      expect(task).to.deep.include({ sort: "drill", schedule: "rehearsal" });
      return task as ClusterBackupTask;
    };
    const told = (name: string, node = "n1") => cluster.gauges.get(`${node} ${name}`);
    expect((await minute()).state).to.equal("done");
    expect([told("backup_drill_failed"), told("backup_late drill")]).to.deep.equal([0, 0]);
    expect((await minute()).state).to.equal("done");
    expect(told("backup_drill_failed")).to.equal(1);
    expect((await minute()).error?.code).to.equal("DISK_FULL");
    expect((await minute()).error?.code).to.equal("DISK_FULL");
    expect((await minute()).error?.code).to.equal("DISK_FULL");
    expect([told("backup_drill_failed"), told("backup_late drill"), told("backup_late run")]).to.deep.equal([1, 1, 0]);
    expect(told("backup_age_seconds drill")).to.be.within(180, 200);
    expect([told("backup_late drill", "n2"), told("backup_drill_failed", "n2")]).to.deep.equal([0, 0]);
    expect(new Set(drills)).to.deep.equal(new Set(["n1"]));
  });

  it("rehearse a restore from its beginning at the next node when its node dies, one at a time, and say so", async () => {
    const cluster = new Cluster(1);
    await cluster.start();
    await cluster.ended(cluster.begin());
    const begun: string[] = [];
    let going = 0;
    cluster.drill = async (node) => {
      expect((going += 1), `at ${node} beside another one`).to.equal(1);
      begun.push(node);
      if (begun.length < 3) {
        // It ends with its node: nobody hears of it again.
        cluster.crash(node, `n${begun.length + 1}`);
        going -= 1;
        return new Promise<never>(() => undefined);
      }
      await new Promise<void>((done) => void cluster.world.after(5_000, done));
      going -= 1;
      return { whole: true } as never;
    };
    const [first, second] = [cluster.begin({ sort: "drill" }), cluster.begin({ sort: "drill" })];
    expect((await cluster.ended(first)).result).to.deep.equal({ whole: true, begunAgain: 2 });
    expect((await cluster.ended(second)).result).to.deep.equal({ whole: true });
    expect(begun).to.deep.equal(["n1", "n2", "n3", "n3"]);
  });

  it("give a rehearsal up that ends each node which works on it", async () => {
    const cluster = new Cluster(1, 5);
    await cluster.start();
    await cluster.ended(cluster.begin());
    let begun = 0;
    cluster.drill = async (node) => {
      begun += 1;
      cluster.crash(node, node === "n1" ? "n2" : "n1");
      cluster.world.after(1_000, () => void cluster.restart(node));
      return new Promise<never>(() => undefined);
    };
    const { state, error } = await cluster.ended(cluster.begin({ sort: "drill" }));
    expect([state, error?.code, error?.details?.["limit"]]).to.deep.equal(["failed", "LIMIT_REACHED", "drillTurnsMax"]);
    expect(begun).to.equal(runnerLimits.drillTurnsMax);
  });

  /** A run at the first of two nodes, the other of which is down: it has asked for its first put in vain. */
  async function held() {
    const cluster = new Cluster(1, 2);
    await cluster.start();
    for (const slot of cluster.owners.keys()) cluster.owners.set(slot, "n1");
    cluster.shards.crash("n2", { power: false });
    const { stripes } = cluster.ports.get("n1") as BackupPorts;
    const put = stripes.put.bind(stripes);
    let refusals = 0;
    Object.assign(cluster.ports.get("n1") as BackupPorts, {
      stripes: {
        ...stripes,
        put: async (...given: Parameters<typeof put>) => {
          const done = await put(...given);
          if (!done.ok) refusals += 1;
          return done;
        },
      },
    });
    return { cluster, refusals: () => refusals };
  }

  it("wait with what they store for a storage node that is down, and go on when it is back", async () => {
    const { cluster } = await held();
    cluster.world.after(20_000, () => void cluster.shards.start("n2"));
    const sinceMs = cluster.world.nowMs;
    expect(resultOf(await cluster.ended(cluster.begin())).missed).to.deep.equal([]);
    expect(cluster.world.nowMs - sinceMs).to.be.within(20_000, 30_000);
    expect(await cluster.texts("n1")).to.deep.equal(cluster.written);
  });

  it("end with its name when it stays away, and step back no less for having waited", async () => {
    const { cluster, refusals } = await held();
    const pacing = cluster.pacings.get("n1") as Pacing;
    const shares = new Set<number>();
    const write = (): void => {
      pacing.heard(1);
      if (refusals() > 0) shares.add(pacing.percent());
      cluster.world.after(50, write);
    };
    write();
    const sinceMs = cluster.world.nowMs;
    const { error } = await cluster.ended(cluster.begin());
    expect(error).to.deep.include({ code: "HOLDERS_TOO_FEW" });
    expect(error?.details).to.deep.include({ down: ["node-n2"] });
    expect(cluster.world.nowMs - sinceMs, "and not for ever").to.be.within(30_000, 45_000);
    expect(refusals()).to.be.above(20);
    expect(Math.max(...shares) - Math.min(...shares), "percent of the time").to.be.below(8);
  });

  it("end at once by a cancel or a stop while they wait for one", async () => {
    for (const how of ["cancel", "stop"] as const) {
      const { cluster, refusals } = await held();
      const id = cluster.begin();
      await cluster.world.run(() => refusals() > 3, cluster.world.nowMs + 20_000);
      const sinceMs = cluster.world.nowMs;
      if (how === "cancel") {
        cluster.actor.ok("gateway", backupActor, { type: "cancel", task: id, by: "eve" });
        expect((await cluster.ended(id)).state).to.equal("cancelled");
      } else await cluster.world.settle((cluster.backups.get("n1") as ClusterBackups).stop(), 20_000);
      expect(cluster.world.nowMs - sinceMs, how).to.be.below(900);
      const tries = refusals();
      await cluster.world.pass(5_000);
      expect(refusals(), `${how}: nothing tries on`).to.equal(tries);
    }
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
    const away = createDirectoryHeads({
      ...directory,
      compareAndSet: () => Promise.reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE"))),
    });
    const code = await away.commit(head("c"), 3).catch((error: unknown) => failureOf(error).code);
    expect(code).to.equal("DIRECTORY_UNAVAILABLE");
  });
});
