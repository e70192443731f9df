/** What people took of models, and what they did by day. One's own is a command (`ledger.ts`). */
import { Type } from "typebox";
import { activityQuery, type ActivityView } from "../admin/activity.ts";
import { answer } from "../wire/command.ts";
import { ledgerCommands, type UsageView } from "../kinds/ledger.ts";
import { object, userName } from "../wire/schema.ts";
import { ofActors, reads } from "./operation.ts";

const tags = ["admin"];

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
};
