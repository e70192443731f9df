/** What the schemas of one request take, whatever they are made of: steps that grow with their size, and one budget. */
import { expect } from "chai";
import fc from "fast-check";
import { ExactNumber, parseExact } from "../../../protocols/wire/exact-number.ts";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import { faultsIn, type CallSyntax } from "../../../runtimes/llama/calls.ts";
import { formOf } from "../../../runtimes/llama/form.ts";
import { createRules } from "../../../runtimes/llama/grammar.ts";
import { hasPattern, readPattern } from "../../../runtimes/pattern.ts";
import { fits } from "../../../runtimes/schema.ts";
import { faultsOf } from "../../../runtimes/schema-check.ts";
import { allowanceOf, understand } from "../../../runtimes/schema-reader.ts";
import { Steps } from "../../../runtimes/steps.ts";
import { examples, isAll } from "../../depth.ts";
import { readGbnf } from "../../fixtures/gbnf.ts";
import { stepsOf } from "../../fixtures/steps.ts";

interface Case {
  readonly schema: object;
  readonly value: unknown;
}

const times = <T>(count: number, of: (at: number) => T): T[] => Array.from({ length: count }, (_none, at) => of(at));
const names = (count: number): string[] => times(count, (at) => `n${at}`);
const record = <T>(keys: readonly string[], of: (at: number) => T): Record<string, T> =>
  Object.fromEntries(keys.map((key, at) => [key, of(at)]));
const long = (count: number): ExactNumber => new ExactNumber("9".repeat(count + 20));
const list = (count: number): number[] => times(count, (at) => at);
const text = { type: "string" };
const letters = ["L", "Lu", "Ll", "N", "P", "S", "Z", "M"].map((name) => `\\p{${name}}`);

