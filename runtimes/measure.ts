/** Whether a text has more tokens than there is room for, found without reading more of it than that takes.
 *
 *  To read a megabyte of text as tokens takes the model's thread up to two seconds, in which nobody else's answer goes
 *  on. So a text is counted in pieces, with a pause after each, and no further than to the first token too many. Where
 *  a piece ends in the middle of a word, the count is a few tokens more than that of the whole text: so much is
 *  forgiven, and what is close is counted whole in the end. */
import { runtimeLimits } from "./limits.ts";

/** Tokens that the end of a piece may add. */
const tokensPerCut = 8;

/** How many tokens the texts have at least, as soon as that is more than `tokensMax`; undefined when they may have
 *  fewer. `count` counts those of one piece, `pause` lets others go on. */
export async function tokensBeyond(
  texts: readonly string[],
  tokensMax: number,
  count: (piece: string) => number,
  pause: () => Promise<void>,
): Promise<number | undefined> {
  const { measuredCharsMax } = runtimeLimits;
  // The model reads this in one go, too.
  if (texts.reduce((chars, { length }) => chars + length, 0) <= measuredCharsMax) return undefined;
  let tokens = 0;
  for (const text of texts)
    for (let at = 0; at < text.length;) {
      const end = endOfPiece(text, at + measuredCharsMax);
      tokens += count(text.slice(at, end)) - tokensPerCut;
      if (tokens > tokensMax) return tokens;
      at = end;
      await pause();
    }
  return undefined;
}

/** The longest beginning of a text that has at most so many tokens. `count` counts those of a whole text, with what the
 *  model wants around it; `pause` lets others go on. */
export async function cutToFit(
  text: string,
  tokensMax: number,
  count: (piece: string) => number,
  pause: () => Promise<void>,
): Promise<string> {
  let [fits, beyond] = [0, Math.min(text.length, tokensMax * runtimeLimits.promptCharsPerTokenMax) + 1];
  while (beyond - fits > 1) {
    const middle = (fits + beyond) >> 1;
    if (count(text.slice(0, middle)) <= tokensMax) fits = middle;
    else beyond = middle;
    await pause();
  }
  // Half a character is none.
  return text.slice(0, fits).replace(/[\ud800-\udbff]$/u, "");
}

/** Where a piece may end: not within a character. */
function endOfPiece(text: string, wanted: number): number {
  if (wanted >= text.length) return text.length;
  const last = text.charCodeAt(wanted - 1);
  return last >= 0xd800 && last <= 0xdbff ? wanted + 1 : wanted;
}
