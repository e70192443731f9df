/** Schemas as programs write them: the tools of servers that speak MCP, and what zod makes of its own. None refuses a
 *  request. */
import { expect } from "chai";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { GenerationRequest, Tool } from "../../../protocols/index.ts";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import type { CallSyntax } from "../../../runtimes/llama/calls.ts";
import { formOf } from "../../../runtimes/llama/form.ts";
import { createRules } from "../../../runtimes/llama/grammar.ts";
import { faultsOf } from "../../../runtimes/schema-check.ts";
import { understand } from "../../../runtimes/schema-reader.ts";
import { Steps } from "../../../runtimes/steps.ts";
import { readGbnf } from "../../fixtures/gbnf.ts";

const recorded = (name: string): unknown =>
  JSON.parse(readFileSync(join(import.meta.dirname, `../../fixtures/schemas/${name}.json`), "utf8"));
const toolsOf = (name: string): readonly Tool[] =>
  (
    recorded(`mcp-${name}`) as { readonly tools: readonly { readonly name: string; readonly inputSchema: object }[] }
  ).tools.map(({ name: called, inputSchema }) => ({
    name: called,
    parameters: inputSchema as NonNullable<Tool["parameters"]>,
  }));
const { schemas } = recorded("zod") as { readonly schemas: Readonly<Record<string, unknown>> };

const syntax: CallSyntax = { section: "", opening: "<call>", middle: ":", closing: "</call>", between: "", alternatives: [] }; // prettier-ignore
const requestOf = (fields: Partial<GenerationRequest>): GenerationRequest => ({ id: "r", model: "m", messages: [], sampling: {}, timeoutMs: 1, ...fields }); // prettier-ignore
const form = (fields: Partial<GenerationRequest>) => formOf(requestOf(fields), () => syntax);

/** Of each of zod's: a value that it is, and one that it is not. */
const values: Readonly<Record<string, readonly [fine: unknown, not: unknown]>> = {
  record: [{ a: 1.5 }, { a: "1" }],
  "record of named": [{ north: 1, south: 2 }, { north: 1 }],
  "partial record": [{ north: 1 }, { east: 1 }],
  "record of patterns": [{ de: "x" }, { deu: "x" }],
  email: ["a.b@example.org", "a..b@example.org"],
  uuid: ["123e4567-e89b-42d3-a456-426614174000", "123e4567-e89b-92d3-a456-426614174000"],
  ipv4: ["192.168.0.1", "256.1.1.1"],
  ipv6: ["2001:db8::1", "2001:db8"],
  base64: ["YWJj", "YWJ"],
  e164: ["+4915112345678", "0151"],
  emoji: ["😀", "a"],
  date: ["2024-02-29", "2023-02-29"],
  time: ["12:30:00", "24:30"],
  datetime: ["2024-02-29T12:30:00Z", "2024-02-30T12:30:00Z"],
  duration: ["P1DT2H", "P"],
  int: [4, 4.5],
  int32: [2_147_483_647, 2_147_483_648],
  multiple: [15, 16],
  positive: [0.5, 0],
  regex: ["ABC-12", "AB-12"],
  "two regexes": ["a to z", "a to y"],
  starts: ["ab m yz", "ab n yz"],
  lowercase: ["abc é", "aBc"],
  intersection: [{ a: "x", b: 1 }, { b: 1 }],
  discriminated: [{ kind: "b", y: "a@b.co" }, { kind: "a", y: "a@b.co" }],
  tuple: [["a", 1, true], ["a"]],
  array: [["123e4567-e89b-42d3-a456-426614174000"], []],
  literal: [null, "b"],
  nullable: [null, "a@"],
  optional: [{ b: 3 }, { a: "x" }],
  strict: [{ a: "" }, { a: "", b: 1 }],
  catchall: [{ a: "", b: 1 }, { a: "", b: "1" }],
  template: ["id--12", "id-x"],
  json: [[{ a: [null] }], undefined],
  never: [{}, { a: 1 }],
  recursive: [{ name: "a", children: [{ name: "b", children: [] }] }, { name: "a", children: [{}] }],
  xor: [{ a: 1 }, { a: 1, b: 1 }],
}; // prettier-ignore

