/** Everything that takes long, whatever it is, as one list: `protocols/admin/tasks.ts` has the views. What begins a
 *  task is its own operation; here it is looked at and ended. */
import type { Message } from "../../actors/behavior.ts";
import {
  acted,
  activityActor,
  backupActor,
  describeKept,
  describeStuck,
  failure,
  inTaskOrder,
  isDrained,
  isTaskOver,
  logOfTask,
  ok,
  partInDirectory,
  PlexusError,
  refused,
  rolesWithoutTaker,
  taskIdParts,
  taskOfBackup,
  taskOfDrain,
  taskOfReport,
  wireLimits,
  withAdvice,
  type ActorId,
  type AdminTask,
  type AdminTasks,
  type ClusterBackupTask,
  type ClusterBackupTasks,
  type HandlersOf,
  type NodeSilent,
  type Permission,
  type ReportsView,
  type Result,
  type TaskKind,
  type TaskLine,
  type taskOperations,
} from "../../protocols/index.ts";
import type { ClusterControl } from "../cluster/placement/api.ts";
import { isOfDisk } from "./source.ts";
import type { ObserveControl, TaskControl } from "../ports/index.ts";
import { taskLimits } from "./limits.ts";

/** Kinds of tasks that nodes have: one question brings them all. */
const ofNodes: ReadonlySet<TaskKind> = new Set(["pull", "folder", "search", "act", "profile", "disk"]);

/** One kind of task: how it is listed, and ended. */
interface TaskRow {
  readonly list: () => Promise<{ readonly tasks: readonly AdminTask[]; readonly silent?: readonly NodeSilent[] }>;
  /** `rest`: what comes after the kind in the id. */
  readonly cancel: (id: string, rest: string, by: string) => Promise<Result<unknown>>;
  /** What ending it needs. */
  readonly needs: Permission;
}

/** What the list is made of. */
interface Parts {
  readonly ask: (to: ActorId, message: Message) => Promise<Result<unknown>>;
  readonly cluster: Pick<ClusterControl, "summary" | "slots" | "setDraining">;
  readonly tasks?: TaskControl | undefined;
  /** The logs of all nodes. Absent: nobody looks into them. */
  readonly observe?: Pick<ObserveControl, "logs"> | undefined;
}

/** The handlers. */
export function handleTasks(parts: Parts): HandlersOf<typeof taskOperations> {
  const rows = rowsOf(parts);
  const gathered = async (kind: TaskKind | undefined): Promise<AdminTasks> => {
    const from = kind !== undefined && ofNodes.has(kind) ? "pull" : kind;
    const wanted = [...rows].filter(([one]) => from === undefined || one === from);
    const lists = await Promise.all(wanted.map(([, { list }]) => list()));
    const tasks = lists.flatMap((one) => one.tasks).filter((task) => kind === undefined || task.kind === kind);
    return { tasks: inTaskOrder(tasks).map(withAdvice), silent: lists.flatMap(({ silent = [] }) => silent) };
  };
  return {
    "tasks.list": async ({ kind, open, limit }) => {
      const { tasks, silent } = await gathered(kind);
      const wanted = open === true ? tasks.filter((task) => !isTaskOver(task)) : tasks;
      return ok({ tasks: wanted.slice(0, limit ?? wireLimits.pageEntriesMax), silent });
    },
    "tasks.show": async ({ id }, asker) => {
      const { tasks, silent } = await gathered(taskIdParts(id)?.kind);
      const task = tasks.find((one) => one.id === id);
      if (task !== undefined) {
        const mayRead = asker.may("logs.read") === undefined;
        return ok({ ...task, log: logOfTask(task, mayRead ? await writtenOf(id, parts.observe) : []) });
      }
      const unheard = silent.length > 0 && { silent: silent.map(({ node }) => node) };
      return refused(failure("NOT_FOUND", { task: id, ...unheard }));
    },
    "tasks.cancel": async ({ id }, asker) => {
      const named = taskIdParts(id);
      const row = named && rows.get(named.kind);
      if (named === undefined || row === undefined) throw new PlexusError(failure("NOT_FOUND", { task: id }));
      const reason = asker.may(row.needs);
      const ended = reason === undefined ? await row.cancel(id, named.rest, asker.by) : refused(reason);
      return acted(ended.ok ? ok({}) : ended);
    },
  };
}

