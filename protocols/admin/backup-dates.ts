/** Dates of snapshots, and whose clocks they are read by. */
import { wireLimits } from "../limits.ts";

/** Whether a time zone has this name. */
export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en-US", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}

/** Whether a snapshot is dated so far in the future that a clock was wrong: by more than clocks of one cluster may
 *  differ. */
export const isDatedAhead = (atMs: number, nowMs: number): boolean => atMs - nowMs > wireLimits.snapshotAheadMs;
