/** Turns tokens into text one by one, though a character may be spread over several tokens.
 *
 *  UTF-8 takes at most four bytes a character and a token is at least one, so an unfinished character lies within the last
 *  three tokens; anything before them is final, garbage included. */
export type Detokenize<Token> = (tokens: readonly Token[], before: readonly Token[]) => string;

export interface Detokenizer<Token> {
  /** The text that is final now; empty while a character is unfinished. */
  push(token: Token): string;
  /** What is left, with U+FFFD for a character that stayed unfinished. */
  flush(): string;
}

const unfinishedMark = "\uFFFD";
const unfinishedTokensMax = 3;
/** Some vocabularies decide about a leading space by the tokens before. */
const beforeTokens = 8;

export function createDetokenizer<Token>(detokenize: Detokenize<Token>): Detokenizer<Token> {
  let waiting: Token[] = [];
  let before: Token[] = [];
  const release = (count: number): string => {
    const ready = waiting.slice(0, count);
    const text = ready.length === 0 ? "" : detokenize(ready, before);
    waiting = waiting.slice(count);
    before = [...before, ...ready].slice(-beforeTokens);
    return text;
  };
  return {
    push(token) {
      waiting.push(token);
      if (!detokenize(waiting, before).endsWith(unfinishedMark)) return release(waiting.length);
      return waiting.length > unfinishedTokensMax ? release(waiting.length - unfinishedTokensMax) : "";
    },
    flush: () => release(waiting.length),
  };
}