/** Each keyword, in each way that it has a size. */
const widened: Readonly<Record<string, (count: number) => Case>> = {
  required: (count) => ({ schema: { required: names(count) }, value: {} }),
  "required, which is there": (count) => ({ schema: { required: names(count) }, value: record(names(count), () => 1) }),
  "required beside properties of another part": (count) => ({
    schema: {
      allOf: [
        { properties: record(names(count), () => text) },
        { required: names(count), additionalProperties: false },
      ],
    },
    value: {},
  }),
  dependentRequired: (count) => ({ schema: { dependentRequired: { a: names(count) } }, value: { a: 1 } }),
  "dependentRequired of many": (count) => ({
    schema: { dependentRequired: record(names(count), () => []) },
    value: { a: 1 },
  }),
  dependentSchemas: (count) => ({ schema: { dependentSchemas: record(names(count), () => text) }, value: { a: 1 } }),
  dependencies: (count) => ({ schema: { dependencies: record(names(count), () => ["a"]) }, value: { a: 1 } }),
  type: (count) => ({ schema: { type: times(count, () => "null") }, value: 1 }),
  "type and properties": (count) => ({
    schema: { type: times(count, () => "object"), properties: record(names(count), () => text) },
    value: {},
  }),
  "type of two parts": (count) => ({ schema: { allOf: [{ type: names(count) }, { type: names(count) }] }, value: 1 }),
  enum: (count) => ({ schema: { enum: names(count) }, value: "x" }),
  "enum of lists": (count) => ({ schema: { enum: [list(count), list(count + 1)] }, value: list(count) }),
  "enum of two parts": (count) => ({
    schema: { allOf: [{ enum: names(count) }, { enum: names(count).toReversed() }] },
    value: "x",
  }),
  "enum of texts that begin alike": (count) => ({
    schema: { enum: times(Math.ceil(Math.sqrt(count)), (at) => "a".repeat(at)) },
    value: "x",
  }),
  const: (count) => ({ schema: { const: list(count) }, value: list(count) }),
  "const of members": (count) => ({
    schema: { const: record(names(count), () => 1) },
    value: record(names(count), () => 1),
  }),
  "const text": (count) => ({ schema: { const: "x".repeat(count) }, value: "x".repeat(count) }),
  "const number": (count) => ({ schema: { const: long(count) }, value: long(count) }),
  not: (count) => ({ schema: { not: { const: list(count) } }, value: list(count) }),
  uniqueItems: (count) => ({ schema: { uniqueItems: true }, value: list(count) }),
  "uniqueItems of texts": (count) => ({ schema: { uniqueItems: true }, value: names(count) }),
  minimum: (count) => ({ schema: { type: "number", minimum: long(count) }, value: 1 }),
  "minimum with zeros": (count) => ({
    schema: { type: "number", minimum: parseExact(`1.${"0".repeat(count)}1`) },
    value: 1,
  }),
  maximum: (count) => ({ schema: { type: "integer", exclusiveMaximum: long(count) }, value: long(count) }),
  multipleOf: (count) => ({ schema: { multipleOf: long(count) }, value: long(count) }),
  minItems: (count) => ({ schema: { minItems: long(count) }, value: [1] }),
  "pattern of a class": (count) => ({ schema: { pattern: `^[${"ab".repeat(count)}]$` }, value: "c" }),
  "pattern of letters by property": (count) => ({
    schema: { pattern: `^(?:1|1)*[${times(Math.ceil(count / 8), (at) => letters[at % 8]).join("")}]$` },
    value: "1".repeat(20),
  }),
  "pattern of ways": (count) => ({ schema: { pattern: `^(${names(Math.ceil(count / 8)).join("|")})$` }, value: "x" }),
  "text of a pattern": (count) => ({ schema: { pattern: "^[a-f0-9]*$" }, value: "a".repeat(count) }),
  patternProperties: (count) => ({
    schema: {
      patternProperties: record(
        times(Math.ceil(count / 8), (at) => `^a${at}$`),
        () => text,
      ),
    },
    value: { a: 1 },
  }),
  properties: (count) => ({
    schema: { properties: record(names(count), () => text) },
    value: record(names(count), () => "x"),
  }),
  "properties that may be missing": (count) => ({
    schema: { type: "object", properties: record(names(count), () => text), required: [] },
    value: {},
  }),
  "properties that begin alike": (count) => ({
    schema: {
      properties: record(
        times(Math.ceil(Math.sqrt(count)), (at) => "a".repeat(at + 1)),
        () => text,
      ),
    },
    value: {},
  }),
  "properties of two parts": (count) => ({
    schema: {
      allOf: [
        { properties: record(names(count), () => text) },
        { properties: record(names(count), () => ({ maxLength: 9 })) },
      ],
    },
    value: {},
  }),
  "propertyNames of a part beside others": (count) => ({
    schema: { type: "object", propertyNames: { enum: names(count) }, anyOf: times(64, () => ({ const: {} })) },
    value: {},
  }),
  propertyNames: (count) => ({ schema: { type: "object", propertyNames: { enum: names(count) } }, value: { n1: 1 } }),
  additionalProperties: (count) => ({
    schema: { type: "object", additionalProperties: text },
    value: record(names(count), () => "x"),
  }),
  anyOf: (count) => ({ schema: { anyOf: times(count, (at) => ({ const: at })) }, value: -1 }),
  "anyOf of objects": (count) => ({
    schema: { anyOf: times(count, (at) => ({ properties: { a: { const: at } }, required: ["a"] })) },
    value: { a: -1 },
  }),
  "anyOf beside others": (count) => ({
    schema: { type: "object", anyOf: times(count, (at) => ({ required: [`n${at}`] })) },
    value: {},
  }),
  "anyOf beside notes": (count) => ({
    schema: {
      ...record(
        times(count, (at) => `x-${at}`),
        () => 0,
      ),
      anyOf: times(count, () => true),
    },
    value: 1,
  }),
  "oneOf beside notes": (count) => ({
    schema: {
      ...record(
        times(count, (at) => `x-${at}`),
        () => 0,
      ),
      oneOf: times(count, () => true),
    },
    value: 1,
  }),
  oneOf: (count) => ({ schema: { oneOf: times(count, () => text) }, value: "x" }),
  allOf: (count) => ({ schema: { allOf: times(count, (at) => ({ maxLength: at + 1 })) }, value: "" }),
  prefixItems: (count) => ({ schema: { prefixItems: times(count, () => text) }, value: names(count) }),
  contains: (count) => ({ schema: { contains: text, minContains: 1 }, value: list(count) }),
  items: (count) => ({ schema: { type: "array", items: { type: "integer" } }, value: list(count) }),
  maxLength: (count) => ({ schema: { maxLength: 3 }, value: "x".repeat(count) }),
  $ref: (count) => ({ schema: { $ref: `#/$defs/${"x".repeat(count)}`, $defs: {} }, value: 1 }),
  "$ref of many": (count) => ({
    schema: {
      $ref: "#/$defs/n0",
      $defs: record(names(count), (at) => (at + 1 < count ? { anyOf: [{ $ref: `#/$defs/n${at + 1}` }, text] } : text)),
    },
    value: 1,
  }),
  "unknown keywords": (count) => ({ schema: record(names(count), () => 1), value: 1 }),
};

