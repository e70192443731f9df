/** What the actor of the backups remembers: schedules and the tasks that have not ended. Tasks that have, and the
 *  pieces of those that have not, are records. */
import {
  type BackupFolderSeen,
  type BackupSchedule,
  type BackupWish,
  type ClusterBackupTask,
} from "../../protocols/index.ts";
import type { ActorRecord, RecordOp, RecordRange } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { evolveGuards, noGuards, type GuardChange, type GuardState } from "./guards.ts";

/** A task that waits, or is under way. */
export interface OpenTask extends Pick<
  ClusterBackupTask,
  "id" | "by" | "schedule" | "addedAtMs" | "startedAtMs" | "runner" | "turn" | "cancelledBy" | "approvedBy"
> {
  readonly wish: BackupWish;
  readonly checkpoint?: string;
  /** How many pieces were kept. */
  readonly pieces: number;
}

/** What is kept of the backups. */
export interface BackupState extends GuardState {
  /** The number of the task that was added last. */
  readonly count: number;
  readonly schedules: readonly BackupSchedule[];
  /** In the order in which they were added. */
  readonly open: readonly OpenTask[];
  /** Those that ended too early and can go on, the last one at the end. Absent: none. */
  readonly left?: readonly OpenTask[];
  /** Bytes that recalls have read, and in how long: the older count less. Absent: none was measured. */
  readonly read?: { readonly bytes: number; readonly ms: number };
  /** Folders with backups, the one that was seen last at the end. Absent: no node has told of any. */
  readonly folders?: readonly BackupFolderSeen[];
}

interface Piece {
  readonly key: string;
  readonly value: string;
}

/** What is persisted. */
export type BackupChange =
  | GuardChange
  | { readonly type: "scheduled"; readonly schedule: BackupSchedule }
  | { readonly type: "unscheduled"; readonly name: string }
  | { readonly type: "added"; readonly task: OpenTask }
  | {
      readonly type: "taken";
      readonly task: string;
      readonly runner: string;
      readonly turn: number;
      readonly atMs: number;
      /** Nobody can go on with these any more: it changes what they began from. */
      readonly forgets?: readonly string[];
    }
  | {
      readonly type: "advanced";
      readonly task: string;
      readonly checkpoint?: string;
      readonly pieces?: readonly Piece[];
    }
  | { readonly type: "measured"; readonly bytes: number; readonly ms: number }
  | { readonly type: "folderSeen"; readonly folder: BackupFolderSeen }
  | { readonly type: "cancelled"; readonly task: string; readonly by: string }
  | { readonly type: "resumed"; readonly task: OpenTask }
  | {
      readonly type: "ended";
      readonly task: ClusterBackupTask;
      /** Somebody may go on with it. */
      readonly leaves?: true;
      readonly forgets?: readonly string[];
    };

export const initial: BackupState = { count: 0, schedules: [], open: [], ...noGuards };

export function evolve(state: BackupState, change: BackupChange): BackupState {
  switch (change.type) {
    case "scheduled":
      return {
        ...state,
        schedules: [...without(state.schedules, change.schedule.name), change.schedule].toSorted((one, other) =>
          one.name < other.name ? -1 : 1,
        ),
      };
    case "unscheduled":
      return { ...state, schedules: without(state.schedules, change.name) };
    case "added":
      return { ...state, count: Number(change.task.id), open: [...state.open, change.task] };
    case "taken":
      return withTask(forgotten(state, change.forgets), change.task, (task) => ({
        ...task,
        runner: change.runner,
        turn: change.turn,
        startedAtMs: task.startedAtMs ?? change.atMs,
      }));
    case "advanced":
      return withTask(state, change.task, (task) => ({
        ...task,
        pieces: task.pieces + (change.pieces?.length ?? 0),
        ...(change.checkpoint !== undefined && { checkpoint: change.checkpoint }),
      }));
    case "measured": {
      const { bytes = 0, ms = 0 } = state.read ?? {};
      return { ...state, read: { bytes: bytes / 2 + change.bytes, ms: ms / 2 + change.ms } };
    }
    case "folderSeen": {
      const { node, path } = change.folder;
      const others = (state.folders ?? []).filter((one) => one.node !== node || one.path !== path);
      return { ...state, folders: [...others, change.folder].slice(-limits.backupFoldersMax) };
    }
    case "cancelled":
      return withTask(state, change.task, (task) => ({ ...task, cancelledBy: change.by }));
    case "resumed":
      return { ...forgotten(state, [change.task.id]), open: [...state.open, change.task] };
    case "ended": {
      const { left = [], ...rest } = forgotten(state, change.forgets);
      const ended = state.open.filter(({ id }) => id === change.task.id);
      const open = state.open.filter(({ id }) => id !== change.task.id);
      const kept = change.leaves === true ? [...left, ...ended] : left;
      return { ...rest, open, ...(kept.length > 0 && { left: kept }) };
    }
    default:
      return evolveGuards(state, change);
  }
}

