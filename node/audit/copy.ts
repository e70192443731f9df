import { ownSlot, slotOf, type AuditPage } from "../../protocols/index.ts";
import type { SlotTable } from "../cluster/facts/slot-table.ts";
import type { Journal, SlotReader } from "../storage/index.ts";

/** How entries of the audit lie beside their actor (`actors/role-manager`). */
interface AuditRecords<Query> {
  range(query: Query): Parameters<SlotReader["readSide"]>[2];
  pageOf(query: Query, records: Awaited<ReturnType<SlotReader["readSide"]>>): AuditPage;
}

/** A page of the audit as the copy on this node has it, or undefined where this node is no copy in sync, as far as it
 *  knows. A copy in sync has all that was acknowledged; but one that is cut off does not know what came after. Error:
 *  DATA_DAMAGED. */
export async function auditInCopy<Query>(
  at: {
    readonly journal: Journal;
    readonly table: SlotTable;
    readonly node: string;
    readonly records: AuditRecords<Query>;
  },
  query: Query,
): Promise<AuditPage | undefined> {
  const actor = "role-manager/cluster";
  // Moved by hand it has a slot of its own.
  for (const slot of [ownSlot(actor), slotOf("manager", actor)]) {
    const record = at.table.get(slot)?.record;
    if (record === undefined) continue;
    if (!record.inSync.includes(at.node)) return undefined;
    const copy = await at.journal.openSlot(slot);
    return at.records.pageOf(query, await copy.reader.readSide("record", actor, at.records.range(query)));
  }
  return undefined;
}
