import { expect } from "chai";
import {
  failure,
  ok,
  refused,
  taskOfPull,
  withAdvice,
  type AdminTask,
  type AdminTasks,
  type PullView,
  type Result,
} from "../../../protocols/index.ts";
import { noticeText } from "../../../protocols/words/notice-text.ts";
import { watchDrains } from "../../../node/cluster/placement/drains.ts";
import { tellBackupEnded, tellEnded } from "../../../node/tasks/own.ts";
import type { Clock, MemberRecord, Membership, NodeId } from "../../../node/ports/index.ts";
import { taskLimits } from "../../../node/tasks/index.ts";
import { createActs } from "../../../node/tasks/acts.ts";
import { quietLog } from "../../fixtures/quiet.ts";
import { controlToken, startFixture, type Fixture } from "./fixture.ts";

const pull = (state: PullView["state"], more: Partial<PullView> = {}): PullView => ({
  id: "a1",
  source: "hf:plexus/tiny",
  state,
  doneBytes: 25,
  totalBytes: 100,
  startedAtMs: 1_000,
  by: "ada",
  ...more,
});
const place = { node: "n2", name: "two" };

describe("tasks: one view of what takes long", () => {
  it("of a pull: how much of it is done, and how it is begun again", () => {
    expect(taskOfPull(pull("fetching"), place)).to.deep.include({ id: "pull.n2.a1", state: "running", share: 0.25, canCancel: true }); // prettier-ignore
    const failed = taskOfPull(pull("failed", { name: "tiny", error: failure("MODEL_NOT_FOUND") }), place);
    expect(failed).to.deep.include({ state: "failed", canCancel: false });
    expect(failed.again).to.deep.equal({
      method: "POST",
      path: "/api/v1/admin/models/pulls",
      body: { source: "hf:plexus/tiny", name: "tiny" },
    });
    expect(taskOfPull(pull("done"), place).again).to.equal(undefined);
  });

  it("tells whoever began it that it is over, with what to do; not of what they ended themselves, and not the operator", () => {
    const told: (readonly [facts: Readonly<Record<string, string>>, people: readonly string[]])[] = [];
    const tell: Parameters<typeof tellEnded>[1] = (_action, facts, _by, { people }) => void told.push([facts, people]);
    const error = failure("MODEL_NOT_FOUND", { reason: "there is no such repository" });
    tellEnded(taskOfPull(pull("failed", { error }), place), tell);
    tellEnded(taskOfPull(pull("cancelled"), place), tell, "ada");
    tellEnded(taskOfPull(pull("done", { by: "operator" }), place), tell);
    tellEnded(taskOfPull(pull("done", { by: "node/two" }), place), tell);
    expect(told.map(([, people]) => people)).to.deep.equal([["ada"]]);
    expect(noticeText({ action: "taskEnded", facts: told[0]?.[0] ?? {}, atMs: 0 }, "ada")).to.equal(
      "Pull of hf:plexus/tiny at two failed: there is no such repository. See `plexus tasks show pull.n2.a1`.",
    );
  });
});

