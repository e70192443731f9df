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
  });

  it("makes none with names twice or without a letter, or a choice of what is not there", () => {
    expect(fieldOf({ tools: [...tools(1), ...tools(1)] })).to.deep.equal(["BAD_REQUEST", "tools"]);
    expect(fieldOf({ tools: [{ name: "" }] })).to.deep.equal(["BAD_REQUEST", "tools"]);
    expect(fieldOf({ tools: tools(1), toolChoice: { name: "other" } })).to.deep.equal(["BAD_REQUEST", "toolChoice"]);
    expect(fieldOf({ toolChoice: "required" })).to.deep.equal(["BAD_REQUEST", "toolChoice"]);
  });

  it("makes sense whatever its schemas say: they are for whoever keeps to them", () => {
    expect(fieldOf({ format: { type: "schema", schema: { type: "text" } } })).to.equal(undefined);
    for (const parameters of [{ type: "text" }, { type: "string" }, { properties: { a: { pattern: "(" } } }])
      expect(fieldOf({ tools: tools(1, parameters) })).to.equal(undefined);
  });

  it("has so many tools", () => {
    const { toolsPerRequestMax } = runtimeLimits;
    expect(fieldOf({ tools: tools(toolsPerRequestMax) })).to.equal(undefined);
    expect(fieldOf({ tools: tools(toolsPerRequestMax + 1) })).to.deep.equal(["BAD_REQUEST", "tools"]);
  });
});
