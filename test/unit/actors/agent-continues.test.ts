import { expect } from "chai";
import type { AgentState } from "../../../actors/agent/state.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import {
  failure,
  type AgentState as Snapshot,
  type ConversationTurn,
  type ErrorCode,
  type RoomMessage,
} from "../../../protocols/index.ts";
import { ended, failed, text } from "../../fixtures/said.ts";
import { stageWith, type Stage } from "./fixture.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";

function withHelper(more: object = {}): Stage {
  const stage = stageWith("ada", "bob");
  stage.ok(ada, ada, { type: "createAgent", name: "helper", ...more });
  return stage;
}

const say = (stage: Stage, words: string): void => void stage.ok(ada, helper, { type: "say", text: words });
const answerIn = (stage: Stage): ConversationTurn | undefined =>
  stage
    .ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history" })
    .turns.find(({ role }) => role === "assistant");
const notesIn = (stage: Stage): number =>
  stage.journalOf(helper).filter((change) => (change as { type: string }).type === "wrote").length;
/** As somebody sees it who has followed from the beginning. */
const draftOf = (stage: Stage): string =>
  stage
    .signals(helper)
    .reduce((known, { offset, text: piece }) => known.slice(0, offset as number) + (piece as string), "");

/** Writes words until so much time has passed. */
function write(stage: Stage, words: readonly string[], pauseMs: number): void {
  const { id } = stage.generation;
  for (const word of words) {
    stage.nowMs += pauseMs;
    stage.part(id, text(word));
  }
}
function lose(stage: Stage): void {
  stage.crash(helper);
  stage.settle();
}
const words = (count: number, from = 0): readonly string[] =>
  Array.from({ length: count }, (_, index) => `w${from + index} `);

