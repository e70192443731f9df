/** What a member may write into the directory under another's name: rules that the node which keeps the directory has
 *  for the others. They are a fence against a member in bad hands, not a wall: what every gateway writes, every member
 *  writes (docs/decisions/0166-ways-into-an-account.md). */
import { actorOf, placeOfSlot, slotOf, type Role } from "../../../protocols/index.ts";
import type { DirectoryRow, MemberRecord, NodeId, SlotRecord } from "../../ports/index.ts";
import { hasKeyRole } from "./key-roles.ts";
import {
  asMember,
  asSlot,
  identityKey,
  keysPrefix,
  invitationPrefix,
  memberKey,
  memberPrefix,
  sameSet,
  slotKey,
  slotPrefix,
  tokenKeysKey,
  tokenKeysPrefix,
} from "./records.ts";
import { roleOf } from "./slot-table.ts";
import { auditRowsPrefix } from "./audit-rules.ts";

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
  /** Another row as it is. Read only where the rule asks for it: each costs the voters a round. */
  readonly read: (key: string) => Promise<DirectoryRow | undefined>;
  /** The role whose nodes have the actors of a kind; undefined: this version knows no such kind. */
  readonly roleOfKind: (kind: string) => Role | undefined;
  /** The id of a node that joins with this key. */
  readonly idOf: (newcomer: MemberRecord) => NodeId;
}

/** Why a member may not make a change of a row; undefined: nothing here forbids it. The name in the row of a node that
 *  never started is its admitter's: of two nodes that join at once one gets another name. */
export async function refusalOfRow(change: RowChange): Promise<string | undefined> {
  const { key, before, next, from, read } = change;
  if (key.startsWith(keysPrefix) || key.startsWith(auditRowsPrefix)) {
    const row = await read(memberKey(from));
    return row && hasKeyRole(asMember(row)?.roles ?? []) ? undefined : "this member may not change this row";
  }
  if (key.startsWith(tokenKeysPrefix))
    return key === tokenKeysKey(from) ? undefined : "only the node itself says which keys it signs with";
  if (key === identityKey && before !== undefined) return "members prove whom they act for, and nobody takes that back";
  if (key.startsWith(slotPrefix)) return refusalOfSlot(change);
  if (key.startsWith(invitationPrefix) && before === undefined) return refusalOfBounded(change);
  if (key === memberKey(from)) return refusalOfOwn(change);
  if (!key.startsWith(memberPrefix) || next === undefined) return undefined;
  if (before === undefined)
    return refusalOfNewcomer(change, asMember({ key, value: next, revision: 0 })) ?? refusalOfBounded(change);
  const [was, is] = [asMember(before), asMember({ ...before, value: next })];
  if (was === undefined || is === undefined) return undefined;
  if (!isSame(was.roles, is.roles) || !isSame(was.storage, is.storage)) {
    const reason = await refusalOfBounded(change);
    if (reason !== undefined) return reason;
  }
  const changed = differing(was, is).filter(
    (name) => !ofOthers.has(name) && !(name === "name" && was.incarnation === 0),
  );
  return changed.length === 0 ? undefined : `only the node itself changes this in its row: ${changed.join(", ")}`;
}

/** A node says everything of itself but what the cluster allows of it. Managers decide that for all. Where an
 *  invitation bounds a node, the node gives itself no role and ends its own row never: either would free it of the
 *  bounds. Nobody admits itself. */
function refusalOfOwn({ before, next }: RowChange): string | undefined {
  const was = before && asMember(before);
  if (before === undefined) return next === undefined ? undefined : "a node is admitted by another, not by itself";
  if (was?.storage === undefined || was.roles.includes("manager")) return undefined;
  const is = asMember({ ...before, value: next });
  if (is === undefined) return "what its invitation bounds is taken out by another, not by itself";
  const added = is.roles.filter((role) => !was.roles.includes(role));
  if (added.length > 0) return `its invitation bounds it: another gives it roles (${added.join(", ")})`;
  return isSame(was.storage, is.storage) ? undefined : "what it may keep, its invitation says, and not the node itself";
}

/** A node that is bounded by an invitation, and neither manages nor is where admins work, lets nobody in under other
 *  bounds:
 *  it could come in again so, or free another. */
async function refusalOfBounded({ from, read }: RowChange): Promise<string | undefined> {
  const row = await read(memberKey(from));
  const member = row && asMember(row);
  return member?.storage === undefined || member.roles.some((role) => role === "manager" || role === "gateway")
    ? undefined
    : "its invitation bounds this member: it lets nobody in, and says nothing of what others may do";
}

