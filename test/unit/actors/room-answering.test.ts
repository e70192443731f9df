import fc from "fast-check";
import { expect } from "chai";
import { actorLimits } from "../../../actors/limits.ts";
import type { AgentState, RoomAnswering, RoomMessage, RoomSignal, RoomState } from "../../../protocols/index.ts";
import { ended, text } from "../../fixtures/engine-answers.ts";
import { depth } from "../../depth.ts";
import type { Fixture } from "./fixture.ts";
import { inLobby, lobby, post } from "./lobby.ts";

const helper = "agent/ada.helper";

/** A room of ada, bob and cleo in which ada's agent is. */
function withHelper(): Fixture {
  const fixture = inLobby();
  fixture.ok("user/ada", "user/ada", { type: "createAgent", name: "helper" });
  fixture.ok("user/ada", lobby, { type: "invite", member: helper });
  return fixture;
}

const stateOf = (fixture: Fixture, who = "cleo"): RoomState =>
  fixture.ok<{ state: RoomState }>(`user/${who}`, lobby, { type: "resume" }).state;
const answering = (fixture: Fixture): readonly RoomAnswering[] => stateOf(fixture).answering ?? [];
const last = (fixture: Fixture): RoomMessage | undefined => stateOf(fixture).messages.at(-1);
const stop = (fixture: Fixture, who: string, seq: number, more: object = {}) =>
  fixture.code(`user/${who}`, lobby, { type: "stop", seq, ...more });

describe("an answer that a room waits for", () => {
  it("is told to all, from the mention on: asked, queued with its place, loading, reading, writing", () => {
    const fixture = withHelper();
    fixture.cutOff(helper);
    const { seq } = post(fixture, "bob", "@helper hi");
    const asked = { agent: helper, seq, by: "user/bob" };
    expect(answering(fixture)).to.deep.equal([asked]);
    fixture.reach(helper);
    fixture.pass(actorLimits.outboxRetryMs);
    const generation = `${helper}#1`;
    const shown = { ...asked, generation, text: "" };
    expect(answering(fixture)).to.deep.equal([{ ...shown, stage: "queued" }]);
    const { id } = fixture.generation;
    for (const place of [
      { stage: "queued", ahead: 2 },
      { stage: "loading" },
      { stage: "queued", ahead: 0 },
      { stage: "reading" },
    ] as const) {
      fixture.place(id, place);
      expect(answering(fixture)).to.deep.equal([{ ...shown, ...place }]);
      expect(fixture.signals(lobby).at(-1)).to.deep.include({ type: "draft", agent: helper, ...place });
    }
    fixture.part(id, text("Hello"));
    expect(answering(fixture)).to.deep.equal([{ ...shown, stage: "writing", text: "Hello" }]);
    // What is told late of the line before says nothing any more.
    fixture.place(id, { stage: "reading" });
    expect(answering(fixture)[0]?.stage).to.equal("writing");
    fixture.part(id, ended("complete", 5, 1));
    expect(answering(fixture)).to.deep.equal([]);
  });

  it("waits behind others of its agent, and each is told how many are before it", () => {
    const fixture = withHelper();
    const seqs = ["ada", "bob", "cleo"].map((who) => post(fixture, who, "@helper hi").seq);
    const ahead = () => answering(fixture).map(({ seq, stage, ahead: before }) => [seq, stage, before]);
    expect(ahead()).to.deep.equal([
      [seqs[0], "queued", undefined],
      [seqs[1], "queued", 1],
      [seqs[2], "queued", 2],
    ]);
    fixture.answer("one");
    expect(ahead()).to.deep.equal([
      [seqs[1], "queued", undefined],
      [seqs[2], "queued", 1],
    ]);
  });

  it("is shown as it is after the room has moved, and to who comes back with a cursor", () => {
    const fixture = withHelper();
    const { seq } = post(fixture, "bob", "@helper hi");
    fixture.place(fixture.generation.id, { stage: "reading" });
    fixture.part(fixture.generation.id, text("Hel"));
    const before = answering(fixture);
    fixture.crash(lobby);
    fixture.settle();
    expect(answering(fixture)).to.deep.equal(before);
    const { head, signals } = fixture.ok<{ head: number; signals: readonly RoomSignal[] }>("user/cleo", lobby, {
      type: "resume",
      after: fixture.stream(lobby).at(-1)?.at,
    });
    expect(head).to.equal(fixture.stream(lobby).at(-1)?.at);
    const signal = { type: "draft", agent: helper, generation: `${helper}#1`, replyTo: seq, offset: 0, text: "Hel" };
    expect(signals).to.deep.equal([{ ...signal, stage: "writing" }]);
    const events = fixture.ok<{ signals: readonly RoomSignal[] }>("user/cleo", lobby, { type: "resume", after: 1 });
    expect(events.signals).to.deep.equal(signals);
  });

  it("is told anew by an agent that has moved, and by one whose model failed", () => {
    const fixture = withHelper();
    post(fixture, "bob", "@helper hi");
    fixture.place(fixture.generation.id, { stage: "reading" });
    fixture.crash(helper);
    fixture.settle();
    expect(answering(fixture)[0]).to.deep.include({ stage: "queued", text: "" });
    fixture.place(fixture.generation.id, { stage: "reading" });
    fixture.fail("RUNTIME_FAULT");
    expect(answering(fixture)[0]?.stage).to.equal("queued");
    fixture.pass(actorLimits.generationRetryMs);
    fixture.answer("hi");
    expect(answering(fixture)).to.deep.equal([]);
  });

  it("is not shown for ever where its agent is lost", () => {
    const fixture = withHelper();
    post(fixture, "bob", "@helper hi");
    fixture.nowMs += actorLimits.askedShownMs;
    expect(answering(fixture)).to.deep.equal([]);
  });

  it("of the owner's conversation is told in the same way, also those behind others", () => {
    const fixture = withHelper();
    post(fixture, "bob", "@helper hi");
    const seen = () => fixture.ok<{ state: AgentState }>("user/ada", helper, { type: "resume" }).state;
    fixture.ok("user/ada", helper, { type: "say", text: "one" });
    fixture.ok("user/ada", helper, { type: "say", text: "two" });
    expect(seen().draft).to.equal(undefined);
    expect(seen().waiting?.map(({ turn, stage, ahead }) => [turn, stage, ahead])).to.deep.equal([
      [2, "queued", 1],
      [4, "queued", 2],
    ]);
    fixture.answer("hi");
    fixture.place(fixture.generation.id, { stage: "queued", ahead: 3 });
    expect(seen().draft).to.deep.include({ turn: 2, stage: "queued", ahead: 3, text: "" });
    expect(fixture.signals(helper).at(-1)).to.deep.include({ type: "draft", turn: 2, stage: "queued", ahead: 3 });
    expect(seen().waiting?.map(({ turn, ahead }) => [turn, ahead])).to.deep.equal([[4, 1]]);
  });
});

