/** What a member may write into the directory under another's name: rules that the node which keeps the directory has
 *  for the others. They are a fence against a member in bad hands, not a wall: what every gateway writes, every member
 *  writes (docs/decisions/0166-ways-into-an-account.md). */
import type { DirectoryRow, MemberRecord, NodeId, SlotRecord } from "../ports.ts";
import {
  asMember,
  asSlot,
  identityKey,
  memberKey,
  memberPrefix,
  sameSet,
  slotPrefix,
  tokenKeysKey,
  tokenKeysPrefix,
} from "./records.ts";

/** What another member may change in a row: draining, eviction, roles, what it may keep. All else a node says of
 *  itself. */
const ofOthers: ReadonlySet<string> = new Set(["state", "leaving", "drain", "roles", "storage"]);

/** What ids of nodes look like, also those that were drawn: of the node that began the cluster. */
const nodeId = /^[0-9a-f]{16}$/;

/** A change that a member asks the node for which keeps the directory. */
export interface RowChange {
  readonly key: string;
  /** The row as it is. */
  readonly before: DirectoryRow | undefined;
  readonly next: unknown;
  readonly from: NodeId;
  /** Whether a node is no member, or is being taken out. */
  readonly isLeaving: (node: NodeId) => boolean;
  /** The id of a node that joins with this key. */
  readonly idOf: (newcomer: MemberRecord) => NodeId;
}

/** Why a member may not make a change of a row; undefined: nothing here forbids it. The name in the row of a node that
 *  never started is its admitter's: of two nodes that join at once one gets another name. */
export function refusalOfRow(change: RowChange): string | undefined {
  const { key, before, next, from } = change;
  if (key.startsWith(tokenKeysPrefix))
    return key === tokenKeysKey(from) ? undefined : "only the node itself says which keys it signs with";
  if (key === identityKey && before !== undefined) return "members prove whom they act for, and nobody takes that back";
  if (key.startsWith(slotPrefix)) return refusalOfSlot(change);
  if (!key.startsWith(memberPrefix) || next === undefined) return undefined;
  if (key === memberKey(from)) return refusalOfOwn(change);
  if (before === undefined) return refusalOfNewcomer(change, asMember({ key, value: next, revision: 0 }));
  const [was, is] = [asMember(before), asMember({ ...before, value: next })];
  if (was === undefined || is === undefined) return undefined;
  const changed = differing(was, is).filter(
    (name) => !ofOthers.has(name) && !(name === "name" && was.incarnation === 0),
  );
  return changed.length === 0 ? undefined : `only the node itself changes this in its row: ${changed.join(", ")}`;
}

/** A node says everything of itself but what the cluster allows of it. Managers decide that for all. */
function refusalOfOwn({ before, next }: RowChange): string | undefined {
  const was = before && asMember(before);
  if (before === undefined || was?.storage === undefined || was.roles.includes("manager")) return undefined;
  const is = asMember({ ...before, value: next });
  return isSame(was.storage, is?.storage)
    ? undefined
    : "what it may keep, its invitation says, and not the node itself";
}

/** A node that is admitted under an id has the key that the id is made from. */
function refusalOfNewcomer({ idOf }: RowChange, newcomer: MemberRecord | undefined): string | undefined {
  if (newcomer === undefined || !nodeId.test(newcomer.node) || newcomer.node === idOf(newcomer)) return undefined;
  return "the id of a node that joins is made from its key, and this one is not";
}

/** Only its owner says which node owns a slot and which have all of it, and the node that keeps the directory: it sees
 *  to failovers itself, so none comes from another. What nobody has any more may begin anew elsewhere. */
function refusalOfSlot({ before, next, from, isLeaving }: RowChange): string | undefined {
  const was = asSlot(before)?.record;
  if (before === undefined || was === undefined || was.owner === from) return undefined;
  const is = asSlot(next === undefined ? undefined : { ...before, value: next })?.record;
  if (is === undefined) return next === undefined ? "a slot's row is not removed" : undefined;
  if (isSamePlace(was, is) || (is.abandoned === is.epoch && was.inSync.every(isLeaving))) return undefined;
  return "only its owner, and who keeps the directory, say who owns a slot and who has all of it";
}

const isSamePlace = (was: SlotRecord, is: SlotRecord): boolean =>
  was.owner === is.owner && was.epoch === is.epoch && was.abandoned === is.abandoned && sameSet(was.inSync, is.inSync);

/** Names of the fields that differ. */
const differing = (one: MemberRecord, other: MemberRecord): readonly string[] =>
  [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
    (name) => !isSame(one[name as keyof MemberRecord], other[name as keyof MemberRecord]),
  );

const isSame = (one: unknown, other: unknown): boolean =>
  Array.isArray(one) && Array.isArray(other) && [...one, ...other].every((item) => typeof item === "string")
    ? sameSet(one as string[], other as string[])
    : JSON.stringify(one) === JSON.stringify(other);