describe("an answer whose model is lost", () => {
  it("goes on behind what there is, in memory, without a piece twice or none", () => {
    const stage = withHelper({ model: "big" });
    stage.ok(ada, helper, { type: "update", sampling: { maxTokens: 100 } });
    say(stage, "hello");
    write(stage, words(4), 10);
    stage.fail("RUNTIME_FAULT");
    stage.pass(30_000);
    const { messages, sampling } = stage.generation;
    expect(messages).to.deep.equal([
      { role: "user", content: "hello" },
      { role: "assistant", content: "w0 w1 w2 w3 ", continues: true },
    ]);
    expect(sampling.maxTokens).to.equal(96);
    const { state } = stage.ok<{ state: Snapshot }>(ada, helper, { type: "resume" });
    expect(state.draft?.text).to.equal("w0 w1 w2 w3 ");
    write(stage, words(2, 4), 10);
    stage.part(stage.generation.id, ended("complete", 9, 2));
    expect(answerIn(stage)).to.deep.include({ text: words(6).join(""), end: "complete", tokens: 6 });
    expect(answerIn(stage)).to.not.have.property("again");
    expect(draftOf(stage)).to.equal(words(6).join(""));
  });

  it("begins again, marked, where the model cannot go on, or does not take it", () => {
    for (const code of [
      "MODEL_UNSUPPORTED",
      "BAD_REQUEST",
      "CONTEXT_TOO_LONG",
    ] as const satisfies readonly ErrorCode[]) {
      const stage = withHelper();
      say(stage, "hello");
      write(stage, words(4), limits.draftNoteMs);
      stage.fail("RUNTIME_FAULT");
      stage.pass(30_000);
      stage.part(stage.generation.id, failed(failure(code, { capability: "continue" })));
      expect(stage.generation.messages, code).to.deep.equal([{ role: "user", content: "hello" }]);
      write(stage, ["other ", "words"], 10);
      // Gone once more: from the new text, not from the old.
      stage.fail("RUNTIME_FAULT");
      stage.pass(30_000);
      expect(stage.generation.messages.at(-1)?.content).to.equal("other words");
      stage.part(stage.generation.id, text(" of it"));
      stage.part(stage.generation.id, ended("complete"));
      expect(answerIn(stage)).to.deep.include({ text: "other words of it", again: true });
      expect(draftOf(stage)).to.equal("other words of it");
    }
  });

  it("is kept as it is when it is stopped between two attempts", () => {
    const stage = withHelper();
    say(stage, "hello");
    write(stage, words(2), 10);
    stage.fail("RUNTIME_FAULT");
    stage.ok(ada, helper, { type: "stop" });
    expect(answerIn(stage)).to.deep.include({ text: "w0 w1 ", end: "stopped" });
    say(stage, "and now?");
    expect(stage.generation.messages.some(({ continues }) => continues)).to.equal(false);
  });

  it("goes on in a room, too, and behind the tools that were called", () => {
    const stage = withHelper();
    say(stage, "2 + 3?");
    const called = { id: "x", name: "calculator", arguments: '{"expression":"2 + 3"}' };
    write(stage, ["Let me "], limits.draftNoteMs);
    stage.part(stage.generation.id, { type: "part", part: { text: "see. ", tokens: 1, calls: [called] } });
    stage.part(stage.generation.id, ended("calls"));
    write(stage, ["It "], 10);
    stage.fail("RUNTIME_FAULT");
    stage.pass(30_000);
    expect(stage.generation.messages.map(({ role }) => role)).to.deep.equal(["user", "assistant", "tool", "assistant"]);
    expect(stage.generation.messages.at(-1)).to.deep.equal({ role: "assistant", content: "It ", continues: true });
    stage.answer("is 5.");
    expect(answerIn(stage)).to.deep.include({ text: "It is 5." });
    expect(answerIn(stage)?.rounds).to.have.length(1);

    stage.ok(ada, "room/den", { type: "create" });
    stage.ok(ada, "room/den", { type: "invite", member: helper });
    stage.ok(ada, "room/den", { type: "post", text: "@helper hi" });
    write(stage, words(2), 10);
    stage.fail("RUNTIME_FAULT");
    stage.pass(30_000);
    stage.answer("there");
    const { messages } = stage.ok<{ messages: RoomMessage[] }>(ada, "room/den", { type: "history" });
    expect(messages.at(-1)?.text).to.equal("w0 w1 there");
  });
});

describe("an answer whose agent is lost", () => {
  it("goes on behind what was noted, which was not often", () => {
    const stage = withHelper();
    say(stage, "hello");
    // A minute of ten words a second.
    write(stage, words(600), 100);
    // One write in two seconds, however much is said; the figure of decision 0042.
    expect(notesIn(stage)).to.equal(30);
    write(stage, words(5, 600), 100);
    lose(stage);
    const noted = stage.stateOf<AgentState>(helper).life?.jobs[0]?.soFar;
    expect(noted).to.deep.equal({ text: words(600).join(""), tokens: 600 });
    expect(stage.generation.messages.at(-1)).to.deep.equal({
      role: "assistant",
      content: noted?.text,
      continues: true,
    });
    write(stage, words(30, 600), 100);
    lose(stage);
    write(stage, words(10, 620), 100);
    stage.part(stage.generation.id, ended("complete", 9, 10));
    expect(answerIn(stage)).to.deep.include({ text: words(630).join(""), end: "complete", tokens: 630 });
    expect(draftOf(stage)).to.equal(words(630).join(""));
  });

  it("costs a short answer nothing, and is begun again where nothing was noted", () => {
    const stage = withHelper();
    say(stage, "hello");
    write(stage, words(19), 100);
    const before = stage.journalOf(helper).length;
    lose(stage);
    expect(stage.generation.messages.at(-1)?.role).to.equal("user");
    write(stage, words(3), 100);
    stage.part(stage.generation.id, ended("complete"));
    expect(stage.journalOf(helper)).to.have.length(before + 1);
    expect(answerIn(stage)).to.deep.include({ text: "w0 w1 w2 ", again: true });
  });
});
