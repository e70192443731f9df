/** What a ledger knows: the sums of today and of this month, and who holds which shares of budgets. */
import type {
  LeaseAsked,
  Measure,
  PeriodName,
  Selection,
  UsagePeriod,
  UsageRow,
  UsageSums,
} from "../../protocols/index.ts";
import type { RecordOp } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";

/** A node that tells what calls took, and what it holds. */
interface Reporter {
  readonly seq: number;
  readonly atMs: number;
  /** What it has been granted and has not used, by lease. */
  readonly held: Readonly<Record<string, number>>;
}

/** What has come about in a period with a budget, and whose message it was. */
export interface Mark {
  readonly period: string;
  readonly what: "warned" | "stopped";
  readonly reporter: string;
  readonly seq: number;
}

export interface LedgerState {
  readonly day: UsagePeriod;
  readonly month: UsagePeriod;
  readonly reporters: Readonly<Record<string, Reporter>>;
  readonly marks: Readonly<Record<string, Mark>>;
}

/** What is persisted: a node's message as it was taken. */
export interface LedgerChange {
  readonly type: "settled";
  readonly reporter: string;
  readonly seq: number;
  readonly atMs: number;
  /** The ledger's day then. */
  readonly day: string;
  /** The day's rows that it changed, as they are now, and where they stand. */
  readonly rows: readonly { readonly n: number; readonly row: UsageRow }[];
  readonly held: Readonly<Record<string, number>>;
  readonly marks?: Readonly<Record<string, Mark>>;
}

/** A ledger of which nothing was told. */
export const initial: LedgerState = {
  day: { id: "", rows: [] },
  month: { id: "", rows: [] },
  reporters: {},
  marks: {},
};

const dayMs = 24 * 3_600_000;
const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);
const monthOf = (atMs: number): string => dayOf(atMs).slice(0, 7);

/** Until the period that is now ends. */
export function resetsInMs(per: PeriodName, atMs: number): number {
  const now = new Date(atMs);
  const [year, month] = [now.getUTCFullYear(), now.getUTCMonth()];
  const end = per === "day" ? Date.UTC(year, month, now.getUTCDate() + 1) : Date.UTC(year, month + 1, 1);
  return end - atMs;
}

export const periodOf = (state: LedgerState, per: PeriodName): UsagePeriod => state[per];

const sumNames = ["calls", "promptTokens", "cachedTokens", "completionTokens", "ms", "cost"] as const;

const combined = (one: UsageSums, other: UsageSums, sign: 1 | -1): UsageSums =>
  Object.fromEntries(
    sumNames.map((name) => [name, Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, one[name] + sign * other[name]))]),
  ) as UsageSums;

const nothing: UsageSums = { calls: 0, promptTokens: 0, cachedTokens: 0, completionTokens: 0, ms: 0, cost: 0 };

/** What a row is of. */
const rowId = ({ person = "", key = "", model, provider }: UsageRow): string =>
  JSON.stringify([person, key, model, provider]);

/** The state at this time: what a period that is over had is gone from it. A clock that was set back begins no new
 *  one. */
export function at(state: LedgerState, atMs: number): LedgerState {
  const [day, month] = [dayOf(atMs), monthOf(atMs)];
  if (day <= state.day.id && month <= state.month.id) return state;
  return {
    ...state,
    day: day > state.day.id ? { id: day, rows: [] } : state.day,
    month: month > state.month.id ? { id: month, rows: [] } : state.month,
  };
}

/** The rows of the day that these sums change, as they are afterwards. Where there is no room for another row, sums go
 *  to the row of all others. */
export function changedRows(day: UsagePeriod, told: readonly UsageRow[]): LedgerChange["rows"] {
  const places = new Map(day.rows.map((row, n) => [rowId(row), n]));
  const changed = new Map<number, UsageRow>();
  for (const one of told) {
    const isKnown = places.has(rowId(one));
    const row = isKnown || places.size < limits.usageRowsPerPeriodMax ? one : { ...others, ...sumsOf(one) };
    const n = places.get(rowId(row)) ?? places.size;
    places.set(rowId(row), n);
    changed.set(n, { ...row, ...combined(changed.get(n) ?? day.rows[n] ?? nothing, row, 1) });
  }
  return [...changed].map(([n, row]) => ({ n, row }));
}

