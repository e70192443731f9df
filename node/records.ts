/** The directory's rows with their types: slots, members, policy. The only place that knows under which key each lies. */
import type { SlotId } from "../protocols/index.ts";
import type { Directory, DirectoryRow, MemberRecord, NodeId, SlotRecord } from "./ports.ts";

export const slotPrefix = "slot/";
export const memberPrefix = "member/";
export const policyKey = "policy";

export const slotKey = (slot: SlotId): string => `${slotPrefix}${slot}`;
export const memberKey = (node: NodeId): string => `${memberPrefix}${node}`;

/** A slot's record with the revision it was read at; revision 0 and no record: there is none yet. */
export interface SlotRow {
  readonly record: SlotRecord;
  readonly revision: number;
}

export const asSlot = (row: DirectoryRow | undefined): SlotRow | undefined =>
  row && { record: row.value as SlotRecord, revision: row.revision };

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
  (await directory.list(slotPrefix)).map((row) => asSlot(row) as SlotRow);

/** Every admitted node. */
export const listMembers = async (directory: Directory): Promise<readonly MemberRecord[]> =>
  (await directory.list(memberPrefix)).map((row) => row.value as MemberRecord);
