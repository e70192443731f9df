import { expect } from "chai";
import { actorLimits as limits } from "../../../actors/limits.ts";
import type { BackupHold, BackupWish, ClusterBackupTask, RecallRequest } from "../../../protocols/index.ts";
import { stageWith, type Stage } from "./fixture.ts";

const cluster = "backup/cluster";
/** A recall that brings something back, by whatever way. */
const wish: BackupWish = { sort: "recall", query: { person: "user/bob", atMs: 1 }, as: "download" };
const reason = "Bob asked for his lost notes";

const told = <Answer>(stage: Stage, type: string, fields: object = {}): Answer =>
  stage.ok<Answer>("gateway", cluster, { type, ...fields });
const refusal = (stage: Stage, type: string, fields: object): string | undefined =>
  stage.code("gateway", cluster, { type, ...fields });

describe("recalls of private things", () => {
  const ask = (stage: Stage, more: object = {}): RecallRequest =>
    told(stage, "askRecall", { id: "r1", wish, reason, by: "ada", approvers: ["ada", "eve", "max"], ...more });
  const answer = (by: string, approve = true) => ({ id: "r1", approve, by });
  const stateOf = (stage: Stage): unknown =>
    told<{ requests: readonly RecallRequest[] }>(stage, "recalls").requests.map(({ state }) => state);

  it("are not begun without an approval, but by the operator", () => {
    const stage = stageWith("ada");
    expect(refusal(stage, "start", { wish, by: "ada", private: true })).to.equal("APPROVAL_NEEDED");
    expect(told<ClusterBackupTask>(stage, "start", { wish, by: "ada" }).state).to.equal("waiting");
    expect(told<ClusterBackupTask>(stage, "start", { wish, by: "operator", private: true }).by).to.equal("operator");
  });

  it("are approved by another admin than who asks, one of those there were then", () => {
    const stage = stageWith("ada");
    const asked = ask(stage);
    expect(asked).to.deep.include({ state: "waiting", approvers: ["eve", "max"], reason, by: "ada" });
    expect(ask(stage), "the same again").to.deep.equal(asked);
    expect(refusal(stage, "beginRecall", { id: "r1", by: "ada" })).to.equal("APPROVAL_NEEDED");
    for (const by of ["ada", "bob", "operator"])
      expect(refusal(stage, "answerRecall", answer(by)), by).to.equal("FORBIDDEN");
    const approved = told<RecallRequest>(stage, "answerRecall", answer("eve"));
    expect(approved).to.include({ state: "approved", answeredBy: "eve", answeredAtMs: stage.nowMs });
    expect(refusal(stage, "answerRecall", answer("max"))).to.equal("ALREADY_DONE");
    expect(refusal(stage, "beginRecall", { id: "r1", by: "eve" }), "another's").to.equal("FORBIDDEN");
    expect(refusal(stage, "beginRecall", { id: "r2", by: "ada" })).to.equal("NOT_FOUND");
    expect(refusal(stage, "mayRecall", { id: "r1", by: "eve" })).to.equal("FORBIDDEN");
    expect(told<RecallRequest>(stage, "mayRecall", { id: "r1", by: "ada" }).wish).to.deep.equal(wish);
    const task = told<ClusterBackupTask>(stage, "beginRecall", { id: "r1", by: "ada" });
    expect(task).to.deep.include({ wish, by: "ada", approvedBy: "eve", sort: "recall" });
    const { requests } = told<{ requests: readonly RecallRequest[] }>(stage, "recalls");
    expect(requests[0]).to.deep.include({ task: task.id, state: "approved" });
  });

  it("are the operator's to approve where there is nobody else", () => {
    const stage = stageWith("ada");
    ask(stage, { approvers: ["ada"] });
    expect(refusal(stage, "answerRecall", answer("eve"))).to.equal("FORBIDDEN");
    expect(told<RecallRequest>(stage, "answerRecall", answer("operator")).state).to.equal("approved");
  });

  it("are declined, withdrawn, and over after a day", () => {
    const declined = stageWith("ada");
    ask(declined);
    told(declined, "answerRecall", answer("eve", false));
    expect(refusal(declined, "answerRecall", answer("max"))).to.equal("ALREADY_DONE");
    expect(refusal(declined, "beginRecall", { id: "r1", by: "ada" })).to.equal("APPROVAL_NEEDED");

    const withdrawn = stageWith("ada");
    ask(withdrawn);
    told(withdrawn, "answerRecall", answer("eve"));
    told(withdrawn, "answerRecall", answer("ada", false));
    expect(refusal(withdrawn, "beginRecall", { id: "r1", by: "ada" })).to.equal("APPROVAL_NEEDED");

    const late = stageWith("ada");
    ask(late);
    late.nowMs += limits.recallApprovalMs - 1;
    expect(stateOf(late)).to.deep.equal(["waiting"]);
    late.nowMs += 1;
    expect(stateOf(late)).to.deep.equal(["expired"]);
    expect(refusal(late, "answerRecall", answer("eve"))).to.equal("ALREADY_DONE");

    const unused = stageWith("ada");
    ask(unused);
    told(unused, "answerRecall", answer("eve"));
    unused.nowMs += limits.recallApprovalMs;
    expect(refusal(unused, "beginRecall", { id: "r1", by: "ada" })).to.equal("APPROVAL_NEEDED");
  });

  it("are bounded: those that are over are forgotten, the oldest first", () => {
    const stage = stageWith("ada");
    for (let n = 0; n < limits.recallRequestsKept + 3; n += 1) {
      ask(stage, { id: `r${n}` });
      told(stage, "answerRecall", { id: `r${n}`, approve: false, by: "eve" });
    }
    const { requests } = told<{ requests: readonly RecallRequest[] }>(stage, "recalls");
    expect(requests).to.have.length(limits.recallRequestsKept);
    expect([requests[0]?.id, requests.at(-1)?.id]).to.deep.equal([`r${limits.recallRequestsKept + 2}`, "r3"]);
    for (let n = 0; n < limits.recallRequestsOpenMax; n += 1) ask(stage, { id: `open${n}` });
    expect(refusal(stage, "askRecall", { id: "more", wish, reason, by: "ada", approvers: [] })).to.equal(
      "LIMIT_REACHED",
    );
  });

  it("are not asked for when nothing is brought back, and have no schedule", () => {
    const stage = stageWith("ada");
    const dry = { sort: "recall", query: { person: "user/bob" } };
    const asked = { id: "r1", wish: dry, reason, by: "ada", approvers: [] };
    expect(refusal(stage, "askRecall", asked)).to.equal("BAD_REQUEST");
    const schedule = { name: "nightly", cron: "0 3 * * *", by: "ada" };
    expect(refusal(stage, "putSchedule", { ...schedule, wish })).to.equal("BAD_REQUEST");
    told(stage, "putSchedule", { ...schedule, wish: { sort: "run" } });
  });
});

