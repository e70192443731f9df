import { hasOneOf, searchTerms, searchWords, type SearchTerm, type SearchWord } from "../text/search.ts";

/** A person's words, ready to be looked for: as the search finds them, whole and in their order. */
export const keywordTerms = (keywords: readonly string[]): readonly SearchTerm[] =>
  keywords.flatMap((keyword) => searchTerms(`"${keyword.replaceAll('"', " ")}"`));

let last: { readonly text: string; readonly words: readonly SearchWord[] } | undefined;

/** Whether one of them is in a text. */
export function hasKeyword(text: string, terms: readonly SearchTerm[]): boolean {
  if (terms.length === 0) return false;
  // One message is looked at for one person after the other.
  if (last?.text !== text) last = { text, words: searchWords(text) };
  return hasOneOf(last.words, terms);
}
