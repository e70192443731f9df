import { expect } from "chai";
import fc from "fast-check";
import { contextTokensOf, roomFor, talkOf } from "../../../actors/agent/context.ts";
import { stretchOf } from "../../../actors/agent/condensing.ts";
import type { AgentState, Life } from "../../../actors/agent/shape.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import {
  failure,
  ok,
  type AgentView,
  type ConversationSummary,
  type ConversationTurn,
  type GenerationRequest,
} from "../../../protocols/index.ts";
import { ended, failed, text, type Spoken } from "../../fixtures/engine-answers.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";
const contextTokens = 4_096;
const perChar = 0.25;

function withHelper(more: object = {}): Fixture {
  const fixture = fixtureWith("ada", "bob");
  fixture.ok(ada, ada, { type: "createAgent", name: "helper", ...more });
  return fixture;
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
function talk(fixture: Fixture, question: string, answer = "a".repeat(400), tokens = contextTokens): GenerationRequest {
  fixture.ok(ada, helper, { type: "say", text: question });
  const request = fixture.generation;
  fixture.part(request.id, text(answer));
  fixture.part(request.id, ends(request, tokens));
  return request;
}

function sumUp(fixture: Fixture, words: string): void {
  const { besides } = fixture;
  if (besides === undefined) throw new Error("nothing is summed up");
  fixture.part(besides.id, text(words.slice(0, 5)));
  fixture.part(besides.id, text(words.slice(5)));
  fixture.part(besides.id, ends(besides));
}

const summaryOf = (fixture: Fixture): ConversationSummary | undefined =>
  fixture.ok<AgentView>(ada, helper, { type: "describe" }).summary;
const lifeOf = (fixture: Fixture): Life => fixture.stateOf<AgentState>(helper).life!;
const question = (index: number): string => `q${index} ${"q".repeat(600)}`;

/** Talks until something is to be summed up; how many answers that took. */
function untilFull(fixture: Fixture, from = 0): number {
  for (let index = from; index < from + 60; index += 1) {
    talk(fixture, question(index));
    if (fixture.besides !== undefined) return index + 1;
  }
  throw new Error("it is never full");
}

describe("the context of an agent", () => {
  it("is as long as the model has told, in its own tokens", () => {
    const fixture = withHelper();
    expect(roomFor(lifeOf(fixture))).to.equal((4_096 - 1_024) * 3);
    talk(fixture, "q".repeat(2_000), "a", 10_000);
    expect(contextTokensOf(lifeOf(fixture))).to.equal(10_000);
    // Declarations of tools are read, too, and were counted.
    expect(lifeOf(fixture).measure?.tokensPerChar).to.be.within(0.15, perChar);
    fixture.ok(ada, helper, { type: "update", model: "another" });
    expect(roomFor(lifeOf(fixture))).to.equal((4_096 - 1_024) * 3);
    fixture.ok(ada, helper, { type: "update", sampling: { maxTokens: 100 } });
    expect(roomFor(lifeOf(fixture))).to.equal((4_096 - 100) * 3);
    talk(fixture, "hello", "a", 1_000_000);
    expect(roomFor(lifeOf(fixture))).to.equal(limits.contextChars);
  });

  it("begins in the same way from answer to answer; what falls out is summed up once, in a large step, and shown", () => {
    const fixture = withHelper({ persona: "kind" });
    const count = untilFull(fixture);
    const { besides } = fixture;
    expect(besides).to.deep.include({ priority: 1, person: "user/ada" });
    expect(besides?.sampling.maxTokens).to.equal(limits.summaryTokensMax);
    // It begins as what the model has read.
    const read = fixture.generations.at(-2)!.request.messages;
    const asked = besides!.messages;
    expect(asked.slice(0, -1)).to.deep.equal(read.slice(0, asked.length - 1));
    expect(asked.at(-1)?.content).to.include("Sum up");
    sumUp(fixture, " They spoke of q. ");
    const summary = summaryOf(fixture);
    expect(summary).to.deep.equal({ through: asked.length - 2, text: "They spoke of q.", atMs: fixture.nowMs });
    expect(fixture.stream(helper).at(-1)?.event).to.deep.include({ type: "updated" });
    expect(fixture.isPending(helper)).to.equal(false);

    const next = talk(fixture, question(count)).messages;
    expect(next[0]).to.deep.equal({
      role: "system",
      content: "kind\n\nSummary of the earlier conversation:\nThey spoke of q.",
    });
    expect(next[1]).to.deep.equal({ role: "user", content: question(summary!.through / 2) });
    expect(next).to.have.length(2 * (count + 1) - summary!.through);
    expect(charsIn({ messages: next } as never)).to.be.below(roomFor(lifeOf(fixture)) / 2);
    // Until the next step, every prompt begins as the one before it.
    let before = next;
    let answers = 1;
    for (let index = count + 1; fixture.besides === undefined; index += 1, answers += 1) {
      const { messages } = talk(fixture, question(index));
      expect(messages.slice(0, before.length)).to.deep.equal(before);
      before = messages;
    }
    expect(answers).to.be.at.least(3);
    expect(fixture.besides?.messages[0]?.content).to.include("They spoke of q.");
    sumUp(fixture, "Of more.");
    expect(summaryOf(fixture)).to.deep.include({ text: "Of more." });
    expect(summaryOf(fixture)?.through).to.be.above(summary!.through);
    // What was summed up took something.
    expect(lifeOf(fixture).usage?.[0]?.runs).to.equal(count + answers + 2);
  });

  it("is written on while a summary is made, and when none can be made", () => {
    const fixture = withHelper();
    const count = untilFull(fixture);
    talk(fixture, question(count));
    fixture.part(fixture.besides!.id, failed(failure("RUNTIME_FAULT")));
    expect(summaryOf(fixture)).to.equal(undefined);
    let index = count + 1;
    // Each answer is followed by another attempt, until there is no room for one more.
    for (; summaryOf(fixture) === undefined; index += 1) {
      talk(fixture, question(index), "short");
      if (fixture.besides) fixture.part(fixture.besides.id, failed(failure("MODEL_BUSY")));
      expect(index, "answers without a summary").to.be.below(count + 12);
    }
    expect(summaryOf(fixture)).to.deep.include({ text: "", missing: true });
    const { messages } = talk(fixture, "and now?");
    expect(messages[0]?.role).to.equal("user");
    expect(charsIn({ messages } as never)).to.be.below(roomFor(lifeOf(fixture)) / 2);
    // A later one stands for what is left, and does not hide what is missing.
    untilFull(fixture, index);
    sumUp(fixture, "The rest.");
    expect(summaryOf(fixture)).to.deep.include({ text: "The rest.", missing: true });
  });

  it("is summed up by the next life when one died while it was, and forgotten with the conversation", () => {
    const fixture = withHelper();
    const count = untilFull(fixture);
    const lost = fixture.besides!.id;
    fixture.crash(helper);
    fixture.part(lost, text("too late"));
    talk(fixture, question(count));
    sumUp(fixture, "All of it.");
    expect(summaryOf(fixture)?.text).to.equal("All of it.");
    fixture.ok(ada, helper, { type: "clear" });
    expect(summaryOf(fixture)).to.equal(undefined);
    fixture.crash(helper);
    expect(summaryOf(fixture)).to.equal(undefined);
    expect(talk(fixture, "hello").messages).to.deep.equal([{ role: "user", content: "hello" }]);
    untilFull(fixture);
    const { id } = fixture.besides!;
    fixture.ok(ada, helper, { type: "clear" });
    expect(fixture.cancelled).to.include(id);
    fixture.part(id, ended("stopped"));
    expect(summaryOf(fixture)).to.equal(undefined);
  });

  it("is cut in steps without a summary where the model can read too little to sum anything up", () => {
    const fixture = withHelper();
    for (let index = 0; summaryOf(fixture) === undefined; index += 1) talk(fixture, question(index), "short", 1_024);
    expect(fixture.besides).to.equal(undefined);
    expect(summaryOf(fixture)).to.deep.include({ text: "", missing: true });
  });

  it("in a room is summed up for that room and that thread, and its owner is not shown it", () => {
    const fixture = withHelper();
    fixture.ok(ada, "room/den", { type: "create" });
    fixture.ok("user/bob", "room/den", { type: "join" });
    fixture.ok(ada, "room/den", { type: "invite", member: helper });
    const mention = (words: string, more: object = {}): GenerationRequest => {
      fixture.ok("user/bob", "room/den", { type: "post", text: `@ada.helper ${words}`, ...more });
      const request = fixture.generation;
      fixture.part(request.id, text("yes"));
      fixture.part(request.id, ends(request, 2_048));
      return request;
    };
    mention("w".repeat(1_000));
    let through = 0;
    for (let index = 0; fixture.besides === undefined; index += 1) {
      mention(`${index} ${"w".repeat(700)}`);
      expect(index).to.be.below(20);
    }
    sumUp(fixture, "Bob said w.");
    [{ through = 0 } = {}] = lifeOf(fixture).roomSummaries ?? [];
    expect(lifeOf(fixture).roomSummaries).to.deep.equal([{ room: "den", through, text: "Bob said w." }]);
    expect(summaryOf(fixture)).to.equal(undefined);
    const next = mention("and now?").messages;
    expect(next[0]).to.deep.include({ role: "system" });
    expect(next[0]?.content).to.include("Bob said w.");
    const { context } = fixture.sent.findLast(({ message }) => message.type === "mentioned")!.message as unknown as {
      context: readonly { seq: number }[];
    };
    expect(next).to.have.length(1 + context.filter(({ seq }) => seq > through).length);
    // A thread is another conversation.
    expect(mention("here?", { replyTo: 1 }).messages.map(({ role }) => role)).to.not.include("system");
    // A node that does not know the field takes the fact all the same.
    fixture.crash(helper);
    expect(lifeOf(fixture).roomSummaries).to.have.length(1);
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
