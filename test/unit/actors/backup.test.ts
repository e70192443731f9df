import { expect } from "chai";
import fc from "fast-check";
import { nextTime } from "../../../actors/backup/times.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import type { Message } from "../../../actors/behavior.ts";
import { backupSorts, type BackupFolderList, type BackupPieces, type BackupSchedule, type BackupScheduleList, type BackupSort, type BackupWish, type BackupWork, type ClusterBackupTask, type ClusterBackupTasks, type TakenTask } from "../../../protocols/index.ts"; // prettier-ignore
import { depth } from "../../depth.ts";
import { Fixture } from "./fixture.ts";

const cluster = "backup/cluster";
const hourMs = 3_600_000;
const wishes = {
  run: { sort: "run" },
  verify: { sort: "verify", depth: "manifest" },
  drill: { sort: "drill" },
  recall: { sort: "recall", query: {} },
  place: { sort: "place", query: {}, recall: "recall0001" },
  withdraw: { sort: "withdraw", query: {}, recall: "recall0001" },
  prune: { sort: "prune", keep: { last: 1 } },
} as Readonly<Record<BackupSort, BackupWish>>;

const told = <Answer>(fixture: Fixture, message: Message): Answer => fixture.ok<Answer>("gateway", cluster, message);
const start = (fixture: Fixture, sort: BackupSort): ClusterBackupTask =>
  told(fixture, { type: "start", wish: wishes[sort], by: "ada" });
const take = (fixture: Fixture, runner: string, ...holds: readonly string[]): TakenTask | null =>
  fixture.ok<BackupWork>("node", cluster, { type: "take", runner, holds }).task;
const said = (fixture: Fixture, { id, turn }: TakenTask, message: Message): string =>
  fixture.code("node", cluster, { task: id, turn, ...message });
const look = (fixture: Fixture, id: string): ClusterBackupTask => told(fixture, { type: "task", task: id });
const list = (fixture: Fixture): readonly ClusterBackupTask[] =>
  told<ClusterBackupTasks>(fixture, { type: "tasks" }).tasks;
const result = { ok: true };

