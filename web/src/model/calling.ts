/** Whom a text calls, for those who write and read it here. The reader and the rule are the room's:
 *  `protocols/reading`. */
import { callerOf, calledWords, mayCall, mentionsIn, proseOf, titleForm } from "../../../protocols/reading/mentions.ts";
import { peopleAmong, type Mentionable } from "../../../protocols/reading/shown.ts";
import type { Block } from "../../../protocols/reading/tree.ts";

export {
  calledIn,
  namedIn,
  peopleAmong,
  severalIn,
  withNames,
  type Calling,
  type Mentionable,
  type Named,
} from "../../../protocols/reading/shown.ts";

/** The mention that is being typed at the caret: the part after the sign, which may have blanks, and where it
 *  starts. */
export function mentionAt(text: string, caret: number): { readonly start: number; readonly part: string } | undefined {
  const near = Math.max(0, caret - typedCharsMax);
  const found = text.slice(near, caret).search(/[@＠﹫][^@＠﹫\n]*$/);
  if (found < 0 || !mayCall(text, near + found)) return undefined;
  return { start: near + found, part: text.slice(near + found + 1, caret) };
}
const typedCharsMax = 81;

/** Those whose name the typed part may become. Behind a blank only names go on that have one there. */
export function mayBecome(some: readonly Mentionable[], part: string): readonly Mentionable[] {
  if (!/\s/.test(part)) return some;
  if (/^\s|\s$/.test(part)) return [];
  const typed = titleForm(part);
  return some.filter(({ label }) => titleForm(label).startsWith(typed));
}

/** Whether somebody could be called there: not in code, a quotation or an address. */
export const isProse = (blocks: readonly Block[], at: number): boolean =>
  proseOf(blocks).some(({ signs }) => signs?.includes(at) === true);

/** Those of `known` that a text calls although they are not among `present`: they will not see it. */
export function absentIn(
  blocks: readonly Block[],
  known: readonly Mentionable[],
  present: readonly Mentionable[],
): readonly string[] {
  const here = new Map(mentionsIn(blocks, callerOf(peopleAmong(present))).map(({ at, said }) => [at, said.length]));
  const is = new Set(present.map(({ principal }) => principal));
  const others = known.filter(({ principal }) => !is.has(principal));
  const named = mentionsIn(blocks, callerOf(peopleAmong(others))).filter(
    // The longest name is meant, also of somebody who is not here.
    ({ at, said }) => said.length > (here.get(at) ?? 0),
  );
  return [...new Set(named.map(({ who }) => who))];
}

/** What stands behind signs that call nobody of these. */
export const unknownIn = (blocks: readonly Block[], known: readonly Mentionable[]): readonly string[] =>
  calledWords(blocks, callerOf(peopleAmong(known)));
