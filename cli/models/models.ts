import { setTimeout as pause } from "node:timers/promises";
import type { ModelInMemory, ModelOrder, NodeInference, ServingRow } from "../../protocols/index.ts";
import { callsTo, demand, findNode, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import { forLook } from "../node/node-client.ts";
import type { Target } from "../node/target.ts";
import { describeBytes, describeDuration, exitCodes, paint, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable, type Column } from "../terminal/table.ts";

/** `plexus models`: which node would serve which model, and why; and what models take of each node. With --json one
 *  line a row. */
export async function showModels(flags: AdminFlags, output: Output): Promise<number> {
  const target = forLook(await findNode(flags));
  const { serving } = demand(await callsTo(target)("engines.list"));
  const { nodes } = demand(await callsTo(target)("inference.list"));
  if (flags.json) {
    for (const row of serving) output.print(jsonLine({ ...row, memory: memoryOf(nodes, row) }));
    return exitCodes.ok;
  }
  output.print(describeModels(serving, output.color, output.columns));
  const memory = describeMemory(nodes, output.color, output.columns);
  if (memory !== "") output.print(`\n${memory}`);
  return exitCodes.ok;
}

/** What is known of the memory of a row's model. */
const memoryOf = (nodes: readonly NodeInference[], { node, model }: ServingRow): ModelInMemory | undefined =>
  nodes.find((one) => one.node === node)?.models.find((one) => one.model === model);

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

/** A model that serves several engines on a node is one line, at the place of the first: where a call goes is the same
 *  for all. */
function byModelAndNode(
  serving: readonly ServingRow[],
): readonly (ServingRow & { readonly engines: readonly string[] })[] {
  const rows = Map.groupBy(serving, ({ model, node }) => JSON.stringify([model, node]));
  return [...rows.values()].flatMap((same) => {
    const [first] = same;
    return first === undefined ? [] : [{ ...first, engines: same.map(({ engine }) => engine) }];
  });
}

const memoryColumns: readonly Column[] = [
  { head: "Model" },
  { head: "Node" },
  { head: "Memory" },
  { head: "Takes", align: "right" },
  { head: "Estimate", align: "right", leaves: 6 },
  { head: "On", leaves: 5 },
  { head: "Threads", align: "right", leaves: 3 },
  { head: "Batch", align: "right", leaves: 7 },
  { head: "Contexts", align: "right", leaves: 4 },
  { head: "Calls", align: "right" },
  { head: "Tokens/s", align: "right", leaves: 2 },
  { head: "Because", leaves: 1 },
];

/** What the models of each node take, and why; one table, and a line a node about what there is to share. */
export function describeMemory(nodes: readonly NodeInference[], color: boolean, width = Infinity): string {
  const rows = nodes.flatMap(({ node, models }) =>
    models.map((one) => [
      withoutControls(one.model),
      withoutControls(node),
      paint(color, stateColors[one.state] ?? "yellow", one.state),
      one.memoryBytes === 0 ? "" : describeBytes(one.memoryBytes),
      one.estimatedBytes === undefined ? "" : describeBytes(one.estimatedBytes),
      withoutControls(deviceText(one)),
      one.threads === undefined ? "" : `${one.threads.now}/${one.threads.most}`,
      one.batchTokens ?? "",
      one.places === undefined ? "" : `${one.places} × ${one.contextTokens ?? 0}`,
      one.waiting === 0 ? one.running : `${one.running} +${one.waiting}`,
      one.tokensPerSecond ?? "",
      withoutControls(leavingText(one)),
    ]),
  );
  const table = rows.length === 0 ? [] : [renderTable(memoryColumns, rows, { color, columns: width })];
  return [...table, ...nodes.flatMap((node) => describeShares(node, color))].join("\n");
}

const stateColors: Readonly<Record<string, "green" | "red">> = { ready: "green", failed: "red" };

/** `cuda 20/28 layers, 1.2 GiB`. */
function deviceText({ device = "", layers, gpuBytes }: ModelInMemory): string {
  if (layers === undefined) return device;
  return (
    `${device} ${layers.offloaded}/${layers.total} ` +
    `layers${gpuBytes === undefined ? "" : `, ${describeBytes(gpuBytes)}`}`
  );
}

const leavingText = ({ because, leavesInMs }: ModelInMemory): string =>
  leavesInMs === undefined ? because : `${because}: in ${describeDuration(leavesInMs)}`;

/** `node-a: 1.2 of 6.4 GiB for models (…); 3 of 7 threads (…)`. */
function describeShares({ node, error, memory, threads }: NodeInference, color: boolean): readonly string[] {
  const name = withoutControls(node);
  if (error !== undefined) return [`${paint(color, "red", name)}: ${withoutControls(error.message)}`];
  if (memory === undefined || threads === undefined || threads.most === 0) return [];
  const share =
    `${describeBytes(memory.usedBytes)} of ${describeBytes(memory.budgetBytes)} for models ` +
    `(${withoutControls(memory.because)})`;
  const most = threads.now === threads.most ? `${threads.now}` : `${threads.now} of ${threads.most}`;
  return [`${name}: ${share}; ${most} thread${threads.most === 1 ? "" : "s"} (${withoutControls(threads.because)})`];
}

/** What somebody orders of a model. */
export interface ModelRequest {
  readonly model: string;
  readonly order: ModelOrder;
  readonly node: string | undefined;
  readonly drain: boolean;
  readonly wait: boolean;
}

/** `plexus models load|unload|pin|unpin`. Waits until it is so, unless told otherwise. */
export async function orderModel(flags: AdminFlags, request: ModelRequest, output: Output): Promise<number> {
  const { model, order, node, drain, wait } = request;
  const target = await findNode(flags);
  const wanted = { model, ...(node !== undefined && { node }), ...(order === "unload" && { drain }) };
  let now = demand(await callsTo(target)(`inference.${order}`, wanted));
  const aim = aims[order];
  while (wait && aim !== undefined && !aim(now)) {
    await pause(cliLimits.pollMs / 2);
    const found = await lookAt(target, node, model);
    if (found === undefined) break;
    if (found.because !== now.because && !flags.json)
      output.printError(`${withoutControls(model)}: ${found.state}, ${withoutControls(found.because)}`);
    now = found;
  }
  if (flags.json) output.print(jsonLine(now));
  else output.print(`${withoutControls(model)} ${done(order, now)}`);
  return (order === "load" || order === "pin") && now.state === "failed" ? exitCodes.failed : exitCodes.ok;
}

/** When an order is carried out. A load that others want out again ends, too. */
const aims: { readonly [Order in ModelOrder]?: (now: ModelInMemory) => boolean } = {
  load: ({ state }) => state === "ready" || state === "failed" || state === "idle",
  unload: ({ state }) => state === "idle" || state === "failed",
  pin: ({ state }) => state === "ready" || state === "failed",
};

const done = (order: ModelOrder, { state, because, memoryBytes }: ModelInMemory): string =>
  state === "ready"
    ? `is in memory: ${describeBytes(memoryBytes)}; ${withoutControls(because)}.`
    : order === "unload" && state === "idle"
      ? `is out of memory; ${withoutControls(because)}.`
      : `is ${state}: ${withoutControls(because)}.`;

async function lookAt(target: Target, node: string | undefined, model: string): Promise<ModelInMemory | undefined> {
  const { nodes } = demand(await callsTo(forLook(target))("inference.list", node === undefined ? {} : { node }));
  const [here] = nodes;
  if (here?.error !== undefined) demand({ ok: false, error: here.error });
  return here?.models.find((one) => one.model === model);
}
