/** Which snapshots stay: a pure rule over their times. What any line keeps, stays; the newest always does.
 *
 *  Hours, days, weeks, months and years are those of a time zone, over its changes of the clock. A snapshot that is
 *  dated in the future was made while a clock was ahead: it takes no other's place. It stays, marked, until one with a
 *  right date follows it; then nothing but a hold keeps it. */
import { isDatedAhead } from "../../../protocols/index.ts";
import type { Snapshot } from "../../../runtimes/backup/index.ts";

/** How many to keep of each. Of an hour, day, week, month or year the newest snapshot in it counts, and the newest
 *  periods that have one. */
export interface Retention {
  readonly last?: number;
  readonly hourly?: number;
  readonly daily?: number;
  readonly weekly?: number;
  readonly monthly?: number;
  readonly yearly?: number;
  /** All that are younger. */
  readonly withinMs?: number;
}

/** What keeps each snapshot that stays, by its number: for people who ask why. */
export type Kept = ReadonlyMap<number, readonly string[]>;

type Period = "hourly" | "daily" | "weekly" | "monthly" | "yearly";

const dayMs = 24 * 3_600_000;
/** The Monday before 1970 is three days earlier. */
const weekOf = (day: number): number => Math.floor((day + 3) / 7);

/** Names the periods that a moment is in, by the clocks of a time zone. */
function periodsIn(timeZone: string): (atMs: number) => Readonly<Record<Period, string>> {
  const format = new Intl.DateTimeFormat("en-US", {
    timeZone,
    calendar: "gregory",
    hourCycle: "h23",
    year: "numeric",
    month: "2-digit",
    day: "2-digit",
    hour: "2-digit",
    timeZoneName: "longOffset",
  });
  return (atMs) => {
    const parts = new Map(format.formatToParts(atMs).map(({ type, value }) => [type, value]));
    const [year = "", month = "", day = ""] = [parts.get("year"), parts.get("month"), parts.get("day")];
    const daily = `${year}-${month}-${day}`;
    return {
      // The hour that comes twice when the clocks go back is two.
      hourly: `${daily} ${parts.get("hour")} ${parts.get("timeZoneName")}`,
      daily,
      weekly: String(weekOf(Date.UTC(Number(year), Number(month) - 1, Number(day)) / dayMs)),
      monthly: `${year}-${month}`,
      yearly: year,
    };
  };
}

const periods: readonly Period[] = ["hourly", "daily", "weekly", "monthly", "yearly"];

type Dated = Pick<Snapshot, "number" | "atMs">;

/** The snapshots whose dates count, the newest first, none dated after one that was made later; and those that are
 *  dated ahead while none that was made later is dated rightly. */
function sortByDate(
  newestFirst: readonly Dated[],
  nowMs: number,
): { readonly counting: Dated[]; readonly ahead: Dated[] } {
  const [counting, ahead]: [Dated[], Dated[]] = [[], []];
  for (const { number, atMs } of newestFirst) {
    const after = counting.at(-1);
    if (!isDatedAhead(atMs, nowMs)) counting.push({ number, atMs: Math.min(atMs, after?.atMs ?? Infinity) });
    else if (after === undefined) ahead.push({ number, atMs });
  }
  return { counting, ahead };
}

/** The snapshots that stay, each with why. What is held stays, whatever the retention says. */
export function keptSnapshots(
  snapshots: readonly Dated[],
  retention: Retention,
  nowMs: number,
  { held = new Set(), timeZone = "UTC" }: { readonly held?: ReadonlySet<number>; readonly timeZone?: string } = {},
): Kept {
  const kept = new Map<number, string[]>();
  const keep = (number: number, why: string): void => void kept.set(number, [...(kept.get(number) ?? []), why]);
  const newestFirst = snapshots.toSorted((one, other) => other.number - one.number);
  const { counting, ahead } = sortByDate(newestFirst, nowMs);
  const [newest] = newestFirst;
  if (newest !== undefined) keep(newest.number, "newest");
  for (const { number } of ahead) keep(number, "dated in the future");
  for (const { number } of newestFirst) if (held.has(number)) keep(number, "held");
  for (const { number } of counting.slice(0, retention.last ?? 0)) keep(number, "last");
  for (const { number, atMs } of counting)
    if (retention.withinMs !== undefined && nowMs - atMs <= retention.withinMs) keep(number, "within");
  const periodsOf = periodsIn(timeZone);
  const named = counting.map(({ number, atMs }) => ({ number, in: periodsOf(atMs) }));
  for (const name of periods) {
    const seen = new Set<string>();
    for (const one of named) {
      if (seen.size >= (retention[name] ?? 0)) break;
      if (seen.has(one.in[name])) continue;
      seen.add(one.in[name]);
      keep(one.number, name);
    }
  }
  return kept;
}
