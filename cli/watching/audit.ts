import { refused, type Result } from "../../protocols/errors.ts";
import { slotOf } from "../../protocols/ids.ts";
import type { AuditEntry } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import { readSlots, readSummary } from "../cluster/cluster.ts";
import type { Target } from "../node/target.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { renderTable } from "../terminal/table.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";

/** `plexus audit`: what was done to the cluster, the newest first. Pages until `limit` entries are printed. With --json
 *  one line per entry. */
export async function showAudit(flags: AdminFlags, limit: number, output: Output): Promise<number> {
  const target = await findNode(flags);
  const entries: AuditEntry[] = [];
  let copyAt: string | undefined;
  let more = true;
  while (more && entries.length < limit) {
    const size = Math.min(cliLimits.auditPageEntries, limit - entries.length);
    const last = entries.at(-1);
    const answer = await callsTo(target)("cluster.audit", { limit: size, ...(last && { before: last.seq }) });
    const page = demand(answer.ok ? answer : await withCopies(target, answer));
    entries.push(...page.entries);
    copyAt ??= page.copyAt;
    more = page.more && page.entries.length > 0;
  }
  if (flags.json) for (const entry of entries) output.print(jsonLine(entry));
  else output.print(entries.length === 0 ? "Nothing was changed in this cluster yet." : auditTable(entries, output));
  if (more && !flags.json) output.print("There is more; a higher --limit shows it.");
  if (copyAt !== undefined) output.printError(describeCopy(copyAt, output.color));
  return exitCodes.ok;
}

function describeCopy(node: string, color: boolean): string {
  const name = withoutControls(node);
  return (
    `${paint(color, "yellow", "warning")} The node that keeps the audit does not answer. This is the copy at ` +
    `${name}; what was done last may be missing.`
  );
}

/** Adds to a refusal which nodes that are up have a copy: each shows its own. */
async function withCopies<T>(
  target: Target,
  answer: Result<T> & { readonly ok: false },
): Promise<Result<T> & { readonly ok: false }> {
  if (answer.error.outcome === "failed" || answer.error.code === "UNREACHABLE") return answer;
  const [slots, summary] = await Promise.all([readSlots(target), readSummary(target)]);
  if (!slots.ok || !summary.ok) return answer;
  const kept = slots.value.find(({ slot }) => slot === memory) ?? slots.value.find(({ slot }) => slot === numbered);
  const copies = summary.value.nodes.filter(
    (node) => node.up && !node.self && kept?.inSync.includes(node.node) === true,
  );
  if (copies.length === 0) return answer;
  const names = copies.map(({ name }) => name).join(", ");
  const hint = `There is a copy on ${names}: \`plexus audit\` with the --data or --url of that node shows it.`;
  return refused({ ...answer.error, details: { ...answer.error.details, hint } });
}

/** Where the audit is: in the slot of the cluster's own actor, or in one of that actor alone. */
const memory = "role-manager/cluster";
const numbered = slotOf("manager", memory);

/** Entries as a person reads them. */
export function auditTable(entries: readonly AuditEntry[], output: Pick<Output, "color" | "columns">): string {
  const rows = entries.map(({ atMs, action, by, facts }) => {
    const told = Object.entries(facts).flatMap(([name, text]) => (text === "" ? [] : [`${name} ${text}`]));
    return [new Date(atMs).toISOString(), ...[action, by, told.join(", ")].map(withoutControls)];
  });
  return renderTable([{ head: "When" }, { head: "What" }, { head: "By" }, { head: "", wraps: true }], rows, output);
}
