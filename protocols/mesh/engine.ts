/** Calls of engines on other nodes (node/routing): what is said of one travels beside messages and in order, and ends
 *  with its answer, or with the connection. One row an engine. */
import { Type, type TSchema, type TUnsafe } from "typebox";
import { sampling } from "../kinds/agent.ts";
import {
  engineNames,
  type EngineAnswer,
  type EngineName,
  type EnginePart,
  type EngineRequest,
} from "../engines/engine.ts";
import type { Result } from "../errors.ts";
import { traceContext } from "../admin/traces.ts";
import { bytes, closed, count, failed, message } from "./parts.ts";

const short = Type.String({ maxLength: 256 });
const open = (schema: TSchema): TSchema => Type.Record(Type.String(), schema);
const media = closed({
  type: Type.Union([Type.Literal("image"), Type.Literal("audio")]),
  mediaType: short,
  bytes,
});
const toolCall = Type.Object({ id: short, name: short, arguments: Type.String() });
const callPiece = Type.Object({
  index: count,
  id: Type.Optional(short),
  name: Type.Optional(short),
  arguments: Type.String(),
});
const chatMessage = Type.Object({
  role: Type.Union([Type.Literal("system"), Type.Literal("user"), Type.Literal("assistant"), Type.Literal("tool")]),
  content: Type.String(),
  media: Type.Optional(Type.Array(media, { maxItems: 64 })),
  calls: Type.Optional(Type.Array(toolCall, { maxItems: 256 })),
  callId: Type.Optional(short),
  continues: Type.Optional(Type.Literal(true)),
});
const tool = closed({
  name: short,
  description: Type.Optional(Type.String()),
  parameters: Type.Optional(open(Type.Unknown())),
  written: Type.Optional(Type.String()),
  strict: Type.Optional(Type.Literal(true)),
});
const format = Type.Union([
  closed({ type: Type.Literal("json") }),
  closed({
    type: Type.Literal("schema"),
    schema: open(Type.Unknown()),
    written: Type.Optional(Type.String()),
    strict: Type.Optional(Type.Boolean()),
  }),
]);
const toolChoice = Type.Union([
  Type.Literal("auto"),
  Type.Literal("none"),
  Type.Literal("required"),
  closed({ name: short }),
]);
const thinking = Type.Union([Type.Boolean(), Type.Literal("low"), Type.Literal("medium"), Type.Literal("high")]);
const logprob = Type.Object({ token: Type.String(), bytes: Type.Optional(bytes), logprob: Type.Number() });
const unfit = Type.Object({
  tool: Type.Optional(Type.String()),
  at: Type.String(),
  keyword: Type.String(),
  problem: Type.String(),
});
const positive = Type.Integer({ minimum: 1, maximum: 65_536 });

/** What every call has. */
const call = {
  id: short,
  model: short,
  timeoutMs: Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  silenceMs: Type.Optional(Type.Number({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER })),
  person: Type.Optional(Type.String({ maxLength: 128 })),
  key: Type.Optional(short),
  priority: Type.Optional(Type.Number()),
  keepAliveMs: Type.Optional(Type.Number()),
};

/** Requests are closed; what is said is open: fields of a later version are not known to be left out of lists and
 *  choices. `sampling` is bounded as it is for people, since the engine is given it as it is. */
