/** `plexus budgets` and `plexus prices`. */
import { failure, PlexusError } from "../../protocols/errors.ts";
import type { Budget, BudgetSubject, BudgetView, Price } from "../../protocols/index.ts";
import { operate, type AdminFlags } from "../node/admin.ts";
import { describeDuration, exitCodes, type Output } from "../terminal/output.ts";
import { jsonLine, withoutControls } from "../terminal/printable.ts";
import { renderTable } from "../terminal/table.ts";

/** What `plexus budgets set` was told. */
export interface BudgetFlags {
  readonly name: string;
  readonly of: BudgetSubject;
  readonly names: readonly string[];
  readonly tokens?: string;
  readonly cost?: string;
  readonly calls?: string;
  readonly per: "day" | "month";
  readonly warn: number;
  readonly onlyWarn?: boolean;
  readonly instead?: string;
}

/** `plexus budgets`. With --json one line a budget. */
export async function listBudgets(flags: AdminFlags, output: Output): Promise<number> {
  const { budgets } = await operate(flags, "budgets.list");
  if (flags.json) for (const budget of budgets) output.print(jsonLine(budget));
  else output.print(describeBudgets(budgets, output.color, output.columns));
  return exitCodes.ok;
}

/** `plexus budgets set`. */
export async function setBudget(flags: AdminFlags, told: BudgetFlags, output: Output): Promise<number> {
  const { name, of: subject, names, per, warn, onlyWarn = false, instead } = told;
  const budget = await operate(flags, "budgets.set", {
    budget: name,
    of: subject,
    names: [...names],
    ...readAmount(told),
    per,
    warnPercent: warn,
    ending: instead === undefined ? (onlyWarn ? "warn" : "stop") : "instead",
    ...(instead !== undefined && { instead }),
  });
  if (flags.json) output.print(jsonLine(budget));
  else output.print(`${wordsOf(budget)}. ${endingOf(budget)}`);
  return exitCodes.ok;
}

/** `plexus budgets remove`. */
export async function removeBudget(flags: AdminFlags, name: string, output: Output): Promise<number> {
  const budget = await operate(flags, "budgets.remove", { budget: name });
  if (flags.json) output.print(jsonLine(budget));
  else output.print(`The budget is removed. To set it again: ${commandOf(budget)}`);
  return exitCodes.ok;
}

/** `plexus prices`. With --json one line a price. */
export async function listPrices(flags: AdminFlags, output: Output): Promise<number> {
  const { prices } = await operate(flags, "prices.list");
  if (flags.json) for (const price of prices) output.print(jsonLine(price));
  else output.print(describePrices(prices, output.color, output.columns));
  return exitCodes.ok;
}

/** `plexus prices set`. */
export async function setPrice(
  flags: AdminFlags,
  {
    model,
    input,
    output: out,
    cached,
    call,
  }: {
    readonly model: string;
    readonly input: number;
    readonly output: number;
    readonly cached: number | undefined;
    readonly call: number | undefined;
  },
  output: Output,
): Promise<number> {
  const rates = { input, output: out, ...(cached !== undefined && { cached }), ...(call !== undefined && { call }) };
  const price = await operate(flags, "prices.set", { model, ...rates });
  if (flags.json) output.print(jsonLine(price));
  else
    output.print(
      `${withoutControls(model)}: ${input} for a million tokens read, ${out} for a million written, from now on.`,
    );
  return exitCodes.ok;
}

/** `plexus prices remove`. */
export async function removePrice(flags: AdminFlags, model: string, output: Output): Promise<number> {
  const price = await operate(flags, "prices.remove", { model });
  const more =
    `${price.cached === undefined ? "" : ` --cached ${price.cached}`}` +
    `${price.call === undefined ? "" : ` --call ${price.call}`}`;
  if (flags.json) output.print(jsonLine(price));
  else
    output.print(
      `The price is removed. To set it again: plexus prices set ${quoted(withoutControls(model))} --in ` +
        `${price.input} --out ${price.output}${more}`,
    );
  return exitCodes.ok;
}

const million = 1_000_000;
const wrong = (reason: string): PlexusError => new PlexusError(failure("BAD_REQUEST", { reason }));

/** `500k`, `1.5M`, `2G`. */
export function readCount(text: string): number {
  const match = /^(\d{1,12}(?:\.\d{1,6})?)([kMG]?)$/.exec(text);
  const [, digits = "", suffix = ""] = match ?? [];
  const count = Number(digits) * ({ k: 1e3, M: 1e6, G: 1e9 }[suffix] ?? 1);
  if (match === null || !Number.isSafeInteger(Math.round(count)))
    throw wrong(`${JSON.stringify(text)} is not a number like 1000, 500k or 1.5M`);
  return Math.round(count);
}

