import { createHash } from "node:crypto";
import type { NodeId } from "../../ports/index.ts";

/** The id of a node that joins: made from its key. So a join whose answer was lost is repeated by the same node, and
 *  nobody is admitted under an id that was another's. */
export const nodeIdOf = ({ peer }: { readonly peer: string }): NodeId =>
  createHash("sha256").update(peer).digest("hex").slice(0, 16);
