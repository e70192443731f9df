/** What the echo says, and how it says it: one token after the other, on whatever clock it is given. */
import {
  failure,
  ok,
  refused,
  type ChatMessage,
  type GenerationEnd,
  type GenerationRequest,
} from "../../protocols/index.ts";
import type { Ended } from "../adapter.ts";
import { createAnswer } from "../answer.ts";

export interface SpeechOptions {
  readonly after: (delayMs: number, callback: () => void) => () => void;
  readonly tokenDelayMs: number;
  /** Tokens that come in one part. */
  readonly tokensPerPart: number;
  readonly contextTokens: number;
}

export interface Listener {
  text(text: string, tokens: number): void;
  end(result: Ended<"generate">): void;
}

/** A token of the echo: up to 12 characters of a word, with the space before it. Together they are the text. */
export function echoTokens(text: string): readonly string[] {
  return text.match(/\s?\S{1,12}|\s/gu) ?? [];
}

/** The answer depends on the last user message alone. */
export function echoAnswer(messages: readonly ChatMessage[]): string {
  const said = messages.findLast((message) => message.role === "user")?.content ?? "";
  const words = said.split(/\s+/u).filter((word) => word !== "").length;
  return `You said: ${said}\nThese were ${words} words, repeated without a model.`;
}

/** Starts to speak. The returned function asks it to stop. */
export function speak(request: GenerationRequest, options: SpeechOptions, listener: Listener): () => void {
  const prompt = request.messages.flatMap((message) => echoTokens(message.content)).length;
  const room = options.contextTokens - prompt;
  if (room < 1) {
    const error = failure("CONTEXT_TOO_LONG", { promptTokens: prompt, contextTokens: options.contextTokens });
    options.after(0, () => listener.end(refused(error)));
    return () => undefined;
  }
  const tokens = echoTokens(echoAnswer(request.messages));
  const answer = createAnswer(request.stop ?? [], Math.min(request.sampling.maxTokens ?? room, room));
  let position = 0;

  let over = false;
  const done = (end: GenerationEnd): void => {
    over = true;
    listener.end(ok({ end, promptTokens: prompt, completionTokens: answer.tokens }));
  };
  const say = (text: string, count: number): void => {
    if (text !== "") listener.text(text, count);
  };

  function next(): void {
    let text = "";
    let count = 0;
    for (let index = 0; index < options.tokensPerPart && position < tokens.length; index += 1) {
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

  let ending = false;
  let stopTimer: () => void = () => undefined;
  function wait(): void {
    // A listener may have asked for the end while it took the last part.
    if (!ending) stopTimer = options.after(options.tokenDelayMs * options.tokensPerPart, next);
  }
  wait();
  return () => {
    if (ending) return;
    ending = true;
    stopTimer();
    options.after(0, () => {
      if (over) return;
      const rest = answer.finish("");
      say(rest.text, rest.tokens);
      done("stopped");
    });
  };
}
