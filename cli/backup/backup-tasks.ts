/** Tasks with backups: begun, looked at, ended; and the schedules that begin them (`plexus backup
 *  tasks|cancel|schedule`). */
import { setTimeout as sleep } from "node:timers/promises";
import { failure, passingCodes, PlexusError } from "../../protocols/errors.ts";
import { isWholeTask } from "../../protocols/admin/backups.ts";
import type {
  BackupResults,
  BackupSchedule,
  BackupTask,
  BackupWish,
  ClusterBackupTask,
  OperationInput,
  Result,
  TaskView,
} from "../../protocols/index.ts";
import { callsTo, demand, findNode, operate, type AdminFlags } from "../node/admin.ts";
import { cliLimits } from "../limits.ts";
import type { Target } from "../node/target.ts";
import {
  counted,
  describeBytes,
  describeFailure,
  exitCodes,
  paint,
  timeText,
  type Output,
} from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** A task of the cluster goes on when nobody looks at it; one of a folder is of the node that was asked. */
const isOfCluster = (task: TaskView | BackupTask): boolean => !("folder" in task);

const isOver = ({ state }: TaskView): boolean => state !== "waiting" && state !== "running";

/** What begins each sort of task. */
type Begins = { readonly [Sort in keyof BackupResults]: OperationInput<`backups.${Sort}`> };

/** Begins a task, shows how far it is, and answers with what it came to. Ctrl-C cancels one of a folder; one of the
 *  cluster goes on, and the answer is undefined. */
export async function finished<Sort extends keyof BackupResults>(
  target: Target,
  sort: Sort,
  body: Begins[Sort],
  flags: AdminFlags,
  output: Output,
): Promise<BackupResults[Sort] | undefined> {
  // The compiler does not find the row of a sort that it does not know: each has one, whose task is of that sort.
  const begin = callsTo(target) as (name: string, body: object) => Promise<Result<TaskView<Sort>>>;
  const task = await watched(target, demand(await begin(`backups.${sort}`, body)), flags, output);
  if (task === undefined) return undefined;
  if (task.result !== undefined) return task.result;
  throw new PlexusError(task.error ?? failure(task.state === "cancelled" ? "CANCELLED" : "INTERNAL"));
}

/** Shows how far a task is until it ends; undefined: the person who looked at it has gone. */
async function watched<Sort extends keyof BackupResults>(
  target: Target,
  begun: TaskView<Sort>,
  { json }: AdminFlags,
  output: Output,
): Promise<TaskView<Sort> | undefined> {
  const ofCluster = isOfCluster(begun);
  const call = callsTo(target);
  const which = { id: begun.id };
  const left = new AbortController();
  const end = (): void => {
    if (ofCluster) left.abort();
    else void call("backups.cancel", which);
  };
  process.once("SIGINT", end).once("SIGTERM", end);
  const live = !json && process.stderr.isTTY;
  let told = "";
  let lookedMs = performance.now();
  try {
    for (let task = begun; ;) {
      const says = task.state === "waiting" ? "waits to start" : describeProgress(task);
      if (live) process.stderr.write(`\r\u001B[K${says}`);
      else if (!json && says !== told && says !== "") output.printError(says);
      told = says;
      if (isOver(task)) return task;
      await sleep(cliLimits.backupLookMs, undefined, { signal: left.signal }).catch(() => undefined);
      if (left.signal.aborted) {
        if (live) process.stderr.write("\n");
        output.printError(
          `The task goes on. \`plexus backup tasks ${begun.id}\` shows how far it is, \`plexus backup cancel ` +
            `${begun.id}\` ends it.`,
        );
        return undefined;
      }
      const answer = await call("backups.task", which);
      if (answer.ok) {
        lookedMs = performance.now();
        task = answer.value as TaskView<Sort>;
        continue;
      }
      // Whose task it is may be on its way to another node.
      const isPassing = ofCluster && (passingCodes.has(answer.error.code) || answer.error.code === "RATE_LIMITED");
      if (!isPassing || performance.now() - lookedMs > cliLimits.backupUnseenMs) demand(answer);
    }
  } finally {
    if (live) process.stderr.write("\r\u001B[K");
    process.off("SIGINT", end).off("SIGTERM", end);
  }
}

/** How far a task is, in one line. */
export function describeProgress({ sort, progress }: Pick<TaskView, "sort" | "progress">): string {
  const { slots = 0, slotsDone = 0, units = 0, unitsOf = 0, bytes = 0, stripes = 0, stripesDone = 0 } = progress;
  const { messages = 0, restored = 0, workPercent = 100 } = progress;
  const steps = workPercent < 100 ? `, steps back for people: works ${workPercent} % of the time` : "";
  if (sort === "place" || sort === "withdraw")
    return restored === 0 && messages === 0 ? "" : counted(restored, "message");
  if (sort === "run")
    return slots === 0 ? "" : `${slotsDone} of ${counted(slots, "slot")}, ${describeBytes(bytes)} new${steps}`;
  if (sort === "copy")
    return stripes === 0 ? "" : `${counted(stripes, "stripe")} looked at, ${describeBytes(bytes)} new`;
  if (sort === "verify" || sort === "prune")
    return stripes === 0 ? "" : `${stripesDone} of ${counted(stripes, "stripe")}`;
  return unitsOf === 0 ? "" : `${units} of ${counted(unitsOf, "unit")}, ${describeBytes(bytes)}`;
}

