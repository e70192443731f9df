import { expect } from "chai";
import {
  ok,
  wireLimits,
  type AgentHistory,
  type AgentState as Snapshot,
  type AgentView,
  type ConversationTurn,
  type RoomMessage,
} from "../../../protocols/index.ts";
import { agent } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { AgentChange, AgentState } from "../../../actors/agent/state.ts";
import { stageWith, type Stage } from "./fixture.ts";
import { ended, text } from "../../fixtures/said.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";

function withHelper(more: object = {}): Stage {
  const stage = stageWith("ada", "bob");
  stage.ok(ada, ada, { type: "createAgent", name: "helper", ...more });
  return stage;
}

/** As above, in a room with bob. */
function inRoom(): Stage {
  const stage = withHelper();
  stage.ok(ada, "room/den", { type: "create" });
  stage.ok("user/bob", "room/den", { type: "join" });
  stage.ok(ada, "room/den", { type: "invite", member: helper });
  return stage;
}

const say = (stage: Stage, text: string): { turn: number; generation: string } =>
  stage.ok(ada, helper, { type: "say", text });
const turns = (stage: Stage, more: object = {}): readonly ConversationTurn[] =>
  stage.ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history", ...more }).turns;
const lines = (stage: Stage): readonly string[] => turns(stage).map(({ role, text }) => `${role}: ${text}`);
const types = (stage: Stage): readonly string[] => stage.stream(helper).map(({ event }) => event.type);
const busy = (stage: Stage): boolean => stage.ok<AgentView>(ada, helper, { type: "describe" }).busy;
const messagesIn = (stage: Stage): readonly RoomMessage[] =>
  stage.ok<{ messages: RoomMessage[] }>("user/bob", "room/den", { type: "history" }).messages;

describe("an agent", () => {
  it("belongs to its owner: others do not even learn whether it exists", () => {
    const stage = withHelper();
    for (const to of [helper, "agent/ada.none"] as const)
      for (const type of [
        "describe",
        "update",
        "delete",
        "say",
        "stop",
        "regenerate",
        "clear",
        "history",
        "resume",
        "create",
      ])
        for (const from of ["user/bob", "gateway", "node", "agent/ada.other", "room/den"] as const)
          expect(stage.code(from, to, { type, text: "x" }), `${type} from ${from}`).to.equal("FORBIDDEN");
    expect(stage.code(ada, "agent/ada.none", { type: "describe" })).to.equal("NOT_FOUND");
    expect(stage.code(ada, helper, { type: "dance" })).to.equal("BAD_REQUEST");
    expect(stage.code(ada, helper, { type: "erase" })).to.equal("FORBIDDEN");
  });

  it("is described and updated; created again it is the same", () => {
    const stage = withHelper({ persona: "kind" });
    const view = {
      agent: "ada.helper",
      owner: "ada",
      persona: "kind",
      model: "",
      sampling: {},
      tools: ["clock", "calculator"],
      createdAtMs: stage.nowMs,
      turns: 0,
      busy: false,
    };
    expect(stage.ok(ada, helper, { type: "describe" })).to.deep.equal(view);
    expect(stage.ok(ada, helper, { type: "create", persona: "other" })).to.deep.equal(view);
    const change = { persona: "", model: "big", sampling: { temperature: 1 }, tools: ["clock"] };
    const changed = { ...view, ...change };
    const update = { type: "update", ...change };
    expect(stage.ok(ada, helper, update)).to.deep.equal(changed);
    expect(stage.ok(ada, helper, { type: "update" })).to.deep.equal(changed);
    expect(stage.stream(helper).at(-1)?.event).to.deep.equal({ type: "updated", view: changed });
  });
});

