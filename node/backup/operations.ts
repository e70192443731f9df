/** What the operations on backups do. Where no folder is named, they are about the backups of the cluster: tasks of its
 *  actor, for people with the permission. A folder on the machine of this node is its operator's, but for those that
 *  the operator lets admins use. */
import {
  acted,
  apiPrefix,
  backupActor,
  backupSorts,
  failure,
  forOperator,
  isTimeZone,
  ok,
  PlexusError,
  refused,
  type Asker,
  type backupOperations,
  type BackupFolder,
  type BackupFolderList,
  type BackupList,
  type BackupPlaces,
  type BackupSchedule,
  type BackupScheduleList,
  type BackupTask,
  type BackupWish,
  type ClusterBackupTask,
  type ClusterBackupTasks,
  type CopyBackup,
  type Done,
  type DrillBackup,
  type Failure,
  type HandlersOf,
  type OperationInput,
  type PlaceBackup,
  type PruneBackup,
  type RecallBackup,
  type RecallRequest,
  type Result,
  type TaskView,
  type VerifyBackup,
  type WithdrawBackup,
} from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import { factsOf, isPrivateRecall, personWho, type RecallPorts } from "./recall/private-recalls.ts";
import type { Tickets } from "./recall/tickets.ts";

/** The backups of a node. What takes its time is a task. */
export interface BackupControl {
  /** Where backups can be made from here. */
  places(): Omit<BackupPlaces, "folders">;
  /** What people call a node. */
  nameOf(node: string): string;
  run(request: { readonly to: string }): Result<BackupTask>;
  list(request: { readonly from: string }): Promise<Result<BackupList>>;
  /** The snapshots of the cluster's own backups. */
  ofCluster(): Promise<BackupList["snapshots"]>;
  verify(request: VerifyBackup & { readonly from: string }): Result<BackupTask>;
  /** Without `from` out of the backups of the cluster. */
  recall(request: RecallBackup): Result<BackupTask>;
  place(request: PlaceBackup & { readonly from: string }): Result<BackupTask>;
  withdraw(request: WithdrawBackup & { readonly from: string }): Result<BackupTask>;
  prune(request: PruneBackup & { readonly from: string }): Result<BackupTask>;
  copy(request: CopyBackup): Result<BackupTask>;
  drill(request: DrillBackup & { readonly scratch: string }): Result<BackupTask>;
  /** Writes an archive of what a query names in the cluster's backups. Errors: NOT_FOUND, KEY_MISSING, those of the
   *  archive. */
  archive(query: RecallBackup["query"], out: (bytes: Uint8Array) => Promise<void>, signal: AbortSignal): Promise<void>;
  task(id: string): Result<BackupTask>;
  cancel(id: string): Result<BackupTask>;
}

/** What the handlers stand on. */
interface BackupParts extends RecallPorts {
  readonly backups: BackupControl;
  readonly tickets: Pick<Tickets, "add">;
  newId(): string;
  /** Why a task failed, as people are told it. `reads`: it could change nothing. */
  shown(reason: Failure, reads: boolean): Failure;
}

type Operations = HandlersOf<typeof backupOperations>;
type OfTasks = "backups.task" | "backups.cancel" | "backups.resume" | "backups.tasks";
type OfRecalls = "backups.recall" | "backups.place" | "backups.withdraw" | "backups.download";
type OfSchedules = "backups.schedules" | "backups.setSchedule" | "backups.removeSchedule";
type Ask = <Answer>(message: Message) => Promise<Result<Answer>>;

/** The handlers. */
export function handleBackups(at: BackupParts): Operations {
  const ask = asks(at);
  return {
    ...handleMade(at, ask),
    ...handleRecalls(at, ask),
    ...handleTasks(at, ask),
    ...handleSchedules(ask),
  };
}

