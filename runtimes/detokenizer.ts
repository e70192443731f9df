/** Turns tokens into text one by one, though a character may be spread over several tokens, and a token may end one
 *  character and begin another.
 *
 *  What is incomplete at the end reads as U+FFFD. It is at most three bytes, so at most three marks are held back; what
 *  is before them is final, garbage included. */
type Detokenize<Token> = (tokens: readonly Token[], before: readonly Token[]) => string;

interface Detokenizer<Token> {
  /** The text that is final now; empty while a character is unfinished. */
  push(token: Token): string;
  /** What is left, without a character that stayed unfinished. */
  flush(): string;
}

const unfinishedEnd = /\uFFFD{1,3}$/u;
const settled = (text: string): string => text.replace(unfinishedEnd, "");

/** Some vocabularies decide about a leading space by the tokens before. Also what is read again when no token has ended
 *  with a character for long: UTF-8 finds its way back within one character. */
const overlapTokens = 8;
const waitingTokensMax = 32;

export function createDetokenizer<Token>(
  detokenize: Detokenize<Token>,
  behind: readonly Token[] = [],
): Detokenizer<Token> {
  /** Tokens since one ended with a character. */
  let waiting: Token[] = [];
  let before: readonly Token[] = behind.slice(-overlapTokens);
  /** How much of the text of `waiting` is out. */
  let charsOut = 0;
  const forget = (count: number): void => {
    before = [...before, ...waiting.slice(0, count)].slice(-overlapTokens);
    waiting = waiting.slice(count);
    charsOut = waiting.length === 0 ? 0 : settled(detokenize(waiting, before)).length;
  };
  return {
    push(token) {
      waiting.push(token);
      const text = detokenize(waiting, before);
      const ready = settled(text);
      const out = ready.slice(charsOut);
      charsOut = ready.length;
      if (ready === text) forget(waiting.length);
      else if (waiting.length > waitingTokensMax) forget(waiting.length - overlapTokens);
      return out;
    },
    flush() {
      const out = waiting.length === 0 ? "" : settled(detokenize(waiting, before)).slice(charsOut);
      waiting = [];
      charsOut = 0;
      return out;
    },
  };
}