const wires: {
  readonly [Name in EngineName]: { readonly request: TSchema; readonly part: TSchema; readonly answer: TSchema };
} = {
  generate: {
    request: closed({
      ...call,
      messages: Type.Array(chatMessage, { maxItems: 4_096 }),
      sampling,
      stop: Type.Optional(Type.Array(short, { maxItems: 64 })),
      tools: Type.Optional(Type.Array(tool, { maxItems: 256 })),
      toolChoice: Type.Optional(toolChoice),
      format: Type.Optional(format),
      logprobs: Type.Optional(Type.Integer({ minimum: 0, maximum: 64 })),
      thinking: Type.Optional(thinking),
    }),
    part: Type.Object({
      text: Type.String(),
      tokens: count,
      calls: Type.Optional(Type.Array(toolCall, { maxItems: 256 })),
      pieces: Type.Optional(Type.Array(callPiece, { maxItems: 65_536 })),
      thought: Type.Optional(Type.String()),
      logprobs: Type.Optional(
        Type.Array(
          Type.Intersect([logprob, Type.Object({ top: Type.Optional(Type.Array(logprob, { maxItems: 64 })) })]),
          {
            maxItems: 65_536,
          },
        ),
      ),
    }),
    answer: Type.Object({
      end: Type.Union([
        Type.Literal("complete"),
        Type.Literal("length"),
        Type.Literal("stopped"),
        Type.Literal("calls"),
      ]),
      promptTokens: count,
      completionTokens: count,
      cachedTokens: Type.Optional(count),
      stoppedBy: Type.Optional(short),
      unfit: Type.Optional(Type.Array(unfit, { maxItems: 64 })),
    }),
  },
  embed: {
    request: closed({
      ...call,
      inputs: Type.Array(Type.Union([Type.String(), media]), { maxItems: 4_096 }),
      truncate: Type.Optional(Type.Literal(true)),
    }),
    part: Type.Never(),
    answer: Type.Object({ vectors: Type.Array(bytes, { maxItems: 4_096 }), promptTokens: count }),
  },
  rerank: {
    request: closed({ ...call, query: Type.String(), documents: Type.Array(Type.String(), { maxItems: 4_096 }) }),
    part: Type.Never(),
    answer: Type.Object({ scores: Type.Array(Type.Number(), { maxItems: 4_096 }), promptTokens: count }),
  },
  classify: {
    request: closed({ ...call, inputs: Type.Array(Type.String(), { maxItems: 4_096 }) }),
    part: Type.Never(),
    answer: Type.Object({
      labels: Type.Array(short, { maxItems: 4_096 }),
      scores: Type.Array(bytes, { maxItems: 4_096 }),
      exclusive: Type.Boolean(),
      promptTokens: count,
    }),
  },
  transcribe: {
    request: closed({
      ...call,
      audio: media,
      language: Type.Optional(short),
      translate: Type.Optional(Type.Boolean()),
      prompt: Type.Optional(Type.String()),
    }),
    part: Type.Object({ text: Type.String(), fromMs: count, toMs: count }),
    answer: Type.Object({ language: Type.Optional(short), durationMs: count }),
  },
  speak: {
    request: closed({
      ...call,
      text: Type.String(),
      voice: Type.Optional(short),
      speed: Type.Optional(Type.Number({ minimum: 0.1, maximum: 10 })),
      mediaType: Type.Optional(short),
    }),
    part: Type.Object({ bytes }),
    answer: Type.Object({ mediaType: short }),
  },
  draw: {
    request: closed({
      ...call,
      prompt: Type.String(),
      count: Type.Optional(positive),
      width: Type.Optional(positive),
      height: Type.Optional(positive),
    }),
    part: Type.Never(),
    answer: Type.Object({ images: Type.Array(media, { maxItems: 64 }) }),
  },
  tokenize: {
    request: closed({ ...call, text: Type.String() }),
    part: Type.Never(),
    answer: Type.Object({ tokens: Type.Array(count) }),
  },
  scan: {
    request: closed({
      ...call,
      // Open: where the bytes of a file lie is said by fields of their own.
      file: Type.Object({
        id: short,
        name: Type.String({ maxLength: 1_024 }),
        bytes: count,
        key: short,
        parts: Type.Array(short, { maxItems: 4_096 }),
      }),
    }),
    part: Type.Never(),
    answer: Type.Object({ signature: Type.Optional(short) }),
  },
};

/** The messages of one engine: a call, and what is said of it. `run` is the asking node's number for the call. */
const messagesOf = <Name extends EngineName>(name: Name) => {
  const { request, part, answer } = wires[name];
  return {
    call: message("message", {
      trace: Type.Optional(traceContext),
      run: count,
      request: request as unknown as TUnsafe<EngineRequest<Name>>,
    }),
    said: message("message", {
      run: count,
      parts: Type.Array(part as unknown as TUnsafe<EnginePart<Name>>, { maxItems: 1_024 }),
      /** Before the first part: where the call is. A node of the version before passes over it. */
      place: Type.Optional(
        Type.Object({
          stage: Type.Union([Type.Literal("queued"), Type.Literal("loading"), Type.Literal("reading")]),
          ahead: Type.Optional(count),
        }),
      ),
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
  };
};

type CallOf<Name extends EngineName> = ReturnType<typeof messagesOf<Name>>["call"];
type SaidOf<Name extends EngineName> = ReturnType<typeof messagesOf<Name>>["said"];

const ofEngines = Object.fromEntries(
  engineNames.flatMap((name) => {
    const { call: asked, said } = messagesOf(name);
    return [
      [`engine.${name}`, asked],
      [`engine.${name}.said`, said],
    ];
  }),
) as { readonly [Name in EngineName as `engine.${Name}`]: CallOf<Name> } & {
  readonly [Name in EngineName as `engine.${Name}.said`]: SaidOf<Name>;
};

export const engineMessages = {
  ...ofEngines,
  /** Ends a call, of whichever engine. */
  "engine.cancel": message("message", { run: count }),
} as const;
