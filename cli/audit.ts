import type { AuditEntry, AuditPage } from "../protocols/index.ts";
import { demand, findNode, type AdminFlags } from "./admin.ts";
import { cliLimits } from "./limits.ts";
import { callNode } from "./node-client.ts";
import { exitCodes, type Output } from "./output.ts";
import { renderTable } from "./table.ts";
import { jsonLine, withoutControls } from "./printable.ts";

/** `plexus audit`: what was done to the cluster, the newest first. Pages until `limit` entries are printed. With --json one
 *  line per entry. */
export async function showAudit(flags: AdminFlags, limit: number, output: Output): Promise<number> {
  const target = await findNode(flags);
  const entries: AuditEntry[] = [];
  let more = true;
  while (more && entries.length < limit) {
    const query = new URLSearchParams({ limit: String(Math.min(cliLimits.auditPageEntries, limit - entries.length)) });
    const last = entries.at(-1);
    if (last !== undefined) query.set("before", String(last.seq));
    const page = demand(await callNode<AuditPage>(target, "GET", `/api/admin/cluster/audit?${query.toString()}`));
    entries.push(...page.entries);
    more = page.more && page.entries.length > 0;
  }
  if (flags.json) for (const entry of entries) output.print(jsonLine(entry));
  else output.print(entries.length === 0 ? "Nothing was done to this cluster yet." : auditTable(entries, output));
  if (more && !flags.json) output.print("There is more; a higher --limit shows it.");
  return exitCodes.ok;
}

/** Entries as a person reads them. */
export function auditTable(entries: readonly AuditEntry[], output: Pick<Output, "color" | "columns">): string {
  const rows = entries.map(({ atMs, action, by, facts }) => {
    const told = Object.entries(facts).flatMap(([name, text]) => (text === "" ? [] : [`${name} ${text}`]));
    return [new Date(atMs).toISOString(), ...[action, by, told.join(", ")].map(withoutControls)];
  });
  return renderTable([{ head: "When" }, { head: "What" }, { head: "By" }, { head: "", wraps: true }], rows, output);
}
