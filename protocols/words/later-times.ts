/** Times at which a message is sent, or somebody is reminded of one, as people name them: in the time zone of the
 *  computer at which they sit. Page and terminal offer the same ones. */

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const dayMs = 24 * hourMs;
const morningHour = 9;

/** Nine in the morning, so many days from now. By the calendar: a day of 23 hours is a day. */
function morning(nowMs: number, days: number): number {
  const at = new Date(nowMs);
  return new Date(at.getFullYear(), at.getMonth(), at.getDate() + days, morningHour).getTime();
}

/** One of the times that are often meant. */
interface LaterChoice {
  readonly label: string;
  readonly atMs: number;
}

/** The times that are often meant, the next one first. */
export function laterChoices(nowMs: number): readonly LaterChoice[] {
  const weekday = new Date(nowMs).getDay();
  const toMonday = (8 - weekday) % 7 || 7;
  return [
    { label: "In an hour", atMs: nowMs + hourMs },
    { label: "Tomorrow at 9:00", atMs: morning(nowMs, 1) },
    // On a Sunday that is tomorrow.
    ...(toMonday === 1 ? [] : [{ label: "Next Monday at 9:00", atMs: morning(nowMs, toMonday) }]),
  ];
}

const units: Readonly<Record<string, number>> = { m: minuteMs, h: hourMs, d: dayMs };
const weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];

/** How a time is written in one word. */
export const laterWords = "20m, 2h, 3d, 18:30, tomorrow, monday, 2026-12-24 or 2026-12-24T18:30";

/** A time that somebody has written in one word: `20m`, `18:30` (the next time that the clock says so), `tomorrow` and
 *  `monday` (at 9:00), `2026-12-24`, `2026-12-24T18:30`. Undefined: it is none. */
export function laterTimeOf(word: string, nowMs: number): number | undefined {
  const [, count, unit = ""] = /^(\d{1,4})([mhd])$/.exec(word) ?? [];
  if (count !== undefined) return nowMs + Number(count) * (units[unit] ?? 0);
  const [, hour, minute] = /^(\d{1,2}):(\d{2})$/.exec(word) ?? [];
  if (hour !== undefined) return clockTime(nowMs, Number(hour), Number(minute));
  const day = weekdays.indexOf(word.toLowerCase());
  if (day >= 0) return morning(nowMs, (7 + day - new Date(nowMs).getDay()) % 7 || 7);
  if (word.toLowerCase() === "tomorrow") return morning(nowMs, 1);
  const [, year, month, date, atHour = String(morningHour), atMinute = "0"] =
    /^(\d{4})-(\d{2})-(\d{2})(?:T(\d{1,2}):(\d{2}))?$/.exec(word) ?? [];
  if (year === undefined || !isClock(Number(atHour), Number(atMinute))) return undefined;
  const at = new Date(Number(year), Number(month) - 1, Number(date), Number(atHour), Number(atMinute));
  return at.getMonth() === Number(month) - 1 ? at.getTime() : undefined;
}

const isClock = (hour: number, minute: number): boolean => hour < 24 && minute < 60;

function clockTime(nowMs: number, hour: number, minute: number): number | undefined {
  if (!isClock(hour, minute)) return undefined;
  const today = new Date(nowMs);
  const on = (days: number): number =>
    new Date(today.getFullYear(), today.getMonth(), today.getDate() + days, hour, minute).getTime();
  return on(0) > nowMs ? on(0) : on(1);
}
