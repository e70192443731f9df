/** Usage: what calls of models take, of whom and of what, and the budgets that stop them.
 *
 *      gateway, agents ─ call ─► another model when a budget names one ─► routes ─► counted ─► engines of the cluster
 *                                                                                    │
 *                                reserve before (share.ts) ◄── teller ◄──► ledger/ada, ledger/all.people
 *                                rows after                ──►
 *
 *  Counting is below the routes, so that it sees the model that is really called: each attempt of a route is a call by
 *  itself, and a route goes on to its next model when the budget of one is used up. Without budgets a call costs a few
 *  additions here. What was summed up is told every few seconds: that is what a node that dies loses
 *  (docs/decisions/0039-usage-and-budgets.md).
 *
 *  What people do at all, and how much is kept, is told beside that, by day and without models (`activity.ts`,
 *  docs/decisions/0102-usage-costs-and-reports.md).
 *
 *  Read `counting.ts` (which budgets count a call), `call-cost.ts` (what a call takes), `share.ts` (the arithmetic),
 *  `ledger-client.ts`. */
import {
  everybody,
  failure,
  ledgerOf,
  ok,
  PlexusError,
  refused,
  traitsOf,
  type ActorId,
  type AnswerFrom,
  type Budget,
  type BudgetSpent,
  type BudgetView,
  type EngineAnswer,
  type EngineName,
  type EngineRequest,
  type Failure,
  type LeaseGranted,
  type ModelInfo,
  type Noticed,
  type Price,
  type Quota,
  storageQuotaFor,
  type UsedMeasure,
  type Result,
  type Said,
  type SpentAnswer,
  type UsageSums,
  type UsageView,
} from "../../../protocols/index.ts";
import { defaultOf, engineOf, type Engine, type Engines, type Running } from "../../../runtimes/engine.ts";
import type { Clock, Log, Meter } from "../../ports/index.ts";
import {
  budgetsOf,
  eachPerson,
  namedBudgets,
  payerOf,
  rateOf,
  sharedBudgets,
  type Counted,
  type Payer,
} from "./counting.ts";
import { countedQuotas, quotaFailure, quotaRow } from "./quotas.ts";
import type { Activity } from "./activity.ts";
import { usageLimits, type UsageLimits } from "./limits.ts";
import { answered, estimated, heard, tokensOf, type Rate } from "./call-cost.ts";
import { LedgerClient, type Standing } from "./ledger-client.ts";

export { priceOf } from "./counting.ts";
export { handleBudgets, handleUsage } from "./operations.ts";
export { createActivity, type Activity } from "./activity.ts";
export { createReports } from "./reports.ts";
export { usageLimits } from "./limits.ts";
export type { UsageLimits } from "./limits.ts";

/** What it needs. */
export interface UsagePorts {
  /** Names this life of this node: no other one ever tells under it. */
  readonly reporter: string;
  /** Asks an actor, as the node. */
  readonly ask: (to: ActorId, message: object, timeoutMs: number) => Promise<Result<unknown>>;
  readonly budgets: () => readonly Budget[];
  readonly prices: () => readonly Price[];
  /** Quotas by role; absent: there are none. */
  readonly quotas?: () => readonly Quota[];
  /** The roles of a person, as the person's actor said a moment ago; undefined: nobody knows. */
  readonly rolesOf?: (person: string) => Promise<readonly string[] | undefined>;
  /** Hears what each call took. */
  readonly took?: Activity["took"];
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  /** A budget came to its warning or its end for the first time in its period: for the audit. */
  readonly noted?: (action: string, facts: Readonly<Record<string, string>>, tell: Noticed) => void;
  readonly limits?: Partial<UsageLimits>;
}

/** A budget that people should hear of. */
interface BudgetNotice {
  readonly budget: string;
  readonly percent: number;
  readonly resetsAtMs: number;
}

/** What came about with a call. */
interface CallNotices {
  readonly budgets: readonly BudgetNotice[];
}

