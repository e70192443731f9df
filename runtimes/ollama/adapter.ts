/** Ollama. https://docs.ollama.com/api */
import {
  failure,
  PlexusError,
  type Capability,
  type ChatMessage,
  type GenerationEnd,
  type GenerationRequest,
} from "../../protocols/index.ts";
import { runtimeLimits } from "../limits.ts";
import { toolOf } from "../openai/chat.ts";
import { abilitiesByName, abilitiesOf } from "../remote/abilities.ts";
import { remoteAdapter, type Described, type Provider } from "../remote/adapter.ts";
import type { Call } from "../remote/call.ts";
import { at, listAt, numberAt, textAt } from "../remote/json.ts";
import { argumentsOf, base64Of, logprobsIn, writeText, type Delta, type TextMapping } from "../remote/text.ts";
import { vectorOf, wholeVectors } from "../remote/vectors.ts";

const provider: Provider = {
  name: "ollama",
  capabilities: ["chat", "tools", "json", "logprobs", "vision", "embed"],
  wire: {
    base: (url) => `${url.href.replace(/\/(?:(?:api|v1)\/?)?$/, "")}/api`,
    headers: (key): Record<string, string> => (key === undefined ? {} : { authorization: `Bearer ${key}` }),
    stream: "lines",
  },
  async describe(call, spec) {
    const shown = await call.json({ path: "/show", body: { model: spec.endpoint.model } });
    const version = textAt(await call.json({ path: "/version" }), "version") ?? "";
    return describedBy(shown, { ...spec, version });
  },
  pull,
  answers: () => ({
    generate: (request, here) => writeText(request, here, chatMapping(request, here)),
    async embed({ inputs }, { call, model, contextTokens }) {
      const body = { model, input: inputs, truncate: false, options: { num_ctx: contextTokens } };
      const answer = await call.json({ path: "/embed", body });
      const vectors = wholeVectors(listAt(answer, "embeddings").map(vectorOf), inputs.length);
      return { vectors, promptTokens: numberAt(answer, "prompt_eval_count") ?? 0 };
    },
  }),
};

/** The row of Ollama. */
export const ollama = remoteAdapter(provider);

/** What Ollama shows of a model. It gives a model 4,096 tokens of context unless it is asked for more, which takes memory. */
export function describedBy(
  shown: unknown,
  at0: { readonly endpoint: { readonly model: string }; readonly contextTokens?: number; readonly version: string },
): Described {
  const { endpoint, contextTokens = runtimeLimits.contextTokensDefault, version } = at0;
  const info = at(shown, "model_info");
  const trained = numberAt(info, `${textAt(info, "general.architecture") ?? ""}.context_length`) ?? contextTokens;
  const told = listAt(shown, "capabilities");
  return {
    capabilities: told.length > 0 ? abilitiesIn(told, version) : abilitiesByName(endpoint.model),
    contextTokens: Math.min(contextTokens, trained),
  };
}

/** `completion` is text with any format; tools and images are said apart. */
function abilitiesIn(told: readonly unknown[], version: string): readonly Capability[] {
  const able = abilitiesOf({ capabilities: told.filter((one) => one !== "completion") }) ?? [];
  const own = able.filter((one) => told.includes(one) || (one === "embed" && told.includes("embedding")));
  if (!told.includes("completion")) return own;
  return ["chat", "json", ...(isAtLeast(version, [0, 12, 11]) ? (["logprobs"] as const) : []), ...own];
}

function isAtLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split(/[.-]/).map(Number);
  const place = least.findIndex((part, index) => (parts[index] ?? 0) !== part);
  return place < 0 || (parts[place] ?? 0) > least[place]!;
}

/** How Ollama is asked for text. */
export function chatMapping(
  request: GenerationRequest,
  { model, contextTokens }: { readonly model: string; readonly contextTokens: number },
): TextMapping {
  const { messages, sampling, stop = [], tools = [], toolChoice = "auto", format, logprobs } = request;
  const { temperature, topP, maxTokens, seed } = sampling;
  // It has no way to demand a call: one that must be called is the only one it gets.
  const offered =
    toolChoice === "none"
      ? []
      : typeof toolChoice === "string"
        ? tools
        : tools.filter(({ name }) => name === toolChoice.name);
  const body = {
    model,
    messages: messages.map((message) => messageOf(message, messages)),
    stream: true,
    // Otherwise what does not fit is left out without a word.
    truncate: false,
    shift: false,
    options: {
      num_ctx: contextTokens,
      temperature,
      top_p: topP,
      num_predict: maxTokens,
      seed,
      ...(stop.length > 0 && { stop }),
    },
    ...(offered.length > 0 && { tools: offered.map(toolOf) }),
    ...(format !== undefined && { format: format.type === "json" ? "json" : format.schema }),
    ...(logprobs !== undefined && { logprobs: true, ...(logprobs > 0 && { top_logprobs: logprobs }) }),
  };
  return { ask: { path: "/chat", body }, read: createReader() };
}

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

/** What the lines of one answer say. Its calls come whole, and without numbers. */
function createReader(): TextMapping["read"] {
  let calls = 0;
  return (line) => {
    const message = at(line, "message");
    const isDone = at(line, "done") === true;
    const logprobs = logprobsIn(listAt(line, "logprobs"));
    const text = textAt(message, "content");
    const thought = textAt(message, "thinking");
    const deltas: Delta[] = [{ text, thought, ...(logprobs && { logprobs }) }];
    for (const call of listAt(message, "tool_calls"))
      deltas.push({
        call: {
          index: (calls += 1),
          id: textAt(call, "id"),
          name: textAt(call, "function", "name"),
          arguments: JSON.stringify(at(call, "function", "arguments") ?? {}),
        },
      });
    if (isDone) deltas.push({ end: endOf(textAt(line, "done_reason")), usage: usageOf(line) });
    return deltas;
  };
}

const endOf = (reason: string | undefined): GenerationEnd => (reason === "length" ? "length" : "complete");

const usageOf = (line: unknown): Delta["usage"] => ({
  promptTokens: numberAt(line, "prompt_eval_count"),
  completionTokens: numberAt(line, "eval_count"),
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
