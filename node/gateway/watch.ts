/** What is watched for, for admins: thresholds of detectors and rules over events. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import type { Message } from "../../actors/behavior.ts";
import {
  detectorBody,
  failure,
  neededFor,
  refused,
  PlexusError,
  setRuleBody,
  ruleTrial,
  schema,
  watchActor,
  type DetectorView,
  type Playbook,
  type Result,
  type WatchRule,
} from "../../protocols/index.ts";
import { audited, audits, changeOf, whoIs } from "./audited.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";
import { refusalOf } from "./roles.ts";
import { shownBy } from "./rights.ts";

const ruleParams = schema.object({ rule: schema.key });
const detectorParams = schema.object({ detector: schema.key });

/** How far back a trial looks when nobody says otherwise. */
const trialMs = 30 * 24 * 3_600_000;

const said = (view: Pick<DetectorView, "now" | "off"> | undefined) => view && { settings: view.now, off: view.off };

/** Adds the routes under /api/v1/admin/detectors and /rules. */
export function addWatchRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { kernel, limits } = at;
  const trials = at.rates.limit("ruleTrial", limits.ruleTrialRate, "passes");
  let trying = 0;
  const tags = ["admin"];
  const seen = { access: "admin", permission: "alerts.read" } as const;
  const ask = async <Answer>(message: Message): Promise<Result<Answer>> =>
    (await kernel.ask({ to: watchActor, from: "gateway", message, timeoutMs: limits.askTimeoutMs })) as Result<Answer>;
  /** Sets what makes alerts of a source, where the caller may do by hand what playbooks then do by themselves. */
  const triggered = async <Answer>(
    request: FastifyRequest,
    source: string,
    message: Message,
  ): Promise<Result<Answer>> => {
    const known = await ask<{ readonly playbooks: readonly Playbook[] }>({ type: "playbooks" });
    if (!known.ok) return known;
    for (const needed of neededFor(source, known.value.playbooks)) {
      const reason = refusalOf(at, request, needed);
      if (reason !== undefined) return refused(reason);
    }
    return ask<Answer>({ ...message, ...shownBy(at, request) });
  };

  app.get(
    "/admin/detectors",
    { config: seen, schema: { summary: "What is watched for, and from when on it is too much", tags } },
    async () => demand(await ask<{ readonly detectors: readonly DetectorView[] }>({ type: "detectors" })),
  );
  app.put<{ Params: Static<typeof detectorParams>; Body: Static<typeof detectorBody> }>(
    "/admin/detectors/:detector",
    {
      config: audits("setRule", "alerts.manage"),
      schema: {
        summary: "Sets thresholds of a detector, or switches it off",
        description:
          "Thresholds that are not named are the built-in ones again. `bounds` of the answer are what each may be set to, `before` is how it stood. `seen`: the thresholds that the caller has seen, and `off`; where they are others by now, nothing is changed (CHANGED_MEANWHILE).",
        tags,
        params: detectorParams,
        body: detectorBody,
      },
    },
    async (request) => {
      const { detector: name } = request.params;
      const { seen, ...set } = request.body;
      const facts = { detector: name, ...set.settings, off: set.off === true };
      const message = { type: "setDetector", name, set, ...(seen && { seen }) };
      const done = triggered<DetectorView>(request, `detector/${name}`, message);
      return audited(at, request, facts, done, (view) => changeOf(said(view.before), said(view)));
    },
  );

  app.get("/admin/rules", { config: seen, schema: { summary: "The rules over events", tags } }, async () =>
    demand(await ask<{ readonly rules: readonly WatchRule[] }>({ type: "rules" })),
  );
  app.put<{ Params: Static<typeof ruleParams>; Body: Static<typeof setRuleBody> }>(
    "/admin/rules/:rule",
    {
      config: audits("setRule", "alerts.manage"),
      schema: {
        summary: "Makes a rule over events, or changes it",
        description:
          "An alert comes of entries of the audit that match all `steps`, about one person, from one address or done to one thing (`by`), within `withinMinutes`. Without `on` the rule is kept and finds nothing. `seen`: the rule as the caller has seen it, or null; where it is another by now, nothing is changed (CHANGED_MEANWHILE).",
        tags,
        params: ruleParams,
        body: setRuleBody,
      },
    },
    async (request) => {
      const { rule: name } = request.params;
      const { seen, ...rule } = request.body;
      const known = await ask<{ readonly rules: readonly WatchRule[] }>({ type: "rules" });
      const before = known.ok ? known.value.rules.find((one) => one.name === name) : undefined;
      const message = { type: "setRule", name, rule, ...(seen !== undefined && { seen }) };
      const done = known.ok ? triggered<WatchRule>(request, `rule/${name}`, message) : Promise.resolve(known);
      return audited(at, request, { rule: name }, done, (now) => changeOf(before, now));
    },
  );
  app.delete<{ Params: Static<typeof ruleParams> }>(
    "/admin/rules/:rule",
    {
      config: audits("removeRule", "alerts.manage"),
      schema: { summary: "Removes a rule over events; answers with it", tags, params: ruleParams },
    },
    async (request) => {
      const { rule: name } = request.params;
      const done = ask<WatchRule>({ type: "removeRule", name, ...shownBy(at, request) });
      return audited(at, request, { rule: name }, done, (was) => changeOf(was, undefined));
    },
  );
  app.post<{ Body: Static<typeof ruleTrial> }>(
    "/admin/rules/try",
    {
      config: { access: "admin", permission: "alerts.manage" },
      schema: {
        summary: "What a rule would have found in the past; it changes nothing",
        description:
          "It looks at the logs that are at this node, from 30 days ago on, or from `sinceMs` on. It reads a great many entries: who tries too often, or while another trial goes on at this node, is refused before any is read (RATE_LIMITED, OVERLOADED).",
        tags,
        body: ruleTrial,
      },
    },
    async (request) => {
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
