/** What happens to a task stands in the log of the node that does it: how far it is, what is in its way, how it ended.
 *  Each line has the task's id as a fact, by which the log of a task is found
 *  (docs/decisions/0265-logs-of-tasks.md). */
import { endWords, failureOf, isTaskOver, type AdminTask } from "../../protocols/index.ts";
import { progressWords } from "../../protocols/words/task-words.ts";
import type { Clock, Log } from "../ports/index.ts";
import { taskLimits } from "./limits.ts";

/** What was written of a task. */
export interface Noted {
  readonly task: AdminTask;
  readonly atMs: number;
  /** The furthest that it was, in tenths: a share may fall, when more of the work is known. */
  readonly tenth: number;
}

/** A line of the log. */
interface Note {
  readonly level: "info" | "warn";
  readonly event: "task.began" | "task.progress" | "task.hindered" | "task.ended";
  readonly says: string;
}

const tenthOf = ({ share = 0 }: AdminTask): number => Math.floor(share * 10);

/** What there is to write of a task, after what was written of it. Pure. */
export function notesOn(before: Noted | undefined, task: AdminTask, nowMs: number): readonly Note[] {
  const was = before?.task;
  const notes: Note[] = [];
  if (was === undefined) notes.push({ level: "info", event: "task.began", says: task.what });
  if (isTaskOver(task)) {
    const level = task.state === "failed" ? "warn" : "info";
    // Once: that it is over changes no more.
    if (was === undefined || !isTaskOver(was)) notes.push({ level, event: "task.ended", says: endWords(task) });
    return notes;
  }
  const far = progressWords(task);
  const isDue =
    task.share === undefined
      ? nowMs - (before?.atMs ?? nowMs) >= taskLimits.noteQuietMs
      : tenthOf(task) > (before?.tenth ?? 0);
  if (isDue && far !== "" && (was === undefined || far !== progressWords(was)))
    notes.push({ level: "info", event: "task.progress", says: far });
  if (task.advice !== undefined && task.advice !== was?.advice)
    notes.push({ level: "warn", event: "task.hindered", says: task.advice });
  return notes;
}

/** What is remembered once these lines are written. Pure. */
export const notedAs = (before: Noted | undefined, task: AdminTask, nowMs: number): Noted => ({
  task,
  atMs: nowMs,
  tenth: Math.max(before?.tenth ?? 0, tenthOf(task)),
});

/** Looks at the tasks of a node again and again, and writes what is new. */
export function noteTasks(at: { readonly clock: Clock; readonly log: Log; list: () => readonly AdminTask[] }): {
  readonly look: () => void;
  readonly stop: () => void;
} {
  const { clock, log, list } = at;
  const sinceMs = clock.nowMs();
  const noted = new Map<string, Noted>();
  function note(task: AdminTask, nowMs: number): void {
    const before = noted.get(task.id);
    // What has just begun may be over before anybody hears of it as a task.
    const isYoung = nowMs - (task.begunAtMs ?? 0) < taskLimits.actListedFromMs;
    if (before === undefined && isYoung && !isTaskOver(task)) return;
    // The log of an earlier life has how that one ended.
    const isFormer = before === undefined && (task.endedAtMs ?? nowMs) < sinceMs;
    const notes = isFormer ? [] : notesOn(before, task, nowMs);
    for (const { level, event, says } of notes) log[level](event, { task: task.id, says });
    if (before === undefined || notes.length > 0) noted.set(task.id, notedAs(before, task, nowMs));
  }
  function look(): void {
    const nowMs = clock.nowMs();
    const tasks = list();
    for (const task of tasks) note(task, nowMs);
    const ids = new Set(tasks.map(({ id }) => id));
    for (const id of noted.keys()) if (!ids.has(id)) noted.delete(id);
  }
  let cancel = (): void => undefined;
  const wait = (): void => {
    cancel = clock.after(taskLimits.noteLookMs, () => {
      try {
        look();
      } catch (error) {
        log.warn("tasks.unnoted", { failure: failureOf(error) });
      } finally {
        wait();
      }
    });
  };
  wait();
  return { look, stop: () => cancel() };
}
