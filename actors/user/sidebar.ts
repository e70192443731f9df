/** How a person has arranged their rooms. A room that is left keeps its place, for when it comes back. */
import { sameJson, type CommandOf, type Sidebar, type userCommands } from "../../protocols/index.ts";
import { persist, refuse, reply, type Turn } from "../behavior.ts";
import { changedSince } from "../seen.ts";
import type { Effects } from "./effects.ts";
import type { UserNotes } from "./notes.ts";
import { happen } from "./sessions.ts";
import { viewOf, type Account, type UserState } from "./state.ts";

type Arranged = Extract<CommandOf<typeof userCommands>, { type: "setSidebar" }>;

const empty: Sidebar = { favourites: [], sections: [], muted: [] };

/** Arranges what is named. Errors: CHANGED_MEANWHILE, BAD_REQUEST. */
export function setSidebar(
  state: UserState,
  account: Account,
  { favourites, sections, muted, seen }: Arranged,
  turn: Turn<UserNotes>,
): Effects {
  const before = account.sidebar ?? empty;
  const wanted: Partial<Sidebar> = {
    ...(favourites && { favourites }),
    ...(sections && { sections }),
    ...(muted && { muted }),
  };
  const now = changedSince<Sidebar>(seen, before, wanted);
  if (now !== undefined) return [refuse("CHANGED_MEANWHILE", { now })];
  const sidebar = { ...before, ...wanted };
  if (hasTwice(sidebar.sections.map(({ name }) => name)))
    return [refuse("BAD_REQUEST", { field: "sections", reason: "two sections have the same name" })];
  if (hasTwice(sidebar.sections.flatMap(({ rooms }) => rooms)))
    return [refuse("BAD_REQUEST", { field: "sections", reason: "a room stands in two sections" })];
  if (sameJson(sidebar, before)) return [reply(viewOf(state, account, turn.key))];
  const view = viewOf(state, { ...account, sidebar }, turn.key);
  return [
    persist({ type: "factorSet", set: { sidebar } }),
    ...happen(state, turn, [{ type: "sidebarSet", sidebar }]),
    reply(view),
  ];
}

const hasTwice = (names: readonly string[]): boolean => new Set(names).size < names.length;
