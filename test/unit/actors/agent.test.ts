import { expect } from "chai";
import {
  failure,
  ok,
  wireLimits,
  type AgentHistory,
  type AgentState as Snapshot,
  type AgentUsage,
  type AgentUsageRow,
  type AgentView,
  type ConversationTurn,
  type RoomMessage,
} from "../../../protocols/index.ts";
import { outlineOf } from "../../../protocols/answering/outline.ts";
import { agent } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { AgentChange, AgentState } from "../../../actors/agent/shape.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";
import { ended, failed, text } from "../../fixtures/engine-answers.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";

function withHelper(more: object = {}): Fixture {
  const fixture = fixtureWith("ada", "bob");
  fixture.ok(ada, ada, { type: "createAgent", name: "helper", ...more });
  return fixture;
}

/** As above, in a room with bob. */
function inRoom(): Fixture {
  const fixture = withHelper();
  fixture.ok(ada, "room/den", { type: "create" });
  fixture.ok("user/bob", "room/den", { type: "join" });
  fixture.ok(ada, "room/den", { type: "invite", member: helper });
  return fixture;
}

const say = (fixture: Fixture, text: string): { turn: number; generation: string } =>
  fixture.ok(ada, helper, { type: "say", text });
const turns = (fixture: Fixture, more: object = {}): readonly ConversationTurn[] =>
  fixture.ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history", ...more }).turns;
const lines = (fixture: Fixture): readonly string[] => turns(fixture).map(({ role, text }) => `${role}: ${text}`);
const types = (fixture: Fixture): readonly string[] => fixture.stream(helper).map(({ event }) => event.type);
const rows = (fixture: Fixture): readonly AgentUsageRow[] =>
  fixture.ok<AgentUsage>(ada, helper, { type: "usage" }).rows;
const busy = (fixture: Fixture): boolean => fixture.ok<AgentView>(ada, helper, { type: "describe" }).busy;
const messagesIn = (fixture: Fixture): readonly RoomMessage[] =>
  fixture.ok<{ messages: RoomMessage[] }>("user/bob", "room/den", { type: "history" }).messages;

describe("an agent", () => {
  it("belongs to its owner: others do not even learn whether it exists", () => {
    const fixture = withHelper();
    for (const to of [helper, "agent/ada.none"] as const)
      for (const type of [
        "describe",
        "update",
        "delete",
        "say",
        "stop",
        "regenerate",
        "branch",
        "clear",
        "history",
        "resume",
        "create",
      ])
        for (const from of ["user/bob", "gateway", "node", "agent/ada.other", "room/den"] as const)
          expect(fixture.code(from, to, { type, text: "x" }), `${type} from ${from}`).to.equal("FORBIDDEN");
    expect(fixture.code(ada, "agent/ada.none", { type: "describe" })).to.equal("NOT_FOUND");
    expect(fixture.code(ada, helper, { type: "dance" })).to.equal("BAD_REQUEST");
    expect(fixture.code(ada, helper, { type: "erase" })).to.equal("FORBIDDEN");
  });

  it("is described and updated; created again it is the same", () => {
    const fixture = withHelper({ persona: "kind" });
    const view = {
      agent: "ada.helper",
      owner: "ada",
      persona: "kind",
      model: "",
      sampling: {},
      tools: ["clock", "calculator"],
      createdAtMs: fixture.nowMs,
      turns: 0,
      busy: false,
    };
    expect(fixture.ok(ada, helper, { type: "describe" })).to.deep.equal(view);
    expect(fixture.ok(ada, helper, { type: "create", persona: "other" })).to.deep.equal(view);
    const change = { persona: "", model: "big", sampling: { temperature: 1 }, tools: ["clock"] };
    const changed = { ...view, ...change };
    const update = { type: "update", ...change };
    expect(fixture.ok(ada, helper, update)).to.deep.equal(changed);
    expect(fixture.ok(ada, helper, { type: "update" })).to.deep.equal(changed);
    expect(fixture.stream(helper).at(-1)?.event).to.deep.equal({ type: "updated", view: changed });
  });
});

