/** Requests in which each field can be tried: one that has all that fields belong to, and values that ask for
 *  something. */
import { Buffer } from "node:buffer";
import type { FieldRow } from "../../../../node/gateway/ai/fields/rows.ts";
import { pixel } from "./seeing.ts";

type Body = Readonly<Record<string, unknown>>;

const picture = Buffer.from(pixel).toString("base64");
const dot = `data:image/png;base64,${picture}`;
const schema = { type: "object", properties: { age: { type: "integer", minimum: 3 } }, required: ["age"] };
const otherSchema = { type: "object", properties: { age: { type: "integer", minimum: 4 } }, required: ["age"] };

const chat: Body = {
  model: "seeing",
  messages: [
    { role: "system", content: [{ type: "text", text: "Be brief." }] },
    { role: "developer", content: [{ type: "text", text: "Be kind." }] },
    {
      role: "user",
      content: [
        { type: "text", text: "see" },
        { type: "image_url", image_url: { url: dot } },
        { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
      ],
    },
    {
      role: "assistant",
      content: [{ type: "text", text: "I see." }, { type: "refusal", refusal: "No." }],
      tool_calls: [{ id: "c1", type: "function", function: { name: "look", arguments: "{}" } }],
    },
    { role: "tool", tool_call_id: "c1", content: [{ type: "text", text: "a cat" }] },
    { role: "user", content: [{ type: "text", text: "hello" }] },
  ],
  tools: [{ type: "function", function: { name: "look", description: "Looks.", parameters: { type: "object", properties: {} } } }],
}; // prettier-ignore

const responses: Body = {
  model: "seeing",
  input: [
    { role: "system", content: [{ type: "input_text", text: "Be brief." }] },
    { role: "developer", content: [{ type: "input_text", text: "Be kind." }] },
    {
      role: "user",
      content: [
        { type: "input_text", text: "see" },
        { type: "text", text: "me" },
        { type: "input_image", image_url: dot },
        { type: "input_audio", input_audio: { data: "AAAA", format: "wav" } },
      ],
    },
    {
      role: "assistant",
      content: [
        { type: "output_text", text: "I see." },
        { type: "refusal", refusal: "No." },
        { type: "input_text", text: "Or" },
        { type: "text", text: "do I" },
      ],
    },
    { type: "function_call", call_id: "c1", name: "look", arguments: "{}" },
    { type: "function_call_output", call_id: "c1", output: [{ type: "input_text", text: "a cat" }] },
    { type: "message", role: "system", content: [{ type: "text", text: "So" }] },
    { type: "message", role: "developer", content: [{ type: "text", text: "so" }] },
    { role: "user", content: "hello" },
  ],
  tools: [{ type: "function", name: "look", description: "Looks.", parameters: { type: "object", properties: {} } }],
};

const messages: Body = {
  model: "seeing",
  messages: [
    {
      role: "user",
      content: [
        { type: "text", text: "see" },
        { type: "image", source: { type: "base64", media_type: "image/png", data: picture } },
        { type: "document", source: { type: "text", media_type: "text/plain", data: "A page." } },
      ],
    },
    { role: "assistant", content: [{ type: "text", text: "I see." }, { type: "tool_use", id: "c1", name: "look", input: {} }] },
    {
      role: "user",
      content: [
        {
          type: "tool_result",
          tool_use_id: "c1",
          content: [
            { type: "text", text: "a cat" },
            { type: "image", source: { type: "base64", media_type: "image/png", data: picture } },
            { type: "document", source: { type: "text", media_type: "text/plain", data: "A page." } },
          ],
        },
        { type: "text", text: "hello" },
      ],
    },
    { role: "system", content: [{ type: "text", text: "Be kind." }] },
    { role: "user", content: "hello" },
  ],
  system: [{ type: "text", text: "Be brief." }],
  tools: [{ type: "custom", name: "look", description: "Looks.", input_schema: { type: "object" } }],
}; // prettier-ignore

const ollama: Body = { model: "seeing", stream: false };

/** The least that each takes. */
const bases: Readonly<Record<string, Body>> = {
  "/v1/chat/completions": chat,
  "/v1/responses": responses,
  "/v1/responses/compact": { model: "seeing", input: responses["input"] },
  "/v1/completions": { model: "seeing", prompt: "hello" },
  "/v1/embeddings": { model: "echo", input: "hello" },
  "/v1/audio/speech": { model: "echo", input: "hello", voice: "a" },
  "/v1/images/generations": { model: "seeing", prompt: "a house" },
  "/v1/messages": { ...messages, max_tokens: 50 },
  "/v1/messages/count_tokens": { ...messages, model: "echo" },
  "/api/generate": { ...ollama, prompt: "hello" },
  "/api/chat": {
    ...ollama,
    messages: [
      { role: "user", content: "see" },
      { role: "assistant", content: "I see.", tool_calls: ["look", "wait"].map((name) => ({ function: { name, arguments: {} } })) },
      { role: "tool", tool_name: "look", content: "a cat" },
      { role: "user", content: "hello" },
    ],
    tools: [{ type: "function", function: { name: "look", description: "Looks.", parameters: { type: "object", properties: {} } } }],
  },
  "/api/embed": { model: "echo", input: "hello" },
  "/api/embeddings": { model: "echo", prompt: "hello" },
  "/api/pull": { model: "echo", stream: false },
  "/api/show": { model: "echo" },
  "/v1/rerank": { model: "echo", query: "hello", documents: ["hello", { text: "goodbye" }] },
  "/v1/classify": { model: "echo", input: "hello" },
  "/v1/audio/transcriptions": { model: "seeing", file: "a sound" },
  "/v1/audio/translations": { model: "seeing", file: "a sound" },
}; // prettier-ignore

/** Those that are forms: a list is a field with brackets, the file a sound. */
export const formOf = (body: Body): FormData => {
  const form = new FormData();
  for (const [name, value] of Object.entries(body))
    if (name === "file") form.append(name, new File([String(value)], "a.wav", { type: "audio/wav" }));
    else if (Array.isArray(value)) for (const one of value) form.append(`${name}[]`, String(one));
    else form.append(name, String(value));
  return form;
};

/** What some fields need beside them. */
const beside: readonly (readonly [request: RegExp, path: RegExp, fields: Body])[] = [
  [/chat\/completions/, /^stream_options/, { stream: true }],
  [/v1\/(?:completions|responses)/, /^stream_options/, { stream: true }],
  [/chat\/completions/, /^top_logprobs/, { logprobs: true }],
  [/chat\/completions/, /^response_format\(json_schema\)/, { response_format: { type: "json_schema", json_schema: { name: "a", schema } } }],
  [/chat\/completions/, /^response_format\(json_object\)\.schema/, { response_format: { type: "json_object" } }],
  [/chat\/completions/, /^response_format|^guided|^structured|^tool_choice|^messages\(tool\)/, { tools: null, messages: [{ role: "user", content: "hello" }] }],
  [/chat\/completions/, /^tool_choice|^messages\(tool\)/, { tools: chat["tools"], messages: chat["messages"] }],
  [/chat\/completions/, /^tool_choice\(allowed_tools\)\.allowed_tools\.(mode|tools)/, { tool_choice: { type: "allowed_tools", allowed_tools: { mode: "required", tools: [{ type: "function", function: { name: "look" } }] } } }],
  [/chat\/completions/, /^continue_final_message/, { messages: [{ role: "user", content: "hello" }, { role: "assistant", content: "You" }] }],
  [/chat\/completions/, /^parallel_tool_calls/, { messages: [{ role: "user", content: "call look\ncall wait" }], tools: ["look", "wait"].map((name) => ({ type: "function", function: { name } })) }],
  [/responses/, /^parallel_tool_calls/, { input: "call look\ncall wait", tools: ["look", "wait"].map((name) => ({ type: "function", name })) }],
  [/responses/, /^text\.format\(json_schema\)/, { text: { format: { type: "json_schema", name: "a", schema } }, tools: null, input: "hello" }],
  [/responses/, /^text\.format|^guided|^structured/, { tools: null, input: "hello" }],
  [/responses/, /^text\.format\(json_schema\)/, { tools: null, input: "hello" }],
  [/responses/, /^tool_choice\(allowed_tools\)/, { tool_choice: { type: "allowed_tools", mode: "required", tools: [{ type: "function", name: "look" }] } }],
  [/v1\/messages$/, /^output_config\.format|^output_format/, { tools: null, messages: [{ role: "user", content: "hello" }] }],
  [/v1\/messages$/, /^output_config\.effort/, { thinking: { type: "adaptive" } }],
  [/v1\/messages$/, /^tool_choice\((any|auto|tool)\)\.disable/, { messages: [{ role: "user", content: "call look\ncall wait" }], tools: ["look", "wait"].map((name) => ({ name, input_schema: { type: "object" } })) }],
  [/v1\/messages$/, /^tool_choice\(any\)\.disable/, { tool_choice: { type: "any" } }],
  [/v1\/messages$/, /^tool_choice\(auto\)\.disable/, { tool_choice: { type: "auto" } }],
  [/v1\/messages$/, /^thinking\(enabled\)/, { thinking: { type: "enabled", budget_tokens: 2_000 } }],
  [/api\/(?:chat|generate)/, /^top_logprobs/, { logprobs: true }],
  [/api\/(?:pull|show)/, /^name/, { name: "echo", model: undefined }],
  [/api\/chat/, /^format/, { tools: null, messages: [{ role: "user", content: "hello" }] }],
]; // prettier-ignore

/** A request to which a field comes; undefined: nobody tries this one here. */
export function baseOf(request: string, path: string): Body | undefined {
  const base = bases[request];
  if (base === undefined) return undefined;
  const more = beside.filter(([where, field]) => where.test(request) && field.test(path)).map(([, , fields]) => fields);
  return Object.assign({}, base, ...more) as Body;
}

const numbers = { temperature: 0.5, top_p: 0.5, top_k: 3, min_p: 0.2, seed: 7 };
const common: Readonly<Record<string, unknown>> = {
  ...numbers,
  model: "none",
  stream: true,
  n: 2,
  stop: "said",
  max_tokens: 2,
  max_completion_tokens: 2,
  max_output_tokens: 2,
  logprobs: true,
  top_logprobs: 2,
  parallel_tool_calls: false,
  continue_final_message: false,
  "stream_options.include_usage": true,
  "structured_outputs.json": schema,
  guided_json: schema,
  reasoning_effort: "none",
  "reasoning.effort": "high",
  "reasoning.enabled": false,
  enable_thinking: false,
  think: false,
  random_seed: 7,
  "thinking.type": "disabled",
  "chat_template_kwargs.enable_thinking": false,
  "chat_template_kwargs.thinking": false,
  "chat_template_kwargs.reasoning_effort": "low",
  metadata: { a: "b" },
  top_p: 0.5,
};
const options = Object.fromEntries(
  Object.entries({ ...numbers, num_predict: 2, stop: ["said"] }).map(([name, value]) => [`options.${name}`, value]),
);
const ofText = { ...common, ...options, think: false, format: "json", keep_alive: "7m", options: { num_ctx: 7 }, images: [picture] }; // prettier-ignore

const ofMessages: Body = {
  ...common,
  "messages(system).clear_at": "next_user_message",
  stop_sequences: ["said"],
  "messages(user).content(image).source(base64).media_type": "image/gif",
  "messages(user).content(image).source(base64).data": "R0lGODlhAQABAAAAACw=",
  "messages(user).content(tool_result).content(image).source(base64).media_type": "image/gif",
  "messages(user).content(tool_result).content(image).source(base64).data": "R0lGODlhAQABAAAAACw=",
  "messages(user).content(tool_result).is_error": true,
  "messages(user).content(document).citations.enabled": true,
  "messages(assistant).content(tool_use).input": { far: true },
  "tools(custom).input_schema": schema,
  "tool_choice(tool).name": "look",
  "tool_choice(any).disable_parallel_tool_use": true,
  "tool_choice(auto).disable_parallel_tool_use": true,
  "tool_choice(tool).disable_parallel_tool_use": "elsewhere",
  "thinking(enabled).budget_tokens": 20_000,
  "thinking(enabled).display": "elsewhere",
  "thinking(adaptive).display": "elsewhere",
  "thinking(disabled)": "elsewhere",
  "tool_choice(auto)": "elsewhere",
  "output_config.effort": "low",
  "output_config.format(json_schema).schema": schema,
  output_format: { type: "json_schema", schema },
};

const ofSounds: Body = {
  file: "another sound",
  model: "none",
  language: "fr",
  prompt: "Names: Ada.",
  response_format: "verbose_json",
  stream: true,
  temperature: 0.5,
  chunking_strategy: "auto",
};

/** Values that ask for something; of others it is a text. `elsewhere`: what is of another test. */
export const examples: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "/v1/chat/completions": {
    ...common,
    "messages(user).content(image_url).image_url.url": "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
    "messages(user).content(input_audio).input_audio.data": "BBBB",
    "messages(user).content(input_audio).input_audio.format": "mp3",
    "tools(function).function.parameters": schema,
    "tools(function).function.strict": true,
    "tool_choice(function).function.name": "look",
    "tool_choice(allowed_tools).allowed_tools.mode": "auto",
    "tool_choice(allowed_tools).allowed_tools.tools": [{ type: "function", function: { name: "none" } }],
    "response_format(json_schema).json_schema.schema": otherSchema,
    "response_format(json_object).schema": schema,
    "messages(assistant).tool_calls(function).function.arguments": '{"far":true}',
  },
  "/v1/completions": { ...common, response_format: { type: "json_object" }, logprobs: 2, prompt: "other" },
  "/v1/responses/compact": {
    model: "none",
    previous_response_id: "resp_none",
    "input(user).content(input_image).image_url": "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
    "input(user).content(input_audio).input_audio": { data: "BBBB", format: "mp3" },
    "input(function_call_output).output": "a dog",
    input: "other",
  },
  "/v1/responses": {
    ...common,
    generate: false,
    store: false,
    background: true,
    include: ["message.output_text.logprobs"],
    previous_response_id: "resp_none",
    "input(user).content(input_image).image_url": "data:image/gif;base64,R0lGODlhAQABAAAAACw=",
    "input(user).content(input_audio).input_audio": { data: "BBBB", format: "mp3" },
    "input(function_call_output).output": "a dog",
    input: "other",
    "tools(function).parameters": schema,
    "tools(function).strict": true,
    "tool_choice(function).name": "look",
    "tool_choice(allowed_tools).mode": "auto",
    "tool_choice(allowed_tools).tools": [{ type: "function", name: "none" }],
    "text.format(json_schema).schema": otherSchema,
    "input(reasoning)": { type: "reasoning", summary: [] },
  },
  "/v1/embeddings": { input: "other", dimensions: 8, encoding_format: "base64", truncate_prompt_tokens: "elsewhere" },
  "/v1/audio/speech": { input: "other", speed: 2, response_format: "mp3", voice: "b", stream_format: "sse" },
  "/v1/images/generations": { ...common, prompt: "elsewhere", n: 2, size: "64x64" },
  "/v1/messages": ofMessages,
  "/v1/messages/count_tokens": {
    ...ofMessages,
    tool_choice: { type: "any" },
    thinking: { type: "enabled" },
    output_config: { effort: "low" },
  },
  "/api/generate": { ...ofText, prompt: "other", context: [1, 2] },
  "/api/chat": { ...ofText, "messages.tool_calls.function.arguments": { far: true }, "tools.function.parameters": schema, "messages.images": [picture], "messages.tool_name": "wait", "messages.tool_call_id": "elsewhere", "messages.tool_calls.id": "elsewhere" },
  "/api/embed": { input: "other", truncate: "elsewhere", keep_alive: "7m", dimensions: 8, model: "none" },
  "/api/embeddings": { prompt: "other", keep_alive: "7m", model: "none" },
  "/api/show": { model: "none", name: "none" },
  "/v1/rerank": { model: "none", query: "other", documents: ["other"], "documents.text": "elsewhere", top_n: 1, return_documents: true },
  "/v1/classify": { model: "none", input: "other", activation: false, use_activation: false, softmax: false },
  // A licence is accepted where one is asked for: of the tests of pulls.
  "/api/pull": { model: "none", name: "none", stream: true, insecure: true, accept_licence: "elsewhere" },
  "/v1/audio/transcriptions": { ...ofSounds, keywords: ["a"], known_speaker_names: ["a"], known_speaker_references: ["a"], include: ["logprobs"], timestamp_granularities: ["word"], languages: ["en", "fr"] },
  "/v1/audio/translations": ofSounds,
}; // prettier-ignore

