import { searchTerms, searchWords } from "../text/search.ts";

/** One of a person's words, as it stands in a text: every word with a blank behind it, the last one without where only
 *  its beginning is looked for. */
export type KeywordTerm = string;

/** No term is longer: `keywordCharsMax` signs, each of which may stand for 18 letters. */
const termCharsMax = 1_024;

/** A person's words, ready to be looked for: as the search finds them, whole and in their order. */
export const keywordTerms = (keywords: readonly string[]): readonly KeywordTerm[] =>
  keywords.flatMap((keyword) =>
    searchTerms(`"${keyword.replaceAll('"', " ")}"`).map(
      ({ words, prefix }) => words.join(" ") + (prefix === true ? "" : " "),
    ),
  );

let last: { readonly text: string; readonly beginnings: readonly string[] } | undefined;

/** Whether one of them is in a text. */
export function hasKeyword(text: string, terms: readonly KeywordTerm[]): boolean {
  if (terms.length === 0) return false;
  // One message is looked at for one person after the other, thousands of them: it is read once, and a term costs a few
  // comparisons however long the text is.
  if (last?.text !== text) last = { text, beginnings: beginningsOf(text) };
  const { beginnings } = last;
  return terms.some((term) => beginnings[placeOf(beginnings, term)]?.startsWith(term));
}

/** What follows from each word of a text on, in the order of characters: what begins with a term stands together. */
function beginningsOf(text: string): readonly string[] {
  const words = searchWords(text).map(({ word }) => `${word} `);
  const all = words.join("");
  let at = 0;
  const beginnings = words.map((word) => {
    at += word.length;
    return all.slice(at - word.length, at - word.length + termCharsMax);
  });
  // By UTF-16 units, as `<` does.
  return beginnings.sort();
}

/** The first place of a sorted list that is not before a term. */
function placeOf(sorted: readonly string[], term: KeywordTerm): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? "") < term) from = middle + 1;
    else to = middle;
  }
  return from;
}