describe("an agent's conversation", () => {
  it("streams the answer and keeps both turns", () => {
    const fixture = withHelper({ persona: "kind", model: "big" });
    expect(say(fixture, "hello")).to.deep.equal({ turn: 1, generation: `${helper}#1` });
    expect(fixture.generation).to.deep.include({
      model: "big",
      silenceMs: actorLimits.generationSilenceMs,
      timeoutMs: actorLimits.generationWholeMs,
    });
    expect(fixture.generation.messages).to.deep.equal([
      { role: "system", content: "kind" },
      { role: "user", content: "hello" },
    ]);
    expect(busy(fixture)).to.equal(true);
    fixture.part(fixture.generation.id, text("Hi "));
    const { state } = fixture.ok<{ state: Snapshot }>(ada, helper, { type: "resume" });
    expect(state.draft).to.deep.equal({ generation: `${helper}#1`, turn: 2, text: "Hi ", stage: "writing" });
    fixture.answer("there");
    const draft = { type: "draft", generation: `${helper}#1`, turn: 2, stage: "writing" };
    expect(fixture.signals(helper)).to.deep.equal([
      { ...draft, stage: "queued", offset: 0, text: "" },
      { ...draft, offset: 0, text: "Hi " },
      { ...draft, offset: 3, text: "there" },
    ]);
    expect(turns(fixture)).to.deep.equal([
      { turn: 1, role: "user", text: "hello", atMs: fixture.nowMs },
      {
        turn: 2,
        role: "assistant",
        text: "Hi there",
        atMs: fixture.nowMs,
        end: "complete",
        model: "big",
        tokens: 1,
        ms: 0,
      },
    ]);
    expect(types(fixture)).to.deep.equal(["updated", "said", "generationStarted", "answered"]);
    expect(fixture.records(helper, "turn/")).to.have.length(2);
    expect(fixture.isPending(helper)).to.equal(false);
    expect(fixture.ok<{ state: Snapshot }>(ada, helper, { type: "resume" }).state).to.not.have.property("draft");
  });

  it("gives the model what was said before", () => {
    const fixture = withHelper();
    say(fixture, "my name is Ada");
    fixture.answer("Hi Ada");
    say(fixture, "what is my name?");
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal([
      "my name is Ada",
      "Hi Ada",
      "what is my name?",
    ]);
  });

  it("says how long an answer took, tools included", () => {
    const fixture = withHelper();
    say(fixture, "2 + 3?");
    const { id } = fixture.generation;
    fixture.nowMs += 1_000;
    const call = { id: "one", name: "calculator", arguments: '{"expression":"2 + 3"}' };
    fixture.part(id, { type: "part", part: { text: "", tokens: 1, calls: [call] } });
    fixture.part(id, ended("calls"));
    fixture.nowMs += 500;
    fixture.answer("5");
    expect(turns(fixture)[1]).to.include({ text: "5", ms: 1_500 });
  });

  it("lets a bounded number of inputs wait, answers them in order, each in its place", () => {
    const fixture = withHelper();
    for (let index = 0; index <= actorLimits.agentQueueMax; index += 1) say(fixture, `q${index}`);
    expect(fixture.code(ada, helper, { type: "say", text: "too much" })).to.equal("QUEUE_FULL");
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["q0"]);
    fixture.answer("a0");
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["q0", "a0", "q1"]);
    fixture.answer("a1");
    expect(lines(fixture).slice(0, 4)).to.deep.equal(["user: q0", "assistant: a0", "user: q1", "assistant: a1"]);
    expect(fixture.ok<AgentView>(ada, helper, { type: "describe" }).turns).to.equal(18);
  });

  it("stops with what is there, then goes on with what waits", () => {
    const fixture = withHelper();
    fixture.ok(ada, helper, { type: "stop" });
    say(fixture, "one");
    say(fixture, "two");
    const { id } = fixture.generation;
    fixture.part(id, text("par"));
    fixture.ok(ada, helper, { type: "stop" });
    expect(fixture.cancelled).to.deep.equal([id]);
    fixture.part(id, ended("stopped"));
    expect(turns(fixture)[1]).to.deep.include({ text: "par", end: "stopped" });
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["one", "par", "two"]);
  });

  it("is answered anew right after it was stopped, and stays stopped although its runtime fails", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    const { id } = fixture.generation;
    fixture.part(id, text("par"));
    fixture.ok(ada, helper, { type: "stop" });
    expect(fixture.ok(ada, helper, { type: "regenerate" })).to.deep.equal({ turn: 3, generation: `${helper}#2` });
    expect(fixture.code(ada, helper, { type: "regenerate" })).to.equal("ALREADY_DONE");
    fixture.part(id, failed(failure("RUNTIME_FAULT")));
    expect(lines(fixture)).to.deep.equal(["user: hello"]);
    expect(fixture.ok<AgentHistory>(ada, helper, { type: "history", of: 2 }).turns[1]).to.deep.include({
      text: "par",
      end: "stopped",
    });
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["hello"]);
    fixture.answer("good");
    expect(lines(fixture)).to.deep.equal(["user: hello", "assistant: good"]);
  });

  it("is answered anew beside the answer that was there, which is shown again on demand", () => {
    const fixture = withHelper();
    expect(fixture.code(ada, helper, { type: "regenerate" })).to.equal("NOT_FOUND");
    say(fixture, "hello");
    expect(fixture.code(ada, helper, { type: "regenerate" })).to.equal("ALREADY_DONE");
    expect(fixture.generation).to.not.have.property("cache");
    fixture.answer("bad");
    expect(fixture.ok<AgentView>(ada, helper, { type: "describe" })).to.not.have.property("branches");
    expect(fixture.ok(ada, helper, { type: "regenerate" })).to.deep.equal({ turn: 3, generation: `${helper}#2` });
    // Another answer, not the one that was kept.
    expect(fixture.generation).to.have.property("cache", "renew");
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["hello"]);
    fixture.answer("good");
    expect(lines(fixture)).to.deep.equal(["user: hello", "assistant: good"]);
    expect(fixture.ok<AgentView>(ada, helper, { type: "describe" }).branches).to.deep.equal({
      forks: [{ turn: 3, parent: 1 }],
      leaf: 3,
      floor: 0,
      last: 3,
    });
    expect(fixture.ok(ada, helper, { type: "branch", turn: 2 })).to.deep.equal({ leaf: 2 });
    expect(lines(fixture)).to.deep.equal(["user: hello", "assistant: bad"]);
    // It goes on where it is shown.
    say(fixture, "and now?");
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["hello", "bad", "and now?"]);
    fixture.answer("well");
    expect(fixture.ok(ada, helper, { type: "branch", turn: 3 })).to.deep.equal({ leaf: 3 });
    expect(fixture.ok(ada, helper, { type: "branch", turn: 1 })).to.deep.equal({ leaf: 3 });
    expect(fixture.ok(ada, helper, { type: "branch", turn: 4 })).to.deep.equal({ leaf: 5 });
    for (const turn of [0, 6]) expect(fixture.code(ada, helper, { type: "branch", turn })).to.equal("NOT_FOUND");
    expect(fixture.code(ada, helper, { type: "regenerate", turn: 4 })).to.equal("NOT_FOUND");
    expect(turns(fixture, { of: 3 }).map(({ turn }) => turn)).to.deep.equal([1, 3]);
    expect(turns(fixture, { of: 9 })).to.deep.equal([]);
  });

  it("goes on from an edited message; what was there is kept with its answer, also in the middle of one", () => {
    const fixture = withHelper();
    say(fixture, "one");
    fixture.answer("re one");
    say(fixture, "two");
    const { id } = fixture.generation;
    fixture.part(id, text("half"));
    const edited = fixture.ok(ada, helper, { type: "say", text: "two, better", parent: 2 });
    expect(edited).to.deep.equal({ turn: 5, generation: `${helper}#3` });
    expect(fixture.cancelled).to.deep.equal([id]);
    fixture.part(id, text("late"));
    fixture.part(id, ended("stopped"));
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["one", "re one", "two, better"]);
    fixture.crash(helper);
    fixture.settle();
    // Its owner's node died while it was written: the same path is read.
    const again = fixture.running.at(-1);
    expect(again?.messages.map(({ content }) => content)).to.deep.equal(["one", "re one", "two, better"]);
    fixture.part(again?.id ?? "", text("re better"));
    fixture.part(again?.id ?? "", ended("complete"));
    expect(lines(fixture)).to.deep.equal([
      "user: one",
      "assistant: re one",
      "user: two, better",
      "assistant: re better",
    ]);
    expect(turns(fixture, { of: 3 }).slice(2)).to.deep.include.members([
      { turn: 4, role: "assistant", text: "half", atMs: fixture.nowMs, end: "stopped", tokens: 1, ms: 0 },
    ]);
    // The very first may be edited; an answer follows only a message, a message only an answer.
    expect(fixture.ok(ada, helper, { type: "say", text: "new", parent: 0 })).to.include({ turn: 7 });
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["new"]);
    for (const parent of [1, 99])
      expect(fixture.code(ada, helper, { type: "say", text: "x", parent })).to.equal("NOT_FOUND");
    fixture.ok(ada, helper, { type: "clear" });
    say(fixture, "fresh");
    expect(fixture.ok<AgentView>(ada, helper, { type: "describe" })).to.not.have.property("branches");
  });

  it("goes on from an edited message that waits behind an answer, which is written to its end", () => {
    const fixture = withHelper();
    say(fixture, "one");
    const { id } = fixture.generation;
    fixture.part(id, text("re"));
    say(fixture, "two");
    expect(fixture.ok(ada, helper, { type: "say", text: "two, better", parent: 2 })).to.include({ turn: 5 });
    expect(fixture.code(ada, helper, { type: "say", text: "x", parent: 1 })).to.equal("NOT_FOUND");
    expect(fixture.cancelled).to.deep.equal([]);
    fixture.part(id, text(" one"));
    fixture.part(id, ended("complete"));
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["one", "re one", "two, better"]);
    fixture.answer("re better");
    expect(lines(fixture)).to.deep.equal([
      "user: one",
      "assistant: re one",
      "user: two, better",
      "assistant: re better",
    ]);
    expect(turns(fixture, { of: 3 }).map(({ turn }) => turn)).to.deep.equal([1, 2, 3, 4]);
    expect(fixture.refold(helper)).to.deep.equal(fixture.stateOf(helper));
  });

  it("goes on with an answer that came while the turns before it were read", () => {
    const fixture = withHelper();
    say(fixture, "one");
    fixture.answer("re one");
    say(fixture, "two");
    const state = fixture.stateOf<AgentState>(helper);
    const [first] = fixture.records(helper, "turn/");
    const life = state.life && { ...state.life, recent: state.life.recent.slice(1) };
    const command = { type: "say", text: "two, better", parent: 2 };
    const tag = { type: "path", command, leaf: 2, before: 3, wanted: 200, found: [], to: undefined };
    const records = { type: "records", tag, records: first === undefined ? [] : [first] } as const;
    const turn = { self: helper, key: "ada.helper", nowMs: 0, from: helper, notes: { run: null } } as const;
    const recent = agent
      .decide({ ...state, life }, records, turn)
      .flatMap((effect) => (effect.type === "persist" && "branched" in effect.event ? [effect.event.branched] : []))
      .flatMap((branched) => branched?.recent ?? []);
    expect(recent.map(({ text: says }) => says)).to.deep.equal(["one", "re one"]);
  });

  it("counts what an answer took that ends because another path is shown, or because it is forgotten", () => {
    const steps: readonly (Record<string, unknown> & { readonly type: string })[] = [
      { type: "say", text: "one, better", parent: 0 },
      { type: "branch", turn: 2 },
      { type: "clear" },
    ];
    for (const step of steps) {
      const fixture = withHelper({ model: "smart" });
      say(fixture, "one");
      fixture.answer("re one");
      if (step.type === "branch") fixture.ok(ada, helper, { type: "regenerate" });
      else say(fixture, "two");
      const { id } = fixture.generation;
      fixture.nowMs += 2_000;
      fixture.part(id, text("half", 7));
      fixture.nowMs += 1_000;
      fixture.ok(ada, helper, step);
      const of = step.type === "branch" ? 3 : 4;
      const half = turns(fixture, { of }).find(({ turn }) => turn === of);
      if (step.type !== "clear") expect(half).to.include({ text: "half", end: "stopped", tokens: 7, ms: 3_000 });
      const before = rows(fixture)[0];
      fixture.part(id, ended("stopped", 4_000, 500));
      expect(rows(fixture)[0], step.type).to.include({
        runs: (before?.runs ?? 0) + 1,
        promptTokens: (before?.promptTokens ?? 0) + 4_000,
        completionTokens: (before?.completionTokens ?? 0) + 500,
      });
      expect(fixture.refold(helper)).to.deep.equal(fixture.stateOf(helper));
    }
  });

  it("has branches of any length: what is not in memory is read before it is shown, and a summary is of its path", () => {
    const fixture = withHelper();
    const count = actorLimits.agentRecentTurns / 2 + 20;
    for (let index = 1; index <= count; index += 1) {
      say(fixture, `q${index}`);
      fixture.answer(`a${index}`);
    }
    const { besides } = fixture;
    if (besides === undefined) throw new Error("nothing is summed up");
    fixture.part(besides.id, text("what was said"));
    fixture.part(besides.id, ended("complete"));
    expect(fixture.ok<AgentView>(ada, helper, { type: "describe" }).summary).to.include({ text: "what was said" });
    const read = () => fixture.running.findLast(({ priority }) => priority === undefined)?.messages ?? [];
    // So old that it is on the disk alone.
    fixture.ok(ada, helper, { type: "say", text: "q4, better", parent: 6 });
    expect(read().map(({ content }) => content)).to.deep.equal(["q1", "a1", "q2", "a2", "q3", "a3", "q4, better"]);
    expect(fixture.ok<AgentView>(ada, helper, { type: "describe" })).to.not.have.property("summary");
    fixture.answer("better");
    expect(lines(fixture).slice(-2)).to.deep.equal(["user: q4, better", "assistant: better"]);
    expect(fixture.ok(ada, helper, { type: "branch", turn: 8 })).to.deep.equal({ leaf: 2 * count });
    const shown = () => fixture.ok<AgentView>(ada, helper, { type: "describe" }).summary;
    expect(shown(), "it stands for what it stood for").to.include({ text: "what was said" });
    fixture.crash(helper);
    expect(shown()).to.include({ text: "what was said" });
    say(fixture, "more");
    expect(read().at(-3)?.content).to.equal(`q${count}`);
    expect(read().every(({ content }) => !content.includes("better"))).to.equal(true);
    expect(fixture.stateOf<AgentState>(helper).life?.recent.length).to.equal(actorLimits.agentRecentTurns);
    fixture.answer("and more");
    expect(turns(fixture, { before: 10, limit: 4 }).map(({ turn }) => turn)).to.deep.equal([6, 7, 8, 9]);
    expect(turns(fixture, { of: 2 * count + 1, limit: 4 }).map(({ turn }) => turn)).to.deep.equal([
      5,
      6,
      2 * count + 1,
      2 * count + 2,
    ]);
  });

  it("has a bounded number of branches", () => {
    const fixture = withHelper();
    const { agentSiblingsMax, agentBranchesMax } = actorLimits;
    const edit = (parent: number) => fixture.do(ada, helper, { type: "say", text: "again", parent });
    for (let count = 1; count <= agentSiblingsMax; count += 1) {
      expect(edit(0).ok).to.equal(true);
      fixture.answer("yes");
    }
    expect(edit(0)).to.have.nested.property("error.code", "LIMIT_REACHED");
    const forks = Array.from({ length: agentBranchesMax }, (_, index) => ({ turn: 2 * index + 3, parent: 0 }));
    const state = fixture.stateOf<AgentState>(helper);
    const life = state.life === null ? null : { ...state.life, forks };
    const turn = { self: helper, key: "ada.helper", nowMs: 0, from: ada, notes: { run: null } } as const;
    const full = { ...state, lastTurn: 2 * agentBranchesMax + 2, life };
    expect(agent.decide(full, { type: "say", text: "x", parent: 1 }, turn)).to.deep.include({
      type: "refuse",
      code: "LIMIT_REACHED",
      details: { agentBranchesMax },
    });
  });

  it("goes on with two branches in turn, which are two however often that is", () => {
    const fixture = withHelper();
    say(fixture, "q");
    fixture.answer("one");
    fixture.ok(ada, helper, { type: "regenerate" });
    fixture.answer("two");
    const shown = () => fixture.ok<AgentView>(ada, helper, { type: "describe" }).branches;
    for (let count = 0; count < actorLimits.agentBranchesMax + 10; count += 1) {
      fixture.ok(ada, helper, { type: "branch", turn: count % 2 === 0 ? 2 : 3 });
      say(fixture, `go on ${count}`);
      fixture.answer("yes");
    }
    const branches = shown();
    if (branches === undefined) throw new Error("there are no branches");
    expect(outlineOf(branches)).to.deep.equal([
      { turn: 1, through: branches.last - 2, depth: 0, isShown: false },
      { turn: 3, through: branches.last, depth: 1, isShown: true },
    ]);
    // What follows something else is one more, and is below the branch that it leaves.
    fixture.ok(ada, helper, { type: "say", text: "other", parent: 5 });
    fixture.answer("yes");
    const { last } = branches;
    expect(outlineOf(shown() ?? branches)).to.deep.equal([
      { turn: 1, through: last - 2, depth: 0, isShown: false },
      { turn: 3, through: last, depth: 1, isShown: false },
      { turn: last + 1, through: last + 2, depth: 1, isShown: true },
    ]);
    const state = fixture.stateOf<AgentState>(helper);
    const { agentForksMax } = actorLimits;
    const forks = Array.from({ length: agentForksMax }, (_, index) => ({ turn: 2 * index + 4, parent: 2 * index + 1 }));
    const life = state.life && { ...state.life, forks, leaf: 2 * agentForksMax + 1 };
    const turn = { self: helper, key: "ada.helper", nowMs: 0, from: ada, notes: { run: null } } as const;
    const full = { ...state, lastTurn: 2 * agentForksMax + 4, life };
    expect(agent.decide(full, { type: "say", text: "x" }, turn)).to.deep.include({
      type: "refuse",
      code: "LIMIT_REACHED",
      details: { agentForksMax },
    });
  });

  it("has answers that its owner may rate, and takes back", () => {
    const fixture = withHelper({ model: "smart" });
    say(fixture, "hello");
    const { id } = fixture.generation;
    fixture.part(id, { type: "part", part: { text: "good", tokens: 1 } });
    const from = { model: "tiny" };
    fixture.part(id, { type: "answered", result: ok({ end: "complete", promptTokens: 1, completionTokens: 1, from }) });
    const rate = (turn: number, thumb?: "up" | "down") =>
      fixture.ok(ada, helper, { type: "rate", turn, ...(thumb && { thumb }) });
    expect(rate(2, "up")).to.deep.equal({ turn: 2, model: "tiny", thumb: "up" });
    expect(rate(2, "up")).to.deep.equal({ turn: 2, model: "tiny", thumb: "up", before: "up" });
    // While another answer is written, which goes on.
    say(fixture, "more");
    expect(rate(2, "down")).to.deep.equal({ turn: 2, model: "tiny", thumb: "down", before: "up" });
    const { turns } = fixture.ok(ada, helper, { type: "history" }) as AgentHistory;
    expect(turns[1]).to.include({ text: "good", thumb: "down" });
    expect(rate(2)).to.deep.equal({ turn: 2, model: "tiny", before: "down" });
    fixture.answer("and more");
    expect(lines(fixture)).to.deep.equal(["user: hello", "assistant: good", "user: more", "assistant: and more"]);
    for (const turn of [1, 6])
      expect(fixture.code(ada, helper, { type: "rate", turn, thumb: "up" })).to.equal("NOT_FOUND");
    expect(fixture.code("user/bob", helper, { type: "rate", turn: 2, thumb: "up" })).to.equal("FORBIDDEN");
  });

  it("is forgotten on demand: turns, events and what is being written", () => {
    const fixture = withHelper();
    say(fixture, "secret one");
    fixture.answer("secret answer");
    say(fixture, "secret two");
    say(fixture, "secret three");
    const { id } = fixture.generation;
    fixture.ok(ada, helper, { type: "clear" });
    expect(fixture.cancelled).to.deep.equal([id]);
    fixture.part(id, text("late"));
    fixture.part(id, ended("stopped"));
    expect(turns(fixture)).to.deep.equal([]);
    expect(JSON.stringify(fixture.records(helper, ""))).to.not.include("secret");
    expect(busy(fixture)).to.equal(false);
    expect(fixture.ok<AgentView>(ada, helper, { type: "describe" }).turns).to.equal(0);
    expect(fixture.code(ada, helper, { type: "resume", after: 2 })).to.equal("CURSOR_EXPIRED");
    expect(say(fixture, "fresh").turn).to.equal(7);
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["fresh"]);
    fixture.answer("start");
    expect(lines(fixture)).to.deep.equal(["user: fresh", "assistant: start"]);
  });

  it("is gone with the agent, which may be created again without old positions", () => {
    const fixture = withHelper();
    say(fixture, "secret");
    fixture.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
    expect(fixture.cancelled).to.have.length(1);
    expect(fixture.code(ada, helper, { type: "history" })).to.equal("NOT_FOUND");
    expect(fixture.records(helper, "").map(({ value }) => value)).to.deep.equal([{ type: "deleted" }]);
    expect(fixture.isPending(helper)).to.equal(false);
    const head = fixture.stream(helper).length;
    fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
    expect(fixture.stream(helper).at(-1)?.at).to.equal(head + 1);
    expect(turns(fixture)).to.deep.equal([]);
    expect(say(fixture, "again").generation).to.equal(`${helper}#2`);
  });

  it("is deleted a bounded number of records at a time, also across a crash", () => {
    const fixture = withHelper();
    const many = 2 * actorLimits.erasePerEvent + 10;
    const living = fixture.stateOf<AgentState>(helper);
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
    const fixture = withHelper();
    const count = actorLimits.agentRecentTurns / 2 + 5;
    for (let index = 1; index <= count; index += 1) {
      say(fixture, `q${index}`);
      fixture.answer(`a${index}`);
    }
    expect(fixture.generations.filter(({ request }) => request.priority !== undefined)).to.have.length(1);
    expect(fixture.stateOf<AgentState>(helper).life?.recent).to.have.length(actorLimits.agentRecentTurns);
    const page = fixture.ok<{ turns: ConversationTurn[]; more: boolean }>(ada, helper, {
      type: "history",
      before: 13,
      limit: 4,
    });
    expect([page.turns.map(({ turn }) => turn), page.more]).to.deep.equal([[9, 10, 11, 12], true]);
    expect(turns(fixture, { before: 3 }).map(({ turn }) => turn)).to.deep.equal([1, 2]);
    expect(turns(fixture)).to.have.length(wireLimits.pageEntriesDefault);
    say(fixture, "x".repeat(10_000));
    fixture.answer(...Array.from({ length: 4 }, () => "y".repeat(9_000)));
    const { recent } = fixture.stateOf<AgentState>(helper).life ?? { recent: [] };
    expect(recent.reduce((sum, { text }) => sum + text.length, 0)).to.be.at.most(actorLimits.agentRecentChars);
    const before = fixture.begin(ada, helper, { type: "history", before: 5, limit: 2 });
    fixture.step();
    fixture.ok(ada, helper, { type: "clear" });
    expect(before()).to.have.nested.property("value.turns").that.deep.equals([]);
  });

  it("resumes its stream", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    fixture.answer("hi");
    const { events } = fixture.ok<{ events: unknown[] }>(ada, helper, { type: "resume", after: 1 });
    expect(events).to.deep.equal(
      fixture
        .stream(helper)
        .slice(1)
        .map(({ at, event }) => ({ at, event })),
    );
  });
});