describe("the tasks of backups", () => {
  it("go on in the next turn from what was kept, and the words of the turn before come too late", () => {
    const fixture = new Fixture();
    const { id } = start(fixture, "run");
    const first = take(fixture, "n1") as TakenTask;
    expect(first).to.deep.include({ id, turn: 1, pieces: 0 });
    expect(said(fixture, first, { type: "advance", checkpoint: "half", pieces: [{ key: "b", value: "2" }, { key: "a", value: "1" }] })).to.equal("accepted"); // prettier-ignore
    expect(take(fixture, "n1", id), "it is busy with it").to.equal(null);
    fixture.crash(cluster);
    const second = take(fixture, "n2") as TakenTask;
    expect(second).to.deep.include({ id, turn: 2, checkpoint: "half", pieces: 2 });
    const { pieces } = fixture.ok<BackupPieces>("node", cluster, { type: "pieces", task: id, turn: 2 });
    expect(pieces).to.deep.equal([
      { key: "a", value: "1" },
      { key: "b", value: "2" },
    ]);
    for (const late of [{ type: "advance", checkpoint: "mine" }, { type: "pieces" }, { type: "finish", result }])
      expect(said(fixture, first, late), late.type).to.equal("TASK_TAKEN");
    expect(said(fixture, second, { type: "finish", result })).to.equal("accepted");
    expect(said(fixture, second, { type: "finish", result })).to.equal("TASK_TAKEN");
    expect(look(fixture, id)).to.deep.include({ state: "done", result, turn: 2, runner: "n2" });
  });

  it("in a folder wait for the node that has it, in nobody's way, and what is there is remembered, a bounded number", () => {
    const fixture = new Fixture();
    const folder = { node: "n2", path: "/mnt/backup" };
    const inFolder = told<ClusterBackupTask>(fixture, { type: "start", wish: { sort: "run", folder }, by: "ada" });
    const onStorage = start(fixture, "run");
    expect(take(fixture, "n1.a")?.id, "the owner of the actor has no such folder").to.equal(onStorage.id);
    const takeAs = (node: string, ...holds: readonly string[]) =>
      fixture.ok<BackupWork>("node", cluster, { type: "take", runner: `${node}.b`, holds, node }).task;
    expect(takeAs("n3")).to.equal(null);
    expect(takeAs("n2")?.id, "beside what is done elsewhere").to.equal(inFolder.id);
    const prune = { sort: "prune", keep: { last: 1 }, folder };
    const next = told<ClusterBackupTask>(fixture, { type: "start", wish: prune, by: "ada" });
    expect(takeAs("n2", inFolder.id), "one thing at a time in a folder").to.equal(null);
    said(fixture, { id: inFolder.id, turn: 1 } as TakenTask, { type: "finish", result });
    expect(takeAs("n2")?.id).to.equal(next.id);

    const newest = { number: 1, atMs: 5, units: 2, bytes: 3, missed: [] };
    const see = (path: string, snapshots: number) =>
      fixture.ok("node", cluster, { type: "noteFolder", folder: { node: "n2", path }, snapshots, newest });
    for (let at = 0; at <= limits.backupFoldersMax; at += 1) see(`/mnt/${at}`, 1);
    see("/mnt/1", 2);
    fixture.crash(cluster);
    const { folders } = told<BackupFolderList>(fixture, { type: "folders" });
    expect(folders).to.have.length(limits.backupFoldersMax);
    expect(folders.at(-1)).to.deep.include({ node: "n2", path: "/mnt/1", snapshots: 2, newest });
    expect(
      folders.some(({ path }) => path === "/mnt/0"),
      "the oldest is forgotten",
    ).to.equal(false);
  });

  it("say how fast recalls read, by the newest ones most, and by large ones alone", () => {
    const fixture = new Fixture();
    const read = (bytes: number, ms: number) => fixture.ok("node", cluster, { type: "measured", bytes, ms });
    const rate = (): number | undefined => {
      start(fixture, "recall");
      return take(fixture, `n${fixture.nowMs}`)?.readPerSecond;
    };
    const mib = 1024 * 1024;
    read(mib - 1, 1);
    expect(rate()).to.equal(undefined);
    read(10 * mib, 1_000);
    fixture.crash(cluster);
    expect(rate()).to.equal(10 * mib);
    read(10 * mib, 4_000);
    expect(rate()).to.equal(Math.round((15 * mib) / 4.5));
  });

  it("are given to a runner again that has forgotten them", () => {
    const fixture = new Fixture();
    const { id } = start(fixture, "run");
    take(fixture, "n1");
    expect(take(fixture, "n1")).to.deep.include({ id, turn: 2 });
  });

  it("end as they are asked to: at once while they wait, else when their runner hears of it", () => {
    const fixture = new Fixture();
    const [one, other] = [start(fixture, "run"), start(fixture, "run")];
    const taken = take(fixture, "n1") as TakenTask;
    const cancel = (id: string) => told<ClusterBackupTask>(fixture, { type: "cancel", task: id, by: "eve" });
    expect(cancel(other.id)).to.deep.include({ state: "cancelled", cancelledBy: "eve" });
    expect(cancel(one.id)).to.deep.include({ state: "running", cancelledBy: "eve" });
    const answer = fixture.ok("node", cluster, { type: "advance", task: one.id, turn: taken.turn, progress: { slots: 3 } }); // prettier-ignore
    expect(answer).to.deep.equal({ cancel: true });
    expect(look(fixture, one.id).progress).to.deep.equal({ slots: 3 });
    said(fixture, taken, { type: "finish", error: { code: "CANCELLED", outcome: "failed", message: "" } });
    expect(look(fixture, one.id).state).to.equal("cancelled");
    expect(cancel(one.id).state, "what is over stays so").to.equal("cancelled");
    expect(fixture.code("gateway", cluster, { type: "cancel", task: "99", by: "eve" })).to.equal("NOT_FOUND");
  });

  it("are so many at the most, and the oldest that ended are forgotten, with their pieces", () => {
    const fixture = new Fixture();
    for (let count = 0; count < limits.backupTasksOpenMax; count += 1) start(fixture, "run");
    expect(fixture.code("gateway", cluster, { type: "start", wish: wishes.run, by: "ada" })).to.equal("LIMIT_REACHED");
    for (let count = 0; count < limits.backupTasksKept + 5; count += 1) {
      const task = take(fixture, "n1") as TakenTask;
      said(fixture, task, { type: "advance", pieces: [{ key: "a", value: "1" }] });
      said(fixture, task, { type: "finish", result });
      start(fixture, "run");
    }
    expect(fixture.code("gateway", cluster, { type: "task", task: "5" })).to.equal("NOT_FOUND");
    expect(look(fixture, String(limits.backupTasksKept)).state).to.equal("done");
    const page = told<ClusterBackupTasks>(fixture, { type: "tasks", limit: 3 });
    expect(page.more).to.equal(true);
    const next = told<ClusterBackupTasks>(fixture, { type: "tasks", limit: 3, before: page.tasks[2]?.id });
    const ids = [...page.tasks, ...next.tasks].map(({ id }) => Number(id));
    expect(ids).to.deep.equal(ids.map((_, at) => (ids[0] as number) - at));
  });

  const cancelled = { code: "CANCELLED", outcome: "failed", message: "" };
  const failed = { code: "DISK_FULL", outcome: "failed", message: "" };
  /** A task that kept something, and ended too early. */
  const endEarly = (fixture: Fixture, sort: BackupSort, error: object = cancelled): string => {
    const { id } = start(fixture, sort);
    const task = take(fixture, "n1") as TakenTask;
    expect(task.id).to.equal(id);
    said(fixture, task, { type: "advance", checkpoint: "half", pieces: [{ key: "a", value: "1" }] });
    said(fixture, task, { type: "finish", error });
    return id;
  };
  const resume = (fixture: Fixture, task: string): string =>
    fixture.code("gateway", cluster, { type: "resume", task, by: "eve" });

  it("that failed or were cancelled go on under their numbers, from what was kept, as often as they end", () => {
    const fixture = new Fixture();
    for (const [sort, error] of [
      ["run", cancelled],
      ["verify", failed],
    ] as const) {
      const id = endEarly(fixture, sort, error);
      expect(look(fixture, id)).to.include({ resumable: true });
      fixture.crash(cluster);
      for (const turn of [2, 3]) {
        expect(resume(fixture, id)).to.equal("accepted");
        expect(look(fixture, id)).to.include({ state: "waiting", by: "eve" }).and.not.have.property("error");
        const task = take(fixture, "n2") as TakenTask;
        expect(task).to.deep.include({ id, turn, checkpoint: "half", pieces: 1, leaves: true });
        const { pieces } = fixture.ok<BackupPieces>("node", cluster, { type: "pieces", task: id, turn });
        expect(pieces).to.deep.equal([{ key: "a", value: "1" }]);
        said(fixture, task, { type: "finish", error });
      }
      expect(resume(fixture, id)).to.equal("accepted");
      said(fixture, take(fixture, "n2") as TakenTask, { type: "finish", result });
      expect(look(fixture, id)).to.include({ state: "done", turn: 4 });
      expect(resume(fixture, id), "it is done").to.equal("NOT_FOUND");
    }
    expect(list(fixture).map(({ id }) => id)).to.deep.equal(["2", "1"]);
  });

  it("go on no more once another run or a removal began, long after, or when too many others wait to", () => {
    const over = (change: (fixture: Fixture) => void, sort: BackupSort = "run"): string => {
      const fixture = new Fixture();
      const id = endEarly(fixture, sort);
      change(fixture);
      expect(look(fixture, id).resumable).to.equal(undefined);
      return resume(fixture, id);
    };
    const done = (fixture: Fixture, wish: BackupWish): void => {
      told(fixture, { type: "start", wish, by: "ada" });
      said(fixture, take(fixture, "n1") as TakenTask, { type: "finish", result });
    };
    expect(over((fixture) => done(fixture, wishes.run))).to.equal("NOT_FOUND");
    expect(over((fixture) => done(fixture, { sort: "prune", keep: { last: 1 }, apply: true }))).to.equal("NOT_FOUND");
    expect(over((fixture) => void (fixture.nowMs += limits.backupLeftMs))).to.equal("NOT_FOUND");
    const many = (fixture: Fixture): void => {
      for (let count = 0; count < limits.backupTasksLeft; count += 1) endEarly(fixture, "verify");
    };
    expect(over(many, "verify")).to.equal("NOT_FOUND");
    const fixture = new Fixture();
    const run = endEarly(fixture, "run");
    done(fixture, wishes.prune);
    done(fixture, wishes.verify);
    expect(resume(fixture, run), "what only looked is in nobody's way").to.equal("accepted");
    for (const sort of ["place", "prune", "recall", "drill"] as const) {
      const other = new Fixture();
      expect(resume(other, endEarly(other, sort)), sort).to.equal("NOT_FOUND");
    }
    const late = new Fixture();
    const changed = endEarly(late, "run", { ...failed, code: "BACKUP_CHANGED" });
    expect(resume(late, changed), "it began from a snapshot that is not the newest").to.equal("NOT_FOUND");
  });

  it("of a schedule that ran begin anew, and keep nothing", () => {
    const fixture = new Fixture();
    told(fixture, { type: "putSchedule", name: "nightly", cron: "0 * * * *", wish: wishes.run, by: "ada" });
    fixture.pass(hourMs);
    const task = take(fixture, "n1") as TakenTask;
    expect(task.leaves).to.equal(undefined);
    said(fixture, task, { type: "advance", checkpoint: "half" });
    said(fixture, task, { type: "finish", error: failed });
    expect(resume(fixture, task.id)).to.equal("NOT_FOUND");
  });

  it("never run beside one that is in their way, and each is run to its end, whatever comes when", () => {
    const sort = fc.constantFrom(...(Object.keys(backupSorts) as BackupSort[]));
    const step = fc.oneof(
      fc.record({ do: fc.constant("start" as const), sort }),
      fc.record({ do: fc.constant("take" as const), runner: fc.constantFrom("n1", "n2") }),
      fc.record({ do: fc.constant("finish" as const), which: fc.nat(5) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const fixture = new Fixture();
        const turns = new Map<string, TakenTask>();
        const added: string[] = [];
        const begin = (runner: string): boolean => {
          const task = take(fixture, runner, ...turns.keys());
          if (task === null) return false;
          turns.set(task.id, task);
          const effects = list(fixture)
            .filter(({ state }) => state === "running")
            .map((one) => backupSorts[one.sort].does);
          expect(effects.filter((does) => does !== "reads").length, effects.join()).to.be.at.most(1);
          if (effects.includes("removes")) expect(effects).to.have.length(1);
          const drills = list(fixture).filter((one) => one.state === "running" && one.sort === "drill");
          expect(drills.length, "two would restore into one folder").to.be.at.most(1);
          return true;
        };
        const finish = (which: number): void => {
          const task = [...turns.values()][which % Math.max(1, turns.size)];
          if (task === undefined) return;
          turns.delete(task.id);
          expect(said(fixture, task, { type: "finish", result })).to.equal("accepted");
        };
        for (const one of steps) {
          if (one.do === "start" && added.length < limits.backupTasksOpenMax) added.push(start(fixture, one.sort).id);
          else if (one.do === "take") begin(one.runner);
          else if (one.do === "finish") finish(one.which);
        }
        for (let rounds = 0; rounds < 60; rounds += 1) if (!begin("n1")) finish(0);
        for (const id of added) expect(look(fixture, id).state).to.equal("done");
      }),
      { numRuns: depth(40, 1_000) },
    );
  });
});

