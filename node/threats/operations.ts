/** What the operations on lists of threats do. */
import {
  changed,
  failure,
  ok,
  PlexusError,
  removed,
  type HandlersOf,
  type ThreatListState,
  type threatOperations,
} from "../../protocols/index.ts";
import type { ThreatLists } from "../cluster/facts/audit-rules.ts";

/** The handlers. `states` says what this node has of the lists. */
export const handleThreats = (
  lists: Pick<ThreatLists, "current" | "set" | "remove">,
  states: () => readonly ThreatListState[],
): HandlersOf<typeof threatOperations> => ({
  "threats.list": () => ok({ lists: lists.current(), states: states() }),
  "threats.set": async ({ list: name, source }) => {
    const before = lists.current().find((one) => one.name === name);
    if (!URL.canParse(source))
      throw new PlexusError(failure("BAD_REQUEST", { path: "/source", problem: "this is not a URL" }));
    return changed(before, await lists.set({ name, source }));
  },
  "threats.remove": async ({ list }) => removed(await lists.remove(list)),
});