/** `plexus backup tasks`: the newest; with an id that one, until it ends. */
export async function showTasks(
  flags: AdminFlags,
  { id, limit }: { readonly id: string | undefined; readonly limit: number },
  output: Output,
): Promise<number> {
  const target = await findNode(flags);
  if (id === undefined) {
    const page = demand(await callsTo(target)("backups.tasks", { limit }));
    if (flags.json) for (const task of page.tasks) output.print(jsonLine(task));
    else output.print(describeTasks(page.tasks, output.color, output.columns));
    return exitCodes.ok;
  }
  const found = demand(await callsTo(target)("backups.task", { id }));
  return shownAtEnd(await watched(target, found, flags, output), flags, output);
}

const colors = { done: "green", failed: "red", cancelled: "yellow", running: "cyan", waiting: "dim" } as const;

/** Tasks as a table. */
export function describeTasks(tasks: readonly ClusterBackupTask[], color: boolean, width = Infinity): string {
  if (tasks.length === 0) return "There are no tasks with the backups of the cluster yet.";
  const columns = [
    { head: "Task", align: "right" as const },
    { head: "Sort" },
    { head: "State" },
    { head: "Since" },
    { head: "By" },
    { head: "" },
  ];
  const cells = tasks.map((task) => {
    const { id, sort, state, addedAtMs, startedAtMs, by, schedule, error, resumable } = task;
    const whose = schedule === undefined ? by : `${by}, schedule ${schedule}`;
    const why = error === undefined ? describeProgress(task) : error.code;
    const far = resumable === true ? [why, `plexus backup resume ${id}`].filter(Boolean).join("; ") : why;
    const said =
      isWholeTask(task) === false ? paint(color, "red", "done, with losses") : paint(color, colors[state], state);
    return [id, sort, said, timeText(startedAtMs ?? addedAtMs), withoutControls(whose), far];
  });
  return renderTable(columns, cells, { color, columns: width });
}

/** One task as a table, and below it why it failed: what is to be done is more than a code says. */
export function describeTask(task: ClusterBackupTask, color: boolean, width = Infinity): string {
  const table = describeTasks([task], color, width);
  return task.error === undefined ? table : `${table}\n${describeFailure(task.error, color)}`;
}

/** `plexus backup cancel`. */
export async function cancelTask(flags: AdminFlags, id: string, output: Output): Promise<number> {
  const task = await operate(flags, "backups.cancel", { id });
  if (flags.json) output.print(jsonLine(task));
  else output.print(isOver(task) ? `Task ${id} is over: ${task.state}.` : `Task ${id} ends as soon as it can.`);
  return exitCodes.ok;
}

/** `plexus backup resume`: goes on with a task, and shows how far it is until it ends. */
export async function resumeTask(flags: AdminFlags, id: string, output: Output): Promise<number> {
  const target = await findNode(flags);
  const begun = demand(await callsTo(target)("backups.resume", { id }));
  return shownAtEnd(await watched(target, begun, flags, output), flags, output);
}

function shownAtEnd(task: TaskView | undefined, { json }: AdminFlags, output: Output): number {
  if (task === undefined) return exitCodes.unknown;
  output.print(json ? jsonLine(task) : describeTask(task as ClusterBackupTask, output.color, output.columns));
  return isWholeTask(task) === true ? exitCodes.ok : exitCodes.failed;
}

/** `plexus backup schedule set`. */
export async function setSchedule(
  flags: AdminFlags,
  {
    name,
    ...told
  }: { readonly name: string; readonly cron: string; readonly timeZone?: string; readonly wish: BackupWish },
  output: Output,
): Promise<number> {
  const schedule = await operate(flags, "backups.setSchedule", { name, ...told });
  if (flags.json) output.print(jsonLine(schedule));
  else
    output.print(
      `${paint(output.color, "green", "✔")} ${withoutControls(name)} begins a ${schedule.wish.sort}, next at ` +
        `${nextText(schedule)}.`,
    );
  return exitCodes.ok;
}

/** `plexus backup schedule remove`. */
export async function removeSchedule(flags: AdminFlags, name: string, output: Output): Promise<number> {
  await operate(flags, "backups.removeSchedule", { name });
  output.print(flags.json ? jsonLine({ removed: name }) : `The schedule ${withoutControls(name)} is removed.`);
  return exitCodes.ok;
}

/** `plexus backup schedule list`. */
export async function listSchedules(flags: AdminFlags, output: Output): Promise<number> {
  const { schedules } = await operate(flags, "backups.schedules");
  if (flags.json) for (const schedule of schedules) output.print(jsonLine(schedule));
  else output.print(describeSchedules(schedules, output.color, output.columns));
  return exitCodes.ok;
}

/** Schedules as a table. */
export function describeSchedules(schedules: readonly BackupSchedule[], color: boolean, width = Infinity): string {
  if (schedules.length === 0)
    return "There is no schedule. This makes one: plexus backup schedule set nightly --cron '0 3 * * *'";
  const columns = [
    { head: "Name" },
    { head: "Task" },
    { head: "When" },
    { head: "Time zone" },
    { head: "Next" },
    { head: "Last task" },
  ];
  const cells = schedules.map((schedule) => {
    const { name, wish, cron, timeZone = "UTC", last = "" } = schedule;
    return [withoutControls(name), wish.sort, withoutControls(cron), timeZone, nextText(schedule), last];
  });
  return renderTable(columns, cells, { color, columns: width });
}

const nextText = ({ nextAtMs }: BackupSchedule): string => (nextAtMs === undefined ? "never" : timeText(nextAtMs));
