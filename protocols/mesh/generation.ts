/** Text generated on another node (node/routing). Parts travel beside messages and in order; they end with one that is
 *  `done` or `failed`, or with the connection. */
import { Type } from "typebox";
import { sampling } from "../agent.ts";
import type { GenerationPart, GenerationRequest, ModelInfo } from "../generation.ts";
import { call, closed, count, failed, message } from "./parts.ts";

const chatMessage = Type.Object({
  role: Type.Union([Type.Literal("system"), Type.Literal("user"), Type.Literal("assistant")]),
  content: Type.String(),
});
/** `sampling` is bounded as it is for people, since the engine is given it as it is. */
const request = Type.Unsafe<GenerationRequest>(
  closed({
    id: Type.String({ maxLength: 256 }),
    model: Type.String({ maxLength: 256 }),
    messages: Type.Array(chatMessage, { maxItems: 4_096 }),
    sampling,
    stop: Type.Optional(Type.Array(Type.String({ maxLength: 256 }), { maxItems: 64 })),
    timeoutMs: Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
    person: Type.Optional(Type.String({ maxLength: 128 })),
    key: Type.Optional(Type.String({ maxLength: 256 })),
  }),
);
const part = Type.Unsafe<GenerationPart>(
  Type.Union([
    Type.Object({ type: Type.Literal("text"), text: Type.String(), tokens: count }),
    Type.Object({
      type: Type.Literal("done"),
      end: Type.Union([Type.Literal("complete"), Type.Literal("length"), Type.Literal("stopped")]),
      promptTokens: count,
      completionTokens: count,
    }),
    Type.Object({ type: Type.Literal("failed"), error: failed }),
  ]),
);
const model = Type.Object({
  model: Type.String({ maxLength: 256 }),
  runtime: Type.Union([Type.Literal("llama"), Type.Literal("echo")]),
  contextTokens: count,
  sizeBytes: count,
  demonstration: Type.Boolean(),
  state: Type.Union([Type.Literal("loading"), Type.Literal("ready"), Type.Literal("failed")]),
  node: Type.Optional(Type.String()),
  reason: Type.Optional(Type.String()),
});
const models = Type.Unsafe<readonly ModelInfo[]>(Type.Array(model, { maxItems: 256 }));

export const generationMessages = {
  /** Starts a generation; `run` is the asking node's number for it. */
  "generation.start": message("message", { run: count, request }),
  "generation.cancel": message("message", { run: count }),
  "generation.parts": message("message", { run: count, parts: Type.Array(part, { minItems: 1, maxItems: 1_024 }) }),
  /** The models that the asked node serves itself. */
  "generation.models": call("message", {}, models),
} as const;
