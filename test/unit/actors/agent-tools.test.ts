import { expect } from "chai";
import fc from "fast-check";
import { calculate, numeral } from "../../../actors/agent/calculator.ts";
import { evolve, initial, type AgentChange, type AgentState } from "../../../actors/agent/state.ts";
import { declared, declaredChars, runCalls } from "../../../actors/agent/tools.ts";
import { addUsage, usageAt, usedBy, type Used } from "../../../actors/agent/usage.ts";
import { actorLimits as limits } from "../../../actors/limits.ts";
import {
  failure,
  type AgentState as Snapshot,
  type AgentUsage,
  type AgentUsageRow,
  type AgentView,
  type ConversationTurn,
} from "../../../protocols/index.ts";
import { ended, failed, text, type Spoken } from "../../fixtures/said.ts";
import { stageWith, type Stage } from "./fixture.ts";

const ada = "user/ada";
const helper = "agent/ada.helper";

function withHelper(more: object = {}): Stage {
  const stage = stageWith("ada", "bob");
  stage.ok(ada, ada, { type: "createAgent", name: "helper", ...more });
  return stage;
}

const say = (stage: Stage, words: string): void => void stage.ok(ada, helper, { type: "say", text: words });
const answers = (stage: Stage): readonly ConversationTurn[] =>
  stage
    .ok<{ turns: ConversationTurn[] }>(ada, helper, { type: "history" })
    .turns.filter(({ role }) => role === "assistant");
const calling = (name: string, given: object): Spoken => ({
  type: "part",
  part: { text: "", tokens: 1, calls: [{ id: "theirs", name, arguments: JSON.stringify(given) }] },
});
/** Plays a model that calls. */
function call(stage: Stage, name: string, given: object, words = ""): void {
  const { id } = stage.generation;
  if (words !== "") stage.part(id, text(words));
  stage.part(id, calling(name, given));
  stage.part(id, ended("calls", 10, 5));
}
const sum = { expression: "2 + 3" };
const called = { name: "calculator", arguments: JSON.stringify(sum), result: "5" };

