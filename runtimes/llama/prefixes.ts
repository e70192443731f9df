/** Many texts as one choice that is read letter by letter: what they begin with alike is said once. So a choice of
 *  thousands has at each letter as many ways on as there are letters, not thousands. Pure. */
import { runtimeLimits } from "../limits.ts";
import type { Steps } from "../steps.ts";
import type { Rules } from "./rules.ts";

/** A text of a choice, and the words for what comes after it. */
export interface Branch {
  readonly text: string;
  readonly behind: string;
}

/** So few are written one beside the other. */
const plainMax = 8;

/** What they are said with. */
interface Saying {
  readonly literal: (text: string) => string;
  readonly add: Rules["add"];
  readonly steps: Steps;
}

/** Words for any of these; undefined: they part too often. */
export function choiceOf(branches: readonly Branch[], saying: Saying): string | undefined {
  if (branches.length > plainMax) return grouped(branches, 0, saying);
  return among(branches.map(({ text, behind }) => wordsOf(saying.literal(text), behind)));
}

/** Each text is of the size that it has left. */
function grouped(branches: readonly Branch[], depth: number, saying: Saying): string | undefined {
  if (depth > runtimeLimits.grammarDepthMax) return undefined;
  const { literal, add, steps } = saying;
  const byLetter = new Map<string, Branch[]>();
  for (const branch of steps.charged(branches)) {
    const letter = String.fromCodePoint(...[branch.text.codePointAt(0) ?? []].flat());
    const alike = byLetter.get(letter);
    if (alike === undefined) byLetter.set(letter, [branch]);
    else alike.push(branch);
  }
  const words: string[] = [];
  for (const alike of byLetter.values()) {
    const [first] = alike;
    if (alike.length === 1) words.push(wordsOf(literal(first!.text), first!.behind));
    else {
      const shared = sharedStart(alike);
      steps.take(shared.length * alike.length);
      const rest = alike.map(({ text, behind }) => ({ text: text.slice(shared.length), behind }));
      const inner =
        shared === "" ? among(alike.map(({ behind }) => wordsOf('""', behind))) : grouped(rest, depth + 1, saying);
      if (inner === undefined) return undefined;
      words.push(shared === "" ? inner : `${literal(shared)} ${add(inner)}`);
    }
  }
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
