/** When a schedule's time comes next. Pure: the moment before is an argument. */
import { Cron } from "croner";
import type { BackupSchedule } from "../../protocols/index.ts";

/** The first moment after `afterMs` that a schedule names; undefined: none comes. Throws an error that says what is
 *  wrong with the schedule. */
export function nextTime(
  { cron, timeZone = "UTC" }: Pick<BackupSchedule, "cron" | "timeZone">,
  afterMs: number,
): number | undefined {
  const times = new Cron(cron, { timezone: timeZone, mode: "5-part", paused: true });
  return times.nextRun(new Date(afterMs))?.getTime();
}