/** Counts calls. */
export interface Usage {
  /** Engines whose calls are counted, and stopped by budgets. `routes` puts the routes on the counted engines: each of
   *  their attempts is counted by itself, and above them a call goes to another model where a budget names one. */
  around<Routed extends Engines>(
    inner: Engines,
    routes: (counted: Engines) => Routed,
  ): { readonly engines: Engines; readonly routed: Routed };
  /** How much a person with these roles may keep; undefined: any amount. */
  storageQuota(roles: readonly string[]): Quota | undefined;
  /** What came about with a call of this node, until it was answered. */
  noticesOf(callId: string): CallNotices | undefined;
  /** Reserves so much of the quotas of a person with these roles; undefined: none counts it. At once where nobody has
   *  to be asked. Errors: QUOTA_EXCEEDED, QUOTA_UNKNOWN. */
  admit(
    person: string,
    roles: readonly string[],
    measure: UsedMeasure,
    amount: number,
  ): Result<Admitted | undefined> | Promise<Result<Admitted | undefined>>;
  /** The budgets that may stop calls of a person, and what was taken of them. Rejects when a ledger does not answer. */
  standingsOf(person: string): Promise<readonly BudgetView[]>;
  /** Every budget, and what was taken of it. Rejects as well. */
  standings(): Promise<readonly BudgetView[]>;
  /** Tells all that there is to tell. */
  flush(): Promise<void>;
  /** Tells it, and ends. */
  stop(): Promise<void>;
}

/** Something of a quota that is reserved. */
interface Admitted {
  /** It is over, and took so much. Called once. */
  over(used: number): void;
}

/** A call under way of which something may have to be told. */
interface Noted {
  instead?: string;
  /** Budgets that sent it to another model: they stop it no more. */
  readonly past: Set<string>;
  readonly counted: Set<Counted>;
}

