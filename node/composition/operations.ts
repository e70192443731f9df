/** What answers the operations of a node: the handlers of its parts, in one list. */
import type { OperationHandlers } from "../../protocols/index.ts";
import { handleBudgets } from "../usage/index.ts";
import type { Peer } from "./peer.ts";

/** The handlers of all operations. */
export const operationsOf = (peer: Pick<Peer, "budgets" | "usage">): OperationHandlers => ({
  ...handleBudgets(peer.budgets, peer.usage),
});
