/** How the echo says what it answers (`reply.ts`): one token after the other, on whatever clock it is given. */
import { failure, ok, refused } from "../../protocols/errors.ts";
import type { CallPiece, GenerationEnd, GenerationPart, GenerationRequest, ToolCall } from "../../protocols/index.ts";
import type { Ended } from "../adapter.ts";
import { createAnswer } from "../answer.ts";
import { echoTokenCount, echoTokens, restOf } from "./reply.ts";
import { logprobOf } from "./words.ts";

interface SpeechOptions {
  readonly after: (delayMs: number, callback: () => void) => () => void;
  readonly tokenDelayMs: number;
  /** Tokens that come in one part. */
  readonly tokensPerPart: number;
  readonly contextTokens: number;
}

interface Listener {
  part(part: GenerationPart): void;
  end(result: Ended<"generate">): void;
}

/** Starts to speak. The returned function asks it to stop. */
export function speak(request: GenerationRequest, options: SpeechOptions, listener: Listener): () => void {
  const prompt = request.messages.reduce((sum, { content }) => sum + echoTokenCount(content), 0);
  const room = options.contextTokens - prompt;
  if (room < 1) {
    const error = failure("CONTEXT_TOO_LONG", { promptTokens: prompt, contextTokens: options.contextTokens });
    options.after(0, () => listener.end(refused(error)));
    return () => undefined;
  }
  const { text: whole, calls } = restOf(request);
  const tokensMax = Math.min(request.sampling.maxTokens ?? room, room);
  if (calls.length > 0) return sayCalls(prompt, calls, tokensMax, options, listener);
  const tokens = echoTokens(whole);
  const answer = createAnswer(request.stop ?? [], tokensMax);
  let position = 0;
  /** Tokens that were taken and not said yet, as they may begin a stop text. Only who wants their probabilities has to
   *  know which. */
  const held: string[] | undefined = request.logprobs === undefined ? undefined : [];

  let over = false;
  const done = (end: GenerationEnd): void => {
    over = true;
    const { tokens: completionTokens, stoppedBy } = answer;
    listener.end(ok({ end, promptTokens: prompt, completionTokens, ...(stoppedBy !== undefined && { stoppedBy }) }));
  };
  const say = (text: string, count: number): void => {
    const said = held?.splice(0, count);
    if (text === "") return;
    const logprobs = said?.map((token) => logprobOf(token, request.logprobs ?? 0));
    listener.part({ text, tokens: count, ...(logprobs && { logprobs }) });
  };

  function next(): void {
    let text = "";
    let count = 0;
    for (let index = 0; index < options.tokensPerPart && position < tokens.length; index += 1) {
      held?.push(tokens[position]!);
      const step = answer.push(tokens[position]!);
      position += 1;
      text += step.text;
      count += step.tokens;
      if (step.end === undefined) continue;
      const rest = step.end === "length" ? answer.finish("") : { text: "", tokens: 0 };
      say(text + rest.text, count + rest.tokens);
      return done(step.end);
    }
    const last = position === tokens.length ? answer.finish("") : { text: "", tokens: 0 };
    say(text + last.text, count + last.tokens);
    if (position === tokens.length) return done("complete");
    wait();
  }

  const { wait, stop } = pacedBy(options, next, () => {
    if (over) return;
    const rest = answer.finish("");
    say(rest.text, rest.tokens);
    done("stopped");
  });
  wait();
  return stop;
}

/** Does a step after each pause, until it is stopped; `stopped` is done then. */
function pacedBy(
  options: SpeechOptions,
  step: () => void,
  stopped: () => void,
): { readonly wait: () => void; readonly stop: () => void } {
  let ending = false;
  let stopTimer: () => void = () => undefined;
  return {
    wait(): void {
      // A listener may have asked for the end while it took the last part.
      if (!ending) stopTimer = options.after(options.tokenDelayMs * options.tokensPerPart, step);
    },
    stop(): void {
      if (ending) return;
      ending = true;
      stopTimer();
      options.after(0, stopped);
    },
  };
}

/** Says calls: in pieces, one token after the other, and the whole ones at the end. */
function sayCalls(
  promptTokens: number,
  calls: readonly ToolCall[],
  tokensMax: number,
  options: SpeechOptions,
  listener: Listener,
): () => void {
  const said = calls.flatMap((call, index) => piecesOf(call, index));
  const spoken = said.slice(0, tokensMax);
  let position = 0;
  let over = false;
  const done = (end: GenerationEnd): void => {
    over = true;
    listener.end(ok({ end, promptTokens, completionTokens: position }));
  };
  function next(): void {
    const step = spoken.slice(position, position + options.tokensPerPart);
    position += step.length;
    const pieces = step.flatMap((piece) => (piece === undefined ? [] : [piece]));
    if (pieces.length > 0) listener.part({ text: "", tokens: 0, pieces });
    if (position < spoken.length) return wait();
    // Calls that are not whole are none.
    if (spoken.length < said.length) return done("length");
    listener.part({ text: "", tokens: said.length, calls });
    done("calls");
  }
  const { wait, stop } = pacedBy(options, next, () => {
    if (!over) done("stopped");
  });
  wait();
  return stop;
}

/** What each token of a call adds to it; nothing where it is a piece of the name. */
function piecesOf({ id, name, arguments: text }: ToolCall, index: number): readonly (CallPiece | undefined)[] {
  const [, ...named] = echoTokens(name);
  return [
    ...named.map(() => undefined),
    { index, id, name, arguments: "" },
    ...echoTokens(text).map((token) => ({ index, arguments: token })),
  ];
}
