/** The commands of the actor that has the backups of the whole cluster: what is to be done and when, and how far it is
 *  (docs/decisions/0054-backups-of-the-cluster.md).
 *
 *      admin ─ start, schedule ─► backup/cluster ◄─ take, advance, finish ─ the runner at the node that owns it
 *
 *  A sort of task is one row of `backupSorts`, and what it comes to one of `BackupResults`. */
import { Type, type Static } from "typebox";
import {
  backupDepth,
  backupQuery,
  backupRetention,
  placeRules,
  retentionZone,
  type BackupResults,
  type BackupSnapshot,
  type TaskView,
} from "../admin/backups.ts";
import { answer, command } from "../wire/command.ts";
import type { Failure } from "../errors.ts";
import type { ActorId } from "../ids.ts";
import { wireLimits as limits } from "../limits.ts";
import type { Permission } from "../authority/permissions.ts";
import { recallId } from "../admin/restored.ts";
import { key, limit, nothing, object, position, seenOf } from "../wire/schema.ts";
import { shownField } from "../power/shown.ts";

/** The one actor of its kind. */
export const backupActor: ActorId = "backup/cluster";

/** What a sort of task does to backups. `changes`: it makes the next head, and one such task runs at a time. `removes`:
 *  it also takes away what others may read, and runs alone. `reads`: it runs beside all that remove nothing. */
export type BackupEffect = "changes" | "removes" | "reads";

const snapshot = Type.Optional(Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }));
const nodeId = Type.String({ minLength: 1, maxLength: 128, description: "The id of a node" });
/** A folder on the machine of a node, where its operator lets admins keep backups (`backupFolders`). */
export const backupFolder = object({
  node: nodeId,
  path: Type.String({ pattern: "^/", maxLength: 4_096, description: "Its absolute path there" }),
});
export type BackupFolder = Static<typeof backupFolder>;
/** Absent: the backups of the cluster, on its storage nodes. */
const folder = Type.Optional(backupFolder);

/** The sorts of tasks: what each does, what who asks for it needs, and what it is told. `resumes`: one that failed or
 *  was cancelled can go on from what was kept of it. A recall into place goes on under its own id instead, and what
 *  only says how much there is begins anew. */
export const backupSorts = {
  run: {
    does: "changes",
    needs: "backup.run",
    resumes: true,
    wish: object({ sort: Type.Literal("run"), full: Type.Optional(Type.Boolean()), folder }),
  },
  verify: {
    does: "reads",
    needs: "backup.run",
    resumes: true,
    wish: object({ sort: Type.Literal("verify"), snapshot, depth: backupDepth, folder }),
  },
  recall: {
    does: "reads",
    needs: "backup.recall",
    resumes: false,
    wish: object({
      sort: Type.Literal("recall"),
      query: backupQuery,
      as: Type.Optional(
        Type.Literal("download", { description: "The caller fetches it; absent: it says how much it is" }),
      ),
    }),
  },
  place: {
    does: "reads",
    needs: "backup.recall",
    resumes: false,
    wish: object({ sort: Type.Literal("place"), ...placeRules }),
  },
  withdraw: {
    does: "reads",
    needs: "backup.recall",
    resumes: false,
    wish: object({ sort: Type.Literal("withdraw"), query: backupQuery, recall: recallId }),
  },
  prune: {
    does: "removes",
    needs: "backup.prune",
    resumes: false,
    wish: object({
      sort: Type.Literal("prune"),
      keep: backupRetention,
      timeZone: retentionZone,
      apply: Type.Optional(Type.Boolean()),
      folder,
    }),
  },
  drill: {
    does: "reads",
    needs: "backup.run",
    resumes: false,
    wish: object({ sort: Type.Literal("drill"), snapshot }),
  },
} as const satisfies Readonly<
  Record<
    string,
    {
      readonly does: BackupEffect;
      readonly needs: Permission;
      readonly resumes: boolean;
      readonly wish: ReturnType<typeof object>;
    }
  >
>;

/** A sort of task. */
export type BackupSort = keyof typeof backupSorts;