/** What holds another one, by how many. */
const around: Readonly<Record<string, (of: Case, count: number) => Case>> = {
  alone: (of) => of,
  "doubled by names": ({ schema, value }, count) => ({
    schema: {
      $ref: `#/$defs/d${count}`,
      $defs: {
        ...(schema as { $defs?: object }).$defs,
        d0: schema,
        ...record(
          times(count, (at) => `d${at + 1}`),
          (at) => ({ allOf: [{ $ref: `#/$defs/d${at}` }, { $ref: `#/$defs/d${at}` }] }),
        ),
      },
    },
    value,
  }),
  "doubled by choices": ({ schema, value }, count) => ({
    schema: times(count, () => 0).reduce<object>(
      (inner) => ({ anyOf: [{ allOf: [inner, { const: 0 }] }, inner] }),
      schema,
    ),
    value,
  }),
  repeated: ({ schema, value }, count) => ({ schema: { anyOf: times(count + 1, () => ({ not: schema })) }, value }),
  "in members": ({ schema, value }, count) => ({
    schema: { type: "object", properties: record(names(count + 1), () => schema) },
    value: record(names(count + 1), () => value),
  }),
  "in elements": ({ schema, value }, count) => ({
    schema: { type: "array", items: schema },
    value: times(count + 1, () => value),
  }),
};

const syntax: CallSyntax = {
  section: "",
  opening: "<call>",
  middle: " ",
  closing: "</call>",
  between: "",
  alternatives: [],
};

/** All that is done with a schema, from the form of the request to the check of the answer; gives its steps. */
function workOf({ schema, value }: Case, budget: number = runtimeLimits.schemaStepsMax): number {
  const steps = new Steps(budget);
  const request = { model: "m", messages: [], sampling: {}, tools: [{ name: "t", parameters: schema }] };
  formOf(request as never, () => syntax, steps);
  faultsOf(schema, value, steps);
  const { schema: shape } = understand(schema, allowanceOf(steps));
  createRules(steps).value(shape);
  fits(shape, value, steps);
  return budget - steps.left;
}

const made = fc.record({
  keyword: fc.constantFrom(...Object.keys(widened)),
  holder: fc.constantFrom(...Object.keys(around)),
  count: fc.integer({ min: 300, max: 400 }),
  by: fc.integer({ min: 1, max: 5 }),
});
/** Each keyword by itself, and in what else may hold it; and some of other sizes. The counting thread draws the
 *  same. */
const drawn = [
  ...Object.keys(widened).flatMap((keyword, first) =>
    Object.keys(around)
      // In `npm test` each keyword in a third of the holders, and each holder with a third of the keywords.
      .filter((_holder, second) => isAll || (first + second) % 3 === 0)
      .map((holder) => ({ keyword, holder, count: 256, by: 3 })),
  ),
  ...fc.sample(made, { seed: 1, numRuns: examples(60) }),
];
const caseOf = ({ keyword, holder, count, by }: (typeof drawn)[number], size: number): Case =>
  around[holder]!(widened[keyword]!(count * size), by);
const cases = drawn.flatMap((one) => [caseOf(one, 1), caseOf(one, 2)]);
const blocksOf = stepsOf(import.meta.url, (index) => workOf(cases[index]!));
const endless = Object.entries(widened)
  .filter(([keyword]) => keyword !== "$ref of many")
  .map(([keyword, of]) => ({ keyword, ...around["doubled by names"]!(of(512), 30) }));
const smallBudget = 20_000;
const blocksOfEndless = stepsOf(import.meta.url, (index) => workOf(endless[index]!, smallBudget));