describe("tasks: long acts of a node", () => {
  const at = { node: "n2", name: "two" };
  const timed = () => {
    let nowMs = 1_000;
    const ended: AdminTask[] = [];
    const clock = { nowMs: () => nowMs } as Clock;
    let kept = "";
    const file = {
      read: () => Promise.resolve(kept),
      write(text: string) {
        kept = text;
        return Promise.resolve();
      },
    };
    const warned: unknown[] = [];
    const log = { ...quietLog, warn: (_event: string, facts: unknown) => void warned.push(facts) } as typeof quietLog;
    const open = () => createActs({ clock, place: at, ended: (task) => void ended.push(task), log, kept: file });
    const keep = (text: string) => void (kept = text);
    return { acts: open(), open, ended, later: (ms: number) => void (nowMs += ms), kept: () => kept, keep, warned };
  };
  const again = { method: "POST", path: "/api/v1/admin/cluster/directory/migrate", body: {} } as const;

  it("are listed while they go on and afterwards; whoever began a long one is told, and what failed can be begun again", async () => {
    const { acts, ended, later } = timed();
    const move = Promise.withResolvers<Result<string>>();
    const moved = acts.follow({ what: "Move of the directory to etcd", by: "ada", again }, move.promise);
    const [open] = acts.list(at);
    expect(open).to.deep.include({ id: "act.n2.rt", kind: "act", state: "running", by: "ada", canCancel: false });
    expect(open).to.not.have.property("again");
    later(taskLimits.actToldAfterMs);
    move.resolve(refused(failure("UNREACHABLE", { reason: "etcd is away" })));
    expect((await moved).ok).to.equal(false);
    const [over] = acts.list(at) as [AdminTask];
    expect(over).to.deep.include({ state: "failed", again, endedAtMs: 1_000 + taskLimits.actToldAfterMs });
    expect(withAdvice(over).advice).to.include("plexus tasks again act.n2.rt");
    expect(ended).to.deep.equal([over]);
    // A caller who waited briefly has the answer, and a fault is no end of the list.
    await acts.follow({ what: "Check of tiny", by: "ada" }, Promise.resolve(ok(1)));
    const fault = Promise.withResolvers<Result<number>>();
    const failed = acts.follow({ what: "Check of tiny", by: "ada" }, fault.promise);
    later(taskLimits.actListedFromMs);
    fault.reject(new Error("x"));
    expect((await failed).ok).to.equal(false);
    expect(acts.list(at).map(({ state }) => state)).to.deep.equal(["failed", "failed"]);
    expect(ended).to.have.length(1);
  });

  it("say how far they are and are ended where they can be; what is answered at once is told of after a second", async () => {
    const { acts, ended, later } = timed();
    const load = Promise.withResolvers<Result<void>>();
    let isAsked = false;
    const hold = {
      look: () => ({ share: 0.5, progress: { readBytes: 5, sizeBytes: 10 } }),
      cancel: () => ((isAsked = true), ok(undefined)),
      answered: true,
    } as const;
    void acts.follow({ what: "Load of tiny", by: "ada", again }, load.promise, hold);
    const [open] = acts.list(at) as [AdminTask];
    expect(open).to.deep.include({ share: 0.5, progress: { readBytes: 5, sizeBytes: 10 }, canCancel: true });
    const own = open.id.split(".")[2]!;
    expect(acts.cancel!(own)).to.deep.equal(ok(undefined));
    expect(isAsked).to.equal(true);
    expect(acts.list(at)[0]).to.deep.include({ state: "running", canCancel: false });
    load.resolve(refused(failure("CANCELLED")));
    await load.promise;
    await Promise.resolve();
    expect(acts.list(at)[0]).to.deep.include({ state: "cancelled", again });
    expect(acts.cancel!(own)).to.have.nested.property("error.code", "ALREADY_DONE");
    const never = new Promise<Result<number>>(() => undefined);
    void acts.follow({ what: "Move", by: "ada" }, never);
    const [move] = acts.list(at).filter(({ what }) => what === "Move") as [AdminTask];
    expect(acts.cancel!(move.id.split(".")[2]!)).to.have.nested.property("error.code", "FORBIDDEN");
    expect(acts.cancel!("zz")).to.equal(undefined);
    expect(ended, "nobody is told of what they ended").to.deep.equal([]);
    await acts.follow({ what: "Load of a", by: "ada" }, Promise.resolve(ok(1)), { answered: true });
    expect(ended).to.deep.equal([]);
    await acts.follow({ what: "Load of b", by: "ada" }, Promise.resolve(refused(failure("MODEL_LOAD_FAILED"))), {
      answered: true,
    });
    const slow = Promise.withResolvers<Result<number>>();
    const done = acts.follow({ what: "Load of c", by: "ada" }, slow.promise, { answered: true });
    later(taskLimits.actListedFromMs);
    slow.resolve(ok(1));
    await done;
    expect(ended.map(({ what, state }) => [what, state])).to.deep.equal([
      ["Load of b", "failed"],
      ["Load of c", "done"],
    ]);
  });

  it("are there as failed when their node ended before they did, and what was over stays as it was", async () => {
    const { acts, open, ended, kept } = timed();
    await acts.opened;
    await acts.follow({ what: "Load of a", by: "ada" }, Promise.resolve(ok(1)), { answered: true });
    void acts.follow({ what: "Load of b", by: "ada", again }, new Promise(() => undefined), { answered: true });
    while (!kept().includes("Load of b")) await Promise.resolve();
    const next = open();
    await next.opened;
    expect(next.list(at).map(({ what, state, error }) => [what, state, error?.code])).to.deep.equal([
      ["Load of a", "done", undefined],
      ["Load of b", "failed", "PEER_LOST"],
    ]);
    expect(next.list(at)[1]).to.deep.include({ again, by: "ada" });
    expect(ended.map(({ what }) => what)).to.deep.equal(["Load of b"]);
    const third = open();
    await third.opened;
    expect(ended, "it is told once").to.have.length(1);
  });

  it("stay open in the file when their process ends in good order, and the next one tells of them", async () => {
    const { acts, open, ended, kept } = timed();
    await acts.opened;
    const load = Promise.withResolvers<Result<void>>();
    const followed = acts.follow({ what: "Load of a", by: "ada" }, load.promise, { answered: true });
    await acts.stop();
    const written = kept();
    expect(written).to.include("Load of a");
    load.resolve(refused(failure("STOPPING")));
    expect(await followed).to.have.nested.property("error.code", "STOPPING");
    await acts.follow({ what: "Load of b", by: "ada" }, Promise.resolve(ok(1)), { answered: true });
    await acts.stop();
    expect([kept(), ended]).to.deep.equal([written, []]);
    await open().opened;
    expect(ended.map(({ what, error }) => [what, error?.code])).to.deep.equal([["Load of a", "PEER_LOST"]]);
  });

  it("are read one by one from the file: what is odd is left out, with one warning", async () => {
    const { open, keep, warned } = timed();
    const one = { id: "a", what: "Load of a", state: "failed", begunAtMs: 1, error: failure("PEER_LOST") };
    const odd = [
      { ...one, id: 7 },
      { ...one, error: { code: "PEER_LOST" } },
      { ...one, error: { ...one.error, code: "NO_SUCH" } },
      { ...one, again: { path: "/x" } },
      null,
    ];
    keep(JSON.stringify([...odd, one]));
    const next = open();
    await next.opened;
    expect(next.list(at).map(({ what }) => what)).to.deep.equal(["Load of a"]);
    expect(warned.at(-1)).to.include({ dropped: odd.length });
    keep("{");
    const none = open();
    await none.opened;
    expect(none.list(at)).to.deep.equal([]);
    expect(warned.at(-1)).to.have.property("reason");
  });

  it("are bounded: what is over makes room, and what finds none is done all the same", async () => {
    const { acts } = timed();
    for (let count = 0; count < 2 * taskLimits.actsMax; count += 1)
      await acts.follow({ what: "x", by: "ada" }, Promise.resolve(ok(count)), { answered: true });
    expect(acts.list(at)).to.have.length(taskLimits.actsMax);
    const never = new Promise<Result<number>>(() => undefined);
    for (let count = 0; count < taskLimits.actsMax; count += 1) void acts.follow({ what: "open", by: "ada" }, never);
    expect(await acts.follow({ what: "one more", by: "ada" }, Promise.resolve(ok(7)))).to.deep.equal(ok(7));
    expect(acts.list(at).map(({ what }) => what)).to.not.include("one more");
    expect(acts.list(at).length).to.be.at.most(taskLimits.actsMax);
  });
});

