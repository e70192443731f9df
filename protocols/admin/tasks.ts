/** What takes longer than a moment, whatever it is: one view of backups, pulls of models and drains of nodes, for the
 *  page, the terminal and people's programs. Each stays where it is kept: the actor of the backups, the node that does
 *  it, the directory. Pure.
 *
 *  A kind of task is one function here that makes its view, and one source that lists it
 *  (`node/tasks/own.ts`). */
import { Type } from "typebox";
import type { BackupSort, ClusterBackupTask } from "../kinds/backup.ts";
import type { BackupTask } from "./backups.ts";
import type { ReportRun, UsageReport } from "./reports.ts";
import type { DiskTask } from "./disk.ts";
import type { ClusterNodeRow } from "./cluster.ts";
import type { EndpointSearch } from "../engines/endpoints.ts";
import type { Failure } from "../errors.ts";
import type { PullView } from "../engines/models.ts";
import type { ProfileKind } from "./profiles.ts";
import type { NodeSilent } from "./observe.ts";
import { limit, object } from "../wire/schema.ts";
import { backupResultWords } from "../words/backup-results.ts";
import { counted } from "../words/amounts.ts";
import { isTaskOver, mailsOf } from "../words/task-words.ts";

export { isTaskOver } from "../words/task-words.ts";

/** Where a task is kept, which its id begins with. `backup`: the cluster's backups; `folder`: backups in a folder of a
 *  node's machine; `pull`: a model that a node fetches; `drain`: a node that gives away what it holds; `search`: a node
 *  that looks for servers with models; `act`: what a request to a node does that takes long; `profile`: a node that
 *  looks at what it does; `report`: a report that is sent by mail; `disk`: a node whose disk is encrypted or opened. */
export const taskKinds = ["backup", "folder", "pull", "drain", "search", "act", "profile", "report", "disk"] as const;
export type TaskKind = (typeof taskKinds)[number];

/** How a task stands. `waiting`: nobody has begun it. */
export type TaskState = "waiting" | "running" | "done" | "failed" | "cancelled";

/** A request that begins a task again: to the same endpoint, by a person who may. */
export interface TaskRequest {
  readonly method: "POST" | "PUT";
  /** With `/api/v1`. */
  readonly path: string;
  readonly body: object;
}

/** A task as admins see it. */
export interface AdminTask {
  /** Like `backup.12` or `pull.n3k….a1`. */
  readonly id: string;
  readonly kind: TaskKind;
  /** What is done, in words. */
  readonly what: string;
  /** The person who asked for it: a user, or `operator`; absent: that is not known. */
  readonly by?: string;
  /** The node that does it, as people call it. */
  readonly node?: string;
  readonly state: TaskState;
  /** Absent: its version does not say. */
  readonly begunAtMs?: number;
  readonly endedAtMs?: number;
  /** How far it is, in its own measures. */
  readonly progress: Readonly<Record<string, number>>;
  /** How much of it is done, from 0 to 1; absent: nobody can know. */
  readonly share?: number;
  /** Why it failed. */
  readonly error?: Failure;
  /** What is in its way, and what to do. */
  readonly advice?: string;
  readonly canCancel: boolean;
  /** How it is begun again: what was done of it is not done twice. Absent: it cannot be, or not from here. */
  readonly again?: TaskRequest;
  /** What came of it, in words; of one that is done. */
  readonly result?: string;
  /** What is known of its way, the earliest first; of one task that is asked for alone. */
  readonly log?: readonly TaskLine[];
}

/** One line of the log of a task. */
export interface TaskLine {
  readonly atMs: number;
  /** The node that wrote it. Absent: it is kept with the task. */
  readonly node?: string;
  readonly text: string;
}

/** `GET /api/v1/admin/tasks`. */
export interface AdminTasks {
  /** Those under way first, then the newest. */
  readonly tasks: readonly AdminTask[];
  /** Nodes that did not say what they do. */
  readonly silent: readonly NodeSilent[];
}

const id = Type.String({
  pattern: "^(backup|folder|pull|drain|search|act|profile|report|disk)\\.[0-9A-Za-z._-]{1,150}$",
  description: "Like backup.12",
});
export const taskParams = object({ id });
export const tasksQuery = object({
  open: Type.Optional(Type.Boolean({ description: "Only those that are not over" })),
  kind: Type.Optional(Type.Unsafe<TaskKind>(Type.Union(taskKinds.map((kind) => Type.Literal(kind))))),
  limit: Type.Optional(limit),
});

