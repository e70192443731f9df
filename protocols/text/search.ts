/** Words of a search: how a text is split into words, how what a person types becomes terms, and which pieces of a text
 *  these find. Index, checks, highlights and tests all use this file, so they cannot differ.
 *
 *      "Größe, 東京都!"  ──►  grosse  東京  京都  都
 *      gros* "東京"       ──►  grosse: begins with gros        東京: this very pair
 *
 *  Scripts that leave no blank between words (Chinese, Japanese, Korean, Thai and their neighbours) are split into
 *  pairs of signs; the last sign stands alone. So a search finds every run of signs, wherever a dictionary would have
 *  cut it, and no version of a dictionary is part of the index (docs/decisions/0221). */

/** The form of all that follows. An index of another version is made anew. */
export const searchVersion = 1;

/** Signs of a word that count; what is longer is cut, in texts as in searches. */
const wordSignsMax = 64;
/** Terms of one search; those behind them are passed over. */
const termsMax = 16;
/** Shorter words are not looked for with a typing error: too many others are one letter away. */
const typoSignsMin = 4;
/** Longer ones neither: what is searched for then has more spellings than an index is asked for. */
const typoSignsMax = 24;
/** So many terms of a search, the first that may have one, are looked for with a typing error. */
const typoTermsMax = 3;

const unspaced =
  "[\\p{scx=Han}\\p{scx=Hira}\\p{scx=Kana}\\p{scx=Hang}\\p{scx=Bopo}" +
  "\\p{scx=Thai}\\p{scx=Lao}\\p{scx=Khmr}\\p{scx=Mymr}]";
const letter = "[\\p{L}\\p{N}\\p{M}]";
/** A run without blanks, a word, a picture. */
const pieces = new RegExp(
  `(?<run>[${letter}&&${unspaced}]+)|(?<word>[${letter}--${unspaced}]+)|\\p{Extended_Pictographic}`,
  "gv",
);
/** A sign with what is written on it. */
const signs = /[\s\S][\p{M}\uff9e\uff9f]*/gu;
/** Accents of Latin, Greek and Cyrillic, points of Hebrew, vowels of Arabic, and its lengthening stroke. */
const marks =
  /[\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u0610-\u061a\u064b-\u065f\u0670]|\u0640/gu;
const others = /[^\p{L}\p{N}\p{M}\p{Extended_Pictographic}]/gu;

/** What is its own form already, as most of what is written in many languages: Latin letters without accents and in
 *  small, Chinese signs, Japanese and Korean syllables. */
const plain = /^[a-z0-9\u3041-\u3094\u30a1-\u30fa\u30fc-\u30fe\u4e00-\u9fff\uac00-\ud7a3]+$/;

/** The same word in every way of writing it. */
const folded = (text: string): string => (plain.test(text) ? text : foldedSlowly(text));
const foldedSlowly = (text: string): string =>
  text
    .normalize("NFKD")
    .replace(marks, "")
    .toUpperCase()
    .toLowerCase()
    .replaceAll("ς", "σ")
    .normalize("NFC")
    .replace(others, "");

/** A word of a text, and where it stands, in UTF-16 units. */
export interface SearchWord {
  readonly word: string;
  readonly start: number;
  readonly end: number;
  /** It is two signs of a run, or its last one; the first ends here. */
  readonly firstEnd?: number;
}

/** The words of a text, in order. */
export function searchWords(text: string): readonly SearchWord[] {
  const words: SearchWord[] = [];
  for (const found of text.matchAll(pieces)) {
    const { index: start, 0: piece, groups } = found;
    if (groups?.["run"] !== undefined) words.push(...pairsOf(piece, start));
    else {
      const word = cutWord(folded(piece));
      if (word !== "") words.push({ word, start, end: start + piece.length });
    }
  }
  return words;
}

const cutWord = (word: string): string =>
  word.length <= wordSignsMax ? word : Array.from(word).slice(0, wordSignsMax).join("");

function* pairsOf(run: string, at: number): Generator<SearchWord> {
  const each = plain.test(run)
    ? Array.from(run, (sign, place) => ({ sign, start: at + place, end: at + place + 1 }))
    : [...run.matchAll(signs)]
        .map(({ 0: sign, index }) => ({ sign: folded(sign), start: at + index, end: at + index + sign.length }))
        .filter(({ sign }) => sign !== "");
  for (const [place, { sign, start, end }] of each.entries()) {
    const next = each[place + 1];
    yield { word: sign + (next?.sign ?? ""), start, end: next?.end ?? end, firstEnd: end };
  }
}

