/** Budgets, prices and quotas as every node knows them, and how admins change them. */
import type { Budget, Price, Quota } from "../../../protocols/index.ts";
import type { Directory } from "../../ports/index.ts";
import { watchNamedRows, type NamedRows } from "./named-rows.ts";
import { asBudget, asPrice, asQuota, budgetPrefix, pricePrefix, quotaPrefix } from "./records.ts";

/** What people may take of models, and what models cost. */
export interface Budgets {
  readonly budgets: NamedRows<Budget>;
  readonly prices: NamedRows<Price>;
  readonly quotas: NamedRows<Quota>;
  stop(): void;
}

/** Budgets that a cluster may have: each is looked at with every call. */
const budgetsMax = 64;
/** Prices that a cluster may have. */
const pricesMax = 256;

/** Quotas that a cluster may have. */
const quotasMax = 128;

/** Begins to watch the rows. */
export function watchBudgets(directory: Directory): Budgets {
  const budgets = watchNamedRows<Budget>(directory, {
    one: "budget",
    prefix: budgetPrefix,
    read: asBudget,
    limit: { budgetsMax },
  });
  const prices = watchNamedRows<Price>(directory, {
    one: "price",
    prefix: pricePrefix,
    read: asPrice,
    limit: { pricesMax },
  });
  const quotas = watchNamedRows<Quota>(directory, {
    one: "quota",
    prefix: quotaPrefix,
    read: asQuota,
    limit: { quotasMax },
  });
  return {
    budgets,
    prices,
    quotas,
    stop() {
      budgets.stop();
      prices.stop();
      quotas.stop();
    },
  };
}