/** A task's kind, and what comes after it in its id. */
export function taskIdParts(text: string): { readonly kind: TaskKind; readonly rest: string } | undefined {
  const at = text.indexOf(".");
  const kind = taskKinds.find((one) => one === text.slice(0, at));
  return kind === undefined ? undefined : { kind, rest: text.slice(at + 1) };
}

const sorts: Readonly<Record<string, string>> = {
  run: "Backup",
  verify: "Check of backups",
  recall: "Recall from backups",
  place: "Recall into rooms",
  withdraw: "Taking back a recall",
  prune: "Removal of old snapshots",
  copy: "Copy of backups",
  drill: "Rehearsal of a restore",
};
const sortText = (sort: string): string => sorts[sort] ?? sort;

/** What can be begun again as it was: not what an approval was for, nor what needs a folder. */
const repeatable: ReadonlySet<BackupSort> = new Set(["run", "verify", "place", "withdraw", "prune", "drill"]);

/** A task with the backups of the cluster. */
export function taskOfBackup(task: ClusterBackupTask): AdminTask {
  const {
    id: number,
    wish,
    by,
    schedule,
    state,
    progress,
    addedAtMs,
    startedAtMs,
    endedAtMs,
    error,
    approvedBy,
  } = task;
  const { sort, ...body } = wish;
  const over = isTaskOver(task);
  const mayRepeat = (state === "failed" || state === "cancelled") && approvedBy === undefined && repeatable.has(sort);
  return {
    id: `backup.${number}`,
    kind: "backup",
    what: `${sortText(sort)} of the cluster${schedule === undefined ? "" : `, schedule ${schedule}`}`,
    by,
    state,
    begunAtMs: startedAtMs ?? addedAtMs,
    ...(endedAtMs !== undefined && { endedAtMs }),
    progress,
    ...(state === "done" && task.result !== undefined && { result: backupResultWords(task) }),
    ...(error !== undefined && { error }),
    ...(task.cancelledBy !== undefined &&
      !over && { advice: `${task.cancelledBy} cancelled it; it ends as soon as its runner hears of that.` }),
    canCancel: !over && task.cancelledBy === undefined,
    // What is kept of it is not done twice.
    ...(task.resumable === true
      ? { again: { method: "POST" as const, path: `/api/v1/admin/backups/tasks/${number}/resume`, body: {} } }
      : mayRepeat && { again: { method: "POST" as const, path: `/api/v1/admin/backups/${sort}`, body } }),
  };
}

/** What a node does with backups in a folder of its machine. */
export const taskOfFolder = (
  { id: own, sort, folder, state, progress, error, result }: BackupTask,
  at: TaskPlace,
): AdminTask => ({
  id: `folder.${at.node}.${own}`,
  kind: "folder",
  what: `${sortText(sort)} in ${folder}`,
  by: "operator",
  node: at.name,
  state,
  progress,
  ...(state === "done" && result !== undefined && { result: backupResultWords({ sort, result }) }),
  ...(error !== undefined && { error }),
  // Folders of a machine are its operator's.
  canCancel: false,
});

/** The node that a task is at: its id, and what people call it. */
export interface TaskPlace {
  readonly node: string;
  readonly name: string;
}

/** A model that a node fetches. */
export function taskOfPull(pull: PullView, at: TaskPlace): AdminTask {
  const {
    id: own,
    source,
    name,
    state,
    doneBytes,
    totalBytes,
    bytesPerSecond,
    startedAtMs,
    endedAtMs,
    by,
    error,
  } = pull;
  const stands = state === "resolving" || state === "fetching" || state === "checking" ? "running" : state;
  const again = stands === "failed" || stands === "cancelled";
  return {
    id: `pull.${at.node}.${own}`,
    kind: "pull",
    what: `Pull of ${name ?? source}`,
    ...(by !== undefined && { by }),
    node: at.name,
    state: stands,
    begunAtMs: startedAtMs,
    ...(endedAtMs !== undefined && { endedAtMs }),
    progress: {
      doneBytes,
      ...(totalBytes !== undefined && { totalBytes }),
      ...(bytesPerSecond !== undefined && !again && { bytesPerSecond: Math.round(bytesPerSecond) }),
    },
    ...(totalBytes !== undefined && totalBytes > 0 && { share: Math.min(1, doneBytes / totalBytes) }),
    ...(stands === "done" && { result: `It is in the store${name === undefined ? "" : ` as ${name}`}.` }),
    ...(error !== undefined && { error }),
    canCancel: stands === "waiting" || stands === "running",
    ...(again && {
      again: {
        method: "POST",
        path: "/api/v1/admin/models/pulls",
        body: { source, ...(name !== undefined && { name }) },
      },
    }),
  };
}

