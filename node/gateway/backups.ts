import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import {
  failure,
  listBackups,
  ok,
  placeBackup,
  pruneBackup,
  recallBackup,
  refused,
  runBackup,
  verifyBackup,
  withdrawBackup,
  type BackupList,
  type BackupTask,
  type PlaceBackup,
  type PruneBackup,
  type RecallBackup,
  type Result,
  type VerifyBackup,
  type WithdrawBackup,
} from "../../protocols/index.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

/** What the gateway asks of the node's backups. What takes its time is a task. */
export interface BackupControl {
  run(wish: { readonly to: string }): Result<BackupTask>;
  list(wish: { readonly from: string }): Promise<Result<BackupList>>;
  verify(wish: VerifyBackup): Result<BackupTask>;
  recall(wish: RecallBackup): Result<BackupTask>;
  place(wish: PlaceBackup): Result<BackupTask>;
  withdraw(wish: WithdrawBackup): Result<BackupTask>;
  prune(wish: PruneBackup): Result<BackupTask>;
  task(id: string): Result<BackupTask>;
  cancel(id: string): Result<BackupTask>;
}

/** A folder on the machine is for who can use the machine: an admin who signs in from elsewhere could else write and read there as the node. */
function forOperator<Value>({ caller }: FastifyRequest, use: () => Result<Value>): Result<Value> {
  if (caller === null) return use();
  const reason =
    "folders on the node's machine are for its operator: run the command there, with the node's data folder";
  return refused(failure("FORBIDDEN", { reason }));
}

/** What was asked for, as facts of the audit. */
const textsOf = (asked: object): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, String(value)]));

/** Adds the routes under /api/v1/admin/backups: backups in folders of this node's machine, for its operator. */
export function addBackups(app: FastifyInstance, at: GatewayContext, backups: BackupControl): void {
  const tags = ["admin"];
  const { log } = at;
  const begin = async (
    request: FastifyRequest,
    action: string,
    facts: Readonly<Record<string, string>>,
    task: () => Result<BackupTask>,
  ): Promise<BackupTask> => {
    const begun = await audited(log, request, facts, Promise.resolve(forOperator(request, task)));
    at.changed?.(action, facts, whoIs(request));
    return begun;
  };

  app.post<{ Body: Static<typeof runBackup> }>(
    "/admin/backups/run",
    {
      config: audits("runBackup", "backup.run"),
      schema: {
        summary: "Begins a backup of the slots that this node owns into a folder; answers with the task",
        description: "What has not changed since the snapshot before is not written again.",
        tags,
        body: runBackup,
      },
    },
    (request) => begin(request, "runBackup", { folder: request.body.to }, () => backups.run(request.body)),
  );

  app.post<{ Body: Static<typeof listBackups> }>(
    "/admin/backups/list",
    { config: { access: "admin" }, schema: { summary: "The snapshots of a folder", tags, body: listBackups } },
    async (request) => {
      demand(forOperator(request, () => ok(null)));
      return demand(await backups.list(request.body));
    },
  );

  app.post<{ Body: VerifyBackup }>(
    "/admin/backups/verify",
    {
      config: audits("verifyBackup", "backup.run"),
      schema: { summary: "Begins to check a folder of backups; answers with the task", tags, body: verifyBackup },
    },
    (request) => begin(request, "verifyBackup", { folder: request.body.from }, () => backups.verify(request.body)),
  );

  app.post<{ Body: RecallBackup }>(
    "/admin/backups/recall",
    {
      config: audits("recallBackup", "backup.recall"),
      schema: {
        summary: "Begins to bring back what a query names, into a folder as JSON lines; answers with the task",
        description: "Without `to` the task only says how much it is.",
        tags,
        body: recallBackup,
      },
    },
    (request) => {
      const { from, to, query } = request.body;
      const facts = { folder: from, ...(to !== undefined && { to }), ...textsOf(query) };
      return begin(request, "recallBackup", facts, () => backups.recall(request.body));
    },
  );

  app.post<{ Body: PlaceBackup }>(
    "/admin/backups/place",
    {
      config: audits("placeBackup", "backup.recall"),
      schema: {
        summary: "Begins to bring messages of a backup back into their rooms, as new entries; answers with the task",
        description:
          "Nothing that lives is changed, and a recall brings nothing twice: under its id it goes on where it was broken off.",
        tags,
        body: placeBackup,
      },
    },
    (request) => {
      const { from, query, ...rules } = request.body;
      const facts = { folder: from, ...textsOf(rules), ...textsOf(query) };
      return begin(request, "placeBackup", facts, () => backups.place(request.body));
    },
  );

  app.post<{ Body: WithdrawBackup }>(
    "/admin/backups/withdraw",
    {
      config: audits("withdrawBackup", "backup.recall"),
      schema: {
        summary: "Begins to delete what a recall brought into the rooms of a query; answers with the task",
        tags,
        body: withdrawBackup,
      },
    },
    (request) => {
      const { from, query, recall } = request.body;
      const facts = { folder: from, recall, ...textsOf(query) };
      return begin(request, "withdrawBackup", facts, () => backups.withdraw(request.body));
    },
  );

  app.post<{ Body: PruneBackup }>(
    "/admin/backups/prune",
    {
      config: audits("pruneBackup", "backup.prune"),
      schema: {
        summary: "Begins to remove the snapshots that are not to be kept; answers with the task",
        tags,
        body: pruneBackup,
      },
    },
    (request) => {
      const { from, keep, apply = false } = request.body;
      const facts = { folder: from, keep: JSON.stringify(keep), apply: String(apply) };
      return begin(request, "pruneBackup", facts, () => backups.prune(request.body));
    },
  );

  app.get<{ Params: { id: string } }>(
    "/admin/backups/tasks/:id",
    { config: { access: "admin" }, schema: { summary: "How far a task is, and what it came to", tags } },
    async (request) => {
      return demand(forOperator(request, () => backups.task(request.params.id)));
    },
  );

  app.delete<{ Params: { id: string } }>(
    "/admin/backups/tasks/:id",
    {
      config: audits("cancelBackup", "backup.run"),
      schema: { summary: "Ends a task as soon as it can; what was committed stays", tags },
    },
    (request) => {
      const { id } = request.params;
      return begin(request, "cancelBackup", { task: id }, () => backups.cancel(id));
    },
  );
}
