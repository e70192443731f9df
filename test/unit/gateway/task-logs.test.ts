import { expect } from "chai";
import fc from "fast-check";
import {
  failure,
  logOfTask,
  ok,
  refused,
  taskOfBackup,
  taskOfPull,
  taskOfReport,
  type AdminTask,
  type AdminTasks,
  type ClusterBackupTask,
  type LogLine,
  type LogPage,
  type LogQuery,
  type Result,
} from "../../../protocols/index.ts";
import type { Clock, Log } from "../../../node/ports/index.ts";
import { taskLimits } from "../../../node/tasks/index.ts";
import { createActs } from "../../../node/tasks/acts.ts";
import { notedAs, notesOn, noteTasks, type Noted } from "../../../node/tasks/notes.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { startFixture, type Fixture } from "./fixture.ts";

const place = { node: "n2", name: "two" };
const task = (more: Partial<AdminTask> = {}): AdminTask => ({
  id: "pull.n2.a1",
  kind: "pull",
  what: "Pull of tiny",
  by: "ada",
  node: "two",
  state: "running",
  begunAtMs: 1_000,
  progress: {},
  canCancel: true,
  ...more,
});

describe("tasks: what a node writes of them", () => {
  it("is how they began, each tenth, what is in the way, and how they ended", () => {
    const ways: readonly Partial<AdminTask>[] = [
      { share: 0, progress: { doneBytes: 0 } },
      { share: 0.05, progress: { doneBytes: 5 } },
      { share: 0.31, progress: { doneBytes: 31 } },
      { share: 0.38, progress: { doneBytes: 38 }, advice: "The source is slow." },
      { share: 0.39, progress: { doneBytes: 39 }, advice: "The source is slow." },
      { share: 0.39, state: "failed", error: failure("DISK_FULL", { reason: "no room" }) },
      { share: 0.39, state: "failed", error: failure("DISK_FULL", { reason: "no room" }) },
    ];
    let before: Noted | undefined;
    const said = ways.flatMap((way, at) => {
      const now = task(way);
      const notes = notesOn(before, now, at * 1_000);
      if (notes.length > 0) before = notedAs(before, now, at * 1_000);
      return notes.map(({ event, level, says }) => `${level} ${event} ${says}`);
    });
    expect(said).to.deep.equal([
      "info task.began Pull of tiny",
      "info task.progress 31 %, 31 B done",
      "warn task.hindered The source is slow.",
      "warn task.ended failed: DISK_FULL: no room",
    ]);
  });

  it("is a line now and then where nobody knows how much is left, and none where nothing went on", () => {
    const first = notedAs(undefined, task({ progress: { slots: 1 } }), 0);
    const on = task({ progress: { slots: 2 } });
    expect(notesOn(first, on, taskLimits.noteQuietMs - 1)).to.deep.equal([]);
    expect(notesOn(first, on, taskLimits.noteQuietMs).map(({ says }) => says)).to.deep.equal(["2 slots"]);
    expect(notesOn(first, first.task, taskLimits.noteQuietMs)).to.deep.equal([]);
  });

  it("is bounded: one begin, one end, a line for each tenth at most, however often somebody looks", () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 200 }),
        fc.constantFrom("done" as const, "failed" as const, "cancelled" as const),
        (shares, end) => {
          const lines: string[] = [];
          const log: Log = {
            ...quietLog,
            info: (event) => void lines.push(event),
            warn: (event) => void lines.push(event),
          };
          let now: AdminTask = task();
          const notes = noteTasks({ clock: still, log, list: () => [now] });
          for (const share of shares) {
            now = task({ share, progress: { doneBytes: Math.round(share * 1_000) } });
            notes.look();
          }
          now = task({ state: end });
          for (let again = 0; again < 3; again += 1) notes.look();
          const count = (event: string): number => lines.filter((one) => one === event).length;
          expect([count("task.began"), count("task.ended")]).to.deep.equal([1, 1]);
          expect(count("task.progress")).to.be.at.most(10);
        },
      ),
    );
  });

  it("is looked at again and again until it stops, and names each task by its id", () => {
    const due: (() => void)[] = [];
    let stopped = 0;
    const clock = {
      nowMs: () => 10_000,
      after: (_ms: number, does: () => void) => (due.push(does), () => (stopped += 1)),
    };
    const facts: unknown[] = [];
    const log: Log = { ...quietLog, info: (_event, of) => void facts.push(of) };
    const notes = noteTasks({ clock: clock as unknown as Clock, log, list: () => [task()] });
    due.shift()?.();
    due.shift()?.();
    expect(facts).to.deep.equal([{ task: "pull.n2.a1", says: "Pull of tiny" }]);
    expect(due).to.have.length(1);
    notes.stop();
    expect(stopped).to.equal(1);
  });

  it("is nothing where it ended in an earlier life, or has just begun, and what follows no failure of a list", () => {
    const due: (() => void)[] = [];
    const clock = { nowMs: () => 10_000, after: (_ms: number, does: () => void) => (due.push(does), () => undefined) };
    const lines: string[] = [];
    const log: Log = {
      ...quietLog,
      info: (event, of) => void lines.push(`${event} ${String(of?.["task"])}`),
      warn: (event) => void lines.push(event),
    };
    const former = task({ id: "pull.n2.a2", state: "failed", endedAtMs: 5_000 });
    const young = task({ id: "pull.n2.a3", begunAtMs: 9_500 });
    let isBroken = false;
    const list = (): readonly AdminTask[] => {
      if (isBroken) throw new Error("no list");
      return [former, young, task()];
    };
    noteTasks({ clock: clock as unknown as Clock, log, list });
    due.shift()?.();
    expect(lines).to.deep.equal(["task.began pull.n2.a1"]);
    isBroken = true;
    due.shift()?.();
    expect(lines).to.deep.equal(["task.began pull.n2.a1", "tasks.unnoted"]);
    expect(due).to.have.length(1);
  });
});

