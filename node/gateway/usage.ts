import type { FastifyInstance } from "fastify";
import { Type, type Static } from "typebox";
import { everybody, ledgerCommands, ledgerOf, schema } from "../../protocols/index.ts";
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
        summary: "What people took of models, today, this month, and by day",
        description:
          "Rows are by person, model and provider; with `person`, by that person's keys and agents. `cost` is in millionths of the unit in which prices are.",
        tags: ["admin"],
        querystring: usageQuery,
      },
    },
    async ({ query: { person, ...asked } }) => {
      const to = ledgerOf(person ?? everybody);
      const message = { type: "usage", ...asked };
      return demand(await kernel.ask({ to, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) ?? {};
    },
  );
}
