/** Chat completions: the request, and what the events of an answer say. Pure. */
import type { ChatMessage, GenerationEnd, GenerationRequest, Media, Tool, ToolChoice } from "../../protocols/index.ts";
import { failure, PlexusError } from "../../protocols/errors.ts";
import { isRecord } from "../schema.ts";
import { sentSchema } from "../written-schema.ts";
import { at, countAt, listAt, numberAt, textAt } from "../remote/json.ts";
import { argumentsIn, base64Of, logprobsIn, type Delta, type TextMapping } from "../remote/text.ts";
import { Kept } from "../remote/kept.ts";
import { damaged } from "../remote/refusals.ts";
import {
  continuation,
  furtherSampling,
  givenBack,
  thinkingFields,
  wantsBack,
  type Dialect,
  type GivenBack,
} from "./dialect.ts";

/** OpenAI takes no more; further ones are looked for here. */
const stopStringsMax = 4;

/** How OpenAI, and what speaks like it, is asked for text. */
export function chatMapping(
  request: GenerationRequest,
  { model, dialect, kept = new Kept() }: { readonly model: string; readonly dialect: Dialect; readonly kept?: Kept },
): TextMapping {
  const { messages, sampling, stop = [], tools = [], toolChoice, format, logprobs, thinking } = request;
  const begun = messages.at(-1)?.continues === true ? continuation(dialect) : undefined;
  const { maxTokens, temperature, topP, seed } = sampling;
  const body = {
    model,
    messages: messages.map((message) => ({
      ...messageOf(message, givenBack(dialect, kept, { model, thinking })),
      ...(message.continues && begun?.message),
    })),
    ...begun?.body,
    stream: true,
    stream_options: { include_usage: true },
    temperature,
    top_p: topP,
    seed,
    ...furtherSampling(request, dialect),
    ...thinkingFields(thinking, dialect, model),
    // OpenAI's reasoning models refuse the older name, and other servers do not know the newer one.
    ...(dialect === "openai" || dialect === "azure" ? { max_completion_tokens: maxTokens } : { max_tokens: maxTokens }),
    ...(stop.length > 0 && { stop: stop.slice(0, stopStringsMax) }),
    ...(tools.length > 0 && { tools: tools.map(toolOf), tool_choice: choiceOf(toolChoice) }),
    ...(format !== undefined && { response_format: formatOf(format) }),
    ...(logprobs !== undefined && { logprobs: true, ...(logprobs > 0 && { top_logprobs: logprobs }) }),
  };
  return { ask: { path: "/chat/completions", body }, read: createChatReader(wantsBack(dialect) ? kept : undefined) };
}

/** A message. What is shown stands before what is said about it. */
function messageOf(
  { role, content, media = [], calls = [], callId }: ChatMessage,
  given: GivenBack = { call: () => ({}), message: () => ({}) },
): object {
  if (role === "tool") return { role, tool_call_id: callId, content };
  if (calls.length > 0) {
    const toolCalls = calls.map(({ id, name, arguments: text }, place) => ({
      id,
      type: "function",
      function: { name, arguments: text },
      ...given.call(id, place),
    }));
    return { role, content: content === "" ? null : content, ...given.message(calls), tool_calls: toolCalls };
  }
  if (media.length === 0) return { role, content };
  return { role, content: [...media.map(mediaOf), ...(content === "" ? [] : [{ type: "text", text: content }])] };
}

function mediaOf({ type, mediaType, bytes }: Media): object {
  if (type === "image") return { type: "image_url", image_url: { url: `data:${mediaType};base64,${base64Of(bytes)}` } };
  const format = /wav/.test(mediaType)
    ? "wav"
    : /mpeg|mp3/.test(mediaType)
      ? "mp3"
      : (mediaType.split("/")[1] ?? "wav");
  return { type: "input_audio", input_audio: { data: base64Of(bytes), format } };
}

/** A tool as OpenAI has it, and Ollama after it. */
export const toolOf = ({ name, description, parameters, written, strict }: Tool): object => ({
  type: "function",
  function: {
    name,
    ...(description !== undefined && { description }),
    parameters: parameters === undefined ? { type: "object", properties: {} } : sentSchema(parameters, written),
    ...(strict && { strict }),
  },
});

const choiceOf = (choice: ToolChoice = "auto"): unknown =>
  typeof choice === "string" ? choice : { type: "function", function: { name: choice.name } };

function formatOf(format: NonNullable<GenerationRequest["format"]>): object {
  if (format.type === "json") return { type: "json_object" };
  const { schema, written, strict } = format;
  return {
    type: "json_schema",
    json_schema: { name: "answer", schema: sentSchema(schema, written), strict: strict ?? isStrict(schema) },
  };
}

/** Keywords that OpenAI holds a model to, whatever the model. It refuses a strict schema with others. */
const strictKeywords: ReadonlySet<string> = new Set([
  "type",
  "properties",
  "required",
  "additionalProperties",
  "items",
  "enum",
  "const",
  "anyOf",
  "$ref",
  "$defs",
  "definitions",
  "title",
  "description",
]);

/** Whether OpenAI can hold a model to a schema: it has no other keywords, and every object names all that it has, and
 *  demands it. */
export function isStrict(schema: unknown): boolean {
  if (!isRecord(schema) || Object.keys(schema).some((keyword) => !strictKeywords.has(keyword))) return false;
  const { properties = {}, $defs = {}, definitions = {}, items, anyOf = [] } = schema;
  if (schema["type"] === "object") {
    const required = listAt(schema, "required");
    const names = Object.keys(properties as object);
    if (schema["additionalProperties"] !== false || names.some((name) => !required.includes(name))) return false;
  }
  const parts = [properties, $defs, definitions, anyOf].flatMap((held) => Object.values(held as object) as unknown[]);
  return [...parts, ...(items === undefined ? [] : [items])].every(isStrict);
}

