import { expect } from "chai";
import {
  failure,
  ok,
  wireLimits,
  type AgentHistory,
  type AgentState as Snapshot,
  type AgentView,
  type ConversationTurn,
} from "../../../protocols/index.ts";
import { outlineOf } from "../../../protocols/answering/outline.ts";
import { agent } from "../../../actors/index.ts";
import { actorLimits } from "../../../actors/limits.ts";
import type { AgentChange, AgentState } from "../../../actors/agent/shape.ts";
import { ada, helper, withHelper, say, turns, lines, types, rows, busy } from "./adas-agent.ts";
import { ended, failed, text } from "../../fixtures/engine-answers.ts";

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
      // The owner's room hears that its files go, and that has been delivered.
      state = { ...state, outbox: living.outbox };
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
