/** Alerts: what the watch has found. */
import { Type } from "typebox";
import { answer } from "../wire/command.ts";
import { limit, object } from "../wire/schema.ts";
import { acknowledgeAlert, alertId, watchCommands, type Alert, type AlertPage } from "../admin/watch.ts";
import { changes, ofActors, reads } from "./operation.ts";

const tags = ["admin"];
const one = object({ id: alertId });

export const alertOperations = {
  "alerts.list": reads({
    fields: object({
      state: watchCommands.alerts.params.properties.state,
      before: Type.Optional(alertId),
      limit: Type.Optional(limit),
    }),
    answer: answer<AlertPage>("AlertPage"),
    permission: "alerts.read",
    errors: ofActors,
    summary: "A page of alerts: open ones, or acknowledged ones; the newest first",
    description:
      "Findings of detectors and rules in the audit. A further finding about an open alert's subject is " +
      "counted in that alert. `evidence` are places in the audit.",
    tags,
  }),
  "alerts.show": reads({
    params: one,
    answer: answer<Alert>("Alert"),
    permission: "alerts.read",
    errors: ["NOT_FOUND", ...ofActors],
    summary: "One alert",
    tags,
  }),
  "alerts.acknowledge": changes({
    params: one,
    fields: acknowledgeAlert,
    answer: answer<Alert>("Alert"),
    permission: "alerts.acknowledge",
    errors: ["NOT_FOUND", ...ofActors],
    once: true,
    action: "acknowledgeAlert",
    facts: ({ id, note }) => ({ alert: id, ...(note !== undefined && { note }) }),
    summary: "Acknowledges an alert: later findings about its subject open a new one",
    tags,
  }),
};
