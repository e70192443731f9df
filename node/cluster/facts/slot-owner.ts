/** Which node owns a slot, as far as this node knows: by the record in its table, or, where there is none yet, the node
 *  that would be given it. The table may be behind: see `slot-table.ts`. */
import type { SlotId } from "../../../protocols/index.ts";
import type { NodeId } from "../../ports/index.ts";
import { firstOwner, type SlotTable } from "./slot-table.ts";

/** The owner of a slot; undefined: nobody owns it yet, or the table does not know. */
export const slotOwner = (table: Pick<SlotTable, "get">, slot: SlotId): NodeId | undefined =>
  table.get(slot)?.record.owner;

/** Whether a node owns a slot. */
export const ownsSlot = (table: Pick<SlotTable, "get">, node: NodeId, slot: SlotId): boolean =>
  slotOwner(table, slot) === node;

/** The slots that a node owns. */
export const slotsOwned = (table: Pick<SlotTable, "rows">, node: NodeId): readonly SlotId[] =>
  [...table.rows()].flatMap(({ record }) => (record.owner === node ? [record.slot] : []));

/** The owner of a slot, or the node that would be given it now; undefined: none could. */
export const slotOwnerOrFirst = (
  table: Pick<SlotTable, "get">,
  slot: SlotId,
  cluster: () => Parameters<typeof firstOwner>[1],
): NodeId | undefined => slotOwner(table, slot) ?? firstOwner(slot, cluster());