/** A node that gives away what it holds. `advice`: why that cannot end now. */
export function taskOfDrain(
  row: Pick<ClusterNodeRow, "node" | "name" | "slotsOwned" | "slotsReplicated" | "drain">,
  at: { readonly drained: boolean; readonly advice?: string },
): AdminTask {
  const { node, name, slotsOwned, slotsReplicated, drain } = row;
  return {
    id: `drain.${node}`,
    kind: "drain",
    what: `Drain of ${name}`,
    ...(drain !== undefined && { by: drain.by, begunAtMs: drain.sinceMs }),
    node: name,
    state: at.drained ? "done" : "running",
    ...(at.drained && drain?.endedAtMs !== undefined && { endedAtMs: drain.endedAtMs }),
    progress: { slotsOwned, copiesLeft: slotsReplicated },
    ...(at.drained && { result: `${name} holds nothing any more. It can be stopped.` }),
    ...(at.advice !== undefined && { advice: at.advice }),
    canCancel: true,
  };
}

/** What a request begins that takes long. */
export interface ActWish {
  /** In words, like `Move of the directory to etcd`. */
  readonly what: string;
  /** Absent: the version of the node that was asked does not say. */
  readonly by?: string;
  /** How it is begun again; absent: not from here. */
  readonly again?: TaskRequest;
  /** What its answer says, in words; absent: that it is done says it all. */
  readonly result?: (answer: never) => string | undefined;
}

/** A long act of a node, as it remembers it. */
export interface ActView extends Omit<ActWish, "result"> {
  readonly id: string;
  readonly state: "running" | "done" | "failed" | "cancelled";
  readonly begunAtMs: number;
  readonly endedAtMs?: number;
  /** What came of it, in words. */
  readonly result?: string;
  readonly error?: Failure;
}

/** A long act of a node. Most are ended by nothing half-way: that would be neither done nor not done. `now`: how one
 *  stands that is under way. */
export function taskOfAct(
  { id: own, what, by, again, state, begunAtMs, endedAtMs, result, error }: ActView,
  at: TaskPlace,
  now: Partial<Pick<AdminTask, "progress" | "share" | "advice" | "canCancel">> = {},
): AdminTask {
  return {
    id: `act.${at.node}.${own}`,
    kind: "act",
    what,
    ...(by !== undefined && { by }),
    node: at.name,
    state,
    begunAtMs,
    ...(endedAtMs !== undefined && { endedAtMs }),
    progress: {},
    ...(result !== undefined && { result }),
    ...(error && { error }),
    canCancel: false,
    ...now,
    ...((state === "failed" || state === "cancelled") && again !== undefined && { again }),
  };
}

/** A profile of a node, as it remembers it. */
export interface ProfileView {
  readonly id: string;
  readonly of: ProfileKind;
  /** How long it is to take. */
  readonly seconds: number;
  readonly by: string;
  readonly state: "running" | "done" | "failed" | "cancelled";
  readonly begunAtMs: number;
  readonly endedAtMs?: number;
  readonly error?: Failure;
}

/** A profile of a node. One that is ended early is there all the same, of what was seen so far. */
export function taskOfProfile({ id: own, of, seconds, error, ...view }: ProfileView, at: TaskPlace): AdminTask {
  return {
    id: `profile.${at.node}.${own}`,
    kind: "profile",
    what: `${of === "cpu" ? "Profile of what the processor does" : "Profile of the heap"} at ${at.name}, ${seconds} s`,
    ...view,
    node: at.name,
    progress: {},
    ...(view.state === "done" && { result: `\`plexus profile show profile.${at.node}.${own}\` shows it.` }),
    ...(error !== undefined && { error }),
    canCancel: view.state === "running",
    ...(view.state === "failed" && {
      again: { method: "POST", path: "/api/v1/admin/profiles", body: { node: at.node, of, seconds } },
    }),
  };
}

/** A disk that is encrypted or opened. To cancel it is to turn it round: what was rewritten is rewritten again. */
export function taskOfDisk({ id: own, to, parts, fault, ...task }: DiskTask, at: TaskPlace): AdminTask {
  return {
    id: `disk.${at.node}.${own}`,
    kind: "disk",
    what: to === "sealed" ? `Encryption of the disk of ${at.name}` : `Decryption of the disk of ${at.name}`,
    ...task,
    node: at.name,
    progress: parts === undefined ? {} : { partsDone: parts.done, partsTotal: parts.total },
    ...(parts !== undefined && parts.total > 0 && { share: parts.done / parts.total }),
    ...(task.state === "done" && { result: to === "sealed" ? "All of it is encrypted." : "None of it is encrypted." }),
    ...(fault && { error: fault, advice: "It is tried again by itself once that is gone." }),
    canCancel: task.state === "running",
  };
}

