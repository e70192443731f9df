/** Tasks with backups as people see them: added, looked at, ended before their time. */
import {
  backupSorts,
  isTimeZone,
  wireLimits,
  type BackupSchedule,
  type BackupWish,
  type backupCommands,
  type ClusterBackupTask,
  type CommandOf,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type ActorRecord, type Effect, type ReplyTo } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { firstPage } from "../page.ts";
import type { BackupTurn, Effects } from "./effects.ts";
import { endedRange, endedTask, pieceIn, type BackupChange, type BackupState, type OpenTask } from "./state.ts";

type Incoming = CommandOf<typeof backupCommands>;
type Of<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;

export const isFull = (state: BackupState): boolean => state.open.length >= limits.backupTasksOpenMax;

/** Days that a retention counts are those of its schedule, where it names no others; without one, those of the first
 *  schedule that names a zone. */
function inZone(wish: BackupWish, { schedules }: BackupState, own: string | undefined): BackupWish {
  if (wish.sort !== "prune" || wish.timeZone !== undefined) return wish;
  const zones = [...schedules.filter((one) => one.wish.sort === "prune"), ...schedules];
  const timeZone = own ?? zones.find((one) => one.timeZone !== undefined)?.timeZone;
  return timeZone === undefined ? wish : { ...wish, timeZone };
}

export const taskOf = (
  state: BackupState,
  { wish, by, timeZone }: Pick<BackupSchedule, "wish" | "by" | "timeZone">,
  { nowMs }: BackupTurn,
  schedule?: string,
): OpenTask => ({
  id: String(state.count + 1),
  wish: inZone(wish, state, schedule === undefined ? undefined : (timeZone ?? "UTC")),
  by,
  ...(schedule !== undefined && { schedule }),
  addedAtMs: nowMs,
  turn: 0,
  pieces: 0,
});

export function start(state: BackupState, message: Of<"start">, turn: BackupTurn): Effects {
  // A person at the machine of a node can read its keys and its disk: a rule would bind nobody there.
  if (message.private === true && message.by !== "operator") return [refuse("APPROVAL_NEEDED")];
  if (!isZoned(message.wish)) return [noZone];
  return add(state, message, turn);
}

export const noZone = refuse("BAD_REQUEST", { field: "wish/timeZone", reason: "there is no time zone of this name" });
/** Whether the time zone of a task is one. */
export const isZoned = (wish: BackupWish): boolean =>
  wish.sort !== "prune" || wish.timeZone === undefined || isTimeZone(wish.timeZone);

export function add(
  state: BackupState,
  asked: Pick<OpenTask, "wish" | "by" | "approvedBy">,
  turn: BackupTurn,
  request?: string,
): Effects {
  if (isFull(state)) return [refuse("LIMIT_REACHED", { limit: "backupTasksOpenMax", max: limits.backupTasksOpenMax })];
  const { approvedBy } = asked;
  const added: OpenTask = { ...taskOf(state, asked, turn), ...(approvedBy !== undefined && { approvedBy }) };
  return [
    persist({ type: "added", task: added }),
    ...(request === undefined ? [] : [persist<BackupChange>({ type: "recallBegun", id: request, task: added.id })]),
    reply(viewOf(added, turn)),
  ];
}

/** A prune that a runner has reads the holds once, when it begins. */
export const isPruning = ({ open }: BackupState): boolean =>
  open.some(({ wish, startedAtMs }) => backupSorts[wish.sort].does === "removes" && startedAtMs !== undefined);

/** An open task as admins see it. */
export function viewOf(open: OpenTask, { notes }: BackupTurn): ClusterBackupTask {
  const { id, wish, by, schedule, approvedBy, addedAtMs, startedAtMs, runner, turn, cancelledBy } = open;
  return {
    id,
    sort: wish.sort,
    wish,
    by,
    state: startedAtMs === undefined ? "waiting" : "running",
    progress: notes.get(id) ?? {},
    addedAtMs,
    turn,
    ...(schedule !== undefined && { schedule }),
    ...(approvedBy !== undefined && { approvedBy }),
    ...(startedAtMs !== undefined && { startedAtMs }),
    ...(runner !== undefined && { runner }),
    ...(cancelledBy !== undefined && { cancelledBy }),
  };
}

