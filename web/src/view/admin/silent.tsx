import { Note } from "../parts/note.tsx";

const namesShown = 8;

/** Names in a sentence: of many the first, and how many more there are. */
const someOf = (names: readonly string[]): string =>
  names.length <= namesShown
    ? names.join(", ")
    : `${names.slice(0, namesShown).join(", ")} and ${names.length - namesShown} more`;

/** Says that an answer is not of all nodes. */
export function Silent({ silent = [] }: { readonly silent?: readonly { readonly node: string }[] | undefined }) {
  if (silent.length === 0) return null;
  return <Note tone="warn">This is not all: {someOf(silent.map(({ node }) => node))} did not answer.</Note>;
}
