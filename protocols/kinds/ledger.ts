/** What people took of models, and what they may take: the commands of ledgers, and budgets and prices as admins set
 *  them. */
import { Type, type Static } from "typebox";
import { answer, command } from "../wire/command.ts";
import type { ActorId } from "../ids.ts";
import { object, position } from "../wire/schema.ts";

/** The ledger of everybody together. No person is called so: a person's name has no dot. */
export const everybody = "all.people";

/** The ledger that has what a person took. */
export const ledgerOf = (user: string): ActorId => `ledger/${user}`;

const name = Type.String({ maxLength: 256 });

/** What calls took, as sums. */
export const usageSums = object({
  calls: position,
  /** What models read; of it, what was in their memory from before; and what they wrote. */
  promptTokens: position,
  cachedTokens: position,
  completionTokens: position,
  /** From the call to the answer, waiting included. */
  ms: position,
  /** Millionths of the unit in which prices are. */
  cost: position,
});
export type UsageSums = Static<typeof usageSums>;

/** The same, of whom and of what. */
export const usageRow = object({
  /** A person's name; in the ledger of everybody. Empty: nobody's, such as shadows of routes. */
  person: Type.Optional(name),
  /** `session`: a signed-in device. `key/ID`: an API key. `agent/ADA.HELPER`: an agent. In the ledger of a person. */
  key: Type.Optional(name),
  model: name,
  /** Where the model runs: the address of a server, or `local`. */
  provider: name,
  ...usageSums.properties,
});
export type UsageRow = Static<typeof usageRow>;

/** What budgets count. */
export const measures = ["tokens", "cost", "calls"] as const;
export type Measure = (typeof measures)[number];
const measure = Type.Unsafe<Measure>(Type.Union(measures.map((one) => Type.Literal(one))));

/** For how long a budget is. Days and months are those of UTC, by the clock of the ledger's node. */
export const periods = ["day", "month"] as const;
export type PeriodName = (typeof periods)[number];
const per = Type.Unsafe<PeriodName>(Type.Union(periods.map((one) => Type.Literal(one))));

const several = Type.Array(name, { maxItems: 100 });

/** Which rows of a ledger a budget counts: those that fit all that is said. */
export const selection = object({
  key: Type.Optional(name),
  people: Type.Optional(several),
  models: Type.Optional(several),
  providers: Type.Optional(several),
});
export type Selection = Static<typeof selection>;

/** What a node wants of a budget, and what it still has of it. */
export const leaseAsked = object({
  id: name,
  select: selection,
  measure,
  per,
  limit: position,
  /** The node's people are told from here on. */
  warnAt: position,
  /** What it has been granted, has not used, and keeps. */
  keep: position,
  /** What it needs beyond that. */
  want: position,
});
export type LeaseAsked = Static<typeof leaseAsked>;

/** Commands to a ledger: of a person (`ledger/ada`), or of everybody (`ledger/all.people`). */
export const ledgerCommands = {
  /** A node tells what calls took since its last one, and takes or gives back shares of budgets. `seq` counts up from 1
   *  for each `reporter`: one that comes again is answered again and changes nothing. */
  settle: command({
    params: {
      reporter: Type.String({ minLength: 1, maxLength: 256 }),
      seq: Type.Integer({ minimum: 1, maximum: Number.MAX_SAFE_INTEGER }),
      rows: Type.Array(usageRow, { maxItems: 1_024 }),
      leases: Type.Array(leaseAsked, { maxItems: 256 }),
    },
    result: answer<Settled>("Settled"),
    from: ["node"],
    effect: "changes",
    summary: "Adds what calls took, and shares out budgets",
  }),
  /** With `days`: the rows of so many days, today included, newest first, from before `before` on. */
  usage: command({
    params: {
      days: Type.Optional(Type.Integer({ minimum: 1, maximum: 400 })),
      before: Type.Optional(Type.String({ pattern: "^[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{6,16}$", maxLength: 32 })),
    },
    result: answer<UsageView>("UsageView"),
    from: ["client", "gateway", "node"],
    effect: "reads",
    permission: "account.use",
    http: ["GET", "/usage"],
    summary: "How much the caller used models, today, this month, and by day",
    answers: "list",
  }),
  /** How much of some budgets is used. */
  spent: command({
    params: { counts: Type.Array(object({ select: selection, measure, per }), { maxItems: 256 }) },
    result: answer<SpentAnswer>("SpentAnswer"),
    from: ["node"],
    effect: "reads",
    summary: "How much of some budgets is used",
  }),
} as const;

/** What became of a node's lease. */
export interface LeaseGranted {
  readonly id: string;
  /** What the node has now: what it kept, and what was granted. */
  readonly held: number;
  /** What was taken in this period, as far as the ledger knows. */
  readonly spent: number;
  /** Other nodes hold shares of it, which they may give back. */
  readonly elsewhere: number;
  /** What has come about with this message for the first time in the period. */
  readonly first?: "warned" | "stopped";
  /** Until the next period. */
  readonly resetsInMs: number;
}

/** Answer to `settle`. */
export interface Settled {
  readonly leases: readonly LeaseGranted[];
}

/** A period's sums. */
export interface UsagePeriod {
  /** `2026-05-04` or `2026-05`, in UTC. */
  readonly id: string;
  readonly rows: readonly UsageRow[];
}

/** A row of a day. */
export type UsageDayRow = UsageRow & { readonly day: string };

/** Answer to `usage`. */
export interface UsageView {
  readonly day: UsagePeriod;
  readonly month: UsagePeriod;
  readonly days?: readonly UsageDayRow[];
  /** There are more of them: ask again with this as `before`. */
  readonly next?: string;
}

/** Answer to `spent`, in the order of the question. */
export interface SpentAnswer {
  readonly spent: readonly { readonly amount: number; readonly resetsInMs: number }[];
}
