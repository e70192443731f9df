/** What people took of models, and what they did by day. One's own is a command (`ledger.ts`). */
import { Type } from "typebox";
import { activityQuery, type ActivityView } from "../admin/activity.ts";
import { answer } from "../wire/command.ts";
import { ledgerCommands, type UsageView } from "../kinds/ledger.ts";
import { object, position, userName } from "../wire/schema.ts";
import {
  reportFormat,
  setReport,
  usageReport,
  type ReportFile,
  type ReportsView,
  type UsageReportView,
} from "../admin/reports.ts";
import { feedbackText, useQuery, type FeedbackView, type UseView } from "../admin/features.ts";
import { changes, changesUnnoted, fieldsOf, ofActors, reads } from "./operation.ts";

const tags = ["admin"];
const params = object({ report: usageReport.properties.report });
const named = ({ report }: { readonly report: string }) => ({ report });

export const usageOperations = {
  "usage.list": reads({
    fields: object({
      ...ledgerCommands.usage.params.properties,
      /** Whose; absent: everybody's. */
      person: Type.Optional(userName),
    }),
    answer: answer<UsageView>("UsageView"),
    permission: "cluster.see",
    errors: ofActors,
    summary: "How much people used models, today, this month, and by day",
    description:
      "Rows are by person, model and provider; with `person`, by that person's keys and agents. `cost` is in " +
      "millionths of the unit in which prices are.",
    tags,
  }),
  "usage.days": reads({
    fields: activityQuery,
    answer: answer<ActivityView>("ActivityView"),
    permission: "cluster.see",
    errors: ofActors,
    summary: "What people did by day: messages, active people, use of models, data kept",
    description:
      "The newest first; days are those of UTC. `people` are those who did anything, each once a day and once " +
      "a month. `teams` are budgets that name several people, as they were that day. `cost` is in millionths " +
      "of the unit in which prices are.",
    tags,
  }),
  "use.list": reads({
    fields: object(useQuery),
    answer: answer<UseView>("UseView"),
    permission: "cluster.see",
    errors: ofActors,
    summary: "Which commands people use, and how long their sessions are, by day",
    description: "Counts alone: no name of a person, no text. `next` is the next page as `before`.",
    tags,
  }),
  "use.set": changes({
    fields: object({ isOn: Type.Boolean() }),
    answer: fieldsOf({ isOn: Type.Boolean() }),
    permission: "cluster.administer",
    errors: ofActors,
    action: "setUse",
    facts: ({ isOn }) => ({ isOn }),
    summary: "Switches the counting of use, and feedback, on or off",
    tags,
  }),
  "use.remove": changes({
    answer: fieldsOf({}),
    permission: "cluster.administer",
    errors: ofActors,
    action: "removeUse",
    facts: () => ({}),
    summary: "Deletes all counts of use, and all feedback",
    tags,
  }),
  "feedback.give": changesUnnoted({
    fields: object({ text: feedbackText }),
    answer: fieldsOf({}),
    permission: "account.use",
    errors: ["FORBIDDEN", "LIMIT_REACHED", "RATE_LIMITED", ...ofActors],
    rate: { of: "feedback", act: (count) => `say something ${count} times` },
    summary: "Says something to the admins about the program, without a name",
    tags: ["account"],
  }),
  "feedback.list": reads({
    answer: answer<FeedbackView>("FeedbackView"),
    permission: "cluster.see",
    errors: ofActors,
    summary: "What people said of the program",
    tags,
  }),
  "feedback.end": changes({
    params: object({ id: position }),
    answer: fieldsOf({}),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", ...ofActors],
    action: "endFeedback",
    facts: ({ id }) => ({ id }),
    summary: "Marks what somebody said as done",
    tags,
  }),
  "reports.list": reads({
    answer: answer<ReportsView>("ReportsView"),
    permission: "cluster.see",
    errors: ofActors,
    summary: "The reports of usage that are sent by mail, and what came of them",
    tags,
  }),
  "reports.file": reads({
    params,
    fields: object({ format: reportFormat }),
    answer: answer<ReportFile>("ReportFile"),
    permission: "cluster.see",
    errors: ["NOT_FOUND", ...ofActors],
    summary: "A report of usage as it would be sent now",
    tags,
  }),
  "reports.set": changes({
    params,
    fields: setReport,
    answer: answer<UsageReportView>("UsageReportView"),
    permission: "cluster.administer",
    errors: ["BAD_REQUEST", "LIMIT_REACHED", "NAME_TAKEN", ...ofActors],
    action: "setReport",
    facts: ({ report, cron, to }) => ({ report, cron, receivers: to.length }),
    summary: "Sends a report of usage by mail, again and again",
    description: "`cron` has five fields, by the clock of `timeZone` (absent: UTC). The report has the `days` before.",
    tags,
  }),
  "reports.remove": changes({
    params,
    answer: fieldsOf({}),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", ...ofActors],
    action: "removeReport",
    facts: named,
    summary: "Sends a report no more",
    tags,
  }),
  "reports.send": changes({
    params,
    fields: object({ run: Type.Optional(position) }),
    answer: fieldsOf({ task: Type.String() }),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", "LIMIT_REACHED", ...ofActors],
    code: 202,
    action: "sendReport",
    facts: named,
    summary: "Sends a report now",
    description: "With `run`, of one that failed: to those alone who did not get it.",
    tags,
  }),
};
