/** What people did, for charts and tables. Pure. */
import type { ActivityCount, ActivityDay } from "../../../../../protocols/index.ts";

const dayMs = 86_400_000;

/** A value for each day of a stretch of time up to now; days of which nothing is known have none that was kept. */
interface DaySeries {
  readonly times: readonly number[];
  readonly messages: readonly number[];
  readonly people: readonly number[];
  readonly tokens: readonly number[];
  readonly cost: readonly number[];
  readonly stored: readonly (number | null)[];
}

/** The days as charts show them. `team`: of one team; empty: of everybody. */
export function everyDay(
  rows: readonly ActivityDay[],
  { days, nowMs, team }: { readonly days: number; readonly nowMs: number; readonly team: string },
): DaySeries {
  const today = Math.floor(nowMs / dayMs);
  const known = new Map(rows.map((row) => [row.day, row]));
  const all = Array.from({ length: days }, (_, at) => today - (days - 1 - at));
  const rowAt = (day: number): ActivityDay | undefined => known.get(new Date(day * dayMs).toISOString().slice(0, 10));
  const countAt = (day: number): ActivityCount | undefined =>
    team === "" ? rowAt(day) : rowAt(day)?.teams.find((one) => one.team === team);
  const of = (name: keyof ActivityCount): readonly number[] => all.map((day) => countAt(day)?.[name] ?? 0);
  return {
    times: all.map((day) => (day * dayMs) / 1_000),
    messages: of("messages"),
    people: of("people"),
    tokens: of("tokens"),
    cost: of("cost"),
    stored: all.map((day) => rowAt(day)?.storedBytes || null),
  };
}

/** A line of the table of teams. */
export interface TeamSum {
  readonly name: string;
  readonly messages: number;
  readonly calls: number;
  readonly tokens: number;
  readonly cost: number;
  /** On a day on which there was anybody. */
  readonly people: number;
}

/** Sums of everybody, then of each team, the most messages first. */
export function teamSums(rows: readonly ActivityDay[]): readonly TeamSum[] {
  if (rows.length === 0) return [];
  const sums = new Map<string, ActivityCount & { days: number }>();
  const add = (name: string, one: ActivityCount): void => {
    const before = sums.get(name) ?? { messages: 0, calls: 0, tokens: 0, cost: 0, people: 0, days: 0 };
    sums.set(name, {
      messages: before.messages + one.messages,
      calls: before.calls + one.calls,
      tokens: before.tokens + one.tokens,
      cost: before.cost + one.cost,
      people: before.people + one.people,
      days: before.days + (one.people > 0 ? 1 : 0),
    });
  };
  for (const row of rows) {
    add("", row);
    for (const one of row.teams) add(one.team, one);
  }
  const lineOf = ([name, { days, people, ...sum }]: [string, ActivityCount & { days: number }]): TeamSum => ({
    name: name === "" ? "Everybody" : name,
    ...sum,
    people: days === 0 ? 0 : people / days,
  });
  const [everybody, ...teams] = [...sums].map(lineOf);
  const sorted = teams.toSorted((one, other) => other.messages - one.messages || (one.name < other.name ? -1 : 1));
  return everybody === undefined ? [] : [everybody, ...sorted];
}

/** How far back a person may look. */
export const spans = [
  { value: "7", label: "7 days" },
  { value: "30", label: "30 days" },
  { value: "90", label: "90 days" },
  { value: "365", label: "A year" },
];