/** The body with the row's field set: in the first object that it may belong to, or in a new one. */
export function withField(body: Body, { path, fate }: FieldRow, example: unknown): Body {
  return withValue(body, path, example ?? (fate === "refused" ? 7 : "other"));
}

/** The same with any value; undefined: the field is absent. */
export function withValue(body: Body, path: string, value: unknown): Body {
  const steps = [...path.matchAll(/([^.()]+)(?:\(([^)]*)\))?/g)].map(([, name = "", tag]) => ({
    name: name === "*" ? "telepathy" : name,
    tag: tag === "*" ? "telepathy" : tag,
  }));
  const copy = structuredClone(body) as Record<string, unknown>;
  set(copy, steps, value);
  return copy;
}

interface Step {
  readonly name: string;
  readonly tag: string | undefined;
}

function set(holder: Record<string, unknown>, [step, ...rest]: readonly Step[], value: unknown): void {
  if (step === undefined) return;
  const { name, tag } = step;
  const isLast = rest.length === 0;
  const held = holder[name];
  if (isLast && tag === undefined) {
    holder[name] = value;
    return;
  }
  const word = tag === undefined ? {} : ["system", "user", "assistant", "tool", "developer", "function"].includes(tag) && /messages|input/.test(name) ? { role: tag, content: "x" } : { type: tag }; // prettier-ignore
  const all: unknown[] = Array.isArray(held) ? held : held === undefined || held === null ? [] : [held];
  const objects = all.filter((one): one is Record<string, unknown> => typeof one === "object" && one !== null);
  const fitting = objects.filter((one) => tag === undefined || (one["role"] ?? one["type"]) === tag);
  let found =
    fitting.find((one) => rest.length === 1 && one[rest[0]!.name] !== undefined) ??
    fitting.find((one) => isThere(one, rest)) ??
    fitting[0];
  if (found === undefined) {
    found = isLast && typeof value === "object" && value !== null ? { ...word, ...value } : word;
    if (Array.isArray(held)) held.push(found);
    else if (typeof held === "string") holder[name] = [{ type: "text", text: held }, found];
    else holder[name] = ["tools", "citations"].includes(name) ? [found] : found;
  }
  if (!isLast) set(found, rest, value);
}

/** Whether an object has all that a field belongs to. */
function isThere(one: Record<string, unknown>, [step, ...rest]: readonly Step[]): boolean {
  if (step === undefined || (rest.length === 0 && step.tag === undefined)) return true;
  const all = [one[step.name]]
    .flat()
    .filter((held): held is Record<string, unknown> => typeof held === "object" && held !== null);
  return all.some(
    (held) => (step.tag === undefined || (held["role"] ?? held["type"]) === step.tag) && isThere(held, rest),
  );
}
