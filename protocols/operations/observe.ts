/** What the nodes remember of themselves: lines of their logs, traces, and figures over a day. */
import { answer } from "../wire/command.ts";
import { historyQuery, logQuery, type HistoryView, type LogPage } from "../admin/observe.ts";
import { traceParams, traceQuery, type TracePage, type TraceView } from "../admin/traces.ts";
import { requestsQuery, type RequestsView } from "../admin/requests.ts";
import { reads } from "./operation.ts";

const tags = ["admin"];

export const observeOperations = {
  "logs.list": reads({
    fields: logQuery,
    answer: answer<LogPage>("LogPage"),
    permission: "logs.read",
    errors: ["NOT_FOUND", "OVERLOADED"],
    summary: "The newest lines of the logs of all nodes, the oldest first",
    description:
      "`next`, given as `after`, goes on behind them; with `waitMs` the answer waits for a line. `level` is " +
      "the least that is wanted, `name` what the event begins with, `about` the id of a request, trace or " +
      "actor. A node has the lines that its `log.level` lets pass, the newest few thousand of them. Nodes that " +
      "do not answer are in `silent`.",
    tags,
  }),
  "traces.list": reads({
    fields: traceQuery,
    answer: answer<TracePage>("TracePage"),
    permission: "traces.read",
    errors: ["NOT_FOUND"],
    summary: "The newest requests that were traced, at all nodes, the newest first",
    description: "Each is the step at which the request came in. `tracing.ratio` says how many requests are traced.",
    tags,
  }),
  "traces.show": reads({
    params: traceParams,
    answer: answer<TraceView>("TraceView"),
    permission: "traces.read",
    errors: ["NOT_FOUND"],
    summary: "All steps of one trace, of all nodes, by the time at which they began",
    tags,
  }),
  "metrics.history": reads({
    fields: historyQuery,
    answer: answer<HistoryView>("HistoryView"),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "Figures of the nodes over the last hour or day",
    description:
      "`hour` has a figure for each 15 seconds, `day` one for each 2 minutes. `per=cluster` joins those of all " +
      "nodes, `per=node` has a row for each. A figure is null where nothing is known: the node did not run, or " +
      "nothing was measured. They are in the memory of each node, and begin again when it starts.",
    tags,
  }),
  "requests.list": reads({
    fields: requestsQuery,
    answer: answer<RequestsView>("RequestsView"),
    permission: "cluster.see",
    errors: ["NOT_FOUND"],
    summary: "What came of requests over the last hour or day, by route, kind of actor or API key",
    description:
      "`refused` are those that ended with 4xx, but for those over a rate, a quota or a budget (429), which are " +
      "`limited`; `failed` are those with 5xx. `hour` has steps of a minute, `day` of 15 minutes; `charts` says of " +
      "how many rows they are told. `p99Ms` is that of the worst step at the worst node. A key is `USER/ID`, a " +
      "control token `control/NAME`. All of it is in the memory of each node, and begins again when it starts.",
    tags,
  }),
};