const ends: Readonly<Record<string, GenerationEnd>> = {
  stop: "complete",
  length: "length",
  tool_calls: "calls",
  function_call: "calls",
  // Mistral's word for the end of the context.
  model_length: "length",
};

/** Endings that are none: the server gave up, or its filter did. */
const broken = /^(?:error|abort|insufficient_system_resource)$/;

/** What an event of a stream says; or the one answer of a server that does not stream. */
export function readChat(event: unknown): readonly Delta[] {
  const choice = at(event, "choices", 0);
  const said = at(choice, "delta") ?? at(choice, "message");
  const reason = textAt(choice, "finish_reason");
  if (reason === "content_filter") throw new PlexusError(failure("PROVIDER_REFUSED", { said: reason }));
  if (reason !== undefined && broken.test(reason)) throw damaged(`its answer ends with ${reason}`);
  // Groq says it beside the answer, unless it is asked for in OpenAI's way.
  const usage = at(event, "usage") ?? at(event, "x_groq", "usage");
  const parts = partsIn(at(said, "content"));
  const isThought = at(said, "extra_content", "google", "thought") === true;
  const content = textAt(said, "content");
  const thought =
    textAt(said, "reasoning_content") ??
    textAt(said, "reasoning") ??
    parts.thought ??
    (isThought ? content : undefined);
  const text = (isThought ? undefined : content) ?? textAt(said, "refusal") ?? parts.text;
  // vLLM says which text ended it; of the other endings it gives the number of a token.
  const stoppedBy = textAt(choice, "stop_reason");
  const logprobs = logprobsIn(listAt(choice, "logprobs", "content"));
  return [
    { ...(text !== undefined && { text }), ...(thought !== undefined && { thought }), ...(logprobs && { logprobs }) },
    ...listAt(said, "tool_calls").map((call, place) => ({
      call: {
        index: numberAt(call, "index") ?? place,
        id: textAt(call, "id"),
        name: textAt(call, "function", "name"),
        arguments: argumentsIn(at(call, "function", "arguments")),
      },
    })),
    {
      ...(typeof usage === "object" && usage !== null && { usage: usageOf(usage) }),
      ...(reason !== undefined && { end: ends[reason] ?? "complete" }),
      ...(stoppedBy !== undefined && { stoppedBy }),
    },
  ];
}

/** Reads one answer, and keeps what its server wants back with the calls of it. */
function createChatReader(kept: Kept | undefined): TextMapping["read"] {
  let thoughts = "";
  const seen = new Set<string>();
  /** Gemini's thoughts are in tags as well: the one that ends them stands before the answer. */
  let isOpen = false;
  return (event) =>
    readChat(event).map((delta) => {
      const { thought, text, call } = delta;
      if (kept !== undefined) thoughts += thought ?? "";
      if (kept !== undefined && call?.id !== undefined && !seen.has(call.id)) {
        seen.add(call.id);
        kept.keep(call.id, { thought: thoughts, ...signatureIn(event, call.id) });
        thoughts = "";
      }
      if (thought?.startsWith("<thought>")) isOpen = true;
      if (!isOpen) return delta;
      if (text?.startsWith("</thought>")) isOpen = false;
      return {
        ...delta,
        ...(thought !== undefined && { thought: thought.replace(/^<thought>|<\/thought>$/g, "") }),
        ...(text !== undefined && { text: text.replace(/^<\/thought>/, "") }),
      };
    });
}

/** Gemini's signature of a call. */
function signatureIn(event: unknown, id: string): { readonly signature?: string } {
  const calls = listAt(at(event, "choices", 0, "delta") ?? at(event, "choices", 0, "message"), "tool_calls");
  const call = calls.find((one) => textAt(one, "id") === id);
  const signature = textAt(call, "extra_content", "google", "thought_signature");
  return signature === undefined ? {} : { signature };
}

/** Mistral gives content as a list of parts, whose thoughts have parts of their own. What refers to a source says
 *  nothing. */
function partsIn(content: unknown): { readonly text?: string; readonly thought?: string } {
  if (!Array.isArray(content)) return {};
  let [text, thought] = ["", ""];
  for (const part of content as readonly unknown[]) {
    const type = textAt(part, "type");
    if (type === "text") text += textAt(part, "text") ?? "";
    else if (type === "thinking") {
      const inner = at(part, "thinking");
      thought += typeof inner === "string" ? inner : (partsIn(inner).text ?? "");
    } else if (type !== "reference" && type !== "tool_reference")
      throw damaged(`its answer has a part of the type ${type ?? "none"}, which nobody knows`);
  }
  return { ...(text !== "" && { text }), ...(thought !== "" && { thought }) };
}

function usageOf(usage: object): Delta["usage"] {
  const promptTokens = countAt(usage, "prompt_tokens");
  const written = countAt(usage, "completion_tokens");
  const total = countAt(usage, "total_tokens") ?? 0;
  // xAI and Gemini count what was thought in the total alone.
  const unsaid = promptTokens === undefined || written === undefined ? 0 : Math.max(0, total - promptTokens - written);
  return {
    promptTokens,
    completionTokens: written === undefined ? undefined : written + unsaid,
    // DeepSeek's own word is the second.
    cachedTokens: countAt(usage, "prompt_tokens_details", "cached_tokens") ?? countAt(usage, "prompt_cache_hit_tokens"),
  };
}
