/** Quotas of roles: what admins set, and who may still post or upload. */
import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { failure, ok, PlexusError, quotaName, quotaParams, setQuota, type QuotaMeasure, type Result } from "../../protocols/index.ts"; // prettier-ignore
import type { Caller } from "./accounts.ts";
import { audited, audits, changeOf } from "./audited.ts";
import type { Admission, GatewayContext } from "./options.ts";

/** Whether somebody's quotas have room for so much; reserves it. Undefined in the result: nothing counts it. At once where no ledger has to
 *  be asked. */
export function admitQuota(
  { budgets }: Pick<GatewayContext, "budgets">,
  { user, roles }: Pick<Caller, "user" | "roles">,
  measure: QuotaMeasure,
  amount: number,
): Result<Admission | undefined> | Promise<Result<Admission | undefined>> {
  return budgets?.admit(user, roles, measure, amount) ?? ok(undefined);
}

/** A post in a room, which quotas count. */
export const isPost = (to: string, type: string): boolean => type === "post" && to.startsWith("room/");

/** Asks for something that a quota may count; what was refused counts for nothing. */
export async function withQuota(
  at: Pick<GatewayContext, "budgets">,
  caller: Pick<Caller, "user" | "roles">,
  { to, type }: { readonly to: string; readonly type: string },
  ask: () => Promise<Result<unknown>>,
): Promise<Result<unknown>> {
  if (!isPost(to, type)) return ask();
  const admitted = await admitQuota(at, caller, "messages", 1);
  if (!admitted.ok) return admitted;
  const result = await ask();
  admitted.value?.over(result.ok ? 1 : 0);
  return result;
}

/** Adds the routes under /api/v1/admin/quotas. */
export function addQuotas(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];
  const known = (): NonNullable<GatewayContext["budgets"]>["quotas"] => {
    if (at.budgets === undefined) throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
    return at.budgets.quotas;
  };

  app.get("/admin/quotas", { config: { access: "admin" }, schema: { summary: "Quotas of roles", tags } }, async () => ({
    quotas: known().current(),
  }));

  app.put<{ Params: Static<typeof quotaParams>; Body: Static<typeof setQuota> }>(
    "/admin/quotas/:role/:measure/:per",
    {
      config: audits("setQuota"),
      schema: {
        summary: "Says how much people of a role may use in a day or a month",
        description:
          "`messages` that they post in rooms, `bytes` of pictures and sounds that they upload, `tokens` of models. A person with several roles has the widest quota; a role without a quota has no limit.",
        tags,
        params: quotaParams,
        body: setQuota,
      },
    },
    async (request) => {
      const { limit } = request.body;
      const quota = { name: quotaName(request.params), ...request.params, limit };
      const before = known()
        .current()
        .find((one) => one.name === quota.name);
      const facts = { quota: quota.name, limit: String(limit) };
      return audited(at, request, facts, known().set(quota), (now) => changeOf(before, now));
    },
  );

  app.delete<{ Params: Static<typeof quotaParams> }>(
    "/admin/quotas/:role/:measure/:per",
    {
      config: audits("removeQuota"),
      schema: { summary: "Ends a quota; answers with it as it was", tags, params: quotaParams },
    },
    async (request) => {
      const name = quotaName(request.params);
      return audited(at, request, { quota: name }, known().remove(name), (was) => changeOf(was, undefined));
    },
  );
}
