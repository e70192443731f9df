/** Tasks as their runner sees them: taken in turns, so that of two runners the later one's words count. */
import {
  backupSorts,
  folderOf,
  wireLimits,
  type backupCommands,
  type BackupFolderSeen,
  type ClusterBackupTask,
  type CommandOf,
  type TakenTask,
} from "../../protocols/index.ts";
import { note, persist, refuse, reply } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { BackupTurn, Effects } from "./effects.ts";
import { pieceRange, type BackupChange, type BackupState, type OpenTask } from "./state.ts";
import { read, viewOf } from "./tasks.ts";

type Incoming = CommandOf<typeof backupCommands>;
type Of<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;

const does = ({ wish }: OpenTask) => backupSorts[wish.sort].does;

/** Where its backups are. Each place has a head of its own. */
const placeOf = ({ wish }: OpenTask): string => {
  const folder = folderOf(wish);
  return folder === undefined ? "" : `${folder.node}:${folder.path}`;
};

/** Whether two tasks may run at the same time. */
function mayMeet(one: OpenTask, other: OpenTask): boolean {
  if (placeOf(one) !== placeOf(other)) return true;
  // Both would restore into the same folder, and a second one shows nothing that the first does not.
  if (one.wish.sort === "drill" && other.wish.sort === "drill") return false;
  const both = [does(one), does(other)];
  return !both.includes("removes") && both.includes("reads");
}

/** The task that this runner should have now: first those that another one had, or that it has forgotten; then the
 *  first that is in nobody's way, also not in that of one which waits before it. */
function choose({ open: all }: BackupState, { runner, holds, node }: Of<"take">): OpenTask | undefined {
  const open = all.filter(({ wish }) => folderOf(wish)?.node === node);
  const running = open.filter(({ startedAtMs }) => startedAtMs !== undefined);
  const left = running.find((one) => one.runner !== runner || !holds.includes(one.id));
  if (left !== undefined || running.length >= wireLimits.backupTasksTakenMax) return left;
  return open.find(
    (one, at) =>
      one.startedAtMs === undefined &&
      open.every(
        (other, place) => other === one || (place > at && other.startedAtMs === undefined) || mayMeet(one, other),
      ),
  );
}

export function take(state: BackupState, message: Of<"take">, turn: BackupTurn): Effects {
  const chosen = choose(state, message);
  if (chosen === undefined) return [reply({ task: null })];
  const { id, wish, by, checkpoint, pieces: kept } = chosen;
  const number = chosen.turn + 1;
  const startedAtMs = chosen.startedAtMs ?? turn.nowMs;
  const taken: TakenTask = {
    id,
    wish,
    by,
    turn: number,
    startedAtMs,
    pieces: kept,
    ...(leavesOf(chosen) && { leaves: true as const }),
    ...(checkpoint !== undefined && { checkpoint }),
    ...(state.read !== undefined && { readPerSecond: Math.round((1_000 * state.read.bytes) / state.read.ms) }),
  };
  const forgets = forgottenBy(state, chosen);
  const change = { type: "taken", task: id, runner: message.runner, turn: number, atMs: turn.nowMs } as const;
  return [persist<BackupChange>({ ...change, ...(forgets.length > 0 && { forgets }) }), reply({ task: taken })];
}

/** Whether what is kept of a task outlives its early end. A run of a schedule comes again by itself, and what it stored
 *  is given up at once. */
const leavesOf = ({ wish, schedule }: OpenTask): boolean =>
  backupSorts[wish.sort].resumes && (wish.sort !== "run" || schedule === undefined);

/** Runs that cannot go on once this task works: they began from a snapshot that it follows, or removes. */
function forgottenBy({ left = [] }: BackupState, chosen: OpenTask): readonly string[] {
  const { wish } = chosen;
  if (does(chosen) === "reads" || (wish.sort === "prune" && wish.apply !== true)) return [];
  return left.flatMap((one) => (does(one) === "changes" && placeOf(one) === placeOf(chosen) ? [one.id] : []));
}

/** The task, if this is its turn. */
const inTurn = (
  state: BackupState,
  { task: id, turn }: { readonly task: string; readonly turn: number },
): OpenTask | undefined => state.open.find((open) => open.id === id && open.turn === turn);

const taken = ({ task: id }: { readonly task: string }): Effects => [refuse("TASK_TAKEN", { task: id })];

export function advance(state: BackupState, message: Of<"advance">): Effects {
  const open = inTurn(state, message);
  if (open === undefined) return taken(message);
  const { task: id, progress, checkpoint, pieces: more } = message;
  if (open.pieces + (more?.length ?? 0) > limits.backupPiecesMax)
    return [refuse("LIMIT_REACHED", { limit: "backupPiecesMax", max: limits.backupPiecesMax })];
  const change: BackupChange = {
    type: "advanced",
    task: id,
    ...(checkpoint !== undefined && { checkpoint }),
    ...(more !== undefined && { pieces: more }),
  };
  return [
    ...(checkpoint === undefined && more === undefined ? [] : [persist(change)]),
    ...(progress === undefined ? [] : [note({ task: id, progress })]),
    reply({ cancel: open.cancelledBy !== undefined }),
  ];
}

export function pieces(state: BackupState, message: Of<"pieces">, turn: BackupTurn): Effects {
  if (inTurn(state, message) === undefined) return taken(message);
  const { task: id, after } = message;
  return read(pieceRange(id, after, limits.backupPiecesPage + 1), { type: "pieces", id, to: turn.replyTo });
}

/** Of little it says how long a question takes, not how fast bytes come. */
export const measured = ({ bytes, ms }: Of<"measured">): Effects =>
  bytes < limits.backupMeasuredBytesMin || ms === 0
    ? [reply({})]
    : [persist({ type: "measured", bytes, ms }), reply({})];

/** What a node sees in a folder of its machine: what the page of backups lists. */
export function noteFolder({ folder, snapshots, newest }: Of<"noteFolder">, { nowMs }: BackupTurn): Effects {
  const seen: BackupFolderSeen = { ...folder, snapshots, seenAtMs: nowMs, ...(newest !== null && { newest }) };
  return [persist({ type: "folderSeen", folder: seen }), reply({})];
}

export function finish(state: BackupState, message: Of<"finish">, turn: BackupTurn): Effects {
  const open = inTurn(state, message);
  if (open === undefined) return taken(message);
  const { progress, result, error } = message;
  const view = viewOf(open, turn);
  const ended: ClusterBackupTask = {
    ...view,
    state: error === undefined ? "done" : error.code === "CANCELLED" ? "cancelled" : "failed",
    progress: progress ?? view.progress,
    endedAtMs: turn.nowMs,
    ...(error !== undefined && { error }),
    ...(result !== undefined && { result: result as NonNullable<ClusterBackupTask["result"]> }),
  };
  const leaves = ended.state !== "done" && leavesOf(open) && hasKept(open) && error?.code !== "BACKUP_CHANGED";
  const left = state.left ?? [];
  const forgets = leaves
    ? left.slice(0, Math.max(0, left.length + 1 - limits.backupTasksLeft)).map(({ id }) => id)
    : [];
  const change = {
    type: "ended",
    task: ended,
    ...(leaves && { leaves }),
    ...(forgets.length > 0 && { forgets }),
  } as const;
  return [persist<BackupChange>(change), reply({})];
}

const hasKept = ({ checkpoint, pieces: kept }: OpenTask): boolean => checkpoint !== undefined || kept > 0;
