/** OpenAI: completions, the older interface: a prompt in, text out. */
import { Type } from "typebox";
import type { GenerationAnswer, TokenLogprob } from "../../../protocols/index.ts";
import { demand } from "../edge/refusals.ts";
import { together, type Asking } from "./calls.ts";
import { bytesOf, finishOf, nameOf, usageOf } from "./chat.ts";
import {
  add,
  dialectFields,
  maybe,
  nothingWritten,
  readForm,
  readFormat,
  samplingIn,
  readStops,
  readText,
  readThinking,
  type Fields,
  type Wanted,
  type Written,
} from "./conversation.ts";
import { openAiError } from "./errors.ts";
import { refuse } from "./media.ts";
import { streamed, streams } from "./outgoing.ts";
import { addPost, checkTexts, generator, newId, nowSeconds, type Surface } from "./surface.ts";

const completionRequest = Type.Object({
  model: Type.String({ maxLength: 200 }),
  prompt: maybe(Type.Union([Type.String(), Type.Array(Type.String(), { minItems: 1 })])),
  stream: maybe(Type.Boolean()),
  stream_options: maybe(Type.Object({ include_usage: maybe(Type.Boolean()) })),
  n: maybe(Type.Integer({ minimum: 1 })),
  stop: maybe(Type.Union([Type.String(), Type.Array(Type.String())])),
  max_tokens: maybe(Type.Integer({ minimum: 1 })),
  temperature: maybe(Type.Number({ minimum: 0, maximum: 2 })),
  top_p: maybe(Type.Number({ minimum: 0, maximum: 1 })),
  seed: maybe(Type.Integer()),
  random_seed: maybe(Type.Integer()),
  logprobs: maybe(Type.Integer({ minimum: 0, maximum: 5 })),
  ...dialectFields,
});

/** Where the tokens of one answer begin, in its characters (code points): one that goes on with a character begins
 *  where that does. */
function createOffsets(): (one: TokenLogprob) => number {
  let begun = 0;
  return (one) => {
    const bytes = bytesOf(one);
    const goesOn = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x80 && byte < 0xc0;
    const at = goesOn(bytes[0]) ? Math.max(0, begun - 1) : begun;
    begun += bytes.filter((byte) => !goesOn(byte)).length;
    return at;
  };
}

/** As OpenAI calls a token in this form. */
const oldNameOf = (one: Pick<TokenLogprob, "token" | "bytes">): string =>
  `${one.bytes === undefined ? "" : "bytes:"}${nameOf(one)}`;

/** The older form of probabilities: lists beside each other. */
function listsOf(told: readonly TokenLogprob[], offsetOf: (one: TokenLogprob) => number) {
  return {
    tokens: told.map(oldNameOf),
    token_logprobs: told.map(({ logprob }) => logprob),
    top_logprobs: told.map(({ top = [] }) => Object.fromEntries(top.map((one) => [oldNameOf(one), one.logprob]))),
    text_offset: told.map(offsetOf),
  };
}

type Told<T> = (index: number, what: T) => void;

function usageOfAll(usages: readonly ReturnType<typeof usageOf>[]) {
  const sum = (name: "prompt_tokens" | "completion_tokens" | "total_tokens") =>
    usages.reduce((total, usage) => total + usage[name], 0);
  return {
    prompt_tokens: sum("prompt_tokens"),
    completion_tokens: sum("completion_tokens"),
    total_tokens: sum("total_tokens"),
  };
}

/** Adds it. */
export function addCompletions(surface: Surface): void {
  const { at } = surface;
  const about = { summary: "Writes what follows a prompt", tag: "openai", body: completionRequest };
  addPost(surface, "/v1/completions", about, async (posted) => {
    const { body, reply } = posted;
    checkTexts(posted, at);
    const prompts = typeof body.prompt === "string" ? [body.prompt] : (body.prompt ?? [""]);
    const each = body.n ?? 1;
    const count = prompts.length * each;
    const max = at.limits.choicesMax;
    if (count > max) refuse(each > 1 ? "/n" : "/prompt", `at most ${max} choices of all prompts`);
    const { logprobs } = body;
    const form = demand(readForm(readFormat("/response_format", (body as Fields)["response_format"]), body));
    const thinking = demand(readThinking(body));
    const wantedFor = (prompt: string, index: number): Wanted => ({
      messages: [{ role: "user", content: demand(readText(`/prompt/${index}`, prompt)) }],
      sampling: samplingIn(body, body.max_tokens),
      stop: demand(readStops("/stop", body.stop)),
      ...(typeof logprobs === "number" && { logprobs }),
      ...(form && { format: form }),
      ...(thinking !== undefined && { thinking }),
      parallel: true,
    });
    const generates = await Promise.all(
      prompts.map(async (prompt, index) => generator(surface, posted.asking, body.model, wantedFor(prompt, index))),
    );
    const head = { id: newId(at, "cmpl-"), object: "text_completion", created: nowSeconds(at), model: body.model };
    const offsets: ReturnType<typeof createOffsets>[] = [];
    const choice = (index: number, text: string, told: readonly TokenLogprob[] = [], answer?: GenerationAnswer) => ({
      index,
      text,
      logprobs: told.length === 0 ? null : listsOf(told, (offsets[index] ??= createOffsets())),
      finish_reason: answer === undefined ? null : finishOf(answer),
    });
    /** All choices; the usage has each prompt once. */
    const run = async (asking: Asking, onPart: Told<Parameters<typeof add>[1]>, onEnd: Told<GenerationAnswer>) => {
      const answers = await together(asking, count, async (one, index) => {
        const of = Math.floor(index / each);
        const answer = await generates[of]!(one, index % each, (part) => onPart(index, part));
        onEnd(index, answer);
        return answer;
      });
      const usages = prompts.map((_, of) => usageOf(answers.slice(of * each, (of + 1) * each)));
      return { answers, usage: usageOfAll(usages) };
    };
    if (body.stream !== true) {
      const choices: Written[] = Array.from({ length: count }, nothingWritten);
      const { answers, usage } = await run(
        posted.asking,
        (index, part) => void add(choices[index] as Written, part, { parallel: true }),
        () => undefined,
      );
      const made = choices.map(({ text, logprobs: told }, index) => choice(index, text, told, answers[index]));
      return { ...head, choices: made, usage };
    }
    return streamed(
      { asking: posted.asking, reply, at },
      streams.events,
      async (out, asking) => {
        const say = (data: object): void => out.write(`data: ${JSON.stringify(data)}\n\n`);
        const { usage } = await run(
          asking,
          (index, part) => say({ ...head, choices: [choice(index, part.text, part.logprobs)] }),
          (index, answer) => say({ ...head, choices: [choice(index, "", [], answer)] }),
        );
        if (body.stream_options?.include_usage === true) say({ ...head, choices: [], usage });
        out.write("data: [DONE]\n\n");
      },
      (reason) => `data: ${JSON.stringify(openAiError(reason))}\n\n`,
    );
  });
}