const still = { nowMs: () => 10_000, after: () => () => undefined } as unknown as Clock;

describe("tasks: what comes of them", () => {
  it("is said in words by their kinds", () => {
    const pulled = { id: "a1", source: "hf:plexus/tiny", state: "done", doneBytes: 1, startedAtMs: 1 } as const;
    expect(taskOfPull({ ...pulled, name: "tiny" }, place).result).to.equal("It is in the store as tiny.");
    expect(taskOfPull({ ...pulled, state: "fetching" }, place)).to.not.have.property("result");
    const run = { id: 1, report: "weekly", by: "ada", state: "done", addedAtMs: 1, sent: 2, left: [], missed: 1 };
    expect(taskOfReport(run as never, undefined).result).to.equal("2 mails sent, 1 refused.");
    const verified = { snapshots: 2, units: 9, stripes: 3, bytes: 2_048, weak: 0, lost: { total: 0, named: [] }, lostUnits: { total: 1, named: [] } }; // prettier-ignore
    const backup = { id: "7", sort: "verify", wish: { sort: "verify" }, by: "ada", state: "done", progress: {}, addedAtMs: 1, turn: 1, result: verified }; // prettier-ignore
    expect(taskOfBackup(backup as unknown as ClusterBackupTask).result).to.equal(
      "2 snapshots checked: 3 stripes, 2.0 KiB. 1 unit cannot be brought back.",
    );
  });

  it("is kept with a long act, also for the next process, and is what its row makes of the answer", async () => {
    let nowMs = 1_000;
    let kept = "";
    const clock = { nowMs: () => nowMs } as Clock;
    const file = { read: () => Promise.resolve(kept), write: (text: string) => Promise.resolve(void (kept = text)) };
    const open = () => createActs({ clock, place, ended: () => undefined, log: quietLog, kept: file });
    const acts = open();
    const move = Promise.withResolvers<Result<{ slot: string }>>();
    const result = ({ slot }: { slot: string }): string => `${slot} is there. ${"x".repeat(5_000)}`;
    const followed = acts.follow({ what: "Move of chat/1", by: "ada", result }, move.promise);
    nowMs += taskLimits.actListedFromMs;
    move.resolve(ok({ slot: "chat/1" }));
    await followed;
    const [done] = acts.list(place) as [AdminTask];
    expect(done.result).to.match(/^chat\/1 is there\. x+$/);
    expect(done.result).to.have.length(taskLimits.resultCharsMax);
    await acts.stop();
    const next = open();
    await next.opened;
    expect(next.list(place)).to.deep.equal([done]);
  });

  it("is the last line of the log; the first is who began it, and between are those of nodes by their times", () => {
    const over = task({ state: "done", endedAtMs: 9_000, result: "It is there." });
    const written = [
      { atMs: 5_000, node: "two", text: "40 %" },
      { atMs: 3_000, node: "one", text: "10 %" },
    ];
    expect(logOfTask(over, written).map(({ atMs, text }) => `${atMs} ${text}`)).to.deep.equal([
      "1000 begun by ada",
      "3000 10 %",
      "5000 40 %",
      "9000 done: It is there.",
    ]);
    expect(logOfTask(task(), []).map(({ text }) => text)).to.deep.equal(["begun by ada"]);
    const unknown = { id: "folder.n2.1", kind: "folder", what: "x", state: "running", progress: {}, canCancel: false };
    expect(logOfTask(unknown as AdminTask, []), "its version does not say when it began").to.deep.equal([]);
  });
});

