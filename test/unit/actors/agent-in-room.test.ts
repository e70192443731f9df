import { expect } from "chai";
import { failure, wireLimits } from "../../../protocols/index.ts";
import { agent } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { AgentState } from "../../../actors/agent/shape.ts";
import { ada, helper, withHelper, inRoom, say, turns, types, busy, messagesIn } from "./adas-agent.ts";
import { ended, failed, text } from "../../fixtures/engine-answers.ts";

describe("an agent in a room", () => {
  it("answers who mentions it, with what was said, one after the other", () => {
    const fixture = inRoom();
    fixture.ok("user/bob", "room/den", { type: "post", text: "nice day" });
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.ok(ada, "room/den", { type: "post", text: "@helper and me?" });
    expect(fixture.generation.messages).to.deep.equal([
      { role: "user", content: "bob: nice day" },
      { role: "user", content: "bob: @helper hi" },
    ]);
    fixture.answer(" Hi bob ");
    fixture.answer("Hi ada");
    expect(
      messagesIn(fixture)
        .slice(3)
        .map(({ author, text, replyTo }) => [author, text, replyTo]),
    ).to.deep.equal([
      [helper, "Hi bob", 2],
      [helper, "Hi ada", 3],
    ]);
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper again" });
    expect(
      fixture.generation.messages.some(({ role, content }) => role === "assistant" && content === "Hi bob"),
    ).to.equal(true);
    expect(types(fixture)).to.include("roomAnswered");
    expect(turns(fixture)).to.deep.equal([]);
  });

  it("keeps nothing of what a model writes that no person could send", () => {
    const fixture = inRoom();
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.answer("fine \ud83d", "\ude00 \ud800\0 \u202ex");
    expect(messagesIn(fixture).at(-1)?.text).to.equal("fine 😀 \ufffd\ufffd x");
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.answer("\u200b\u200b");
    expect(messagesIn(fixture).at(-1)?.text).to.equal("Sorry, I have no answer.");
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.answer(`${"x".repeat(wireLimits.messageCharsMax - 1)}😀`);
    expect(messagesIn(fixture).at(-1)?.text).to.equal("x".repeat(wireLimits.messageCharsMax - 1));
    say(fixture, "hello");
    fixture.answer("a\ud800b");
    expect(turns(fixture).at(-1)).to.have.property("text", "a\ufffdb");
  });

  it("says sorry when it cannot answer, or has nothing to say", () => {
    const fixture = inRoom();
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.fail("MODEL_NOT_FOUND");
    expect(messagesIn(fixture).at(-1)?.text).to.match(/^Sorry, I could not answer\. The agent's model/);
    expect(messagesIn(fixture).at(-1)?.refused).to.equal("MODEL_NOT_FOUND");
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.answer("  ");
    expect(messagesIn(fixture).at(-1)?.text).to.equal("Sorry, I have no answer.");
  });

  it("tells the room what an answer took that failed or was stopped after it had begun, with what it had read", () => {
    const fixture = inRoom();
    const taken = (): number =>
      fixture.stateOf<{ agentTokens?: { tokens: number } }>("room/den").agentTokens?.tokens ?? 0;
    const mention = (): string => {
      fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
      return fixture.generation.id;
    };
    // Nothing of it was begun.
    mention();
    fixture.fail("MODEL_NOT_FOUND");
    expect(taken()).to.equal(0);
    const failing = mention();
    fixture.part(failing, text("one two three"));
    fixture.part(failing, failed(failure("MODEL_NOT_FOUND")));
    const afterFailure = taken();
    expect(afterFailure, "more than what was written").to.be.above(1);
    // One that is lost once, goes on and then says its figures.
    const lost = mention();
    fixture.part(lost, text("one"));
    fixture.part(lost, failed(failure("RUNTIME_FAULT")));
    fixture.pass(60_000);
    fixture.part(fixture.generation.id, ended("complete", 10, 5));
    expect(taken() - afterFailure, "both runs").to.be.above(16);
    // One that is lost once, and stopped before it goes on: its text and what it had read.
    const before = taken();
    const { seq } = fixture.ok<{ seq: number }>("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.part(fixture.generation.id, text("one"));
    fixture.part(fixture.generation.id, failed(failure("RUNTIME_FAULT")));
    fixture.ok("user/bob", "room/den", { type: "stop", seq });
    expect(taken() - before, "stopped between two runs").to.be.above(1);
    // One that cannot be gone on from begins anew: what was lost before stays counted.
    const earlier = taken();
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.part(fixture.generation.id, text("one two three four five"));
    fixture.part(fixture.generation.id, failed(failure("RUNTIME_FAULT")));
    fixture.pass(60_000);
    fixture.fail("MODEL_UNSUPPORTED");
    fixture.part(fixture.generation.id, ended("complete", 10, 5));
    expect(taken() - earlier, "all three runs").to.be.above(16);
  });

  it("puts a message in the place of its draft, also when it ends before the first word or is deleted", () => {
    const fixture = inRoom();
    for (const deleted of [false, true]) {
      const { seq } = fixture.ok<{ seq: number }>("user/bob", "room/den", { type: "post", text: "@helper hi" });
      const { id } = fixture.generation;
      if (deleted) fixture.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
      fixture.part(id, ended("stopped", 1, 0));
      const answer = messagesIn(fixture).at(-1);
      expect(answer).to.deep.include({ author: helper, replyTo: seq, answers: seq });
      expect(answer?.generation).to.match(/^agent\/ada\.helper#/);
      expect(answer?.refused).to.equal(deleted ? "NOT_FOUND" : undefined);
    }
  });

  it("goes on answering the room when its owner stops the conversation", () => {
    const fixture = inRoom();
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.ok(ada, helper, { type: "stop" });
    say(fixture, "hello");
    fixture.ok(ada, helper, { type: "stop" });
    expect(fixture.cancelled).to.deep.equal([]);
    expect(turns(fixture).at(-1)).to.deep.include({ turn: 2, text: "", end: "stopped" });
    fixture.answer("Hi bob");
    expect(messagesIn(fixture).at(-1)?.text).to.equal("Hi bob");
    expect([fixture.running.length, busy(fixture)]).to.deep.equal([0, false]);
  });

  it("goes on answering the room when its conversation is cleared", () => {
    const fixture = inRoom();
    say(fixture, "hello");
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.ok(ada, helper, { type: "clear" });
    const [, running] = fixture.generations;
    expect(running?.request.messages.at(-1)?.content).to.equal("bob: @helper hi");
    fixture.ok(ada, helper, { type: "clear" });
    expect(fixture.cancelled).to.have.length(1);
  });

  it("takes the turn of whoever asked at the model: of who mentioned it, and of the owner for what an agent says", () => {
    const fixture = inRoom();
    say(fixture, "hello");
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.answer("Hello ada");
    const asked = () => fixture.generations.map(({ request: { person, key } }) => [person, key]);
    expect(asked()).to.deep.equal([
      ["user/ada", helper],
      ["user/bob", helper],
    ]);
    fixture.answer("Hi bob");
    const context = [
      { author: "bob", text: "hi" },
      { author: "carl.robot", text: "@helper hi" },
    ];
    fixture.ok("room/den", helper, { type: "mentioned", room: "den", seq: 99, context });
    expect(asked().at(-1)).to.deep.equal(["user/carl", helper]);
  });

  it("takes a mention only from the room itself, once, and a bounded number of them", () => {
    const fixture = inRoom();
    const mention = (seq: number, author = "bob") => ({
      type: "mentioned",
      room: "den",
      seq,
      context: [{ author, text: "hi" }],
    });
    expect(fixture.code("room/other", helper, mention(1))).to.equal("FORBIDDEN");
    expect(fixture.code("user/ada", helper, mention(1))).to.equal("FORBIDDEN");
    expect(fixture.code("room/den", "agent/ada.none", mention(1))).to.equal("NOT_FOUND");
    const theirs = actorLimits.agentQueueMentionsPerPersonMax;
    for (let seq = 0; seq <= theirs; seq += 1) fixture.ok("room/den", helper, mention(seq));
    // One of them cannot take all places.
    expect(fixture.code("room/den", helper, mention(98))).to.equal("QUEUE_FULL");
    for (let seq = theirs + 1; seq <= actorLimits.agentQueueMentionsMax; seq += 1)
      fixture.ok("room/den", helper, mention(seq, "cleo"));
    fixture.ok("room/den", helper, mention(0));
    expect(fixture.code("room/den", helper, mention(99))).to.equal("QUEUE_FULL");
    // The other places are the owner's.
    for (let waiting = actorLimits.agentQueueMentionsMax; waiting < actorLimits.agentQueueMax; waiting += 1)
      say(fixture, "mine");
    expect(fixture.code(ada, helper, { type: "say", text: "one more" })).to.equal("QUEUE_FULL");
    const state = fixture.stateOf<AgentState>(helper);
    const entries = Array.from({ length: actorLimits.outboxEntriesMax }, (_, id) => ({
      id,
      to: "room/x" as const,
      message: { type: "x" },
    }));
    const full = { ...state, life: state.life && { ...state.life, jobs: [] }, outbox: { next: 1, entries } };
    const turn = { self: helper, key: "ada.helper", nowMs: 0, from: "room/den", notes: { run: null } } as const;
    expect(agent.decide(full, mention(3) as never, turn)).to.have.nested.property("[0].code", "OVERLOADED");
  });

  it("delivers its answer when the room is back", () => {
    const fixture = inRoom();
    fixture.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    fixture.cutOff("room/den");
    fixture.answer("Hi bob");
    fixture.crash(helper);
    fixture.pass(10_000);
    expect(fixture.isPending(helper)).to.equal(true);
    fixture.reach("room/den");
    fixture.pass(100_000);
    expect(messagesIn(fixture).map(({ text }) => text)).to.deep.equal(["@helper hi", "Hi bob"]);
    expect([fixture.isPending(helper), fixture.reminders(helper)]).to.deep.equal([false, []]);
  });
});

describe("an agent's signals", () => {
  it("that mean nothing are ignored", () => {
    const fixture = withHelper();
    const state = fixture.stateOf<AgentState>(helper);
    const turn = { self: helper, key: "ada.helper", nowMs: 0, from: "node", notes: { run: null } } as const;
    const nobody = agent.initial("ada.none");
    expect(
      agent.decide(state, { type: "answered", tag: undefined, result: { ok: true, value: 1 } }, turn),
    ).to.deep.equal([]);
    expect(
      agent.decide(nobody, { type: "records", tag: { type: "history", limit: 1 }, records: [] }, turn),
    ).to.have.nested.property("[0].code", "NOT_FOUND");
    expect(agent.decide(state, { type: "reminded", id: "generation", dueMs: 0 }, turn)).to.deep.equal([
      { type: "forget", id: "generation" },
    ]);
    expect(agent.evolve(nobody, { type: "happened", at: 1, event: { type: "cleared" } }).life).to.equal(null);
    expect(agent.recover?.(nobody, turn)).to.deep.equal([]);
  });
});