describe("the schedules of backups", () => {
  const set = (fixture: Fixture, fields: object = {}): BackupSchedule =>
    told(fixture, { type: "putSchedule", name: "nightly", cron: "0 * * * *", wish: wishes.run, by: "ada", ...fields });
  const schedules = (fixture: Fixture) => told<BackupScheduleList>(fixture, { type: "schedules" }).schedules;

  it("name times as a clock of their zone shows them, over changes of the clock too", () => {
    const at = (text: string): number => Date.parse(text);
    expect(nextTime({ cron: "0 3 * * *" }, at("2026-03-28T12:00Z"))).to.equal(at("2026-03-29T03:00Z"));
    const vienna = { cron: "30 3 * * *", timeZone: "Europe/Vienna" };
    expect(nextTime(vienna, at("2026-03-28T12:00Z"))).to.equal(at("2026-03-29T01:30Z"));
    expect(nextTime(vienna, at("2026-03-27T12:00Z"))).to.equal(at("2026-03-28T02:30Z"));
    expect(nextTime({ cron: "0 0 29 2 *" }, at("2026-03-01T00:00Z"))).to.equal(at("2028-02-29T00:00Z"));
  });

  it("begin their task at their time, and once when nobody could for long", () => {
    const fixture = new Fixture();
    const { nextAtMs = 0 } = set(fixture);
    expect(nextAtMs).to.equal(hourMs);
    fixture.pass(nextAtMs - fixture.nowMs - 1);
    expect(list(fixture)).to.deep.equal([]);
    fixture.pass(1);
    expect(list(fixture)).to.have.length(1);
    expect(list(fixture)[0]).to.deep.include({ schedule: "nightly", by: "ada", sort: "run" });
    said(fixture, take(fixture, "n1") as TakenTask, { type: "finish", result });
    // The node was off for six hours.
    fixture.nowMs += 6 * hourMs;
    fixture.crash(cluster);
    fixture.pass(60_000);
    expect(list(fixture)).to.have.length(2);
    expect(schedules(fixture)[0]).to.deep.include({ nextAtMs: 8 * hourMs, last: "2" });
  });

  it("set while the clock was years ahead wake up once it is right, at a time that their pattern names", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 2, max: 40 }),
        fc.constantFrom("0 * * * *", "30 3 * * *", "0 2 * * 0", "0 0 1 * *", "0 0 29 2 *"),
        fc.boolean(),
        (years, cron, ran) => {
          const fixture = new Fixture();
          const ahead = years * 365 * 24 * hourMs;
          if (!ran) fixture.nowMs += ahead;
          set(fixture, { cron });
          if (ran) {
            // It rang while the clock was ahead.
            fixture.nowMs += ahead;
            fixture.pass(1);
          }
          fixture.nowMs -= ahead;
          fixture.ringEarly(cluster);
          fixture.settle();
          const [schedule] = schedules(fixture);
          expect(schedule?.nextAtMs).to.equal(nextTime({ cron }, fixture.nowMs));
          const before = list(fixture).length;
          if (before > 0) said(fixture, take(fixture, "n1") as TakenTask, { type: "finish", result });
          fixture.pass((schedule?.nextAtMs ?? 0) - fixture.nowMs);
          expect(list(fixture)).to.have.length(before + 1);
        },
      ),
    );
  });

  it("keep their time when they ring early for nothing", () => {
    const fixture = new Fixture();
    const { nextAtMs } = set(fixture);
    const appended = fixture.journalOf(cluster).length;
    fixture.ringEarly(cluster);
    fixture.settle();
    expect(schedules(fixture)[0]).to.deep.include({ nextAtMs });
    expect(fixture.journalOf(cluster)).to.have.length(appended);
  });

  it("give their prunes the days of their time zone, and a prune by hand those of the schedules", () => {
    const fixture = new Fixture();
    const zoneOf = (id: string): unknown => (look(fixture, id).wish as BackupWish<"prune">).timeZone;
    const byHand = (wish: object = {}): string =>
      told<ClusterBackupTask>(fixture, { type: "start", by: "ada", wish: { ...wishes.prune, ...wish } }).id;
    expect(zoneOf(byHand())).to.equal(undefined);
    set(fixture, { name: "tidy", wish: wishes.prune, timeZone: "Europe/Vienna" });
    expect(zoneOf(byHand())).to.equal("Europe/Vienna");
    expect(zoneOf(byHand({ timeZone: "Asia/Tokyo" }))).to.equal("Asia/Tokyo");
    set(fixture, { name: "plain", cron: "5 * * * *", wish: wishes.prune });
    fixture.pass(hourMs + 5 * 60_000);
    const begun = list(fixture).filter(({ schedule }) => schedule !== undefined);
    expect(begun.map(({ id, schedule }) => [schedule, zoneOf(id)])).to.have.deep.members([
      ["tidy", "Europe/Vienna"],
      ["plain", "UTC"],
    ]);
    const wish = { ...wishes.prune, timeZone: "Mars/Olympus" };
    for (const message of [
      { type: "start", by: "ada", wish },
      { type: "putSchedule", name: "x", cron: "5 * * * *", by: "ada", wish },
    ])
      expect(fixture.code("gateway", cluster, message)).to.equal("BAD_REQUEST");
  });

  it("begin none while their last one has not ended", () => {
    const fixture = new Fixture();
    set(fixture);
    fixture.pass(5 * hourMs);
    expect(list(fixture)).to.have.length(1);
    expect(schedules(fixture)[0]?.nextAtMs).to.be.above(fixture.nowMs);
  });

  it("makes no schedule that somebody else has made or changed since it was looked at", () => {
    const fixture = new Fixture();
    const put = (cron: string, seen?: object | null) => fixture.code("gateway", cluster, { type: "putSchedule", name: "late", cron, wish: wishes.run, by: "ada", ...(seen !== undefined && { seen }) }); // prettier-ignore
    const was = (cron: string) => ({ wish: wishes.run, cron });
    expect(put("0 1 * * *", was("0 9 * * *")), "there is none").to.equal("CHANGED_MEANWHILE");
    expect(put("0 1 * * *", null)).to.equal("accepted");
    expect(put("0 2 * * *", null)).to.equal("CHANGED_MEANWHILE");
    expect(put("0 2 * * *", was("0 1 * * *"))).to.equal("accepted");
    expect(put("0 3 * * *", was("0 1 * * *"))).to.equal("CHANGED_MEANWHILE");
    expect(put("0 3 * * *")).to.equal("accepted");
  });

  it("become another's who saves one as it is, and keep when they begin; a stale look takes nothing over", () => {
    const fixture = new Fixture();
    const was = set(fixture, { by: "ann" });
    const shown = { cron: was.cron, wish: was.wish };
    const stale = { ...shown, cron: "0 9 * * *" };
    const take = { type: "putSchedule", name: "nightly", ...shown, by: "bob" };
    expect(fixture.code("gateway", cluster, { ...take, seen: stale })).to.equal("CHANGED_MEANWHILE");
    expect(schedules(fixture)).to.deep.equal([was]);
    expect(told(fixture, { ...take, seen: shown })).to.deep.equal({ ...was, by: "bob" });
    expect(schedules(fixture)).to.deep.equal([{ ...was, by: "bob" }]);
    // Sent again because its answer was lost.
    expect(told(fixture, { ...take, seen: stale })).to.deep.equal({ ...was, by: "bob" });
    fixture.pass(hourMs);
    expect(list(fixture)[0]).to.deep.include({ schedule: "nightly", by: "bob" });
  });

  it("are changed and removed, and refused when their time never comes or is none", () => {
    const fixture = new Fixture();
    set(fixture);
    expect(set(fixture, { cron: "0 0 * * *" }).nextAtMs).to.equal(24 * hourMs);
    for (const cron of ["0 0 30 2 *", "every day", "* * * * * *", "61 * * * *"])
      expect(
        fixture.code("gateway", cluster, { type: "putSchedule", name: "x", cron, wish: wishes.run, by: "ada" }),
        cron,
      ).to.equal("BAD_REQUEST");
    expect(fixture.code("gateway", cluster, { type: "putSchedule", name: "x", cron: "@daily", timeZone: "Mars/Olympus", wish: wishes.run, by: "ada" })).to.equal("BAD_REQUEST"); // prettier-ignore
    told(fixture, { type: "removeSchedule", name: "nightly" });
    fixture.pass(48 * hourMs);
    expect(list(fixture)).to.deep.equal([]);
    expect(fixture.code("gateway", cluster, { type: "removeSchedule", name: "nightly" })).to.equal("NOT_FOUND");
    for (let count = 0; count < limits.backupSchedulesMax; count += 1) set(fixture, { name: `s${count}` });
    expect(fixture.code("gateway", cluster, { type: "putSchedule", name: "one-more", cron: "@daily", wish: wishes.run, by: "ada" })).to.equal("LIMIT_REACHED"); // prettier-ignore
  });
});
