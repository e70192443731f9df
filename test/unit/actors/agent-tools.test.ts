import { expect } from "chai";
import fc from "fast-check";
import { calculate, numeral } from "../../../actors/agent/calculator.ts";
import { evolve, initial } from "../../../actors/agent/state.ts";
import type { AgentChange, AgentState } from "../../../actors/agent/shape.ts";
import { declared, declaredChars, runCalls } from "../../../actors/agent/tools.ts";
import { addUsage, usageAt, usedBy, type Used } from "../../../actors/agent/usage.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import {
  failure,
  ok,
  type AgentState as Snapshot,
  type AgentUsage,
  type AgentUsageRow,
  type AgentView,
  type ConversationTurn,
} from "../../../protocols/index.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";
import { ended, failed, text, type Spoken } from "../../fixtures/engine-answers.ts";
import { fixtureWith, type Fixture } from "./fixture.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";

function withHelper(more: object = {}): Fixture {
  const fixture = fixtureWith("ada", "bob");
  fixture.ok(ada, ada, { type: "createAgent", name: "helper", ...more });
  return fixture;
}

const say = (fixture: Fixture, words: string): void => void fixture.ok(ada, helper, { type: "say", text: words });
const answers = (fixture: Fixture): readonly ConversationTurn[] =>
  fixture
    .ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history" })
    .turns.filter(({ role }) => role === "assistant");
const calling = (name: string, given: object): Spoken => ({
  type: "part",
  part: { text: "", tokens: 1, calls: [{ id: "theirs", name, arguments: JSON.stringify(given) }] },
});
/** Plays a model that calls. */
function call(fixture: Fixture, name: string, given: object, words = ""): void {
  const { id } = fixture.generation;
  if (words !== "") fixture.part(id, text(words));
  fixture.part(id, calling(name, given));
  fixture.part(id, ended("calls", 10, 5));
}
const plainEnd = { end: "complete", promptTokens: 10, completionTokens: 5 } as const;
const sum = { expression: "2 + 3" };
const called = { name: "calculator", arguments: JSON.stringify(sum), result: "5" };

