/** Calls of engines on other nodes (node/routing): what is said of one travels beside messages and in order, and ends with its
 *  answer, or with the connection. One row an engine. */
import { Type, type TUnsafe } from "typebox";
import { sampling } from "../agent.ts";
import type { EngineAnswer, EngineName, EngineTable } from "../engine.ts";
import type { Result } from "../errors.ts";
import type { GenerationAnswer, GenerationPart, GenerationRequest } from "../generation.ts";
import { closed, count, failed, message } from "./parts.ts";

const chatMessage = Type.Object({
  role: Type.Union([Type.Literal("system"), Type.Literal("user"), Type.Literal("assistant")]),
  content: Type.String(),
});
/** `sampling` is bounded as it is for people, since the engine is given it as it is. */
const generationRequest = Type.Unsafe<GenerationRequest>(
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
/** What is said is open: fields of a later version are not known to be left out of lists and choices. */
const generationPart = Type.Unsafe<GenerationPart>(Type.Object({ text: Type.String(), tokens: count }));
const generationAnswer = Type.Unsafe<GenerationAnswer>(
  Type.Object({
    end: Type.Union([Type.Literal("complete"), Type.Literal("length"), Type.Literal("stopped")]),
    promptTokens: count,
    completionTokens: count,
  }),
);

/** The messages of one engine: a call, and what is said of it. `run` is the asking node's number for the call. */
const messagesOf = <Name extends EngineName>(
  request: TUnsafe<EngineTable[Name]["request"]>,
  part: TUnsafe<EngineTable[Name]["part"]>,
  answer: TUnsafe<EngineAnswer<Name>>,
) => ({
  call: message("message", { run: count, request }),
  said: message("message", {
    run: count,
    parts: Type.Array(part, { maxItems: 1_024 }),
    /** With the last of it. */
    result: Type.Optional(
      Type.Unsafe<Result<EngineAnswer<Name>>>(
        Type.Union([
          Type.Object({ ok: Type.Literal(true), value: answer }),
          Type.Object({ ok: Type.Literal(false), error: failed }),
        ]),
      ),
    ),
  }),
});

const generate = messagesOf<"generate">(generationRequest, generationPart, generationAnswer);

export const engineMessages = {
  "engine.generate": generate.call,
  "engine.generate.said": generate.said,
  /** Ends a call, of whichever engine. */
  "engine.cancel": message("message", { run: count }),
} as const;
