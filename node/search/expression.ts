/** A search as FTS5 takes it. Words come from `searchTerms`, which leaves letters and digits in them and nothing else,
 *  and stand in quotes: no text of a person is syntax. */
import { assert, spellingsOf, type SearchTerm } from "../../protocols/index.ts";
import { searchLimits } from "./limits.ts";

const quoted = (words: readonly string[]): string => {
  assert(
    words.every((word) => /^[^\s"\0]+$/.test(word)),
    "a word is letters and digits",
  );
  return `"${words.join(" ")}"`;
};

/** FTS5 has the beginnings of three signs; of shorter ones it joins the lists of all words that begin so. */
const isShort = (word: string): boolean => Array.from(word).length < 3;
const isCostly = ({ words, prefix }: SearchTerm): boolean => prefix === true && isShort(words.at(-1) ?? "");

/** Whether the index is asked for some of the terms only: the words of what it finds are then asked for all. */
export const leavesSomeOut = (terms: readonly SearchTerm[]): boolean =>
  terms.filter(isCostly).length > searchLimits.shortBeginningsMax;

/** `knows`: whether the index has a word at all. Undefined: nothing can be found. */
export function textExpression(
  terms: readonly SearchTerm[],
  typos: boolean,
  knows: (word: string) => boolean,
): string | undefined {
  const parts: string[] = [];
  let shorts = 0;
  for (const term of terms) {
    const { words, prefix, single } = term;
    if (isCostly(term)) shorts += 1;
    if (isCostly(term) && shorts > searchLimits.shortBeginningsMax) continue;
    if (!typos || single !== true) parts.push(quoted(words) + (prefix === true ? " *" : ""));
    else {
      const near = words.flatMap((word) => [word, ...spellingsOf(word)]).filter((word) => knows(word));
      if (near.length === 0) return undefined;
      parts.push(`(${near.map((word) => quoted([word])).join(" OR ")})`);
    }
  }
  return `(${parts.join(" AND ")})`;
}
