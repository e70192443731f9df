/** A line of the terminal in a page as words. There is no shell: quotes and backslashes hold words together, and
 *  nothing is ever expanded. */
import { failure, refused, ok, type Result } from "../../protocols/errors.ts";

/** Signs by which a shell would do more than call one command, where they are not quoted. */
const ofShells = /[|&;<>`$()\n]/;

/** The words of a line. Error: BAD_REQUEST. */
export function wordsOf(line: string): Result<readonly string[]> {
  const wrong = (reason: string) => refused(failure("BAD_REQUEST", { field: "", reason }));
  const words: string[] = [];
  let word: string | undefined;
  let quote: string | undefined;
  const signs = Array.from(line);
  for (let at = 0; at < signs.length; at += 1) {
    const sign = signs[at] as string;
    if (sign === "\\" && quote !== "'") {
      const next = signs[at + 1];
      if (next === undefined) return wrong("the line ends with a backslash");
      // Between double quotes a backslash is one, unless it hides a quote or itself.
      word = (word ?? "") + (quote === '"' && next !== '"' && next !== "\\" ? `\\${next}` : next);
      at += 1;
    } else if (quote !== undefined) {
      if (sign === quote) quote = undefined;
      else word = (word ?? "") + sign;
    } else if (sign === "'" || sign === '"') {
      quote = sign;
      word ??= "";
    } else if (/\s/.test(sign) && sign !== "\n") {
      if (word !== undefined) words.push(word);
      word = undefined;
    } else if (ofShells.test(sign)) {
      const named = sign === "\n" ? "a new line" : sign;
      return wrong(
        `this is not a shell: ${named} does nothing here. It takes one command of plexus at a time; put text ` +
          "with such signs between '…'",
      );
    } else word = (word ?? "") + sign;
  }
  if (quote !== undefined) return wrong(`a quote (${quote}) is not closed`);
  if (word !== undefined) words.push(word);
  return ok(words[0] === "plexus" ? words.slice(1) : words);
}
