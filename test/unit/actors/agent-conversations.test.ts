import { expect } from "chai";
import {
  failure,
  type ActorId,
  wireLimits,
  type AgentConversation,
  type AgentState as Snapshot,
  type AgentUsage,
  type AgentView,
  type ConversationTurn,
} from "../../../protocols/index.ts";
import { agent } from "../../../actors/agent/index.ts";
import { refuse } from "../../../actors/behavior.ts";
import { titleIn, wordsOf } from "../../../actors/agent/titling.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";
import { ended, failed, text } from "../../fixtures/engine-answers.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";
const second = "agent/ada.helper.1";

function withHelper(): Fixture {
  const fixture = fixtureWith("ada", "bob");
  fixture.ok(ada, ada, { type: "createAgent", name: "helper", persona: "kind" });
  return fixture;
}

const open = (fixture: Fixture, more: object = {}): AgentConversation =>
  fixture.ok<AgentConversation>(ada, helper, { type: "open", ...more });
const rows = (fixture: Fixture): readonly AgentConversation[] =>
  fixture.ok<{ conversations: AgentConversation[] }>(ada, helper, { type: "conversations" }).conversations;
const titles = (fixture: Fixture): readonly string[] => rows(fixture).map(({ number, title }) => `${number} ${title}`);
const view = (fixture: Fixture, of: ActorId): AgentView => fixture.ok<AgentView>(ada, of, { type: "describe" });

/** Plays the model that writes a title. */
function titled(fixture: Fixture, written: string): void {
  const { id = "" } = fixture.besides ?? {};
  fixture.part(id, text(written));
  fixture.part(id, ended("complete", 5, 3));
}

