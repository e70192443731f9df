/** Schedules: tasks that begin by themselves. */
import {
  backupSorts,
  sameJson,
  type BackupSchedule,
  type backupCommands,
  type CommandOf,
} from "../../protocols/index.ts";
import { persist, refuse, reply, type Signal } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import type { BackupTurn, Effects } from "./effects.ts";
import type { BackupChange, BackupState } from "./state.ts";
import { isFull, isZoned, noZone, taskOf } from "./tasks.ts";
import { nextTime } from "./times.ts";

type Incoming = CommandOf<typeof backupCommands>;
type Of<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;

const shapeOf = ({ cron, timeZone, wish }: Omit<BackupSchedule, "nextAtMs" | "last">) => ({
  cron,
  timeZone,
  wish,
});

const reminderOf = (name: string): string => `schedule/${name}`;

export function putSchedule(state: BackupState, message: Of<"putSchedule">, turn: BackupTurn): Effects {
  const { name, cron, timeZone, wish, by, seen } = message;
  // Nobody would be there to agree to it, nor to take what it brings.
  if (backupSorts[wish.sort].needs === "backup.recall")
    return [refuse("BAD_REQUEST", { field: "wish", reason: "a recall cannot be scheduled" })];
  if (!isZoned(wish)) return [noZone];
  const wanted = { name, cron, ...(timeZone !== undefined && { timeZone }), wish, by };
  const before = state.schedules.find((schedule) => schedule.name === name);
  const now = before && shapeOf(before);
  const isThere = before !== undefined && sameJson(shapeOf(wanted), now);
  if (isThere && before.by === by) return [reply(before)];
  if (seen !== undefined && !sameJson(seen ?? undefined, now))
    return [refuse("CHANGED_MEANWHILE", { schedule: name, now: now ?? null })];
  if (isThere) {
    // Whose it is hears of its failures.
    const schedule = { ...before, by };
    return [persist({ type: "scheduled", schedule }), reply(schedule)];
  }
  if (before === undefined && state.schedules.length >= limits.backupSchedulesMax)
    return [refuse("LIMIT_REACHED", { limit: "backupSchedulesMax", max: limits.backupSchedulesMax })];
  let nextAtMs: number | undefined;
  try {
    nextAtMs = nextTime(wanted, turn.nowMs);
  } catch (error) {
    return [refuse("BAD_REQUEST", { field: "cron", reason: (error as Error).message })];
  }
  if (nextAtMs === undefined) return [refuse("BAD_REQUEST", { field: "cron", reason: "no date fits this time" })];
  const schedule: BackupSchedule = { ...wanted, nextAtMs, ...(before?.last !== undefined && { last: before.last }) };
  return [
    persist({ type: "scheduled", schedule }),
    { type: "remind", id: reminderOf(name), dueMs: nextAtMs },
    reply(schedule),
  ];
}

export function removeSchedule(state: BackupState, { name }: Of<"removeSchedule">): Effects {
  if (!state.schedules.some((schedule) => schedule.name === name)) return [refuse("NOT_FOUND", { schedule: name })];
  return [persist({ type: "unscheduled", name }), { type: "forget", id: reminderOf(name) }, reply({})];
}

/** However late it is, a schedule begins one task, and none while its last one has not ended. */
export function onTime(
  state: BackupState,
  { id, dueMs }: Extract<Signal, { type: "reminded" }>,
  turn: BackupTurn,
): Effects {
  const schedule = state.schedules.find(({ name }) => reminderOf(name) === id);
  if (schedule?.nextAtMs === undefined) return [{ type: "forget", id }];
  const nextAtMs = nextTime(schedule, turn.nowMs);
  if (schedule.nextAtMs > turn.nowMs) return onEarly(schedule, nextAtMs, { id, dueMs });
  const isBusy = state.open.some((open) => open.schedule === schedule.name) || isFull(state);
  const added = isBusy ? undefined : taskOf(state, schedule, turn, schedule.name);
  const after: BackupSchedule = {
    name: schedule.name,
    cron: schedule.cron,
    ...(schedule.timeZone !== undefined && { timeZone: schedule.timeZone }),
    wish: schedule.wish,
    by: schedule.by,
    ...(nextAtMs !== undefined && { nextAtMs }),
    ...(added === undefined ? schedule.last !== undefined && { last: schedule.last } : { last: added.id }),
  };
  return [
    persist({ type: "scheduled", schedule: after }),
    ...(added === undefined ? [] : [persist<BackupChange>({ type: "added", task: added })]),
    nextAtMs === undefined ? { type: "forget", id } : { type: "remind", id, dueMs: nextAtMs },
  ];
}

/** Its time has not come. The pattern may name an earlier one: then the clock was ahead when the time was reckoned. */
function onEarly(
  schedule: BackupSchedule,
  firstMs: number | undefined,
  { id, dueMs }: { readonly id: string; readonly dueMs: number },
): Effects {
  const nextAtMs = Math.min(schedule.nextAtMs ?? Infinity, firstMs ?? Infinity);
  if (nextAtMs === schedule.nextAtMs) return dueMs === nextAtMs ? [] : [{ type: "remind", id, dueMs: nextAtMs }];
  return [persist({ type: "scheduled", schedule: { ...schedule, nextAtMs } }), { type: "remind", id, dueMs: nextAtMs }];
}
