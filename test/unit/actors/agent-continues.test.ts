import { expect } from "chai";
import type { AgentState } from "../../../actors/agent/shape.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import {
  failure,
  type AgentState as Snapshot,
  type ConversationTurn,
  type ErrorCode,
  type RoomMessage,
} from "../../../protocols/index.ts";
import { ended, failed, text } from "../../fixtures/engine-answers.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";

function withHelper(more: object = {}): Fixture {
  const fixture = fixtureWith("ada", "bob");
  fixture.ok(ada, ada, { type: "createAgent", name: "helper", ...more });
  return fixture;
}

const say = (fixture: Fixture, words: string): void => void fixture.ok(ada, helper, { type: "say", text: words });
const answerIn = (fixture: Fixture): ConversationTurn | undefined =>
  fixture
    .ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history" })
    .turns.find(({ role }) => role === "assistant");
const notesIn = (fixture: Fixture): number =>
  fixture.journalOf(helper).filter((change) => (change as { type: string }).type === "wrote").length;
/** As somebody sees it who has followed from the beginning. */
const draftOf = (fixture: Fixture): string =>
  fixture
    .signals(helper)
    .reduce((known, { offset, text: piece }) => known.slice(0, offset as number) + (piece as string), "");

/** Writes words until so much time has passed. */
function write(fixture: Fixture, words: readonly string[], pauseMs: number): void {
  const { id } = fixture.generation;
  for (const word of words) {
    fixture.nowMs += pauseMs;
    fixture.part(id, text(word));
  }
}
function lose(fixture: Fixture): void {
  fixture.crash(helper);
  fixture.settle();
}
const words = (count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, index) => `w${from + index} `);