describe("an answer in a room is stopped", () => {
  it("by who asked, by the agent's owner and by moderators, and by nobody else", () => {
    for (const [who, code] of [
      ["bob", "accepted"],
      ["ada", "accepted"],
      ["cleo", "FORBIDDEN"],
      ["dan", "NOT_A_MEMBER"],
    ] as const) {
      const fixture = withHelper();
      const { seq } = post(fixture, "bob", "@helper hi");
      fixture.part(fixture.generation.id, text("Half an"));
      expect(stop(fixture, who, seq), who).to.equal(code === "NOT_A_MEMBER" ? "NOT_A_MEMBER" : code);
      expect(fixture.cancelled, who).to.have.length(code === "accepted" ? 1 : 0);
    }
    const fixture = withHelper();
    fixture.ok("user/ada", lobby, { type: "setRole", member: "user/cleo", role: "moderator" });
    const { seq } = post(fixture, "bob", "@helper hi");
    expect(stop(fixture, "cleo", seq)).to.equal("accepted");
    expect(fixture.cancelled).to.have.length(1);
  });

  it("and what was written stays, marked", () => {
    const fixture = withHelper();
    const { seq } = post(fixture, "bob", "@helper hi");
    const { id } = fixture.generation;
    fixture.part(id, text("Half an"));
    expect(stop(fixture, "bob", seq)).to.equal("accepted");
    fixture.part(id, ended("stopped", 5, 1));
    expect(last(fixture)).to.deep.include({ author: helper, answers: seq, text: "Half an", stopped: true });
    expect(answering(fixture)).to.deep.equal([]);
  });

  it("before its turn has come, and between two tries", () => {
    const fixture = withHelper();
    const first = post(fixture, "bob", "@helper one").seq;
    const second = post(fixture, "bob", "@helper two").seq;
    expect(stop(fixture, "bob", second)).to.equal("accepted");
    expect(last(fixture)).to.deep.include({ answers: second, stopped: true });
    expect(last(fixture)?.text).to.include("stopped");
    fixture.part(fixture.generation.id, text("Half"));
    fixture.fail("RUNTIME_FAULT");
    expect(stop(fixture, "bob", first)).to.equal("accepted");
    expect(last(fixture)).to.deep.include({ answers: first, text: "Half", stopped: true });
    fixture.pass(60_000);
    expect(fixture.running).to.have.length(0);
  });

  it("too late says nothing wrong, and leaves all as it is", () => {
    const fixture = withHelper();
    const { seq } = post(fixture, "bob", "@helper hi");
    fixture.answer("Hello");
    const before = last(fixture);
    for (const who of ["bob", "ada", "cleo"]) expect(stop(fixture, who, seq)).to.equal("accepted");
    expect(last(fixture)).to.deep.equal(before);
    expect(before?.stopped).to.equal(undefined);
    expect(stop(fixture, "bob", seq + 9)).to.equal("NOT_FOUND");
  });

  it("alone, where several agents answer one message", () => {
    const fixture = withHelper();
    fixture.ok("user/bob", "user/bob", { type: "createAgent", name: "poet" });
    fixture.ok("user/bob", lobby, { type: "invite", member: "agent/bob.poet" });
    const { seq } = post(fixture, "cleo", "@helper @poet hi");
    // Whose agent it is stops that one, not the other.
    expect(stop(fixture, "bob", seq)).to.equal("accepted");
    expect(fixture.cancelled).to.have.length(1);
    expect(fixture.cancelled[0]).to.include("agent/bob.poet");
    expect(stop(fixture, "cleo", seq, { agent: helper })).to.equal("accepted");
    expect(fixture.cancelled.at(-1)).to.include(helper);
  });

  it("by nobody but the room: an agent takes no such word from a person or another room", () => {
    const fixture = withHelper();
    const { seq } = post(fixture, "bob", "@helper hi");
    for (const from of ["user/ada", "user/bob", "room/den"] as const)
      expect(fixture.code(from, helper, { type: "stopMention", room: "lobby", seq }), from).to.equal("FORBIDDEN");
    expect(fixture.code("user/bob", lobby, { type: "post", text: "x", stopped: true })).to.equal("BAD_REQUEST");
  });
});

