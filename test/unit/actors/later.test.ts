import { expect } from "chai";
import { wireLimits, type Later, type LaterList } from "../../../protocols/index.ts";
import type { UserState } from "../../../actors/user/state.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post } from "./lobby.ts";

const [ada, bob] = ["user/ada", "user/bob"] as const;
const inMs = (fixture: Fixture, ms: number) => ({ atMs: fixture.nowMs + ms });
const list = (fixture: Fixture) => fixture.ok<LaterList>(bob, bob, { type: "later" }).later;
const said = (fixture: Fixture) =>
  fixture
    .ok<{ messages: { author: string; text: string }[] }>(ada, lobby, { type: "history" })
    .messages.map(({ author, text }) => `${author}: ${text}`);
const schedule = (fixture: Fixture, ms: number, text = "hi") =>
  fixture.ok<Later>(bob, bob, { type: "schedule", room: "lobby", text, ...inMs(fixture, ms) });

describe("a message that is sent later", () => {
  it("is in nobody's sight before its time, and then said once, in its author's name", () => {
    const fixture = inLobby();
    const { id } = schedule(fixture, 60_000);
    schedule(fixture, 30_000, "first");
    expect(list(fixture).map(({ text }) => text)).to.deep.equal(["first", "hi"]);
    expect(JSON.stringify(fixture.stream(bob).at(-1)?.event)).to.not.include("first");
    fixture.pass(59_999);
    expect(said(fixture)).to.deep.equal(["user/bob: first"]);
    fixture.pass(1);
    expect(said(fixture)).to.deep.equal(["user/bob: first", "user/bob: hi"]);
    fixture.pass(3_600_000);
    expect(said(fixture)).to.have.length(2);
    expect(list(fixture)).to.deep.equal([]);
    expect(fixture.stream(bob).at(-1)?.event).to.deep.equal({ type: "laterSet", id, status: "gone" });
    expect(fixture.code(bob, bob, { type: "cancelLater", id })).to.equal("NOT_FOUND");
  });

  it("is said once whatever crashes on its way, and however late the room answers", () => {
    for (let steps = 0; steps < 40; steps += 1) {
      const fixture = inLobby();
      schedule(fixture, 1_000);
      fixture.nowMs += 1_000;
      fixture.ringEarly(bob);
      for (let step = 0; step < steps; step += 1) fixture.step();
      fixture.crash(bob);
      fixture.crash(lobby);
      fixture.pass(3_600_000);
      expect(said(fixture), `after ${steps} steps`).to.deep.equal(["user/bob: hi"]);
      expect(list(fixture)).to.deep.equal([]);
    }
    const fixture = inLobby();
    schedule(fixture, 1_000);
    fixture.cutOff(lobby);
    fixture.pass(600_000);
    expect(list(fixture)[0]).to.include({ status: "sending" });
    expect(fixture.code(bob, bob, { type: "cancelLater", id: 1 })).to.equal("FORBIDDEN");
    fixture.reach(lobby);
    fixture.pass(600_000);
    expect(said(fixture)).to.deep.equal(["user/bob: hi"]);
  });

  it("does not stay on its way where a node of the version before has delivered it", () => {
    const fixture = inLobby();
    const { id } = schedule(fixture, 1_000);
    fixture.cutOff(lobby);
    fixture.pass(1_000);
    expect(list(fixture)[0]).to.include({ status: "sending" });
    // Such a node settles what is in the outbox, and knows nothing of the list.
    const [entry] = fixture.stateOf<UserState>(bob).outbox.entries;
    (fixture.journalOf(bob) as object[]).push({ type: "delivered", id: entry?.id });
    fixture.crash(bob);
    fixture.reach(lobby);
    expect(list(fixture)).to.have.length(1);
    expect(list(fixture)[0]).to.deep.include({ id, status: "failed", failure: { code: "ASK_TIMEOUT" } });
    expect(fixture.code(bob, bob, { type: "cancelLater", id })).to.equal("accepted");
    expect(list(fixture)).to.deep.equal([]);
    fixture.pass(3_600_000);
    expect(said(fixture)).to.deep.equal([]);
  });

  it("says why it was not sent, and waits again when its author says so", () => {
    const fixture = inLobby();
    schedule(fixture, 1_000);
    fixture.ok(ada, lobby, { type: "setRules", posting: "moderators" });
    fixture.pass(1_000);
    const [failed] = list(fixture);
    expect(failed).to.deep.include({ status: "failed", text: "hi" });
    expect(failed?.failure).to.deep.equal({ code: "FORBIDDEN", reason: "only moderators post in this room" });
    fixture.ok(ada, lobby, { type: "setRules", posting: "members" });
    fixture.ok(bob, bob, { type: "changeLater", id: 1, text: "now", ...inMs(fixture, 1_000) });
    fixture.pass(1_000);
    expect(said(fixture)).to.deep.equal(["user/bob: now"]);
    schedule(fixture, 1_000);
    fixture.ok(bob, lobby, { type: "leave" });
    fixture.pass(1_000);
    expect(list(fixture)[0]?.failure).to.deep.equal({ code: "NOT_A_MEMBER" });
    expect(fixture.code(bob, bob, { type: "schedule", room: "lobby", text: "x", ...inMs(fixture, 9) })).to.equal(
      "NOT_A_MEMBER",
    );
  });

  it("waits for a room in slow mode, some times", () => {
    const fixture = inLobby();
    const slowMs = 30_000;
    fixture.ok(ada, lobby, { type: "setRules", slowMs });
    for (const text of ["one", "two", "three"]) schedule(fixture, 1_000, text);
    fixture.pass(1_000);
    expect(list(fixture).map(({ status }) => status)).to.deep.equal(["waiting", "waiting"]);
    fixture.pass(2 * slowMs);
    expect(said(fixture)).to.have.members(["user/bob: one", "user/bob: two", "user/bob: three"]);
    const most = actorLimits.laterTriesMax + 3;
    for (let count = 0; count < most; count += 1) schedule(fixture, slowMs, String(count));
    fixture.pass(slowMs * (most + 1));
    expect(list(fixture).map(({ failure }) => failure)).to.deep.equal([{ code: "SLOW_MODE" }, { code: "SLOW_MODE" }]);
    expect(said(fixture)).to.have.length(3 + most - 2);
  });

  it("is not sent for somebody whom an admin has deleted", () => {
    const fixture = inLobby();
    schedule(fixture, 1_000);
    fixture.ok("gateway", bob, { type: "beginDeletion", byAdmin: true, waitMs: 86_400_000 });
    fixture.pass(1_000);
    expect(said(fixture)).to.deep.equal([]);
    expect(list(fixture)[0]?.failure).to.deep.equal({ code: "SUSPENDED" });
  });

  it("is not sent for somebody who is suspended", () => {
    const fixture = inLobby();
    schedule(fixture, 1_000);
    fixture.ok("gateway", bob, { type: "setSuspended", suspended: true });
    fixture.pass(1_000);
    expect(said(fixture)).to.deep.equal([]);
    expect(list(fixture)[0]?.failure).to.deep.equal({ code: "SUSPENDED" });
  });

  it("is sent at once where its author says so, and once, whatever crashes then", () => {
    for (let steps = 0; steps < 30; steps += 1) {
      const fixture = inLobby();
      const { id } = schedule(fixture, 3_600_000);
      schedule(fixture, 7_200_000, "not yet");
      expect(fixture.ok<Later>(bob, bob, { type: "sendNow", id })).to.include({ id, status: "sending" });
      for (let step = 0; step < steps; step += 1) fixture.step();
      fixture.crash(bob);
      fixture.crash(lobby);
      fixture.pass(3_600_000);
      expect(said(fixture), `after ${steps} steps`).to.deep.equal(["user/bob: hi"]);
      expect(list(fixture).map(({ text }) => text)).to.deep.equal(["not yet"]);
    }
    const fixture = inLobby();
    const { id } = schedule(fixture, 60_000);
    fixture.cutOff(lobby);
    fixture.ok(bob, bob, { type: "sendNow", id });
    for (const type of ["sendNow", "cancelLater"])
      expect(fixture.code(bob, bob, { type, id }), type).to.equal("FORBIDDEN");
    fixture.reach(lobby);
    fixture.ok(ada, lobby, { type: "setRules", posting: "moderators" });
    fixture.pass(600_000);
    expect(list(fixture)[0]).to.include({ status: "failed" });
    fixture.ok(ada, lobby, { type: "setRules", posting: "members" });
    fixture.ok(bob, bob, { type: "sendNow", id });
    fixture.pass(1);
    expect(said(fixture)).to.deep.equal(["user/bob: hi"]);
    expect(fixture.code(bob, bob, { type: "sendNow", id })).to.equal("NOT_FOUND");
    const { seq } = post(fixture, "ada", "think of this");
    const reminder = fixture.ok<Later>(bob, bob, { type: "remindMe", room: "lobby", seq, ...inMs(fixture, 9) });
    expect(fixture.code(bob, bob, { type: "sendNow", id: reminder.id })).to.equal("BAD_REQUEST");
  });

  it("is changed and cancelled, within bounds", () => {
    const fixture = inLobby();
    const { id, atMs } = schedule(fixture, 1_000);
    const change = (fields: object) => fixture.code(bob, bob, { type: "changeLater", id, ...fields });
    expect(change({ atMs: fixture.nowMs })).to.equal("BAD_REQUEST");
    expect(change(inMs(fixture, wireLimits.laterMsMax + 1))).to.equal("BAD_REQUEST");
    expect(change({ ...inMs(fixture, 5_000), seen: atMs + 1 })).to.equal("CHANGED_MEANWHILE");
    expect(change({ ...inMs(fixture, 5_000), seen: atMs })).to.equal("accepted");
    fixture.pass(4_999);
    expect(said(fixture)).to.deep.equal([]);
    expect(fixture.code(bob, bob, { type: "cancelLater", id })).to.equal("accepted");
    fixture.pass(3_600_000);
    expect(said(fixture)).to.deep.equal([]);
    expect(fixture.reminders(bob)).to.deep.equal([]);
    const long = "x".repeat(wireLimits.messageCharsMax);
    const most = Math.floor(wireLimits.laterCharsMax / long.length);
    for (let count = 0; count < most; count += 1) schedule(fixture, 60_000 + count, long);
    expect(fixture.code(bob, bob, { type: "schedule", room: "lobby", text: long, ...inMs(fixture, 9) })).to.equal(
      "LIMIT_REACHED",
    );
  });
});