describe("an agent's tools", () => {
  it("take as many characters as their declarations have", () => {
    for (const allowed of [undefined, ["clock"], ["calculator"], []] as const)
      expect(declaredChars(allowed)).to.equal(JSON.stringify(declared(allowed)).length);
  });

  it("are declared, run within the turn, told to the model and kept with the answer", () => {
    const fixture = withHelper();
    say(fixture, "what is 2 + 3?");
    expect(fixture.generation.tools?.map(({ name }) => name)).to.deep.equal(["clock", "calculator"]);
    call(fixture, "calculator", sum, " Let me see. ");
    expect(fixture.generation.messages).to.deep.equal([
      { role: "user", content: "what is 2 + 3?" },
      {
        role: "assistant",
        content: "Let me see.",
        calls: [{ id: "call00000", name: "calculator", arguments: JSON.stringify(sum) }],
      },
      { role: "tool", content: "5", callId: "call00000" },
    ]);
    const rounds = [{ text: "Let me see.", calls: [called] }];
    const { state } = fixture.ok<{ state: Snapshot }>(ada, helper, { type: "resume" });
    expect(state.draft).to.deep.equal({ generation: `${helper}#1`, turn: 2, text: "", stage: "queued", rounds });
    fixture.answer("It is 5.");
    expect(answers(fixture)[0]).to.deep.include({ text: "It is 5.", end: "complete", rounds });
    const events = fixture.stream(helper).map(({ event }) => [event.type, event["round"] !== undefined]);
    expect(events).to.deep.equal([
      ["updated", false],
      ["said", false],
      ["generationStarted", false],
      ["generationStarted", true],
      ["answered", false],
    ]);
    expect(fixture.refold(helper)).to.deep.equal(fixture.stateOf(helper));
    // What comes later reads the answer, and not how it came about.
    say(fixture, "thanks");
    expect(fixture.generation.messages.map(({ role }) => role)).to.deep.equal(["user", "assistant", "user"]);
  });

  it("are called a bounded number of times: then the model must answer, and what it calls all the same is not run", () => {
    const fixture = withHelper();
    say(fixture, "again and again");
    for (let round = 0; round < limits.toolRoundsMax; round += 1) {
      expect(fixture.generation.toolChoice).to.equal(undefined);
      call(fixture, "calculator", sum);
    }
    expect(fixture.generation.toolChoice).to.equal("none");
    const ids = fixture.generation.messages.flatMap(({ calls = [] }) => calls.map(({ id }) => id));
    expect(new Set(ids).size).to.equal(limits.toolRoundsMax);
    call(fixture, "calculator", sum, "Enough.");
    expect(fixture.running).to.deep.equal([]);
    expect(answers(fixture)).to.have.length(1);
    const stopped = "I stopped here: I have used tools 4 times for this answer, and may not use more.";
    expect(answers(fixture)[0]).to.deep.include({ text: `Enough.\n\n${stopped}`, end: "length", limit: "tools" });
    expect(answers(fixture)[0]?.rounds).to.have.length(limits.toolRoundsMax);
  });

  it("are only those that the owner allows", () => {
    const fixture = withHelper();
    fixture.ok(ada, helper, { type: "update", tools: ["clock"] });
    say(fixture, "sum");
    expect(fixture.generation.tools?.map(({ name }) => name)).to.deep.equal(["clock"]);
    call(fixture, "calculator", sum);
    fixture.answer("no");
    const [refused] = answers(fixture)[0]?.rounds?.[0]?.calls ?? [];
    expect(refused).to.deep.include({ failed: true, result: "Error: there is no tool calculator" });
    fixture.ok(ada, helper, { type: "update", tools: [] });
    say(fixture, "sum");
    expect(fixture.generation).to.not.have.any.keys("tools", "toolChoice");
    fixture.answer("none");
    fixture.crash(helper);
    expect(fixture.ok<AgentView>(ada, helper, { type: "describe" }).tools).to.deep.equal([]);
  });

  it("may be left out for a model that has none, in a conversation and in a room: it is asked once", () => {
    const fixture = withHelper();
    say(fixture, "hello");
    expect(fixture.generation.ifAble).to.deep.equal(["tools"]);
    const before = fixture.generations.length;
    // Such a model that calls all the same is not obeyed, and that is said.
    const { id } = fixture.generation;
    fixture.part(id, text("hi"));
    fixture.part(id, calling("calculator", sum));
    fixture.part(id, { type: "answered", result: ok({ ...plainEnd, end: "calls", without: ["tools"] }) });
    expect(fixture.generations).to.have.length(before);
    const stopped = "I stopped here: I wanted to use a tool, and I have none here.";
    expect(answers(fixture)[0]).to.deep.include({ text: `hi\n\n${stopped}`, end: "length", limit: "tools" });
    expect(answers(fixture)[0]).to.not.have.any.keys("rounds", "again");
    const attempts = fixture.stream(helper).filter(({ event }) => event.type === "generationStarted");
    expect(attempts).to.have.length(1);
    fixture.ok(ada, "room/den", { type: "create" });
    fixture.ok(ada, "room/den", { type: "invite", member: helper });
    fixture.ok(ada, "room/den", { type: "post", text: "@ada.helper hello" });
    expect(fixture.generation.ifAble).to.deep.equal(["tools"]);
    fixture.part(fixture.generation.id, text("there"));
    fixture.part(fixture.generation.id, { type: "answered", result: ok({ ...plainEnd, without: ["tools"] }) });
    expect(fixture.generations).to.have.length(before + 1);
    fixture.ok(ada, helper, { type: "update", tools: [] });
    say(fixture, "no tools");
    expect(fixture.generation).to.not.have.property("ifAble");
  });

  it("are not run twice: after a crash the model goes on from what they answered", () => {
    const fixture = withHelper();
    say(fixture, "what is 2 + 3?");
    call(fixture, "calculator", sum);
    const before = fixture.generation;
    fixture.part(before.id, text("It"));
    fixture.nowMs += 1;
    fixture.crash(helper);
    fixture.settle();
    expect(fixture.generation.id).to.not.equal(before.id);
    expect(fixture.generation.messages).to.deep.equal(before.messages);
    fixture.part(fixture.generation.id, failed(failure("RUNTIME_FAULT")));
    fixture.pass(60_000);
    expect(fixture.generation.messages).to.deep.equal(before.messages);
    fixture.answer("It is 5.");
    expect(answers(fixture)).to.have.length(1);
    expect(answers(fixture)[0]).to.deep.include({ text: "It is 5.", again: true });
    expect(answers(fixture)[0]?.rounds).to.deep.equal([{ text: "", calls: [called] }]);
  });

  it("are not run for an answer that was stopped", () => {
    const fixture = withHelper();
    say(fixture, "what is 2 + 3?");
    fixture.ok(ada, helper, { type: "stop" });
    call(fixture, "calculator", sum, "par");
    expect(answers(fixture)[0]).to.deep.include({ text: "par", end: "stopped" });
    expect(answers(fixture)[0]).to.not.have.property("rounds");
  });

  it("take what a model writes with caution", () => {
    const run = (name: string, given: string) => runCalls([{ id: "x", name, arguments: given }], undefined, 0)[0];
    expect(run("calculator", "")).to.deep.include({ arguments: "{}", result: "Error: expression must be a text" });
    for (const given of ["[1]", "null", "{", "1", '"x"'])
      expect(run("clock", given), given).to.deep.include({ arguments: "{}", failed: true });
    const long = JSON.stringify({ expression: "1+".repeat(limits.toolArgumentsCharsMax) });
    expect(run("calculator", long)).to.deep.include({ result: "Error: the arguments are too long" });
    expect(run("x\ud800\n\u202e".repeat(1_000), "{}")?.name).to.match(/^(?:x\ufffd{3})+x?\ufffd*$/u);
    expect(run("__proto__", "{}")).to.have.property("failed", true);
    const many = Array.from({ length: 50 }, () => ({ id: "x", name: "clock", arguments: "{}" }));
    const told = runCalls(many, undefined, 0).map(({ failed: isFailed, result }) => (isFailed ? result : "run"));
    const all = Array.from({ length: limits.toolCallsMax }, () => "run");
    expect(told).to.deep.equal([...all, `Error: only ${limits.toolCallsMax} calls at a time are run`]);
    fc.assert(
      fc.property(
        fc.constantFrom("clock", "calculator", "x"),
        fc.string({ unit: anyCharacter }),
        fc.jsonValue(),
        (name, raw, json) => {
          for (const given of [raw, JSON.stringify(json), JSON.stringify({ expression: raw, timeZone: raw })]) {
            const outcome = run(name, given);
            JSON.parse(outcome?.arguments ?? "");
            expect(outcome?.result.length).to.be.within(1, limits.toolResultCharsMax);
          }
        },
      ),
    );
  });

  it("tell the time of the turn, in any zone", () => {
    const at = Date.UTC(2026, 1, 28, 23, 30, 5);
    const time = (given: object) =>
      runCalls([{ id: "x", name: "clock", arguments: JSON.stringify(given) }], undefined, at)[0];
    expect(time({})?.result).to.equal("Saturday, 2026-02-28T23:30:05+00:00 (UTC)");
    expect(time({ timeZone: "Asia/Kolkata" })?.result).to.equal("Sunday, 2026-03-01T05:00:05+05:30 (Asia/Kolkata)");
    expect(time({ timeZone: "America/New_York" })?.result).to.equal(
      "Saturday, 2026-02-28T18:30:05-05:00 (America/New_York)",
    );
    expect(time({ timeZone: "Nowhere/Land" })).to.deep.include({ failed: true });
    expect(time({ timeZone: 5 })).to.deep.include({ failed: true });
  });
});

