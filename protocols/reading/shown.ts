/** Names as people see them: in the places of accounts, in any client that shows a text or takes one. The room finds
 *  accounts only (`mentions.ts`). */
import { callerOf, mentionsIn, titleForm, type Caller, type People } from "./mentions.ts";
import type { Block } from "./tree.ts";

const isAgent = (principal: string): boolean => principal.startsWith("agent/");

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
export type Named = ReadonlyMap<number, { readonly said: string; readonly name: string; readonly who: string }>;

/** Those whom a message calls, groups among them, as `mentions` of what shows it. */
export const calledIn = ({
  mentions = [],
  groups = [],
}: {
  readonly mentions?: readonly string[] | undefined;
  readonly groups?: readonly string[] | undefined;
}): readonly string[] => (groups.length === 0 ? mentions : [...mentions, ...groups.map((name) => `group/${name}`)]);

/** How the mentions of a message are shown. `mentions` are those whom the room has found; undefined while it has not
 *  read the text. */
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
      .map(({ at, said, who }) => [at, { said, who, name: who.startsWith("group/") ? said : `@${nameFor(who)}` }]),
  );
}

/** A text as people read it, in a line or in the field of an edit: names of today in the places of accounts. */
export function withNames(text: string, blocks: readonly Block[], calling: Calling): string {
  const places = [...namedIn(blocks, calling)].toSorted(([a], [b]) => b - a);
  return places.reduce((all, [at, { said, name }]) => all.slice(0, at) + name + all.slice(at + said.length), text);
}

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