describe("an agent's conversation", () => {
  it("streams the answer and keeps both turns", () => {
    const stage = withHelper({ persona: "kind", model: "big" });
    expect(say(stage, "hello")).to.deep.equal({ turn: 1, generation: `${helper}#1` });
    expect(stage.generation).to.deep.include({ model: "big", timeoutMs: actorLimits.generationTimeoutMs });
    expect(stage.generation.messages).to.deep.equal([
      { role: "system", content: "kind" },
      { role: "user", content: "hello" },
    ]);
    expect(busy(stage)).to.equal(true);
    stage.part(stage.generation.id, text("Hi "));
    const { state } = stage.ok<{ state: Snapshot }>(ada, helper, { type: "resume" });
    expect(state.draft).to.deep.equal({ generation: `${helper}#1`, turn: 2, text: "Hi " });
    stage.answer("there");
    const draft = { type: "draft", generation: `${helper}#1`, turn: 2 };
    expect(stage.signals(helper)).to.deep.equal([
      { ...draft, offset: 0, text: "Hi " },
      { ...draft, offset: 3, text: "there" },
    ]);
    expect(turns(stage)).to.deep.equal([
      { turn: 1, role: "user", text: "hello", atMs: stage.nowMs },
      {
        turn: 2,
        role: "assistant",
        text: "Hi there",
        atMs: stage.nowMs,
        end: "complete",
        model: "big",
        tokens: 1,
      },
    ]);
    expect(types(stage)).to.deep.equal(["updated", "said", "generationStarted", "answered"]);
    expect(stage.records(helper, "turn/")).to.have.length(2);
    expect(stage.isPending(helper)).to.equal(false);
    expect(stage.ok<{ state: Snapshot }>(ada, helper, { type: "resume" }).state).to.not.have.property("draft");
  });

  it("gives the model what was said before", () => {
    const stage = withHelper();
    say(stage, "my name is Ada");
    stage.answer("Hi Ada");
    say(stage, "what is my name?");
    expect(stage.generation.messages.map(({ content }) => content)).to.deep.equal([
      "my name is Ada",
      "Hi Ada",
      "what is my name?",
    ]);
  });

  it("lets a bounded number of inputs wait, answers them in order, each in its place", () => {
    const stage = withHelper();
    for (let index = 0; index <= actorLimits.agentQueueMax; index += 1) say(stage, `q${index}`);
    expect(stage.code(ada, helper, { type: "say", text: "too much" })).to.equal("QUEUE_FULL");
    expect(stage.generation.messages.map(({ content }) => content)).to.deep.equal(["q0"]);
    stage.answer("a0");
    expect(stage.generation.messages.map(({ content }) => content)).to.deep.equal(["q0", "a0", "q1"]);
    stage.answer("a1");
    expect(lines(stage).slice(0, 4)).to.deep.equal(["user: q0", "assistant: a0", "user: q1", "assistant: a1"]);
    expect(stage.ok<AgentView>(ada, helper, { type: "describe" }).turns).to.equal(18);
  });

  it("stops with what is there, then goes on with what waits", () => {
    const stage = withHelper();
    stage.ok(ada, helper, { type: "stop" });
    say(stage, "one");
    say(stage, "two");
    const { id } = stage.generation;
    stage.part(id, text("par"));
    stage.ok(ada, helper, { type: "stop" });
    expect(stage.cancelled).to.deep.equal([id]);
    stage.part(id, ended("stopped"));
    expect(turns(stage)[1]).to.deep.include({ text: "par", end: "stopped" });
    expect(stage.generation.messages.map(({ content }) => content)).to.deep.equal(["one", "par", "two"]);
  });

  it("is answered anew right after it was stopped, and stays stopped although its runtime fails", () => {
    const stage = withHelper();
    say(stage, "hello");
    const { id } = stage.generation;
    stage.part(id, text("par"));
    stage.ok(ada, helper, { type: "stop" });
    expect(stage.ok(ada, helper, { type: "regenerate" })).to.deep.equal({ turn: 2, generation: `${helper}#2` });
    expect(stage.code(ada, helper, { type: "regenerate" })).to.equal("ALREADY_DONE");
    stage.fail("RUNTIME_FAULT");
    expect(lines(stage)).to.deep.equal(["user: hello", "assistant: par"]);
    expect(stage.generation.messages.map(({ content }) => content)).to.deep.equal(["hello"]);
    stage.answer("good");
    expect(lines(stage)).to.deep.equal(["user: hello", "assistant: good"]);
  });

  it("is answered anew under the same number", () => {
    const stage = withHelper();
    expect(stage.code(ada, helper, { type: "regenerate" })).to.equal("NOT_FOUND");
    say(stage, "hello");
    expect(stage.code(ada, helper, { type: "regenerate" })).to.equal("ALREADY_DONE");
    expect(stage.generation).to.not.have.property("cache");
    stage.answer("bad");
    expect(stage.ok(ada, helper, { type: "regenerate" })).to.deep.equal({ turn: 2, generation: `${helper}#2` });
    // Another answer, not the one that was kept.
    expect(stage.generation).to.have.property("cache", "renew");
    expect(stage.generation.messages.map(({ content }) => content)).to.deep.equal(["hello"]);
    stage.answer("good");
    expect(lines(stage)).to.deep.equal(["user: hello", "assistant: good"]);
    stage.ok(ada, helper, { type: "regenerate" });
    stage.part(stage.generation.id, ended("stopped", 1, 0));
    expect(lines(stage)).to.deep.equal(["user: hello", "assistant: good"]);
  });

  it("has answers that its owner may rate, and takes back", () => {
    const stage = withHelper({ model: "smart" });
    say(stage, "hello");
    const { id } = stage.generation;
    stage.part(id, { type: "part", part: { text: "good", tokens: 1 } });
    const from = { model: "tiny" };
    stage.part(id, { type: "answered", result: ok({ end: "complete", promptTokens: 1, completionTokens: 1, from }) });
    const rate = (turn: number, thumb?: "up" | "down") => stage.ok(ada, helper, { type: "rate", turn, ...(thumb && { thumb }) });
    expect(rate(2, "up")).to.deep.equal({ turn: 2, model: "tiny", thumb: "up" });
    expect(rate(2, "up")).to.deep.equal({ turn: 2, model: "tiny", thumb: "up", before: "up" });
    // While another answer is written, which goes on.
    say(stage, "more");
    expect(rate(2, "down")).to.deep.equal({ turn: 2, model: "tiny", thumb: "down", before: "up" });
    const { turns } = stage.ok(ada, helper, { type: "history" }) as AgentHistory;
    expect(turns[1]).to.include({ text: "good", thumb: "down" });
    expect(rate(2)).to.deep.equal({ turn: 2, model: "tiny", before: "down" });
    stage.answer("and more");
    expect(lines(stage)).to.deep.equal(["user: hello", "assistant: good", "user: more", "assistant: and more"]);
    for (const turn of [1, 6]) expect(stage.code(ada, helper, { type: "rate", turn, thumb: "up" })).to.equal("NOT_FOUND");
    expect(stage.code("user/bob", helper, { type: "rate", turn: 2, thumb: "up" })).to.equal("FORBIDDEN");
  }); // prettier-ignore

  it("is forgotten on demand: turns, events and what is being written", () => {
    const stage = withHelper();
    say(stage, "secret one");
    stage.answer("secret answer");
    say(stage, "secret two");
    say(stage, "secret three");
    const { id } = stage.generation;
    stage.ok(ada, helper, { type: "clear" });
    expect(stage.cancelled).to.deep.equal([id]);
    stage.part(id, text("late"));
    stage.part(id, ended("stopped"));
    expect(turns(stage)).to.deep.equal([]);
    expect(JSON.stringify(stage.records(helper, ""))).to.not.include("secret");
    expect(busy(stage)).to.equal(false);
    expect(stage.ok<AgentView>(ada, helper, { type: "describe" }).turns).to.equal(0);
    expect(stage.code(ada, helper, { type: "resume", after: 2 })).to.equal("CURSOR_EXPIRED");
    expect(say(stage, "fresh").turn).to.equal(7);
    expect(stage.generation.messages.map(({ content }) => content)).to.deep.equal(["fresh"]);
    stage.answer("start");
    expect(lines(stage)).to.deep.equal(["user: fresh", "assistant: start"]);
  });

  it("is gone with the agent, which may be created again without old positions", () => {
    const stage = withHelper();
    say(stage, "secret");
    stage.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
    expect(stage.cancelled).to.have.length(1);
    expect(stage.code(ada, helper, { type: "history" })).to.equal("NOT_FOUND");
    expect(stage.records(helper, "").map(({ value }) => value)).to.deep.equal([{ type: "deleted" }]);
    expect(stage.isPending(helper)).to.equal(false);
    const head = stage.stream(helper).length;
    stage.ok(ada, ada, { type: "createAgent", name: "helper" });
    expect(stage.stream(helper).at(-1)?.at).to.equal(head + 1);
    expect(turns(stage)).to.deep.equal([]);
    expect(say(stage, "again").generation).to.equal(`${helper}#2`);
  });

  it("is deleted a bounded number of records at a time, also across a crash", () => {
    const stage = withHelper();
    const many = 2 * actorLimits.erasePerEvent + 10;
    const living = stage.stateOf<AgentState>(helper);
    const long: AgentState = { ...living, head: many, lastTurn: many };
    const turn = { self: helper, key: "ada.helper", nowMs: 0, from: ada, notes: { run: null } } as const;
    let state = long;
    const spans: number[] = [];
    let effects = agent.decide(state, { type: "clear" }, turn);
    for (let more = true; more;) {
      for (const effect of effects)
        if (effect.type === "persist") {
          state = agent.evolve(state, effect.event);
          const change = effect.event as AgentChange;
          if (change.type === "erased") spans.push(change.turns.through - change.turns.from + 1);
        }
      more = effects.some(({ type }) => type === "tell");
      expect(agent.pending?.(state)).to.equal(more);
      if (more)
        expect(agent.recover?.(state, turn)).to.deep.include({ type: "tell", to: helper, message: { type: "erase" } });
      if (more) effects = agent.decide(state, { type: "erase" }, { ...turn, from: helper });
    }
    expect(spans).to.deep.equal([actorLimits.erasePerEvent, actorLimits.erasePerEvent, 10]);
    expect(agent.decide(state, { type: "erase" }, { ...turn, from: helper })).to.deep.equal([]);
  });

  it("stays bounded in memory, and older turns come from records", () => {
    const stage = withHelper();
    const count = actorLimits.agentRecentTurns / 2 + 5;
    for (let index = 1; index <= count; index += 1) {
      say(stage, `q${index}`);
      stage.answer(`a${index}`);
    }
    expect(stage.generations.filter(({ request }) => request.priority !== undefined)).to.have.length(1);
    expect(stage.stateOf<AgentState>(helper).life?.recent).to.have.length(actorLimits.agentRecentTurns);
    const page = stage.ok<{ turns: ConversationTurn[]; more: boolean }>(ada, helper, {
      type: "history",
      before: 13,
      limit: 4,
    });
    expect([page.turns.map(({ turn }) => turn), page.more]).to.deep.equal([[9, 10, 11, 12], true]);
    expect(turns(stage, { before: 3 }).map(({ turn }) => turn)).to.deep.equal([1, 2]);
    expect(turns(stage)).to.have.length(wireLimits.pageEntriesDefault);
    say(stage, "x".repeat(10_000));
    stage.answer(...Array.from({ length: 4 }, () => "y".repeat(9_000)));
    const { recent } = stage.stateOf<AgentState>(helper).life ?? { recent: [] };
    expect(recent.reduce((sum, { text }) => sum + text.length, 0)).to.be.at.most(actorLimits.agentRecentChars);
    const before = stage.begin(ada, helper, { type: "history", before: 5, limit: 2 });
    stage.step();
    stage.ok(ada, helper, { type: "clear" });
    expect(before()).to.have.nested.property("value.turns").that.deep.equals([]);
  });

  it("resumes its stream", () => {
    const stage = withHelper();
    say(stage, "hello");
    stage.answer("hi");
    const { events } = stage.ok<{ events: unknown[] }>(ada, helper, { type: "resume", after: 1 });
    expect(events).to.deep.equal(
      stage
        .stream(helper)
        .slice(1)
        .map(({ at, event }) => ({ at, event })),
    );
  });
});