/** Whether a node's id is made from its key, where it is an id that is made from one. */
const isOfItsKey = (record: MemberRecord, idOf: RowChange["idOf"]): boolean =>
  !nodeId.test(record.node) || record.node === idOf(record);

/** A node that is admitted under an id has the key that the id is made from. */
function refusalOfNewcomer({ idOf }: RowChange, newcomer: MemberRecord | undefined): string | undefined {
  if (newcomer === undefined || isOfItsKey(newcomer, idOf)) return undefined;
  return "the id of a node that joins is made from its key, and this one is not";
}

/** Only its owner says which node owns a slot and which have all of it, and the node that keeps the directory: it sees
 *  to failovers itself, so none comes from another. What nobody has any more may begin anew elsewhere. Who is named by
 *  another than the owner has the slot's role. */
async function refusalOfSlot(change: RowChange): Promise<string | undefined> {
  const { key, before, next, from } = change;
  const was = asSlot(before)?.record;
  if (was?.owner === from) return undefined;
  const is = asSlot(next === undefined ? undefined : { key, value: next, revision: 0 })?.record;
  if (is === undefined) return next === undefined ? "a slot's row is not removed" : undefined;
  if (before === undefined) return refusalOfNewSlot(is, change);
  // A row that cannot be read is nobody's.
  if (was === undefined) return undefined;
  const isBegunAnew = is.abandoned === is.epoch && was.splitFrom === is.splitFrom && !isSamePlace(was, is);
  if (!isSamePlace(was, is) && !(isBegunAnew && (await haveAllLeft(was.inSync, change)))) return onlyItsOwner;
  const named = new Set([is.owner, is.want?.owner, is.held, is.home].filter((node) => node !== undefined));
  for (const node of [was.owner, was.want?.owner, was.held, was.home]) if (node !== undefined) named.delete(node);
  for (const node of named)
    if (!(await hasRole(node, roleOf(is), change))) return "a slot goes only to members that have its role";
  return undefined;
}

const onlyItsOwner =
  "only its owner and the nodes that keep the directory say which node owns a slot and which have all of it";

/** A share of a role begins at a member that has the role. The slot of one actor is split from the share that has this
 *  actor, by the owner of that share. */
async function refusalOfNewSlot(is: SlotRecord, change: RowChange): Promise<string | undefined> {
  const { from, read, roleOfKind } = change;
  const actor = actorOf(is.slot);
  if (actor === undefined)
    return is.owner === from && is.splitFrom === undefined && (await hasRole(from, roleOf(is), change))
      ? undefined
      : "a share of a role begins at the member that asks for it and has the role";
  const role = placeOfSlot(is.splitFrom ?? "")?.role;
  const hasActor = role !== undefined && is.splitFrom === slotOf(role, actor);
  const kindRole = roleOfKind(actor.slice(0, actor.indexOf("/")));
  const parent =
    is.splitFrom && hasActor && (kindRole ?? role) === role ? asSlot(await read(slotKey(is.splitFrom))) : undefined;
  return parent?.record.owner === from ? undefined : "an actor gets a slot of its own from the owner of its share";
}

async function haveAllLeft(nodes: readonly NodeId[], { read }: RowChange): Promise<boolean> {
  for (const node of nodes) {
    const row = await read(memberKey(node));
    if (row && asMember(row)?.leaving !== true) return false;
  }
  return true;
}

async function hasRole(node: NodeId, role: Role, { read }: RowChange): Promise<boolean> {
  const row = await read(memberKey(node));
  return row !== undefined && asMember(row)?.roles.includes(role) === true;
}

const isSamePlace = (was: SlotRecord, is: SlotRecord): boolean =>
  was.owner === is.owner &&
  was.epoch === is.epoch &&
  was.abandoned === is.abandoned &&
  was.splitFrom === is.splitFrom &&
  sameSet(was.inSync, is.inSync);

/** Names of the fields that differ. */
const differing = (one: MemberRecord, other: MemberRecord): readonly string[] =>
  [...new Set([...Object.keys(one), ...Object.keys(other)])].filter(
    (name) => !isSame(one[name as keyof MemberRecord], other[name as keyof MemberRecord]),
  );

const isSame = (one: unknown, other: unknown): boolean =>
  Array.isArray(one) && Array.isArray(other) && [...one, ...other].every((item) => typeof item === "string")
    ? sameSet(one as string[], other as string[])
    : JSON.stringify(one) === JSON.stringify(other);