/** Makes it. Nothing is told before the first call. */
export function createUsage(ports: UsagePorts): Usage {
  const { clock, log, meter } = ports;
  const limits: UsageLimits = { ...usageLimits, ...ports.limits };
  const tellers = new Map<ActorId, LedgerClient>();
  const noted = new Map<string, Noted>();
  let made = 0;
  let underWay = 0;
  let stopped = false;
  let cancelTimer: (() => void) | undefined;

  const settle = (to: ActorId, message: object): Promise<Result<unknown>> =>
    ports.ask(to, message, limits.settleTimeoutMs);

  const first = (counted: Counted, { first: what = "warned", spent, resetsInMs }: LeaseGranted): void => {
    if (counted.quota !== undefined) return;
    const { budget, lease } = counted;
    const { name, limit, measure, per, ending, instead } = budget;
    const action = what === "warned" ? "budgetWarned" : "budgetUsedUp";
    const facts = { budget: name, counted: lease.id, limit: String(limit), spent: String(spent) };
    log.warn(`usage.${action}`, facts);
    meter.count("budgets_reached", 1, { budget: name, what });
    const whose = counted.own === undefined ? {} : { whose: counted.own };
    const resets = new Date(Math.round((clock.nowMs() + resetsInMs) / 1_000) * 1_000).toISOString();
    const more = { ...whose, measure, per, ending, ...(instead !== undefined && { instead }), resets };
    ports.noted?.(action, { ...facts, ...more }, toldOf(counted, action));
  };

  function tellerOf(ledger: ActorId): LedgerClient {
    const known = tellers.get(ledger);
    if (known !== undefined) return known;
    if (tellers.size >= limits.ledgersMax)
      for (const [name, one] of tellers) {
        if (tellers.size < limits.ledgersMax) break;
        if (one.idle) tellers.delete(name);
      }
    // Under a number of its own: one that was forgotten, and made again, begins to count anew.
    made += 1;
    const reporter = `${ports.reporter}.${made}`;
    const teller = new LedgerClient({ reporter, ledger, settle, clock, meter, limits, first });
    tellers.set(ledger, teller);
    return teller;
  }

  // --- telling -------------------------------------------------------------------------------------------------------

  async function flush(): Promise<void> {
    const due = [...tellers.values()].filter((teller) => !teller.idle);
    let next = 0;
    const line = async (): Promise<void> => {
      for (let teller = due[next++]; teller !== undefined; teller = due[next++]) await teller.flush();
    };
    await Promise.all(Array.from({ length: Math.min(limits.settlesMax, due.length) }, line));
  }

  /** The timer runs while there is something to tell. */
  function later(): void {
    if (stopped || cancelTimer !== undefined) return;
    cancelTimer = clock.after(limits.settleIntervalMs, () => {
      flush()
        .catch((error: unknown) => log.error("usage.flush.failed", { error }))
        .finally(() => {
          cancelTimer = undefined;
          if ([...tellers.values()].some((teller) => !teller.idle)) later();
        });
    });
  }

  function add(payer: Payer, sums: UsageSums): void {
    const { person, key, model, provider } = payer;
    const { calls, promptTokens, completionTokens, cost } = sums;
    ports.took?.(person, { calls, tokens: promptTokens + completionTokens, cost });
    tellerOf(ledgerOf(everybody)).add({ person, model, provider, ...sums });
    if (person !== "") tellerOf(ledgerOf(person)).add({ key, model, provider, ...sums });
    later();
  }

  // --- one call ------------------------------------------------------------------------------------------------------

  interface Reservation {
    readonly counted: Counted;
    readonly amount: number;
  }

  const amountOf = ({ lease: { measure } }: Counted, sums: UsageSums): number =>
    measure === "tokens" ? sums.promptTokens + sums.completionTokens : sums[measure];

  const give = (reservations: readonly Reservation[], sums?: UsageSums): void => {
    for (const { counted, amount } of reservations)
      tellerOf(counted.ledger).settle(counted.lease.id, amount, sums === undefined ? 0 : amountOf(counted, sums));
  };

  /** Reserves of every budget, in their order; of none if one has nothing. At once where nobody has to be asked. */
  function reserveAll(
    counted: readonly Counted[],
    sums: UsageSums,
  ): Result<readonly Reservation[]> | Promise<Result<readonly Reservation[]>> {
    const taken: Reservation[] = [];
    for (const [index, one] of counted.entries()) {
      const got = tellerOf(one.ledger).take(one, amountOf(one, sums));
      if (got === undefined) return waitFor(counted.slice(index), sums, taken);
      if (!got.ok) {
        give(taken);
        return refused(quotaFailure(got.error, one));
      }
      taken.push({ counted: one, amount: got.amount });
    }
    return { ok: true, value: taken };
  }

  async function waitFor(
    counted: readonly Counted[],
    sums: UsageSums,
    taken: Reservation[],
  ): Promise<Result<readonly Reservation[]>> {
    for (const one of counted) {
      const got = await tellerOf(one.ledger).reserve(one, amountOf(one, sums));
      if (!got.ok) {
        give(taken);
        return refused(quotaFailure(got.error, one));
      }
      taken.push({ counted: one, amount: got.amount });
    }
    return { ok: true, value: taken };
  }

  /** The quotas of a person's tokens. Where nobody can say which roles the person has, none counts: the ledger has it
   *  all the same. */
  async function tokenQuotas(person: string): Promise<readonly Counted[]> {
    const roles = await ports.rolesOf?.(person).catch(() => undefined);
    return roles === undefined ? [] : countedQuotas(ports.quotas?.() ?? [], person, roles, "tokens");
  }

  function callCounted(
    name: EngineName,
    inner: Engine,
    request: EngineRequest,
    provider: string,
    hear: (said: Said) => void,
  ): Running {
    const model = request.model ?? "";
    const payer: Payer = { ...payerOf(request.person ?? "", request.key ?? ""), model, provider };
    const budgets = ports.budgets();
    const note = noted.get(request.partOf ?? request.id);
    const all = budgets.length === 0 ? [] : budgetsOf(budgets, payer);
    for (const one of all) {
      note?.counted.add(one);
      if (one.budget.ending === "warn" || note?.past.has(one.budget.name) === true) tellerOf(one.ledger).watch(one);
    }
    const limited = all.filter(({ budget }) => budget.ending !== "warn" && note?.past.has(budget.name) !== true);
    const rate: Rate = rateOf(ports.prices(), model);
    const sinceMs = clock.monotonicMs();

    const begin = (reservations: readonly Reservation[], asked: EngineRequest): Running => {
      let tokens = 0;
      let spoke = false;
      return inner.call(asked, (said) => {
        if (said.type === "part") {
          spoke = true;
          tokens += tokensOf(said.part);
          return hear(said);
        }
        const ms = clock.monotonicMs() - sinceMs;
        const { result } = said;
        const sums = result.ok
          ? answered(result.value, ms, rate)
          : spoke
            ? heard(name, request, tokens, ms, rate)
            : undefined;
        give(reservations, sums);
        if (sums !== undefined) add(payer, sums);
        else if (reservations.length > 0) later();
        hear(said);
      });
    };
    const ofRoles = payer.person !== "" && (ports.quotas?.() ?? []).some(({ measure }) => measure === "tokens");
    if (limited.length === 0 && !ofRoles) return begin([], request);

    const estimate = estimated(name, request, rate, limits.reservedAnswerTokens);
    const got = ofRoles
      ? tokenQuotas(payer.person).then((quotas) => reserveAll([...quotas, ...limited], estimate))
      : reserveAll(limited, estimate);
    later();
    const refuse = (error: Failure): void => hear({ type: "answered", result: refused(error) });
    if (!(got instanceof Promise)) {
      if (got.ok) return begin(got.value, request);
      clock.soon(() => refuse(got.error));
      return { cancel: () => undefined };
    }
    let running: Running | undefined;
    let cancelled = false;
    void got.then((reserved) => {
      if (!reserved.ok) return refuse(reserved.error);
      if (cancelled) {
        give(reserved.value);
        const { stopped: half } = traitsOf(name);
        return half === undefined ? refuse(failure("CANCELLED")) : hear({ type: "answered", result: ok(half) });
      }
      const timeoutMs = Math.max(1, request.timeoutMs - (clock.monotonicMs() - sinceMs));
      running = begin(reserved.value, { ...request, timeoutMs });
    });
    return {
      cancel() {
        cancelled = true;
        running?.cancel();
      },
    };
  }

  // --- another model -------------------------------------------------------------------------------------------------

  function callPlaced(inner: Engine, request: EngineRequest, hear: (said: Said) => void): Running {
    if (ports.budgets().length === 0 || noted.has(request.id)) return inner.call(request, hear);
    const note: Noted = { past: new Set(), counted: new Set() };
    noted.set(request.id, note);
    const endsMs = clock.monotonicMs() + request.timeoutMs;
    let running: Running = { cancel: () => undefined };
    let cancelled = false;
    const attempt = (asked: EngineRequest): void => {
      let spoke = false;
      running = inner.call(asked, (said) => {
        if (said.type === "part") {
          const first = !spoke && note.instead !== undefined;
          spoke = true;
          return hear(first ? { type: "part", part: withModel(said.part, note.instead ?? "") } : said);
        }
        const next = said.result.ok || spoke || cancelled ? undefined : insteadOf(said.result.error, note);
        if (next !== undefined) {
          note.instead = next;
          meter.count("budget_fallbacks", 1, { model: next });
          return attempt({ ...request, model: next, timeoutMs: endsMs - clock.monotonicMs() });
        }
        try {
          const { result } = said;
          if (note.instead === undefined || !result.ok) hear(said);
          else hear({ type: "answered", result: ok(withModel(result.value, note.instead)) });
        } finally {
          noted.delete(request.id);
        }
      });
      if (cancelled) running.cancel();
    };
    attempt(request);
    return {
      cancel() {
        cancelled = true;
        running.cancel();
      },
    };
  }

  // --- what was taken ------------------------------------------------------------------------------------------------

  /** Asks each ledger once. */
  async function withSpent(all: readonly Counted[], shown?: readonly Budget[]): Promise<readonly BudgetView[]> {
    const asked = all.slice(0, limits.standingsMax);
    const ledgers = [...new Set(asked.map(({ ledger }) => ledger))];
    const amounts = new Map<Counted, BudgetSpent>();
    await Promise.all(
      ledgers.map(async (ledger) => {
        const mine = asked.filter((one) => one.ledger === ledger);
        for (let from = 0; from < mine.length; from += countsPerAsk) {
          const some = mine.slice(from, from + countsPerAsk);
          const counts = some.map(({ lease: { select, measure, per } }) => ({ select, measure, per }));
          const answer = await ports.ask(ledger, { type: "spent", counts }, limits.settleTimeoutMs);
          const { spent } = demand(answer) as SpentAnswer;
          for (const [index, one] of some.entries()) {
            const found = spent[index];
            if (found !== undefined) amounts.set(one, { ...(one.own !== undefined && { name: one.own }), ...found });
          }
        }
      }),
    );
    const budgets = shown ?? [...new Set(asked.map(({ budget }) => budget))];
    return budgets.map((budget) => ({
      ...budget,
      spent: asked.flatMap((one) => (one.budget === budget ? (amounts.get(one) ?? []) : [])),
    }));
  }

  const counted = (inner: Engines): Engines =>
    mapEngines(inner, (name, engine) => {
      // What a text is to a model costs nothing.
      if (name === "tokenize") return engine;
      const { known, providerOf } = knownModels(engine);
      return {
        models: () => engine.models(),
        watch: (listener) => engine.watch(listener),
        call(request, hear) {
          // A request that names no model is counted with the model that is meant now.
          const isNamed = request.model !== undefined && request.model !== "";
          const model = isNamed ? request.model : defaultOf(known(), traitsOf(name).needs(request));
          const named = isNamed ? request : { ...request, model };
          underWay += 1;
          return callCounted(name, engine, named as EngineRequest, providerOf(model), (said) => {
            if (said.type === "answered") underWay -= 1;
            hear(isNamed || said.type !== "answered" || name !== "generate" ? said : namedIn(said, model));
          });
        },
      };
    });
  const placed = (routed: Engines): Engines =>
    mapEngines(routed, (name, engine) =>
      name === "tokenize"
        ? engine
        : {
            models: () => engine.models(),
            watch: (listener) => engine.watch(listener),
            call: (request, hear) => callPlaced(engine, request, hear),
          },
    );
  return {
    around(inner, routes) {
      const routed = routes(counted(inner));
      return { engines: placed(routed), routed };
    },
    noticesOf(callId) {
      const note = noted.get(callId);
      if (note === undefined) return undefined;
      const nowMs = clock.monotonicMs();
      const budgets = [...note.counted].flatMap((counted): readonly BudgetNotice[] => {
        const standing = tellers.get(counted.ledger)?.standing(counted.lease.id);
        if (standing === undefined || standing.spent < counted.lease.warnAt || standing.resetsAtMs < nowMs) return [];
        return [noticeOf(standing, clock.nowMs() - nowMs)];
      });
      return { budgets };
    },
    admit(person, roles, measure, amount) {
      const quotas = ports.quotas?.() ?? [];
      const counted = quotas.length === 0 ? [] : countedQuotas(quotas, person, roles, measure);
      const [one] = counted;
      if (one === undefined) return ok(undefined);
      const admitted = (reservations: readonly Reservation[]): Admitted => ({
        over(used) {
          for (const {
            counted: { ledger, lease },
            amount: reserved,
          } of reservations)
            tellerOf(ledger).settle(lease.id, reserved, used);
          if (used > 0) tellerOf(one.ledger).add(quotaRow(measure, used));
          later();
        },
      });
      const got = reserveAll(counted, { ...quotaRow(measure, amount) });
      later();
      if (!(got instanceof Promise)) return got.ok ? ok(admitted(got.value)) : got;
      return got.then((reserved) => (reserved.ok ? ok(admitted(reserved.value)) : reserved));
    },
    storageQuota: (roles) => storageQuotaFor(ports.quotas?.() ?? [], roles),
    async standingsOf(person) {
      const ask = ports.ask(ledgerOf(person), { type: "usage" }, limits.settleTimeoutMs);
      const { month } = demand(await ask) as UsageView;
      const keys = new Set(["session", ...month.rows.map(({ key = "" }) => key)]);
      const each = [...keys].flatMap((key) => budgetsOf(ports.budgets(), { person, key, model: "", provider: "" }));
      const counted = new Map(each.map((one) => [one.lease.id, one]));
      return withSpent([...counted.values(), ...sharedBudgets(ports.budgets())]);
    },
    async standings() {
      const budgets = ports.budgets();
      const forEach = budgets.filter(({ of: subject, names }) => subject === "person" && names.length === 0);
      if (forEach.length === 0) return withSpent(namedBudgets(budgets), budgets);
      const usage = demand(
        await ports.ask(ledgerOf(everybody), { type: "usage" }, limits.settleTimeoutMs),
      ) as UsageView;
      const people = new Map(
        forEach.map((budget) => [budget, eachPerson(budget, budgets, usage[budget.per].rows, limits.eachShownMax)]),
      );
      const counted = [...namedBudgets(budgets), ...[...people.values()].flatMap(({ most }) => most)];
      return (await withSpent(counted, budgets)).map((view, index) => {
        const more = people.get(budgets[index] as Budget)?.more ?? 0;
        return more === 0 ? view : { ...view, more };
      });
    },
    flush,
    async stop() {
      stopped = true;
      cancelTimer?.();
      if (underWay > 0) log.debug("usage.stop", { underWay });
      await flush();
    },
  };
}