describe("conversations with an agent", () => {
  it("are of their own: each has its history and its answers, with the agent's settings", () => {
    const fixture = withHelper();
    expect(rows(fixture)).to.have.length(1);
    expect(open(fixture)).to.include({ number: 1, title: "" });
    fixture.ok(ada, helper, { type: "say", text: "to the first" });
    fixture.ok(ada, second, { type: "say", text: "to the second" });
    const said = (of: typeof helper | typeof second) =>
      fixture.ok<{ turns: ConversationTurn[] }>(ada, of, { type: "history" }).turns.map((turn) => turn.text);
    expect(said(helper)).to.deep.equal(["to the first"]);
    expect(said(second)).to.deep.equal(["to the second"]);
    expect(fixture.running).to.have.length(2);
    expect(view(fixture, second)).to.include({ persona: "kind", owner: "ada", agent: "ada.helper.1" });
    expect(fixture.code("user/bob", second, { type: "describe" })).to.equal("FORBIDDEN");
    expect(fixture.code(ada, second, { type: "open" })).to.equal("BAD_REQUEST");
  });

  it("have a title: the first words, then the model's, then the owner's, and the last used is first", () => {
    const fixture = withHelper();
    open(fixture);
    fixture.ok(ada, second, { type: "say", text: "How do I boil an egg?" });
    expect(titles(fixture)).to.deep.equal(["1 How do I boil an egg?", "0 "]);
    fixture.answer("Seven minutes.");
    const asked = fixture.besides;
    expect(asked?.messages.at(-1)?.content).to.equal("How do I boil an egg?\n\nSeven minutes.");
    titled(fixture, "“Boiling an egg”");
    expect(titles(fixture)).to.deep.equal(["1 Boiling an egg", "0 "]);
    const used = fixture.ok<AgentUsage>(ada, second, { type: "usage" }).rows;
    expect(used[0]?.runs, "the title is counted").to.equal(2);
    fixture.ok(ada, helper, {
      type: "arrange",
      number: 1,
      title: "Eggs",
      folder: "Food",
      tags: ["a"],
      favourite: true,
    });
    fixture.pass(1_000);
    fixture.ok(ada, second, { type: "say", text: "And hard?" });
    fixture.answer("Ten.");
    expect(fixture.running, "one title is asked for").to.have.length(0);
    expect(rows(fixture)[0]).to.include({ title: "Eggs", folder: "Food", favourite: true });
    fixture.pass(1_000);
    fixture.ok(ada, helper, { type: "say", text: "In the first" });
    fixture.crash(helper);
    expect(titles(fixture)).to.deep.equal(["0 In the first", "1 Eggs"]);
    const row = fixture.ok<AgentConversation>(ada, helper, { type: "arrange", number: 1, folder: "", tags: [] });
    expect(row).to.not.have.any.keys("folder", "tags", "named", "operation");
  });

  it("keep the first words where the model makes no title, and lose a made one when they are cleared", () => {
    const fixture = withHelper();
    open(fixture);
    fixture.ok(ada, second, { type: "say", text: "secret words" });
    fixture.answer("Yes.");
    fixture.ok(ada, second, { type: "clear" });
    titled(fixture, "Secret words");
    expect(titles(fixture), "forgotten").to.deep.equal(["1 ", "0 "]);
    fixture.ok(ada, second, { type: "say", text: "other words" });
    fixture.answer("No.");
    titled(fixture, "x".repeat(300));
    expect(titles(fixture)).to.deep.equal(["1 other words", "0 "]);
    expect(fixture.running).to.have.length(0);
  });

  it("cost a person nothing who has one: no title is asked for, and none is listed in its state", () => {
    const fixture = withHelper();
    fixture.ok(ada, helper, { type: "say", text: "hello" });
    fixture.answer("Hi.");
    expect(fixture.running).to.have.length(0);
    const { state } = fixture.ok<{ state: Snapshot }>(ada, helper, { type: "resume" });
    expect(state).to.not.have.property("conversations");
    open(fixture);
    expect(titles(fixture)).to.include("0 hello");
    titled(fixture, "A greeting");
    expect(titles(fixture)).to.include("0 A greeting");
  });

  it("follow the agent's settings, but for a model of their own", () => {
    const fixture = withHelper();
    open(fixture);
    open(fixture, { model: "other" });
    const third = "agent/ada.helper.2";
    fixture.ok(ada, helper, { type: "update", persona: "short", model: "big", tools: [] });
    expect(view(fixture, second)).to.deep.include({ persona: "short", model: "big", tools: [] });
    expect(view(fixture, third)).to.deep.include({ persona: "short", model: "other", tools: [] });
    expect(fixture.code(ada, second, { type: "update", persona: "mine" })).to.equal("BAD_REQUEST");
    fixture.ok(ada, second, { type: "update", model: "small" });
    expect(rows(fixture).find(({ number }) => number === 1)).to.include({ model: "small" });
    fixture.ok(ada, helper, { type: "update", model: "bigger" });
    expect(view(fixture, second).model).to.equal("small");
  });

  it("learn new settings all of them, however many, and whatever fails between", () => {
    const fixture = withHelper();
    for (let count = 0; count < 30; count += 1) open(fixture);
    const all = Array.from({ length: 30 }, (_, place): ActorId => `agent/ada.helper.${place + 1}`);
    fixture.cutOff(second);
    for (const persona of ["one", "two", "three"]) fixture.ok(ada, helper, { type: "update", persona });
    fixture.settle();
    fixture.crash(helper);
    fixture.ok(ada, helper, { type: "drop", number: 20 });
    fixture.reach(second);
    fixture.pass(60_000);
    fixture.settle();
    for (const one of all.filter((of) => of !== "agent/ada.helper.20"))
      expect(view(fixture, one).persona, one).to.equal("three");
    expect(fixture.isPending(helper)).to.equal(false);
  });

  it("are gone when they are dropped, and when the agent is deleted; a number is given once", () => {
    const fixture = withHelper();
    open(fixture);
    fixture.ok(ada, second, { type: "say", text: "a word" });
    expect(fixture.code(ada, helper, { type: "drop", number: 0 })).to.equal("BAD_REQUEST");
    fixture.ok(ada, helper, { type: "drop", number: 1 });
    expect(fixture.code(ada, second, { type: "history" })).to.equal("NOT_FOUND");
    expect(fixture.records(second, "turn/")).to.have.length(0);
    expect(titles(fixture)).to.deep.equal(["0 "]);
    expect(fixture.code(ada, helper, { type: "drop", number: 1 })).to.equal("NOT_FOUND");
    expect(open(fixture).number).to.equal(2);
    fixture.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
    expect(fixture.code(ada, "agent/ada.helper.2", { type: "history" })).to.equal("NOT_FOUND");
    fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
    expect(open(fixture).number).to.equal(3);
  });

  it("leave no word in what the agent has told of its list, when they are dropped or cleared", () => {
    for (const [of, ends] of [
      [helper, { type: "drop", number: 1 }],
      [second, { type: "clear" }],
    ] as const) {
      const fixture = withHelper();
      open(fixture);
      fixture.ok(ada, second, { type: "say", text: "SECRETWORDS" });
      expect(JSON.stringify(fixture.records(helper, "event/"))).to.include("SECRETWORDS");
      fixture.ok(ada, of, ends);
      fixture.settle();
      expect(JSON.stringify(fixture.records(helper, "event/")), ends.type).to.not.include("SECRETWORDS");
      expect(fixture.code(ada, helper, { type: "resume", after: 1 })).to.equal("CURSOR_EXPIRED");
      expect(titles(fixture).join(" ")).to.not.include("SECRETWORDS");
    }
  });

  it("are deleted later where a node of the version before has them and refuses that", () => {
    const fixture = withHelper();
    open(fixture);
    fixture.ok(ada, second, { type: "say", text: "a word" });
    const decide = agent.decide.bind(agent);
    const before: typeof decide = (state, message, turn) =>
      message.type === "delete" && turn.self === second ? [refuse("FORBIDDEN")] : decide(state, message, turn);
    Object.assign(agent, { decide: before });
    try {
      fixture.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
      fixture.settle();
      fixture.pass(600_000);
      fixture.settle();
      expect(fixture.records(second, "turn/")).to.have.length(1);
    } finally {
      Object.assign(agent, { decide });
    }
    fixture.pass(600_000);
    fixture.settle();
    expect(fixture.records(second, "turn/")).to.have.length(0);
    expect(fixture.isPending(helper)).to.equal(false);
  });

  it("take the next number where another life has theirs, which is left alone", () => {
    const fixture = withHelper();
    const settings = { persona: "old", model: "", sampling: {}, tools: [] };
    fixture.ok(helper, second, { type: "configure", ...settings, begin: true, opening: 1 });
    fixture.ok(ada, second, { type: "say", text: "of before" });
    fixture.pass(1_000);
    expect(open(fixture)).to.include({ number: 2 });
    expect(titles(fixture)).to.deep.equal(["2 ", "0 "]);
    expect(fixture.records(second, "turn/")).to.have.length(1);
    expect(view(fixture, "agent/ada.helper.2").persona).to.equal("kind");
  });

  it("ask at most twice for a title that fails, and never for one that a person named", () => {
    const fixture = withHelper();
    open(fixture);
    open(fixture, { title: "Mine" });
    open(fixture);
    fixture.ok(ada, helper, { type: "arrange", number: 3, title: "Mine, too" });
    const asked: string[] = [];
    for (const one of [second, "agent/ada.helper.2", "agent/ada.helper.3"] as const)
      for (let count = 0; count < 5; count += 1) {
        fixture.ok(ada, one, { type: "say", text: `q${count}` });
        fixture.answer("Yes.");
        const run = fixture.besides;
        if (run === undefined) continue;
        asked.push(one);
        fixture.part(run.id, failed(failure("ASK_TIMEOUT")));
        fixture.crash(one);
      }
    expect(asked).to.deep.equal([second, second]);
    expect(fixture.ok<AgentUsage>(ada, second, { type: "usage" }).rows[0]?.runs).to.equal(7);
  });

  it("are opened once by one operation, whatever fails between", () => {
    const fixture = withHelper();
    fixture.cutOff(second);
    const first = fixture.begin(ada, helper, { type: "open" }, "op");
    fixture.settle();
    expect(first()).to.equal(undefined);
    fixture.crash(helper);
    const again = fixture.begin(ada, helper, { type: "open" }, "op");
    fixture.reach(second);
    fixture.pass(60_000);
    fixture.settle();
    expect(again()).to.deep.include({ ok: true });
    expect(rows(fixture)).to.have.length(2);
  });

  it("end at a limit, before anything is made", () => {
    const fixture = withHelper();
    for (let count = 0; count < wireLimits.agentConversationsMax; count += 1) open(fixture);
    expect(fixture.code(ada, helper, { type: "open" })).to.equal("LIMIT_REACHED");
    fixture.ok(ada, helper, { type: "drop", number: 7 });
    expect(open(fixture).number).to.equal(wireLimits.agentConversationsMax + 1);
  });

  it("take no mention, and nothing about them from anybody else", () => {
    const fixture = withHelper();
    open(fixture);
    const context = [{ author: "bob", text: "hi" }];
    expect(fixture.code("room/den", second, { type: "mentioned", room: "den", seq: 1, context })).to.equal("NOT_FOUND");
    for (const from of ["user/bob", "agent/ada.other", "agent/ada.helper.2"] as const)
      expect(fixture.code(from, second, { type: "delete" }), from).to.equal("FORBIDDEN");
    const settings = { type: "configure", persona: "x", model: "", sampling: {}, tools: [] };
    const others = ["user/ada", "agent/bob.helper", "agent/ada.other", "agent/ada.other.1"] as const;
    for (const from of others) {
      expect(fixture.code(from, helper, { type: "told", number: 1, title: "x" }), from).to.equal("FORBIDDEN");
      expect(fixture.code(from, second, settings), from).to.equal("FORBIDDEN");
    }
  });

  it("are made again under their number when a recall brings one back", () => {
    const fixture = withHelper();
    open(fixture);
    fixture.ok(ada, helper, { type: "drop", number: 1 });
    fixture.ok("node", helper, { type: "reopen", number: 1, title: "Eggs" });
    expect(titles(fixture)[0]).to.equal("1 Eggs");
    expect(view(fixture, second).persona).to.equal("kind");
  });
});

