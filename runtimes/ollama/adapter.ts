/** Ollama. https://docs.ollama.com/api */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type {
  Capability,
  ChatMessage,
  Format,
  GenerationEnd,
  GenerationRequest,
  Tool,
  ToolChoice,
} from "../../protocols/index.ts";
import { runtimeLimits } from "../limits.ts";
import { toolOf } from "../openai/chat.ts";
import { abilitiesByName, abilitiesOf } from "../remote/abilities.ts";
import { remoteAdapter, type Described, type Provider } from "../remote/adapter.ts";
import type { Call } from "../remote/call.ts";
import { at, countAt, fromJson, listAt, numberAt, textAt } from "../remote/json.ts";
import { remoteLimits } from "../remote/limits.ts";
import { damaged } from "../remote/refusals.ts";
import {
  argumentsIn,
  argumentsOf,
  base64Of,
  logprobsIn,
  writeText,
  type Delta,
  type TextMapping,
} from "../remote/text.ts";
import { sentSchema } from "../written-schema.ts";
import { vectorOf, wholeVectors } from "../remote/vectors.ts";

const provider: Provider = {
  name: "ollama",
  capabilities: ["chat", "tools", "json", "logprobs", "vision", "continue", "embed"],
  wire: {
    base: (url) => `${url.href.replace(/\/(?:(?:api|v1)\/?)?$/, "")}/api`,
    headers: (key): Record<string, string> => (key === undefined ? {} : { authorization: `Bearer ${key}` }),
    stream: "lines",
    written: [["message", "tool_calls", "*", "function", "arguments"]],
  },
  async list(call) {
    const rows = listAt(await call.json({ path: "/tags" }), "models");
    return rows.map((row) => ({ model: textAt(row, "model") ?? textAt(row, "name") ?? "" }));
  },
  async describe(call, spec) {
    const shown = await call.json({ path: "/show", body: { model: spec.endpoint.model } });
    const version = textAt(await call.json({ path: "/version" }), "version") ?? "";
    return describedBy(shown, { ...spec, version });
  },
  pull,
  answers: () => ({
    generate: (request, here) => writeText(request, here, chatMapping(request, here)),
    async embed({ inputs, truncate = false }, { call, model, contextTokens }) {
      const body = { model, input: inputs, truncate, options: { num_ctx: contextTokens } };
      const answer = await call.json({ path: "/embed", body });
      const vectors = wholeVectors(listAt(answer, "embeddings").map(vectorOf), inputs.length);
      return { vectors, promptTokens: countAt(answer, "prompt_eval_count") ?? 0 };
    },
  }),
};

/** The row of Ollama. */
export const ollama = remoteAdapter(provider);

/** What Ollama shows of a model. It gives a model 4,096 tokens of context unless it is asked for more, which takes
 *  memory. */
export function describedBy(
  shown: unknown,
  at0: { readonly endpoint: { readonly model: string }; readonly contextTokens?: number; readonly version: string },
): Described {
  const { endpoint, contextTokens = runtimeLimits.contextTokensDefault, version } = at0;
  const info = at(shown, "model_info");
  const trained = countAt(info, `${textAt(info, "general.architecture") ?? ""}.context_length`) ?? contextTokens;
  const told = listAt(shown, "capabilities");
  return {
    capabilities: told.length > 0 ? abilitiesIn(told, version) : abilitiesByName(endpoint.model),
    contextTokens: Math.min(contextTokens, trained),
    facts: { thinks: told.includes("thinking") },
  };
}

/** `completion` is text with any format; tools and images are said apart. */
function abilitiesIn(told: readonly unknown[], version: string): readonly Capability[] {
  const able = abilitiesOf({ capabilities: told.filter((one) => one !== "completion") }) ?? [];
  const own = able.filter((one) => told.includes(one) || (one === "embed" && told.includes("embedding")));
  if (!told.includes("completion")) return own;
  return ["chat", "json", "continue", ...(isAtLeast(version, [0, 12, 11]) ? (["logprobs"] as const) : []), ...own];
}

function isAtLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  const place = least.findIndex((part, index) => (parts[index] ?? 0) !== part);
  return place < 0 || (parts[place] ?? 0) > least[place]!;
}