describe("schemas of other programs", () => {
  for (const server of ["filesystem", "playwright", "notion"])
    it(`of the tools of ${server} refuse no request, all of them at once`, () => {
      const tools = toolsOf(server);
      expect(tools.length).to.be.greaterThan(12);
      const verdict = form({ tools });
      if (verdict.type !== "fine" || verdict.form.type !== "calls") throw new Error(JSON.stringify(verdict));
      expect(verdict.form.tools.map(({ schema }) => schema.root.type)).not.to.include("any");
      // It is a grammar.
      expect(readGbnf(verdict.form.grammar).rules).to.be.greaterThan(tools.length);
      for (const tool of tools) expect(form({ tools: [tool] }).type, tool.name).to.equal("fine");
    });

  it("take a tenth of the steps of a request, 128 tools and all that zod makes among them", () => {
    const tools = ["filesystem", "playwright", "notion"].flatMap(toolsOf);
    const many = Array.from({ length: 128 }, (_, at) => ({ ...tools[at % tools.length]!, name: `t${at}` }));
    const properties = schemas as Readonly<Record<string, object>>;
    for (const request of [
      requestOf({ tools: many }),
      requestOf({ format: { type: "schema", schema: { type: "object", properties } } }),
    ]) {
      const steps = new Steps();
      expect(formOf(request, () => syntax, steps).type).to.equal("fine");
      expect(steps.left).to.be.greaterThan(0.9 * runtimeLimits.schemaStepsMax);
    }
  });

  for (const [name, schema] of Object.entries(schemas))
    it(`of zod refuse no request: ${name}`, () => {
      expect(
        form({ format: { type: "schema", schema: schema as object as Readonly<Record<string, unknown>> } }).type,
      ).to.equal("fine");
      const tool = { name: "t", parameters: { type: "object", properties: { x: schema } } };
      expect(form({ tools: [tool] }).type).to.equal("fine");
      const [fine, not] = values[name] ?? [undefined, undefined];
      if (fine === undefined) return;
      const { schema: read, left } = understand(schema);
      const rules = createRules();
      const grammar = readGbnf(rules.grammar(rules.value(read)));
      const says = (value: unknown): boolean => grammar.follow(JSON.stringify(value)).ends;
      expect(says(fine), "the grammar lets through what is fine").to.equal(true);
      expect(faultsOf(schema, fine), "nothing is named of what is fine").to.deep.equal([]);
      if (not === undefined) return;
      expect(faultsOf(schema, not), "what is wrong is named").not.to.deep.equal([]);
      // What is said whole, and is no choice of one alone, the grammar says.
      if (left.length === 0 && name !== "xor") expect(says(not), "the grammar lets no other through").to.equal(false);
    });

  it("of which a part is strict and cannot be said refuse that part, by its path", () => {
    const [mail] = [{ name: "mail", parameters: { type: "object", properties: { to: schemas["emoji"] } } }];
    const tools = [...toolsOf("filesystem"), mail];
    expect(form({ tools }).type).to.equal("fine");
    const verdict = form({ tools: tools.map((tool) => ({ ...tool, strict: true })) });
    expect(verdict).to.deep.include({ type: "refused" });
    if (verdict.type !== "refused") return;
    expect(verdict.error.code).to.equal("MODEL_UNSUPPORTED");
    expect(verdict.error.details).to.deep.include({ field: "tools.mail.parameters", place: "/properties/to/pattern" });
    const wrong = form({ format: { type: "schema", schema: { type: "text" }, strict: true } });
    expect(wrong.type === "refused" && wrong.error).to.deep.include({ code: "BAD_REQUEST" });
  });

  it("of arguments that are no object are those of any object", () => {
    for (const parameters of [{ type: "string" }, { type: "text" }, { $ref: "#/nowhere" }, { anyOf: [{ type: "null" }] }]) {
      expect(form({ tools: [{ name: "t", parameters }] }).type, JSON.stringify(parameters)).to.equal("fine");
      expect(form({ tools: [{ name: "t", parameters, strict: true }] }).type).to.equal("refused");
    }
    const either = { anyOf: [{ type: "null" }, { type: "object", properties: { a: { type: "integer" } }, required: ["a"] }] };
    const verdict = form({ tools: [{ name: "t", parameters: either }], toolChoice: "required" });
    const grammar = readGbnf(verdict.type === "fine" && verdict.form.type === "calls" ? verdict.form.grammar : "");
    expect(grammar.follow('t:{"a":1}</call>').ends).to.equal(true);
    expect(grammar.follow("t:null</call>").ends).to.equal(false);
  }); // prettier-ignore

  it("that are too many together are open where their parts end, and the rest is kept", () => {
    const wide = { type: "object", properties: { one: { enum: Array.from({ length: 1_500 }, (_none, at) => at) } } };
    const tools = ["a", "b", "c"].map((name) => ({ name, parameters: wide }));
    const verdict = form({ tools, toolChoice: "required" });
    if (verdict.type !== "fine" || verdict.form.type !== "calls") throw new Error(JSON.stringify(verdict));
    const grammar = readGbnf(verdict.form.grammar);
    expect(grammar.follow('a:{"one":1500}</call>').ends).to.equal(false);
    expect(grammar.follow('c:{"one":1500}</call>').ends).to.equal(true);
  });
});
