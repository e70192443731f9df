/** Which snapshots stay: a pure rule over their times. What any line keeps, stays; the newest always does. */
import type { Snapshot } from "../../runtimes/backup/index.ts";

/** How many to keep of each. Of an hour, day, week, month or year the newest snapshot in it counts, and the newest periods that have one. */
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

const dayMs = 24 * 3_600_000;
/** The Monday before 1970 is three days earlier. */
const weekOf = (atMs: number): number => Math.floor((atMs / dayMs + 3) / 7);

const periods: readonly {
  readonly name: "hourly" | "daily" | "weekly" | "monthly" | "yearly";
  readonly of: (atMs: number) => string;
}[] = [
  { name: "hourly", of: (atMs) => new Date(atMs).toISOString().slice(0, 13) },
  { name: "daily", of: (atMs) => new Date(atMs).toISOString().slice(0, 10) },
  { name: "weekly", of: (atMs) => String(weekOf(atMs)) },
  { name: "monthly", of: (atMs) => new Date(atMs).toISOString().slice(0, 7) },
  { name: "yearly", of: (atMs) => new Date(atMs).toISOString().slice(0, 4) },
];

/** The snapshots that stay, each with why. What is held stays, whatever the retention says. */
export function keptSnapshots(
  snapshots: readonly Pick<Snapshot, "number" | "atMs">[],
  retention: Retention,
  nowMs: number,
  held: ReadonlySet<number> = new Set(),
): Kept {
  const kept = new Map<number, string[]>();
  const keep = (number: number, why: string): void => void kept.set(number, [...(kept.get(number) ?? []), why]);
  const newestFirst = snapshots.toSorted((one, other) => other.number - one.number);
  const [newest] = newestFirst;
  if (newest !== undefined) keep(newest.number, "newest");
  for (const { number } of newestFirst) if (held.has(number)) keep(number, "held");
  for (const { number } of newestFirst.slice(0, retention.last ?? 0)) keep(number, "last");
  for (const { number, atMs } of newestFirst)
    if (retention.withinMs !== undefined && nowMs - atMs <= retention.withinMs) keep(number, "within");
  for (const { name, of } of periods) {
    const seen = new Set<string>();
    for (const { number, atMs } of newestFirst) {
      if (seen.size >= (retention[name] ?? 0)) break;
      const period = of(atMs);
      if (seen.has(period)) continue;
      seen.add(period);
      keep(number, name);
    }
  }
  return kept;
}
