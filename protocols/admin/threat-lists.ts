/** Lists of threats that every node of a cluster reads. */
import { Type, type Static } from "typebox";
import { object } from "../wire/schema.ts";

/** What a list may be called. */
export const threatListName = Type.String({ pattern: "^[a-z0-9][a-z0-9-]{0,31}$" });
/** A list, as an admin sets it. A URL: a path would name another file on each node. */
export const setThreatList = object({
  source: Type.String({ pattern: "^https?://[\\x21-\\x7e]+$", maxLength: 2_048 }),
});
/** A list, as the row of the directory has it. */
export const threatListRow = object({ name: threatListName, ...setThreatList.properties });
export type ThreatList = Static<typeof threatListRow>;

/** What a node has of a list. */
export interface ThreatListState {
  readonly source: string;
  readonly entries: number;
  readonly skipped: number;
  readonly digest: string;
  readonly readAtMs: number;
  /** The node that it was taken from, where the source could not be reached from here. */
  readonly from?: string;
  /** The node that reads it for itself; `source` is its name, and this node has its names of hosts and digests. */
  readonly of?: string;
  /** Why the newest attempt failed. */
  readonly failed?: string;
}

/** The lists of the cluster, and what the node that was asked has of them and of its own. */
export interface ThreatListsView {
  readonly lists: readonly ThreatList[];
  readonly states: readonly ThreatListState[];
}
