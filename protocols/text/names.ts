/** How a name is looked for: what is typed is compared with names in a folded form, so that `muller` finds Müller,
 *  `lodz` finds Łódź, `istanbul` finds İstanbul, `ＡＢＣ` is abc, and `@ben` finds ben. Only for finding: who somebody is,
 *  is their account.
 *
 *  Why so: docs/decisions/0124-one-reader-of-text.md. */

const latin = /[^\p{ASCII}\P{Script=Latin}]/gu;
// Marks that are put on letters. The signs of vowels in scripts of India and Thailand are marks too, and are no
// accents. Those of kana make other letters: パパ is not ハハ.
const accents =
  /[[\p{Script=Inherited}\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Cyrillic}]&&[\p{M}--[\u3099\u309a]]]/gv;
const unseen = /\p{Default_Ignorable_Code_Point}/gu;
const ascii = /^\p{ASCII}*$/u;

const byBase = new Intl.Collator("und", { sensitivity: "base", usage: "search" });
const bases = ["ae", "oe", ...Array.from("abcdefghijklmnopqrstuvwxyz")];

/** Letters of which no mark can be taken away, such as ł and ø, by what Unicode's order of letters takes them for.
 *  There are not many. */
const basesKnown = new Map<string, string>();

function baseOf(letter: string): string {
  const known = basesKnown.get(letter);
  if (known !== undefined) return known;
  const base = bases.find((one) => byBase.compare(one, letter) === 0) ?? letter;
  basesKnown.set(letter, base);
  return base;
}

/** A name as it is compared: without case, accents, width and characters that nobody sees; a blank for blank space. */
export function folded(name: string): string {
  if (ascii.test(name)) return name.toLowerCase().replaceAll(/\s+/g, " ").trim();
  return (
    name
      .normalize("NFKD")
      .replaceAll(unseen, "")
      .replaceAll(accents, "")
      // By the large letters: ß and ı have no other way to ss and i.
      .toLowerCase()
      .toUpperCase()
      .toLowerCase()
      .replaceAll("ς", "σ")
      .normalize("NFKD")
      .replaceAll(accents, "")
      .replaceAll(latin, baseOf)
      .replaceAll(/\s+/gu, " ")
      .trim()
  );
}

/** What somebody typed to find a name, folded. The sign before a name of a person or a room is none of its letters. */
export const sought = (typed: string): string => folded(typed).replace(/^[@#]\s*/, "");

/** Tells whether what was typed is found in one of some names; nothing typed is found in all. */
export function finder(typed: string): (...names: readonly (string | undefined)[]) => boolean {
  const wanted = sought(typed);
  return (...names) => wanted === "" || names.some((name) => name !== undefined && folded(name).includes(wanted));
}

/** The names that begin with what was typed, then those that have it further on. */
export function namesFound<Item>(
  items: readonly Item[],
  typed: string,
  namesOf: (item: Item) => readonly string[],
): readonly Item[] {
  const wanted = sought(typed);
  const places = items.map((item) => namesOf(item).map((name) => folded(name).indexOf(wanted)));
  return [
    ...items.filter((_, index) => places[index]?.includes(0) === true),
    ...items.filter((_, index) => places[index]?.includes(0) === false && places[index].some((place) => place > 0)),
  ];
}