describe("an agent's context", () => {
  it("is halved when the model finds it too long, down to the last message, without its persona", () => {
    const stage = withHelper({ persona: "p".repeat(3_000) });
    for (let index = 0; index < 2; index += 1) {
      say(stage, `${index}${"q".repeat(2_000)}`);
      stage.answer(`${index}${"a".repeat(2_000)}`);
    }
    say(stage, "last");
    const lengths: number[] = [];
    while (stage.running.length > 0) {
      lengths.push(stage.generation.messages.length);
      stage.fail("CONTEXT_TOO_LONG");
    }
    // At last without tools, whose declarations take room, too.
    expect(lengths).to.deep.equal([6, 4, 2, 1, 1]);
    const tools = stage.generations.slice(-5).map(({ request }) => request.tools?.length);
    expect(tools).to.deep.equal([2, 2, 2, 2, undefined]);
    expect(turns(stage).at(-1)).to.deep.include({ end: "failed", text: "" });
    expect(turns(stage).at(-1)?.error).to.include("does not fit");
  });

  it("leaves out answers that failed", () => {
    const stage = withHelper();
    say(stage, "one");
    stage.fail("MODEL_NOT_FOUND");
    say(stage, "two");
    expect(stage.generation.messages.map(({ content }) => content)).to.deep.equal(["one", "two"]);
  });

  it("is bounded for an answer that does not end", () => {
    const stage = withHelper();
    say(stage, "one");
    const { id } = stage.generation;
    for (let index = 0; index < 5; index += 1) stage.part(id, text("x".repeat(10_000)));
    expect(stage.cancelled).to.include(id);
    stage.part(id, ended("stopped", 1, 9));
    expect(turns(stage).at(-1)?.text).to.have.length(actorLimits.answerCharsMax);
  });
});