describe("an agent's context", () => {
  it("is halved when the model finds it too long, down to the last message, without its persona", () => {
    const fixture = withHelper({ persona: "p".repeat(3_000) });
    for (let index = 0; index < 2; index += 1) {
      say(fixture, `${index}${"q".repeat(2_000)}`);
      fixture.answer(`${index}${"a".repeat(2_000)}`);
    }
    say(fixture, "last");
    const lengths: number[] = [];
    while (fixture.running.length > 0) {
      lengths.push(fixture.generation.messages.length);
      fixture.fail("CONTEXT_TOO_LONG");
    }
    // At last without tools, whose declarations take room, too.
    expect(lengths).to.deep.equal([6, 4, 2, 1, 1]);
    const tools = fixture.generations.slice(-5).map(({ request }) => request.tools?.length);
    expect(tools).to.deep.equal([2, 2, 2, 2, undefined]);
    expect(turns(fixture).at(-1)).to.deep.include({ end: "failed", text: "" });
    expect(turns(fixture).at(-1)?.error).to.include("does not fit");
  });

  it("leaves out answers that failed", () => {
    const fixture = withHelper();
    say(fixture, "one");
    fixture.fail("MODEL_NOT_FOUND");
    say(fixture, "two");
    expect(fixture.generation.messages.map(({ content }) => content)).to.deep.equal(["one", "two"]);
  });

  it("is bounded for an answer that does not end", () => {
    const fixture = withHelper();
    say(fixture, "one");
    const { id } = fixture.generation;
    for (let index = 0; index < 5; index += 1) fixture.part(id, text("x".repeat(10_000)));
    expect(fixture.cancelled).to.include(id);
    fixture.part(id, ended("stopped", 1, 9));
    expect(turns(fixture).at(-1)?.text).to.have.length(actorLimits.answerCharsMax);
  });
});

