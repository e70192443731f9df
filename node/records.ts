/** The directory's rows with their types: slots, members, invitations, policy. The only place that knows under which key each lies. */
import { Type } from "typebox";
import { Compile } from "typebox/compile";
import { addressText, type Role, type SlotId } from "../protocols/index.ts";
import type { Directory, DirectoryRow, MemberRecord, NodeId, SlotRecord } from "./ports.ts";

export const slotPrefix = "slot/";
export const memberPrefix = "member/";
export const invitationPrefix = "invitation/";
export const policyKey = "policy";

export const slotKey = (slot: SlotId): string => `${slotPrefix}${slot}`;
export const memberKey = (node: NodeId): string => `${memberPrefix}${node}`;

const node = Type.String({ minLength: 1, maxLength: 128 });
const nodes = Type.Array(node, { maxItems: 64 });
const epoch = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const isSlotRecord = Compile(
  Type.Object({
    slot: Type.String({ pattern: `^${addressText}$` }),
    epoch,
    owner: node,
    inSync: Type.Array(node, { minItems: 1, maxItems: 64 }),
    learners: nodes,
    want: Type.Optional(Type.Object({ owner: node, replicas: nodes })),
  }),
);
/** What every version must find in a member's row; a later one may say more, and in other words. */
const isMemberRecord = Compile(
  Type.Object({
    node,
    name: Type.String(),
    peer: Type.String(),
    addresses: Type.Array(Type.String()),
    roles: Type.Array(Type.String()),
    incarnation: Type.Integer({ minimum: 0 }),
  }),
);

/** The row `invitation/<id>`. */
export interface InvitationRecord {
  readonly id: string;
  readonly secretHash: string;
  readonly roles: readonly Role[];
  readonly labels: Readonly<Record<string, string>>;
  readonly expiresAtMs: number;
  /** Who redeemed it, and whether its member row was written. */
  readonly used?: { readonly node: NodeId; readonly peer: string; readonly admitted: boolean };
}

/** What the operators want of every slot. */
export interface Policy {
  /** Copies of each slot, the owner's included. */
  readonly replicas: number;
  /** In sync copies without which nothing is written. */
  readonly minInSync: number;
}

const copies = Type.Integer({ minimum: 1, maximum: 64 });
const isPolicy = Compile(Type.Object({ replicas: copies, minInSync: copies }));

/** Whether a value may lie under a key: a row that says nonsense would be read by every node, at every start. */
export function isRow(key: string, value: unknown): boolean {
  if (key.startsWith(slotPrefix))
    return isSlotRecord.Check(value) && slotKey((value as { readonly slot: SlotId }).slot) === key;
  if (key.startsWith(memberPrefix))
    return isMemberRecord.Check(value) && memberKey((value as { readonly node: string }).node) === key;
  if (key === policyKey) return isPolicy.Check(value);
  return true;
}

/** Whether two lists of a record say the same: nodes and roles stand in them once each, and their order says nothing. */
export const sameSet = (one: readonly string[], other: readonly string[]): boolean =>
  one.length === other.length && one.every((item) => other.includes(item));

/** A slot's record with the revision it was read at; revision 0 and no record: there is none yet. */
export interface SlotRow {
  readonly record: SlotRecord;
  readonly revision: number;
}

export const asSlot = (row: DirectoryRow | undefined): SlotRow | undefined =>
  row && isRow(row.key, row.value) ? { record: row.value as SlotRecord, revision: row.revision } : undefined;

export const asPolicy = ({ key, value }: DirectoryRow): Policy | undefined =>
  key === policyKey && isRow(key, value) ? (value as Policy) : undefined;

/** Reads one slot's record. */
export const readSlot = async (directory: Directory, slot: SlotId): Promise<SlotRow | undefined> =>
  asSlot(await directory.read(slotKey(slot)));

/** Changes a slot's record if it is still at `revision`, and with `guard` if that row is, too. `applied` says whether `row` is `next`. */
export async function changeSlot(
  directory: Directory,
  next: SlotRecord,
  revision: number,
  guard?: { readonly key: string; readonly revision: number },
): Promise<{ readonly applied: boolean; readonly row: SlotRow | undefined }> {
  const changed = await directory.compareAndSet(slotKey(next.slot), next, revision, guard);
  return { applied: changed.applied, row: asSlot(changed.row) };
}

/** Every slot on record. */
export const listSlots = async (directory: Directory): Promise<readonly SlotRow[]> =>
  (await directory.list(slotPrefix)).flatMap((row) => asSlot(row) ?? []);

/** Every admitted node. */
export const listMembers = async (directory: Directory): Promise<readonly MemberRecord[]> =>
  (await directory.list(memberPrefix)).flatMap(({ key, value }) => (isRow(key, value) ? [value as MemberRecord] : []));

/** Makes sure that nobody comes in as this node again with an invitation that it came with. That it was admitted may not stand
 *  there yet: its member row is written first, and then the answer may be lost. */
export async function spendInvitations(directory: Directory, node: NodeId): Promise<void> {
  for (const { key, value, revision } of await directory.list(invitationPrefix)) {
    const invitation = value as InvitationRecord;
    if (invitation.used?.node !== node || invitation.used.admitted) continue;
    const used = { ...invitation.used, admitted: true };
    // Who has changed it meanwhile is the one who admits it, and writes the same.
    await directory.compareAndSet(key, { ...invitation, used }, revision);
  }
}