function readAmount({ tokens, cost, calls }: BudgetFlags): Pick<Budget, "measure" | "limit"> {
  if (tokens !== undefined) return { measure: "tokens", limit: readCount(tokens) };
  if (calls !== undefined) return { measure: "calls", limit: readCount(calls) };
  if (cost === undefined) throw wrong("a budget needs --tokens, --cost or --calls");
  if (!/^\d{1,9}(?:\.\d{1,6})?$/.test(cost)) throw wrong(`${JSON.stringify(cost)} is not an amount like 20 or 0.5`);
  return { measure: "cost", limit: Math.round(Number(cost) * million) };
}

/** An amount as it is typed. */
const typed = (measure: Budget["measure"], amount: number): string =>
  measure === "cost" ? String(amount / million) : String(amount);

const amountOf = (measure: Budget["measure"], amount: number): string =>
  measure === "cost" ? (amount / million).toFixed(2) : `${amount.toLocaleString("en")} ${measure}`;

const subjectOf = ({ of: subject, names }: Budget): string =>
  names.length === 0 ? (subject === "cluster" ? "all calls" : `each ${subject}`) : `${subject} ${names.join(", ")}`;

const wordsOf = (budget: Budget): string =>
  withoutControls(`${budget.name}: ${amountOf(budget.measure, budget.limit)} a ${budget.per} for ${subjectOf(budget)}`);

const endingOf = ({ ending, instead = "", warnPercent }: Budget): string =>
  withoutControls(
    ending === "stop"
      ? `Calls beyond it are refused; a warning comes at ${warnPercent} %.`
      : ending === "instead"
        ? `Calls beyond it use ${instead}; a warning comes at ${warnPercent} %.`
        : `Nothing is stopped; a warning comes at ${warnPercent} %.`,
  );

/** Budgets as a person reads them. */
export function describeBudgets(budgets: readonly BudgetView[], color: boolean, width = Infinity): string {
  if (budgets.length === 0)
    return (
      "No budgets. `plexus budgets set daily person --tokens 1M --per day` gives each person a million tokens a " +
      "day."
    );
  const rows = budgets.flatMap((budget) => {
    const { name, measure, limit, per, ending, instead = "", spent, more = 0 } = budget;
    const first = [name, subjectOf(budget), `${amountOf(measure, limit)} a ${per}`];
    const then = ending === "instead" ? `${instead} instead` : ending;
    const sums = spent.length === 0 ? [undefined] : spent;
    const others = more === 0 ? [] : [["", "", "", `and ${more} more`, "", "", "", ""]];
    const lines = sums.map((sum, index) =>
      [
        ...(index === 0 ? first : ["", "", ""]),
        sum?.name ?? "",
        sum === undefined ? "" : amountOf(measure, sum.amount),
        sum === undefined || limit === 0 ? "" : `${Math.floor((sum.amount / limit) * 100)} %`,
        sum === undefined ? "" : describeDuration(sum.resetsInMs),
        index === 0 ? then : "",
      ].map(withoutControls),
    );
    return [...lines, ...others];
  });
  const columns = [
    { head: "Budget" },
    { head: "Of" },
    { head: "Limit" },
    { head: "Whose", leaves: 2 },
    { head: "Taken", align: "right" as const },
    { head: "", align: "right" as const },
    { head: "Begins again in", leaves: 1 },
    { head: "Then", leaves: 3 },
  ];
  return renderTable(columns, rows, { color, columns: width });
}

/** Prices as a person reads them. */
export function describePrices(prices: readonly Price[], color: boolean, width = Infinity): string {
  if (prices.length === 0)
    return (
      "No prices: calls cost nothing. `plexus prices set MODEL --in 2.5 --out 10` says what a million tokens " + "cost."
    );
  const rows = prices.map(({ name, input, cached, output, call }) =>
    [
      name,
      String(input),
      cached === undefined ? "" : String(cached),
      String(output),
      call === undefined ? "" : String(call),
    ].map(withoutControls),
  );
  const right = { align: "right" as const };
  const columns = [
    { head: "Model" },
    { head: "Read", ...right },
    { head: "Cached", ...right },
    { head: "Written", ...right },
    { head: "A call", ...right },
  ];
  return renderTable(columns, rows, { color, columns: width });
}

const quoted = (text: string): string => (/^[\w.:,/@+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`);

/** The command that sets it. */
export const commandOf = ({
  name,
  of: subject,
  names,
  measure,
  limit,
  per,
  warnPercent,
  ending,
  instead,
}: Budget): string =>
  [
    "plexus budgets set",
    ...[name, subject, ...names].map((text) => quoted(withoutControls(text))),
    `--${measure} ${typed(measure, limit)} --per ${per}`,
    ...(warnPercent === 80 ? [] : [`--warn ${warnPercent}`]),
    ...(ending === "warn" ? ["--only-warn"] : []),
    ...(instead === undefined ? [] : [`--instead ${quoted(withoutControls(instead))}`]),
  ].join(" ");