/** What is read from records, and for whom. */
export type Tag =
  | { readonly type: "tasks"; readonly before: number; readonly limit: number; readonly to: ReplyTo | undefined }
  | { readonly type: "task"; readonly id: string; readonly to: ReplyTo | undefined }
  | { readonly type: "pieces"; readonly id: string; readonly to: ReplyTo | undefined };

export const read = (range: Extract<Effect, { type: "read" }>["range"], tag: Tag): Effects => [
  { type: "read", range, tag },
];

export function tasks({ before, limit = wireLimits.pageEntriesDefault }: Of<"tasks">, turn: BackupTurn): Effects {
  const number = before === undefined ? undefined : Number(before);
  const tag: Tag = { type: "tasks", before: number ?? Infinity, limit, to: turn.replyTo };
  return read(endedRange(number, limit + 1), tag);
}

export function task(state: BackupState, { task: id }: Of<"task">, turn: BackupTurn): Effects {
  const open = state.open.find((one) => one.id === id);
  if (open !== undefined) return [reply(viewOf(open, turn))];
  return read(endedTask(id), { type: "task", id, to: turn.replyTo });
}

export function onRecords(state: BackupState, tag: Tag, records: readonly ActorRecord[], turn: BackupTurn): Effects {
  if (tag.type === "pieces") {
    const found = records.map((one) => pieceIn(tag.id, one));
    const page = firstPage(found, limits.backupPiecesPage);
    return [reply({ pieces: page, more: page.length < found.length }, tag.to)];
  }
  const ended = records.map(({ value }) => value as ClusterBackupTask);
  if (tag.type === "task") {
    const [found] = ended.map(resumableIn(state, turn));
    return [found === undefined ? refuse("NOT_FOUND", { task: tag.id }, tag.to) : reply(found, tag.to)];
  }
  const ids = new Set(ended.map(({ id }) => id));
  const open = state.open.filter(({ id }) => Number(id) < tag.before && !ids.has(id));
  const all = [...open.map((one) => viewOf(one, turn)), ...ended.map(resumableIn(state, turn))].toSorted(
    (a, b) => Number(b.id) - Number(a.id),
  );
  const page = firstPage(all, tag.limit);
  return [reply({ tasks: page, more: page.length < all.length }, tag.to)];
}

/** The task, where somebody can go on with it now. */
const leftOne = ({ left = [] }: BackupState, id: string, { nowMs }: Pick<BackupTurn, "nowMs">): OpenTask | undefined =>
  left.find((one) => one.id === id && nowMs - (one.startedAtMs ?? one.addedAtMs) < limits.backupLeftMs);

const resumableIn =
  (state: BackupState, turn: BackupTurn) =>
  (task: ClusterBackupTask): ClusterBackupTask =>
    leftOne(state, task.id, turn) === undefined ? task : { ...task, resumable: true };

/** It is as if it had never ended: what its last turn kept is there, and its number names the pieces. */
export function resume(state: BackupState, { task: id, by }: Of<"resume">, turn: BackupTurn): Effects {
  const open = state.open.find((one) => one.id === id);
  if (open !== undefined) return [reply(viewOf(open, turn))];
  const found = leftOne(state, id, turn);
  if (found === undefined)
    return [
      refuse("NOT_FOUND", { task: id, reason: "nothing of this task was kept, so it cannot go on: begin it again" }),
    ];
  if (isFull(state)) return [refuse("LIMIT_REACHED", { limit: "backupTasksOpenMax", max: limits.backupTasksOpenMax })];
  const { startedAtMs: _, cancelledBy: __, runner: ___, ...rest } = found;
  const again: OpenTask = { ...rest, by };
  return [persist({ type: "resumed", task: again }), reply(viewOf(again, turn))];
}

export function cancel(state: BackupState, { task: id, by }: Of<"cancel">, turn: BackupTurn): Effects {
  const open = state.open.find((one) => one.id === id);
  if (open === undefined) return read(endedTask(id), { type: "task", id, to: turn.replyTo });
  if (open.cancelledBy !== undefined) return [reply(viewOf(open, turn))];
  const cancelled = { ...open, cancelledBy: by };
  if (open.startedAtMs !== undefined)
    return [persist({ type: "cancelled", task: id, by }), reply(viewOf(cancelled, turn))];
  // Nobody has begun it.
  const ended: ClusterBackupTask = { ...viewOf(cancelled, turn), state: "cancelled", endedAtMs: turn.nowMs };
  return [persist({ type: "ended", task: ended }), reply(ended)];
}