/** What is to be done. */
export type BackupWish<Sort extends BackupSort = BackupSort> = {
  readonly [Name in Sort]: Static<(typeof backupSorts)[Name]["wish"]>;
}[Sort];

/** The folder that a task is about; undefined: the backups of the cluster. */
export const folderOf = (wish: BackupWish): BackupFolder | undefined => ("folder" in wish ? wish.folder : undefined);

/** Any of them. */
export const backupWish = Type.Unsafe<BackupWish>(Type.Union(Object.values(backupSorts).map(({ wish }) => wish)));

const by = Type.String({ minLength: 1, maxLength: 128, description: "The caller: a user, or `operator`" });
const task = Type.String({ pattern: "^[1-9][0-9]{0,14}$", description: "The number of a task" });
const turn = Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER });
const progress = Type.Record(Type.String({ pattern: "^[a-zA-Z]{1,32}$" }), position, { maxProperties: 16 });
const piece = object({
  key: Type.String({ pattern: "^[0-9a-zA-Z._/-]{1,128}$", maxLength: 128 }),
  value: Type.String({ maxLength: limits.backupPieceCharsMax }),
});
const failed = Type.Unsafe<Failure>(
  Type.Object({ code: Type.String({ maxLength: 64 }), outcome: Type.String(), message: Type.String() }),
);

/** When a schedule begins its task: five or six fields of cron, or `@daily` and the like. */
export const scheduleTime = {
  cron: Type.String({ minLength: 1, maxLength: 128, description: "When: five fields of cron, such as `0 3 * * *`" }),
  timeZone: Type.Optional(
    Type.String({ pattern: "^[A-Za-z0-9_+/-]{1,64}$", description: "Whose clock, such as Europe/Vienna; absent: UTC" }),
  ),
} as const;

/** Commands to `backup/cluster`. */
export const scheduleSeen = seenOf(object({ ...scheduleTime, wish: backupWish }));

/** What a task takes, whether it begins at once or by a schedule. */
const needsFor = ({ wish: { sort } }: Pick<BackupSchedule, "wish">): Permission => backupSorts[sort].needs;

