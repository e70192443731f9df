/** What a member may write into the directory under another's name: rules that the node which keeps the directory has
 *  for the others. They are a fence against a member in bad hands, not a wall: what every gateway writes, every member
 *  writes (docs/decisions/0166-ways-into-an-account.md). */
import type { DirectoryRow, MemberRecord, NodeId } from "../ports.ts";
import { asMember, identityKey, memberKey, memberPrefix, sameSet, tokenKeysKey, tokenKeysPrefix } from "./records.ts";

/** What another member may change in a row: draining, eviction, roles. All else a node says of itself. */
const ofOthers: ReadonlySet<string> = new Set(["state", "leaving", "drain", "roles"]);

/** Why a member may not make a change of a row; undefined: nothing here forbids it. `before`: the row as it is. The name
 *  in the row of a node that never started is its admitter's: of two nodes that join at once one gets another name. */
export function refusalOfRow(change: {
  readonly key: string;
  readonly before: DirectoryRow | undefined;
  readonly next: unknown;
  readonly from: NodeId;
}): string | undefined {
  const { key, before, next, from } = change;
  if (key.startsWith(tokenKeysPrefix))
    return key === tokenKeysKey(from) ? undefined : "only the node itself says which keys it signs with";
  if (key === identityKey && before !== undefined) return "members prove whom they act for, and nobody takes that back";
  if (!key.startsWith(memberPrefix) || key === memberKey(from) || before === undefined || next === undefined)
    return undefined;
  const [was, is] = [asMember(before), asMember({ ...before, value: next })];
  if (was === undefined || is === undefined) return undefined;
  const changed = differing(was, is).filter(
    (name) => !ofOthers.has(name) && !(name === "name" && was.incarnation === 0),
  );
  return changed.length === 0 ? undefined : `only the node itself changes this in its row: ${changed.join(", ")}`;
}

/** Names of the fields that differ. */
const differing = (one: MemberRecord, other: MemberRecord): readonly string[] =>
  [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
    (name) => !isSame(one[name as keyof MemberRecord], other[name as keyof MemberRecord]),
  );

const isSame = (one: unknown, other: unknown): boolean =>
  Array.isArray(one) && Array.isArray(other) && [...one, ...other].every((item) => typeof item === "string")
    ? sameSet(one as string[], other as string[])
    : JSON.stringify(one) === JSON.stringify(other);
