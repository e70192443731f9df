/** What is known of what people did: today's and this month's sums, who has been counted in them, and what nodes keep.
 *  Days that are over are records of sums. */
import type {
  ActivityCount,
  ActivityDay,
  ActivityMonth,
  ActivityOf,
  ActivityPeriod,
  ActivitySums,
  ActivityTeam,
  Feedback,
  ReportRun,
  UseDay,
  UsageReportView,
} from "../../protocols/index.ts";
import type { RecordOp, RecordRange } from "../behavior.ts";
import { wireLimits } from "../../protocols/index.ts";
import { actorLimits as limits } from "../limits.ts";

/** What a node keeps, as it said last. */
interface Stored {
  readonly bytes: number;
  readonly atMs: number;
}

/** What is kept of a node that tells. */
interface Reporter {
  readonly seq: number;
  readonly atMs: number;
}

/** The reports by mail, and what came of them; the newest last. */
export interface Reports {
  readonly reports: readonly UsageReportView[];
  readonly runs: readonly ReportRun[];
  readonly ids: number;
}

/** What is used, on the day that is not over, and what people said. */
export interface Use {
  readonly isOn: boolean;
  readonly day: UseDay;
  readonly reporters: ActivityState["reporters"];
  /** By its ids, which say nothing of its order. */
  readonly feedback: readonly Feedback[];
}
/** What is persisted of it: no feedback where none changed. */
type UseChange = Omit<Use, "feedback"> & Partial<Pick<Use, "feedback">>;

export interface ActivityState {
  readonly day: ActivityDay;
  /** The newest first, the current one included. */
  readonly months: readonly ActivityMonth[];
  /** The people of this month, each with the last day on which it was active. */
  readonly seen: Readonly<Record<string, string>>;
  readonly stored: Readonly<Record<string, Stored>>;
  readonly reporters: Readonly<Record<string, Reporter>>;
  /** Absent: there was never one. */
  readonly reports?: Reports;
  /** Absent: nothing was told yet, and it is on. */
  readonly use?: Use;
}

/** What is persisted of a node's words: what they come to. */
interface ToldChange {
  readonly type: "told";
  readonly reporter: string;
  readonly seq: number;
  readonly atMs: number;
  readonly day: ActivityDay;
  readonly month: ActivityMonth;
  /** Those who are active for the first time that day. */
  readonly seen: readonly string[];
  readonly stored?: { readonly node: string; readonly bytes: number };
  /** Nobody has told anything: these are the reports from now on. A version before leaves them aside. */
  readonly reports?: Reports;
  /** Likewise: what is used from now on. `deleted`: the days of before are gone. */
  readonly use?: UseChange;
  readonly deleted?: true;
}
export type ActivityChange = ToldChange;

const nothing: ActivityCount = { people: 0, messages: 0, calls: 0, tokens: 0, cost: 0 };
const sumNames = ["messages", "calls", "tokens", "cost"] as const;

export const initial: ActivityState = {
  day: { day: "", ...nothing, teams: [], storedBytes: 0 },
  months: [],
  seen: {},
  stored: {},
  reporters: {},
};

const dayMs = 24 * 3_600_000;
export const dayOf = (atMs: number): string => new Date(atMs).toISOString().slice(0, 10);

/** The state at this time: a new day begins, and a new month. A clock that was set back begins none. */
export function at(state: ActivityState, atMs: number): ActivityState {
  const day = dayOf(atMs);
  if (day <= state.day.day) return state;
  const month = day.slice(0, 7);
  const isNewMonth = state.months[0] === undefined || month > state.months[0].month;
  const stored = Object.fromEntries(
    Object.entries(state.stored).filter(([, one]) => atMs - one.atMs < limits.activityStoredMs),
  );
  return {
    ...state,
    stored,
    day: { day, ...nothing, teams: [], storedBytes: storedIn(stored) },
    ...(isNewMonth && {
      seen: {},
      months: [{ month, ...nothing, teams: [] }, ...state.months].slice(0, limits.activityMonthsKept),
    }),
  };
}

const storedIn = (stored: ActivityState["stored"]): number =>
  whole(Object.values(stored).reduce((sum, { bytes }) => sum + bytes, 0));
const whole = (value: number): number => Math.min(Number.MAX_SAFE_INTEGER, Math.max(0, Math.round(value)));

const added = <Counts extends ActivityCount>(counts: Counts, more: ActivitySums, people: number): Counts => ({
  ...counts,
  ...Object.fromEntries(sumNames.map((name) => [name, whole(counts[name] + more[name])])),
  people: counts.people + people,
});

/** A period with what a person did more. `isFirst`: for the first time in it. Of more teams than are kept nothing is
 *  said. */
function withOne<Period extends ActivityPeriod>(period: Period, one: ActivityOf, isFirst: boolean): Period {
  const teams = [...period.teams];
  for (const team of new Set(one.teams)) {
    const at = teams.findIndex((known) => known.team === team);
    const before: ActivityTeam | undefined = at < 0 ? { team, ...nothing } : teams[at];
    if (before === undefined || (at < 0 && teams.length >= wireLimits.activityTeamsMax)) continue;
    teams[at < 0 ? teams.length : at] = added(before, one, isFirst ? 1 : 0);
  }
  return { ...added(period, one, isFirst ? 1 : 0), teams };
}