describe("tasks: drains", () => {
  const member = (node: string, state: string, drain?: object) =>
    ({ node, state, ...(drain && { drain }) }) as unknown as MemberRecord;
  function openFixture(members: readonly MemberRecord[], rows: readonly object[], answers: readonly Result<unknown>[]) {
    const ended: AdminTask[] = [];
    const noted: string[] = [];
    const left = [...answers];
    const watch = watchDrains({
      node: "n1" as NodeId,
      clock: { after: () => () => undefined } as unknown as Clock,
      membership: { members: () => ({ members }), isUp: () => true } as unknown as Membership,
      control: {
        summary: () => Promise.resolve(ok({ nodes: rows, directory: { kind: "etcd" } })),
        drainEnded: (node: string) => {
          noted.push(node);
          return Promise.resolve(left.shift() ?? ok({ node }));
        },
      } as never,
      ended: (task) => void ended.push(task),
      log: quietLog,
    });
    return { watch, ended, noted };
  }
  const drain = { by: "ada", sinceMs: 5 };
  const row = (node: string, slotsOwned: number) => ({
    node,
    name: node,
    slotsOwned,
    slotsReplicated: 0,
    drain,
    state: "draining",
  });

  it("that have come to their end are told to who began them, once, by one of the nodes that stay", async () => {
    const members = [member("n1", "active"), member("n2", "draining", drain), member("n3", "draining", drain)];
    const { watch, ended, noted } = openFixture(
      members,
      [row("n2", 0), row("n3", 4)],
      [ok({}), refused(failure("ALREADY_DONE"))],
    );
    await watch.look();
    expect(noted).to.deep.equal(["n2"]);
    expect(ended).to.have.length(1);
    expect(ended[0]).to.deep.include({ id: "drain.n2", state: "done", by: "ada" });
    await watch.look();
    expect(ended, "another has told it").to.have.length(1);
    watch.stop();
  });

  it("are nothing to a node that drains itself, or beside one that looks already", async () => {
    for (const members of [
      [member("n1", "draining", drain)],
      [member("n0", "active"), member("n1", "active"), member("n2", "draining", drain)],
    ]) {
      const { watch, noted } = openFixture(members, [row("n1", 0), row("n2", 0)], []);
      await watch.look();
      expect(noted).to.deep.equal([]);
    }
    const told = [member("n1", "active"), member("n2", "draining", { ...drain, endedAtMs: 9 })];
    const { watch, noted } = openFixture(told, [row("n2", 0)], []);
    await watch.look();
    expect(noted).to.deep.equal([]);
  });
});

