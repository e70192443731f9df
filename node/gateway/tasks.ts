/** Everything that takes long, whatever it is, as one list: `protocols/tasks.ts` has the views. What begins a task is its own route; here it is
 *  looked at and ended. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import type { Message } from "../../actors/behavior.ts";
import {
  backupActor,
  describeKept,
  describeStuck,
  failure,
  inTaskOrder,
  isDrained,
  isTaskOver,
  partInDirectory,
  PlexusError,
  refused,
  rolesWithoutTaker,
  taskIdParts,
  taskOfBackup,
  taskOfDrain,
  taskParams,
  tasksQuery,
  wireLimits,
  type ActWish,
  type AdminTask,
  type AdminTasks,
  type ClusterBackupTask,
  type ClusterBackupTasks,
  type NodeSilent,
  type Permission,
  type Result,
  withAdvice,
  type TaskKind,
} from "../../protocols/index.ts";
import { asTask as followed } from "../waiting.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

/** Gives what a request does, and takes long, a place in the list of tasks. */
export const asTask = <Value>(
  at: Pick<GatewayContext, "tasks">,
  request: FastifyRequest,
  wish: Omit<ActWish, "by">,
  work: Promise<Result<Value>>,
): Promise<Result<Value>> => followed(at.tasks, { ...wish, by: whoIs(request) }, work);

/** Kinds of tasks that nodes have: one question brings them all. */
const ofNodes: ReadonlySet<TaskKind> = new Set(["pull", "folder", "search", "act", "profile"]);

/** One kind of task: how it is listed, and ended. */
interface TaskRow {
  readonly list: () => Promise<{ readonly tasks: readonly AdminTask[]; readonly silent?: readonly NodeSilent[] }>;
  /** `rest`: what comes after the kind in the id. */
  readonly cancel: (id: string, rest: string, request: FastifyRequest) => Promise<Result<unknown>>;
  /** Who may end it. */
  readonly needs: Permission;
}

/** Adds the routes under /api/v1/admin/tasks. */
export function addTaskRoutes(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];
  const rows = rowsOf(at);
  const config = { access: "admin", permission: "cluster.see" } as const;

  const gathered = async (kind: TaskKind | undefined): Promise<AdminTasks> => {
    const from = kind !== undefined && ofNodes.has(kind) ? "pull" : kind;
    const wanted = [...rows].filter(([one]) => from === undefined || one === from);
    const lists = await Promise.all(wanted.map(([, { list }]) => list()));
    const tasks = lists.flatMap((one) => one.tasks).filter((task) => kind === undefined || task.kind === kind);
    return { tasks: inTaskOrder(tasks).map(withAdvice), silent: lists.flatMap(({ silent = [] }) => silent) };
  };
  const found = async (id: string): Promise<AdminTask> => {
    const { tasks, silent } = await gathered(taskIdParts(id)?.kind);
    const task = tasks.find((one) => one.id === id);
    if (task !== undefined) return task;
    throw new PlexusError(
      failure("NOT_FOUND", { task: id, ...(silent.length > 0 && { silent: silent.map(({ node }) => node) }) }),
    );
  };

  app.get<{ Querystring: Static<typeof tasksQuery> }>(
    "/admin/tasks",
    {
      config,
      schema: {
        summary:
          "What takes long, of all nodes: backups, pulls of models, drains, searches, long acts; those under way first",
        description: "`again` is the request that begins a task again. `silent`: nodes that did not say what they do.",
        tags,
        querystring: tasksQuery,
      },
    },
    async ({ query }): Promise<AdminTasks> => {
      const { tasks, silent } = await gathered(query.kind);
      const wanted = query.open === true ? tasks.filter((task) => !isTaskOver(task)) : tasks;
      return { tasks: wanted.slice(0, query.limit ?? wireLimits.pageEntriesMax), silent };
    },
  );

  app.get<{ Params: Static<typeof taskParams> }>(
    "/admin/tasks/:id",
    { config, schema: { summary: "One task", tags, params: taskParams } },
    ({ params }) => found(params.id),
  );

  app.delete<{ Params: Static<typeof taskParams> }>(
    "/admin/tasks/:id",
    {
      config: audits("cancelTask", "cluster.see"),
      schema: {
        summary: "Ends a task as soon as it can; what was done of it stays",
        description: "Needs what beginning a task of its kind needs. Of a drain: the node takes its share again.",
        tags,
        params: taskParams,
      },
    },
    async (request) => {
      const { id } = request.params;
      const parts = taskIdParts(id);
      const row = parts && rows.get(parts.kind);
      if (parts === undefined || row === undefined) throw new PlexusError(failure("NOT_FOUND", { task: id }));
      const refusal =
        request.caller === null ? undefined : at.rights.refusal(request.caller, row.needs, request.address);
      const done = refusal ? Promise.resolve(refused(refusal)) : row.cancel(id, parts.rest, request);
      await audited(at, request, { task: id }, done);
      at.changed?.("cancelTask", { task: id }, whoIs(request));
      return {};
    },
  );
}

function rowsOf(at: GatewayContext): ReadonlyMap<TaskKind, TaskRow> {
  const rows = new Map<TaskKind, TaskRow>();
  const ask = async <Answer>(message: Message): Promise<Result<Answer>> =>
    (await at.kernel.ask({
      to: backupActor,
      from: "gateway",
      message,
      timeoutMs: at.limits.askTimeoutMs,
    })) as Result<Answer>;
  rows.set("backup", {
    needs: "backup.run",
    async list() {
      const answer = await ask<ClusterBackupTasks>({ type: "tasks", limit: wireLimits.pageEntriesMax });
      // While its slot is away the rest of the list is still worth showing.
      return answer.ok
        ? { tasks: answer.value.tasks.map(taskOfBackup) }
        : { tasks: [], silent: [{ node: backupActor, error: answer.error }] };
    },
    cancel: (_id, rest, request) => ask<ClusterBackupTask>({ type: "cancel", task: rest, by: whoIs(request) }),
  });
  const { cluster, tasks } = at;
  if (cluster !== undefined)
    rows.set("drain", {
      needs: "cluster.administer",
      async list() {
        const [summary, slots] = [demand(await cluster.summary()), demand(await cluster.slots())];
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
      cancel: (_id, rest, request) => cluster.setDraining(rest, false, whoIs(request)),
    });
  if (tasks !== undefined) {
    const nothing = () => Promise.resolve({ tasks: [] });
    for (const kind of ofNodes)
      rows.set(kind, {
        needs: "cluster.administer",
        list: kind === "pull" ? () => tasks.list() : nothing,
        cancel: (id) => tasks.cancel(id),
      });
  }
  return rows;
}
