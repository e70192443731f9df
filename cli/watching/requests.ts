/** `plexus requests`: what came of requests over the last hour or day. */
import type { HistoryRange, RequestBy, RequestOrder, RequestRow, RequestsView } from "../../protocols/index.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** Which of them are listed. */
interface RequestChoice {
  readonly by: RequestBy;
  readonly range: HistoryRange;
  readonly order: RequestOrder;
  readonly limit: number;
  readonly node?: string;
  readonly text?: string;
}

/** Shows them, a row for each route, kind or key; with --json one line a row. */
export async function showRequests(flags: AdminFlags, choice: RequestChoice, output: Output): Promise<number> {
  const view = await operate(flags, "requests.list", choice);
  if (flags.json) for (const row of view.rows) output.print(jsonLine(row));
  else output.print(describeRequests(view, output));
  const away = view.silent.map(({ node }) => withoutControls(node)).join(", ");
  if (away !== "")
    output.printError(
      `${paint(output.color, "yellow", "warning")} No answer from ${away}: their requests are missing.`,
    );
  return exitCodes.ok;
}

const heads = { route: "Route", kind: "Kind of actor", key: "Key" } as const;
const time = (ms: number): string => (ms >= 1_000 ? `${(ms / 1_000).toFixed(2)} s` : `${ms.toFixed(1)} ms`);

/** What a person reads. */
export function describeRequests(
  { by, range, rows, total }: Pick<RequestsView, "by" | "range" | "rows" | "total">,
  output: Pick<Output, "color" | "columns">,
): string {
  if (rows.length === 0) return `There was no such request in the last ${range}.`;
  const right = { align: "right" as const };
  const columns = [
    { head: heads[by] },
    { head: "Requests", ...right },
    { head: "Unchanged", ...right, leaves: 1 },
    { head: "Refused", ...right, leaves: 2 },
    { head: "Over limit", ...right },
    { head: "Failed", ...right },
    { head: "Mean", ...right, leaves: 3 },
    { head: "99 of 100 below", ...right },
  ];
  const cells = (row: RequestRow): readonly string[] => [
    withoutControls(row.name),
    ...[row.requests, row.unchanged ?? 0, row.refused, row.limited, row.failed].map(String),
    time(row.meanMs),
    time(row.p99Ms),
  ];
  const table = renderTable(columns, rows.map(cells), output);
  return rows.length < total ? `${table}\n${rows.length} of ${total}; --limit shows more.` : table;
}