describe("gateway: the log of a task", () => {
  let fixture: Fixture;
  const asked: LogQuery[] = [];
  let answer: Result<LogPage>;
  const line = (event: string, facts: LogLine["facts"], atMs: number) =>
    ({ seq: atMs, atMs, level: "info", event, facts, node: "two" }) as const;
  const show = async (token: string): Promise<AdminTask> =>
    (await fixture.request("GET", "/api/v1/admin/tasks/pull.n2.a1", { token })).body as AdminTask;
  let owner: string;
  before(async () => {
    fixture = await startFixture({
      tasks: { list: () => Promise.resolve({ tasks: [task()], silent: [] }), cancel: () => Promise.resolve(ok({})) },
      observe: { logs: (query: LogQuery) => (asked.push(query), Promise.resolve(answer)) } as never,
    });
    owner = (await fixture.signUp("ada")).token;
  });
  after(() => fixture.stop());

  it("has what all nodes wrote of it, with the times and names of nodes", async () => {
    answer = ok({
      lines: [
        line("task.began", { task: "pull.n2.a1", says: "Pull of tiny" }, 1_001),
        line("task.progress", { task: "pull.n2.a1", says: "40 %" }, 2_000),
        line("backup.handed.on", { task: "pull.n2.a1", turn: 2 }, 3_000),
      ],
      next: "",
      more: false,
      silent: [],
    });
    expect((await show(owner)).log).to.deep.equal([
      { atMs: 1_000, text: "begun by ada" },
      { atMs: 2_000, node: "two", text: "40 %" },
      { atMs: 3_000, node: "two", text: "backup.handed.on, turn 2" },
    ]);
    expect(asked.at(-1)).to.deep.equal({ about: "pull.n2.a1", limit: taskLimits.logLinesMax });
    const { body } = await fixture.request("GET", "/api/v1/admin/tasks", { token: owner });
    expect((body as AdminTasks).tasks[0], "a list has no logs").to.not.have.property("log");
  });

  it("has what is kept with the task alone where no node can be asked, and for whoever may not read logs", async () => {
    answer = refused(failure("OVERLOADED"));
    expect((await show(owner)).log).to.deep.equal([{ atMs: 1_000, text: "begun by ada" }]);
    const { token } = await fixture.signUp("bob");
    const role = { grants: [{ permission: "cluster.see" }] };
    expect((await fixture.request("PUT", "/api/v1/admin/roles/looker", { token: owner, body: role })).status).to.equal(
      200,
    );
    const given = { roles: ["member", "looker"] };
    expect(
      (await fixture.request("PUT", "/api/v1/admin/users/bob/roles", { token: owner, body: given })).status,
    ).to.equal(200);
    const before = asked.length;
    expect((await show(token)).log).to.deep.equal([{ atMs: 1_000, text: "begun by ada" }]);
    expect(asked, "nobody was asked").to.have.length(before);
  });
});