/** The people who hear of it: the person whose budget it is, and admins, unless it is one person's budget, of which
 *  many come near their end each day. */
function toldOf({ budget, ledger }: Counted, action: string): Noticed {
  const { of: subject, names } = budget;
  const isOwn = ledger !== ledgerOf(everybody);
  const people = isOwn ? [ledger.slice("ledger/".length)] : subject === "team" ? names : [];
  return { people: [...people], admins: !(isOwn && names.length === 0 && action === "budgetWarned") };
}

function demand(result: Result<unknown>): unknown {
  if (!result.ok) throw new PlexusError(result.error);
  return result.value;
}

const noticeOf = ({ counted, spent, resetsAtMs }: Standing, wallOffsetMs: number): BudgetNotice => ({
  budget: counted.budget.name,
  percent: counted.lease.limit === 0 ? 100 : Math.floor((spent / counted.lease.limit) * 100),
  resetsAtMs: Math.round((resetsAtMs + wallOffsetMs) / 1_000) * 1_000,
});

/** The model that a budget names in place, once for each budget. */
function insteadOf({ code, details }: Failure, { past }: Noted): string | undefined {
  const [budget, model] = [details?.["budget"], details?.["instead"]];
  if (code !== "QUOTA_EXCEEDED" || typeof budget !== "string" || typeof model !== "string") return undefined;
  if (past.has(budget)) return undefined;
  past.add(budget);
  return model;
}