describe("the calculator", () => {
  it("knows its rules", () => {
    const cases: readonly (readonly [string, string])[] = [
      ["1 + 2 * 3", "7"],
      ["(1 + 2) * 3", "9"],
      ["2 ^ 3 ^ 2", "512"],
      ["2 ** -1", "0.5"],
      ["-2 ^ 2", "-4"],
      ["8 / 4 / 2", "1"],
      ["7 % 4 - 10", "-7"],
      ["0.1 + 0.2", "0.3"],
      ["1.5e3 + .5", "1500.5"],
      ["9007199254740991", "9007199254740991"],
      ["sqrt(16) + max(1, 2, 3) + MIN(4)", "11"],
      ["round(pi * 100) / 100", "3.14"],
      ["0 * -1", "0"],
    ];
    for (const [given, result] of cases) {
      const found = calculate(given);
      expect("value" in found ? numeral(found.value) : found.fault, given).to.equal(result);
    }
    const faults: readonly (readonly [string, RegExp])[] = [
      ["", /too early/],
      ["1 +", /too early/],
      ["1 2", /"2" is not expected/],
      ["(1", /"\)" is missing/],
      ["1)", /not expected/],
      ["1 / 0", /division by zero/],
      ["1 % (2 - 2)", /division by zero/],
      ["x + 1", /"x" is not known/],
      ["constructor(1)", /not known/],
      ["sqrt(-1)", /not a finite number/],
      ["10 ^ 999", /not a finite number/],
      ["sqrt(1, 2)", /takes 1 values/],
      ["1 = 1", /"=" is not understood/],
      ["(".repeat(200), /too deeply/],
      ["-".repeat(200), /too deeply/],
    ];
    for (const [given, fault] of faults) {
      const found = calculate(given);
      expect("fault" in found ? found.fault : found.value, given).to.match(fault);
    }
  });

  interface Written {
    readonly text: string;
    readonly value: number;
  }
  const written: fc.Arbitrary<Written> = fc.letrec<{ sum: Written }>((tie) => ({
    sum: fc.oneof(
      { maxDepth: 5, withCrossShrink: true },
      fc.nat({ max: 1_000 }).map((value) => ({ text: String(value), value })),
      fc
        .double({ min: 0, max: 1e6, noNaN: true })
        .map((value) => ({ text: String(value), value: Number(String(value)) })),
      tie("sum").map(({ text: inner, value }) => ({ text: `-(${inner})`, value: -value })),
      tie("sum").map(({ text: inner, value }) => ({ text: `abs( ${inner})`, value: Math.abs(value) })),
      fc.tuple(tie("sum"), fc.constantFrom("+", "-", "*", "max"), tie("sum")).map(([one, sign, other]) => ({
        text: sign === "max" ? `max(${one.text},${other.text})` : `(${one.text})${sign} (${other.text})`,
        value:
          sign === "+"
            ? one.value + other.value
            : sign === "-"
              ? one.value - other.value
              : sign === "*"
                ? one.value * other.value
                : Math.max(one.value, other.value),
      })),
    ),
  })).sum;

  it("calculates what was written, whatever it was", () => {
    fc.assert(
      fc.property(written, ({ text: given, value }) => {
        const found = calculate(given);
        if (!Number.isFinite(value)) expect(found).to.have.property("fault");
        else expect("value" in found && Object.is(found.value + 0, value + 0), given).to.equal(true);
      }),
    );
  });

  it("takes any text, and answers with a finite number or a reason", () => {
    const signs = fc.constantFrom(..."0123456789.eE+-*/%^(), abspiqrtmx".split(""));
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: anyCharacter }), fc.string({ unit: signs, maxLength: 300 })), (given) => {
        const found = calculate(given);
        if ("value" in found) expect(Number.isFinite(Number(numeral(found.value)))).to.equal(true);
        else expect(found.fault).to.not.equal("");
      }),
      { numRuns: 500 },
    );
  });
});

