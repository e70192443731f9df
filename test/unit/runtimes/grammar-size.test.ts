/** Whatever the schema, its grammar is made in few steps, is small, and has few ways open at once while it is
 *  followed. */
import { expect } from "chai";
import fc from "fast-check";
import { exampleOf } from "../../../runtimes/echo/example.ts";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import { createRules } from "../../../runtimes/llama/grammar.ts";
import { fits, type Schema } from "../../../runtimes/schema.ts";
import { faultsOf } from "../../../runtimes/schema-check.ts";
import { understand } from "../../../runtimes/schema-reader.ts";
import { readGbnf, type Gbnf } from "../../fixtures/gbnf.ts";
import { stepsOf } from "../../fixtures/steps.ts";

const schemaOf = (schema: unknown): Schema => {
  const { schema: read, left } = understand(schema);
  if (left.length > 0) throw new Error(JSON.stringify(left));
  return read;
};
const textOf = (schema: unknown): string => {
  const rules = createRules();
  return rules.grammar(rules.value(schemaOf(schema)));
};
const grammarOf = (schema: unknown): Gbnf => readGbnf(textOf(schema));

const text = { type: "string" };
const times = <T>(count: number, of: (at: number) => T): T[] => Array.from({ length: count }, (_none, at) => of(at));
const optional = (count: number, of: (at: number) => unknown = () => text): Record<string, unknown> => ({
  type: "object",
  properties: Object.fromEntries(times(count, (at) => [`p${at}`, of(at)])),
  required: [],
});
/** A choice of two objects that begin alike and hold the choice again. */
const doubling = {
  $defs: {
    node: {
      anyOf: [
        { type: "object", properties: { a: { $ref: "#/$defs/node" } } },
        { type: "object", properties: { a: { $ref: "#/$defs/node" }, b: text } },
      ],
    },
  },
  $ref: "#/$defs/node",
};
/** The same, of names that each lead to the next one. */
const chained = {
  $defs: Object.fromEntries(
    times(10, (at) => {
      const next = at === 9 ? text : { $ref: `#/$defs/n${at + 1}` };
      return [`n${at}`, { anyOf: [optional(1, () => next), optional(2, () => next)] }];
    }),
  ),
  $ref: "#/$defs/n0",
};

/** Patterns of which each takes as many steps as it may, for each of so many keys. */
const slowKeys = stepsOf(import.meta.url, (count) => {
  const patterns = Object.fromEntries(times(count, (at) => [`(a+)+${at}b`, text]));
  return faultsOf(
    { type: "object", patternProperties: patterns },
    Object.fromEntries(times(count, (at) => ["a".repeat(100 + at), "x"])),
  );
});
/** The same of texts of a list. */
const slowTexts = stepsOf(import.meta.url, (count) =>
  fits(
    schemaOf({ type: "array", items: { type: "string", pattern: "^(a+)+b$" } }),
    times(count, () => "a".repeat(100)),
  ),
);
const wordPatterns = (count: number): unknown =>
  optional(count, (at) => ({ type: "string", pattern: `^(${times(200, (word) => `w${at}x${word}`).join("|")})$` }));
const readPatterns = stepsOf(import.meta.url, (count) => understand(wordPatterns(count)));