export const backupCommands = {
  /** Makes a schedule, or changes the one of this name. Errors: BAD_REQUEST (no such time ever comes), LIMIT_REACHED,
   *  CHANGED_MEANWHILE. */
  putSchedule: command({
    params: { ...shownField, name: key, ...scheduleTime, wish: backupWish, by, seen: scheduleSeen },
    result: answer<BackupSchedule>("BackupSchedule"),
    from: ["gateway"],
    effect: "changes",
    permission: "cluster.administer",
    needsFor,
    summary: "Makes a schedule of backups, or changes it",
  }),
  /** Error: NOT_FOUND. */
  removeSchedule: command({
    params: { name: key },
    result: nothing,
    from: ["gateway"],
    effect: "changes",
    permission: "cluster.administer",
    summary: "Removes a schedule",
  }),
  schedules: command({
    params: {},
    result: answer<BackupScheduleList>("BackupScheduleList"),
    from: ["gateway", "node"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "The schedules",
    answers: "list",
  }),
  /** Adds a task; it begins when no other one is in its way. `private`: it shows what others wrote in private, which
   *  needs an approval, but not of the operator. Errors: APPROVAL_NEEDED, LIMIT_REACHED (so many are waiting). */
  start: command({
    params: { ...shownField, wish: backupWish, by, private: Type.Optional(Type.Boolean()) },
    result: answer<ClusterBackupTask>("ClusterBackupTask"),
    from: ["gateway", "node"],
    effect: "changes",
    permission: "cluster.administer",
    needsFor,
    summary: "Adds a task with the backups of the cluster",
  }),
  /** The newest first, from before the task `before` on. */
  tasks: command({
    params: { before: Type.Optional(task), limit: Type.Optional(limit) },
    result: answer<ClusterBackupTasks>("ClusterBackupTasks"),
    from: ["gateway", "node"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "Tasks, the newest first",
    answers: "page",
  }),
  /** Error: NOT_FOUND. */
  task: command({
    params: { task },
    result: answer<ClusterBackupTask>("ClusterBackupTask"),
    from: ["gateway", "node"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "How far a task is, and what it came to",
    answers: "list",
  }),
  /** Ends a task as soon as its runner hears of it; what is over stays so. Error: NOT_FOUND. */
  cancel: command({
    params: { task, by },
    result: answer<ClusterBackupTask>("ClusterBackupTask"),
    from: ["gateway", "node"],
    effect: "changes",
    permission: "cluster.administer",
    summary: "Ends a task",
    answers: "list",
  }),
  /** Goes on with a task that failed or was cancelled, from what was kept of it: under its number, in the next turn.
   *  Errors: NOT_FOUND (nothing is kept of it: it went too long ago, another run has begun since, or it never kept
   *  anything), LIMIT_REACHED. */
  resume: command({
    params: { task, by },
    result: answer<ClusterBackupTask>("ClusterBackupTask"),
    from: ["gateway", "node"],
    effect: "changes",
    permission: "cluster.administer",
    summary: "Goes on with a task that failed or was cancelled",
    answers: "list",
  }),
  /** The runner asks for work: a task that may begin now, or one that another runner had. `holds`: the tasks that this
   *  one is busy with. `node`: it works on those in folders of this node alone; without it on all that are in no
   *  folder. */
  take: command({
    params: {
      node: Type.Optional(nodeId),
      runner: Type.String({ minLength: 1, maxLength: 128 }),
      holds: Type.Array(task, { maxItems: limits.backupTasksTakenMax }),
    },
    result: answer<BackupWork>("BackupWork"),
    from: ["node"],
    effect: "changes",
    summary: "Gives the runner a task, with how far it is and the next turn's number",
  }),
  /** How far the runner is. `checkpoint` replaces the one before; pieces stay until the task ends, each under its key.
   *  Without these it is not remembered across a failover. Errors: TASK_TAKEN (another turn has begun, or the task has
   *  ended), LIMIT_REACHED (pieces). */
  advance: command({
    params: {
      task,
      turn,
      progress: Type.Optional(progress),
      checkpoint: Type.Optional(Type.String({ maxLength: limits.backupCheckpointCharsMax })),
      pieces: Type.Optional(Type.Array(piece, { minItems: 1, maxItems: limits.backupPiecesPage })),
    },
    result: answer<BackupAdvanced>("BackupAdvanced"),
    from: ["node"],
    effect: "changes",
    summary: "Says how far the runner is with a task",
  }),
  /** The pieces of a task in the order of their keys, after `after`. Error: TASK_TAKEN. */
  pieces: command({
    params: { task, turn, after: Type.Optional(Type.String({ maxLength: 128 })) },
    result: answer<BackupPieces>("BackupPieces"),
    from: ["node"],
    effect: "reads",
    summary: "The pieces that were kept of a task",
    answers: "page",
  }),
  /** A node has looked at the backups in a folder of its machine, after a run or a prune. */
  noteFolder: command({
    params: {
      folder: backupFolder,
      snapshots: position,
      newest: Type.Union([
        Type.Null(),
        object({
          number: position,
          atMs: position,
          units: position,
          bytes: position,
          missed: Type.Array(Type.String({ maxLength: 512 }), { maxItems: 16 }),
        }),
      ]),
    },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says what backups are in a folder",
  }),
  folders: command({
    params: {},
    result: answer<BackupFolderList>("BackupFolderList"),
    from: ["gateway", "node"],
    effect: "reads",
    permission: "cluster.administer",
    summary: "The folders that have backups, as their nodes last saw them",
    answers: "list",
  }),
  /** So many bytes of stripes were read for a recall in so long: what later ones are told to take. */
  measured: command({
    params: { bytes: position, ms: position },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says how fast stripes were read for a recall",
  }),
  /** Ends a task: with `error` it has failed, or was cancelled where that says so. May be repeated. Error:
   *  TASK_TAKEN. */
  finish: command({
    params: {
      task,
      turn,
      progress: Type.Optional(progress),
      result: Type.Optional(Type.Unsafe<object>(Type.Object({}))),
      error: Type.Optional(failed),
    },
    result: nothing,
    from: ["node"],
    effect: "changes",
    summary: "Says what a task came to",
  }),
} as const;

/** A task with the backups of the cluster, as admins see it. */
export interface ClusterBackupTask<Sort extends BackupSort = BackupSort> extends TaskView<Sort> {
  readonly wish: BackupWish<Sort>;
  /** The person who asked for it: a user, or `operator`. */
  readonly by: string;
  /** The schedule that began it. */
  readonly schedule?: string;
  /** The person who agreed to it, where that was needed. */
  readonly approvedBy?: string;
  readonly addedAtMs: number;
  readonly startedAtMs?: number;
  readonly endedAtMs?: number;
  /** The node that has it, or had it last. */
  readonly runner?: string;
  /** How often a runner has taken it: more than once when one was lost. */
  readonly turn: number;
  /** The person who wants it to end. */
  readonly cancelledBy?: string;
  /** It has ended too early, and can go on from what was kept of it (`resume`). */
  readonly resumable?: true;
}

/** Answer to `tasks`. */
export interface ClusterBackupTasks {
  readonly tasks: readonly ClusterBackupTask[];
  readonly more: boolean;
}

/** A schedule. */
export interface BackupSchedule {
  readonly name: string;
  readonly cron: string;
  readonly timeZone?: string;
  readonly wish: BackupWish;
  /** The person who made it so. */
  readonly by: string;
  /** Absent: its time does not come again. */
  readonly nextAtMs?: number;
  /** The task that it began last. */
  readonly last?: string;
}

/** Answer to `schedules`. */
export interface BackupScheduleList {
  readonly schedules: readonly BackupSchedule[];
}

/** A folder with backups of a node, as that node last saw it. */
export interface BackupFolderSeen extends BackupFolder {
  readonly snapshots: number;
  /** Absent: there is no snapshot in it any more. */
  readonly newest?: BackupSnapshot;
  readonly seenAtMs: number;
}

/** Answer to `folders`. */
export interface BackupFolderList {
  readonly folders: readonly BackupFolderSeen[];
}

/** Where backups can be made from a node, and where there are some. */
export interface BackupPlaces {
  readonly node: { readonly id: string; readonly name: string };
  /** How many nodes the cluster has. */
  readonly nodes: number;
  /** Why the storage nodes can take no backup now; absent: they can. */
  readonly storage?: Failure;
  /** Folders of this node in which its operator lets admins keep backups. */
  readonly offered: readonly string[];
  /** Folders of all nodes that have backups. `name`: what people call the node. */
  readonly folders: readonly (BackupFolderSeen & { readonly name: string })[];
}

/** Answer to `take`. */
export interface BackupWork {
  /** Null: there is nothing to do. */
  readonly task: TakenTask | null;
}

/** A task in the hands of a runner. */
export interface TakenTask<Sort extends BackupSort = BackupSort> {
  readonly id: string;
  readonly wish: BackupWish<Sort>;
  readonly by: string;
  readonly turn: number;
  readonly startedAtMs: number;
  /** As the last turn left it. */
  readonly checkpoint?: string;
  /** How many pieces there are. */
  readonly pieces: number;
  /** What was kept stays where the task ends too early: somebody may go on with it. */
  readonly leaves?: true;
  /** Bytes of stripes that recalls have read in a second; absent: nobody has measured it. */
  readonly readPerSecond?: number;
}

/** Answer to `advance`. */
export interface BackupAdvanced {
  /** Somebody wants the task to end. */
  readonly cancel: boolean;
}

/** Answer to `pieces`. */
export interface BackupPieces {
  readonly pieces: readonly { readonly key: string; readonly value: string }[];
  readonly more: boolean;
}

/** What the tasks of a sort come to. */
export type BackupResultOf<Sort extends BackupSort> = BackupResults[Sort];
