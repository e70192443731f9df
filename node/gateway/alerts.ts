/** What the watch has found, for admins. */
import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import type { Message } from "../../actors/behavior.ts";
import {
  acknowledgeAlert,
  alertId,
  schema,
  watchActor,
  watchCommands,
  type Alert,
  type AlertPage,
  type Result,
} from "../../protocols/index.ts";
import { audited, audits, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

const alertsQuery = schema.object({
  state: watchCommands.alerts.params.properties.state,
  before: Type.Optional(alertId),
  limit: Type.Optional(schema.limit),
});
const alertParams = schema.object({ id: alertId });

/** Adds the routes under /api/v1/admin/alerts. */
export function addAlertRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;
  const tags = ["admin"];
  const seen = { access: "admin", permission: "alerts.read" } as const;
  const ask = async <Answer>(message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to: watchActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;

  app.get<{ Querystring: Static<typeof alertsQuery> }>(
    "/admin/alerts",
    {
      config: seen,
      schema: {
        summary: "A page of alerts: open ones, or acknowledged ones; the newest first",
        description:
          "Findings of detectors and rules in the audit. A further finding about an open alert's subject is counted in that alert. `evidence` are places in the audit.",
        tags,
        querystring: alertsQuery,
      },
    },
    async ({ query }) => demand(await ask<AlertPage>({ type: "alerts", ...query })),
  );

  app.get<{ Params: Static<typeof alertParams> }>(
    "/admin/alerts/:id",
    { config: seen, schema: { summary: "One alert", tags, params: alertParams } },
    async ({ params }) => demand(await ask<Alert>({ type: "alert", ...params })),
  );

  app.post<{ Params: Static<typeof alertParams>; Body: Static<typeof acknowledgeAlert> }>(
    "/admin/alerts/:id/acknowledge",
    {
      config: audits("acknowledgeAlert", "alerts.acknowledge"),
      schema: {
        summary: "Acknowledges an alert: later findings about its subject open a new one",
        tags,
        params: alertParams,
        body: acknowledgeAlert,
      },
    },
    async (request) => {
      const { id } = request.params;
      const { note } = request.body;
      const message = { type: "acknowledge", id, by: whoIs(request), ...(note !== undefined && { note }) };
      return audited(at, request, { alert: id, ...(note !== undefined && { note }) }, ask<Alert>(message));
    },
  );
}