describe("the grammar of a schema", () => {
  it("is linear in the members that may be missing", () => {
    const chars = [18, 20, 22, 30, 60].map((count) => textOf(optional(count)).length);
    // Doubled: at most doubled.
    expect(chars[4]! / chars[3]!, String(chars)).to.be.lessThan(2);
    expect(textOf(optional(22)).length).to.be.lessThan(22 * 200);
    expect(textOf(optional(1_900)).length).to.be.lessThan(1_900 * 200);
    const nested = optional(30, () => optional(30));
    expect(textOf(nested).length).to.be.lessThan(30 * 31 * 200);
    expect(textOf({ type: "array", items: optional(100) }).length).to.be.lessThan(100 * 200);
  });

  it("lets the members through that are there, in their order, and those that have to be", () => {
    const { properties } = optional(4) as { properties: unknown };
    const grammar = grammarOf({ type: "object", properties, required: ["p2"] });
    const whole = (json: string): boolean => grammar.follow(json).ends;
    for (const json of [
      '{"p2":"x"}',
      '{"p0": "x", "p2": "y"}',
      '{"p0":"","p1":"","p2":"","p3":""}',
      '{"p2":"","p3":""}',
    ])
      expect(whole(json), json).to.equal(true);
    for (const json of ["{}", '{"p0":"x"}', '{"p2":""', '{"p2":"","p1":""}', '{"p2":"",}', '{,"p2":""}', '{"p4":""}'])
      expect(whole(json), json).to.equal(false);
    const many = grammarOf(optional(100));
    for (const json of ["{}", '{"p7":"x"}', '{"p77":"x","p7":"y"}', '{"p99":"x"}'])
      expect(many.follow(json).ends, json).to.equal(true);
    for (const json of ['{"p":"x"}', '{"p100":"x"}', '{"p7":1}', '{"p7":"x",}'])
      expect(many.follow(json).ends, json).to.equal(false);
    const open = grammarOf({ ...optional(2), additionalProperties: { type: "integer" } });
    for (const json of ["{}", '{"x":1}', '{"p0":"","x":1,"y":2}', '{"p1":"","x":1}'])
      expect(open.follow(json).ends, json).to.equal(true);
    expect(open.follow('{"x":"1"}').ends).to.equal(false);
  });

  it("lets every value through that fits, and of small schemas no other", () => {
    const { schema } = fc.letrec<{ schema: Record<string, unknown> }>((tie) => ({
      schema: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom<Record<string, unknown>>(
          { type: "boolean" },
          { type: "null" },
          text,
          { type: "integer" },
          { enum: ["x", "xy", 2, [null]] },
          { enum: times(20, (at) => "ab".repeat(at)) },
        ),
        fc.array(tie("schema"), { minLength: 1, maxLength: 4 }).map((anyOf) => ({ anyOf })),
        tie("schema").map((items) => ({ type: "array", items, maxItems: 3 })),
        fc.dictionary(fc.constantFrom("a", "ab", "b"), fc.tuple(tie("schema"), fc.boolean())).map((members) => ({
          type: "object",
          properties: Object.fromEntries(Object.entries(members).map(([key, [part]]) => [key, part])),
          required: Object.entries(members).flatMap(([key, [, required]]) => (required ? [key] : [])),
        })),
      ),
    }));
    const scalar = fc.oneof(
      fc.constantFrom(null, true, 1.5),
      fc.integer({ min: -9_999, max: 9_999 }),
      fc.constantFrom("x", "xy", "abab", ""),
    );
    const value = fc.oneof(
      scalar,
      fc.array(scalar, { maxLength: 4 }),
      fc.dictionary(fc.constantFrom("a", "b"), scalar),
    );
    fc.assert(
      fc.property(schema, fc.array(value, { maxLength: 6 }), (one, values) => {
        const understood = schemaOf(one);
        const grammar = grammarOf(one);
        for (const each of [...values, exampleOf(one), 2, "xy", {}, [], null, true]) {
          const json = JSON.stringify(each);
          const { ends, waysMax } = grammar.follow(json);
          expect(waysMax).to.be.lessThan(1_000);
          // Keys of a generated value come in any order, those of a grammar in one.
          const isOrdered = !json.includes("{");
          if (ends && isOrdered) expect(fits(understood, each), `${JSON.stringify(one)} and ${json}`).to.equal(true);
          if (isOrdered && fits(understood, each)) expect(ends, `${JSON.stringify(one)} and ${json}`).to.equal(true);
        }
        expect(grammar.follow(JSON.stringify(exampleOf(one))).ends, JSON.stringify(one)).to.equal(true);
      }),
    );
  });

  it("has few ways open at once, whatever the schema", () => {
    const rows: readonly (readonly [name: string, schema: unknown, json: string])[] = [
      ["22 that may be missing", optional(22), '{"p3":"a","p9":"b"}'],
      ["1,900 that may be missing", optional(1_900), '{"p9":"a","p3":"b"}'],
      ["1,900 values", { enum: times(1_900, (at) => `value ${at}`) }, '"value 77"'],
      ["1,500 constants", { anyOf: times(900, (at) => ({ const: `value ${at}` })) }, '"value 77"'],
      ["500 objects alike", { anyOf: times(500, (at) => optional(2, () => ({ type: "string", maxLength: at }))) }, '{"p0":"a","p1":"b"}'],
      ["objects that double", doubling, `${'{"a":'.repeat(12)}{}${"}".repeat(12)}`],
      ["objects that double by many names", chained, `${'{"p0":'.repeat(9)}{}${"}".repeat(9)}`],
      ["lists that double", { anyOf: [{ type: "array", items: { $ref: "#" } }, { type: "array", items: { $ref: "#" }, minItems: 1 }] }, "[".repeat(12) + "]".repeat(12)],
      ["1,500 texts", { anyOf: times(1_500, (at) => ({ type: "string", minLength: at })) }, '"aaaaaaaa"'],
      ["1,500 ranges", { anyOf: times(1_500, (at) => ({ type: "integer", minimum: -at, maximum: 999_999 + 7 * at })) }, "12345"],
      ["long texts", optional(900, () => ({ type: "string", maxLength: 1_000 })), '{"p3":"aaaaa"}'],
    ]; // prettier-ignore
    for (const [name, schema, json] of rows) {
      const written = textOf(schema);
      expect(written.length, name).to.be.lessThan(runtimeLimits.grammarCharsMax);
      const { ends, waysMax } = readGbnf(written).follow(json);
      expect(ends, `${name}: ${json}`).to.equal(true);
      expect(waysMax, name).to.be.lessThan(6 * runtimeLimits.grammarChoicesMax);
    }
  });

  it("leaves objects apart that begin with what each has to have, however deep they hold each other", () => {
    const kind = (name: string, parts: object): unknown => ({
      type: "object",
      properties: { kind: { const: name }, ...parts },
      required: ["kind"],
    });
    const tree = { anyOf: [kind("leaf", { value: { type: "integer" } }), kind("pair", { left: { $ref: "#" }, right: { $ref: "#" } })] };
    const grammar = grammarOf(tree);
    const deep = (depth: number): string => (depth === 0 ? '{"kind":"leaf","value":1}' : `{"kind":"pair","left":${deep(depth - 1)},"right":{"kind":"leaf"}}`);
    expect(grammar.follow(deep(8))).to.deep.include({ ends: true });
    expect(grammar.follow(deep(8)).waysMax).to.be.lessThan(20);
    expect(grammar.follow('{"kind":"leaf","left":').begins).to.equal(false);
  }); // prettier-ignore

  it("counts no further than it may in all, and leaves the rest to the check at the end", () => {
    const counted = (grammar: string): number =>
      [...grammar.matchAll(/\{\d*,?(\d+)\}/g)].reduce((sum, [, count]) => sum + Number(count), 0);
    const { grammarRepeatsSumMax } = runtimeLimits;
    const long = { type: "string", maxLength: 1_000 };
    for (const schema of [
      optional(900, () => long),
      { type: "array", maxItems: 1_000, items: { type: "array", maxItems: 1_000, items: long } },
      { type: "array", minItems: 1e9, maxItems: 1e15, items: { type: "string", minLength: 1e9, maxLength: 1e12 } },
    ])
      expect(counted(textOf(schema)), JSON.stringify(schema).slice(0, 80)).to.be.lessThan(grammarRepeatsSumMax + 500);
  });

  it("says the first elements of a list one by one, as many as it counts to, and lets any follow", () => {
    const list = (count: number) => ({ type: "array", prefixItems: times(count, () => ({ type: "boolean" })) });
    const { grammarRepeatsMax } = runtimeLimits;
    const looselyOf = (schema: unknown): string => {
      const rules = createRules();
      return rules.grammar(rules.value(understand(schema).schema));
    };
    const said = textOf(list(grammarRepeatsMax));
    // The last is as large a body as there is.
    for (const large of [list(4 * grammarRepeatsMax), { type: "array", prefixItems: times(250_000, () => ({})) }])
      expect(looselyOf(large).length).to.be.lessThan(said.length * 1.5);
    const [few, many] = [grammarOf(list(3)), grammarOf(list(grammarRepeatsMax + 2))];
    const truths = (count: number) => JSON.stringify(times(count, () => true));
    for (const count of [0, 1, 3]) expect(few.follow(truths(count)).ends, `${count}`).to.equal(true);
    expect(few.follow("[1]").begins).to.equal(false);
    expect(many.follow("[true,1]").begins).to.equal(false);
    expect(many.follow(`${truths(grammarRepeatsMax).slice(0, -1)},1]`).ends).to.equal(true);
  });

  it("counts what patterns count to in its one sum, and each pattern once", () => {
    const counting = (at: number) => String.raw`^\d{0,250}x\d{0,250}y\d{0,250}${at}$`;
    const named = (count: number, of: (at: number) => string) =>
      schemaOf({
        type: "object",
        properties: Object.fromEntries(times(count, (at) => [`n${at}`, { type: "string", pattern: of(at) }])),
      });
    const counted = (text: string): number =>
      [...text.matchAll(/\{\d*,?(\d+)\}/gu)].reduce((sum, [, count]) => sum + Number(count), 0);
    const textOf = (schema: ReturnType<typeof schemaOf>): string => {
      const rules = createRules();
      return rules.grammar(rules.value(schema));
    };
    const many = textOf(named(700, counting));
    expect(counted(many)).to.be.lessThan(runtimeLimits.grammarRepeatsSumMax + 100);
    expect(readGbnf(many).follow('{"n0":"1x2y30"').begins).to.equal(true);
    expect(readGbnf(many).follow('{"n0":"z').begins).to.equal(false);
    // Any text is left for those behind.
    expect(readGbnf(many).follow('{"n699":"z"}').ends).to.equal(true);
    const same = textOf(named(700, () => counting(0)));
    expect(readGbnf(same).follow('{"n699":"z').begins).to.equal(false);
    expect(counted(same)).to.be.lessThan(1_000);
  });

  it("ends within its size: what is left is any JSON, and arguments stay an object", () => {
    const rules = createRules();
    const big = schemaOf({ type: "object", properties: { a: { const: "x".repeat(600_000) } } });
    const words = [rules.value(big), rules.value(big), rules.value(big), rules.value(big)];
    expect(rules.grammar(words.join(" ")).length).to.be.lessThan(2 * runtimeLimits.grammarCharsMax);
    const last = readGbnf(rules.grammar(words.at(-1)!));
    expect(last.follow('{"a":1}').ends).to.equal(true);
    expect(last.follow("1").begins).to.equal(false);
  });
});