describe("an agent's failures", () => {
  it("are tried again after a pause, a bounded number of times", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    const ids = new Set<string>();
    for (let attempt = 1; attempt <= actorLimits.generationAttemptsMax; attempt += 1) {
      ids.add(fixture.generation.id);
      fixture.part(fixture.generation.id, text("half"));
      fixture.fail("RUNTIME_FAULT");
      fixture.pass(30_000);
    }
    expect(ids.size).to.equal(actorLimits.generationAttemptsMax);
    // Each goes on where the one before it was.
    expect(turns(fixture).at(-1)).to.deep.include({ end: "failed", text: "halfhalfhalf" });
    const attempts = fixture.stream(helper).filter(({ event }) => event.type === "generationStarted");
    expect(attempts.map(({ event }) => event["attempt"])).to.deep.equal([1, 2, 3]);
    fixture.pass(600_000);
    expect(fixture.reminders(helper)).to.deep.equal([]);
  });

  it("make nobody wait for years because a server says so by a clock of its own", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    fixture.part(fixture.generation.id, failed(failure("MODEL_BUSY", { retryAfterMs: 10 * 365 * 24 * 3_600_000 })));
    expect(fixture.running).to.have.length(0);
    fixture.pass(actorLimits.generationRetryMsMax);
    expect(fixture.running).to.have.length(1);
  });

  it("are told in words for people, who run no nodes", () => {
    const fixture = withHelper();
    for (const code of ["MODEL_UNAVAILABLE", "MODEL_LOAD_FAILED", "RUNTIME_FAULT", "INTERNAL"] as const) {
      say(fixture, "hello");
      for (let attempt = 1; fixture.running.length > 0 && attempt <= actorLimits.generationAttemptsMax; attempt += 1) {
        fixture.fail(code);
        fixture.pass(30_000);
      }
      expect(turns(fixture).at(-1)?.error, code).to.match(/Try again later, or ask your admin\.$/);
    }
    say(fixture, "hello");
    fixture.fail("GENERATION_TIMEOUT");
    expect(turns(fixture).at(-1)?.error).to.include("did not finish in time");
  });

  it("that are final are told at once", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    fixture.fail("GENERATION_TIMEOUT");
    expect(turns(fixture).at(-1)).to.deep.include({ end: "failed" });
    expect(busy(fixture)).to.equal(false);
  });

  it("of a node that stops do not count", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    for (let round = 0; round < 5; round += 1) {
      fixture.fail("STOPPING");
      fixture.pass(3_000_000);
    }
    fixture.answer("at last");
    // Nothing of it was written before.
    expect(turns(fixture)[1]).to.not.have.property("again");
    expect(lines(fixture)).to.deep.equal(["user: hello", "assistant: at last"]);
  });

  it("can be stopped while nothing runs", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    fixture.fail("QUEUE_FULL");
    fixture.ok(ada, helper, { type: "stop" });
    expect(turns(fixture).at(-1)).to.deep.include({ end: "stopped", text: "" });
    fixture.pass(60_000);
    expect([fixture.running, fixture.reminders(helper)]).to.deep.equal([[], []]);
  });
});

describe("an agent after a crash", () => {
  it("writes the answer anew and ignores parts of the old one", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    const before = fixture.generation.id;
    fixture.part(before, text("lost"));
    expect(fixture.isPending(helper)).to.equal(true);
    fixture.nowMs += 1;
    fixture.crash(helper);
    fixture.settle();
    expect(fixture.generation.id).to.not.equal(before);
    fixture.answer("whole");
    expect(lines(fixture)).to.deep.equal(["user: hello", "assistant: whole"]);
    expect(turns(fixture)[1]).to.have.property("again", true);
    expect(
      agent.decide(
        fixture.stateOf(helper),
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
    const fixture = withHelper();
    say(fixture, "hello");
    fixture.fail("RUNTIME_FAULT");
    fixture.crash(helper);
    fixture.pass(60_000);
    expect(fixture.running).to.have.length(1);
    expect(fixture.reminders(helper)).to.deep.equal([]);
  });
});

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
