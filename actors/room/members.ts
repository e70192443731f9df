import {
  hash32,
  permissionOf,
  seenCount,
  type MemberRole,
  type Permission,
  type RoomMember,
  type SeenMessages,
  type TopicInterest,
  type Visibility,
} from "../../protocols/index.ts";

/** A member as the room keeps it. `own` counts the member's messages after the read marker, and restored ones: they are
 *  not unread. */
export interface Member extends RoomMember {
  readonly own: number;
  /** Of the answers that were posted into threads only: how many there were up to the read marker. */
  readonly quiet?: number;
  /** The newest message that mentions the member. */
  readonly mentionedSeq?: number;
  /** The message that mentions the member since it was edited, until the member has looked. */
  readonly calledSeq?: number;
  /** When the member posted last, in a room that makes its members wait. */
  readonly postedAtMs?: number;
  /** Somebody else brought this member in. */
  readonly invited: boolean;
  /** Messages behind the marker that the member has read in their topic: they count and were not own. Absent: none. */
  readonly seen?: SeenMessages;
  /** What the member interests of topics, by their keys. Absent: nothing. */
  readonly topics?: Readonly<Record<string, TopicInterest>>;
}

/** Values by the name of a member, in buckets by the hash of the name. A change copies one bucket, not thousands of
 *  entries: in a large room every post and every read marker changes one. Plain data, so that it can be snapshotted. */
export interface Table<Value> {
  readonly size: number;
  readonly buckets: readonly Readonly<Record<string, Value>>[];
}

/** The members of a room. */
export type MemberTable = Table<Member>;

// At roomMembersMax (5,000) a bucket holds about 78.
const bucketCount = 64;

/** A table with nobody in it. */
export const emptyTable: Table<never> = { size: 0, buckets: Array.from({ length: bucketCount }, () => ({})) };

/** The value of that name. Names contain a slash, so they never meet an inherited property. */
export const entryOf = <Value>(table: Table<Value>, principal: string): Value | undefined =>
  table.buckets[hash32(principal) % bucketCount]?.[principal];

/** Whether somebody is a member. */
export const isMember = ({ members }: { readonly members: MemberTable }, principal: string): boolean =>
  entryOf(members, principal) !== undefined;

/** The table with one value added, or replaced. */
export function withEntry<Value>(table: Table<Value>, principal: string, value: Value): Table<Value> {
  const index = hash32(principal) % bucketCount;
  const bucket = table.buckets[index];
  const size = bucket?.[principal] === undefined ? table.size + 1 : table.size;
  return { size, buckets: table.buckets.with(index, { ...bucket, [principal]: value }) };
}

/** The table without that name. */
export function withoutEntry<Value>(table: Table<Value>, principal: string): Table<Value> {
  const index = hash32(principal) % bucketCount;
  const { [principal]: gone, ...rest } = table.buckets[index] ?? {};
  return gone === undefined ? table : { size: table.size - 1, buckets: table.buckets.with(index, rest) };
}

/** The table with every value changed. */
export const eachEntry = <Value>({ size, buckets }: Table<Value>, change: (value: Value) => Value): Table<Value> => ({
  size,
  buckets: buckets.map((bucket) =>
    Object.fromEntries(Object.entries(bucket).map(([principal, value]) => [principal, change(value)])),
  ),
});

/** All of it, in no particular order. */
export const allEntries = <Value>(table: Table<Value>): readonly (readonly [principal: string, value: Value])[] =>
  table.buckets.flatMap((bucket) => Object.entries(bucket));

/** Rank as a number, to compare. */
export const rankOf = (role: MemberRole): number => ({ member: 0, moderator: 1, owner: 2 })[role];

/** The rank of a member; of somebody else the lowest, which must have been refused before. */
export const roleOf = (room: { readonly members: MemberTable }, principal: string): MemberRole =>
  entryOf(room.members, principal)?.role ?? "member";

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

/** How many messages a member has to read: all behind the marker without those that do not count. */
export const unreadOf = (
  { messageSeq, quiet: all = 0 }: { readonly messageSeq: number; readonly quiet?: number },
  { readSeq, own, quiet = 0, seen = [] }: Member,
): number => Math.max(0, messageSeq - readSeq - own - (all - quiet) - seenCount(seen));
