import { Type, type Static } from "typebox";
import {
  failure,
  ok,
  refused,
  wireLimits,
  type ChatMessage,
  type GenerationEnd,
  type Result,
  type Sampling,
} from "../../protocols/index.ts";

// OpenAI's clients send null for what they do not set.
const maybe = <T extends Parameters<typeof Type.Union>[0][number]>(type: T) =>
  Type.Optional(Type.Union([type, Type.Null()]));

/** The fields of OpenAI's chat request that mean something here. Others are ignored, as its clients send ever new ones. */
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
  n: maybe(Type.Integer()),
}); // prettier-ignore

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
  if ((body.n ?? 1) !== 1) return wrong("/n", "only one choice is written at a time");
  const stop = typeof body.stop === "string" ? [body.stop] : (body.stop ?? []);
  if (stop.length > stopTextsMax || stop.some((text) => text === "" || text.length > stopCharsMax))
    return wrong("/stop", `at most ${stopTextsMax} texts of 1 to ${stopCharsMax} characters`);
  const messages: ChatMessage[] = [];
  for (const [index, message] of body.messages.entries()) {
    const role = Object.hasOwn(rolesOf, message.role) ? rolesOf[message.role] : undefined;
    if (role === undefined) return wrong(`/messages/${index}/role`, "system, developer, user or assistant");
    const parts = typeof message.content === "string" ? [{ type: "text", text: message.content }] : (message.content ?? []);
    if (parts.some((part) => part.type !== "text" || part.text === undefined))
      return wrong(`/messages/${index}/content`, "only text parts can be read");
    messages.push({ role, content: parts.map((part) => part.text).join("") });
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