describe("gateway: tasks", () => {
  let fixture: Fixture;
  let ada: string;
  let bob: string;
  const cancelled: string[] = [];
  const ofNodes: AdminTask[] = [taskOfPull(pull("fetching"), place)];
  const tasks = {
    list: () => Promise.resolve({ tasks: ofNodes, silent: [{ node: "three", error: failure("UNREACHABLE") }] }),
    cancel(id: string): Promise<Result<unknown>> {
      cancelled.push(id);
      return Promise.resolve(id === "pull.n2.a1" ? ok({}) : refused(failure("NOT_FOUND", { task: id })));
    },
  };
  const get = async (path: string, token: string) => fixture.request("GET", `/api/v1/admin/tasks${path}`, { token });
  const end = (id: string, token: string) => fixture.request("DELETE", `/api/v1/admin/tasks/${id}`, { token });

  before(async () => {
    fixture = await startFixture({ tasks });
    ada = (await fixture.signUp("ada")).token;
    bob = (await fixture.signUp("bob")).token;
  });
  after(() => fixture.stop());

  it("are one list of what nodes do and of what the cluster does, those under way first", async () => {
    const begun = await fixture.request("POST", "/api/v1/admin/backups/run", { token: ada, body: {} });
    // Without backups this node has no such route; the actor has the task all the same.
    const start = { type: "start", wish: { sort: "verify", depth: "quick" }, by: "ada" };
    const ask = { to: "backup/cluster", from: "gateway", message: start, timeoutMs: 5_000 } as const;
    expect(begun.status).to.equal(404);
    const added = await fixture.kernel.ask(ask);
    expect(added.ok).to.equal(true);
    const { body } = (await get("", ada)) as { body: AdminTasks };
    expect(body.silent.map(({ node }) => node)).to.deep.equal(["three"]);
    expect(body.tasks.map(({ id, state, by }) => [id, state, by])).to.deep.equal([
      ["backup.1", "waiting", "ada"],
      ["pull.n2.a1", "running", "ada"],
    ]);
    expect((await get("?kind=pull", ada)).body)
      .to.have.property("tasks")
      .that.has.length(1);
    expect((await get("/backup.1", ada)).body).to.deep.include({ what: "Check of backups of the cluster" });
    expect((await get("/backup.9", ada)).status).to.equal(404);
    expect((await get("/nothing.9", ada)).status).to.equal(400);
  });

  it("are ended by who may begin them, and by the operator; that is in the audit", async () => {
    expect((await end("pull.n2.a1", bob)).status).to.equal(403);
    expect((await end("pull.n2.a1", ada)).status).to.equal(200);
    expect((await end("pull.n2.zz", controlToken)).status).to.equal(404);
    expect(cancelled).to.deep.equal(["pull.n2.a1", "pull.n2.zz"]);
    // That of a disk needs more than others: no other kind's name leads to it.
    expect((await end("act.n2.disk-1", ada)).status).to.equal(404);
    expect((await end("disk.n2.a1", ada)).status).to.equal(404);
    expect(cancelled).to.have.length(2);
    expect((await end("disk.n2.disk-1", bob)).status).to.equal(403);
    await end("disk.n2.disk-1", ada);
    expect(cancelled.splice(2)).to.deep.equal(["disk.n2.disk-1"]);
    expect((await end("backup.1", ada)).status).to.equal(200);
    const { body } = (await get("/backup.1", ada)) as { body: AdminTask };
    expect(body).to.deep.include({ state: "cancelled", canCancel: false });
    expect(body.again).to.deep.equal({
      method: "POST",
      path: "/api/v1/admin/backups/verify",
      body: { depth: "quick" },
    });
    const told: unknown[] = [];
    await tellBackupEnded(fixture.kernel, "1", (...of) => void told.push(of));
    expect(told, "who cancelled it knows").to.deep.equal([]);
  });

  it("go on where something was kept of them, for who may begin them, and begin anew otherwise", async () => {
    const ask = async (from: "gateway" | "node", message: { readonly type: string }) =>
      fixture.kernel.ask({ to: "backup/cluster", from, message, timeoutMs: 5_000 });
    await ask("gateway", { type: "start", wish: { sort: "run" }, by: "ada" } as never);
    await ask("node", { type: "take", runner: "n1.a", holds: [] } as never);
    await ask("node", { type: "advance", task: "2", turn: 1, checkpoint: "{}" } as never);
    const error = { code: "DISK_FULL", outcome: "failed", message: "" };
    await ask("node", { type: "finish", task: "2", turn: 1, error } as never);
    const { body } = (await get("/backup.2", ada)) as { body: AdminTask };
    expect(body.again).to.deep.equal({ method: "POST", path: "/api/v1/admin/backups/tasks/2/resume", body: {} });
  });
});
