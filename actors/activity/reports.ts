/** Reports by mail: when they are sent, and what came of them.
 *
 *      reminded ─► due: one more run waits ─► says `reportDue` ─► its node: takeReport ─► mails ─► settleReport
 *
 *  Invariant: a run that was taken is sent by no other node. One whose node says nothing for a time has failed, and
 *  nobody knows who got it; it is not sent again by itself. None waits without its report, or for an address that was
 *  taken out of it. */
import {
  failure,
  wireLimits,
  type CommandOf,
  type ErrorCode,
  type ReportRun,
  type reportCommands,
  type ReportsView,
  type UsageReport,
  type UsageReportView,
} from "../../protocols/index.ts";
import { timesAfter } from "../../protocols/backup-times/index.ts";
import { persist, publish, refuse, reply, type Effect, type Turn } from "../behavior.ts";
import type { Handlers } from "../handlers.ts";
import { actorLimits as limits } from "../limits.ts";
import { besideChange, type ActivityChange, type ActivityState, type Reports } from "./state.ts";

type Command = CommandOf<typeof reportCommands>;
type Effects = readonly Effect<ActivityChange, never>[];

/** The id of the reminder of the next one. */
export const reportReminder = "report";

const none: Reports = { reports: [], runs: [], ids: 0 };
const of = ({ reports }: ActivityState): Reports => reports ?? none;
const isOver = ({ state }: ReportRun): boolean => state === "done" || state === "failed" || state === "cancelled";

/** A run that waits has a report, and what is left of it are receivers of that report; so it is with one that failed,
 *  which may be begun again. */
function swept(reports: Reports, nowMs: number): Reports {
  const runs = reports.runs.map((run): ReportRun => {
    if (run.left.length === 0 || (run.state !== "waiting" && run.state !== "failed")) return run;
    const report = reports.reports.find((one) => one.report === run.report);
    const left = run.left.filter((one) => report?.to.includes(one));
    const isEnded = run.state === "waiting" && left.length === 0;
    return { ...run, left, ...(isEnded && { state: "cancelled", endedAtMs: nowMs }) };
  });
  return { ...reports, runs };
}

/** Sets it, with the next time to be reminded. */
function set(state: ActivityState, wanted: Reports, nowMs: number): Effects {
  const reports = swept(wanted, nowMs);
  const kept = [
    ...reports.runs.filter(isOver).slice(-limits.reportRunsKept),
    ...reports.runs.filter((one) => !isOver(one)),
  ];
  const isOpen = kept.some((one) => !isOver(one));
  const times = reports.reports.flatMap(({ nextMs }) => nextMs ?? []);
  const dueMs = Math.min(...times, isOpen ? nowMs + limits.reportRetryMs : Infinity);
  return [
    persist(besideChange(state, { reports: { ...reports, runs: kept } }, nowMs)),
    dueMs === Infinity ? { type: "forget", id: reportReminder } : { type: "remind", id: reportReminder, dueMs },
  ];
}

/** Has a node look for one that waits. */
const due: Effect<never, never> = publish({ type: "reportDue" });

const added = (
  reports: Reports,
  report: UsageReportView,
  by: string,
  nowMs: number,
  left: readonly string[] = report.to,
): Reports => ({
  ...reports,
  ids: reports.ids + 1,
  runs: [
    ...reports.runs,
    {
      id: reports.ids + 1,
      report: report.report,
      by,
      state: "waiting",
      addedAtMs: nowMs,
      left,
      sent: 0,
      missed: 0,
      tries: 0,
    },
  ],
});

const waits = (reports: Reports, name: string): boolean =>
  reports.runs.some((run) => run.report === name && !isOver(run));

/** What is due gets a run; one that is still under way from the last time has none beside it. */
function withDue(reports: Reports, nowMs: number): Reports {
  let after: Reports = { ...reports, runs: reports.runs.map((run) => overdue(run, nowMs)) };
  for (const report of reports.reports) {
    if (report.nextMs === undefined || report.nextMs > nowMs) continue;
    if (!waits(after, report.report)) after = added(after, report, report.by, nowMs);
    after = { ...after, reports: after.reports.map((one) => (one.report === report.report ? timed(one, nowMs) : one)) };
  }
  return after;
}

/** One whose node has said nothing for too long. */
const overdue = (run: ReportRun, nowMs: number): ReportRun =>
  run.state === "running" && nowMs - (run.atMs ?? 0) > limits.reportSilentMs
    ? {
        ...run,
        state: "failed",
        endedAtMs: nowMs,
        missed: run.missed + run.left.length,
        error: failure("MAIL_UNKNOWN"),
      }
    : run;

/** What is wrong with its schedule; undefined: nothing. */
function wrongTime({ cron, timeZone }: Pick<UsageReport, "cron" | "timeZone">, nowMs: number) {
  const fields = "five fields: minute, hour, day of the month, month, day of the week";
  const next = (zone?: string): number | "none" | undefined => {
    try {
      return timesAfter({ cron, ...(zone !== undefined && { timeZone: zone }) }, nowMs, 1)[0] ?? "none";
    } catch {
      return undefined;
    }
  };
  const found = next(timeZone);
  if (found === "none") return { field: "cron", reason: "no date fits this time" };
  if (found !== undefined)
    return isTooOften(cron, nowMs) ? { field: "cron", reason: "once an hour at most" } : undefined;
  return next() === undefined
    ? { field: "cron", reason: fields }
    : { field: "timeZone", reason: "the name of a time zone, such as Europe/Vienna or UTC" };
}

