import { expect } from "chai";
import fc from "fast-check";
import { contextTokensOf, roomFor, talkOf } from "../../../actors/agent/context.ts";
import { stretchOf } from "../../../actors/agent/condensing.ts";
import type { AgentState, Life } from "../../../actors/agent/state.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import {
  failure,
  ok,
  type AgentView,
  type ConversationSummary,
  type ConversationTurn,
  type GenerationRequest,
} from "../../../protocols/index.ts";
import { ended, failed, text, type Spoken } from "../../fixtures/said.ts";
import { stageWith, type Stage } from "./fixture.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";
const contextTokens = 4_096;
const perChar = 0.25;

function withHelper(more: object = {}): Stage {
  const stage = stageWith("ada", "bob");
  stage.ok(ada, ada, { type: "createAgent", name: "helper", ...more });
  return stage;
}

const charsIn = ({ messages }: GenerationRequest): number =>
  messages.reduce((sum, { content }) => sum + content.length, 0);
const ends = (request: GenerationRequest, tokens = contextTokens): Spoken => ({
  type: "answered",
  result: ok({
    end: "complete",
    promptTokens: Math.ceil(charsIn(request) * perChar),
    completionTokens: 10,
    contextTokens: tokens,
  }),
});

/** One question and its answer, by a model that reads four characters as a token. Returns what it was given. */
function talk(stage: Stage, question: string, answer = "a".repeat(400), tokens = contextTokens): GenerationRequest {
  stage.ok(ada, helper, { type: "say", text: question });
  const request = stage.generation;
  stage.part(request.id, text(answer));
  stage.part(request.id, ends(request, tokens));
  return request;
}

function sumUp(stage: Stage, words: string): void {
  const { besides } = stage;
  if (besides === undefined) throw new Error("nothing is summed up");
  stage.part(besides.id, text(words.slice(0, 5)));
  stage.part(besides.id, text(words.slice(5)));
  stage.part(besides.id, ends(besides));
}

const summaryOf = (stage: Stage): ConversationSummary | undefined =>
  stage.ok<AgentView>(ada, helper, { type: "describe" }).summary;
const lifeOf = (stage: Stage): Life => stage.stateOf<AgentState>(helper).life!;
const question = (index: number): string => `q${index} ${"q".repeat(600)}`;

/** Talks until something is to be summed up; how many answers that took. */
function untilFull(stage: Stage, from = 0): number {
  for (let index = from; index < from + 60; index += 1) {
    talk(stage, question(index));
    if (stage.besides !== undefined) return index + 1;
  }
  throw new Error("it is never full");
}

