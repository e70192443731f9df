import type { MemberRecord, Membership, NodeId } from "../../ports/index.ts";

/** The row of a member; undefined: no member has this id, as far as this node knows. */
export const memberIn = (membership: Pick<Membership, "members">, node: NodeId): MemberRecord | undefined =>
  membership.members().members.find((one) => one.node === node);

/** What people call a node; its id where nobody knows. */
export const nameIn = (membership: Pick<Membership, "members">, node: NodeId): string =>
  memberIn(membership, node)?.name ?? node;
