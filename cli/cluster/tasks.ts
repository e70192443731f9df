/** `plexus tasks`. */
import { setTimeout as sleep } from "node:timers/promises";
import type { AdminTask } from "../../protocols/index.ts";
import { isTaskOver, progressWords } from "../../protocols/words/task-words.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import { callNode } from "../node/node-client.ts";
import type { Target } from "../node/target.ts";
import { exitCodes, timeText, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

function taskText(task: AdminTask): string {
  const { id, what, by, node, state, begunAtMs, endedAtMs, error, advice, again, result, log = [] } = task;
  const told = error?.details?.["reason"];
  const reason = typeof told === "string" ? told : error?.message;
  const lines: (readonly [string, string | undefined])[] = [
    ["Task", id],
    ["What", what],
    ["State", state],
    ["Asked by", by],
    ["Node", node],
    ["Begun", begunAtMs === undefined ? undefined : timeText(begunAtMs)],
    ["Ended", endedAtMs === undefined ? undefined : timeText(endedAtMs)],
    ["Progress", progressWords(task) || undefined],
    ["Result", result],
    ["Failed", error === undefined ? undefined : `${error.code}: ${reason}`],
    ["To do", advice],
    ["Again", again === undefined ? undefined : `plexus tasks again ${id}`],
  ];
  return [
    ...lines.flatMap(([head, text]) => (text === undefined ? [] : [`${head.padEnd(9)} ${withoutControls(text)}`])),
    ...log.map(({ atMs, node: where, text }, at) =>
      withoutControls(
        `${(at === 0 ? "Log" : "").padEnd(9)} ${timeText(atMs)}  ${where === undefined ? "" : `${where}: `}${text}`,
      ),
    ),
  ].join("\n");
}

/** `plexus tasks`. With --json one line a task. */
export async function listTasks(
  flags: AdminFlags,
  wanted: { readonly open: boolean },
  output: Output,
): Promise<number> {
  const { tasks, silent } = await operate(flags, "tasks.list", wanted.open ? { open: true } : {});
  if (flags.json) for (const task of tasks) output.print(jsonLine(task));
  else if (tasks.length === 0) output.print("Nothing that takes long is under way.");
  else {
    const rows = tasks.map((task) => [
      task.id,
      task.state,
      task.begunAtMs === undefined ? "" : timeText(task.begunAtMs),
      withoutControls(task.by ?? ""),
      withoutControls(`${task.what}${task.node === undefined || task.kind === "drain" ? "" : ` at ${task.node}`}`),
      isTaskOver(task) ? withoutControls(task.error?.code ?? task.result ?? "") : progressWords(task),
    ]);
    const heads = ["task", "state", "begun", "by"].map((head) => ({ head }));
    const wide = [
      { head: "what", wraps: true },
      { head: "", wraps: true },
    ] as const;
    output.print(renderTable([...heads, ...wide], rows, output));
  }
  if (silent.length > 0 && !flags.json)
    output.printError(`No answer from: ${silent.map(({ node }) => withoutControls(node)).join(", ")}.`);
  return exitCodes.ok;
}

/** `plexus tasks show`. */
export async function showTask(flags: AdminFlags, id: string, output: Output): Promise<number> {
  const task = await operate(flags, "tasks.show", { id });
  output.print(flags.json ? jsonLine(task) : taskText(task));
  return exitCodes.ok;
}

/** `plexus tasks watch`: shows how far a task is until it is over. Exit code 1: it did not come to its end. */
export async function watchTask(flags: AdminFlags, id: string, output: Output): Promise<number> {
  const target = await findNode(flags);
  const left = new AbortController();
  process.once("SIGINT", () => left.abort());
  let said = "";
  for (;;) {
    const task = demand(await callsTo(target)("tasks.show", { id }));
    const line = flags.json
      ? jsonLine(task)
      : `${withoutControls(task.what)}: ` +
        `${task.state}${Object.keys(task.progress).length === 0 ? "" : `, ${progressWords(task)}`}`;
    if (line !== said) output.print(line);
    said = line;
    if (isTaskOver(task)) {
      if (task.state !== "done" && !flags.json) output.print(taskText(task));
      else if (task.result !== undefined && !flags.json) output.print(withoutControls(task.result));
      return task.state === "done" ? exitCodes.ok : exitCodes.failed;
    }
    await sleep(cliLimits.taskLookMs, undefined, { signal: left.signal }).catch(() => undefined);
    // The task goes on when nobody looks at it.
    if (left.signal.aborted) return exitCodes.ok;
  }
}

/** `plexus tasks cancel`. */
export async function cancelTask(flags: AdminFlags, id: string, output: Output): Promise<number> {
  await operate(flags, "tasks.cancel", { id });
  if (flags.json) output.print(jsonLine({ id }));
  else output.print(`${id} ends as soon as it can. \`plexus tasks show ${id}\` shows what became of it.`);
  return exitCodes.ok;
}

/** `plexus tasks again`: sends the request that begins it. */
export async function repeatTask(flags: AdminFlags, id: string, output: Output): Promise<number> {
  const target: Target = await findNode(flags);
  const { again, state } = demand(await callsTo(target)("tasks.show", { id }));
  if (again === undefined) {
    output.printError(
      state === "running" || state === "waiting"
        ? `${id} is under way.`
        : `${id} cannot be begun again from here: use the command that began it.`,
    );
    return exitCodes.failed;
  }
  const begun = demand(await callNode(target, again.method, again.path, again.body));
  output.print(flags.json ? jsonLine(begun) : "It was begun again. `plexus tasks` shows how far it is.");
  return exitCodes.ok;
}
