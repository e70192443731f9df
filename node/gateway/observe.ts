import type { FastifyInstance } from "fastify";
import {
  historyQuery,
  logQuery,
  traceParams,
  traceQuery,
  type HistoryQuery,
  type LogQuery,
  type TraceQuery,
} from "../../protocols/index.ts";
import type { ObserveControl } from "../ports.ts";
import { demand } from "./refusals.ts";

/** Adds what the nodes remember of themselves: lines of their logs, and figures over a day. */
export function addObserveRoutes(app: FastifyInstance, control: ObserveControl): void {
  const tags = ["admin"];
  app.get<{ Querystring: LogQuery }>(
    "/admin/logs",
    {
      config: { access: "admin", permission: "logs.read" },
      schema: {
        summary: "The newest lines of the logs of all nodes, the oldest first",
        description:
          "`next`, given as `after`, goes on behind them; with `waitMs` the answer waits for a line. `level` is the least that is wanted, `name` what the event begins with, `about` the id of a request, trace or actor. A node has the lines that its `log.level` lets pass, the newest few thousand of them. Who does not answer is in `silent`.",
        tags,
        querystring: logQuery,
      },
    },
    async ({ query }) => demand(await control.logs(query)),
  );
  app.get<{ Querystring: TraceQuery }>(
    "/admin/traces",
    {
      config: { access: "admin", permission: "traces.read" },
      schema: {
        summary: "The newest requests that were traced, at all nodes, the newest first",
        description:
          "Each is the step at which the request came in. `tracing.ratio` says how many requests are traced.",
        tags,
        querystring: traceQuery,
      },
    },
    async ({ query }) => demand(await control.traces(query)),
  );
  app.get<{ Params: { id: string } }>(
    "/admin/traces/:id",
    {
      config: { access: "admin", permission: "traces.read" },
      schema: {
        summary: "All steps of one trace, of all nodes, by the time at which they began",
        tags,
        params: traceParams,
      },
    },
    async ({ params }) => demand(await control.trace(params.id)),
  );
  app.get<{ Querystring: HistoryQuery }>(
    "/admin/metrics/history",
    {
      config: { access: "admin", permission: "cluster.see" },
      schema: {
        summary: "Figures of the nodes over the last hour or day",
        description:
          "`hour` has a figure for each 15 seconds, `day` one for each 2 minutes. `per=cluster` joins those of all nodes, `per=node` has a row for each. A figure is null where nothing is known: the node did not run, or nothing was measured. They are in the memory of each node, and begin again when it starts.",
        tags,
        querystring: historyQuery,
      },
    },
    async ({ query }) => demand(await control.history(query)),
  );
}
