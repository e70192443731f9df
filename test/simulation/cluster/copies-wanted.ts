/** How many copies a slot has when nothing is wrong, as docs/decisions/0168 says it, written a second time: placement
 *  is compared with it. */
import type { MemberRecord, NodeId } from "../../../node/ports/index.ts";

/** Others than the node with the embedded directory that let it keep no copies. */
const othersMin = 2;

export interface CopiesRule {
  readonly members: Iterable<Pick<MemberRecord, "node" | "roles" | "state">>;
  readonly isUp: (node: NodeId) => boolean;
  /** Keeps the embedded directory. */
  readonly keeper: NodeId | undefined;
  readonly replicas: number;
  readonly minInSync: number;
}

/** As many as `replicas`, on all that could have one. The keeper has none of what it does not own once enough others
 *  could. A backup node counts for slots of the role `storage` alone. */
export function copiesWanted(
  { role, owner }: { readonly role: string; readonly owner: NodeId },
  { members, isUp, keeper, replicas, minInSync }: CopiesRule,
): number {
  const isBackup = (roles: readonly string[]): boolean => roles.length === 1 && roles[0] === "storage";
  const able = [...members].filter(
    ({ node, roles, state }) => state === "active" && isUp(node) && (role === "storage" || !isBackup(roles)),
  );
  const others = able.filter(({ node }) => node !== keeper);
  const isSpared = keeper !== owner && others.length >= Math.max(othersMin, minInSync);
  const nodes = new Set((isSpared ? others : able).map(({ node }) => node)).add(owner);
  return Math.min(replicas, nodes.size);
}
