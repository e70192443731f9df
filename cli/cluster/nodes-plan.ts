import { failure, PlexusError } from "../../protocols/errors.ts";
import type { Role } from "../../protocols/ids.ts";
import type { ClusterPlan, SupposedChange } from "../../protocols/index.ts";
import { describeFault, describePlanned, plannedRow, plannedTitles } from "../../protocols/words/plan-words.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { named } from "./cluster.ts";
import { forLook } from "../node/node-client.ts";
import { exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** What `plexus nodes plan` was told. */
export interface PlanOptions {
  readonly add?: readonly (readonly Role[])[];
  readonly zone?: string;
  readonly remove?: readonly string[];
  readonly weight?: Readonly<Record<string, number>>;
  readonly roles?: Readonly<Record<string, readonly Role[]>>;
  readonly replicas?: number;
  readonly minInSync?: number;
}

/** `plexus nodes plan`. Errors: BAD_REQUEST, nothing is to change. */
export async function planNodes(flags: AdminFlags, options: PlanOptions, output: Output): Promise<number> {
  const proposal = proposalOf(options);
  const target = await findNode(flags);
  const answer = await callsTo(forLook(target))("cluster.plan", proposal);
  const unknown = answer.ok ? undefined : answer.error.details?.["node"];
  const plan = demand(await named(target, answer, typeof unknown === "string" ? unknown : ""));
  output.print(flags.json ? jsonLine(plan) : describePlan(plan, output));
  return exitCodes.ok;
}

function describePlan(plan: ClusterPlan, { color, columns }: Output): string {
  const heads = plannedTitles.map((head, index) => ({ head, ...(index > 1 && { align: "right" as const }) }));
  return [
    renderTable(heads, plan.nodes.map(plannedRow), { color, columns }),
    paint(color, "dim", "Slots that a node owns + copies that it keeps of others'."),
    "",
    describePlanned(plan),
    ...plan.faults.map((fault) => `${paint(color, "yellow", "!")} ${describeFault(fault)}`),
    ...(plan.commands.length === 0 ? [] : ["", "What does it:", ...plan.commands.map((line) => `  ${line}`)]),
  ].join("\n");
}

/** The proposal in the form that the node takes. */
function proposalOf({ add, zone, remove, weight, roles, replicas, minInSync }: PlanOptions): SupposedChange {
  const proposal = {
    ...(add && { add: add.map((one) => ({ roles: [...one], ...(zone !== undefined && { labels: { zone } }) })) }),
    ...(remove && { remove: [...new Set(remove)] }),
    ...(weight && { weights: weight }),
    ...(roles && { roles: Object.fromEntries(Object.entries(roles).map(([name, has]) => [name, [...has]])) }),
    ...(replicas !== undefined && { replicas }),
    ...(minInSync !== undefined && { minInSync }),
  };
  const reason = "say what would change: --add, --remove, --weight, --roles, --replicas or --min-in-sync";
  if (Object.keys(proposal).length === 0) throw new PlexusError(failure("BAD_REQUEST", { reason }));
  return proposal;
}
