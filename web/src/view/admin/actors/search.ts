/** Which actors are listed, as a question to the node. Pure. */
import { kinds } from "../../../../../protocols/ids.ts";
import type { OperationInput } from "../../../../../protocols/index.ts";

/** Actors on a page. */
const pageActors = 50;

/** Which actors a list has. */
export interface ActorSearch {
  readonly text: string;
  readonly kind: string;
  readonly status: string;
}

/** All ids that begin with a text come after this. */
export function before(prefix: string): string {
  const last = prefix.charCodeAt(prefix.length - 1);
  // "~" is after everything that is in an id.
  return prefix === "" ? "" : `${prefix.slice(0, -1)}${String.fromCharCode(last - 1)}~`;
}

/** How a list of actors is asked for: a text is the beginning of an id, with its kind or without. */
export function queryOf(
  { text, kind, status }: ActorSearch,
  after: string | undefined,
): { readonly query: OperationInput<"actors.list">; readonly prefix: string } {
  const [begun = ""] = text.split("/");
  const own = text.includes("/") && (kinds as readonly string[]).includes(begun) ? begun : kind;
  const prefix = text === "" || text.includes("/") ? text : own === "" ? text : `${own}/${text}`;
  const from = after ?? before(prefix);
  const named = Object.entries({ kind: own, status, after: from }).filter(([, value]) => value !== "");
  return { query: { limit: pageActors, ...Object.fromEntries(named) }, prefix };
}
