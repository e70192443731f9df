/** Budgets, prices and quotas: what people may take of models, what models cost, what people of a role may use. */
import {
  budgetParams,
  priceParams,
  setBudget,
  setPriceBody,
  type Budget,
  type BudgetView,
  type Price,
} from "../admin/budgets.ts";
import { answer } from "../wire/command.ts";
import type { StorageView } from "../kinds/user-storage.ts";
import { quotaName, quotaParams, setQuota, type Quota } from "../authority/quotas.ts";
import { changes, fieldsOf, listOf, ofActors, ofDirectory, reads } from "./operation.ts";

const tags = ["admin"];
const budgets = fieldsOf({ budgets: listOf(answer<BudgetView>("BudgetView")) });

export const budgetOperations = {
  "budgets.mine": reads({
    answer: budgets,
    permission: "account.use",
    errors: ofActors,
    summary: "The budgets that may stop the caller's calls of models, and how much of each is used",
    tags: ["ledger"],
  }),
  "storage.mine": reads({
    answer: answer<StorageView>("StorageView"),
    permission: "account.use",
    errors: ofActors,
    summary: "How much the caller keeps in files, in which rooms, and how much that may be",
    tags: ["user"],
  }),
  "budgets.list": reads({
    answer: budgets,
    permission: "cluster.see",
    errors: ofActors,
    summary: "Budgets, and how much of each is used",
    tags,
  }),
  "budgets.set": changes({
    params: budgetParams,
    fields: setBudget,
    answer: answer<Budget>("Budget"),
    permission: "cluster.administer",
    errors: ["LIMIT_REACHED", ...ofDirectory],
    action: "setBudget",
    facts: ({ budget }) => ({ budget }),
    remembers: ({ budget, of: subject, names = [], measure, limit, per, ending }) => ({
      budget,
      of: `${subject} ${names.join(" ")}`.slice(0, 256).trim(),
      limit: `${limit} ${measure} per ${per}`,
      ending,
    }),
    summary: "Sets a budget",
    description:
      "`person`, `key` and `agent` count each that is named, or each there is, by itself; the others count all " +
      "that are named together. A budget that names somebody stands in place of those of its sort that are for " +
      "each. `limit` of `cost` is in millionths of the unit in which prices are.",
    tags,
  }),
  "budgets.remove": changes({
    params: budgetParams,
    answer: answer<Budget>("Budget"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeBudget",
    facts: ({ budget }) => ({ budget }),
    remembers: ({ budget }) => ({ budget }),
    summary: "Ends a budget; answers with it as it was",
    tags,
  }),
  "prices.list": reads({
    answer: fieldsOf({ prices: listOf(answer<Price>("Price")) }),
    permission: "cluster.see",
    errors: [],
    summary: "What models cost",
    tags,
  }),
  "prices.set": changes({
    params: priceParams,
    fields: setPriceBody,
    answer: answer<Price>("Price"),
    permission: "cluster.administer",
    errors: ["LIMIT_REACHED", ...ofDirectory],
    action: "setPrice",
    facts: ({ model }) => ({ model }),
    remembers: ({ model, seen: _seen, ...rates }) => ({
      model: model.slice(0, 256),
      ...Object.fromEntries(Object.entries(rates).map(([name, rate]) => [name, String(rate)])),
    }),
    summary: "Says what a model costs: units for a million tokens, and for a call",
    description:
      "A name that ends with `*` stands for all models whose names begin with the part before it; the longest " +
      "name that fits counts. `seen`: the price that the caller has seen, or null; where it is another by now, " +
      "nothing is changed (CHANGED_MEANWHILE).",
    tags,
  }),
  "prices.remove": changes({
    params: priceParams,
    answer: answer<Price>("Price"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removePrice",
    facts: ({ model }) => ({ model }),
    remembers: ({ model }) => ({ model: model.slice(0, 256) }),
    summary: "A model costs nothing any more; answers with its price as it was",
    tags,
  }),
  "quotas.list": reads({
    answer: fieldsOf({ quotas: listOf(answer<Quota>("Quota")) }),
    permission: "cluster.see",
    errors: [],
    summary: "Quotas of roles",
    tags,
  }),
  "quotas.set": changes({
    params: quotaParams,
    fields: setQuota,
    answer: answer<Quota>("Quota"),
    permission: "cluster.administer",
    errors: ["LIMIT_REACHED", ...ofDirectory],
    action: "setQuota",
    facts: ({ limit, ...of }) => ({ quota: quotaName(of), limit: String(limit) }),
    summary: "Says how much people of a role may use in a day or a month, or keep",
    description:
      "`messages` that they post in rooms, `bytes` of files, pictures and sounds that they upload, `tokens` of " +
      "models, and with `always` in place of a period the bytes of files that they keep: `stored`. " +
      "A person with several roles has the widest quota; a role without a quota has no limit.",
    tags,
  }),
  "quotas.remove": changes({
    params: quotaParams,
    answer: answer<Quota>("Quota"),
    permission: "cluster.administer",
    errors: ["NOT_FOUND", ...ofDirectory],
    action: "removeQuota",
    facts: (of) => ({ quota: quotaName(of) }),
    summary: "Ends a quota; answers with it as it was",
    tags,
  }),
};