/** How Ollama is asked for text. It has no way to demand a call: one that is demanded is a form of the text. */
export function chatMapping(
  request: GenerationRequest,
  { model, contextTokens, facts }: { readonly model: string; readonly contextTokens: number; readonly facts?: unknown },
): TextMapping {
  const { messages, sampling, stop = [], tools = [], toolChoice = "auto", format, logprobs, thinking } = request;
  const { temperature, topP, topK, minP, maxTokens, seed } = sampling;
  const demanded = toolChoice === "required" ? tools : tools.filter(({ name }) => name === nameIn(toolChoice));
  const form: Format | undefined = demanded.length > 0 ? { type: "schema", schema: callSchema(demanded) } : format;
  const body = {
    model,
    messages: [
      ...(demanded.length > 0 ? [{ role: "system", content: callAdvice(demanded) }] : []),
      ...messages.map((message) => messageOf(message, messages)),
    ],
    stream: true,
    // It refuses the word for a model that does not think.
    ...(thinking !== undefined && at(facts, "thinks") === true && { think: thinking }),
    // Otherwise what does not fit is left out without a word.
    truncate: false,
    shift: false,
    options: {
      num_ctx: contextTokens,
      temperature,
      top_p: topP,
      top_k: topK,
      min_p: minP,
      num_predict: maxTokens,
      seed,
      ...(stop.length > 0 && demanded.length === 0 && { stop }),
    },
    ...(toolChoice === "auto" && tools.length > 0 && { tools: tools.map(toolOf) }),
    ...(form !== undefined && { format: form.type === "json" ? "json" : sentSchema(form.schema, form.written) }),
    ...(logprobs !== undefined && { logprobs: true, ...(logprobs > 0 && { top_logprobs: logprobs }) }),
  };
  return { ask: { path: "/chat", body }, read: createReader(demanded.length > 0) };
}

const nameIn = (choice: ToolChoice): string | undefined => (typeof choice === "string" ? undefined : choice.name);

/** The form of a call of one of these. */
const callSchema = (tools: readonly Tool[]): Readonly<Record<string, unknown>> => ({
  anyOf: tools.map(({ name, parameters = { type: "object", properties: {} }, written }) => ({
    type: "object",
    properties: { name: { const: name }, arguments: sentSchema(parameters, written) },
    required: ["name", "arguments"],
    additionalProperties: false,
  })),
});

const callAdvice = (tools: readonly Tool[]): string =>
  `Answer with a call of ${tools.length > 1 ? "one of these functions" : "this function"}, as JSON with name ` +
  `and arguments:\n` +
  tools
    .map(({ name, description, parameters, written }) =>
      JSON.stringify({ name, description, parameters: parameters && sentSchema(parameters, written) }),
    )
    .join("\n");

function messageOf(
  { role, content, media = [], calls = [], callId }: ChatMessage,
  all: readonly ChatMessage[],
): object {
  const images = media.map(({ bytes }) => base64Of(bytes));
  if (role === "tool") {
    const called = all.flatMap((message) => message.calls ?? []).find(({ id }) => id === callId);
    return { role, content, ...(called && { tool_name: called.name }) };
  }
  return {
    role,
    content,
    ...(images.length > 0 && { images }),
    ...(calls.length > 0 && {
      tool_calls: calls.map((call) => ({ function: { name: call.name, arguments: argumentsOf(call) } })),
    }),
  };
}

/** What the lines of one answer say. Its calls come whole, and without numbers; with `isCall` the text is one. */
function createReader(isCall: boolean): TextMapping["read"] {
  let calls = 0;
  let form = "";
  return (line) => {
    const message = at(line, "message");
    const logprobs = logprobsIn(listAt(line, "logprobs"));
    const said = textAt(message, "content");
    form += isCall ? (said ?? "") : "";
    if (form.length > remoteLimits.eventBytesMax) throw damaged("a call is too long");
    const text = isCall ? undefined : said;
    const deltas: Delta[] = [{ text, thought: textAt(message, "thinking"), ...(logprobs && { logprobs }) }];
    for (const call of listAt(message, "tool_calls"))
      deltas.push({ call: pieceOf(at(call, "function"), (calls += 1), textAt(call, "id")) });
    if (at(line, "done") !== true) return deltas;
    // One that is cut off is none.
    const whole = fromJson(form);
    if (isCall && whole !== undefined) deltas.push({ call: pieceOf(whole, (calls += 1)) });
    return [...deltas, { end: endOf(textAt(line, "done_reason")), usage: usageOf(line) }];
  };
}

const pieceOf = (call: unknown, index: number, id?: string): NonNullable<Delta["call"]> => ({
  index,
  id,
  name: textAt(call, "name"),
  arguments: argumentsIn(at(call, "arguments")) ?? "{}",
});

const endOf = (reason: string | undefined): GenerationEnd => (reason === "length" ? "length" : "complete");

const usageOf = (line: unknown): Delta["usage"] => ({
  promptTokens: countAt(line, "prompt_eval_count"),
  completionTokens: countAt(line, "eval_count"),
});

async function pull(call: Call, tell: (share: number) => void): Promise<void> {
  let last: string | undefined;
  for await (const line of call.events({ path: "/pull", body: { model: call.model, stream: true } })) {
    const error = textAt(line, "error");
    if (error !== undefined)
      throw new PlexusError(failure("PROVIDER_FAILED", { model: call.model, reason: "it cannot fetch the model" }));
    last = textAt(line, "status");
    const total = numberAt(line, "total") ?? 0;
    if (total > 0) tell(Math.min(1, (numberAt(line, "completed") ?? 0) / total));
  }
  if (last !== "success")
    throw new PlexusError(failure("PROVIDER_FAILED", { model: call.model, reason: "the pull breaks off" }));
}
