import type { FastifyInstance } from "fastify";
import type { Static } from "typebox";
import { budgetParams, failure, PlexusError, priceParams, setBudget, setPrice, type Budget, type SetBudget } from "../../protocols/index.ts"; // prettier-ignore
import { audited, audits, changeOf, whoIs } from "./audited.ts";
import { callerOf } from "./http.ts";
import type { GatewayContext } from "./options.ts";

/** Adds the routes under /api/v1/admin/budgets and /api/v1/admin/prices, for admins, and /api/v1/budgets, which says what counts for the
 *  caller. */
export function addBudgets(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["admin"];
  const known = (): NonNullable<GatewayContext["budgets"]> => {
    if (at.budgets === undefined) throw new PlexusError(failure("NOT_FOUND", { reason: "this node is in no cluster" }));
    return at.budgets;
  };
  const admin = { access: "admin" } as const;

  app.get(
    "/budgets",
    {
      config: { access: "user", permission: "account.use" },
      schema: { summary: "The budgets that may stop the caller's calls of models, and how much of each is used", tags: ["ledger"] },
    },
    async (request) => ({ budgets: await known().standingsOf(callerOf(request).user) }),
  ); // prettier-ignore

  app.get(
    "/admin/budgets",
    { config: admin, schema: { summary: "Budgets, and how much of each is used", tags } },
    async () => ({ budgets: await known().standings() }),
  );

  app.put<{ Params: Static<typeof budgetParams>; Body: SetBudget }>(
    "/admin/budgets/:budget",
    {
      config: audits("setBudget"),
      schema: {
        summary: "Sets a budget",
        description:
          "`person`, `key` and `agent` count each that is named, or each there is, by itself; the others count all that are named together. A budget that names somebody stands in place of those of its sort that are for each. `limit` of `cost` is in millionths of the unit in which prices are.",
        tags,
        params: budgetParams,
        body: setBudget,
      },
    },
    async (request) => {
      const { budget: name } = request.params;
      const budget: Budget = { name, names: [], warnPercent: 80, ...request.body };
      checkBudget(budget);
      const { of: subject, names, measure, limit, per, ending } = budget;
      const before = known().budgets.current().find((one) => one.name === name);
      const set = await audited(at, request, { budget: name }, known().budgets.set(budget), (now) => changeOf(before, now)); // prettier-ignore
      const facts = { budget: name, of: `${subject} ${names.join(" ")}`.slice(0, 256).trim(), limit: `${limit} ${measure} per ${per}`, ending };
      at.changed?.("setBudget", facts, whoIs(request));
      return set;
    },
  ); // prettier-ignore

  app.delete<{ Params: Static<typeof budgetParams> }>(
    "/admin/budgets/:budget",
    {
      config: audits("removeBudget"),
      schema: { summary: "Ends a budget; answers with it as it was", tags, params: budgetParams },
    },
    async (request) => {
      const { budget: name } = request.params;
      const removed = await audited(at, request, { budget: name }, known().budgets.remove(name), (was) => changeOf(was, undefined)); // prettier-ignore
      at.changed?.("removeBudget", { budget: name }, whoIs(request));
      return removed;
    },
  );

  app.get("/admin/prices", { config: admin, schema: { summary: "What models cost", tags } }, async () => ({
    prices: known().prices.current(),
  }));

  app.put<{ Params: Static<typeof priceParams>; Body: Static<typeof setPrice> }>(
    "/admin/prices/:model",
    {
      config: audits("setPrice"),
      schema: {
        summary: "Says what a model costs: units for a million tokens, and for a call",
        description:
          "A name that ends with `*` stands for all models whose names begin with the part before it; the longest name that fits counts.",
        tags,
        params: priceParams,
        body: setPrice,
      },
    },
    async (request) => {
      const { model } = request.params;
      const before = known()
        .prices.current()
        .find((one) => one.name === model);
      const priced = known().prices.set({ name: model, ...request.body });
      const set = await audited(at, request, { model }, priced, (now) => changeOf(before, now));
      const facts = Object.fromEntries(Object.entries(request.body).map(([name, value]) => [name, String(value)]));
      at.changed?.("setPrice", { model: model.slice(0, 256), ...facts }, whoIs(request));
      return set;
    },
  );

  app.delete<{ Params: Static<typeof priceParams> }>(
    "/admin/prices/:model",
    {
      config: audits("removePrice"),
      schema: {
        summary: "A model costs nothing any more; answers with its price as it was",
        tags,
        params: priceParams,
      },
    },
    async (request) => {
      const { model } = request.params;
      const removed = await audited(at, request, { model }, known().prices.remove(model), (was) => changeOf(was, undefined)); // prettier-ignore
      at.changed?.("removePrice", { model: model.slice(0, 256) }, whoIs(request));
      return removed;
    },
  );
}

/** What the schema alone cannot say. Error: BAD_REQUEST. */
function checkBudget({ of: subject, names, ending, instead }: Budget): void {
  const wrong = (path: string, problem: string): PlexusError => new PlexusError(failure("BAD_REQUEST", { path, problem }));
  const isNamed = subject === "team" || subject === "model" || subject === "provider";
  if (isNamed && names.length === 0) throw wrong("/names", `a budget of a ${subject} has to name what it counts`);
  if (subject === "cluster" && names.length > 0) throw wrong("/names", "the budget of the cluster counts all");
  if ((ending === "instead") !== (instead !== undefined))
    throw wrong("/instead", "the model that is called in place belongs to the ending `instead`, and to no other");
} // prettier-ignore