describe("the check of a value", () => {
  it("ends, however often the names of a schema lead to one another", () => {
    const levels = 14;
    const same = Object.fromEntries(
      times(levels, (at) => {
        const next = { $ref: `#/$defs/n${at + 1}` };
        return [`n${at}`, { anyOf: [next, next, next, next] }];
      }),
    );
    const ladder = { $defs: { ...same, [`n${levels}`]: { type: "integer" } }, $ref: "#/$defs/n0" };
    expect(understand(ladder).left).to.deep.equal([]);
    expect(fits(schemaOf(ladder), "no number")).to.equal(false);
    expect(fits(schemaOf(ladder), 1)).to.equal(true);
    let deep: unknown = 1;
    for (let depth = 0; depth < 200; depth += 1) deep = { a: deep };
    expect(fits(schemaOf(doubling), deep)).to.equal(false);
  });

  it("ends, however many texts there are that take their patterns long, and reads no more of patterns than it may", async () => {
    const [one = 0, many = 0] = await slowKeys(1, 63);
    // The budget of a request is 5 of those of one comparison.
    expect(many / one).to.be.lessThan(7);
    const [first = 0, all = 0] = await slowTexts(1, 2_000);
    expect(all / first).to.be.lessThan(7);
    const [few = 0, much = 0] = await readPatterns(60, 400);
    expect(much / few).to.be.lessThan(3);
    expect(understand(wordPatterns(200)).left[0]).to.deep.include({
      problem: "the patterns of the request have more than 65536 characters together, and it is not checked",
    });
  });

  it("reads what a name stands for once, however the name is written", () => {
    const spelled = (at: number): string =>
      Array.from("abcdefgh")
        .map((letter, bit) => ((at >> bit) & 1 ? `%${letter.charCodeAt(0).toString(16)}` : letter))
        .join("");
    const schema = {
      $defs: { abcdefgh: { enum: times(100, (at) => at) } },
      anyOf: times(256, (at) => ({ $ref: `#/$defs/${spelled(at)}` })),
    };
    const understood = understand(schema);
    expect(understood.schema.named.size).to.equal(1);
    expect(understand({ $ref: "#/%" }).left).to.deep.equal([
      { place: "/$ref", problem: "there is nothing at #/%", wrong: true },
    ]);
  });
});

describe("the example of a schema", () => {
  it("is small, however often its names lead to one another, and whatever they hold", () => {
    const two = (at: number): unknown => ({
      type: "object",
      properties: { a: { $ref: `#/$defs/n${at + 1}` }, b: { $ref: `#/$defs/n${at + 1}` } },
      required: ["a", "b"],
    });
    const $defs = Object.fromEntries(times(30, (at) => [`n${at}`, two(at)]));
    expect(JSON.stringify(exampleOf({ $defs, $ref: "#/$defs/n0" })).length).to.be.lessThan(100_000);
    let lists: unknown = { const: "x".repeat(1_000) };
    for (let depth = 0; depth < 10; depth += 1) lists = { type: "array", items: lists, minItems: 64 };
    expect(JSON.stringify(exampleOf(lists)).length).to.be.lessThan(500_000);
  });
});
