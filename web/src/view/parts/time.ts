/** Times as people read them, in the browser's language and zone. */
import { locale } from "../../model/locale.ts";

const clock = new Intl.DateTimeFormat(locale, { hour: "2-digit", minute: "2-digit" });
const day = new Intl.DateTimeFormat(locale, { weekday: "long", day: "numeric", month: "long" });
const dayAndYear = new Intl.DateTimeFormat(locale, { day: "numeric", month: "long", year: "numeric" });
const full = new Intl.DateTimeFormat(locale, { dateStyle: "full", timeStyle: "medium" });
const moment = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const dayMs = 86_400_000;

export const clockTime = (atMs: number): string => clock.format(atMs);
export const fullTime = (atMs: number): string => full.format(atMs);
export const dateOf = (atMs: number): string => dayAndYear.format(atMs);

export const momentOf = (atMs: number): string => moment.format(atMs);

/** "Today", "Yesterday", or the day. */
export function dayName(atMs: number, nowMs: number): string {
  const same = (a: number, b: number) => new Date(a).toDateString() === new Date(b).toDateString();
  if (same(atMs, nowMs)) return "Today";
  if (same(atMs, nowMs - dayMs)) return "Yesterday";
  return nowMs - atMs < 300 * dayMs ? day.format(atMs) : dayAndYear.format(atMs);
}

/** How long something took: `1.4 s`, `12 min`. */
export function lasting(ms: number): string {
  const seconds = ms / 1_000;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  return minutes < 60 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}
