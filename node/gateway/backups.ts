import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import {
  copyBackup,
  drillBackup,
  failure,
  isTimeZone,
  listBackups,
  ok,
  placeBackup,
  PlexusError,
  pruneBackup,
  recallBackup,
  refused,
  runBackup,
  verifyBackup,
  withdrawBackup,
  type BackupFolder,
  type BackupList,
  type BackupPlaces,
  type BackupTask,
  type BackupWish,
  type PlaceBackup,
  type CopyBackup,
  type DrillBackup,
  type PruneBackup,
  type RecallBackup,
  type Result,
  type TaskView,
  type VerifyBackup,
  type WithdrawBackup,
  auditActionOf,
} from "../../protocols/index.ts";
import { audited, audits, quietly, whoIs } from "./audited.ts";
import { addSchedules, clusterBackups } from "./cluster-backups.ts";
import { addDownloads } from "./downloads.ts";
import type { GatewayContext } from "./options.ts";
import { demand, toldOf } from "./refusals.ts";

/** What the gateway asks of the node's backups. What takes its time is a task. */
export interface BackupControl {
  /** Where backups can be made from here. */
  places(): Omit<BackupPlaces, "folders">;
  /** What people call a node. */
  nameOf(node: string): string;
  run(wish: { readonly to: string }): Result<BackupTask>;
  list(wish: { readonly from: string }): Promise<Result<BackupList>>;
  /** The snapshots of the cluster's own backups. */
  ofCluster(): Promise<BackupList["snapshots"]>;
  verify(wish: VerifyBackup & { readonly from: string }): Result<BackupTask>;
  /** Without `from` out of the backups of the cluster. */
  recall(wish: RecallBackup): Result<BackupTask>;
  place(wish: PlaceBackup & { readonly from: string }): Result<BackupTask>;
  withdraw(wish: WithdrawBackup & { readonly from: string }): Result<BackupTask>;
  prune(wish: PruneBackup & { readonly from: string }): Result<BackupTask>;
  copy(wish: CopyBackup): Result<BackupTask>;
  drill(wish: DrillBackup & { readonly scratch: string }): Result<BackupTask>;
  /** Writes an archive of what a query names in the cluster's backups. Errors: NOT_FOUND, KEY_MISSING, those of the archive. */
  archive(query: RecallBackup["query"], out: (bytes: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void>;
  task(id: string): Result<BackupTask>;
  cancel(id: string): Result<BackupTask>;
}

/** A folder on the machine is for who can use the machine: an admin, or a program with a control token, could else write and read there as the node,
 *  beyond all that their permissions say. Admins have the folders that the operator has named, to make, check, list and prune backups: what is in
 *  one comes back by the operator alone. */
function forOperator<Value>({ caller }: FastifyRequest, use: () => Result<Value>): Result<Value> {
  if (caller === null) return use();
  const reason = "folders on the node's machine are for its operator, whatever a role or a control token grants";
  const hint =
    "run the command on that machine, with the node's --data folder; or name no folder: then it is about the backups of the cluster, for which permissions count";
  return refused(failure("FORBIDDEN", { reason, hint }));
}

/** What was asked for, as facts of the audit. */
const textsOf = (asked: object): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(asked).map(([name, value]) => [name, String(value)]));

/** A task as it is told. */
function shownTask(at: GatewayContext, task: TaskView): TaskView {
  if (task.error === undefined) return task;
  // It has ended as a request would have.
  return { ...task, error: toldOf(task.error, { reads: false, awaited: at.cluster?.awaited() }) };
}

/** Adds the routes under /api/v1/admin/backups: of the cluster, for admins, where no folder is named; else in folders of this node's machine, for
 *  its operator. */
export function addBackups(app: FastifyInstance, at: GatewayContext, backups: BackupControl): void {
  const tags = ["admin"];
  const cluster = clusterBackups(at);
  type Facts = Readonly<Record<string, string>>;
  /** A task has begun. What only says what would be done is in the audit, and nobody is told. */
  const told = async <T>(request: FastifyRequest, action: string, facts: Facts, done: Promise<Result<T>>) => {
    const isTrial = facts["dryRun"] === "true" || facts["apply"] === "false" || (action === "recallBackup" && facts["to"] === undefined); // prettier-ignore
    const answer = await audited(isTrial ? quietly(at) : at, request, facts, done);
    // What has power `audited` has told already.
    if (auditActionOf(action)?.power === "none") at.changed?.(action, facts, whoIs(request));
    return answer;
  };
  /** The folder as admins may use it, in a task of the cluster; undefined: it is the operator's. */
  const offered = ({ caller }: FastifyRequest, path: string): BackupFolder | undefined => {
    const { node, offered: folders } = backups.places();
    return caller !== null && folders.includes(path) ? { node: node.id, path } : undefined;
  };
  const begin = (request: FastifyRequest, action: string, facts: Facts, task: () => Result<BackupTask>) =>
    told(request, action, facts, Promise.resolve(forOperator(request, task)));
  /** Begins a task with the backups of the cluster. */
  const start = (request: FastifyRequest, action: string, facts: Facts, wish: BackupWish) =>
    told(request, action, facts, cluster.start(request, wish));

  app.post<{ Body: Static<typeof runBackup> }>(
    "/admin/backups/run",
    {
      config: audits("runBackup", "backup.run"),
      schema: {
        summary:
          "Begins a backup of the cluster onto its storage nodes, or of this node's slots into a folder; answers with the task",
        description: "What has not changed since the snapshot before is not written again.",
        tags,
        body: runBackup,
      },
    },
    (request): Promise<TaskView> => {
      const { to, full } = request.body;
      const how = full === true ? { full } : {};
      if (to === undefined) return start(request, "runBackup", {}, { sort: "run", ...how });
      const folder = offered(request, to);
      if (folder !== undefined) return start(request, "runBackup", { folder: to }, { sort: "run", ...how, folder });
      return begin(request, "runBackup", { folder: to }, () => backups.run({ to, ...how }));
    },
  );

  app.get(
    "/admin/backups/places",
    {
      config: { access: "admin" },
      schema: {
        summary: "Where backups can be made from this node, and the folders of all nodes that have some",
        description:
          "`storage` says why the storage nodes can take none now. `offered` are the folders of this node's machine in which its operator lets admins keep backups.",
        tags,
      },
    },
    async (): Promise<BackupPlaces> => {
      const { folders } = demand(await cluster.folders());
      return { ...backups.places(), folders: folders.map((one) => ({ ...one, name: backups.nameOf(one.node) })) };
    },
  );

  app.post<{ Body: Static<typeof listBackups> }>(
    "/admin/backups/list",
    {
      config: { access: "admin" },
      schema: { summary: "The snapshots of the cluster's backups, or of a folder", tags, body: listBackups },
    },
    async (request): Promise<BackupList> => {
      const { from } = request.body;
      if (from === undefined) return { snapshots: await backups.ofCluster() };
      if (offered(request, from) === undefined) demand(forOperator(request, () => ok(null)));
      return demand(await backups.list({ from }));
    },
  );

  app.post<{ Body: VerifyBackup }>(
    "/admin/backups/verify",
    {
      config: audits("verifyBackup", "backup.run"),
      schema: {
        summary: "Begins to check the cluster's backups, or a folder of them; answers with the task",
        tags,
        body: verifyBackup,
      },
    },
    (request): Promise<TaskView> => {
      const { from, ...wish } = request.body;
      if (from === undefined) return start(request, "verifyBackup", { depth: wish.depth }, { sort: "verify", ...wish });
      const folder = offered(request, from);
      if (folder !== undefined) return start(request, "verifyBackup", { depth: wish.depth, folder: from }, { sort: "verify", ...wish, folder }); // prettier-ignore
      return begin(request, "verifyBackup", { folder: from }, () => backups.verify({ from, ...wish }));
    },
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
    (request): Promise<TaskView> => {
      const { from, to, query } = request.body;
      const facts = {
        ...(from !== undefined && { folder: from }),
        ...(to !== undefined && { to }),
        ...textsOf(query),
      };
      if (from === undefined && to === undefined)
        return start(request, "recallBackup", facts, { sort: "recall", query });
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
          "Nothing that lives is changed, and a recall brings nothing twice: under its id it goes on where it was broken off. Of the cluster's backups it is a task of the cluster; what shows others' private things needs a request that was approved. Of a folder it is the operator's.",
        tags,
        body: placeBackup,
      },
    },
    (request): Promise<TaskView> => {
      const { from, ...wish } = request.body;
      const { query, ...rules } = wish;
      const facts = textsOf({ ...(from !== undefined && { folder: from }), ...rules, ...query });
      if (from === undefined) return start(request, "placeBackup", facts, { sort: "place", ...wish });
      return begin(request, "placeBackup", facts, () => backups.place({ from, ...wish }));
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
    (request): Promise<TaskView> => {
      const { from, query, recall } = request.body;
      const facts = textsOf({ ...(from !== undefined && { folder: from }), recall, ...query });
      if (from === undefined) return start(request, "withdrawBackup", facts, { sort: "withdraw", query, recall });
      return begin(request, "withdrawBackup", facts, () => backups.withdraw({ from, query, recall }));
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
    (request): Promise<TaskView> => {
      const { from, keep, timeZone, apply = false } = request.body;
      const zone = timeZone !== undefined && { timeZone };
      if (timeZone !== undefined && !isTimeZone(timeZone))
        throw new PlexusError(failure("BAD_REQUEST", { field: "timeZone", reason: "no time zone has this name" }));
      const facts = { keep: JSON.stringify(keep), ...zone, apply: String(apply) };
      const wish = { keep, ...zone, apply };
      if (from === undefined) return start(request, "pruneBackup", facts, { sort: "prune", ...wish });
      const folder = offered(request, from);
      if (folder !== undefined) return start(request, "pruneBackup", { folder: from, ...facts }, { sort: "prune", ...wish, folder }); // prettier-ignore
      return begin(request, "pruneBackup", { folder: from, ...facts }, () => backups.prune({ from, ...wish }));
    },
  );

  app.post<{ Body: CopyBackup }>(
    "/admin/backups/copy",
    {
      config: audits("copyBackup", "backup.run"),
      schema: {
        summary: "Begins to copy backups into a folder that leaves the cluster; answers with the task",
        description:
          "What is in the copy already is not read again. It is written where the operator says, and by nobody else.",
        tags,
        body: copyBackup,
      },
    },
    (request): Promise<TaskView> => {
      const { from, to } = request.body;
      return begin(request, "copyBackup", { ...(from !== undefined && { folder: from }), to }, () =>
        backups.copy(request.body),
      );
    },
  );

  app.post<{ Body: DrillBackup }>(
    "/admin/backups/drill",
    {
      config: audits("drillBackup", "backup.run"),
      schema: {
        summary: "Begins to rehearse a restore in a scratch folder, which is deleted afterwards; answers with the task",
        description:
          "Without folders it is a task of the cluster, for who may begin backups; in a folder that is named it is the operator's.",
        tags,
        body: drillBackup,
      },
    },
    (request): Promise<TaskView> => {
      const { from, scratch, snapshot } = request.body;
      if (scratch !== undefined)
        return begin(request, "drillBackup", { ...(from !== undefined && { folder: from }), scratch }, () =>
          backups.drill({ ...request.body, scratch }),
        );
      if (from === undefined && snapshot === undefined) return start(request, "drillBackup", {}, { sort: "drill" });
      const problem = "a folder of backups, or a snapshot that is named, is rehearsed in a folder that is named";
      throw new PlexusError(failure("BAD_REQUEST", { path: "/scratch", problem }));
    },
  );

  app.get<{ Params: Named }>(
    "/admin/backups/tasks/:id",
    { config: { access: "admin" }, schema: { summary: "How far a task is, and what it came to", tags } },
    async (request): Promise<TaskView> => {
      const { id } = request.params;
      if (isClusterTask(id)) return shownTask(at, demand(await cluster.task(id)));
      return shownTask(at, demand(forOperator(request, () => backups.task(id))));
    },
  );

  app.delete<{ Params: Named }>(
    "/admin/backups/tasks/:id",
    {
      config: audits("cancelBackup", "backup.run"),
      schema: { summary: "Ends a task as soon as it can; what was committed stays", tags },
    },
    (request): Promise<TaskView> => {
      const { id } = request.params;
      const facts = { task: id };
      if (isClusterTask(id)) return told(request, "cancelBackup", facts, cluster.cancel(request, id));
      // Ending it writes nowhere and shows no file: a person who may begin backups may do it.
      return told(request, "cancelBackup", facts, Promise.resolve(backups.cancel(id)));
    },
  );

  app.post<{ Params: Named }>(
    "/admin/backups/tasks/:id/resume",
    {
      config: audits("resumeBackup", "backup.run"),
      schema: {
        summary: "Goes on with a task of the cluster that failed or was cancelled, from what was kept of it",
        description:
          "`resumable` says of a task whether anything is kept: of runs that nobody has followed, and of checks. A recall into place goes on under its `recall` id, and one into a folder when it is begun again.",
        tags,
      },
    },
    (request): Promise<TaskView> => {
      const { id } = request.params;
      const none = failure("NOT_FOUND", { task: id, reason: "only tasks of the cluster can go on" });
      const resumed = isClusterTask(id) ? cluster.resume(request, id) : Promise.resolve(refused(none));
      return told(request, "resumeBackup", { task: id }, resumed);
    },
  );

  addSchedules(app, at);
  addDownloads(app, at, backups);
}

interface Named {
  readonly id: string;
}

/** Tasks of the cluster count up; those of a node have random names, which are longer. */
const isClusterTask = (id: string): boolean => /^[1-9][0-9]{0,14}$/.test(id);
