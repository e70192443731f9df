/** A ledger: what a person took of models (`ledger/ada`), or everybody together (`ledger/all.people`), and who holds
 *  which share of the budgets that count it.
 *
 *      node ──settle(rows, leases)──► sums, shares ──► what the node holds now, what was spent
 *
 *  Nodes sum up what calls took and tell it every few seconds; before a call they take what it may need out of the
 *  shares that they hold (`node/inference/usage`). A ledger knows no budgets: the nodes, which have them as rows of the
 *  directory, say with each message what to count and how much there may be. docs/decisions/0039-usage-and-budgets.md
 *  has the invariants.
 *
 *  Read `state.ts`. */
import {
  everybody,
  ledgerCommands,
  type CommandOf,
  type LeaseGranted,
  type UsageDayRow,
  type UsageRow,
  type UsageView,
} from "../../protocols/index.ts";
import { messageCheckOf } from "../message-check.ts";
import { decideBy, type Handlers } from "../handlers.ts";
import {
  persist,
  refuse,
  reply,
  type ActorRecord,
  type Behavior,
  type Effect,
  type ReplyTo,
  type Turn,
} from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import {
  at,
  changedRows,
  evolve,
  granted,
  heldElsewhere,
  initial,
  periodOf,
  record,
  recordsOf,
  resetsInMs,
  spentOf,
  type LedgerChange,
  type LedgerState,
  type Mark,
} from "./state.ts";

type Incoming = CommandOf<typeof ledgerCommands>;
type Effects = readonly Effect<LedgerChange, never>[];
type Of<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;

const handlers: Handlers<LedgerState, Incoming, Turn, Effects> = {
  settle,
  usage(state, message, turn) {
    // Of a ledger that is not the caller's own nobody learns whether it exists.
    return turn.from === "gateway" || turn.from === "node" || turn.from === `user/${turn.key}`
      ? usage(at(state, turn.nowMs), message, turn)
      : [refuse("FORBIDDEN")];
  },
  spent: (state, message, turn) => [reply({ spent: spent(at(state, turn.nowMs), message, turn) })],
};

/** The behavior of ledgers. */
export const ledger: Behavior<LedgerState, Incoming, LedgerChange> = {
  kind: "ledger",
  role: "chat",
  accepts: messageCheckOf(ledgerCommands),
  initial: () => initial,
  decide: decideBy(ledgerCommands, handlers, {
    records: (_state, { tag, records }) => onRecords(tag as DaysTag, records),
  }),
  evolve,
  record,
};

function settle(state: LedgerState, message: Of<"settle">, turn: Turn): Effects {
  const { reporter, seq, leases } = message;
  const known = state.reporters[reporter];
  if (known !== undefined && seq < known.seq) return [refuse("ALREADY_DONE")];
  // The answer was lost, or it overtook itself: the same again.
  if (known?.seq === seq) return [reply({ leases: leases.map((one) => told(state, one, message, turn)) })];
  const atMs = turn.nowMs;
  const now = at(state, atMs);
  const rows = changedRows(
    now.day,
    message.rows.map((row) => ownRow(row, turn.key)),
  );
  const base = { type: "settled", reporter, seq, atMs, day: now.day.id, rows, held: {} } as const;
  const added = evolve(state, base);
  const held: Record<string, number> = {};
  const marks: Record<string, Mark> = {};
  for (const one of leases) {
    const amount = spentOf(periodOf(added, one.per).rows, one.select, one.measure);
    const share = granted(one, amount, heldElsewhere(added, one.id, reporter, atMs));
    if (share > 0) held[one.id] = share;
    const mark = markOf(added, one, amount, message);
    if (mark !== undefined) marks[one.id] = mark;
  }
  const change: LedgerChange = { ...base, held, ...(Object.keys(marks).length > 0 && { marks }) };
  const after = evolve(state, change);
  return [persist(change), reply({ leases: leases.map((one) => told(after, one, message, turn)) })];
}

/** The ledger of a person has no names of people, that of everybody no keys: each has as few rows as it can. */
function ownRow({ person = "", key = "", ...row }: UsageRow, ledgerKey: string): UsageRow {
  return ledgerKey === everybody ? { ...row, person } : { ...row, key };
}

/** What a lease's budget has come to for the first time in its period. */
function markOf(
  state: LedgerState,
  { id, per, limit, warnAt }: Of<"settle">["leases"][number],
  amount: number,
  { reporter, seq }: Of<"settle">,
): Mark | undefined {
  const period = periodOf(state, per).id;
  const before = state.marks[id]?.period === period ? state.marks[id].what : undefined;
  const what = amount >= limit ? "stopped" : amount >= warnAt ? "warned" : undefined;
  return what === undefined || what === before || before === "stopped" ? undefined : { period, what, reporter, seq };
}

function told(
  state: LedgerState,
  { id, select, measure, per }: Of<"settle">["leases"][number],
  { reporter, seq }: Of<"settle">,
  turn: Turn,
): LeaseGranted {
  const mark = state.marks[id];
  const isFirst = mark?.reporter === reporter && mark.seq === seq;
  return {
    id,
    held: state.reporters[reporter]?.held[id] ?? 0,
    spent: spentOf(periodOf(at(state, turn.nowMs), per).rows, select, measure),
    elsewhere: heldElsewhere(state, id, reporter, turn.nowMs),
    ...(isFirst && { first: mark.what }),
    resetsInMs: resetsInMs(per, turn.nowMs),
  };
}

const spent = (state: LedgerState, { counts }: Of<"spent">, turn: Turn) =>
  counts.map(({ select, measure, per }) => ({
    amount: spentOf(periodOf(state, per).rows, select, measure),
    resetsInMs: resetsInMs(per, turn.nowMs),
  }));

// --- reading ---------------------------------------------------------------------------------------------------------

interface DaysTag {
  readonly to: ReplyTo | undefined;
  readonly view: UsageView;
}

function usage({ day, month }: LedgerState, { days, before }: Of<"usage">, turn: Turn): Effects {
  const view: UsageView = { day, month };
  if (days === undefined) return [reply(view)];
  const range = { ...recordsOf(days, turn.nowMs, before), limit: limits.usageDayRowsPage + 1, reverse: true };
  const tag: DaysTag = { to: turn.replyTo, view };
  return [{ type: "read", range, tag }];
}

function onRecords({ to, view }: DaysTag, records: readonly ActorRecord[]): Effects {
  const page = records.slice(0, limits.usageDayRowsPage);
  const days = page.map(({ key, value }): UsageDayRow => ({ day: key.slice(4, 14), ...(value as UsageRow) }));
  const next = records.length > page.length ? page.at(-1)?.key.slice(4) : undefined;
  return [reply({ ...view, days, ...(next !== undefined && { next }) }, to)];
}
