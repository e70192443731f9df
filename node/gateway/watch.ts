/** A rule over events is tried on the past. */
import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { failure, PlexusError, ruleTrial, type RuleTried } from "../../protocols/index.ts";
import { whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";

/** How far back a trial looks when nobody says otherwise. */
const trialMs = 30 * 24 * 3_600_000;

/** Adds `POST /api/v1/admin/rules/try`. */
export function addWatchRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { limits } = at;
  const trials = at.rates.limit("ruleTrial", limits.ruleTrialRate, "passes");
  let trying = 0;
  const tags = ["admin"];

  app.post<{ Body: Static<typeof ruleTrial> }>(
    "/admin/rules/try",
    {
      config: { access: "admin", permission: "alerts.manage" },
      schema: {
        summary: "What a rule would have found in the past; it changes nothing",
        description:
          "It looks at the logs that are at this node, from 30 days ago on, or from `sinceMs` on. It reads a great many entries: a trial too soon after another, or beside one at this node, is refused before any is read (RATE_LIMITED, OVERLOADED).",
        tags,
        body: ruleTrial,
      },
    },
    async (request): Promise<RuleTried> => {
      const { rule, sinceMs } = request.body;
      if (at.watch === undefined) throw new PlexusError(failure("NOT_FOUND", { reason: "this node has no audit" }));
      if (trying >= limits.ruleTrialsMax)
        throw new PlexusError(failure("OVERLOADED", { limit: "ruleTrialsMax", max: limits.ruleTrialsMax }));
      const retryAfterMs = trials.take(whoIs(request));
      const { count, windowMs } = limits.ruleTrialRate;
      const reason = `one person may try ${count} rules in ${windowMs / 1_000} s`;
      if (retryAfterMs > 0) throw new PlexusError(failure("RATE_LIMITED", { reason, retryAfterMs }));
      trying += 1;
      try {
        return await at.watch.tryRule(rule, sinceMs ?? Math.max(0, Math.floor(at.clock.nowMs()) - trialMs));
      } finally {
        trying -= 1;
      }
    },
  );
}
