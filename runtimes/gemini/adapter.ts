/** Google's Gemini. https://ai.google.dev/api */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type {
  Capability,
  ChatMessage,
  EmbedRequest,
  GenerationEnd,
  GenerationRequest,
  Thinking,
  Tool,
} from "../../protocols/index.ts";
import { remoteAdapter, type At, type Described, type Provider } from "../remote/adapter.ts";
import { at, countAt, listAt, textAt } from "../remote/json.ts";
import { isSigned, Kept, noSignature } from "../remote/kept.ts";
import { remoteLimits } from "../remote/limits.ts";
import { argumentsIn, argumentsOf, base64Of, writeText, type Delta, type TextMapping } from "../remote/text.ts";
import { sentSchema } from "../written-schema.ts";
import { vectorOf, wholeVectors } from "../remote/vectors.ts";

/** It takes no more; further ones are looked for here. */
const stopStringsMax = 5;

const provider: Provider = {
  name: "gemini",
  capabilities: ["chat", "tools", "json", "vision", "hearing", "embed"],
  wire: {
    base: (url) => (/\/v1(?:beta)?\/?$/.test(url.pathname) ? url.href : new URL("/v1beta", url).href),
    // In the address it would be in logs on the way.
    headers: (key): Record<string, string> => (key === undefined ? {} : { "x-goog-api-key": key }),
    stream: "sse",
    written: [["candidates", "*", "content", "parts", "*", "functionCall", "args"]],
  },
  async list(call) {
    const rows = listAt(await call.json({ path: "/models?pageSize=1000" }), "models");
    return rows.map((row) => ({
      model: (textAt(row, "name") ?? "").replace(/^models\//, ""),
      // One that can do nothing that is mapped is listed with nothing.
      expected: describedBy(row).capabilities ?? [],
    }));
  },
  describe: async (call, { endpoint }) => describedBy(await call.json({ path: pathOf(endpoint.model) })),
  answers() {
    const kept = new Kept();
    return {
      generate: (request, here) => writeText(request, here, contentMapping(request, { ...here, kept })),
      embed,
    };
  },
};

/** The row of Gemini. */
export const gemini = remoteAdapter(provider);

const pathOf = (model: string, method = ""): string =>
  `/${model.includes("/") ? model : `models/${model}`}${method === "" ? "" : `:${method}`}`;

/** What it says of a model. All that write text read images and sounds. */
export function describedBy(row: unknown): Described {
  const methods = listAt(row, "supportedGenerationMethods");
  const capabilities: Capability[] = [];
  if (methods.includes("generateContent")) capabilities.push("chat", "tools", "json", "vision", "hearing");
  if (methods.includes("embedContent") || methods.includes("batchEmbedContents")) capabilities.push("embed");
  return {
    ...(capabilities.length > 0 && { capabilities }),
    contextTokens: countAt(row, "inputTokenLimit"),
    facts: { thinks: at(row, "thinking") === true },
  };
}

async function embed({ inputs }: EmbedRequest, { call, model }: At<"embed">) {
  const name = pathOf(model).slice(1);
  const vectors: Uint8Array[] = [];
  for (let from = 0; from < inputs.length; from += remoteLimits.inputsPerRequestMax) {
    const requests = inputs
      .slice(from, from + remoteLimits.inputsPerRequestMax)
      .map((text) => ({ model: name, content: { parts: [{ text }] } }));
    const answer = await call.json({ path: pathOf(model, "batchEmbedContents"), body: { requests } });
    vectors.push(...listAt(answer, "embeddings").map((one) => vectorOf(at(one, "values"))));
  }
  // It does not count what it reads for this.
  return { vectors: wholeVectors(vectors, inputs.length), promptTokens: 0 };
}

/** How Gemini is asked for text. `kept`: the signatures of the calls that it made. */
export function contentMapping(
  request: GenerationRequest,
  at0: { readonly model: string; readonly facts: unknown; readonly kept: Kept },
): TextMapping {
  const { messages, sampling, stop = [], tools = [], toolChoice = "auto", format, thinking } = request;
  const { temperature, topP, topK, minP, maxTokens, seed } = sampling;
  if (minP !== undefined)
    throw new PlexusError(
      failure("BAD_REQUEST", { field: "min_p", reason: "the server of this model does not take it" }),
    );
  const { model, facts, kept } = at0;
  const system = messages.filter(({ role }) => role === "system").map(({ content }) => content);
  const mode = { auto: "AUTO", none: "NONE", required: "ANY" } as const;
  const body = {
    contents: contentsOf(messages, { kept, isDemanded: isSigned(model) }),
    ...(system.length > 0 && { systemInstruction: { parts: [{ text: system.join("\n\n") }] } }),
    generationConfig: {
      temperature,
      topP,
      topK,
      maxOutputTokens: maxTokens,
      seed,
      ...(stop.length > 0 && { stopSequences: stop.slice(0, stopStringsMax) }),
      ...(format !== undefined && { responseMimeType: "application/json" }),
      ...(format?.type === "schema" && { responseJsonSchema: sentSchema(format.schema, format.written) }),
      ...(at(facts, "thinks") === true && { thinkingConfig: thinkingIn(model, thinking) }),
    },
    ...(tools.length > 0 && {
      tools: [{ functionDeclarations: tools.map(toolOf) }],
      toolConfig: {
        functionCallingConfig:
          typeof toolChoice === "string"
            ? { mode: mode[toolChoice] }
            : { mode: mode.required, allowedFunctionNames: [toolChoice.name] },
      },
    }),
  };
  const path = `${pathOf(model, "streamGenerateContent")}?alt=sse`;
  return { ask: { path, body }, read: createReader(request.id, at0) };
}

/** A budget of tokens up to the second family, a level from the third on. The large ones cannot do without: they think
 *  the least they can. */
function thinkingIn(model: string, thinking: Thinking = true): object {
  const isLarge = /pro/.test(model);
  const isNewer = isSigned(model);
  if (thinking === true) return { includeThoughts: true };
  if (thinking === false)
    return isNewer ? { thinkingLevel: isLarge ? "low" : "minimal" } : { thinkingBudget: isLarge ? 128 : 0 };
  if (isNewer) return { includeThoughts: true, thinkingLevel: thinking };
  return { includeThoughts: true, thinkingBudget: { low: 1_024, medium: 8_192, high: 24_576 }[thinking] };
}

const toolOf = ({ name, description, parameters, written }: Tool): object => ({
  name,
  ...(description !== undefined && { description }),
  ...(parameters !== undefined && { parametersJsonSchema: sentSchema(parameters, written) }),
});

/** The signatures that there are, and whether the model demands them. */
interface Signing {
  readonly kept: Kept;
  readonly isDemanded: boolean;
}

/** Turns that alternate: neighbours of one role are one turn, and what a function answered is a turn of the user. */
export function contentsOf(messages: readonly ChatMessage[], signing: Signing): readonly object[] {
  const contents: { role: "user" | "model"; parts: object[] }[] = [];
  const names = new Map(messages.flatMap(({ calls = [] }) => calls.map(({ id, name }) => [id, name] as const)));
  for (const message of messages) {
    if (message.role === "system") continue;
    const role = message.role === "assistant" ? "model" : "user";
    const parts = partsOf(message, names, signing);
    if (parts.length === 0) continue;
    const last = contents.at(-1);
    if (last?.role === role) last.parts.push(...parts);
    else contents.push({ role, parts });
  }
  return contents;
}

function partsOf(
  { role, content, media = [], calls = [], callId = "" }: ChatMessage,
  names: ReadonlyMap<string, string>,
  { kept, isDemanded }: Signing,
): object[] {
  if (role === "tool")
    return [{ functionResponse: { name: names.get(callId) ?? callId, response: { result: content } } }];
  return [
    ...media.map(({ mediaType, bytes }) => ({ inlineData: { mimeType: mediaType, data: base64Of(bytes) } })),
    ...(content === "" ? [] : [{ text: content }]),
    ...calls.map((call, place) => {
      // Of calls made together, the first alone is signed.
      const signature = kept.of(call.id).signature ?? (isDemanded && place === 0 ? noSignature : undefined);
      return {
        functionCall: { name: call.name, args: argumentsOf(call) },
        ...(signature !== undefined && { thoughtSignature: signature }),
      };
    }),
  ];
}

const ends: Readonly<Record<string, GenerationEnd>> = { STOP: "complete", MAX_TOKENS: "length" };
/** Endings without an answer, because of what was said. */
const blocked = /SAFETY|RECITATION|BLOCKLIST|PROHIBITED|SPII|LANGUAGE|IMAGE/;

/** What the events of one answer say. Its calls come whole; most have no id, so that one is made. */
function createReader(
  id: string,
  { model, kept }: { readonly model: string; readonly kept: Kept },
): TextMapping["read"] {
  let calls = 0;
  return (event) => {
    const candidate = at(event, "candidates", 0);
    const reason = textAt(candidate, "finishReason");
    const block =
      textAt(event, "promptFeedback", "blockReason") ??
      (reason !== undefined && blocked.test(reason) ? reason : undefined);
    if (block !== undefined) throw new PlexusError(failure("PROVIDER_REFUSED", { model, said: block.slice(0, 100) }));
    const deltas: Delta[] = listAt(candidate, "content", "parts").map((part) => {
      const call = at(part, "functionCall");
      if (call === undefined) {
        const text = textAt(part, "text");
        return at(part, "thought") === true ? { thought: text } : { text };
      }
      calls += 1;
      const callId = textAt(call, "id") ?? `${id}-${calls}`;
      const signature = textAt(part, "thoughtSignature");
      if (signature !== undefined) kept.keep(callId, { signature });
      return {
        call: {
          index: calls,
          id: callId,
          name: textAt(call, "name"),
          arguments: argumentsIn(at(call, "args")) ?? "{}",
        },
      };
    });
    const usage = at(event, "usageMetadata");
    const thoughts = countAt(usage, "thoughtsTokenCount");
    const written = countAt(usage, "candidatesTokenCount");
    return [
      ...deltas,
      {
        usage: {
          promptTokens: countAt(usage, "promptTokenCount"),
          completionTokens:
            written === undefined && thoughts === undefined ? undefined : (written ?? 0) + (thoughts ?? 0),
          cachedTokens: countAt(usage, "cachedContentTokenCount"),
        },
        // Whatever else it ends with (MALFORMED_FUNCTION_CALL, OTHER), it has not said all.
        end: reason === undefined ? undefined : (ends[reason] ?? "length"),
      },
    ];
  };
}
