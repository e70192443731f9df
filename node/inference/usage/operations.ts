/** What the operations on budgets, prices and quotas do, and those that show what was taken. */
import {
  acted,
  activityActor,
  actorId,
  changed,
  everybody,
  failure,
  isQuotaOf,
  ledgerOf,
  ok,
  PlexusError,
  quotaName,
  refused,
  removed,
  type ActivityView,
  type ActorId,
  type Budget,
  type budgetOperations,
  type BudgetView,
  type FeedbackView,
  type HandlersOf,
  storageQuotaFor,
  type ReportsView,
  type Result,
  type StorageHeld,
  type usageOperations,
  type UsageReport,
  type UsageReportView,
  type UsageView,
  type UseView,
} from "../../../protocols/index.ts";
import type { Message } from "../../../actors/behavior.ts";
import type { Random } from "../../ports/index.ts";
import type { Budgets } from "../../cluster/facts/budgets.ts";
import { daysOf, fileOf, type ReportSource } from "./report-files.ts";

/** What is known of budgets beside what admins set. */
interface Standings {
  /** Those that may stop a person's calls. */
  standingsOf(person: string): Promise<readonly BudgetView[]>;
  standings(): Promise<readonly BudgetView[]>;
}

/** The handlers. */
export function handleBudgets(
  rows: Pick<Budgets, "budgets" | "prices" | "quotas">,
  standings: Standings,
  ask: Ask,
): HandlersOf<typeof budgetOperations> {
  const { budgets, prices, quotas } = rows;
  return {
    "budgets.mine": async (_, { by }) => ok({ budgets: await standings.standingsOf(by) }),
    "storage.mine": async (_, { by, roles }) => {
      const held = (await ask(actorId("user", by), { type: "storage" })) as Result<StorageHeld>;
      const quota = storageQuotaFor(quotas.current(), roles);
      return held.ok ? ok({ ...held.value, ...(quota && { limit: quota.limit, quota: quota.name }) }) : held;
    },
    "budgets.list": async () => ok({ budgets: await standings.standings() }),
    "budgets.set": async ({ budget: name, ...said }) => {
      const budget: Budget = { name, names: [], warnPercent: 80, ...said };
      checkBudget(budget);
      return changed(named(budgets.current(), name), await budgets.set(budget));
    },
    "budgets.remove": async ({ budget }) => removed(await budgets.remove(budget)),
    "prices.list": () => ok({ prices: prices.current() }),
    "prices.set": async ({ model: name, seen, ...rates }) =>
      changed(named(prices.current(), name), await prices.set({ name, ...rates }, seen)),
    "prices.remove": async ({ model }) => removed(await prices.remove(model)),
    "quotas.list": () => ok({ quotas: quotas.current() }),
    "quotas.set": async (quota) => {
      if (!isQuotaOf(quota)) throw wrong("/per", "`stored` is for `always`, and everything else for a period");
      const name = quotaName(quota);
      return changed(named(quotas.current(), name), await quotas.set({ name, ...quota }));
    },
    "quotas.remove": async (quota) => removed(await quotas.remove(quotaName(quota))),
  };
}

/** Asks an actor, as the gateway. */
type Ask = (to: ActorId, message: Message) => Promise<Result<unknown>>;