/** Whether two of its next times lie too close together. Without its zone, so that a clock set back is no reason. */
function isTooOften(cron: string, nowMs: number): boolean {
  const times = timesAfter({ cron }, nowMs, limits.reportTimesChecked);
  return times.some((time, at) => at > 0 && time - (times[at - 1] ?? 0) < limits.reportEveryMs);
}

/** With the time that comes next. Its schedule is right. */
function timed({ nextMs: _before, ...report }: UsageReportView, nowMs: number): UsageReportView {
  const [nextMs] = timesAfter(report, nowMs, 1);
  return { ...report, ...(nextMs !== undefined && { nextMs }) };
}

/** Its time has come, or somebody waits. */
export function reportReminded(state: ActivityState, { nowMs }: Turn): Effects {
  const after = withDue(of(state), nowMs);
  return [...set(state, after, nowMs), ...(after.runs.some((run) => run.state === "waiting") ? [due] : [])];
}

/** What the gateway and the nodes ask. */
export const reportHandlers: Handlers<ActivityState, Command, Turn, Effects> = {
  reports(state) {
    const { reports, runs } = of(state);
    return [reply({ reports, runs: runs.toReversed() } satisfies ReportsView)];
  },
  setReport(state, { type: _type, isNew, ...said }, { nowMs }) {
    const reports = of(state);
    const others = reports.reports.filter(({ report }) => report !== said.report);
    if (isNew === true && others.length < reports.reports.length)
      return [refuse("NAME_TAKEN", { reason: "there is a report of this name" })];
    if (others.length >= wireLimits.reportsMax) return [refuse("LIMIT_REACHED", { limit: "reportsMax" })];
    const wrong = wrongTime(said, nowMs);
    if (wrong !== undefined) return [refuse("BAD_REQUEST", wrong)];
    const report = timed(said, nowMs);
    return [...set(state, { ...reports, reports: [...others, report] }, nowMs), reply(report)];
  },
  removeReport(state, { report: name }, { nowMs }) {
    const reports = of(state);
    if (!reports.reports.some(({ report }) => report === name)) return [refuse("NOT_FOUND", { report: name })];
    const left = reports.reports.filter(({ report }) => report !== name);
    return [...set(state, { ...reports, reports: left }, nowMs), reply({})];
  },
  sendReport(state, { report: name, by, run: id }, { nowMs }) {
    const reports = of(state);
    const report = reports.reports.find((one) => one.report === name);
    if (report === undefined) return [refuse("NOT_FOUND", { report: name })];
    if (waits(reports, name)) return [refuse("LIMIT_REACHED", { reason: "this report is on its way" })];
    const failed = reports.runs.find((run) => run.id === id && run.report === name && run.state === "failed");
    const left = id === undefined ? report.to : (failed?.left.filter((one) => report.to.includes(one)) ?? []);
    if (left.length === 0) return [refuse("NOT_FOUND", { report: name, run: id })];
    // They are the new one's from now on.
    const runs = reports.runs.map((run): ReportRun => (run === failed ? { ...run, left: [] } : run));
    const after = added({ ...reports, runs }, report, by, nowMs, left);
    return [...set(state, after, nowMs), due, reply({ id: after.ids })];
  },
  cancelReport(state, { id }, { nowMs }) {
    const reports = of(state);
    if (!reports.runs.some((run) => run.id === id && run.state === "waiting")) return [refuse("NOT_FOUND", { id })];
    const runs = reports.runs.map((run): ReportRun =>
      run.id === id ? { ...run, state: "cancelled", endedAtMs: nowMs } : run,
    );
    return [...set(state, { ...reports, runs }, nowMs), reply({})];
  },
  takeReport(state, _, { nowMs }) {
    const reports = swept(of(state), nowMs);
    const run = reports.runs.find((one) => one.state === "waiting" && (one.atMs ?? 0) <= nowMs);
    const report = reports.reports.find((one) => one.report === run?.report);
    if (run === undefined || report === undefined) return [refuse("NOT_FOUND")];
    const taken: ReportRun = { ...run, state: "running", atMs: nowMs, tries: run.tries + 1 };
    const runs = reports.runs.map((one) => (one.id === run.id ? taken : one));
    return [...set(state, { ...reports, runs }, nowMs), reply({ run: taken, report })];
  },
  settleReport(state, { id, sent, left, code }, { nowMs }) {
    const reports = of(state);
    const run = reports.runs.find((one) => one.id === id && one.state === "running");
    if (run === undefined) return [refuse("NOT_FOUND", { id })];
    const again = left.length > 0 && run.tries < limits.reportTriesMax;
    const missed = run.missed + run.left.length - sent - (again ? left.length : 0);
    const { error: _error, ...rest } = run;
    const settled: ReportRun = {
      ...rest,
      state: again ? "waiting" : missed > 0 ? "failed" : "done",
      left,
      sent: run.sent + sent,
      missed,
      ...(again ? { atMs: nowMs + limits.reportRetryMs } : { endedAtMs: nowMs }),
      ...(code !== undefined && { error: failure(code as ErrorCode) }),
    };
    const runs = reports.runs.map((one) => (one.id === id ? settled : one));
    return [...set(state, { ...reports, runs }, nowMs), reply({})];
  },
};
