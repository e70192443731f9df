/** Many texts as one choice that is read letter by letter: what they begin with alike is said once. So a choice of thousands has at
 *  each letter as many ways on as there are letters, not thousands. Pure. */
import type { Rules } from "./grammar.ts";

/** A text of a choice, and the words for what comes after it. */
export interface Branch {
  readonly text: string;
  readonly behind: string;
}

/** So few are written one beside the other. */
const plainMax = 8;

/** Words for any of these. */
export function choiceOf(branches: readonly Branch[], literal: (text: string) => string, add: Rules["add"]): string {
  if (branches.length > plainMax) return grouped(branches, literal, add);
  return among(branches.map(({ text, behind }) => wordsOf(literal(text), behind)));
}

/** Each text is of the size that it has left. */
function grouped(branches: readonly Branch[], literal: (text: string) => string, add: Rules["add"]): string {
  const byLetter = new Map<string, Branch[]>();
  for (const branch of branches) {
    const letter = String.fromCodePoint(...[branch.text.codePointAt(0) ?? []].flat());
    const alike = byLetter.get(letter);
    if (alike === undefined) byLetter.set(letter, [branch]);
    else alike.push(branch);
  }
  const words = [...byLetter.values()].map((alike) => {
    const [first, ...others] = alike;
    if (others.length === 0) return wordsOf(literal(first!.text), first!.behind);
    const shared = sharedStart(alike);
    if (shared === "") return among(alike.map(({ behind }) => wordsOf('""', behind)));
    const rest = alike.map(({ text, behind }) => ({ text: text.slice(shared.length), behind }));
    return `${literal(shared)} ${add(grouped(rest, literal, add))}`;
  });
  return among(words);
}

/** What all of them begin with, whole letters only. */
function sharedStart(branches: readonly Branch[]): string {
  let shared = branches[0]!.text;
  for (const { text } of branches) {
    let length = 0;
    while (length < shared.length && shared.charCodeAt(length) === text.charCodeAt(length)) length += 1;
    shared = shared.slice(0, length);
  }
  const last = shared.charCodeAt(shared.length - 1);
  return last >= 0xd800 && last < 0xdc00 ? shared.slice(0, -1) : shared;
}

const wordsOf = (text: string, behind: string): string => (behind === "" ? text : `${text} ${behind}`);
const among = (words: readonly string[]): string => (words.length === 1 ? words[0]! : `(${words.join(" | ")})`);
