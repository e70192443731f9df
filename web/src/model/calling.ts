/** Whom a text calls, for those who write and read it here. The reader and the rule are the room's: `protocols/reading`. */
import {
  callerOf,
  calledWords,
  mayCall,
  mentionsIn,
  proseOf,
  titleForm,
  type Caller,
  type People,
} from "../../../protocols/reading/mentions.ts";
import type { Block } from "../../../protocols/reading/tree.ts";
import { isAgent } from "./text.ts";

/** Somebody who can be mentioned, and the name that is shown. */
export interface Mentionable {
  readonly principal: string;
  readonly label: string;
}

/** These as the reader knows people. */
export const peopleAmong = (some: readonly Mentionable[]): People => {
  const principals = some.map(({ principal }) => principal);
  const all = new Set(principals);
  return {
    has: (principal) => all.has(principal),
    agents: principals.filter(isAgent),
    titles: some.flatMap(({ principal, label }) => (isAgent(principal) ? [] : [[principal, label] as const])),
  };
};

/** What is shown in the places of mentions: by where their signs stand. */
export type Named = ReadonlyMap<number, { readonly said: string; readonly name: string }>;

/** How the mentions of a message are shown. `mentions` are those whom the room has found; undefined while it has not read the text. */
export interface Calling {
  readonly mentions: readonly string[] | undefined;
  readonly members: Readonly<Record<string, unknown>>;
  readonly nameFor: (principal: string) => string;
}

/** Those who are called in a message, by the names that they have now. */
export function namedIn(blocks: readonly Block[], { mentions, members, nameFor }: Calling): Named {
  const present = [...new Set([...Object.keys(members), ...(mentions ?? [])])];
  const called = callerOf(peopleAmong(present.map((principal) => ({ principal, label: "" }))));
  return new Map(
    mentionsIn(blocks, called)
      .filter(({ who }) => mentions === undefined || mentions.includes(who))
      .map(({ at, said, who }) => [at, { said, name: `@${nameFor(who)}` }]),
  );
}

/** A text as people read it, in a line or in the field of an edit: names of today in the places of accounts. */
export function withNames(text: string, blocks: readonly Block[], calling: Calling): string {
  const places = [...namedIn(blocks, calling)].toSorted(([a], [b]) => b - a);
  return places.reduce((all, [at, { said, name }]) => all.slice(0, at) + name + all.slice(at + said.length), text);
}

/** The mention that is being typed at the caret: the part after the sign, which may have blanks, and where it starts. */
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

/** Names that a text calls and several have: nobody is mentioned so. */
export function severalIn(blocks: readonly Block[], some: readonly Mentionable[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { principal, label } of some)
    if (!isAgent(principal)) counts.set(titleForm(label), (counts.get(titleForm(label)) ?? 0) + 1);
  const called = callerOf(peopleAmong(some));
  const several: Caller = (name) => called(name) ?? ((counts.get(name) ?? 0) > 1 ? "several" : undefined);
  const names = mentionsIn(blocks, several).flatMap(({ said, who }) => (who === "several" ? [said.slice(1)] : []));
  return [...new Set(names)];
}
