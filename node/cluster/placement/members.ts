/** Changes of one member's row: its state and its roles. */
import {
  assert,
  failure,
  ok,
  refused,
  roles as allRoles,
  type DrainBegun,
  type Failure,
  type Result,
  type Role,
} from "../../../protocols/index.ts";
import { asMember, memberKey, sameSet } from "../facts/records.ts";
import { roleOf, type SlotTable } from "../facts/slot-table.ts";
import type { Directory, DirectoryRow, MemberRecord, Membership, NodeId } from "../../ports/index.ts";
import type { Attempt } from "./attempt.ts";
import type { PlacementLimits } from "./limits.ts";

export interface Members {
  /** Whether another active member has a role. */
  hasOther(role: Role, member: NodeId): boolean;
  /** Whether slots of a role would be left without a node if this one went. */
  isLast(role: Role, member: NodeId): boolean;
  /** A draining member gives away its slots; when the drain is called off (`drain` is undefined), the member is not
   *  `leaving` either. */
  setDraining(
    at: Attempt,
    member: MemberRecord,
    drain: DrainBegun | undefined,
  ): Promise<Result<{ readonly node: string }>>;
  /** Notes that a drain has come to its end. ALREADY_DONE: somebody has, or it does not drain any more. */
  drainEnded(at: Attempt, member: NodeId, endedAtMs: number): Promise<Result<{ readonly node: string }>>;
  /** Errors: NO_CANDIDATE, a role would be left without a node; FORBIDDEN, the node with the directory stays a
   *  manager. */
  setRoles(
    at: Attempt,
    member: MemberRecord,
    roles: readonly Role[],
    seen?: readonly Role[],
  ): Promise<Result<{ readonly node: string }>>;
  /** Errors: FORBIDDEN, it keeps no shards; CHANGED_MEANWHILE. */
  setStorage(
    at: Attempt,
    member: MemberRecord,
    change: { readonly quotaBytes: number | null; readonly seen?: number | null },
  ): Promise<Result<{ readonly node: string }>>;
}

/** A member's row as it is now, with its record. Errors: NOT_FOUND; DATA_DAMAGED, in an etcd that others write to as
 *  well the row says nothing any more. */
export async function readMember(
  directory: Directory,
  member: NodeId,
): Promise<Result<{ readonly row: DirectoryRow; readonly record: MemberRecord }>> {
  const row = await directory.read(memberKey(member));
  if (row === undefined) return refused(failure("NOT_FOUND", { node: member }));
  const record = asMember(row);
  if (record === undefined)
    return refused(failure("DATA_DAMAGED", { row: row.key, reason: "it is not a member's row" }));
  return ok({ row, record });
}

/** The record of a member that is not being taken out, or no more. */
export function staying({ leaving: _leaving, ...record }: MemberRecord): MemberRecord {
  return record;
}

/** Makes the changes of members. */
export function createMembers(ports: {
  readonly table: SlotTable;
  readonly membership: Pick<Membership, "members">;
  readonly limits: PlacementLimits;
  readonly keepsDirectory: (member: NodeId) => boolean;
}): Members {
  const { table, membership, limits, keepsDirectory } = ports;

  const hasOther = (role: Role, member: NodeId): boolean =>
    membership
      .members()
      .members.some((one) => one.node !== member && one.state === "active" && one.roles.includes(role));
  const isLast = (role: Role, member: NodeId): boolean =>
    !hasOther(role, member) && [...table.rows()].some(({ record }) => roleOf(record) === role);

  /** `next` gets the present record and returns the new one, or a refusal. */
  const change = async (
    { directory }: Attempt,
    member: NodeId,
    next: (record: MemberRecord) => MemberRecord | Failure,
  ): Promise<Result<{ readonly node: string }>> => {
    for (let tries = 0; tries < limits.rowAttemptsMax; tries += 1) {
      const found = await readMember(directory, member);
      if (!found.ok) return found;
      const { row, record } = found.value;
      const answer = next(record);
      if ("code" in answer) return refused(answer);
      const { applied } = await directory.compareAndSet(row.key, answer, row.revision);
      if (applied) return ok({ node: member });
    }
    return refused(failure("OVERLOADED", { row: memberKey(member) }));
  };

  return {
    hasOther,
    isLast,
    setDraining: (at, { node }, drain) =>
      change(at, node, ({ drain: before, ...record }) =>
        staying(
          drain === undefined
            ? { ...record, state: "active" }
            : { ...record, state: "draining", drain: before ?? drain },
        ),
      ),
    drainEnded: (at, node, endedAtMs) =>
      change(at, node, (record) =>
        record.state === "draining" && record.drain !== undefined && record.drain.endedAtMs === undefined
          ? { ...record, drain: { ...record.drain, endedAtMs } }
          : failure("ALREADY_DONE"),
      ),
    setStorage: (at, { node }, { quotaBytes, seen }) =>
      change(at, node, ({ storage: { quotaBytes: before, ...others } = {}, ...record }) => {
        if (!record.roles.includes("storage"))
          return failure("FORBIDDEN", { reason: `${record.name} does not have the role storage` });
        if (seen !== undefined && (before ?? null) !== seen && (before ?? null) !== quotaBytes)
          return failure("CHANGED_MEANWHILE", { node: record.name, now: before ?? "none" });
        const storage = { ...others, ...(quotaBytes !== null && { quotaBytes }) };
        return Object.keys(storage).length === 0 ? record : { ...record, storage };
      }),
    setRoles(at, { node }, roles, seen) {
      assert(
        roles.every((role) => allRoles.includes(role)),
        "roles were checked at the gateway",
      );
      if (keepsDirectory(node) && !roles.includes("manager")) {
        const reason = "it keeps the directory, so it stays a manager";
        return Promise.resolve(refused(failure("FORBIDDEN", { reason })));
      }
      return change(at, node, (record) => {
        const isThere = sameSet(roles, record.roles);
        if (seen !== undefined && !isThere && !sameSet(seen, record.roles))
          return failure("CHANGED_MEANWHILE", { node: record.name, now: record.roles });
        const orphan = record.roles.find((role) => !roles.includes(role) && isLast(role, node));
        return orphan === undefined ? { ...record, roles } : failure("NO_CANDIDATE", { role: orphan });
      });
    },
  };
}
