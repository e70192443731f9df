/** What an agent's runs took of models: sums by day and model, so many days back. */
import type { AgentUsageRow, GenerationAnswer } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";

/** What one run took. */
export type Used = Omit<AgentUsageRow, "runs">;

const dayMs = 24 * 3_600_000;
const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** What a run took that began at `sinceMs` and was answered at `atMs`. */
export const usedBy = (model: string, answer: GenerationAnswer, sinceMs: number, atMs: number): Used => ({
  day: dayOf(atMs),
  model,
  promptTokens: answer.promptTokens,
  cachedTokens: answer.cachedTokens ?? 0,
  // One that a route has kept was read and written before.
  completionTokens: answer.from?.cache === undefined ? answer.completionTokens : 0,
  ms: Math.max(0, atMs - sinceMs),
});

/** The rows with one run more, oldest day first. A clock that was set back adds to days that are there, and drops
 *  none. */
export function addUsage(rows: readonly AgentUsageRow[] = [], used: Used): readonly AgentUsageRow[] {
  const is = (row: AgentUsageRow): boolean => row.day === used.day && row.model === used.model;
  const known = rows.find(is);
  const row: AgentUsageRow = {
    day: used.day,
    model: used.model,
    runs: (known?.runs ?? 0) + 1,
    promptTokens: (known?.promptTokens ?? 0) + used.promptTokens,
    cachedTokens: (known?.cachedTokens ?? 0) + used.cachedTokens,
    completionTokens: (known?.completionTokens ?? 0) + used.completionTokens,
    ms: (known?.ms ?? 0) + used.ms,
  };
  const others = rows.filter((other) => !is(other));
  const later = others.findIndex(({ day }) => day > used.day);
  const all = others.toSpliced(later < 0 ? others.length : later, 0, row);
  return lastDays(all, all.at(-1)?.day ?? used.day).slice(-limits.usageRowsMax);
}

/** The rows of the last days up to this time. */
export const usageAt = (rows: readonly AgentUsageRow[] = [], nowMs: number): readonly AgentUsageRow[] =>
  lastDays(rows, dayOf(nowMs));

function lastDays(rows: readonly AgentUsageRow[], newest: string): readonly AgentUsageRow[] {
  // Nearly always they are of today.
  if (rows.every(({ day }) => day === newest)) return rows;
  const first = dayOf(Date.parse(newest) - (limits.usageDays - 1) * dayMs);
  return rows.filter(({ day }) => day >= first);
}
