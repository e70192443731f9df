/** The groups of shard-holders as every node knows them. The controller writes them
 *  (`node/cluster/placement/grouping.ts`). */
import type { HolderGroup } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { watchNamedRows, type NamedRows } from "./named-rows.ts";
import { asGroup, groupPrefix } from "./records.ts";

export type Groups = Pick<NamedRows<HolderGroup>, "current" | "onChange" | "stop">;

/** Groups that a cluster may have, closed ones included; then it makes no more. */
export const groupsMax = 256;

/** Begins to watch the rows. */
export const watchGroups = (directory: Directory): Groups =>
  watchNamedRows<HolderGroup>(directory, { one: "group", prefix: groupPrefix, read: asGroup, limit: { groupsMax } });