const without = (schedules: readonly BackupSchedule[], name: string): readonly BackupSchedule[] =>
  schedules.filter((schedule) => schedule.name !== name);

function forgotten({ left = [], ...state }: BackupState, ids: readonly string[] = []): BackupState {
  const kept = left.filter(({ id }) => !ids.includes(id));
  return { ...state, ...(kept.length > 0 && { left: kept }) };
}

const withTask = (state: BackupState, id: string, change: (task: OpenTask) => OpenTask): BackupState => ({
  ...state,
  open: state.open.map((task) => (task.id === id ? change(task) : task)),
});

// --- records ---------------------------------------------------------------------------------------------------------

const padded = (number: number): string => String(number).padStart(16, "0");
const taskKey = (number: number): string => `task/${padded(number)}`;
const piecesOf = (task: string): string => `piece/${padded(Number(task))}/`;

/** Each task that ends pushes out the one that is too old, and takes its pieces along, unless somebody may go on with
 *  it. */
export function record(change: BackupChange): readonly RecordOp[] {
  if (change.type === "advanced")
    return (change.pieces ?? []).map(({ key, value }) => ({ put: `${piecesOf(change.task)}${key}`, value }));
  const forgets = "forgets" in change ? (change.forgets ?? []).map(noPieces) : [];
  // It is open again, under its number.
  if (change.type === "resumed") return [{ delete: taskKey(Number(change.task.id)) }];
  if (change.type !== "ended") return forgets;
  const { id } = change.task;
  const oldest = Number(id) - limits.backupTasksKept;
  return [
    { put: taskKey(Number(id)), value: change.task },
    ...forgets,
    ...(change.leaves === true ? [] : [noPieces(id)]),
    ...(oldest > 0 ? [{ deleteFrom: "task/", deleteTo: taskKey(oldest + 1) }] : []),
  ];
}

const noPieces = (task: string): RecordOp => ({ deleteFrom: piecesOf(task), deleteTo: behind(piecesOf(task)) });

/** Behind every key that begins with a prefix which ends with a slash: "0" follows it. */
const behind = (prefix: string): string => `${prefix.slice(0, -1)}0`;

/** Tasks that have ended, the newest first. */
export const endedRange = (before: number | undefined, count: number): RecordRange => ({
  from: "task/",
  to: before === undefined ? behind("task/") : taskKey(before),
  limit: count,
  reverse: true,
});

/** One task that has ended. */
export const endedTask = (id: string): RecordRange => ({
  from: taskKey(Number(id)),
  to: `${taskKey(Number(id))}/`,
  limit: 1,
});

/** The pieces of a task, in the order of their keys. */
export const pieceRange = (task: string, after: string | undefined, count: number): RecordRange => ({
  from: after === undefined ? piecesOf(task) : `${piecesOf(task)}${after}\0`,
  to: behind(piecesOf(task)),
  limit: count,
});

/** What a record of them says. */
export const pieceIn = (task: string, { key, value }: ActorRecord): Piece => ({
  key: key.slice(piecesOf(task).length),
  value: value as string,
});