describe("an agent's tools", () => {
  it("take as many characters as their declarations have", () => {
    for (const allowed of [undefined, ["clock"], ["calculator"], []] as const)
      expect(declaredChars(allowed)).to.equal(JSON.stringify(declared(allowed)).length);
  });

  it("are declared, run within the turn, told to the model and kept with the answer", () => {
    const stage = withHelper();
    say(stage, "what is 2 + 3?");
    expect(stage.generation.tools?.map(({ name }) => name)).to.deep.equal(["clock", "calculator"]);
    call(stage, "calculator", sum, " Let me see. ");
    expect(stage.generation.messages).to.deep.equal([
      { role: "user", content: "what is 2 + 3?" },
      {
        role: "assistant",
        content: "Let me see.",
        calls: [{ id: "call00000", name: "calculator", arguments: JSON.stringify(sum) }],
      },
      { role: "tool", content: "5", callId: "call00000" },
    ]);
    const rounds = [{ text: "Let me see.", calls: [called] }];
    const { state } = stage.ok<{ state: Snapshot }>(ada, helper, { type: "resume" });
    expect(state.draft).to.deep.equal({ generation: `${helper}#1`, turn: 2, text: "", rounds });
    stage.answer("It is 5.");
    expect(answers(stage)[0]).to.deep.include({ text: "It is 5.", end: "complete", rounds });
    const events = stage.stream(helper).map(({ event }) => [event.type, event["round"] !== undefined]);
    expect(events).to.deep.equal([
      ["updated", false],
      ["said", false],
      ["generationStarted", false],
      ["generationStarted", true],
      ["answered", false],
    ]);
    expect(stage.refold(helper)).to.deep.equal(stage.stateOf(helper));
    // What comes later reads the answer, and not how it came about.
    say(stage, "thanks");
    expect(stage.generation.messages.map(({ role }) => role)).to.deep.equal(["user", "assistant", "user"]);
  });

  it("are called a bounded number of times: then the model must answer, and what it calls all the same is not run", () => {
    const stage = withHelper();
    say(stage, "again and again");
    for (let round = 0; round < limits.toolRoundsMax; round += 1) {
      expect(stage.generation.toolChoice).to.equal(undefined);
      call(stage, "calculator", sum);
    }
    expect(stage.generation.toolChoice).to.equal("none");
    const ids = stage.generation.messages.flatMap(({ calls = [] }) => calls.map(({ id }) => id));
    expect(new Set(ids).size).to.equal(limits.toolRoundsMax);
    call(stage, "calculator", sum, "Enough.");
    expect(stage.running).to.deep.equal([]);
    expect(answers(stage)).to.have.length(1);
    expect(answers(stage)[0]).to.deep.include({ text: "Enough.", end: "complete" });
    expect(answers(stage)[0]?.rounds).to.have.length(limits.toolRoundsMax);
  });

  it("are only those that the owner allows", () => {
    const stage = withHelper();
    stage.ok(ada, helper, { type: "update", tools: ["clock"] });
    say(stage, "sum");
    expect(stage.generation.tools?.map(({ name }) => name)).to.deep.equal(["clock"]);
    call(stage, "calculator", sum);
    stage.answer("no");
    const [refused] = answers(stage)[0]?.rounds?.[0]?.calls ?? [];
    expect(refused).to.deep.include({ failed: true, result: "Error: there is no tool calculator" });
    stage.ok(ada, helper, { type: "update", tools: [] });
    say(stage, "sum");
    expect(stage.generation).to.not.have.any.keys("tools", "toolChoice");
    stage.answer("none");
    stage.crash(helper);
    expect(stage.ok<AgentView>(ada, helper, { type: "describe" }).tools).to.deep.equal([]);
  });

  it("are left out for a model that cannot call any, without an attempt more", () => {
    const stage = withHelper();
    say(stage, "hello");
    stage.fail("MODEL_UNSUPPORTED");
    expect(stage.generation).to.not.have.any.keys("tools", "toolChoice");
    // Such a model that calls all the same is not obeyed.
    call(stage, "calculator", sum, "hi");
    expect(answers(stage)[0]).to.deep.include({ text: "hi", end: "complete" });
    expect(answers(stage)[0]).to.not.have.any.keys("rounds", "again");
    const attempts = stage.stream(helper).filter(({ event }) => event.type === "generationStarted");
    expect(attempts).to.have.length(1);
  });

  it("are not run twice: after a crash the model goes on from what they answered", () => {
    const stage = withHelper();
    say(stage, "what is 2 + 3?");
    call(stage, "calculator", sum);
    const before = stage.generation;
    stage.part(before.id, text("It"));
    stage.nowMs += 1;
    stage.crash(helper);
    stage.settle();
    expect(stage.generation.id).to.not.equal(before.id);
    expect(stage.generation.messages).to.deep.equal(before.messages);
    stage.part(stage.generation.id, failed(failure("RUNTIME_FAULT")));
    stage.pass(60_000);
    expect(stage.generation.messages).to.deep.equal(before.messages);
    stage.answer("It is 5.");
    expect(answers(stage)).to.have.length(1);
    expect(answers(stage)[0]).to.deep.include({ text: "It is 5.", again: true });
    expect(answers(stage)[0]?.rounds).to.deep.equal([{ text: "", calls: [called] }]);
  });

  it("are not run for an answer that was stopped, and are not there in a room", () => {
    const stage = withHelper();
    say(stage, "what is 2 + 3?");
    stage.ok(ada, helper, { type: "stop" });
    call(stage, "calculator", sum, "par");
    expect(answers(stage)[0]).to.deep.include({ text: "par", end: "stopped" });
    expect(answers(stage)[0]).to.not.have.property("rounds");
    stage.ok(ada, "room/den", { type: "create" });
    stage.ok(ada, "room/den", { type: "invite", member: helper });
    stage.ok(ada, "room/den", { type: "post", text: "@helper hi" });
    expect(stage.generation).to.not.have.property("tools");
  });

  it("take what a model writes with caution", () => {
    const run = (name: string, given: string) => runCalls([{ id: "x", name, arguments: given }], undefined, 0)[0];
    expect(run("calculator", "")).to.deep.include({ arguments: "{}", result: "Error: expression is no text" });
    for (const given of ["[1]", "null", "{", "1", '"x"'])
      expect(run("clock", given), given).to.deep.include({ arguments: "{}", failed: true });
    const long = JSON.stringify({ expression: "1+".repeat(limits.toolArgumentsCharsMax) });
    expect(run("calculator", long)).to.deep.include({ result: "Error: the arguments are too long" });
    expect(run("x\ud800\n\u202e".repeat(1_000), "{}")?.name).to.match(/^(?:x\ufffd{3})+x?\ufffd*$/u);
    expect(run("__proto__", "{}")).to.have.property("failed", true);
    const many = Array.from({ length: 50 }, () => ({ id: "x", name: "clock", arguments: "{}" }));
    expect(runCalls(many, undefined, 0)).to.have.length(limits.toolCallsMax);
    fc.assert(
      fc.property(
        fc.constantFrom("clock", "calculator", "x"),
        fc.string({ unit: "binary" }),
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
      ["sqrt(-1)", /no finite number/],
      ["10 ^ 999", /no finite number/],
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
      fc.property(fc.oneof(fc.string({ unit: "binary" }), fc.string({ unit: signs, maxLength: 300 })), (given) => {
        const found = calculate(given);
        if ("value" in found) expect(Number.isFinite(Number(numeral(found.value)))).to.equal(true);
        else expect(found.fault).to.not.equal("");
      }),
      { numRuns: 500 },
    );
  });
});

describe("an agent's usage", () => {
  const usage = (stage: Stage) => stage.ok<AgentUsage>(ada, helper, { type: "usage" }).rows;

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
    const stage = withHelper({ model: "big" });
    expect(usage(stage)).to.deep.equal([]);
    say(stage, "what is 2 + 3?");
    stage.nowMs += 1_500;
    call(stage, "calculator", sum);
    stage.part(stage.generation.id, {
      type: "answered",
      result: { ok: true, value: { end: "complete", promptTokens: 20, completionTokens: 3, cachedTokens: 12 } },
    });
    const day = "1970-01-01";
    const first = { day, model: "big", runs: 2, promptTokens: 30, cachedTokens: 12, completionTokens: 8, ms: 1_500 };
    expect(usage(stage)).to.deep.equal([first]);
    stage.ok(ada, "room/den", { type: "create" });
    stage.ok(ada, "room/den", { type: "invite", member: helper });
    stage.ok(ada, helper, { type: "update", model: "small" });
    stage.ok(ada, "room/den", { type: "post", text: "@helper hi" });
    stage.answer("hi");
    const second = { day, model: "small", runs: 1, promptTokens: 5, cachedTokens: 0, completionTokens: 1, ms: 0 };
    expect(usage(stage)).to.deep.equal([first, second]);
    say(stage, "fails");
    stage.fail("GENERATION_TIMEOUT");
    stage.ok(ada, helper, { type: "clear" });
    stage.crash(helper);
    expect(usage(stage)).to.deep.equal([first, second]);
    stage.ok(ada, ada, { type: "deleteAgent", agent: "ada.helper" });
    stage.ok(ada, ada, { type: "createAgent", name: "helper" });
    expect(usage(stage)).to.deep.equal([]);
    expect(stage.code("user/bob", helper, { type: "usage" })).to.equal("FORBIDDEN");
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
