/** The echo in the inference host: a model that needs no file, to try Plexus without one. */
import { failure, ok, refused } from "../../protocols/errors.ts";
import type { Capability, EngineAnswer, EnginePart, EngineRequest, GenerationRequest } from "../../protocols/index.ts";
import { settingsOf, type Adapter, type Ended, type Flow, type LoadedModel, type ModelSpec } from "../adapter.ts";
import { runtimeLimits } from "../limits.ts";
import { echoTokenCount, echoTokens } from "./reply.ts";
import { speak } from "./speech.ts";
import { kindsOf, overlapOf, textKinds, tokenNumbers, tonesOf, vectorOf } from "./words.ts";

/** What it can do: all that needs no model to be done honestly. It neither sees nor hears. */
const capabilities: readonly Capability[] = [
  "chat",
  "tools",
  "json",
  "logprobs",
  "continue",
  "embed",
  "rerank",
  "classify",
  "speak",
  "tokenize",
];

/** The row of the echo. */
export const echo: Adapter<undefined> = {
  name: "echo",
  capabilities,
  claims: ({ name }) => name === "echo",
  inspect: () => ({ type: "fine", fileBytes: 0, found: undefined }),
  plan({ spec }) {
    const settings = settingsOf(spec);
    if ("refused" in settings) return { type: "refused", reason: settings.refused };
    const none = { threads: 1, sizeBytes: 0, architecture: "" };
    return { type: "fine", plan: { ...settings, ...none, memoryBytes: runtimeLimits.workerBytes } };
  },
  load: (spec, plan) => Promise.resolve({ type: "loaded", model: hostedEcho(spec, plan.contextTokens), warnings: [] }),
  label: () => ({
    short: "repeats",
    says: "No model: it repeats what it is told, to try Plexus without one.",
  }),
};

/** The echo in this thread, on real time, pausing as its receiver does. */
function hostedEcho(spec: ModelSpec, contextTokens: number): LoadedModel {
  return {
    device: "cpu",
    capabilities,
    serves: {
      generate: (request, flow) => speakTo(request, flow, spec, contextTokens),
      embed: (request) => Promise.resolve(answerTo("embed", request, contextTokens)),
      rerank: (request) => Promise.resolve(answerTo("rerank", request, contextTokens)),
      classify: (request) => Promise.resolve(answerTo("classify", request, contextTokens)),
      tokenize: (request) => Promise.resolve(answerTo("tokenize", request, contextTokens)),
      async speak(request, flow) {
        for (const bytes of tonesOf(request.text, request.speed ?? 1)) {
          await flow.ready();
          if (flow.cancelled) return refused(failure("CANCELLED"));
          flow.part({ bytes });
        }
        return answerTo("speak", request, contextTokens);
      },
    },
    unload: () => Promise.resolve(),
  };
}

/** The engines that answer at once. */
interface AtOnce {
  readonly embed: EngineAnswer<"embed">;
  readonly rerank: EngineAnswer<"rerank">;
  readonly classify: EngineAnswer<"classify">;
  readonly speak: EngineAnswer<"speak">;
  readonly tokenize: EngineAnswer<"tokenize">;
}
const atOnce: {
  readonly [Name in keyof AtOnce]: (
    request: EngineRequest<Name>,
    contextTokens: number,
  ) => {
    readonly texts: readonly string[];
    readonly answer: (promptTokens: number) => AtOnce[Name];
  };
} = {
  embed: ({ inputs, truncate }, contextTokens) => {
    const texts = inputs
      .filter((input) => typeof input === "string")
      .map((text) => (truncate === true ? echoTokens(text).slice(0, contextTokens).join("") : text));
    return { texts, answer: (promptTokens) => ({ vectors: texts.map(vectorOf), promptTokens }) };
  },
  rerank: ({ query, documents }) => ({
    texts: [query, ...documents],
    answer: (promptTokens) => ({ scores: documents.map((document) => overlapOf(query, document)), promptTokens }),
  }),
  classify: ({ inputs }) => ({
    texts: inputs,
    answer: (promptTokens) => ({ labels: textKinds, scores: inputs.map(kindsOf), exclusive: true, promptTokens }),
  }),
  speak: ({ text }) => ({ texts: [text], answer: () => ({ mediaType: "audio/wav" }) }),
  tokenize: ({ text }) => ({ texts: [text], answer: () => ({ tokens: tokenNumbers(text) }) }),
};

/** The engines of the echo that have their answer at once, and what they answer. Error: CONTEXT_TOO_LONG. */
export function answerTo<Name extends keyof AtOnce>(
  name: Name,
  request: EngineRequest<Name>,
  contextTokens: number,
): Ended<Name> {
  const { texts, answer } = atOnce[name](request, contextTokens);
  const counts = texts.map(echoTokenCount);
  const longest = Math.max(0, ...counts);
  // To count tokens is what a text that is too long is asked for.
  if (longest > contextTokens && name !== "tokenize")
    return refused(failure("CONTEXT_TOO_LONG", { promptTokens: longest, contextTokens }));
  return ok(answer(counts.reduce((sum, count) => sum + count, 0))) as Ended<Name>;
}

/** What a text sounds like, one part a piece. */
export const soundOf = ({ text, speed = 1 }: EngineRequest<"speak">): readonly EnginePart<"speak">[] =>
  Array.from(tonesOf(text, speed), (bytes) => ({ bytes }));

function speakTo(
  request: GenerationRequest,
  flow: Flow<"generate">,
  spec: ModelSpec,
  contextTokens: number,
): Promise<Ended<"generate">> {
  const after = (delayMs: number, callback: () => void): (() => void) => {
    const say = async (): Promise<void> => {
      await flow.ready();
      callback();
    };
    const timer = setTimeout(() => void say(), delayMs);
    return () => clearTimeout(timer);
  };
  const options = { after, tokenDelayMs: spec.tokenDelayMs ?? 0, tokensPerPart: 1, contextTokens };
  return new Promise((resolve) => {
    flow.onCancel(speak(request, options, { part: (part) => flow.part(part), end: resolve }));
  });
}
