/** Times that schedules name, and whether what they make is older than they allow: for the page and the doctor. Not in
 *  the entrance of protocols, which every page loads: it needs a library. */
import { Cron } from "croner";
import { isDatedAhead } from "../admin/backup-dates.ts";
import type { BackupSchedule, ClusterBackupTask } from "../kinds/backup.ts";
import type { BackupResults, BackupSnapshot } from "../admin/backups.ts";
import type { Failure } from "../errors.ts";

/** The first moments after `afterMs` that five fields of cron name. Throws an error that says what is wrong with them,
 *  or with the time zone. */
export function timesAfter(
  { cron, timeZone = "UTC" }: Pick<BackupSchedule, "cron" | "timeZone">,
  afterMs: number,
  count: number,
): readonly number[] {
  const times = new Cron(cron, { timezone: timeZone, mode: "5-part", paused: true });
  return times.nextRuns(count, new Date(afterMs)).map((time) => time.getTime());
}

/** The time between two runs of a schedule; undefined: it names none, or not on this machine. */
function intervalMs(schedule: BackupSchedule, nowMs: number): number | undefined {
  try {
    const [first, second] = timesAfter(schedule, nowMs, 2);
    return first === undefined || second === undefined ? undefined : second - first;
  } catch {
    return undefined;
  }
}

/** The sorts of tasks of which somebody notices only when it is too late that they are not done any more. */
export const watchedSorts = ["run", "verify", "drill"] as const;
type WatchedSort = (typeof watchedSorts)[number];

/** What schedules make, and what became of it. */
export interface Done {
  readonly schedules: readonly BackupSchedule[];
  /** Of backups in whatever place. */
  readonly snapshots: readonly Pick<BackupSnapshot, "atMs">[];
  /** The newest first. */
  readonly tasks: readonly Pick<ClusterBackupTask, "sort" | "state" | "addedAtMs" | "endedAtMs" | "result" | "error">[];
}

/** Something that was done last longer ago than its schedules allow. */
export interface Late {
  readonly sort: WatchedSort;
  readonly ageMs: number;
  readonly dueMs: number;
}

/** What was done last twice as long ago as its schedules allow, or more; one that is dated in the future says nothing
 *  of its age. What was never done counts from when it was first asked for. */
export function latesOf({ schedules, snapshots, tasks }: Done, nowMs: number): readonly Late[] {
  return watchedSorts.flatMap((sort) => {
    const dueMs = Math.min(
      ...schedules.filter(({ wish }) => wish.sort === sort).flatMap((one) => intervalMs(one, nowMs) ?? []),
    );
    const ageMs = ageOf(sort, { snapshots, tasks }, nowMs);
    return ageMs !== undefined && ageMs > 2 * dueMs ? [{ sort, ageMs, dueMs }] : [];
  });
}

/** How long ago something was done last; undefined: nobody knows. */
export function ageOf(
  sort: WatchedSort,
  { snapshots, tasks }: Omit<Done, "schedules">,
  nowMs: number,
): number | undefined {
  const own = tasks.filter((task) => task.sort === sort);
  const done = own.filter(({ state }) => state === "done").flatMap(({ endedAtMs }) => endedAtMs ?? []);
  const made = sort === "run" ? snapshots.map(({ atMs }) => atMs) : [];
  const isTrue = (atMs: number): boolean => !isDatedAhead(atMs, nowMs);
  const lastMs = Math.max(...[...done, ...made].filter(isTrue));
  if (lastMs !== -Infinity) return Math.max(0, nowMs - lastMs);
  const askedMs = Math.min(...own.map(({ addedAtMs }) => addedAtMs).filter(isTrue));
  return askedMs === Infinity ? undefined : Math.max(0, nowMs - askedMs);
}

/** What the last rehearsal of a disaster has shown that is not well: it failed, or not everything would come back. */
export function drillFault({
  tasks,
}: Pick<Done, "tasks">): { readonly error?: Failure; readonly lost: number; readonly wrong: number } | undefined {
  const last = tasks.find(
    ({ sort, endedAtMs, state }) => sort === "drill" && endedAtMs !== undefined && state !== "cancelled",
  );
  if (last === undefined) return undefined;
  if (last.state === "failed") return { lost: 0, wrong: 0, ...(last.error && { error: last.error }) };
  const { whole, lost, wrong, missing, started } = last.result as BackupResults["drill"];
  if (whole) return undefined;
  const { error, differs = [] } = started ?? {};
  return { lost: lost.total + missing.total, wrong: wrong.total + differs.length, ...(error && { error }) };
}
