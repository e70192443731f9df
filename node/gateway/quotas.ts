/** Quotas of roles: who may still post or upload. */
import { ok, type QuotaMeasure, type Result } from "../../protocols/index.ts";
import type { Admission, GatewayContext } from "./options.ts";
import type { Caller } from "./identity/callers.ts";

/** Whether somebody's quotas have room for so much; reserves it. Undefined in the result: nothing counts it. At once
 *  where no ledger has to be asked. */
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