describe("an answer whose model is lost", () => {
  it("goes on behind what there is, in memory, without a piece twice or none", () => {
    const fixture = withHelper({ model: "big" });
    fixture.ok(ada, helper, { type: "update", sampling: { maxTokens: 100 } });
    say(fixture, "hello");
    write(fixture, words(4), 10);
    fixture.fail("RUNTIME_FAULT");
    fixture.pass(30_000);
    const { messages, sampling } = fixture.generation;
    expect(messages).to.deep.equal([
      { role: "user", content: "hello" },
      { role: "assistant", content: "w0 w1 w2 w3 ", continues: true },
    ]);
    expect(sampling.maxTokens).to.equal(96);
    const { state } = fixture.ok<{ state: Snapshot }>(ada, helper, { type: "resume" });
    expect(state.draft?.text).to.equal("w0 w1 w2 w3 ");
    write(fixture, words(2, 4), 10);
    fixture.part(fixture.generation.id, ended("complete", 9, 2));
    expect(answerIn(fixture)).to.deep.include({ text: words(6).join(""), end: "complete", tokens: 6 });
    expect(answerIn(fixture)).to.not.have.property("again");
    expect(draftOf(fixture)).to.equal(words(6).join(""));
  });

  it("begins again, marked, where the model cannot go on, or does not take it", () => {
    for (const code of [
      "MODEL_UNSUPPORTED",
      "BAD_REQUEST",
      "CONTEXT_TOO_LONG",
    ] as const satisfies readonly ErrorCode[]) {
      const fixture = withHelper();
      say(fixture, "hello");
      write(fixture, words(4), limits.draftNoteMs);
      fixture.fail("RUNTIME_FAULT");
      fixture.pass(30_000);
      fixture.part(fixture.generation.id, failed(failure(code, { capability: "continue" })));
      expect(fixture.generation.messages, code).to.deep.equal([{ role: "user", content: "hello" }]);
      write(fixture, ["other ", "words"], 10);
      // Gone once more: from the new text, not from the old.
      fixture.fail("RUNTIME_FAULT");
      fixture.pass(30_000);
      expect(fixture.generation.messages.at(-1)?.content).to.equal("other words");
      fixture.part(fixture.generation.id, text(" of it"));
      fixture.part(fixture.generation.id, ended("complete"));
      expect(answerIn(fixture)).to.deep.include({ text: "other words of it", again: true });
      expect(draftOf(fixture)).to.equal("other words of it");
    }
  });

  it("is kept as it is when it is stopped between two attempts", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    write(fixture, words(2), 10);
    fixture.fail("RUNTIME_FAULT");
    fixture.ok(ada, helper, { type: "stop" });
    expect(answerIn(fixture)).to.deep.include({ text: "w0 w1 ", end: "stopped" });
    say(fixture, "and now?");
    expect(fixture.generation.messages.some(({ continues }) => continues)).to.equal(false);
  });

  it("goes on in a room, too, and behind the tools that were called", () => {
    const fixture = withHelper();
    say(fixture, "2 + 3?");
    const called = { id: "x", name: "calculator", arguments: '{"expression":"2 + 3"}' };
    write(fixture, ["Let me "], limits.draftNoteMs);
    fixture.part(fixture.generation.id, { type: "part", part: { text: "see. ", tokens: 1, calls: [called] } });
    fixture.part(fixture.generation.id, ended("calls"));
    write(fixture, ["It "], 10);
    fixture.fail("RUNTIME_FAULT");
    fixture.pass(30_000);
    expect(fixture.generation.messages.map(({ role }) => role)).to.deep.equal([
      "user",
      "assistant",
      "tool",
      "assistant",
    ]);
    expect(fixture.generation.messages.at(-1)).to.deep.equal({ role: "assistant", content: "It ", continues: true });
    fixture.answer("is 5.");
    expect(answerIn(fixture)).to.deep.include({ text: "It is 5." });
    expect(answerIn(fixture)?.rounds).to.have.length(1);

    fixture.ok(ada, "room/den", { type: "create" });
    fixture.ok(ada, "room/den", { type: "invite", member: helper });
    fixture.ok(ada, "room/den", { type: "post", text: "@helper hi" });
    write(fixture, words(2), 10);
    fixture.fail("RUNTIME_FAULT");
    fixture.pass(30_000);
    fixture.answer("there");
    const { messages } = fixture.ok<{ messages: RoomMessage[] }>(ada, "room/den", { type: "history" });
    expect(messages.at(-1)?.text).to.equal("w0 w1 there");
  });
});

describe("an answer whose agent is lost", () => {
  it("goes on behind what was noted, which was not often", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    // A minute of ten words a second.
    write(fixture, words(600), 100);
    // One write in two seconds, however much is said; the figure of decision 0042.
    expect(notesIn(fixture)).to.equal(30);
    write(fixture, words(5, 600), 100);
    lose(fixture);
    const noted = fixture.stateOf<AgentState>(helper).life?.jobs[0]?.soFar;
    expect(noted).to.deep.equal({ text: words(600).join(""), tokens: 600 });
    expect(fixture.generation.messages.at(-1)).to.deep.equal({
      role: "assistant",
      content: noted?.text,
      continues: true,
    });
    write(fixture, words(30, 600), 100);
    lose(fixture);
    write(fixture, words(10, 620), 100);
    fixture.part(fixture.generation.id, ended("complete", 9, 10));
    expect(answerIn(fixture)).to.deep.include({ text: words(630).join(""), end: "complete", tokens: 630 });
    expect(draftOf(fixture)).to.equal(words(630).join(""));
  });

  it("costs a short answer nothing, and is begun again where nothing was noted", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    write(fixture, words(19), 100);
    const before = fixture.journalOf(helper).length;
    lose(fixture);
    expect(fixture.generation.messages.at(-1)?.role).to.equal("user");
    write(fixture, words(3), 100);
    fixture.part(fixture.generation.id, ended("complete"));
    expect(fixture.journalOf(helper)).to.have.length(before + 1);
    expect(answerIn(fixture)).to.deep.include({ text: "w0 w1 w2 ", again: true });
  });
});
