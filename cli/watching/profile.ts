/** `plexus profile`. */
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { describeBytes } from "../../protocols/words/amounts.ts";
import type { Profile, ProfileKind } from "../../protocols/index.ts";
import { hottest, v8ProfileOf } from "../../protocols/admin/profiles.ts";
import { isTaskOver } from "../../protocols/words/task-words.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import type { Target } from "../node/target.ts";
import { exitCodes, timeText, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** Functions that are shown. */
const shownMax = 20;

/** `plexus profile cpu`, `plexus profile heap`: begins one, waits for it, and shows it. Ctrl-C ends it early. */
export async function takeProfile(
  flags: AdminFlags,
  choice: { readonly of: ProfileKind; readonly node?: string; readonly seconds: number; readonly output?: string },
  output: Output,
): Promise<number> {
  const { of, node, seconds } = choice;
  const target = await findNode(flags);
  const body = { of, seconds, ...(node !== undefined && { node }) };
  const { id } = demand(await callsTo(target)("profiles.take", body));
  if (!flags.json) output.printError(`Looking for ${seconds} s; Ctrl-C ends it and shows what was seen (${id}).`);
  const left = new AbortController();
  process.once("SIGINT", () => left.abort());
  for (;;) {
    const task = demand(await callsTo(target)("tasks.show", { id }));
    if (task.state === "failed") output.printError(`It failed: ${task.error?.message ?? "the node does not say why"}`);
    if (task.state === "failed") return exitCodes.failed;
    // The end of one that was ended early comes a moment later.
    if (isTaskOver(task) && task.endedAtMs !== undefined) break;
    if (left.signal.aborted && task.state === "running") demand(await callsTo(target)("tasks.cancel", { id }));
    await sleep(cliLimits.taskLookMs, undefined, { signal: left.signal.aborted ? undefined : left.signal }).catch(
      () => undefined,
    );
  }
  return await show(target, { id, output: choice.output }, flags, output);
}

/** `plexus profile show`. */
export async function showProfile(
  flags: AdminFlags,
  choice: { readonly id: string; readonly output?: string },
  output: Output,
): Promise<number> {
  return await show(await findNode(flags), { id: choice.id, output: choice.output }, flags, output);
}

async function show(
  target: Target,
  choice: { readonly id: string; readonly output: string | undefined },
  flags: AdminFlags,
  output: Output,
): Promise<number> {
  const profile = demand(await callsTo(target)("profiles.show", { id: choice.id }));
  if (choice.output !== undefined) {
    await writeFile(choice.output, JSON.stringify(v8ProfileOf(profile)));
    output.printError(`Written to ${choice.output}: the developer tools of a browser open it.`);
  }
  if (flags.json) output.print(jsonLine(profile));
  else output.print(describe(profile, output));
  return exitCodes.ok;
}

function describe({ tree, of, node, seconds }: Profile, output: Output): string {
  const amount = (value: number): string =>
    tree.unit === "bytes" ? describeBytes(value) : `${(value / 1_000).toFixed(1)} ms`;
  const share = (value: number): string => `${tree.total === 0 ? 0 : Math.round((1_000 * value) / tree.total) / 10} %`;
  const rows = hottest(tree, shownMax).map(({ name, at, self, total }) => [
    withoutControls(name),
    amount(self),
    share(self),
    share(total),
    withoutControls(at),
  ]);
  const heads = [
    { head: "Function" },
    { head: "By itself", align: "right" as const },
    { head: "", align: "right" as const },
    { head: "With callees", align: "right" as const },
    { head: "Where", leaves: 1 },
  ];
  const waited = tree.idle === undefined ? "" : `; it waited ${amount(tree.idle)}`;
  const head =
    of === "cpu"
      ? `${withoutControls(node)} worked ${amount(tree.total)} in ${seconds} s${waited}.`
      : `Of what ${withoutControls(node)} made in ${seconds} s, ${amount(tree.total)} are still in memory.`;
  return `${renderTable(heads, rows, output)}\n${head}`;
}

/** `plexus profile list`. */
export async function listProfiles(flags: AdminFlags, output: Output): Promise<number> {
  const { tasks } = await operate(flags, "tasks.list", { kind: "profile" });
  if (flags.json) for (const task of tasks) output.print(jsonLine(task));
  else if (tasks.length === 0) output.print("No node has one. `plexus profile cpu` takes one.");
  else
    output.print(
      renderTable(
        ["Profile", "State", "Begun", "What"].map((head) => ({ head })),
        tasks.map(({ id, state, begunAtMs = 0, what }) => [id, state, timeText(begunAtMs), withoutControls(what)]),
        output,
      ),
    );
  return exitCodes.ok;
}
