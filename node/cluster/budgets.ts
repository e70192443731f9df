/** Budgets and prices as every node knows them, and how admins change them. */
import type { Budget, Price } from "../../protocols/index.ts";
import type { Directory } from "../ports.ts";
import { watchNamedRows, type NamedRows } from "./named-rows.ts";
import { asBudget, asPrice, budgetPrefix, pricePrefix } from "./records.ts";

/** What people may take of models, and what models cost. */
export interface Budgets {
  readonly budgets: NamedRows<Budget>;
  readonly prices: NamedRows<Price>;
  stop(): void;
}

/** Budgets that a cluster may have: each is looked at with every call. */
export const budgetsMax = 64;
/** Prices that a cluster may have. */
export const pricesMax = 256;

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
  return {
    budgets,
    prices,
    stop() {
      budgets.stop();
      prices.stop();
    },
  };
}