describe("an agent's failures", () => {
  it("are tried again after a pause, a bounded number of times", () => {
    const stage = withHelper();
    say(stage, "hello");
    const ids = new Set<string>();
    for (let attempt = 1; attempt <= actorLimits.generationAttemptsMax; attempt += 1) {
      ids.add(stage.generation.id);
      stage.part(stage.generation.id, text("half"));
      stage.fail("RUNTIME_FAULT");
      stage.pass(30_000);
    }
    expect(ids.size).to.equal(actorLimits.generationAttemptsMax);
    // Each goes on where the one before it was.
    expect(turns(stage).at(-1)).to.deep.include({ end: "failed", text: "halfhalfhalf" });
    const attempts = stage.stream(helper).filter(({ event }) => event.type === "generationStarted");
    expect(attempts.map(({ event }) => event["attempt"])).to.deep.equal([1, 2, 3]);
    stage.pass(600_000);
    expect(stage.reminders(helper)).to.deep.equal([]);
  });

  it("are told in words for people, who run no nodes", () => {
    const stage = withHelper();
    for (const code of ["MODEL_UNAVAILABLE", "MODEL_LOAD_FAILED", "RUNTIME_FAULT", "INTERNAL"] as const) {
      say(stage, "hello");
      for (let attempt = 1; stage.running.length > 0 && attempt <= actorLimits.generationAttemptsMax; attempt += 1) {
        stage.fail(code);
        stage.pass(30_000);
      }
      expect(turns(stage).at(-1)?.error, code).to.match(/Try again later, or ask your admin\.$/);
    }
    say(stage, "hello");
    stage.fail("GENERATION_TIMEOUT");
    expect(turns(stage).at(-1)?.error).to.include("did not finish in time");
  });

  it("that are final are told at once", () => {
    const stage = withHelper();
    say(stage, "hello");
    stage.fail("GENERATION_TIMEOUT");
    expect(turns(stage).at(-1)).to.deep.include({ end: "failed" });
    expect(busy(stage)).to.equal(false);
  });

  it("of a node that stops do not count", () => {
    const stage = withHelper();
    say(stage, "hello");
    for (let round = 0; round < 5; round += 1) {
      stage.fail("STOPPING");
      stage.pass(3_000_000);
    }
    stage.answer("at last");
    // Nothing of it was written before.
    expect(turns(stage)[1]).to.not.have.property("again");
    expect(lines(stage)).to.deep.equal(["user: hello", "assistant: at last"]);
  });

  it("can be stopped while nothing runs", () => {
    const stage = withHelper();
    say(stage, "hello");
    stage.fail("QUEUE_FULL");
    stage.ok(ada, helper, { type: "stop" });
    expect(turns(stage).at(-1)).to.deep.include({ end: "stopped", text: "" });
    stage.pass(60_000);
    expect([stage.running, stage.reminders(helper)]).to.deep.equal([[], []]);
  });
});