/** The handlers that show what people took and did. What the actors answer is of their own rows. */
export const handleUsage = (
  ask: Ask,
  source: Pick<ReportSource, "nowMs" | "brand"> & { readonly random: Pick<Random, "bytes"> },
): HandlersOf<typeof usageOperations> => ({
  "usage.list": ({ person, ...asked }) =>
    ask(ledgerOf(person ?? everybody), { type: "usage", ...asked }) as Promise<Result<UsageView>>,
  "usage.days": ({ days = 30, before }) =>
    ask(activityActor, { type: "days", days, ...(before !== undefined && { before }) }) as Promise<
      Result<ActivityView>
    >,
  "use.list": (asked) => ask(activityActor, { type: "use", ...asked }) as Promise<Result<UseView>>,
  "use.set": async ({ isOn }) => {
    const view = (await ask(activityActor, { type: "feedback" })) as Result<FeedbackView>;
    const result = (await ask(activityActor, { type: "setUse", isOn })) as Result<{ readonly isOn: boolean }>;
    return { result, ...(view.ok && { before: { isOn: view.value.isOn } }), after: { isOn } };
  },
  "use.remove": async () => acted(emptied(await ask(activityActor, { type: "removeUse" }))),
  "feedback.give": async ({ text }) =>
    acted(emptied(await ask(activityActor, { type: "giveFeedback", text, id: lot(source.random) }))),
  "feedback.list": () => ask(activityActor, { type: "feedback" }) as Promise<Result<FeedbackView>>,
  "feedback.end": async ({ id }) => acted(emptied(await ask(activityActor, { type: "endFeedback", id }))),
  "reports.list": async (_, asker) => {
    const known = (await ask(activityActor, { type: "reports" })) as Result<ReportsView>;
    return known.ok && asker.may("cluster.administer") !== undefined ? ok(withoutAddresses(known.value)) : known;
  },
  "reports.file": async ({ report: name, format }) => {
    const known = (await ask(activityActor, { type: "reports" })) as Result<ReportsView>;
    if (!known.ok) return known;
    const report = known.value.reports.find((one) => one.report === name);
    if (report === undefined) return refused(failure("NOT_FOUND", { report: name }));
    const days = await daysOf({ ...source, ask: (message) => ask(activityActor, message) }, report.days);
    const { bytes, ...said } = fileOf(format, report, { days, brand: source.brand() });
    return ok({ ...said, base64: Buffer.from(bytes).toString("base64") });
  },
  "reports.set": async (said, { by }) => {
    const known = (await ask(activityActor, { type: "reports" })) as Result<ReportsView>;
    const before = known.ok ? known.value.reports.find(({ report }) => report === said.report) : undefined;
    const set = (await ask(activityActor, { type: "setReport", ...said, by })) as Result<UsageReportView>;
    return { result: set, ...(before && { before: ruleOf(before) }), after: ruleOf(said) };
  },
  "reports.remove": async ({ report }) => {
    const gone = (await ask(activityActor, { type: "removeReport", report })) as Result<unknown>;
    return acted(gone.ok ? ok({}) : gone);
  },
  "reports.send": async ({ report, run }, { by }) => {
    const message = { type: "sendReport", report, by, ...(run !== undefined && { run }) };
    const sent = (await ask(activityActor, message)) as Result<{ readonly id: number }>;
    return acted(sent.ok ? ok({ task: `report.${sent.value.id}` }) : sent);
  },
});

/** Of six digits, so that it can be typed. */
const lot = (random: Pick<Random, "bytes">): number =>
  100_000 + (Buffer.from(random.bytes(4)).readUInt32BE() % 900_000);

/** As many as there are, but not which. */
const hidden = (addresses: readonly string[]): string[] => addresses.map(() => "…");
const withoutAddresses = ({ reports, runs }: ReportsView): ReportsView => ({
  reports: reports.map((one) => ({ ...one, to: hidden(one.to) })),
  runs: runs.map((one) => ({ ...one, left: hidden(one.left) })),
});

const emptied = (answer: Result<unknown>): Result<object> => (answer.ok ? ok({}) : answer);

/** A report as the audit keeps it: without addresses. */
const ruleOf = ({ cron, days, formats, to }: Pick<UsageReport, "cron" | "days" | "formats" | "to">) => ({
  cron,
  days,
  formats: formats.join(" "),
  receivers: to.length,
});

const named = <Row extends { readonly name: string }>(rows: readonly Row[], name: string): Row | undefined =>
  rows.find((row) => row.name === name);

const wrong = (path: string, problem: string): PlexusError =>
  new PlexusError(failure("BAD_REQUEST", { path, problem }));

/** What the schema alone cannot say. Error: BAD_REQUEST. */
function checkBudget({ of: subject, names, ending, instead }: Budget): void {
  const isNamed = subject === "team" || subject === "model" || subject === "provider";
  if (isNamed && names.length === 0) throw wrong("/names", `a budget of a ${subject} has to name what it counts`);
  if (subject === "cluster" && names.length > 0) throw wrong("/names", "the budget of the cluster counts all");
  if ((ending === "instead") !== (instead !== undefined))
    throw wrong("/instead", "the model that is called in place belongs to the ending `instead`, and to no other");
}