const others = { person: "", key: "", model: "others", provider: "" };
const sumsOf = (row: UsageRow): UsageSums => Object.fromEntries(sumNames.map((name) => [name, row[name]])) as UsageSums;

/** Folds one change into the state. */
export function evolve(before: LedgerState, change: LedgerChange): LedgerState {
  const state = at(before, change.atMs);
  const day = [...state.day.rows];
  const more = change.rows.map(({ n, row }): UsageRow => {
    const delta = combined(row, day[n] ?? nothing, -1);
    day[n] = row;
    return { ...row, ...delta };
  });
  const month = [...state.month.rows];
  for (const { n, row } of changedRows(state.month, more)) month[n] = row;
  const { [change.reporter]: _, ...rest } = state.reporters;
  const kept = Object.entries(rest)
    .filter(([, { atMs }]) => change.atMs - atMs < limits.usageReporterMs)
    .slice(1 - limits.usageReportersMax);
  const reporter = { seq: change.seq, atMs: change.atMs, held: change.held };
  return {
    day: { ...state.day, rows: day },
    month: { ...state.month, rows: month },
    reporters: { ...Object.fromEntries(kept), [change.reporter]: reporter },
    marks: change.marks === undefined ? state.marks : current({ ...state.marks, ...change.marks }, state),
  };
}

/** Marks of periods that are over mean nothing. */
const current = (marks: LedgerState["marks"], { day, month }: LedgerState): LedgerState["marks"] =>
  Object.fromEntries(Object.entries(marks).filter(([, { period }]) => period === day.id || period === month.id));

const dayKey = (day: string): string => `day/${day}/`;

/** Rows of days, by day: they outlive the state's. */
export const record = ({ atMs, day, rows }: LedgerChange): readonly RecordOp[] => [
  ...rows.map(({ n, row }) => ({ put: `${dayKey(day)}${String(n).padStart(6, "0")}`, value: row })),
  ...(rows.some(({ n }) => n === 0)
    ? [{ deleteFrom: "day/", deleteTo: dayKey(dayOf(atMs - limits.usageDaysKept * dayMs)) }]
    : []),
];

/** The keys of the records of so many days up to this time, and from before `before` on. */
export const recordsOf = (
  days: number,
  atMs: number,
  before?: string,
): { readonly from: string; readonly to: string } => ({
  from: dayKey(dayOf(atMs - (days - 1) * dayMs)),
  to: before === undefined ? "day/~" : `day/${before}`,
});

/** What the rows that a budget counts sum up to. */
export function spentOf(rows: readonly UsageRow[], select: Selection, measure: Measure): number {
  const fits = (list: readonly string[] | undefined, value: string): boolean => list?.includes(value) !== false;
  const sum = rows.reduce((total, row) => {
    const counted =
      (select.key === undefined || select.key === row.key) &&
      fits(select.people, row.person ?? "") &&
      fits(select.models, row.model) &&
      fits(select.providers, row.provider);
    if (!counted) return total;
    return total + (measure === "tokens" ? row.promptTokens + row.completionTokens : row[measure]);
  }, 0);
  return Math.min(sum, Number.MAX_SAFE_INTEGER);
}

/** What other nodes hold of a budget: nobody waits for ever for the share of one that is gone. */
export const heldElsewhere = ({ reporters }: LedgerState, id: string, reporter: string, atMs: number): number =>
  Object.entries(reporters).reduce(
    (sum, [name, { held, atMs: toldMs }]) =>
      name === reporter || atMs - toldMs > limits.leaseMs ? sum : sum + (held[id] ?? 0),
    0,
  );

/** How much of a budget a node may hold from now on. It keeps what it has. What it wants it gets, and of what is left
 *  then an eighth more, so that the next calls need not ask; near the end it gets what there is.
 *
 *  Invariant: what was spent, and what all nodes hold, are together no more than the limit, or nothing was granted. */
export function granted({ keep, want, limit }: LeaseAsked, spent: number, elsewhere: number): number {
  if (want === 0) return keep;
  const free = Math.max(0, limit - spent - elsewhere - keep);
  return keep + Math.min(free, Math.max(want, Math.floor(free / limits.leaseShare)));
}
