/** One answer on its way out: counts tokens, cuts at stop strings and at the longest length. Every adapter uses it. */
import type { GenerationEnd } from "../protocols/index.ts";
import { createStopMatcher } from "./stop-strings.ts";

interface Answer {
  /** Takes one token's text (empty when its characters are not complete yet); `end` says that no more may follow. */
  push(text: string): { readonly text: string; readonly tokens: number; readonly end?: GenerationEnd };
  /** What was held back. Call it once, when the answer ends for a reason that `push` did not give. */
  finish(rest: string): { readonly text: string; readonly tokens: number };
  readonly tokens: number;
  /** The stop string that ended it. */
  readonly stoppedBy: string | undefined;
}

export function createAnswer(stops: readonly string[], tokensMax: number): Answer {
  const matcher = createStopMatcher(stops);
  let tokens = 0;
  let tokensOut = 0;
  let stoppedBy: string | undefined;
  const out = (text: string): { text: string; tokens: number } => {
    if (text === "") return { text, tokens: 0 };
    const count = tokens - tokensOut;
    tokensOut = tokens;
    return { text, tokens: count };
  };
  return {
    push(text) {
      tokens += 1;
      const { text: ready, matched, stop } = matcher.push(text);
      stoppedBy ??= stop;
      if (matched) return { ...out(ready), end: "complete" };
      if (tokens < tokensMax) return out(ready);
      return { ...out(ready), end: "length" };
    },
    finish(rest) {
      const { text, matched, stop } = matcher.push(rest);
      stoppedBy ??= stop;
      return out(matched ? text : text + matcher.flush());
    },
    get tokens() {
      return tokens;
    },
    get stoppedBy() {
      return stoppedBy;
    },
  };
}
