/** Budgets and prices: what admins set, as every node knows it. */
import { Type, type Static } from "typebox";
import { measures, periods, type Measure, type PeriodName } from "../kinds/ledger.ts";
import { object, seenOf } from "../wire/schema.ts";

/** Whose calls a budget counts. `person`, `key`, `agent`: those of each one that is named, or of each there is, by
 *  itself. `team`: those of the people who are named, together. `model`, `provider`: those of all that are named,
 *  together. `cluster`: all. */
export const budgetSubjects = ["person", "key", "agent", "team", "model", "provider", "cluster"] as const;
export type BudgetSubject = (typeof budgetSubjects)[number];

/** What happens when it is used up: calls are refused; nothing, people are told; another model is called in place. */
export const budgetEndings = ["stop", "warn", "instead"] as const;
export type BudgetEnding = (typeof budgetEndings)[number];

const words = <Word extends string>(list: readonly Word[]) =>
  Type.Unsafe<Word>(Type.Union(list.map((one) => Type.Literal(one))));

export const budgetParams = object({ budget: Type.String({ pattern: "^[a-z0-9][a-z0-9._-]{0,63}$" }) });

/** Body of a budget. */
export const setBudget = object({
  of: words<BudgetSubject>(budgetSubjects),
  /** Of whom or what: names of people, ids of API keys, `OWNER.NAME` of agents, models, providers. Empty: of each. */
  names: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 200 }), { maxItems: 100, uniqueItems: true, default: [] }),
  ),
  measure: words<Measure>(measures),
  /** Tokens, calls, or millionths of the unit in which prices are. */
  limit: Type.Integer({ minimum: 0, maximum: Number.MAX_SAFE_INTEGER }),
  per: words<PeriodName>(periods),
  /** People are told when so much of it is used. */
  warnPercent: Type.Optional(Type.Integer({ minimum: 1, maximum: 100, default: 80 })),
  ending: words<BudgetEnding>(budgetEndings),
  /** With `instead`: the model or route that is called in place. */
  instead: Type.Optional(Type.String({ minLength: 1, maxLength: 200 })),
});
export type SetBudget = Static<typeof setBudget>;

/** A budget. */
export type Budget = SetBudget & Required<Pick<SetBudget, "names" | "warnPercent">> & { readonly name: string };

/** What was taken of a budget. */
export interface BudgetSpent {
  /** Whose: of a budget that is for each of several by itself. */
  readonly name?: string;
  readonly amount: number;
  readonly resetsInMs: number;
}

/** A budget and what was taken of it: one sum, the sums of those whom it names, or of the people who took most. */
export interface BudgetView extends Budget {
  readonly spent: readonly BudgetSpent[];
  /** Of a budget that is for each person: how many more there are, who took less. */
  readonly more?: number;
}

export const priceParams = object({ model: Type.String({ minLength: 1, maxLength: 200 }) });

const rate = Type.Number({ minimum: 0, maximum: 1_000_000 });

/** Body of a price: units for a million tokens, and for a call. */
export const setPrice = object({
  input: rate,
  /** Of what is in the model's memory from before. Default: like the rest of the input. */
  cached: Type.Optional(rate),
  output: rate,
  call: Type.Optional(rate),
});
export type SetPrice = Static<typeof setPrice>;
/** Body of the route. */
export const setPriceBody = object({ ...setPrice.properties, seen: seenOf(setPrice) });

/** What a model costs. A name that ends with `*` stands for all models whose names begin so; the longest that fits
 *  counts. */
export type Price = SetPrice & { readonly name: string };