describe("an agent after a crash", () => {
  it("writes the answer anew and ignores parts of the old one", () => {
    const stage = withHelper();
    say(stage, "hello");
    const before = stage.generation.id;
    stage.part(before, text("lost"));
    expect(stage.isPending(helper)).to.equal(true);
    stage.nowMs += 1;
    stage.crash(helper);
    stage.settle();
    expect(stage.generation.id).to.not.equal(before);
    stage.answer("whole");
    expect(lines(stage)).to.deep.equal(["user: hello", "assistant: whole"]);
    expect(turns(stage)[1]).to.have.property("again", true);
    expect(
      agent.decide(
        stage.stateOf(helper),
        { type: "part", engine: "generate", tag: before, part: { text: "x", tokens: 1 } },
        {
          self: helper,
          key: "ada.helper",
          nowMs: 0,
          from: "node",
          notes: { run: null },
        },
      ),
    ).to.deep.equal([]);
  });

  it("in the pause between attempts starts once", () => {
    const stage = withHelper();
    say(stage, "hello");
    stage.fail("RUNTIME_FAULT");
    stage.crash(helper);
    stage.pass(60_000);
    expect(stage.running).to.have.length(1);
    expect(stage.reminders(helper)).to.deep.equal([]);
  });
});

describe("an agent in a room", () => {
  it("answers who mentions it, with what was said, one after the other", () => {
    const stage = inRoom();
    stage.ok("user/bob", "room/den", { type: "post", text: "nice day" });
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.ok(ada, "room/den", { type: "post", text: "@helper and me?" });
    expect(stage.generation.messages).to.deep.equal([
      { role: "user", content: "bob: nice day" },
      { role: "user", content: "bob: @helper hi" },
    ]);
    stage.answer(" Hi bob ");
    stage.answer("Hi ada");
    expect(
      messagesIn(stage)
        .slice(3)
        .map(({ author, text, replyTo }) => [author, text, replyTo]),
    ).to.deep.equal([
      [helper, "Hi bob", 2],
      [helper, "Hi ada", 3],
    ]);
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper again" });
    expect(
      stage.generation.messages.some(({ role, content }) => role === "assistant" && content === "Hi bob"),
    ).to.equal(true);
    expect(types(stage)).to.include("roomAnswered");
    expect(turns(stage)).to.deep.equal([]);
  });

  it("keeps nothing of what a model writes that no person could send", () => {
    const stage = inRoom();
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.answer("fine \ud83d", "\ude00 \ud800\0 \u202ex");
    expect(messagesIn(stage).at(-1)?.text).to.equal("fine 😀 \ufffd\ufffd x");
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.answer("\u200b\u200b");
    expect(messagesIn(stage).at(-1)?.text).to.equal("Sorry, I have no answer.");
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.answer(`${"x".repeat(wireLimits.messageCharsMax - 1)}😀`);
    expect(messagesIn(stage).at(-1)?.text).to.equal("x".repeat(wireLimits.messageCharsMax - 1));
    say(stage, "hello");
    stage.answer("a\ud800b");
    expect(turns(stage).at(-1)).to.have.property("text", "a\ufffdb");
  });

  it("says sorry when it cannot answer, or has nothing to say", () => {
    const stage = inRoom();
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.fail("MODEL_NOT_FOUND");
    expect(messagesIn(stage).at(-1)?.text).to.match(/^Sorry, I could not answer\. The agent's model/);
    expect(messagesIn(stage).at(-1)?.refused).to.equal("MODEL_NOT_FOUND");
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.answer("  ");
    expect(messagesIn(stage).at(-1)?.text).to.equal("Sorry, I have no answer.");
  });

  it("puts a message in the place of its draft, also when it ends before the first word or is deleted", () => {
    const stage = inRoom();
    for (const deleted of [false, true]) {
      const { seq } = stage.ok<{ seq: number }>("user/bob", "room/den", { type: "post", text: "@helper hi" });
      const { id } = stage.generation;
      if (deleted) stage.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
      stage.part(id, ended("stopped", 1, 0));
      const answer = messagesIn(stage).at(-1);
      expect(answer).to.deep.include({ author: helper, replyTo: seq, answers: seq });
      expect(answer?.generation).to.match(/^agent\/ada\.helper#/);
      expect(answer?.refused).to.equal(deleted ? "NOT_FOUND" : undefined);
    }
  });

  it("goes on answering the room when its owner stops the conversation", () => {
    const stage = inRoom();
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.ok(ada, helper, { type: "stop" });
    say(stage, "hello");
    stage.ok(ada, helper, { type: "stop" });
    expect(stage.cancelled).to.deep.equal([]);
    expect(turns(stage).at(-1)).to.deep.include({ turn: 2, text: "", end: "stopped" });
    stage.answer("Hi bob");
    expect(messagesIn(stage).at(-1)?.text).to.equal("Hi bob");
    expect([stage.running.length, busy(stage)]).to.deep.equal([0, false]);
  });

  it("goes on answering the room when its conversation is cleared", () => {
    const stage = inRoom();
    say(stage, "hello");
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.ok(ada, helper, { type: "clear" });
    const [, running] = stage.generations;
    expect(running?.request.messages.at(-1)?.content).to.equal("bob: @helper hi");
    stage.ok(ada, helper, { type: "clear" });
    expect(stage.cancelled).to.have.length(1);
  });

  it("takes the turn of whoever asked at the model: of who mentioned it, and of the owner for what an agent says", () => {
    const stage = inRoom();
    say(stage, "hello");
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.answer("Hello ada");
    const asked = () => stage.generations.map(({ request: { person, key } }) => [person, key]);
    expect(asked()).to.deep.equal([["user/ada", helper], ["user/bob", helper]]); // prettier-ignore
    stage.answer("Hi bob");
    const context = [
      { author: "bob", text: "hi" },
      { author: "carl.robot", text: "@helper hi" },
    ];
    stage.ok("room/den", helper, { type: "mentioned", room: "den", seq: 99, context });
    expect(asked().at(-1)).to.deep.equal(["user/carl", helper]);
  });

  it("takes a mention only from the room itself, once, and a bounded number of them", () => {
    const stage = inRoom();
    const mention = (seq: number) => ({
      type: "mentioned",
      room: "den",
      seq,
      context: [{ author: "bob", text: "hi" }],
    });
    expect(stage.code("room/other", helper, mention(1))).to.equal("FORBIDDEN");
    expect(stage.code("user/ada", helper, mention(1))).to.equal("FORBIDDEN");
    expect(stage.code("room/den", "agent/ada.none", mention(1))).to.equal("NOT_FOUND");
    for (let seq = 0; seq <= actorLimits.agentQueueMentionsMax; seq += 1) stage.ok("room/den", helper, mention(seq));
    stage.ok("room/den", helper, mention(0));
    expect(stage.code("room/den", helper, mention(99))).to.equal("QUEUE_FULL");
    // The other places are the owner's.
    for (let waiting = actorLimits.agentQueueMentionsMax; waiting < actorLimits.agentQueueMax; waiting += 1)
      say(stage, "mine");
    expect(stage.code(ada, helper, { type: "say", text: "one more" })).to.equal("QUEUE_FULL");
    const state = stage.stateOf<AgentState>(helper);
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
    const stage = inRoom();
    stage.ok("user/bob", "room/den", { type: "post", text: "@helper hi" });
    stage.cutOff("room/den");
    stage.answer("Hi bob");
    stage.crash(helper);
    stage.pass(10_000);
    expect(stage.isPending(helper)).to.equal(true);
    stage.reach("room/den");
    stage.pass(100_000);
    expect(messagesIn(stage).map(({ text }) => text)).to.deep.equal(["@helper hi", "Hi bob"]);
    expect([stage.isPending(helper), stage.reminders(helper)]).to.deep.equal([false, []]);
  });
});

describe("an agent's signals", () => {
  it("that mean nothing are ignored", () => {
    const stage = withHelper();
    const state = stage.stateOf<AgentState>(helper);
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
