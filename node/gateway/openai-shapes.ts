import { Type, type Static } from "typebox";
import {
  failure,
  ok,
  refused,
  textFault,
  wireLimits,
  type ChatMessage,
  type Failure,
  type GenerationEnd,
  type Result,
  type Sampling,
} from "../../protocols/index.ts";
import { statusOf } from "./refusals.ts";

// OpenAI's clients send null for what they do not set.
const maybe = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Optional(Type.Union([type, Type.Null()]));

/** The fields of OpenAI's chat request that mean something here. Of the others, those in `unsupported` are refused; the rest is
 *  ignored, as its clients send ever new ones. */
export const chatRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  messages: Type.Array(
    Type.Object({
      role: Type.String({ maxLength: 32 }),
      content: maybe(
        Type.Union([Type.String(), Type.Array(Type.Object({ type: Type.String(), text: Type.Optional(Type.String()) }))]),
      ),
    }),
    { minItems: 1 },
  ),
  stream: maybe(Type.Boolean()),
  stream_options: maybe(Type.Object({ include_usage: Type.Optional(Type.Boolean()) })),
  stop: maybe(Type.Union([Type.String(), Type.Array(Type.String())])),
  max_tokens: maybe(Type.Integer({ minimum: 1 })),
  max_completion_tokens: maybe(Type.Integer({ minimum: 1 })),
  temperature: maybe(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: maybe(Type.Number({ minimum: 0, maximum: 1 })),
  seed: maybe(Type.Integer()),
}); // prettier-ignore

type Fields = Readonly<Record<string, unknown>>;

const noTools = "tool calls are not supported";
const leaveOut = (says: string) => `${says}; leave it out`;
const isEmpty = (value: unknown) => typeof value === "object" && value !== null && Object.keys(value).length === 0;
const isAbsent = (value: unknown) => value === undefined || value === null;
const isChoice = (value: unknown) => value === "none" || value === "auto";

/** What would make another answer of it and nothing here can do: the values that ask for nothing, and what to say to others. */
const unsupported: readonly (readonly [string, (value: unknown, body: Fields) => boolean, string])[] = [
  ["n", (value) => value === 1, "only one choice per request is supported; send one request for each"],
  ["tools", (value, body) => isEmpty(value) || body["tool_choice"] === "none", leaveOut(noTools)],
  ["tool_choice", isChoice, leaveOut(noTools)],
  ["functions", (value, body) => isEmpty(value) || body["function_call"] === "none", leaveOut(noTools)],
  ["function_call", isChoice, leaveOut(noTools)],
  [
    "response_format",
    (value) => (value as { readonly type?: unknown }).type === "text",
    "structured output is not supported; leave it out, ask for JSON in a message and check the answer",
  ],
  ["logprobs", (value) => value === false, leaveOut("logprobs are not supported")],
  ["top_logprobs", (value) => value === 0, leaveOut("logprobs are not supported")],
  ["logit_bias", isEmpty, leaveOut("logit_bias is not supported")],
  ["frequency_penalty", (value) => value === 0, leaveOut("penalties are not supported")],
  ["presence_penalty", (value) => value === 0, leaveOut("penalties are not supported")],
  [
    "modalities",
    (value) => Array.isArray(value) && value.every((one) => one === "text"),
    leaveOut("only text output is supported"),
  ],
  ["audio", () => false, leaveOut("only text output is supported")],
  ["web_search_options", () => false, leaveOut("web search is not supported")],
  ["moderation", () => false, leaveOut("moderation is not supported")],
];

/** A chat request in our own words. */
export interface Chat {
  readonly messages: readonly ChatMessage[];
  readonly sampling: Sampling;
  readonly stop: readonly string[];
}

const stopTextsMax = 8;
const stopCharsMax = 64;

const wrong = (path: string, problem: string) => refused(failure("BAD_REQUEST", { path, problem }));

type Role = ChatMessage["role"];
const rolesOf: Readonly<Record<string, Role>> = {
  system: "system",
  developer: "system",
  user: "user",
  assistant: "assistant",
};