const asks =
  ({ kernel, limits }: RecallPorts): Ask =>
  async <Answer>(message: Message) =>
    (await kernel.ask({ to: backupActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;

/** A folder on the machine is for people who can use the machine: an admin, or a program with a control token, could
 *  else write and read there as the node, beyond all that their permissions say. Admins have the folders that the
 *  operator has named, to make, check, list and prune backups: what is in one comes back by the operator alone. */
const inFolder = <Value>(asker: Asker, use: () => Result<Value>): Result<Value> =>
  forOperator(asker, use, {
    reason: "folders on the node's machine are for its operator, whatever a role or a control token grants",
    hint:
      "run the command on that machine, with the node's --data folder; or name no folder: then it is about the " +
      "backups of the cluster, for which permissions count",
  });

/** How a task is begun: as one of the cluster, in a folder that is offered, or by the operator in any folder of this
 *  machine. */
function beginsOf(at: BackupParts, ask: Ask) {
  /** The folder as admins may use it, in a task of the cluster; undefined: it is the operator's. */
  const offered = ({ kind }: Asker, path: string): BackupFolder | undefined => {
    const { node, offered: folders } = at.backups.places();
    return kind !== "operator" && folders.includes(path) ? { node: node.id, path } : undefined;
  };
  /** Begins a task with the backups of the cluster. Errors: APPROVAL_NEEDED, LIMIT_REACHED, those of the actor's
   *  slot. */
  const start = async (asker: Asker, wish: BackupWish): Promise<Result<TaskView>> => {
    const isPrivate = await isPrivateRecall(at, wish, personWho(asker));
    return ask<ClusterBackupTask>({ type: "start", wish, ...(isPrivate && { private: true }), ...asker.said });
  };
  return {
    offered,
    start,
    /** The same, or in the folder at `path`: as a task of the cluster where admins may use it, else as the
     *  operator's. */
    within: async (
      asker: Asker,
      path: string | undefined,
      does: { readonly cluster: BackupWish; readonly here: (path: string) => Result<BackupTask> },
    ): Promise<Result<TaskView>> => {
      if (path === undefined) return start(asker, does.cluster);
      const folder = offered(asker, path);
      return folder === undefined
        ? inFolder<TaskView>(asker, () => does.here(path))
        : start(asker, { ...does.cluster, folder } as BackupWish);
    },
  };
}

/** What makes backups, looks at them and removes them. */
function handleMade(at: BackupParts, ask: Ask): Omit<Operations, OfTasks | OfSchedules | OfRecalls> {
  const { backups } = at;
  const { offered, start, within } = beginsOf(at, ask);
  return {
    "backups.run": async ({ to, full }, asker) => {
      const how = full === true ? { full } : {};
      const here = (folder: string) => backups.run({ to: folder, ...how });
      return acted(await within(asker, to, { cluster: { sort: "run", ...how }, here }));
    },
    "backups.places": async () => {
      const found = await ask<BackupFolderList>({ type: "folders" });
      if (!found.ok) return found;
      const folders = found.value.folders.map((one) => ({ ...one, name: backups.nameOf(one.node) }));
      return ok({ ...backups.places(), folders });
    },
    "backups.list": async ({ from }, asker) => {
      if (from === undefined) return ok({ snapshots: await backups.ofCluster() });
      const may = offered(asker, from) === undefined ? inFolder(asker, () => ok(null)) : ok(null);
      return may.ok ? backups.list({ from }) : may;
    },
    "backups.verify": async ({ from, ...asked }, asker) => {
      const { depth } = asked;
      const isOperators = from !== undefined && offered(asker, from) === undefined;
      const here = (folder: string) => backups.verify({ from: folder, ...asked });
      const facts = { ...(!isOperators && { depth }), ...(from !== undefined && { folder: from }) };
      return acted(await within(asker, from, { cluster: { sort: "verify", ...asked }, here }), facts);
    },
    "backups.prune": async ({ from, keep, timeZone, apply = false }, asker) => {
      if (timeZone !== undefined && !isTimeZone(timeZone))
        throw new PlexusError(failure("BAD_REQUEST", { field: "timeZone", reason: "no time zone has this name" }));
      const rules = { keep, ...(timeZone !== undefined && { timeZone }), apply };
      const here = (folder: string) => backups.prune({ from: folder, ...rules });
      return maybeTried(await within(asker, from, { cluster: { sort: "prune", ...rules }, here }), !apply);
    },
    "backups.copy": async (asked, asker) => acted(inFolder<TaskView>(asker, () => backups.copy(asked))),
    "backups.drill": async ({ from, scratch, snapshot }, asker) => {
      const which = { ...(from !== undefined && { from }), ...(snapshot !== undefined && { snapshot }) };
      if (scratch !== undefined) return acted(inFolder<TaskView>(asker, () => backups.drill({ ...which, scratch })));
      if (from === undefined && snapshot === undefined) return acted(await start(asker, { sort: "drill" }));
      const problem = "a folder of backups, or a snapshot that is named, is rehearsed in a folder that is named";
      throw new PlexusError(failure("BAD_REQUEST", { path: "/scratch", problem }));
    },
  };
}

/** What brings something back. In a folder it is the operator's alone, also where admins may keep backups there. */
function handleRecalls(at: BackupParts, ask: Ask): Pick<Operations, OfRecalls> {
  const { backups } = at;
  const { start } = beginsOf(at, ask);
  return {
    "backups.recall": async (asked, asker) => {
      const { from, to, query } = asked;
      const isOfCluster = from === undefined && to === undefined;
      const result = isOfCluster
        ? await start(asker, { sort: "recall", query })
        : inFolder<TaskView>(asker, () => backups.recall(asked));
      return maybeTried(result, to === undefined);
    },
    "backups.place": async ({ from, ...asked }, asker) => {
      const result =
        from === undefined
          ? await start(asker, { sort: "place", ...asked })
          : inFolder<TaskView>(asker, () => backups.place({ from, ...asked }));
      return maybeTried(result, asked.dryRun === true);
    },
    "backups.withdraw": async ({ from, ...asked }, asker) =>
      acted(
        from === undefined
          ? await start(asker, { sort: "withdraw", ...asked })
          : inFolder<TaskView>(asker, () => backups.withdraw({ from, ...asked })),
      ),
    "backups.download": (asked, asker) => download(at, ask, asked, asker),
  };
}

/** A task that only says what would be done: the audit has it, and nobody is told. */
const maybeTried = (result: Result<TaskView>, isTrial: boolean): Done<TaskView> => ({
  result,
  ...(isTrial && { told: false }),
});

type Recall = Extract<BackupWish, { sort: "recall" }>;
type Asked = OperationInput<"backups.download">;

/** Prepares an archive, and lets all admins know what was fetched and who agreed to it. */
async function download(
  at: BackupParts,
  ask: Ask,
  asked: Asked,
  asker: Asker,
): ReturnType<Operations["backups.download"]> {
  const { wish, isPrivate, approvedBy } = await allowed(at, ask, asked, asker);
  const { by, kind, session } = asker;
  const id = at.newId();
  const facts = { by, ...factsOf(wish), ...(approvedBy !== undefined && { approvedBy }) };
  const action = !isPrivate ? "downloadBackup" : kind === "operator" ? "recallPrivate" : "beginRecall";
  at.tickets.add(id, wish.query, session);
  const path = `${apiPrefix}/admin/backups/downloads/${id}`;
  return { result: ok({ path }), facts, told: { action, facts, tell: { people: [], admins: true } } };
}

/** What the asker may have, and who agreed to it. Errors: APPROVAL_NEEDED, those of the actor and of the room that is
 *  asked. */
async function allowed(at: BackupParts, ask: Ask, { query, request: id }: Asked, asker: Asker) {
  const wish: Recall = { sort: "recall", query, as: "download" };
  if (id !== undefined) {
    const approved = await ask<RecallRequest>({ type: "mayRecall", id, ...asker.said });
    if (!approved.ok) throw new PlexusError(approved.error);
    const { wish: agreed, answeredBy } = approved.value;
    if (agreed.sort !== "recall" || agreed.as !== "download")
      throw new PlexusError(failure("BAD_REQUEST", { field: "request", reason: "not a download" }));
    return { wish: agreed, isPrivate: true, approvedBy: answeredBy };
  }
  const isPrivate = await isPrivateRecall(at, wish, personWho(asker));
  if (isPrivate && asker.kind !== "operator") throw new PlexusError(failure("APPROVAL_NEEDED"));
  return { wish, isPrivate, approvedBy: undefined };
}

/** Tasks of the cluster count up; those of a node have random names, which are longer. */
const isClusterTask = (id: string): boolean => /^[1-9][0-9]{0,14}$/.test(id);

/** Whether a task changes nothing, however it ends. */
function onlyLooks(task: TaskView): boolean {
  const { wish } = task as Partial<ClusterBackupTask>;
  if (wish?.sort === "place") return wish.dryRun === true;
  if (wish?.sort === "prune") return wish.apply !== true;
  return wish?.sort === "verify" || wish?.sort === "recall";
}

/** Looking at tasks, and ending them. */
function handleTasks(at: BackupParts, ask: Ask): Pick<Operations, OfTasks> {
  const { backups } = at;
  const ofCluster = (message: Message): Promise<Result<TaskView>> => ask<ClusterBackupTask>(message);
  return {
    "backups.task": async ({ id }, asker) => {
      const found = isClusterTask(id)
        ? await ofCluster({ type: "task", task: id })
        : inFolder<TaskView>(asker, () => backups.task(id));
      if (!found.ok || found.value.error === undefined) return found;
      return ok({ ...found.value, error: at.shown(found.value.error, onlyLooks(found.value)) });
    },
    // Ending it writes nowhere and shows no file: all who may begin backups may do it.
    "backups.cancel": async ({ id }, { by }) =>
      acted(isClusterTask(id) ? await ofCluster({ type: "cancel", task: id, by }) : backups.cancel(id)),
    "backups.resume": async ({ id }, { by }) => {
      const none = failure("NOT_FOUND", { task: id, reason: "only tasks of the cluster can go on" });
      return acted(isClusterTask(id) ? await ofCluster({ type: "resume", task: id, by }) : refused(none));
    },
    "backups.tasks": (query) => ask<ClusterBackupTasks>({ type: "tasks", ...query }),
  };
}

/** Tasks that begin by themselves. */
function handleSchedules(ask: Ask): Pick<Operations, OfSchedules> {
  const list = () => ask<BackupScheduleList>({ type: "schedules" });
  /** As it is before a change; undefined: there is none. */
  const scheduleNamed = async (of: string): Promise<Result<BackupSchedule | undefined>> => {
    const all = await list();
    return all.ok ? ok(all.value.schedules.find((one) => one.name === of)) : all;
  };
  return {
    "backups.schedules": list,
    "backups.setSchedule": async (wanted, asker) => {
      const reason = asker.may(backupSorts[wanted.wish.sort].needs);
      if (reason !== undefined) return acted(refused(reason));
      const before = await scheduleNamed(wanted.name);
      if (!before.ok) return { result: before };
      const result = await ask<BackupSchedule>({ type: "putSchedule", ...wanted, ...asker.said });
      return { result, before: saidBy(before.value), after: saidBy(result.ok ? result.value : undefined) };
    },
    "backups.removeSchedule": async ({ name }) => {
      const before = await scheduleNamed(name);
      if (!before.ok) return { result: before };
      const gone = await ask({ type: "removeSchedule", name });
      return { result: gone.ok ? ok({}) : gone, before: saidBy(before.value) };
    },
  };
}

/** What admins say of a schedule. */
const saidBy = (schedule: BackupSchedule | undefined) =>
  schedule && {
    cron: schedule.cron,
    ...(schedule.timeZone !== undefined && { timeZone: schedule.timeZone }),
    wish: schedule.wish,
    by: schedule.by,
  };