/** What nodes wrote of a task in their logs. */
async function writtenOf(id: string, observe: Parts["observe"]): Promise<readonly TaskLine[]> {
  const page = await observe?.logs({ about: id, limit: taskLimits.logLinesMax });
  // What nodes remember is beside what is kept with the task: it is no less true without.
  if (page?.ok !== true) return [];
  return page.value.lines.flatMap(({ atMs, node, event, facts }) => {
    const { task: _task, says, ...more } = facts;
    // How it ended is kept with it. Another fact may be the same text.
    if (facts["task"] !== id || event === "task.began" || event === "task.ended") return [];
    const rest = Object.entries(more).map(([name, value]) => `${name} ${value}`);
    return [{ atMs, node, text: typeof says === "string" ? says : [event, ...rest].join(", ") }];
  });
}

function rowsOf({ ask, cluster, tasks }: Parts): ReadonlyMap<TaskKind, TaskRow> {
  const askBackup = <Answer>(message: Message) => ask(backupActor, message) as Promise<Result<Answer>>;
  const rows = new Map<TaskKind, TaskRow>();
  rows.set("backup", {
    needs: "backup.run",
    async list() {
      const answer = await askBackup<ClusterBackupTasks>({ type: "tasks", limit: wireLimits.pageEntriesMax });
      // While its slot is away the rest of the list is still worth showing.
      return answer.ok
        ? { tasks: answer.value.tasks.map(taskOfBackup) }
        : { tasks: [], silent: [{ node: backupActor, error: answer.error }] };
    },
    cancel: (_id, rest, by) => askBackup<ClusterBackupTask>({ type: "cancel", task: rest, by }),
  });
  rows.set("report", {
    needs: "cluster.administer",
    async list() {
      const answer = (await ask(activityActor, { type: "reports" })) as Result<ReportsView>;
      if (!answer.ok) return { tasks: [], silent: [{ node: activityActor, error: answer.error }] };
      const { reports, runs } = answer.value;
      return {
        tasks: runs.map((run) =>
          taskOfReport(
            run,
            reports.find(({ report }) => report === run.report),
          ),
        ),
      };
    },
    cancel: (_id, rest) => ask(activityActor, { type: "cancelReport", id: Number(rest) } as Message),
  });
  rows.set("drain", {
    needs: "cluster.administer",
    async list() {
      const [summary, slots] = [valueOf(await cluster.summary()), valueOf(await cluster.slots())];
      return {
        tasks: summary.nodes
          .filter(({ state }) => state === "draining")
          .map((row) => {
            const drained = isDrained({ ...row, ...partInDirectory(summary, row.node) });
            const stuck = rolesWithoutTaker(summary, slots, row.node);
            const advice = stuck.length > 0 ? describeStuck(stuck, row.name) : describeKept(summary, row.node);
            return taskOfDrain(row, { drained, ...(advice !== undefined && !drained && { advice }) });
          }),
      };
    },
    cancel: (_id, rest, by) => cluster.setDraining(rest, false, by),
  });
  if (tasks !== undefined) {
    const nothing = () => Promise.resolve({ tasks: [] });
    for (const kind of ofNodes)
      rows.set(kind, {
        needs: kind === "disk" ? "keys.manage" : "cluster.administer",
        list: kind === "pull" ? () => tasks.list() : nothing,
        // A disk's task under the name of another kind would need less than it does.
        cancel: (id, rest) =>
          isOfDisk(rest.split(".")[1] ?? "") === (kind === "disk")
            ? tasks.cancel(id)
            : Promise.resolve(refused(failure("NOT_FOUND", { task: id }))),
      });
  }
  return rows;
}

function valueOf<Value>(result: Result<Value>): Value {
  if (!result.ok) throw new PlexusError(result.error);
  return result.value;
}