describe("a recall in pieces", () => {
  const turn = (number: number, role: "user" | "assistant", words: string) => ({
    turn: number,
    role,
    text: words,
    atMs: number,
    ...(role === "assistant" && { end: "complete" as const }),
  });

  it("leaves on the screen what its owner says meanwhile, and the answer has its question, after a crash, too", () => {
    const fixture = withHelper();
    const piece = (...turns: readonly object[]) =>
      fixture.ok("node", helper, { type: "restore", recall: "recall0001", snapshot: 1, backupAtMs: 1, turns });
    const said = () =>
      fixture.ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history" }).turns.map(({ text: words }) => words);
    piece(turn(1, "user", "old one"), turn(2, "assistant", "answer one"));
    fixture.ok(ada, helper, { type: "say", text: "meanwhile" });
    piece(turn(3, "user", "old two"), turn(4, "assistant", "answer two"));
    expect(said()).to.deep.equal(["old one", "answer one", "meanwhile"]);
    fixture.crash(helper);
    expect(view(fixture, helper).busy).to.equal(true);
    expect(fixture.generation.messages.at(-1)?.content).to.equal("meanwhile");
    fixture.answer("I am here.");
    piece(turn(5, "user", "old three"));
    expect(said()).to.deep.equal(["old one", "answer one", "meanwhile", "I am here."]);
    // What came beside it is a step away.
    fixture.ok(ada, helper, { type: "branch", turn: 5 });
    expect(said()).to.deep.equal(["old one", "answer one", "old two", "answer two", "old three"]);
  });

  it("ends where the recall ends, where nobody said anything", () => {
    const fixture = withHelper();
    fixture.ok(ada, helper, { type: "say", text: "before" });
    fixture.answer("Yes.");
    for (const [first, words] of [
      [1, "a"],
      [3, "b"],
    ] as const)
      fixture.ok("node", helper, {
        type: "restore",
        recall: "recall0001",
        snapshot: 1,
        backupAtMs: 1,
        turns: [turn(first, "user", words), { ...turn(first + 1, "assistant", `${words}!`) }],
      });
    const { turns } = fixture.ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history" });
    expect(turns.map(({ text: words }) => words)).to.deep.equal(["before", "Yes.", "a", "a!", "b", "b!"]);
  });
});

describe("a title", () => {
  it("is the first words, cut at a word", () => {
    expect(wordsOf("  How do\n I boil an egg?  ")).to.equal("How do I boil an egg?");
    expect(wordsOf("a".repeat(200))).to.equal(`${"a".repeat(48)} …`);
    expect(wordsOf(`${"word ".repeat(20)}`)).to.equal("word word word word word word word word word …");
  });

  it("is what a model wrote, without what it puts around it", () => {
    expect(titleIn('**Title: "Boiling eggs".**\nand more')).to.equal("Boiling eggs");
    expect(titleIn("  \n")).to.equal(undefined);
    expect(titleIn("x".repeat(wireLimits.conversationTitleCharsMax + 1))).to.equal(undefined);
  });
});
