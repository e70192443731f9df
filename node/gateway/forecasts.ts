/** When disk, memory and places of models run out, for admins. */
import type { FastifyInstance } from "fastify";
import { watchActor, type Forecasts, type Result, type WatchRow } from "../../protocols/index.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";

/** Adds the route /api/v1/admin/forecasts. */
export function addForecastRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;
  interface Page {
    readonly rows: readonly WatchRow[];
    readonly more: boolean;
  }
  app.get(
    "/admin/forecasts",
    {
      config: { access: "admin", permission: "cluster.see" },
      schema: {
        summary: "When disk, memory and places of models of each node run out, if it goes on like so far",
        description:
          "By what the watch measured each hour: `ends` says that nothing is left within as long as the trend was seen. What ends first comes first. Nodes that are new are `unknown` for some hours.",
        tags: ["admin"],
      },
    },
    async (): Promise<Forecasts> => {
      const rows: WatchRow[] = [];
      for (let pages = 0, after: string | undefined; pages < limits.forecastPagesMax; pages += 1) {
        const message = { type: "scarce", ...(after !== undefined && { after }) } as const;
        const answer = await kernel.ask({ to: watchActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs });
        const page = demand(answer as Result<Page>);
        rows.push(...page.rows);
        after = page.rows.at(-1)?.key;
        if (!page.more || after === undefined) break;
      }
      return { forecasts: at.watch?.forecasts?.(rows) ?? [] };
    },
  );
}
