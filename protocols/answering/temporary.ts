/** A temporary conversation, which its client alone has: `docs/decisions/0236-many-conversations.md`. */

/** One thing that was said there. */
export interface SaidHere {
  readonly role: "user" | "assistant";
  readonly content: string;
  /** Of an answer: what it took. */
  readonly took?: { readonly ms: number; readonly tokens?: number };
}

/** A client forgets a temporary conversation in which nothing was said for so long. */
export const temporaryIdleMs = 60 * 60_000;

/** Characters that a model is given of it; the oldest messages are left out. As of other conversations. */
const temporaryCharsMax = 48_000;

/** The newest of what was said, as much as a model is given: it begins with a message of the person. */
export function withinContext(said: readonly SaidHere[]): readonly Omit<SaidHere, "took">[] {
  let left = temporaryCharsMax;
  const first = said.findLastIndex(({ content }) => (left -= content.length) < 0) + 1;
  const kept = said.slice(Math.min(first, said.length - 1));
  const begins = kept.findIndex(({ role }) => role === "user");
  return kept.slice(Math.max(0, begins)).map(({ role, content }) => ({ role, content }));
}
