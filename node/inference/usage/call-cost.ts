/** What a call takes: an estimate before it, and the sum after it. */
import type {
  EngineAnswer,
  EngineName,
  EnginePart,
  EngineRequest,
  GenerationPart,
  UsageSums,
} from "../../../protocols/index.ts";

/** The price of a model, in millionths of the unit for one token: units for a million tokens. */
export interface Rate {
  readonly input: number;
  readonly cached: number;
  readonly output: number;
  /** For each call beside its tokens, in millionths. */
  readonly call: number;
}

/** Of a model without one. */
export const free: Rate = { input: 0, cached: 0, output: 0, call: 0 };

/** Tokens that a text has, about: no tokeniser is asked before a call. */
const tokensIn = (text: string): number => Math.ceil(Buffer.byteLength(text) / 3.5);
/** An image or a sound, about. */
const mediaTokens = 1_000;

/** What a request gives the model to read, about. */
function promptOf(engine: EngineName, request: EngineRequest): number {
  switch (engine) {
    case "generate": {
      const { messages, tools = [] } = request as EngineRequest<"generate">;
      const texts = messages.reduce(
        (sum, { content, media = [] }) => sum + tokensIn(content) + 4 + media.length * mediaTokens,
        0,
      );
      return texts + (tools.length === 0 ? 0 : tokensIn(JSON.stringify(tools)));
    }
    case "embed":
      return (request as EngineRequest<"embed">).inputs.reduce(
        (sum, input) => sum + (typeof input === "string" ? tokensIn(input) : mediaTokens),
        0,
      );
    case "classify":
      return (request as EngineRequest<"classify">).inputs.reduce((sum, text) => sum + tokensIn(text), 0);
    case "rerank": {
      const { query, documents } = request as EngineRequest<"rerank">;
      return documents.reduce((sum, text) => sum + tokensIn(text), documents.length * tokensIn(query));
    }
    default:
      return 0;
  }
}

/** What a call will take, about. */
export function estimated(engine: EngineName, request: EngineRequest, rate: Rate, answerTokens: number): UsageSums {
  const { maxTokens } = (request as Partial<EngineRequest<"generate">>).sampling ?? {};
  const completionTokens = engine === "generate" ? (maxTokens ?? answerTokens) : 0;
  return priced({ promptTokens: promptOf(engine, request), cachedTokens: 0, completionTokens, ms: 0 }, rate);
}

/** What a call took that was answered. */
export const answered = (answer: EngineAnswer, ms: number, rate: Rate): UsageSums => {
  const { promptTokens = 0, cachedTokens = 0, completionTokens = 0 } = answer as Partial<EngineAnswer<"generate">>;
  return priced({ promptTokens, cachedTokens: Math.min(cachedTokens, promptTokens), completionTokens, ms }, rate);
};

/** What a call took that failed after it had said something: what was heard of it, and its prompt, about. */
export const heard = (engine: EngineName, request: EngineRequest, tokens: number, ms: number, rate: Rate): UsageSums =>
  priced({ promptTokens: promptOf(engine, request), cachedTokens: 0, completionTokens: tokens, ms }, rate);

/** Tokens of a part. */
export const tokensOf = (part: EnginePart): number => {
  const { tokens } = part as Partial<GenerationPart>;
  return typeof tokens === "number" && tokens > 0 ? tokens : 0;
};

function priced(sums: Omit<UsageSums, "calls" | "cost">, { input, cached, output, call }: Rate): UsageSums {
  const read = (sums.promptTokens - sums.cachedTokens) * input + sums.cachedTokens * cached;
  const whole = (value: number): number => Math.max(0, Math.min(Number.MAX_SAFE_INTEGER, Math.round(value) || 0));
  return {
    calls: 1,
    promptTokens: whole(sums.promptTokens),
    cachedTokens: whole(sums.cachedTokens),
    completionTokens: whole(sums.completionTokens),
    ms: whole(sums.ms),
    cost: whole(Math.ceil(read + sums.completionTokens * output + call)),
  };
}
