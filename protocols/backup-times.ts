/** Times that schedules name, and whether what they make is older than they allow: for the page and the doctor. Not in the entrance of protocols, which every page
 *  loads: it needs a library. */
import { Cron } from "croner";
import { isDatedAhead } from "./backup-dates.ts";
import type { BackupSchedule } from "./backup.ts";
import type { BackupSnapshot } from "./backups.ts";

/** The first moments after `afterMs` that five fields of cron name. Throws an error that says what is wrong with them, or with the time zone. */
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

/** How old the newest backup is, where that is twice as old as its schedules allow or more. One that is dated in the future says nothing of its age. */
export function overdueBackup(
  {
    schedules,
    snapshots,
  }: { readonly schedules: readonly BackupSchedule[]; readonly snapshots: readonly BackupSnapshot[] },
  nowMs: number,
): { readonly ageMs: number; readonly dueMs: number } | undefined {
  const runs = schedules.filter(({ wish }) => wish.sort === "run");
  const dueMs = Math.min(...runs.flatMap((schedule) => intervalMs(schedule, nowMs) ?? []));
  const dated = snapshots.filter(({ atMs }) => !isDatedAhead(atMs, nowMs)).map(({ atMs }) => atMs);
  const ageMs = nowMs - Math.max(...dated);
  return dated.length > 0 && ageMs > 2 * dueMs ? { ageMs, dueMs } : undefined;
}
