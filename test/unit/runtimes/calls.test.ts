import { expect } from "chai";
import {
  createCallReader,
  faultsOfJson,
  readCalls,
  triggersOf,
  type Callable,
  type CallSyntax,
} from "../../../runtimes/llama/calls.ts";
import { Dice } from "../../world/index.ts";
import { parseExact } from "../../../protocols/wire/exact-number.ts";
import { understand } from "../../../runtimes/schema-reader.ts";
import { anyObject } from "../../../runtimes/schema.ts";

const tagged: CallSyntax = {
  section: "",
  opening: '\n<tool_call>\n{"name": "',
  middle: '", "arguments": ',
  closing: "}\n</tool_call>",
  between: "",
  alternatives: [],
};
const tools: readonly Callable[] = ["get", "get_all"].map((name) => ({
  name,
  schema: anyObject,
  document: true,
  strict: false,
}));
const read = (text: string, syntax = tagged) => readCalls(syntax, tools, text);

describe("calls as a model writes them", () => {
  it("are read one after the other, by the longest name that is there", () => {
    const text =
      'get_all", "arguments": {"a": "}\\"]", "b": [{}]}}\n</tool_call>\n<tool_call>\n{"name": "get", "arguments": {}}\n</tool_call>';
    expect(read(text)).to.deep.equal([
      { name: "get_all", arguments: '{"a": "}\\"]", "b": [{}]}' },
      { name: "get", arguments: "{}" },
    ]);
  });

  it("count only when they are whole", () => {
    const first = 'get", "arguments": {}}\n</tool_call>';
    expect(read(`${first}\n<tool_call>\n{"name": "get", "arguments": {"a": "`)).to.have.length(1);
    expect(read('get", "arguments": {"a": 1')).to.deep.equal([]);
    expect(read('nothing", "arguments": {}')).to.deep.equal([]);
    expect(read("")).to.deep.equal([]);
  });

  it("may hold the name twice", () => {
    const syntax: CallSyntax = { ...tagged, opening: "<function=", middle: ">", closing: "</{{functionName}}>" };
    expect(read("get>{}</get><function=get_all>{}</get_all>", syntax).map(({ name }) => name)).to.deep.equal([
      "get",
      "get_all",
    ]);
  });

  it("are known by as much of their opening as has no white space", () => {
    expect(triggersOf(tagged)).to.deep.equal(["<tool_call>"]);
    expect(triggersOf({ ...tagged, section: "[TOOL_CALLS]", opening: '[{"name": "' })).to.deep.equal(["[TOOL_CALLS]"]);
    expect(triggersOf({ ...tagged, opening: '{ "name": "', alternatives: ["||call:"] })).to.deep.equal([
      '{ "name": "',
      "||call:",
    ]);
  });

  describe("with numbers that the language rounds", () => {
    const faults = (schema: string, given: string, strict = false): unknown => {
      const document = parseExact(schema);
      const found = faultsOfJson({ schema: understand(document).schema, document, strict }, given);
      return found?.map(({ keyword, problem }) => `${keyword}: ${problem}`);
    };
    const rows: readonly (readonly [schema: string, fine: readonly string[], wrong: readonly string[], fault: string])[] = [
      ['{"const":2512292042121000001}', ["2512292042121000001", "2512292042121000001.0"], ["2512292042121000000", "2512292042121000002"], "const: it is another value"],
      ['{"enum":[1.10,2512292042121000001]}', ["1.1", "2512292042121000001"], ["2512292042121000000"], "enum: it is none of the values"],
      ['{"type":"integer","minimum":2512292042121000001}', ["2512292042121000001", "3e18"], ["2512292042121000000"], "minimum: it is less than 2512292042121000001"],
      ['{"type":"integer","maximum":9223372036854775807}', ["9223372036854775807"], ["9223372036854775808"], "maximum: it is more than 9223372036854775807"],
      ['{"exclusiveMinimum":9007199254740992}', ["9007199254740993"], ["9007199254740992"], "exclusiveMinimum: it is not more than 9007199254740992"],
      ['{"exclusiveMaximum":9007199254740993}', ["9007199254740992"], ["9007199254740993"], "exclusiveMaximum: it is not less than 9007199254740993"],
      ['{"multipleOf":1000000007}', ["1000000014000000049"], ["1000000014000000050"], "multipleOf: it is not a multiple of 1000000007"],
      ['{"multipleOf":0.1}', ["0.3", "123456789012345678.9"], ["123456789012345678.95"], "multipleOf: it is not a multiple of 0.1"],
      ['{"type":"integer"}', ["12345678901234567890", "1.0"], ["1234567890123456789.5"], "type: it is not integer"],
      ['{"uniqueItems":true}', ["[9007199254740992,9007199254740993]"], ["[9007199254740993,9007199254740993]"], "uniqueItems: two elements are the same"],
    ]; // prettier-ignore
    for (const [schema, fine, wrong, fault] of rows)
      it(`compares exactly: ${schema}`, () => {
        for (const given of fine) expect(faults(schema, given), given).to.deep.equal([]);
        for (const given of wrong) expect(faults(schema, given), given).to.deep.equal([fault]);
        if (/multipleOf|unique/.test(schema)) return;
        for (const given of fine) expect(faults(schema, given, true), given).to.deep.equal([]);
        for (const given of wrong) expect(faults(schema, given, true), given).to.equal(undefined);
      });
  });

  describe("in pieces", () => {
    const between: CallSyntax = { ...tagged, section: "[", opening: "", middle: "", closing: "", between: ", " };
    const rows: readonly (readonly [name: string, syntax: CallSyntax, text: string])[] = [
      [
        "behind each other",
        tagged,
        'get_all", "arguments": {"a": "}\\"]\\\\", "b": [{}], "c": "\u{1F600}"}}\n</tool_call>\n<tool_call>\n{"name": "get", "arguments": { }}\n</tool_call>\n<tool_call>\n{"name": "get", "arg',
      ],
      ["with nothing around them", between, 'get_all{"a":{"b":"\\u007d"}}, get{}, get{"a":[1,{"b":"{"}],"c'],
    ];
    for (const [name, syntax, text] of rows)
      it(`are the same however the text is cut: ${name}`, () => {
        for (let seed = 0; seed < 300; seed += 1) {
          const dice = new Dice(seed);
          const whole = text.slice(0, dice.chance(0.5) ? text.length : dice.below(text.length + 1));
          const reader = createCallReader(syntax, tools);
          const told: string[] = [];
          const names: string[] = [];
          for (let at = 0; at < whole.length;) {
            const to = at + 1 + dice.below(dice.pick([1, 3, 40]));
            for (const piece of reader.push(whole.slice(at, to))) {
              expect(piece.index, "one call after the other").to.be.oneOf([told.length - 1, told.length]);
              if (piece.index === told.length) names.push(piece.name);
              told[piece.index] = (told[piece.index] ?? "") + piece.arguments;
            }
            at = to;
          }
          const calls = readCalls(syntax, tools, whole);
          expect(reader.calls).to.deep.equal(calls);
          expect(told.slice(0, calls.length)).to.deep.equal(calls.map((call) => call.arguments));
          expect(names.slice(0, calls.length)).to.deep.equal(calls.map((call) => call.name));
          // What was cut off is there as far as it was written.
          expect(told.length - calls.length).to.be.oneOf([0, 1]);
          expect(whole.endsWith(told[calls.length] ?? "")).to.equal(true);
        }
      });
  });
});
