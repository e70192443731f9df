import { expect } from "chai";
import { readCalls, triggersOf, type Callable, type CallSyntax } from "../../../runtimes/llama/calls.ts";
import { anyObject } from "../../../runtimes/schema.ts";

const tagged: CallSyntax = {
  section: "",
  opening: '\n<tool_call>\n{"name": "',
  middle: '", "arguments": ',
  closing: "}\n</tool_call>",
  between: "",
  alternatives: [],
};
const tools: readonly Callable[] = ["get", "get_all"].map((name) => ({ name, parameters: anyObject }));
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
});
