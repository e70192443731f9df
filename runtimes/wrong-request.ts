/** What makes no sense in a request for text, whatever model it is for: found before it waits. Pure. */
import { failure, type Failure, type GenerationRequest } from "../protocols/index.ts";
import { runtimeLimits } from "./limits.ts";
import { understand } from "./schema.ts";

/** Why a request is refused; undefined: it makes sense. `read` reads its schemas. */
export function wrongIn(
  { messages, tools = [], toolChoice, format }: GenerationRequest,
  read = understand,
): Failure | undefined {
  const bad = (field: string, reason: string): Failure => failure("BAD_REQUEST", { field, reason });
  const begun = messages.findIndex(({ continues }) => continues);
  if (begun >= 0) {
    const { role, calls } = messages[begun]!;
    if (begun < messages.length - 1 || role !== "assistant" || calls !== undefined)
      return bad("messages", "what continues is the last one, of the assistant, without calls");
    if (format !== undefined || toolChoice === "required" || typeof toolChoice === "object")
      return bad("messages", "what has to have a form from its beginning cannot be continued");
  }
  const { toolsPerRequestMax } = runtimeLimits;
  if (tools.length > toolsPerRequestMax) return failure("BAD_REQUEST", { field: "tools", max: toolsPerRequestMax });
  const names = new Set(tools.map(({ name }) => name));
  if (names.size < tools.length || names.has("")) return bad("tools", "each has a name of its own");
  if (typeof toolChoice === "object" && !names.has(toolChoice.name))
    return bad("toolChoice", `there is no tool ${toolChoice.name}`);
  if (toolChoice === "required" && tools.length === 0) return bad("toolChoice", "there is no tool");
  let size = 0;
  for (const { name, parameters = {} } of tools) {
    const field = `tools.${name}.parameters`;
    const understood = read(parameters);
    if (understood.type === "wrong") return bad(field, understood.reason);
    if (understood.type !== "fine") continue;
    // Together, too: their grammar is one.
    size += understood.size;
    if (size > runtimeLimits.schemaShapesMax)
      return failure("BAD_REQUEST", { field: "tools", max: runtimeLimits.schemaShapesMax });
    const { root, named } = understood.schema;
    const shape = root.type === "named" ? named.get(root.name) : root;
    if (shape?.type !== "object" && shape?.type !== "any") return bad(field, "arguments are an object");
  }
  if (format?.type !== "schema") return undefined;
  const understood = read(format.schema);
  return understood.type === "wrong" ? bad("format", understood.reason) : undefined;
}