describe("legal holds", () => {
  const hold = (stage: Stage, id: string, on: object): BackupHold =>
    told(stage, "hold", { id, on, reason: "case 12", by: "ada" });
  const mayErase = (stage: Stage, tenant: string): string | undefined => {
    const said = refusal(stage, "mayErase", { tenant });
    told(stage, "erased", { tenant });
    return said;
  };

  it("are set once, listed and lifted", () => {
    const stage = stageWith("ada");
    const held = hold(stage, "h1", { snapshot: 3 });
    expect(held).to.deep.equal({ id: "h1", on: { snapshot: 3 }, reason: "case 12", by: "ada", atMs: stage.nowMs });
    expect(hold(stage, "h1", { snapshot: 3 })).to.deep.equal(held);
    expect(told(stage, "holds")).to.deep.equal({ holds: [held] });
    expect(refusal(stage, "lift", { id: "h2", by: "eve" })).to.equal("NOT_FOUND");
    expect(told(stage, "lift", { id: "h1", by: "eve" })).to.deep.equal(held);
    expect(told(stage, "holds")).to.deep.equal({ holds: [] });
  });

  it("keep the keys of what they hold, and of what that may be in", () => {
    const stage = stageWith("ada");
    hold(stage, "h1", { person: "user/bob" });
    for (const tenant of ["user/bob", "agent/bob.helper", "room/lobby"])
      expect(mayErase(stage, tenant), tenant).to.equal("UNDER_HOLD");
    for (const tenant of ["user/eve", "agent/eve.helper", "agent/bobby.helper"])
      expect(mayErase(stage, tenant), tenant).to.equal("accepted");
    told(stage, "lift", { id: "h1", by: "ada" });
    expect(mayErase(stage, "user/bob")).to.equal("accepted");

    hold(stage, "h2", { thread: "room/lobby" });
    expect([mayErase(stage, "room/lobby"), mayErase(stage, "room/other")]).to.deep.equal(["UNDER_HOLD", "accepted"]);
    hold(stage, "h3", { thread: "ledger/max" });
    expect(mayErase(stage, "user/max"), "whose it is").to.equal("UNDER_HOLD");
    expect(mayErase(stage, "user/lobby"), "a person with a room's name").to.equal("accepted");
    hold(stage, "h5", { thread: "agent/kim.helper" });
    for (const tenant of ["agent/kim.helper", "user/kim"])
      expect(mayErase(stage, tenant), "its files are its owner's").to.equal("UNDER_HOLD");
    expect(mayErase(stage, "agent/kim.other")).to.equal("accepted");
    hold(stage, "h4", { snapshot: 1 });
    expect(mayErase(stage, "user/eve"), "a snapshot keeps all keys").to.equal("UNDER_HOLD");
  });

  it("are not set while keys that they would keep are being destroyed, for as long as that may take", () => {
    const stage = stageWith("ada");
    const late = (on: object) => refusal(stage, "hold", { id: "h9", on, reason: "late", by: "ada" });
    told(stage, "mayErase", { tenant: "room/lobby" });
    told(stage, "mayErase", { tenant: "room/lobby" });
    for (const on of [{ snapshot: 1 }, { thread: "room/lobby" }, { person: "user/bob" }])
      expect(late(on), JSON.stringify(on)).to.equal("BACKUP_CHANGED");
    hold(stage, "h1", { thread: "room/other" });
    told(stage, "erased", { tenant: "room/lobby" });
    hold(stage, "h2", { thread: "room/lobby" });
    // Whoever was about to do it is heard of no more.
    told(stage, "mayErase", { tenant: "user/eve" });
    expect(late({ person: "user/eve" })).to.equal("BACKUP_CHANGED");
    stage.pass(limits.backupErasureMs);
    hold(stage, "h3", { person: "user/eve" });
    told(stage, "erased", { tenant: "user/eve" });

    for (let n = 0; n < limits.backupErasuresMax; n += 1) told(stage, "mayErase", { tenant: `user/n${n}` });
    expect(refusal(stage, "mayErase", { tenant: "user/more" })).to.equal("LIMIT_REACHED");
    stage.pass(limits.backupErasureMs);
    told(stage, "mayErase", { tenant: "user/more" });
    expect(stage.refold(cluster)).to.deep.equal(stage.stateOf(cluster));
  });

  it("are not set while a prune that has begun knows nothing of them", () => {
    const stage = stageWith("ada");
    told(stage, "start", { wish: { sort: "prune", keep: { last: 1 }, apply: true }, by: "ada" });
    hold(stage, "h1", { snapshot: 1 });
    const take = { type: "take", runner: "n1", holds: [] };
    const { task } = stage.ok<{ task: { id: string; turn: number } }>("node", cluster, take);
    expect(refusal(stage, "hold", { id: "h2", on: { snapshot: 2 }, reason: "late", by: "ada" })).to.equal(
      "BACKUP_CHANGED",
    );
    stage.ok("node", cluster, { type: "finish", task: task.id, turn: task.turn });
    hold(stage, "h2", { snapshot: 2 });
  });

  it("are bounded", () => {
    const stage = stageWith("ada");
    for (let n = 0; n < limits.backupHoldsMax; n += 1) hold(stage, `h${n}`, { snapshot: n + 1 });
    expect(refusal(stage, "hold", { id: "more", on: { snapshot: 1 }, reason: "x", by: "ada" })).to.equal(
      "LIMIT_REACHED",
    );
  });
});