describe("the context of an agent", () => {
  it("is as long as the model has told, in its own tokens", () => {
    const stage = withHelper();
    expect(roomFor(lifeOf(stage))).to.equal((4_096 - 1_024) * 3);
    talk(stage, "q".repeat(2_000), "a", 10_000);
    expect(contextTokensOf(lifeOf(stage))).to.equal(10_000);
    // Declarations of tools are read, too, and were counted.
    expect(lifeOf(stage).measure?.tokensPerChar).to.be.within(0.15, perChar);
    stage.ok(ada, helper, { type: "update", model: "another" });
    expect(roomFor(lifeOf(stage))).to.equal((4_096 - 1_024) * 3);
    stage.ok(ada, helper, { type: "update", sampling: { maxTokens: 100 } });
    expect(roomFor(lifeOf(stage))).to.equal((4_096 - 100) * 3);
    talk(stage, "hello", "a", 1_000_000);
    expect(roomFor(lifeOf(stage))).to.equal(limits.contextChars);
  });

  it("begins in the same way from answer to answer; what falls out is summed up once, in a large step, and shown", () => {
    const stage = withHelper({ persona: "kind" });
    const count = untilFull(stage);
    const { besides } = stage;
    expect(besides).to.deep.include({ priority: 1, person: "user/ada" });
    expect(besides?.sampling.maxTokens).to.equal(limits.summaryTokensMax);
    // It begins as what the model has read.
    const read = stage.generations.at(-2)!.request.messages;
    const asked = besides!.messages;
    expect(asked.slice(0, -1)).to.deep.equal(read.slice(0, asked.length - 1));
    expect(asked.at(-1)?.content).to.include("Sum up");
    sumUp(stage, " They spoke of q. ");
    const summary = summaryOf(stage);
    expect(summary).to.deep.equal({ through: asked.length - 2, text: "They spoke of q.", atMs: stage.nowMs });
    expect(stage.stream(helper).at(-1)?.event).to.deep.include({ type: "updated" });
    expect(stage.isPending(helper)).to.equal(false);

    const next = talk(stage, question(count)).messages;
    expect(next[0]).to.deep.equal({
      role: "system",
      content: "kind\n\nSummary of the earlier conversation:\nThey spoke of q.",
    });
    expect(next[1]).to.deep.equal({ role: "user", content: question(summary!.through / 2) });
    expect(next).to.have.length(2 * (count + 1) - summary!.through);
    expect(charsIn({ messages: next } as never)).to.be.below(roomFor(lifeOf(stage)) / 2);
    // Until the next step, every prompt begins as the one before it.
    let before = next;
    let answers = 1;
    for (let index = count + 1; stage.besides === undefined; index += 1, answers += 1) {
      const { messages } = talk(stage, question(index));
      expect(messages.slice(0, before.length)).to.deep.equal(before);
      before = messages;
    }
    expect(answers).to.be.at.least(3);
    expect(stage.besides?.messages[0]?.content).to.include("They spoke of q.");
    sumUp(stage, "Of more.");
    expect(summaryOf(stage)).to.deep.include({ text: "Of more." });
    expect(summaryOf(stage)?.through).to.be.above(summary!.through);
    // What was summed up took something.
    expect(lifeOf(stage).usage?.[0]?.runs).to.equal(count + answers + 2);
  });

  it("is written on while a summary is made, and when none can be made", () => {
    const stage = withHelper();
    const count = untilFull(stage);
    talk(stage, question(count));
    stage.part(stage.besides!.id, failed(failure("RUNTIME_FAULT")));
    expect(summaryOf(stage)).to.equal(undefined);
    let index = count + 1;
    // Each answer is followed by another attempt, until there is no room for one more.
    for (; summaryOf(stage) === undefined; index += 1) {
      talk(stage, question(index), "short");
      if (stage.besides) stage.part(stage.besides.id, failed(failure("MODEL_BUSY")));
      expect(index, "answers without a summary").to.be.below(count + 12);
    }
    expect(summaryOf(stage)).to.deep.include({ text: "", missing: true });
    const { messages } = talk(stage, "and now?");
    expect(messages[0]?.role).to.equal("user");
    expect(charsIn({ messages } as never)).to.be.below(roomFor(lifeOf(stage)) / 2);
    // A later one stands for what is left, and does not hide what is missing.
    untilFull(stage, index);
    sumUp(stage, "The rest.");
    expect(summaryOf(stage)).to.deep.include({ text: "The rest.", missing: true });
  });

  it("is summed up by the next life when one died while it was, and forgotten with the conversation", () => {
    const stage = withHelper();
    const count = untilFull(stage);
    const lost = stage.besides!.id;
    stage.crash(helper);
    stage.part(lost, text("too late"));
    talk(stage, question(count));
    sumUp(stage, "All of it.");
    expect(summaryOf(stage)?.text).to.equal("All of it.");
    stage.ok(ada, helper, { type: "clear" });
    expect(summaryOf(stage)).to.equal(undefined);
    stage.crash(helper);
    expect(summaryOf(stage)).to.equal(undefined);
    expect(talk(stage, "hello").messages).to.deep.equal([{ role: "user", content: "hello" }]);
    untilFull(stage);
    const { id } = stage.besides!;
    stage.ok(ada, helper, { type: "clear" });
    expect(stage.cancelled).to.include(id);
    stage.part(id, ended("stopped"));
    expect(summaryOf(stage)).to.equal(undefined);
  });

  it("is cut in steps without a summary where the model can read too little to sum anything up", () => {
    const stage = withHelper();
    for (let index = 0; summaryOf(stage) === undefined; index += 1) talk(stage, question(index), "short", 1_024);
    expect(stage.besides).to.equal(undefined);
    expect(summaryOf(stage)).to.deep.include({ text: "", missing: true });
  });

  it("in a room is summed up for that room and that thread, and its owner is not shown it", () => {
    const stage = withHelper();
    stage.ok(ada, "room/den", { type: "create" });
    stage.ok("user/bob", "room/den", { type: "join" });
    stage.ok(ada, "room/den", { type: "invite", member: helper });
    const mention = (words: string, more: object = {}): GenerationRequest => {
      stage.ok("user/bob", "room/den", { type: "post", text: `@ada.helper ${words}`, ...more });
      const request = stage.generation;
      stage.part(request.id, text("yes"));
      stage.part(request.id, ends(request, 2_048));
      return request;
    };
    mention("w".repeat(1_000));
    let through = 0;
    for (let index = 0; stage.besides === undefined; index += 1) {
      mention(`${index} ${"w".repeat(700)}`);
      expect(index).to.be.below(20);
    }
    sumUp(stage, "Bob said w.");
    [{ through = 0 } = {}] = lifeOf(stage).roomSummaries ?? [];
    expect(lifeOf(stage).roomSummaries).to.deep.equal([{ room: "den", through, text: "Bob said w." }]);
    expect(summaryOf(stage)).to.equal(undefined);
    const next = mention("and now?").messages;
    expect(next[0]).to.deep.include({ role: "system" });
    expect(next[0]?.content).to.include("Bob said w.");
    const { context } = stage.sent.findLast(({ message }) => message.type === "mentioned")!.message as unknown as {
      context: readonly { seq: number }[];
    };
    expect(next).to.have.length(1 + context.filter(({ seq }) => seq > through).length);
    // A thread is another conversation.
    expect(mention("here?", { replyTo: 1 }).messages.map(({ role }) => role)).to.not.include("system");
    // A node that does not know the field takes the fact all the same.
    stage.crash(helper);
    expect(lifeOf(stage).roomSummaries).to.have.length(1);
  });

  it("leaves out a beginning of the conversation, and never the newest question", () => {
    const turns = fc.array(fc.record({ chars: fc.integer({ min: 1, max: 9_000 }), user: fc.boolean() }), {
      maxLength: 220,
    });
    fc.assert(
      fc.property(turns, fc.integer({ min: 1_024, max: 64_000 }), (said, tokens) => {
        const recent = said.map(({ chars, user }, index): ConversationTurn => ({
          turn: index + 1,
          role: user ? "user" : "assistant",
          text: "x".repeat(chars),
          atMs: 1,
        }));
        const life: Life = {
          persona: "p",
          model: "",
          sampling: {},
          createdAtMs: 1,
          jobs: [],
          measure: { model: "", contextTokens: tokens },
          recent,
        };
        const source = { type: "conversation", turn: Infinity } as const;
        const stretch = stretchOf(life, source, "ada.helper");
        if (stretch === undefined) return;
        expect(stretch.lines.map(({ at }) => at)).to.deep.equal(
          recent.slice(0, stretch.lines.length).map(({ turn }) => turn),
        );
        const after = { ...life, summary: { through: stretch.through, text: "s", atMs: 1 } };
        const left = talkOf(after, source, "ada.helper").lines;
        expect(left.length).to.be.at.least(2);
        expect(left.length + stretch.lines.length).to.equal(recent.length);
      }),
    );
  });
});