describe("an agent's usage", () => {
  const usage = (fixture: Fixture) => fixture.ok<AgentUsage>(ada, helper, { type: "usage" }).rows;

  it("counts an answer that was kept from before as read from memory, and as not written", () => {
    const kept = {
      end: "complete",
      promptTokens: 7,
      cachedTokens: 7,
      completionTokens: 9,
      from: { cache: "exact" },
    } as const;
    expect(usedBy("m", kept, 0, 1)).to.include({ promptTokens: 7, cachedTokens: 7, completionTokens: 0 });
    expect(usedBy("m", { ...kept, from: {} }, 0, 1)).to.include({ completionTokens: 9 });
  });

  it("counts every run that was answered, by day and model, in conversations and rooms, and is kept", () => {
    const fixture = withHelper({ model: "big" });
    expect(usage(fixture)).to.deep.equal([]);
    say(fixture, "what is 2 + 3?");
    fixture.nowMs += 1_500;
    call(fixture, "calculator", sum);
    fixture.part(fixture.generation.id, {
      type: "answered",
      result: { ok: true, value: { end: "complete", promptTokens: 20, completionTokens: 3, cachedTokens: 12 } },
    });
    const day = "1970-01-01";
    const first = { day, model: "big", runs: 2, promptTokens: 30, cachedTokens: 12, completionTokens: 8, ms: 1_500 };
    expect(usage(fixture)).to.deep.equal([first]);
    fixture.ok(ada, "room/den", { type: "create" });
    fixture.ok(ada, "room/den", { type: "invite", member: helper });
    fixture.ok(ada, helper, { type: "update", model: "small" });
    fixture.ok(ada, "room/den", { type: "post", text: "@helper hi" });
    fixture.answer("hi");
    const second = { day, model: "small", runs: 1, promptTokens: 5, cachedTokens: 0, completionTokens: 1, ms: 0 };
    expect(usage(fixture)).to.deep.equal([first, second]);
    say(fixture, "fails");
    fixture.fail("GENERATION_TIMEOUT");
    fixture.ok(ada, helper, { type: "clear" });
    fixture.crash(helper);
    expect(usage(fixture)).to.deep.equal([first, second]);
    fixture.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
    fixture.ok(ada, ada, { type: "createAgent", name: "helper" });
    expect(usage(fixture)).to.deep.equal([]);
    expect(fixture.code("user/bob", helper, { type: "usage" })).to.equal("FORBIDDEN");
  });

  it("is bounded in days and rows, and a clock that jumps loses none of the last days", () => {
    const dayMs = 86_400_000;
    const used = (dayNumber: number, model: string): Used => ({
      day: new Date(dayNumber * dayMs).toISOString().slice(0, 10),
      model,
      promptTokens: 1,
      cachedTokens: 0,
      completionTokens: 1,
      ms: 1,
    });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 20_000, max: 20_060 }), fc.integer({ min: 0, max: 20 }).map(String)), {
          maxLength: 400,
        }),
        (runs) => {
          const rows = runs.reduce<readonly AgentUsageRow[]>((all, [at, model]) => addUsage(all, used(at, model)), []);
          const days = rows.map(({ day }) => Date.parse(day) / dayMs);
          expect(rows.length).to.be.at.most(limits.usageRowsMax);
          expect(days).to.deep.equal(days.toSorted((one, other) => one - other));
          expect(new Set(rows.map(({ day, model }) => `${day} ${model}`)).size).to.equal(rows.length);
          expect((days.at(-1) ?? 0) - (days[0] ?? 0)).to.be.below(limits.usageDays);
        },
      ),
    );
    const rows = [20_000, 20_030, 20_001].reduce<readonly AgentUsageRow[]>(
      (all, at) => addUsage(all, used(at, "")),
      [],
    );
    expect(rows).to.have.length(3);
    expect(usageAt(rows, 20_031 * dayMs)).to.have.length(2);
    expect(usageAt(rows, 20_500 * dayMs)).to.have.length(0);
  });
});

describe("an agent of a version before", () => {
  it("has all tools and no usage yet, and keeps its tools when a node of that version changes it", () => {
    const view: AgentView = {
      agent: "ada.helper",
      owner: "ada",
      persona: "",
      model: "",
      sampling: {},
      createdAtMs: 1,
      turns: 0,
      busy: false,
    };
    const fold = (...changes: readonly AgentChange[]): AgentState => changes.reduce(evolve, initial);
    const born: AgentChange = { type: "created", at: 1, event: { type: "updated", view }, createdAtMs: 1 };
    const old = fold(born);
    expect(old.life).to.not.have.any.keys("tools", "usage");
    const restricted: AgentChange = {
      type: "happened",
      at: 2,
      event: { type: "updated", view: { ...view, tools: [] } },
    };
    const byOld: AgentChange = {
      type: "happened",
      at: 3,
      event: { type: "updated", view: { ...view, persona: "kind" } },
    };
    expect(fold(born, restricted, byOld).life).to.deep.include({ persona: "kind", tools: [] });
  });
});