/** A search for servers with models. */
export function taskOfSearch(search: EndpointSearch, at: TaskPlace): AdminTask {
  const { id: own, range, state, asked, total, found, startedAtMs, problems } = search;
  const [problem] = problems;
  return {
    id: `search.${at.node}.${own}`,
    kind: "search",
    what: `Search for servers with models${range === undefined ? "" : ` in ${range}`}`,
    node: at.name,
    state,
    begunAtMs: startedAtMs,
    progress: { asked, found },
    ...(total > 0 && { share: Math.min(1, asked / total) }),
    ...(state === "done" && {
      result: `${counted(found, "server")} found among ${counted(asked, "address", "addresses")}.`,
    }),
    ...(problem !== undefined && { advice: problem }),
    canCancel: state === "running",
    ...((state === "failed" || state === "cancelled") && {
      again: { method: "POST", path: "/api/v1/admin/endpoints/searches", body: range === undefined ? {} : { range } },
    }),
  };
}

/** What to do about a task that failed, where nothing better is known. */
export function withAdvice(task: AdminTask): AdminTask {
  if (task.state !== "failed" || task.advice !== undefined) return task;
  const hint = task.error?.details?.["hint"];
  const first = typeof hint === "string" ? `${hint}. ` : "";
  const then =
    task.again !== undefined
      ? `When the reason is gone, begin it again (plexus tasks again ${task.id}): what was done of it is not ` +
        "done twice."
      : task.kind === "folder"
        ? "When the reason is gone, give the command again on the node's machine: what was written is not " +
          "written twice."
        : "When the reason is gone, give the command again.";
  return { ...task, advice: `${first}${then}` };
}

/** Those under way first, each with the newest first. */
export const inTaskOrder = (tasks: readonly AdminTask[]): readonly AdminTask[] =>
  tasks.toSorted(
    (one, other) =>
      Number(isTaskOver(one)) - Number(isTaskOver(other)) ||
      (other.endedAtMs ?? other.begunAtMs ?? 0) - (one.endedAtMs ?? one.begunAtMs ?? 0) ||
      (one.id < other.id ? -1 : 1),
  );

/** A report that is sent by mail. */
export function taskOfReport(run: ReportRun, report: Pick<UsageReport, "formats"> | undefined): AdminTask {
  const { id: number, by, state, addedAtMs, endedAtMs, sent, left, missed, error } = run;
  const all = mailsOf(run);
  return {
    id: `report.${number}`,
    kind: "report",
    what: `Report ${run.report} by mail${report === undefined ? "" : ` (${report.formats.join(", ")})`}`,
    by,
    state,
    begunAtMs: addedAtMs,
    ...(endedAtMs !== undefined && { endedAtMs }),
    progress: { sent, mails: all, missed },
    ...(all > 0 && { share: sent / all }),
    ...(state === "done" && { result: `${counted(sent, "mail")} sent${missed > 0 ? `, ${missed} refused` : ""}.` }),
    ...(error && state !== "done" && { error }),
    canCancel: state === "waiting",
    ...(state === "failed" &&
      left.length > 0 &&
      report !== undefined && {
        again: { method: "POST", path: `/api/v1/admin/reports/${run.report}/send`, body: { run: number } },
      }),
  };
}

/** The log of a task: what is kept with it, and between that what nodes wrote while they did it. Pure. */
export function logOfTask(task: AdminTask, written: readonly TaskLine[]): readonly TaskLine[] {
  const { by, begunAtMs, endedAtMs } = task;
  const begun = { atMs: begunAtMs ?? 0, text: by === undefined ? "begun" : `begun by ${by}` };
  const between = written.toSorted((one, other) => one.atMs - other.atMs);
  const over = { atMs: endedAtMs ?? 0, text: endWords(task) };
  return [
    ...(begunAtMs === undefined ? [] : [begun]),
    ...between,
    ...(endedAtMs === undefined || !isTaskOver(task) ? [] : [over]),
  ];
}

/** How a task ended, in words. */
export function endWords({ state, error, result }: Pick<AdminTask, "state" | "error" | "result">): string {
  const told = error?.details?.["reason"];
  const why = error && `${error.code}: ${typeof told === "string" ? told : error.message}`;
  const more = state === "done" ? result : why;
  return more === undefined ? state : `${state}: ${more}`;
}