/** Words that stand behind one another; of the last one, only the beginning where `prefix` is set. */
export interface SearchTerm {
  readonly words: readonly string[];
  readonly prefix?: true;
  /** A word by itself, which may be looked for with a typing error. */
  readonly single?: true;
}

/** What somebody types, as terms that must all be there: words, `"several words"`, `beginn*`. Nothing of it is the
 *  syntax of anything else. */
export function searchTerms(typed: string): readonly SearchTerm[] {
  const terms: SearchTerm[] = [];
  for (const [, quoted, plain = ""] of typed.matchAll(/"([^"]*)"?|([^\s"]+)/g)) {
    const mayErr = terms.filter(({ single }) => single).length < typoTermsMax;
    const term = termOf(quoted ?? plain, { starred: quoted === undefined && plain.endsWith("*"), mayErr });
    if (term !== undefined) terms.push(term);
    if (terms.length === termsMax) break;
  }
  return terms;
}

function termOf(
  text: string,
  { starred, mayErr }: { readonly starred: boolean; readonly mayErr: boolean },
): SearchTerm | undefined {
  const found = searchWords(text);
  const last = found.at(-1);
  if (last === undefined) return undefined;
  if (last.firstEnd === undefined) {
    const words = found.map(({ word }) => word);
    const single = mayErr && !starred && words.length === 1 && mayHaveTypo(words[0] ?? "");
    return { words, ...(starred && { prefix: true }), ...(single && { single }) };
  }
  // A text may go on behind the last sign: the pair before it says that it is there, or a word that begins with it.
  const isPair = found.at(-2)?.end === last.end;
  return isPair
    ? { words: found.slice(0, -1).map(({ word }) => word) }
    : { words: found.map(({ word }) => word), prefix: true };
}

/** Whether a word stands for another that was typed. */
type Same = (word: string, typed: string) => boolean;
const same: Same = (word, typed) => word === typed;

/** Pieces of a text, from and to, in UTF-16 units. */
export type SearchMarks = readonly (readonly [start: number, end: number])[];

/** What the terms find in a text, in its order; undefined: one of them is not there. With `typos`, words with one
 *  typing error count as well. */
export function searchMarks(text: string, terms: readonly SearchTerm[], typos = false): SearchMarks | undefined {
  const words = searchWords(text);
  const found: [number, number][] = [];
  for (const term of terms) {
    const own = marksOfTerm(words, term, typos && term.single === true ? isNear : same);
    if (own.length === 0) return undefined;
    found.push(...own);
  }
  found.sort(([one], [other]) => one - other);
  const joined: [number, number][] = [];
  for (const [start, end] of found) {
    const last = joined.at(-1);
    if (last !== undefined && start <= last[1]) last[1] = Math.max(last[1], end);
    else joined.push([start, end]);
  }
  return joined;
}

function marksOfTerm(words: readonly SearchWord[], { words: wanted, prefix }: SearchTerm, isSame: Same) {
  const marksFound: [number, number][] = [];
  const [lastAt, lastWanted = ""] = [wanted.length - 1, wanted.at(-1)];
  for (let at = 0; at + lastAt < words.length; at += 1) {
    const [first, last] = [words[at], words[at + lastAt]];
    if (first === undefined || last === undefined) break;
    const fits = prefix === true ? last.word.startsWith(lastWanted) : isSame(last.word, lastWanted);
    if (!fits || !wanted.slice(0, -1).every((word, place) => isSame(words[at + place]?.word ?? "", word))) continue;
    const isPart = prefix === true && last.firstEnd !== undefined;
    marksFound.push([first.start, isPart ? last.firstEnd : last.end]);
  }
  return marksFound;
}

const alphabets = [
  "abcdefghijklmnopqrstuvwxyz0123456789",
  "абвгдежзиклмнопрстуфхцчшщъыьэюяіїґў",
  "αβγδεζηθικλμνξοπρστυφχψω",
];
const alphabetOf = (word: string): string =>
  alphabets.find((letters) => Array.from(word).some((sign) => letters.includes(sign))) ?? [...new Set(word)].join("");

