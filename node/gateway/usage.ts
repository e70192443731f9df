import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import {
  activityActor,
  activityQuery,
  everybody,
  ledgerCommands,
  ledgerOf,
  schema,
  type ActivityQuery,
  type ActivityView,
  type UsageView,
} from "../../protocols/index.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

const usageQuery = schema.object({
  ...ledgerCommands.usage.params.properties,
  /** Whose; absent: everybody's. */
  person: Type.Optional(schema.userName),
});

/** Adds the routes under /api/v1/admin/usage: what people took of models, for admins. One's own is a command (protocols/ledger.ts). */
export function addUsage(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;

  app.get<{ Querystring: Static<typeof usageQuery> }>(
    "/admin/usage",
    {
      config: { access: "admin" },
      schema: {
        summary: "How much people used models, today, this month, and by day",
        description:
          "Rows are by person, model and provider; with `person`, by that person's keys and agents. `cost` is in millionths of the unit in which prices are.",
        tags: ["admin"],
        querystring: usageQuery,
      },
    },
    async ({ query: { person, ...asked } }): Promise<UsageView> => {
      const to = ledgerOf(person ?? everybody);
      const message = { type: "usage", ...asked };
      return demand(await kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as UsageView;
    },
  );

  app.get<{ Querystring: ActivityQuery }>(
    "/admin/usage/days",
    {
      config: { access: "admin" },
      schema: {
        summary: "What people did by day: messages, active people, use of models, data kept",
        description:
          "The newest first; days are those of UTC. `people` are those who did anything, each once a day and once a month. `teams` are budgets that name several people, as they were that day. `cost` is in millionths of the unit in which prices are.",
        tags: ["admin"],
        querystring: activityQuery,
      },
    },
    async ({ query: { days = 30, before } }): Promise<ActivityView> => {
      const message = { type: "days", days, ...(before !== undefined && { before }) };
      const asked = { to: activityActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs } as const;
      return demand(await kernel.ask(asked)) as ActivityView;
    },
  );
}
