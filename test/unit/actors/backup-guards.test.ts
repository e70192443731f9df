import { expect } from "chai";
import { actorLimits as limits } from "../../../actors/limits.ts";
import type { BackupHold, BackupWish, ClusterBackupTask, RecallRequest } from "../../../protocols/index.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const cluster = "backup/cluster";
/** A recall that brings something back, by whatever way. */
const wish: BackupWish = { sort: "recall", query: { person: "user/bob", atMs: 1 }, as: "download" };
const reason = "Bob asked for his lost notes";

const told = <Answer>(fixture: Fixture, type: string, fields: object = {}): Answer =>
  fixture.ok<Answer>("gateway", cluster, { type, ...fields });
const refusal = (fixture: Fixture, type: string, fields: object): string | undefined =>
  fixture.code("gateway", cluster, { type, ...fields });

describe("recalls of private things", () => {
  const ask = (fixture: Fixture, more: object = {}): RecallRequest =>
    told(fixture, "askRecall", { id: "r1", wish, reason, by: "ada", approvers: ["ada", "eve", "max"], ...more });
  const answer = (by: string, approve = true) => ({ id: "r1", approve, by });
  const stateOf = (fixture: Fixture): unknown =>
    told<{ requests: readonly RecallRequest[] }>(fixture, "recalls").requests.map(({ state }) => state);

  it("are not begun without an approval, but by the operator", () => {
    const fixture = fixtureWith("ada");
    expect(refusal(fixture, "start", { wish, by: "ada", private: true })).to.equal("APPROVAL_NEEDED");
    expect(told<ClusterBackupTask>(fixture, "start", { wish, by: "ada" }).state).to.equal("waiting");
    expect(told<ClusterBackupTask>(fixture, "start", { wish, by: "operator", private: true }).by).to.equal("operator");
  });

  it("are approved by another admin than who asks, one of those there were then", () => {
    const fixture = fixtureWith("ada");
    const asked = ask(fixture);
    expect(asked).to.deep.include({ state: "waiting", approvers: ["eve", "max"], reason, by: "ada" });
    expect(ask(fixture), "the same again").to.deep.equal(asked);
    expect(refusal(fixture, "beginRecall", { id: "r1", by: "ada" })).to.equal("APPROVAL_NEEDED");
    for (const by of ["ada", "bob", "operator"])
      expect(refusal(fixture, "answerRecall", answer(by)), by).to.equal("FORBIDDEN");
    const approved = told<RecallRequest>(fixture, "answerRecall", answer("eve"));
    expect(approved).to.include({ state: "approved", answeredBy: "eve", answeredAtMs: fixture.nowMs });
    expect(refusal(fixture, "answerRecall", answer("max"))).to.equal("ALREADY_DONE");
    expect(refusal(fixture, "beginRecall", { id: "r1", by: "eve" }), "another's").to.equal("FORBIDDEN");
    expect(refusal(fixture, "beginRecall", { id: "r2", by: "ada" })).to.equal("NOT_FOUND");
    expect(refusal(fixture, "mayRecall", { id: "r1", by: "eve" })).to.equal("FORBIDDEN");
    expect(told<RecallRequest>(fixture, "mayRecall", { id: "r1", by: "ada" }).wish).to.deep.equal(wish);
    const task = told<ClusterBackupTask>(fixture, "beginRecall", { id: "r1", by: "ada" });
    expect(task).to.deep.include({ wish, by: "ada", approvedBy: "eve", sort: "recall" });
    const { requests } = told<{ requests: readonly RecallRequest[] }>(fixture, "recalls");
    expect(requests[0]).to.deep.include({ task: task.id, state: "approved" });
  });

  it("are the operator's to approve where there is nobody else", () => {
    const fixture = fixtureWith("ada");
    ask(fixture, { approvers: ["ada"] });
    expect(refusal(fixture, "answerRecall", answer("eve"))).to.equal("FORBIDDEN");
    expect(told<RecallRequest>(fixture, "answerRecall", answer("operator")).state).to.equal("approved");
  });

  it("are declined, withdrawn, and over after a day", () => {
    const declined = fixtureWith("ada");
    ask(declined);
    told(declined, "answerRecall", answer("eve", false));
    expect(refusal(declined, "answerRecall", answer("max"))).to.equal("ALREADY_DONE");
    expect(refusal(declined, "beginRecall", { id: "r1", by: "ada" })).to.equal("APPROVAL_NEEDED");

    const withdrawn = fixtureWith("ada");
    ask(withdrawn);
    told(withdrawn, "answerRecall", answer("eve"));
    told(withdrawn, "answerRecall", answer("ada", false));
    expect(refusal(withdrawn, "beginRecall", { id: "r1", by: "ada" })).to.equal("APPROVAL_NEEDED");

    const late = fixtureWith("ada");
    ask(late);
    late.nowMs += limits.recallApprovalMs - 1;
    expect(stateOf(late)).to.deep.equal(["waiting"]);
    late.nowMs += 1;
    expect(stateOf(late)).to.deep.equal(["expired"]);
    expect(refusal(late, "answerRecall", answer("eve"))).to.equal("ALREADY_DONE");

    const unused = fixtureWith("ada");
    ask(unused);
    told(unused, "answerRecall", answer("eve"));
    unused.nowMs += limits.recallApprovalMs;
    expect(refusal(unused, "beginRecall", { id: "r1", by: "ada" })).to.equal("APPROVAL_NEEDED");
  });

  it("are bounded: those that are over are forgotten, the oldest first", () => {
    const fixture = fixtureWith("ada");
    for (let n = 0; n < limits.recallRequestsKept + 3; n += 1) {
      ask(fixture, { id: `r${n}` });
      told(fixture, "answerRecall", { id: `r${n}`, approve: false, by: "eve" });
    }
    const { requests } = told<{ requests: readonly RecallRequest[] }>(fixture, "recalls");
    expect(requests).to.have.length(limits.recallRequestsKept);
    expect([requests[0]?.id, requests.at(-1)?.id]).to.deep.equal([`r${limits.recallRequestsKept + 2}`, "r3"]);
    for (let n = 0; n < limits.recallRequestsOpenMax; n += 1) ask(fixture, { id: `open${n}` });
    expect(refusal(fixture, "askRecall", { id: "more", wish, reason, by: "ada", approvers: [] })).to.equal(
      "LIMIT_REACHED",
    );
  });

  it("are not asked for when nothing is brought back, and have no schedule", () => {
    const fixture = fixtureWith("ada");
    const dry = { sort: "recall", query: { person: "user/bob" } };
    const asked = { id: "r1", wish: dry, reason, by: "ada", approvers: [] };
    expect(refusal(fixture, "askRecall", asked)).to.equal("BAD_REQUEST");
    const schedule = { name: "nightly", cron: "0 3 * * *", by: "ada" };
    expect(refusal(fixture, "putSchedule", { ...schedule, wish })).to.equal("BAD_REQUEST");
    told(fixture, "putSchedule", { ...schedule, wish: { sort: "run" } });
  });
});