describe("a message that somebody is reminded of", () => {
  it("is due at its time, on every device, until it is cancelled or put off", () => {
    const fixture = inLobby();
    const { seq } = post(fixture, "ada", "think of this");
    const { id } = fixture.ok<Later>(bob, bob, { type: "remindMe", room: "lobby", seq, ...inMs(fixture, 1_000) });
    expect(list(fixture)).to.have.length(1);
    fixture.pass(1_000);
    expect(list(fixture)[0]).to.include({ id, seq, status: "due" });
    expect(fixture.stream(bob).at(-1)?.event).to.deep.equal({ type: "laterSet", id, status: "due" });
    fixture.ok(bob, bob, { type: "changeLater", id, ...inMs(fixture, 1_000) });
    expect(list(fixture)[0]).to.include({ status: "waiting" });
    fixture.crash(bob);
    fixture.pass(1_000);
    expect(list(fixture)[0]).to.include({ status: "due" });
    expect(fixture.code(bob, bob, { type: "changeLater", id, text: "x", ...inMs(fixture, 9) })).to.equal("BAD_REQUEST");
    expect(fixture.code(bob, bob, { type: "cancelLater", id })).to.equal("accepted");
    expect(list(fixture)).to.deep.equal([]);
    expect(fixture.code(ada, bob, { type: "later" })).to.equal("FORBIDDEN");
  });
});