/** Reads what the schema alone can not say. Error: BAD_REQUEST with the path. */
export function readChat(body: Static<typeof chatRequest>): Result<Chat> {
  for (const [name, asksNothing, says] of unsupported) {
    const value = (body as Fields)[name];
    if (!isAbsent(value) && !asksNothing(value, body)) return wrong(`/${name}`, says);
  }
  const stop = typeof body.stop === "string" ? [body.stop] : (body.stop ?? []);
  if (stop.length > stopTextsMax || stop.some((text) => text === "" || text.length > stopCharsMax))
    return wrong("/stop", `at most ${stopTextsMax} texts of 1 to ${stopCharsMax} characters`);
  const messages: ChatMessage[] = [];
  for (const [index, message] of body.messages.entries()) {
    const role = Object.hasOwn(rolesOf, message.role) ? rolesOf[message.role] : undefined;
    if (message.role === "tool" || message.role === "function")
      return wrong(`/messages/${index}/role`, `${noTools}; put what the tool answered into a user message`);
    if (role === undefined) return wrong(`/messages/${index}/role`, "must be system, developer, user or assistant");
    const called = ["tool_calls", "function_call"].find((name) => {
      const value = (message as Fields)[name];
      return !isAbsent(value) && !isEmpty(value);
    });
    if (called !== undefined) return wrong(`/messages/${index}/${called}`, leaveOut(noTools));
    const parts = typeof message.content === "string" ? [{ type: "text", text: message.content }] : (message.content ?? []);
    if (parts.some((part) => part.type !== "text" || part.text === undefined))
      return wrong(`/messages/${index}/content`, "only text parts are supported");
    const content = parts.map((part) => part.text).join("");
    const fault = textFault(content, "prompt");
    if (fault !== undefined) return wrong(`/messages/${index}/content`, fault);
    messages.push({ role, content });
  }
  const maxTokens = body.max_completion_tokens ?? body.max_tokens ?? undefined;
  const sampling: Sampling = {
    ...(typeof body.temperature === "number" && { temperature: body.temperature }),
    ...(typeof body.top_p === "number" && { topP: body.top_p }),
    // More than we ever write is no error: the answer ends with `length` as it would there.
    ...(maxTokens !== undefined && { maxTokens: Math.min(maxTokens, wireLimits.maxTokensMax) }),
    ...(typeof body.seed === "number" && { seed: body.seed & 0x7fffffff }),
  };
  return ok({ messages, sampling, stop });
} // prettier-ignore

/** `/messages/0/role` → `messages[0].role`, as OpenAI names a parameter. */
const paramOf = (path: string): string =>
  path.replaceAll(/\/(\d+)(?=\/|$)/g, "[$1]").slice(1).replaceAll("/", "."); // prettier-ignore

/** OpenAI's shape of an error, which its clients read. They show the message alone, so it says all that is known. */
export function openAiError(reason: Failure) {
  const { path, problem, ...others } = reason.details ?? {};
  const param = typeof path === "string" && typeof problem === "string" && path !== "" ? paramOf(path) : null;
  const status = statusOf(reason);
  const facts = Object.entries(param === null ? { path, problem, ...others } : others)
    .filter(([, value]) => value !== undefined && value !== "")
    .map(([name, value]) => `${name}: ${typeof value === "string" ? value : JSON.stringify(value)}`);
  const message = param === null ? reason.message : `${param}: ${String(problem)}`;
  return {
    error: {
      message: facts.length === 0 ? message : `${message} (${facts.join(", ")})`,
      type: status === 429 ? "rate_limit_error" : status < 500 ? "invalid_request_error" : "server_error",
      param,
      code: reason.code === "UNAUTHENTICATED" ? "invalid_api_key" : reason.code.toLowerCase(),
    },
  };
}

interface Done {
  readonly end: GenerationEnd;
  readonly promptTokens: number;
  readonly completionTokens: number;
}

const usageOf = (done: Done) => ({
  prompt_tokens: done.promptTokens,
  completion_tokens: done.completionTokens,
  total_tokens: done.promptTokens + done.completionTokens,
});
const reasonOf = (done: Done) => (done.end === "length" ? "length" : "stop");

/** Builds the answer to one request, whole or as the chunks of a stream. */
export function createAnswer(about: {
  readonly id: string;
  readonly model: string;
  readonly createdAtSeconds: number;
  readonly withUsage: boolean;
}) {
  const { id, model, createdAtSeconds: created } = about;
  const chunk = (choices: readonly object[], usage: object | null = null) => ({
    id,
    object: "chat.completion.chunk",
    created,
    model,
    system_fingerprint: null,
    choices,
    ...(about.withUsage && { usage }),
  });
  const choice = (delta: object, finish: string | null) => [{ index: 0, delta, logprobs: null, finish_reason: finish }];
  return {
    first: () => chunk(choice({ role: "assistant", content: "" }, null)),
    piece: (text: string) => chunk(choice({ content: text }, null)),
    last: (done: Done) => [chunk(choice({}, reasonOf(done))), ...(about.withUsage ? [chunk([], usageOf(done))] : [])],
    whole: (text: string, done: Done) => ({
      id,
      object: "chat.completion",
      created,
      model,
      system_fingerprint: null,
      choices: [
        {
          index: 0,
          message: { role: "assistant", content: text, refusal: null },
          logprobs: null,
          finish_reason: reasonOf(done),
        },
      ],
      usage: usageOf(done),
    }),
  };
}
