import type { ServingRow } from "../protocols/index.ts";
import { demand, findNode, type AdminFlags } from "./admin.ts";
import { callNode, forLook } from "./node-client.ts";
import { exitCodes, paint, type Output } from "./output.ts";
import { jsonLine, withoutControls } from "./printable.ts";
import { renderTable, type Column } from "./table.ts";

/** `plexus models`: which node would serve which model, and why. With --json one line a row. */
export async function showModels(flags: AdminFlags, output: Output): Promise<number> {
  const target = forLook(await findNode(flags));
  const { serving } = demand(await callNode<{ readonly serving: readonly ServingRow[] }>(target, "GET", "/api/v1/admin/engines")); // prettier-ignore
  if (flags.json) for (const row of serving) output.print(jsonLine(row));
  else output.print(describeModels(serving, output.color, output.columns));
  return exitCodes.ok;
}

const columns: readonly Column[] = [
  { head: "Model" },
  { head: "Node" },
  { head: "State" },
  { head: "For", leaves: 5 },
  { head: "Runs on", leaves: 3 },
  { head: "Context", align: "right", leaves: 2 },
  { head: "Calls", align: "right", leaves: 4 },
  { head: "Choice", align: "right" },
  { head: "Because", leaves: 1 },
];

/** The rows as a person reads them: the first choice for each model comes first. */
export function describeModels(serving: readonly ServingRow[], color: boolean, width = Infinity): string {
  if (serving.length === 0) return "No models: no node with the role ai offers one. `plexus up --model FILE` adds one.";
  const rows = byModelAndNode(serving).map(({ engines, model, node, state, runtime, device, ...row }) => [
    withoutControls(model || "-"),
    withoutControls(node),
    paint(color, row.rank === undefined ? "red" : state === "ready" ? "green" : "yellow", state ?? "unknown"),
    withoutControls(engines.join(" ")),
    withoutControls([runtime, device].filter((word) => word !== undefined).join(", ")),
    row.contextTokens ?? "",
    row.places === undefined ? (row.calls ?? "") : `${row.calls ?? 0}/${row.places}`,
    row.rank ?? "none",
    withoutControls(row.because),
  ]);
  return renderTable(columns, rows, { color, columns: width });
}

/** A model that serves several engines on a node is one line, at the place of the first: where a call goes is the same for all. */
function byModelAndNode(
  serving: readonly ServingRow[],
): readonly (ServingRow & { readonly engines: readonly string[] })[] {
  const rows = Map.groupBy(serving, ({ model, node }) => JSON.stringify([model, node]));
  return [...rows.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [{ ...first, engines: same.map(({ engine }) => engine) }];
  });
}
