/** The grammars of schemas, as llama.cpp itself reads and follows them. */
import { expect } from "chai";
import { getLlama, LlamaGrammar, LlamaLogLevel, type Llama } from "node-llama-cpp";
import { parseExact } from "../../protocols/wire/exact-number.ts";
import { createRules } from "../../runtimes/llama/grammar.ts";
import { understand } from "../../runtimes/schema-reader.ts";
import { readGbnf } from "../fixtures/gbnf.ts";

const grammarOf = (schema: unknown): string => {
  const rules = createRules();
  return rules.grammar(rules.value(understand(schema).schema));
};
/** What the library has for its own tests. */
interface Testing {
  _testText(text: string): boolean;
}

const text = { type: "string" };
const members = (count: number, of: unknown = text): object =>
  Object.fromEntries(Array.from({ length: count }, (_none, at) => [`p${at}`, of]));

/** Schemas, with JSON that is let through and JSON that is not. */
const rows: readonly (readonly [name: string, schema: unknown, fine: readonly string[], wrong: readonly string[]])[] = [
  [
    "22 members that may be missing",
    { type: "object", properties: members(22), required: [] },
    ["{}", '{"p3":"a","p9":"b"}', '{ "p21": "" }'],
    ['{"p9":"a","p3":"b"}', '{"p22":""}', '{"p1":""'],
  ],
  [
    "1,900 members that may be missing",
    { type: "object", properties: members(1_900) },
    ["{}", '{"p9":"a","p3":"b"}', '{"p1899":""}'],
    ['{"p1900":""}', '{"p":""}'],
  ],
  [
    "members of which one has to be there, and others",
    { type: "object", properties: members(3), required: ["p1"], additionalProperties: { type: "integer" } },
    ['{"p1":""}', '{"p0":"","p1":"","x":1,"y":2}', '{"p1":"","p2":"","é":1}'],
    ["{}", '{"p0":""}', '{"p1":"","x":""}'],
  ],
  ["1,900 values", { enum: Array.from({ length: 1_900 }, (_none, at) => `v${at}`) }, ['"v0"', '"v1899"'], ['"v"', '"v1900"']],
  [
    "values beyond the first plane",
    { enum: Array.from({ length: 40 }, (_none, at) => String.fromCodePoint(0x1f600 + at, 0x1f600)) },
    [JSON.stringify("\u{1f600}\u{1f600}"), JSON.stringify("\u{1f627}\u{1f600}")],
    [JSON.stringify("\u{1f600}"), JSON.stringify("\u{1f628}\u{1f600}")],
  ],
  [
    "objects that hold each other and begin alike",
    { anyOf: [{ type: "object", properties: { a: { $ref: "#" } } }, { type: "object", properties: { a: { $ref: "#" }, b: text } }] },
    ["{}", `${'{"a":'.repeat(40)}{}${"}".repeat(40)}`, '{"a":{},"b":""}'],
    ["[]", '{"c":1}'],
  ],
  [
    "lists of texts, all of which are counted",
    { type: "array", maxItems: 1_000, items: { type: "array", maxItems: 500, items: { type: "string", maxLength: 900 } } },
    ["[]", '[["a"],[]]', `[["${"a".repeat(900)}"]]`],
    ['["a"]', `[["${"a".repeat(901)}"]]`],
  ],
  [
    "lists of identifiers, which are counted",
    { type: "array", maxItems: 1_000, items: { type: "string", format: "uuid" } },
    ["[]", '["00000000-0000-0000-0000-000000000000"]'],
    ['["0"]'],
  ],
  ["whole numbers as long as identifiers are", { type: "integer" }, ["0", "2512292042121000001", "-2512292042121000001"], ["01", "1".repeat(20), "1.5"]],
  ["whole numbers with a least one", { type: "integer", minimum: 10 }, ["10", "999999999999999", "1000000000000000", "2512292042121000001"], ["9", "-2512292042121000001"]],
  ["whole numbers with a greatest one", { type: "integer", exclusiveMaximum: -3 }, ["-4", "-2512292042121000001"], ["-3", "2512292042121000001"]],
  ["whole numbers between bounds of more than 15 digits", { type: "integer", minimum: 1_000_000_000_000_001, maximum: Number.MAX_SAFE_INTEGER }, ["1000000000000001", "9007199254740991"], ["1000000000000000", "9007199254740992"]],
  ["a value of 19 digits", parseExact('{"const":2512292042121000001}'), ["2512292042121000001"], ["2512292042121000000", "2512292042121000002"]],
  ["values that a number rounds", parseExact('{"enum":[2512292042121000001,0.1000000000000000055511151231257827,1e400]}'), ["2512292042121000001", "0.1000000000000000055511151231257827", "1e400"], ["2512292042121000000", "0.1", "null"]],
  ["whole numbers of 64 bits", parseExact('{"type":"integer","minimum":-9223372036854775808,"maximum":9223372036854775807}'), ["0", "9007199254740993", "9223372036854775807", "-9223372036854775808"], ["9223372036854775808", "-9223372036854775809"]],
  ["whole numbers from one of 19 digits on", parseExact('{"type":"integer","minimum":2512292042121000001}'), ["2512292042121000001", "9999999999999999999"], ["2512292042121000000", "5"]],
  ["whole numbers beyond one of 19 digits", parseExact('{"type":"integer","exclusiveMinimum":2512292042121000001,"exclusiveMaximum":2512292042121000003}'), ["2512292042121000002"], ["2512292042121000001", "2512292042121000003"]],
  ["numbers between bounds that are no numbers of the language", parseExact('{"type":"number","minimum":9007199254740993,"maximum":9007199254740995}'), ["9007199254740993", "9007199254740994.5", "9007199254740995"], ["9007199254740992", "9007199254740996"]],
  [
    "1,500 ranges",
    { anyOf: Array.from({ length: 900 }, (_none, at) => ({ type: "integer", minimum: -at, maximum: 999_999 + 7 * at })) },
    ["1", "999999"],
    ['"1"', "x"],
  ],
]; // prettier-ignore

describe("the grammar of a schema, in llama.cpp", () => {
  let llama: Llama;
  before(async () => {
    llama = await getLlama({ gpu: false, logLevel: LlamaLogLevel.disabled, build: "never" });
  });
  after(() => llama.dispose());

  for (const [name, schema, fine, wrong] of rows)
    it(`is read and followed: ${name}`, () => {
      const written = grammarOf(schema);
      const grammar = new LlamaGrammar(llama, { grammar: written }) as unknown as Testing;
      const follows = (json: string): boolean => grammar._testText(json);
      for (const json of fine) expect(follows(json), json.slice(0, 100)).to.equal(true);
      for (const json of wrong) expect(follows(json), json.slice(0, 100)).to.equal(false);
      // The tests that count the ways of a grammar follow it as the library does.
      const counting = readGbnf(written);
      for (const json of [...fine, ...wrong])
        expect(counting.follow(json).ends, json.slice(0, 100)).to.equal(follows(json));
    });
});