type Step = "mention" | "stop" | "answer" | "write" | "fail" | "room" | "agent" | "wait";

describe("whatever happens to rooms and agents", () => {
  it("an answer is shown as awaited if and only if it is owed, and each is given once", () => {
    const steps = fc.array(
      fc.constantFrom<Step>("mention", "stop", "answer", "write", "fail", "room", "agent", "wait"),
      {
        maxLength: 24,
      },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const fixture = withHelper();
        for (const step of all) {
          const [open] = answering(fixture);
          const [running] = fixture.running;
          if (step === "mention") post(fixture, "bob", "@helper hi");
          if (step === "stop" && open !== undefined) stop(fixture, "bob", open.seq);
          if (step === "answer" && running !== undefined) fixture.part(running.id, ended("complete", 1, 1));
          if (step === "write" && running !== undefined) fixture.part(running.id, text("word "));
          if (step === "fail" && running !== undefined) fixture.fail("RUNTIME_FAULT");
          if (step === "room") fixture.crash(lobby);
          if (step === "agent") fixture.crash(helper);
          if (step === "wait") fixture.pass(5_000);
          fixture.settle();
        }
        for (let turn = 0; turn < 40; turn += 1) {
          const [running] = fixture.running;
          if (running !== undefined) fixture.part(running.id, ended("complete", 1, 1));
          fixture.pass(60_000);
        }
        const { messages, answering: left } = stateOf(fixture);
        const asked = messages.filter(({ author }) => author === "user/bob").map(({ seq }) => seq);
        const answers = messages.filter(({ author }) => author === helper).map(({ answers: seq }) => seq);
        expect(left).to.equal(undefined);
        expect(new Set(answers)).to.deep.equal(new Set(asked));
        expect(answers).to.have.length(asked.length);
      }),
      { numRuns: depth(40, 1_000) },
    );
  });
});