/** What a node's words come to, at the time when they are heard. */
export function toldChange(
  before: ActivityState,
  told: {
    readonly reporter: string;
    readonly seq: number;
    readonly people: readonly ActivityOf[];
    readonly stored?: { readonly node: string; readonly bytes: number };
  },
  atMs: number,
): ToldChange {
  const state = at(before, atMs);
  let { day } = state;
  let [month = { month: day.day.slice(0, 7), ...nothing, teams: [] }] = state.months as readonly ActivityMonth[];
  const seen = new Map<string, string>();
  let count = Object.keys(state.seen).length;
  for (const one of told.people) {
    const last = one.person === "" ? day.day : (seen.get(one.person) ?? own(state.seen, one.person));
    const isKnown = last !== undefined || count < limits.activityPeopleMax;
    const isFirstOfDay = isKnown && last !== day.day;
    const isFirstOfMonth = isKnown && last === undefined;
    if (isFirstOfMonth) count += 1;
    if (isFirstOfDay) seen.set(one.person, day.day);
    day = withOne(day, one, isFirstOfDay);
    month = withOne(month, one, isFirstOfMonth);
    if (!isKnown)
      [day, month] = [
        { ...day, more: true },
        { ...month, more: true },
      ];
  }
  const { reporter, seq, stored } = told;
  if (stored !== undefined)
    day = { ...day, storedBytes: storedIn({ ...state.stored, [stored.node]: { bytes: stored.bytes, atMs } }) };
  return { type: "told", reporter, seq, atMs, day, month, seen: [...seen.keys()], ...(stored && { stored }) };
}

/** The same sums, and something else beside them. */
export function besideChange(
  state: ActivityState,
  beside: Pick<ToldChange, "reports" | "use" | "deleted">,
  atMs: number,
): ActivityChange {
  const { day, months } = at(state, atMs);
  const month = months[0] ?? { month: dayOf(atMs).slice(0, 7), ...nothing, teams: [] };
  return { type: "told", reporter: "reports", seq: 0, atMs, day, month, seen: [], ...beside };
}

const own = (record: Readonly<Record<string, string>>, key: string): string | undefined =>
  Object.hasOwn(record, key) ? record[key] : undefined;

export function evolve(before: ActivityState, change: ActivityChange): ActivityState {
  const state = at(before, change.atMs);
  const { day, month, seen, stored, reporter, seq, atMs, reports, use } = change;
  if (reports !== undefined) return { ...state, day, reports };
  if (use !== undefined) return { ...state, day, use: { feedback: state.use?.feedback ?? [], ...use } };
  const others = state.months.filter((one) => one.month !== month.month);
  const kept = Object.entries(state.reporters)
    .filter(([name, one]) => name !== reporter && atMs - one.atMs < limits.usageReporterMs)
    .slice(1 - limits.usageReportersMax);
  return {
    ...state,
    day,
    months: [month, ...others].slice(0, limits.activityMonthsKept),
    ...(seen.length > 0 && { seen: { ...state.seen, ...Object.fromEntries(seen.map((one) => [one, day.day])) } }),
    ...(stored && { stored: { ...state.stored, [stored.node]: { bytes: stored.bytes, atMs } } }),
    reporters: { ...Object.fromEntries(kept), [reporter]: { seq, atMs } },
  };
}

const dayKey = (day: string): string => `day/${day}`;
const useKey = (day: string): string => `use/${day}`;

/** It is off. A node of a version before that writes the actor's snapshot forgets the switch, and leaves this. */
const offKey = "off/use";
/** Where that stands. */
export const offRange: RecordRange = { from: offKey, to: `${offKey}!`, limit: 1 };

/** The day as it is now, and none that is too old; or none of before at all. */
const useRecords = ({ isOn, day }: UseChange, atMs: number, deleted: boolean): readonly RecordOp[] => [
  isOn ? { delete: offKey } : { put: offKey, value: {} },
  { deleteFrom: "use/", deleteTo: deleted ? "use0" : useKey(dayOf(atMs - limits.useDaysKept * dayMs)) },
  ...(deleted ? [] : [{ put: useKey(day.day), value: day } satisfies RecordOp]),
];

/** The newest first. */
export const useRange = (days: number, atMs: number, before: string | undefined): RecordRange => ({
  from: useKey(dayOf(atMs - (limits.useDaysKept - 1) * dayMs)),
  to: before === undefined ? "use0" : useKey(before),
  limit: days + 1,
  reverse: true,
});

/** The day as it is now, and none that is too old. */
export const record = ({ day, atMs, use, deleted }: ActivityChange): readonly RecordOp[] => [
  ...(use === undefined ? [] : useRecords(use, atMs, deleted === true)),
  { put: dayKey(day.day), value: day },
  { deleteFrom: "day/", deleteTo: dayKey(dayOf(atMs - wireLimits.activityDaysMax * dayMs)) },
];

/** The newest first. */
export const daysRange = (days: number, atMs: number, before: string | undefined): RecordRange => ({
  from: dayKey(dayOf(atMs - (days - 1) * dayMs)),
  to: before === undefined ? "day0" : dayKey(before),
  limit: limits.activityDaysPage + 1,
  reverse: true,
});
