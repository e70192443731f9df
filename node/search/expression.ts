/** A search as FTS5 takes it. Words come from `searchTerms`, which leaves letters and digits in them and nothing else,
 *  and stand in quotes: no text of a person is syntax. */
import { assert, spellingsOf, type SearchTerm } from "../../protocols/index.ts";

const quoted = (words: readonly string[]): string => {
  assert(
    words.every((word) => /^[^\s"\0]+$/.test(word)),
    "a word is letters and digits",
  );
  return `"${words.join(" ")}"`;
};

/** `knows`: whether the index has a word at all. Undefined: nothing can be found. */
export function textExpression(
  terms: readonly SearchTerm[],
  typos: boolean,
  knows: (word: string) => boolean,
): string | undefined {
  const parts: string[] = [];
  for (const { words, prefix, single } of terms) {
    if (!typos || single !== true) parts.push(quoted(words) + (prefix === true ? " *" : ""));
    else {
      const near = words.flatMap((word) => [word, ...spellingsOf(word)]).filter((word) => knows(word));
      if (near.length === 0) return undefined;
      parts.push(`(${near.map((word) => quoted([word])).join(" OR ")})`);
    }
  }
  return `(${parts.join(" AND ")})`;
}