/** A little, compared again and again, until there is nothing left of the budget. */
const spent: Readonly<Record<string, Case>> = Object.fromEntries(
  Object.entries({
    nothing: [{}, 1],
    type: [{ type: ["object", "array", "string", "null", "boolean", "integer", "number"] }, 1],
    $ref: [{ $ref: "#/items/allOf/0/not" }, 1],
    required: [{ required: names(20) }, {}],
    properties: [{ properties: { a: true }, additionalProperties: false }, { a: 1 }],
    dependentRequired: [{ dependentRequired: { a: ["b"], c: ["d"] } }, { a: 1 }],
    uniqueItems: [{ uniqueItems: true }, list(8)],
    contains: [{ contains: { const: 5 } }, list(5)],
    multipleOf: [{ multipleOf: 1e-300 }, 1e300],
    bounds: [{ minimum: 0.1, maximum: 9.9, exclusiveMinimum: 0.01, exclusiveMaximum: 99 }, 1.5],
  } as Readonly<Record<string, readonly [object, unknown]>>).map(([keyword, [schema, value]]) => [
    keyword,
    {
      schema: { items: { allOf: [{ not: { not: {} } }, ...times(400, () => schema)] } },
      value: times(200, () => value),
    },
  ]),
);
const blocksOfSpent = stepsOf(import.meta.url, (index) => {
  const { schema, value } = Object.values(spent)[index]!;
  faultsOf(schema, value, new Steps(smallBudget));
});

/** Blocks of code for each step of the budget, and for a schema of nothing. */
const blocksPerStep = 16;
const blocksAtFirst = 2_000;
/** The same for the check of an answer, which nobody can interrupt: a million of these is what it may take. */
const blocksPerCheckStep = 4;

