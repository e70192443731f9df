import { expect } from "chai";
import type { GenerationRequest, Tool } from "../../../protocols/index.ts";
import { runtimeLimits } from "../../../runtimes/index.ts";
import { wrongIn } from "../../../runtimes/wrong-request.ts";

const fieldOf = (fields: Partial<GenerationRequest>): unknown => {
  const request = { id: "r", model: "", messages: [], sampling: {}, timeoutMs: 1, ...fields };
  const error = wrongIn(request);
  return error === undefined ? undefined : [error.code, error.details?.["field"]];
};
const tools = (count: number, parameters?: Tool["parameters"]): readonly Tool[] =>
  Array.from({ length: count }, (_none, at) => ({ name: `tool${at}`, ...(parameters && { parameters }) }));

describe("a request for text", () => {
  it("makes sense with tools of different names and with schemas that do", () => {
    const format = { type: "schema", schema: { type: "object" } } as const;
    expect(fieldOf({ format, tools: tools(2, {}), toolChoice: { name: "tool1" } })).to.equal(undefined);
    // What a model cannot keep to is its adapter's to refuse.
    expect(fieldOf({ format: { type: "schema", schema: { pattern: "x" } } })).to.equal(undefined);
  });

  it("makes none with names twice or without a letter, or a choice of what is not there", () => {
    expect(fieldOf({ tools: [...tools(1), ...tools(1)] })).to.deep.equal(["BAD_REQUEST", "tools"]);
    expect(fieldOf({ tools: [{ name: "" }] })).to.deep.equal(["BAD_REQUEST", "tools"]);
    expect(fieldOf({ tools: tools(1), toolChoice: { name: "other" } })).to.deep.equal(["BAD_REQUEST", "toolChoice"]);
    expect(fieldOf({ toolChoice: "required" })).to.deep.equal(["BAD_REQUEST", "toolChoice"]);
  });

  it("makes none with a schema that is none, or with arguments that are no object", () => {
    expect(fieldOf({ format: { type: "schema", schema: { type: "text" } } })).to.deep.equal(["BAD_REQUEST", "format"]);
    for (const parameters of [{ type: "text" }, { type: "string" }])
      expect(fieldOf({ tools: tools(1, parameters) })).to.deep.equal(["BAD_REQUEST", "tools.tool0.parameters"]);
  });

  it("has so many tools, and their schemas together so many parts", () => {
    const { toolsPerRequestMax, schemaShapesMax } = runtimeLimits;
    expect(fieldOf({ tools: tools(toolsPerRequestMax) })).to.equal(undefined);
    expect(fieldOf({ tools: tools(toolsPerRequestMax + 1) })).to.deep.equal(["BAD_REQUEST", "tools"]);
    const half = { properties: { one: { enum: Array.from({ length: schemaShapesMax / 2 }, (_none, at) => at) } } };
    expect(fieldOf({ tools: tools(1, half) })).to.equal(undefined);
    expect(fieldOf({ tools: tools(2, half) })).to.deep.equal(["BAD_REQUEST", "tools"]);
  });
});
