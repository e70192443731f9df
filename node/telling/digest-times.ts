/** When mail of what was missed is sent. Pure. */
import type { MailDigest, UserView } from "../../protocols/index.ts";
import { timesAfter } from "../../protocols/backup-times/index.ts";
import { isQuietAt } from "../../protocols/telling/index.ts";

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;

/** The next time to look after this one, as a person wants it. */
export function nextLookMs({ when, afterMinutes, atMinute, zone }: MailDigest, nowMs: number): number {
  if (when === "hourly") return nowMs + 60 * minuteMs;
  if (when !== "daily") return nowMs + afterMinutes * minuteMs;
  const cron = `${atMinute % 60} ${Math.floor(atMinute / 60)} * * *`;
  try {
    return timesAfter({ cron, timeZone: zone }, nowMs, 1)[0] ?? nowMs + dayMs;
  } catch {
    // This machine does not know the zone, though the one did where it was set.
    return nowMs + dayMs;
  }
}

const stepMs = 5 * minuteMs;
const openEndMs = 30 * minuteMs;

/** Until when a person wants to be told nothing aloud, to within five minutes; undefined: they may be told now. Nothing
 *  is said of more than a day: it is looked again then. */
export function quietUntilMs(
  { notifications, status }: Pick<UserView, "notifications" | "status">,
  nowMs: number,
): number | undefined {
  const isQuiet = (atMs: number): boolean =>
    (status?.doNotDisturb === true && (status.untilMs ?? Infinity) > atMs) ||
    (notifications !== undefined && isQuietAt(notifications.quiet, atMs));
  if (!isQuiet(nowMs)) return undefined;
  // Nobody knows when it ends: it is asked soon.
  if (status?.doNotDisturb === true && status.untilMs === undefined) return nowMs + openEndMs;
  let atMs = nowMs + stepMs;
  while (atMs < nowMs + dayMs && isQuiet(atMs)) atMs += stepMs;
  return atMs;
}