/** A sign is one or two units. */
const mayHaveTypo = (typed: string): boolean => {
  if (typed.length < typoSignsMin || typed.length > 2 * typoSignsMax) return false;
  const count = Array.from(typed).length;
  return count >= typoSignsMin && count <= typoSignsMax;
};

/** Words that are one typing error away: a letter too many, one too few, another one, or two that changed places. */
export function spellingsOf(typed: string): ReadonlySet<string> {
  const near = new Set<string>();
  if (!mayHaveTypo(typed)) return near;
  const each = Array.from(typed);
  const letters = Array.from(alphabetOf(typed));
  for (let at = 0; at <= each.length; at += 1) {
    const [before, here, next, behind] = [
      each.slice(0, at).join(""),
      each[at],
      each[at + 1],
      each.slice(at + 1).join(""),
    ];
    for (const sign of letters) near.add(before + sign + (here ?? "") + behind);
    if (here === undefined) continue;
    near.add(before + behind);
    for (const sign of letters) near.add(before + sign + behind);
    if (next !== undefined) near.add(before + next + here + each.slice(at + 2).join(""));
  }
  near.delete(typed);
  return near;
}

const isHigh = (unit: number): boolean => unit >= 0xd800 && unit < 0xdc00;
const isLow = (unit: number): boolean => unit >= 0xdc00 && unit < 0xe000;

/** Whether a word is the typed one, or one of its `spellingsOf`, of any alphabet. Many words of many texts are compared
 *  with one that was typed: what the two have in common at both ends is passed over, and nothing is kept. */
function isNear(word: string, typed: string): boolean {
  if (word === typed) return true;
  if (Math.abs(word.length - typed.length) > 2 || !mayHaveTypo(typed)) return false;
  const common = Math.min(word.length, typed.length);
  let start = 0;
  while (start < common && word.charCodeAt(start) === typed.charCodeAt(start)) start += 1;
  if (start > 0 && isHigh(word.charCodeAt(start - 1))) start -= 1;
  let end = 0;
  while (end < common - start && word.at(-1 - end) === typed.at(-1 - end)) end += 1;
  if (end > 0 && isLow(word.charCodeAt(word.length - end))) end -= 1;
  const [one, other] = [word.slice(start, word.length - end), typed.slice(start, typed.length - end)];
  if (one.length > 4 || other.length > 4) return false;
  const [ones, signsTyped] = [Array.from(one), Array.from(other)];
  if (ones.length <= 1 && signsTyped.length <= 1) return true;
  return ones.length === 2 && signsTyped.length === 2 && ones[0] === signsTyped[1] && ones[1] === signsTyped[0];
}

/** How much the words of a text say of what was searched for: how often, and how little else; 0: a term is not there.
 *  It compares texts of all nodes, for it knows of no other text. */
export function searchScore(words: readonly string[], terms: readonly SearchTerm[], typos = false): number {
  const placed = words.map((word, at): SearchWord => ({ word, start: at, end: at }));
  const times = terms.map((term) => marksOfTerm(placed, term, typos && term.single === true ? isNear : same).length);
  if (times.includes(0)) return 0;
  return times.reduce((sum, count) => sum + Math.log1p(count), 0) / Math.log(words.length + 8);
}

/** The passage of a text around what was found first, at most about so long. */
export function passageOf(
  text: string,
  found: SearchMarks,
  charsMax: number,
): { readonly text: string; readonly from: number; readonly marks: SearchMarks } {
  if (text.length <= charsMax) return { text, from: 0, marks: found };
  const first = found[0]?.[0] ?? 0;
  const wanted = Math.max(0, Math.min(first - Math.floor(charsMax / 4), text.length - charsMax));
  // Neither begins nor ends within a sign.
  const isHalf = (at: number): boolean => /[\udc00-\udfff]/.test(text[at] ?? "");
  const from = isHalf(wanted) ? wanted - 1 : wanted;
  const to = isHalf(from + charsMax) ? from + charsMax - 1 : from + charsMax;
  const inside = found.filter(([start, end]) => start >= from && end <= to);
  return { text: text.slice(from, to), from, marks: inside.map(([start, end]) => [start - from, end - from] as const) };
}
