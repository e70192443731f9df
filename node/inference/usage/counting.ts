/** Which budgets count a call, and where: pure functions of what admins have set. */
import {
  agentOfKey,
  everybody,
  ledgerOf,
  type ActorId,
  type Budget,
  type LeaseAsked,
  type Price,
  type UsedMeasure,
  type UsageRow,
} from "../../../protocols/index.ts";
import { free, type Rate } from "./call-cost.ts";

/** Whose call it is, and of what. */
export interface Payer {
  /** A person's name; empty: nobody's. */
  readonly person: string;
  /** As in rows of usage. */
  readonly key: string;
  readonly model: string;
  readonly provider: string;
}

/** A budget that counts a call: where, and as what. */
export interface Counted {
  readonly budget: Budget;
  readonly ledger: ActorId;
  readonly lease: Omit<LeaseAsked, "keep" | "want">;
  /** Whose, of a budget that is for each of several by itself. */
  readonly own?: string;
  /** Of a quota of a role, what it counts. */
  readonly quota?: UsedMeasure;
}

/** The person who pays. An agent's calls are its owner's, also when somebody else asked it; the turn at the model is
 *  the asker's. */
export function payerOf(person: string, key: string): Pick<Payer, "person" | "key"> {
  const [kind = "", id = ""] = key.split("/", 2);
  // Its conversations count together.
  if (kind === "agent") return { person: id.split(".", 1)[0] ?? "", key: `agent/${agentOfKey(id)}` };
  const name = person.startsWith("user/") ? person.slice("user/".length) : "";
  if (name === "") return { person: "", key: "" };
  // Devices come and go, and their person is the same: they count together.
  return { person: name, key: kind === "key" ? key : "session" };
}

/** What a named or each one of a budget is in a call; undefined: nothing of it. */
function ownName({ of: subject }: Budget, { person, key }: Payer): string | undefined {
  if (person === "") return undefined;
  if (subject === "person") return person;
  return key.startsWith(`${subject}/`) ? key.slice(subject.length + 1) : undefined;
}

function countedBy(budget: Budget, payer: Payer): Omit<Counted, "budget"> | undefined {
  const { name, names, of: subject, measure, per, limit, warnPercent } = budget;
  const lease = { measure, per, limit, warnAt: Math.ceil((limit / 100) * warnPercent) };
  const shared = { ledger: ledgerOf(everybody) };
  switch (subject) {
    case "person":
    case "key":
    case "agent": {
      const own = ownName(budget, payer);
      if (own === undefined || (names.length > 0 && !names.includes(own))) return undefined;
      const select = subject === "person" ? {} : { key: payer.key };
      const id = subject === "person" ? name : `${name}:${own}`;
      return { ledger: ledgerOf(payer.person), lease: { ...lease, id, select }, own };
    }
    case "team":
      return names.includes(payer.person)
        ? { ...shared, lease: { ...lease, id: name, select: { people: names } } }
        : undefined;
    case "model":
      return names.includes(payer.model)
        ? { ...shared, lease: { ...lease, id: name, select: { models: names } } }
        : undefined;
    case "provider":
      return names.includes(payer.provider)
        ? { ...shared, lease: { ...lease, id: name, select: { providers: names } } }
        : undefined;
    case "cluster":
      return { ...shared, lease: { ...lease, id: name, select: {} } };
    default:
      // Of a later version.
      return undefined;
  }
}

/** The budgets that count a call. One that names somebody stands in place of those of its sort that are for each. */
export function budgetsOf(budgets: readonly Budget[], payer: Payer): readonly Counted[] {
  const all = budgets.flatMap((budget): readonly Counted[] => {
    const counted = countedBy(budget, payer);
    return counted === undefined ? [] : [{ budget, ...counted }];
  });
  const sort = ({ of: subject, measure, per }: Budget): string => `${subject} ${measure} ${per}`;
  const named = new Set(all.filter(({ budget }) => budget.names.length > 0).map(({ budget }) => sort(budget)));
  return all.filter(({ budget }) => budget.names.length > 0 || !named.has(sort(budget)));
}

/** Those that count the calls of everybody together. */
export const sharedBudgets = (budgets: readonly Budget[]): readonly Counted[] =>
  budgets.flatMap((budget): readonly Counted[] => {
    if (budget.of !== "model" && budget.of !== "provider") return [];
    const [one = ""] = budget.names;
    const counted = countedBy(budget, { person: "", key: "", model: one, provider: one });
    return counted === undefined ? [] : [{ budget, ...counted }];
  });

/** Every budget of which it is known where it is counted: for all together, or for people and agents who are named. */
export const namedBudgets = (budgets: readonly Budget[]): readonly Counted[] =>
  budgets.flatMap((budget): readonly Counted[] => {
    const { of: subject, names } = budget;
    const payers = names.map((name): Payer => {
      const [owner = ""] = name.split(".", 1);
      return { person: owner, key: subject === "agent" ? `agent/${name}` : "session", model: name, provider: name };
    });
    const some = subject === "cluster" ? [{ person: "", key: "", model: "", provider: "" }] : payers;
    const counted = some.flatMap((payer) => countedBy(budget, payer) ?? []);
    // Of a budget for all together one is enough.
    return (subject === "person" || subject === "agent" ? counted : counted.slice(0, 1)).map((one) => ({
      budget,
      ...one,
    }));
  });

/** Those who took most of a budget that is for each person, as everybody's ledger has them; and how many more there
 *  are. */
export function eachPerson(
  budget: Budget,
  budgets: readonly Budget[],
  rows: readonly UsageRow[],
  max: number,
): { readonly most: readonly Counted[]; readonly more: number } {
  const amounts = new Map<string, number>();
  for (const row of rows) {
    const amount = budget.measure === "tokens" ? row.promptTokens + row.completionTokens : row[budget.measure];
    if (row.person !== undefined && row.person !== "") amounts.set(row.person, (amounts.get(row.person) ?? 0) + amount);
  }
  const all = [...amounts].toSorted(([one, some], [other, more]) => more - some || (one < other ? -1 : 1));
  const counted = all.flatMap(([person]): readonly Counted[] => {
    const payer = { person, key: "session", model: "", provider: "" };
    // A budget that names somebody stands in its place.
    const own = budgetsOf(budgets, payer).find((one) => one.budget === budget);
    return own === undefined
      ? []
      : [{ ...own, ledger: ledgerOf(everybody), lease: { ...own.lease, select: { people: [person] } } }];
  });
  return { most: counted.slice(0, max), more: Math.max(0, counted.length - max) };
}

/** What a model costs for a million tokens read and as many written; undefined: nobody has said. */
export function priceOf(prices: readonly Price[], model: string): number | undefined {
  const rate = rateOf(prices, model);
  return rate === free ? undefined : rate.input + rate.output;
}

/** What a model costs. */
export function rateOf(prices: readonly Price[], model: string): Rate {
  const fits = ({ name }: Price): boolean =>
    name.endsWith("*") ? model.startsWith(name.slice(0, -1)) : name === model;
  const [price] = prices
    .filter(fits)
    .toSorted(
      (one, other) => Number(other.name === model) - Number(one.name === model) || other.name.length - one.name.length,
    );
  if (price === undefined) return free;
  // Units for a million tokens are millionths for one.
  const { input, cached = input, output, call = 0 } = price;
  return { input, cached, output, call: call * 1_000_000 };
}