describe("legal holds", () => {
  const hold = (fixture: Fixture, id: string, on: object): BackupHold =>
    told(fixture, "hold", { id, on, reason: "case 12", by: "ada" });
  const mayErase = (fixture: Fixture, tenant: string): string | undefined => {
    const said = refusal(fixture, "mayErase", { tenant });
    told(fixture, "erased", { tenant });
    return said;
  };

  it("are set once, listed and lifted", () => {
    const fixture = fixtureWith("ada");
    const held = hold(fixture, "h1", { snapshot: 3 });
    expect(held).to.deep.equal({ id: "h1", on: { snapshot: 3 }, reason: "case 12", by: "ada", atMs: fixture.nowMs });
    expect(hold(fixture, "h1", { snapshot: 3 })).to.deep.equal(held);
    expect(told(fixture, "holds")).to.deep.equal({ holds: [held] });
    expect(refusal(fixture, "lift", { id: "h2", by: "eve" })).to.equal("NOT_FOUND");
    expect(told(fixture, "lift", { id: "h1", by: "eve" })).to.deep.equal(held);
    expect(told(fixture, "holds")).to.deep.equal({ holds: [] });
  });

  it("keep the keys of what they hold, and of what that may be in", () => {
    const fixture = fixtureWith("ada");
    hold(fixture, "h1", { person: "user/bob" });
    for (const tenant of ["user/bob", "agent/bob.helper", "room/lobby"])
      expect(mayErase(fixture, tenant), tenant).to.equal("UNDER_HOLD");
    for (const tenant of ["user/eve", "agent/eve.helper", "agent/bobby.helper"])
      expect(mayErase(fixture, tenant), tenant).to.equal("accepted");
    told(fixture, "lift", { id: "h1", by: "ada" });
    expect(mayErase(fixture, "user/bob")).to.equal("accepted");

    hold(fixture, "h2", { thread: "room/lobby" });
    expect([mayErase(fixture, "room/lobby"), mayErase(fixture, "room/other")]).to.deep.equal([
      "UNDER_HOLD",
      "accepted",
    ]);
    hold(fixture, "h3", { thread: "ledger/max" });
    expect(mayErase(fixture, "user/max"), "whose it is").to.equal("UNDER_HOLD");
    expect(mayErase(fixture, "user/lobby"), "a person with a room's name").to.equal("accepted");
    hold(fixture, "h5", { thread: "agent/kim.helper" });
    for (const tenant of ["agent/kim.helper", "user/kim"])
      expect(mayErase(fixture, tenant), "its files are its owner's").to.equal("UNDER_HOLD");
    expect(mayErase(fixture, "agent/kim.other")).to.equal("accepted");
    hold(fixture, "h4", { snapshot: 1 });
    expect(mayErase(fixture, "user/eve"), "a snapshot keeps all keys").to.equal("UNDER_HOLD");
  });

  it("are not set while keys that they would keep are being destroyed, for as long as that may take", () => {
    const fixture = fixtureWith("ada");
    const late = (on: object) => refusal(fixture, "hold", { id: "h9", on, reason: "late", by: "ada" });
    told(fixture, "mayErase", { tenant: "room/lobby" });
    told(fixture, "mayErase", { tenant: "room/lobby" });
    for (const on of [{ snapshot: 1 }, { thread: "room/lobby" }, { person: "user/bob" }])
      expect(late(on), JSON.stringify(on)).to.equal("BACKUP_CHANGED");
    hold(fixture, "h1", { thread: "room/other" });
    told(fixture, "erased", { tenant: "room/lobby" });
    hold(fixture, "h2", { thread: "room/lobby" });
    // Whoever was about to do it is heard of no more.
    told(fixture, "mayErase", { tenant: "user/eve" });
    expect(late({ person: "user/eve" })).to.equal("BACKUP_CHANGED");
    fixture.pass(limits.backupErasureMs);
    hold(fixture, "h3", { person: "user/eve" });
    told(fixture, "erased", { tenant: "user/eve" });

    for (let n = 0; n < limits.backupErasuresMax; n += 1) told(fixture, "mayErase", { tenant: `user/n${n}` });
    expect(refusal(fixture, "mayErase", { tenant: "user/more" })).to.equal("LIMIT_REACHED");
    fixture.pass(limits.backupErasureMs);
    told(fixture, "mayErase", { tenant: "user/more" });
    expect(fixture.refold(cluster)).to.deep.equal(fixture.stateOf(cluster));
  });

  it("are not set while a prune that has begun knows nothing of them", () => {
    const fixture = fixtureWith("ada");
    told(fixture, "start", { wish: { sort: "prune", keep: { last: 1 }, apply: true }, by: "ada" });
    hold(fixture, "h1", { snapshot: 1 });
    const take = { type: "take", runner: "n1", holds: [] };
    const { task } = fixture.ok<{ task: { id: string; turn: number } }>("node", cluster, take);
    expect(refusal(fixture, "hold", { id: "h2", on: { snapshot: 2 }, reason: "late", by: "ada" })).to.equal(
      "BACKUP_CHANGED",
    );
    fixture.ok("node", cluster, { type: "finish", task: task.id, turn: task.turn });
    hold(fixture, "h2", { snapshot: 2 });
  });

  it("are bounded", () => {
    const fixture = fixtureWith("ada");
    for (let n = 0; n < limits.backupHoldsMax; n += 1) hold(fixture, `h${n}`, { snapshot: n + 1 });
    expect(refusal(fixture, "hold", { id: "more", on: { snapshot: 1 }, reason: "x", by: "ada" })).to.equal(
      "LIMIT_REACHED",
    );
  });
});
