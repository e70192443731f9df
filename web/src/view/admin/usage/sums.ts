/** What was taken of models, added up in several ways, and as a table for other programs. Pure. */
import { csvOf, type BudgetView, type UsageDayRow } from "../../../../../protocols/index.ts";

/** What is added up. */
export const usageMeasures = ["tokens", "calls", "cost"] as const;
export type UsageMeasure = (typeof usageMeasures)[number];
/** What by. */
export const usageBys = ["person", "team", "model", "provider"] as const;
export type UsageBy = (typeof usageBys)[number];

/** How much a row is; costs in the unit of prices. */
const amountOf = (row: UsageDayRow, measure: UsageMeasure): number =>
  measure === "tokens"
    ? row.promptTokens + row.completionTokens
    : measure === "calls"
      ? row.calls
      : row.cost / 1_000_000;

/** People by the budgets that name them together: the teams of a cluster. A person in two is counted in both. */
export const teamsOf = (budgets: readonly BudgetView[]): ReadonlyMap<string, readonly string[]> => {
  const teams = new Map<string, string[]>();
  for (const { of, name, names } of budgets)
    if (of === "team") for (const person of names) teams.set(person, [...(teams.get(person) ?? []), name]);
  return teams;
};

const namesOf = (row: UsageDayRow, by: UsageBy, teams: ReadonlyMap<string, readonly string[]>): readonly string[] => {
  if (by === "model") return [row.model];
  if (by === "provider") return [row.provider];
  if (by === "person") return [row.person || "nobody"];
  return teams.get(row.person ?? "") ?? ["no team"];
};

/** One line of the table. */
export interface UsageSum {
  readonly name: string;
  readonly tokens: number;
  readonly calls: number;
  readonly cost: number;
}

/** Sums by person, team, model or provider, the most of a measure first. */
export function sumsBy(
  rows: readonly UsageDayRow[],
  by: UsageBy,
  measure: UsageMeasure,
  teams: ReadonlyMap<string, readonly string[]>,
): readonly UsageSum[] {
  const sums = new Map<string, UsageSum>();
  for (const row of rows)
    for (const name of namesOf(row, by, teams)) {
      const before = sums.get(name) ?? { name, tokens: 0, calls: 0, cost: 0 };
      sums.set(name, {
        name,
        tokens: before.tokens + amountOf(row, "tokens"),
        calls: before.calls + row.calls,
        cost: before.cost + amountOf(row, "cost"),
      });
    }
  return [...sums.values()].sort((one, other) => other[measure] - one[measure] || (one.name < other.name ? -1 : 1));
}

const dayMs = 86_400_000;

/** A measure, and how many people there were, for each day of a stretch of time up to one. */
export function byDay(
  rows: readonly UsageDayRow[],
  measure: UsageMeasure,
  { days, nowMs }: { readonly days: number; readonly nowMs: number },
): { readonly times: readonly number[]; readonly amounts: readonly number[]; readonly people: readonly number[] } {
  const today = Math.floor(nowMs / dayMs);
  const amounts = Array.from({ length: days }, () => 0);
  const people = Array.from({ length: days }, () => new Set<string>());
  for (const row of rows) {
    const at = days - 1 - (today - Math.floor(Date.parse(`${row.day}T00:00:00Z`) / dayMs));
    if (!(at >= 0 && at < days)) continue;
    amounts[at] = (amounts[at] ?? 0) + amountOf(row, measure);
    if (row.person) people[at]?.add(row.person);
  }
  const times = amounts.map((_, at) => ((today - (days - 1 - at)) * dayMs) / 1_000);
  return { times, amounts, people: people.map((one) => one.size) };
}

/** The rows as CSV. */
export const csvOfRows = (rows: readonly UsageDayRow[]): string =>
  csvOf(
    [
      "day",
      "person",
      "model",
      "provider",
      "calls",
      "promptTokens",
      "cachedTokens",
      "completionTokens",
      "seconds",
      "cost",
    ],
    rows.map((row) => [
      row.day,
      row.person ?? "",
      row.model,
      row.provider,
      row.calls,
      row.promptTokens,
      row.cachedTokens,
      row.completionTokens,
      row.ms / 1_000,
      row.cost / 1_000_000,
    ]),
  );
