/** The backups of the whole cluster as admins reach them: tasks and schedules of `backup/cluster`. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { Type, type Static } from "typebox";
import type { Message } from "../../actors/behavior.ts";
import {
  backupActor,
  backupCommands,
  backupSorts,
  ok,
  schema,
  scheduleSeen,
  type BackupFolderList,
  type BackupSchedule,
  type BackupScheduleList,
  type BackupWish,
  type ClusterBackupTask,
  type ClusterBackupTasks,
  type Result,
} from "../../protocols/index.ts";
import { askedBy, audited, audits, changeOf, whoIs } from "./audited.ts";
import { personOf } from "./http.ts";
import type { GatewayContext } from "./options.ts";
import { isPrivateRecall } from "./private-recalls.ts";
import { demand } from "./refusals.ts";

const { name, cron, timeZone, wish } = backupCommands.putSchedule.params.properties;
/** Query strings are text: a page's size is read from it. */
const tasksQuery = schema.object({
  before: backupCommands.tasks.params.properties.before,
  limit: Type.Optional(schema.limit),
});
const scheduleName = schema.object({ name });
const scheduleBody = schema.object({ cron, timeZone, wish, seen: scheduleSeen });

type Ask = <Answer>(message: Message) => Promise<Result<Answer>>;

const asks =
  ({ kernel, limits }: GatewayContext): Ask =>
  async <Answer>(message: Message) =>
    (await kernel.ask({ to: backupActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;

/** Tasks with the backups of the cluster. */
export function clusterBackups(at: GatewayContext) {
  const ask = asks(at);
  return {
    /** Errors: APPROVAL_NEEDED, LIMIT_REACHED, those of the actor's slot. */
    async start(request: FastifyRequest, wanted: BackupWish): Promise<Result<ClusterBackupTask>> {
      const isPrivate = await isPrivateRecall(at, wanted, personOf(request));
      const message = { type: "start", wish: wanted, ...(isPrivate && { private: true }), ...askedBy(at, request) };
      return ask<ClusterBackupTask>(message);
    },
    folders: () => ask<BackupFolderList>({ type: "folders" }),
    task: (id: string) => ask<ClusterBackupTask>({ type: "task", task: id }),
    /** Goes on with a task that ended too early. Errors: NOT_FOUND, LIMIT_REACHED, those of the actor's slot. */
    resume: (request: FastifyRequest, id: string) =>
      ask<ClusterBackupTask>({ type: "resume", task: id, by: whoIs(request) }),
    cancel: (request: FastifyRequest, id: string) =>
      ask<ClusterBackupTask>({ type: "cancel", task: id, by: whoIs(request) }),
  };
}

/** Adds the list of tasks, and the routes of schedules. */
export function addSchedules(app: FastifyInstance, at: GatewayContext): void {
  const ask = asks(at);
  const tags = ["admin"];
  const seen = { access: "admin" } as const;

  app.get<{ Querystring: Static<typeof tasksQuery> }>(
    "/admin/backups/tasks",
    {
      config: seen,
      schema: {
        summary: "A page of what was done, or is being done, with the backups of the cluster, the newest first",
        tags,
        querystring: tasksQuery,
      },
    },
    async ({ query }) => demand(await ask<ClusterBackupTasks>({ type: "tasks", ...query })),
  );

  app.get(
    "/admin/backups/schedules",
    { config: seen, schema: { summary: "When tasks with the backups of the cluster begin by themselves", tags } },
    async () => demand(await ask<BackupScheduleList>({ type: "schedules" })),
  );

  /** As it is before a change; undefined: there is none. */
  const scheduleNamed = async (of: string): Promise<Result<BackupSchedule | undefined>> => {
    const list = await ask<BackupScheduleList>({ type: "schedules" });
    return list.ok ? ok(list.value.schedules.find((one) => one.name === of)) : list;
  };

  app.put<{ Params: Static<typeof scheduleName>; Body: Static<typeof scheduleBody> }>(
    "/admin/backups/schedules/:name",
    {
      config: audits("scheduleBackup", "backup.run"),
      schema: {
        summary: "Makes a schedule, or changes it: a task that begins by itself",
        description:
          "People who may not begin the task by hand cannot schedule it. `seen`: the schedule as the caller has seen it, or null; if it has changed since, nothing is changed (CHANGED_MEANWHILE).",
        tags,
        params: scheduleName,
        body: scheduleBody,
      },
    },
    async (request) => {
      const wanted = request.body;
      const refused =
        request.caller && at.rights.refusal(request.caller, backupSorts[wanted.wish.sort].needs, request.address);
      if (refused) await audited(at, request, { schedule: request.params.name }, Promise.resolve({ ok: false, error: refused })); // prettier-ignore
      const facts = {
        schedule: request.params.name,
        cron: wanted.cron,
        ...(wanted.timeZone !== undefined && { timeZone: wanted.timeZone }),
        wish: JSON.stringify(wanted.wish).slice(0, factCharsMax),
      };
      const message = { type: "putSchedule", ...request.params, ...wanted, ...askedBy(at, request) };
      const before = await scheduleNamed(request.params.name);
      const put = before.ok ? ask<BackupSchedule>(message) : Promise.resolve(before);
      const schedule = await audited(at, request, facts, put, (now) => changeOf(before.ok ? saidBy(before.value) : undefined, saidBy(now))); // prettier-ignore
      at.changed?.("scheduleBackup", facts, whoIs(request));
      return schedule;
    },
  );

  app.delete<{ Params: Static<typeof scheduleName> }>(
    "/admin/backups/schedules/:name",
    {
      config: audits("unscheduleBackup", "backup.run"),
      schema: { summary: "Removes a schedule; a task that it began goes on", tags, params: scheduleName },
    },
    async (request) => {
      const facts = { schedule: request.params.name };
      const before = await scheduleNamed(request.params.name);
      const removed = before.ok ? ask({ type: "removeSchedule", ...request.params }) : Promise.resolve(before);
      await audited(at, request, facts, removed, () =>
        changeOf(before.ok ? saidBy(before.value) : undefined, undefined),
      );
      at.changed?.("unscheduleBackup", facts, whoIs(request));
      return {};
    },
  );
}

/** What admins say of a schedule. */
const saidBy = (schedule: BackupSchedule | undefined) =>
  schedule && {
    cron: schedule.cron,
    ...(schedule.timeZone !== undefined && { timeZone: schedule.timeZone }),
    wish: schedule.wish,
  };

/** As many as a fact of the audit may have. */
const factCharsMax = 256;
