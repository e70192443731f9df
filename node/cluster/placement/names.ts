/** Members by the names that people use. */
import { failure, folded, ok, refused, type Failure, type Result } from "../../../protocols/index.ts";
import type { Membership, MemberRecord, NodeId } from "../../ports/index.ts";

export interface Names {
  /** The member with this id or name. Error: NOT_FOUND. */
  exactly(text: string): Result<MemberRecord>;
  /** The same, or the only member whose id or name begins so. Errors: NOT_FOUND, BAD_REQUEST (several do). */
  find(text: string): Result<MemberRecord>;
  /** A member's name; the id of a node that is no member any more. */
  of(node: NodeId): string;
  /** A failure that calls its node by its name. */
  inFailure(error: Failure): Failure;
}

/** Looks names up in the member list as it is at each call. */
export function createNames(membership: Pick<Membership, "members">): Names {
  const members = (): readonly MemberRecord[] => membership.members().members;
  const byId = (node: unknown): MemberRecord | undefined => members().find((one) => one.node === node);

  const exactly = (text: string): Result<MemberRecord> => {
    const found = byId(text) ?? members().find(({ name }) => name === text);
    return found === undefined ? refused(failure("NOT_FOUND", { node: text })) : ok(found);
  };
  return {
    exactly,
    find(text) {
      const exact = exactly(text);
      if (exact.ok) return exact;
      const begun = members().filter((one) => one.node.startsWith(text) || folded(one.name).startsWith(folded(text)));
      const [only, ...others] = begun;
      if (only === undefined) return exact;
      if (others.length === 0) return ok(only);
      const nodes = begun.map(({ name }) => name);
      return refused(failure("BAD_REQUEST", { reason: "several node names begin with this text", nodes }));
    },
    of: (node) => byId(node)?.name ?? node,
    inFailure(error) {
      const known = byId(error.details?.["node"]);
      return known === undefined ? error : { ...error, details: { ...error.details, node: known.name } };
    },
  };
}
