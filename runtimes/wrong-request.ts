/** What makes no sense in a request for text, whatever model it is for: found before it waits. Schemas are read by the
 *  server that keeps to them: another server may know more of them. Pure. */
import { failure, type Failure, type GenerationRequest } from "../protocols/index.ts";
import { runtimeLimits } from "./limits.ts";

/** Why a request is refused; undefined: it makes sense. */
export function wrongIn({ messages, tools = [], toolChoice, format }: GenerationRequest): Failure | undefined {
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
  return undefined;
}