/** Which model an unnamed one was. */
const namedIn = (said: Extract<Said, { type: "answered" }>, model: string): Said =>
  said.result.ok ? { type: "answered", result: ok({ ...said.result.value, from: { model } } as EngineAnswer) } : said;

/** A part or an answer that says which model it is of. Where that is a route, it has said so itself. */
const withModel = <Of extends object>(said: Of, model: string): Of => {
  const { from } = said as { from?: AnswerFrom };
  return { ...said, from: { model, ...from, instead: true } satisfies AnswerFrom };
};

/** The models of an engine, and whose they are. To list the models of all nodes anew for each call would cost a call
 *  more than anything else here. */
function knownModels(engine: Engine) {
  let models: readonly ModelInfo[] | undefined;
  let providers: ReadonlyMap<string, string> | undefined;
  engine.watch(() => {
    models = undefined;
    providers = undefined;
  });
  const known = (): readonly ModelInfo[] => (models ??= engine.models());
  const providerOf = (model: string): string => {
    providers ??= new Map(known().map((info) => [info.model, info.provider ?? "local"]));
    return providers.get(model) ?? "local";
  };
  return { known, providerOf };
}

/** A question's limit in the protocol. */
const countsPerAsk = 256;

const mapEngines = (engines: Engines, map: (name: EngineName, engine: Engine) => Engine): Engines =>
  Object.fromEntries(
    (Object.keys(engines) as EngineName[]).map((name) => [name, map(name, engineOf(engines, name))]),
  ) as unknown as Engines;
