/** Reports of what people did, by mail: what is sent when to whom, and what came of it
 *  (docs/decisions/0235-reports-by-mail.md). `activity/cluster` keeps both, beside what the reports are of. */
import { Type, type Static } from "typebox";
import { answer, command } from "../wire/command.ts";
import type { Failure } from "../errors.ts";
import { wireLimits as limits } from "../limits.ts";
import { key, line, nothing, object, position } from "../wire/schema.ts";
import { mailAddress } from "./mail.ts";

/** `csv`: a row for each day and each of its teams. `pdf`: the same as tables, to be read. */
export const reportFormat = Type.Union([Type.Literal("csv"), Type.Literal("pdf")]);
export type ReportFormat = Static<typeof reportFormat>;

const reportParts = {
  /** Five fields of cron, by the clock of the zone. */
  cron: line(64),
  timeZone: Type.Optional(line(64)),
  /** How many days back it goes, from the day before. */
  days: Type.Integer({ minimum: 1, maximum: limits.reportDaysMax }),
  formats: Type.Array(reportFormat, { minItems: 1, maxItems: 2, uniqueItems: true }),
  to: Type.Array(mailAddress, { minItems: 1, maxItems: limits.reportReceiversMax, uniqueItems: true }),
} as const;

/** What an admin sets. */
export const setReport = object({
  ...reportParts,
  /** There is none of this name yet: else NAME_TAKEN. */
  isNew: Type.Optional(Type.Boolean()),
});
export type SetReport = Static<typeof setReport>;

/** A report that is sent again and again. */
export const usageReport = object({ report: key, ...reportParts });
export type UsageReport = Static<typeof usageReport>;

/** As it is shown. */
export interface UsageReportView extends UsageReport {
  readonly by: string;
  /** Absent: no time comes that its schedule names. */
  readonly nextMs?: number;
}

/** One time that a report is sent. */
export interface ReportRun {
  readonly id: number;
  readonly report: string;
  /** The person who asked for it: an admin, or the one who has set the report. */
  readonly by: string;
  readonly state: "waiting" | "running" | "done" | "failed" | "cancelled";
  readonly addedAtMs: number;
  /** When it was taken; of one that is tried again, when. */
  readonly atMs?: number;
  readonly endedAtMs?: number;
  /** Those to whom it is still to be sent; of one that failed, those of the missed to whom it may be sent again. */
  readonly left: readonly string[];
  readonly sent: number;
  /** Those who did not get it, or of whom nobody knows. */
  readonly missed: number;
  readonly tries: number;
  /** Why it failed, or waits. */
  readonly error?: Failure;
}

/** Answer to `reports`. */
export interface ReportsView {
  readonly reports: readonly UsageReportView[];
  /** The newest first. */
  readonly runs: readonly ReportRun[];
}

/** A report as it would be sent now. */
export interface ReportFile {
  readonly name: string;
  readonly type: string;
  readonly base64: string;
}

/** Answer to `takeReport`. */
export interface ReportTaken {
  readonly run: ReportRun;
  readonly report: UsageReport;
}

const byGateway = { from: ["gateway"], effect: "changes", permission: "cluster.administer" } as const;
const byNode = { from: ["node"], effect: "changes" } as const;
const by = line(256);

export const reportCommands = {
  reports: command({
    from: ["gateway", "node"],
    params: {},
    result: answer<ReportsView>("ReportsView"),
    effect: "reads",
    permission: "cluster.see",
    summary: "The reports that are sent by mail, and what came of them",
  }),
  /** Errors: BAD_REQUEST (`cron`, `timeZone`), LIMIT_REACHED, NAME_TAKEN. */
  setReport: command({
    ...byGateway,
    params: { report: key, ...setReport.properties, by },
    result: answer<UsageReportView>("UsageReportView"),
    summary: "Sets a report that is sent by mail",
  }),
  /** Error: NOT_FOUND. */
  removeReport: command({
    ...byGateway,
    params: { report: key },
    result: nothing,
    summary: "Removes a report that is sent by mail",
  }),
  /** `run`: one that failed; to those alone who did not get it. Errors: NOT_FOUND, LIMIT_REACHED (it waits already). */
  sendReport: command({
    ...byGateway,
    params: { report: key, by, run: Type.Optional(position) },
    result: object({ id: position }),
    summary: "Sends a report now",
  }),
  /** Errors: NOT_FOUND (also of one that is over, or being sent). */
  cancelReport: command({
    ...byGateway,
    params: { id: position },
    result: nothing,
    summary: "Sends a report this time not",
  }),
  /** The oldest that waits is this node's from now on. Error: NOT_FOUND. */
  takeReport: command({
    ...byNode,
    params: {},
    result: answer<ReportTaken>("ReportTaken"),
    summary: "Takes a report to be sent, so that no other node sends it",
  }),
  /** `left`: those for whom the mail server took nothing: it is tried again. Error: NOT_FOUND. */
  settleReport: command({
    ...byNode,
    params: {
      id: position,
      sent: position,
      left: Type.Array(mailAddress, { maxItems: limits.reportReceiversMax }),
      code: Type.Optional(line(64)),
    },
    result: nothing,
    summary: "Says what came of a report",
  }),
} as const;
