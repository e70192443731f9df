import {
  hash32,
  permissionOf,
  type MemberRole,
  type Permission,
  type RoomMember,
  type Visibility,
} from "../../protocols/index.ts";

/** A member as the room keeps it. `own` counts the member's messages after the read marker: they are not unread. */
export interface Member extends RoomMember {
  readonly own: number;
  /** Somebody else brought this member in. */
  readonly invited: boolean;
}

/** Members in buckets by the hash of their name. A change copies one bucket, not thousands of members: in a large room
 *  every post and every read marker changes one. Plain data, so that it can be snapshotted. */
export interface MemberTable {
  readonly size: number;
  readonly buckets: readonly Readonly<Record<string, Member>>[];
}

// At roomMembersMax (5,000) a bucket holds about 78.
const bucketCount = 64;

/** A table with nobody in it. */
export const noMembers: MemberTable = { size: 0, buckets: Array.from({ length: bucketCount }, () => ({})) };

/** The member of that name. Names contain a slash, so they never meet an inherited property. */
export const memberOf = (table: MemberTable, principal: string): Member | undefined =>
  table.buckets[hash32(principal) % bucketCount]?.[principal];

/** The table with one member added, or replaced. */
export function withMember(table: MemberTable, principal: string, member: Member): MemberTable {
  const index = hash32(principal) % bucketCount;
  const bucket = table.buckets[index];
  const size = bucket?.[principal] === undefined ? table.size + 1 : table.size;
  return { size, buckets: table.buckets.with(index, { ...bucket, [principal]: member }) };
}

/** The table without that member. */
export function withoutMember(table: MemberTable, principal: string): MemberTable {
  const index = hash32(principal) % bucketCount;
  const { [principal]: gone, ...rest } = table.buckets[index] ?? {};
  return gone === undefined ? table : { size: table.size - 1, buckets: table.buckets.with(index, rest) };
}

/** Everybody, in no particular order. */
export const allMembers = (table: MemberTable): readonly (readonly [principal: string, member: Member])[] =>
  table.buckets.flatMap((bucket) => Object.entries(bucket));

/** Rank as a number, to compare. */
export const rankOf = (role: MemberRole): number => ({ member: 0, moderator: 1, owner: 2 })[role];

/** The rank of a member; of somebody else the lowest, which must have been refused before. */
export const roleOf = (room: { readonly members: MemberTable }, principal: string): MemberRole =>
  memberOf(room.members, principal)?.role ?? "member";

/** Whether a member has a permission by rank. In a direct room nobody stands above the other. */
export function hasByRank(
  room: { readonly members: MemberTable; readonly visibility: Visibility },
  principal: string,
  permission: Permission,
): boolean {
  const rank = rankOf(roleOf(room, principal));
  return (
    room.visibility !== "direct" &&
    ranks.some((role) => rank >= rankOf(role) && permissionOf(permission).has.includes(role))
  );
}

const ranks: readonly MemberRole[] = ["member", "moderator", "owner"];
