/** Quotas by role, counted as budgets are: by leases of a ledger.
 *
 *  A person's tokens are in `ledger/ada`, with all else that models took. Messages and bytes are in `ledger/quota.ada`,
 *  which only quotas use, so that usage shows models alone. Nothing is written for a post: what was counted is told
 *  every few seconds, with one append for all of it. */
import {
  failure,
  ledgerOf,
  quotasFor,
  type Budget,
  type Failure,
  type Measure,
  type Quota,
  type UsedMeasure,
  type UsageRow,
} from "../../../protocols/index.ts";
import type { Counted } from "./counting.ts";

/** The ledger of a person's messages and bytes. No person is called so: a person's name has no dot. */
const quotaLedgerOf = (person: string) => ledgerOf(`quota.${person}`);

/** How the quotas of somebody with these roles are counted. */
export function countedQuotas(
  quotas: readonly Quota[],
  person: string,
  roles: readonly string[],
  measure: UsedMeasure,
): readonly Counted[] {
  return quotasFor(quotas, roles, measure).map(({ name, limit, per }): Counted => {
    const isTokens = measure === "tokens";
    const counts: Measure = isTokens ? "tokens" : "calls";
    // Told as used up by the refusal alone: many come near such an end each day.
    const lease = {
      id: `quota ${name}`,
      select: isTokens ? {} : { models: [measure] },
      measure: counts,
      per,
      limit,
      warnAt: limit,
    };
    const budget = {
      name,
      of: "person",
      names: [],
      measure: counts,
      limit,
      per,
      warnPercent: 100,
      ending: "stop",
    } satisfies Budget;
    return { budget, ledger: isTokens ? ledgerOf(person) : quotaLedgerOf(person), lease, own: person, quota: measure };
  });
}

/** What was used of one. */
export const quotaRow = (measure: UsedMeasure, amount: number): UsageRow => ({
  key: "",
  model: measure,
  provider: "",
  calls: amount,
  promptTokens: 0,
  cachedTokens: 0,
  completionTokens: 0,
  ms: 0,
  cost: 0,
});

/** The refusal, in the words of quotas. */
export function quotaFailure(error: Failure, { quota, budget }: Counted): Failure {
  if (quota === undefined || error.code !== "QUOTA_EXCEEDED") return error;
  const { budget: _, ...details } = error.details ?? {};
  return failure("QUOTA_EXCEEDED", { quota: budget.name, ...details, measure: quota });
}