describe("the work that the schemas of a request make", () => {
  it("grows with their size, and none of its steps has a size that a caller chooses", async () => {
    const blocks = await blocksOf(...cases.keys());
    for (const [at, { keyword, holder, count, by }] of drawn.entries()) {
      const about = `${keyword} (${count}), ${holder} (${by})`;
      const [once, twice] = [2 * at, 2 * at + 1].map((index) => ({
        blocks: blocks[index]!,
        steps: workOf(cases[index]!),
      }));
      expect(twice!.steps / once!.steps, `${about}: steps`).to.be.lessThan(2.5);
      // V8 counts some blocks of what it has compiled twice or not at all: the bound has room for it.
      for (const { blocks, steps } of [once!, twice!])
        expect(blocks, `${about}: blocks`).to.be.lessThan(blocksAtFirst + blocksPerStep * steps);
    }
  });

  it("ends by the one budget of the request where the schemas double without end", async () => {
    const blocks = await blocksOfEndless(...endless.keys());
    for (const [at, { keyword }] of endless.entries()) {
      // What is beyond the budget is the list or text that it ended at.
      expect(blocks[at], keyword).to.be.lessThan(20 * blocksAtFirst + blocksPerStep * smallBudget);
      expect(workOf(endless[at]!, smallBudget), keyword).to.be.greaterThan(smallBudget);
    }
  });

  it("costs as much a step in the check of an answer, however little of it is compared how often", async () => {
    const blocks = await blocksOfSpent(...Object.keys(spent).keys());
    for (const [at, keyword] of Object.keys(spent).entries()) {
      const { schema, value } = spent[keyword]!;
      expect(faultsOf(schema, value, new Steps(smallBudget)).at(-1)?.problem, keyword).to.match(/takes too long/);
      expect(blocks[at]! / smallBudget, keyword).to.be.lessThan(blocksPerCheckStep);
    }
  });

  it("is left open behind the budget: any arguments are written, and the answer says so", () => {
    const tools = times(4, (at) => ({
      name: `t${at}`,
      parameters: { type: "object", properties: record(names(9), () => text) },
    }));
    const request = { model: "m", messages: [], sampling: {}, tools } as never;
    const steps = new Steps(400);
    const verdict = formOf(request, () => syntax, steps);
    if (verdict.type !== "fine" || verdict.form.type !== "calls") throw new Error("refused");
    const grammar = readGbnf(verdict.form.grammar);
    expect(grammar.follow('t0 {"n1":"x"}</call>').ends).to.equal(true);
    expect(grammar.follow('t3 {"x":1}</call>').ends).to.equal(true);
    expect(grammar.follow("t3 1</call>").begins).to.equal(false);
    const faults = faultsIn({ name: "t3", arguments: '{"n1":1}' }, verdict.form.tools, steps);
    expect(faults).to.deep.equal([
      { at: "", keyword: "$schema", problem: "it takes too long to tell whether it fits" },
    ]);
    const strict = tools.map((tool) => ({ ...tool, strict: true }));
    const refused = formOf(
      { model: "m", messages: [], sampling: {}, tools: strict } as never,
      () => syntax,
      new Steps(100),
    );
    expect(refused).to.deep.include({ type: "refused" });
    expect(JSON.stringify(refused)).to.include("BAD_REQUEST").and.to.include("it takes too many steps to be read");
  });

  it("has members and patterns of one sum for all tools", () => {
    const many = { type: "object", properties: record(names(70_000), () => text), required: [] };
    const left = allowanceOf();
    const { schema, left: unsaid } = understand(many, left);
    expect(schema.root.type === "object" ? schema.root.members.length : 0).to.be.lessThan(
      runtimeLimits.schemaShapesMax,
    );
    expect(unsaid.at(-1)).to.deep.equal({ place: "/properties", problem: "it has more than 2000 parts", wrong: true });
    // A choice of too many allows anything, also where exactly one of them has to fit.
    const choice = { oneOf: times(3_000, (at) => ({ const: at })) };
    expect(fits(understand(choice).schema, 1)).to.equal(true);
    const rules = createRules();
    const grammar = rules.grammar(rules.value(schema));
    expect(grammar.length).to.be.lessThan(runtimeLimits.grammarCharsMax);
    // What was not read is written all the same.
    expect(readGbnf(grammar).follow('{"n69999":"x"}').ends).to.equal(true);
    // Long texts that part one letter after the other, and values that fill the grammar: any of them.
    const ladder = { enum: times(1_000, (at) => "a".repeat(at)) };
    const words = createRules().value(understand(ladder).schema);
    expect(words).to.equal("any");
    const read = allowanceOf();
    const patternOf = (at: number) => ({ pattern: `^${"a".repeat(4_000)}${10 + at}$` });
    const patterns = times(40, (at) => understand(patternOf(at), read).left[0]?.problem);
    expect(patterns.filter((problem) => problem?.startsWith("the patterns of the request")).length).to.equal(24);
    // Those that were read are known, as often as they come.
    const again = times(40, () => understand(patternOf(0), read).left[0]?.problem);
    expect(new Set(again)).to.deep.equal(new Set(["it is checked at the end"]));
  });

  it("has room for a pattern beside each time of many strict tools, as zod writes it", () => {
    const longMonths = String.raw`(0[13578]|1[02])-(0[1-9]|[12]\d|3[01])`;
    const months = String.raw`${longMonths}|(0[469]|11)-(0[1-9]|[12]\d|30)|(02)-(0[1-9]|1\d|2[0-8])`;
    const leapYears = String.raw`\d\d[2468][048]|\d\d[13579][26]|\d\d0[48]|[02468][048]00|[13579][26]00`;
    const days = String.raw`((${leapYears})-02-29|\d{4}-(${months}))`;
    const time = {
      type: "string",
      format: "date-time",
      pattern: String.raw`^${days}T([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d+)?)?(Z|([+-]([01]\d|2[0-3]):[0-5]\d))$`,
    };
    expect(time.pattern.length).to.be.greaterThan(250);
    const tools = times(128, (at) => ({
      name: `t${at}`,
      strict: true,
      parameters: {
        type: "object",
        properties: { from: time, to: time },
        required: ["from", "to"],
        additionalProperties: false,
      },
    }));
    const verdict = formOf({ model: "m", messages: [], sampling: {}, tools } as never, () => syntax, new Steps());
    if (verdict.type !== "fine" || verdict.form.type !== "calls") throw new Error(JSON.stringify(verdict));
    const grammar = readGbnf(verdict.form.grammar);
    const called = (at: string) => grammar.follow(`t127 {"from":"2024-02-29T10:00:00Z","to":"${at}"}</call>`).ends;
    expect([called("2024-02-29T10:00:00Z"), called("2023-02-29T10:00:00Z")]).to.deep.equal([true, false]);
  });

  it("knows each property of letters once, however often a pattern names it", () => {
    const often = readPattern(`^[${String.raw`\p{L}`.repeat(800)}]$`);
    const [, letter] = often?.type === "sequence" ? often.of : [];
    expect(letter?.type === "letter" ? letter.also.length : 0).to.equal(1);
    expect(
      [String.raw`\p{Nonsense}`, String.raw`[\p{L}-z]`, String.raw`\\p{L}`].map((source) => readPattern(source)),
    ).to.deep.equal([undefined, undefined, undefined]);
    expect(hasPattern(readPattern(String.raw`^\\p\{L\}$`)!, String.raw`\p{L}`)).to.equal(true);
  });
});
