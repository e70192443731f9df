/** The watch over the whole cluster, `watch/cluster`: how far the audit was read, what was found, and who has taken
 *  note of it.
 *
 *      the watcher (node/watch) ─ take ─► its turn, cursors ─ rows ─► what detectors remember
 *                               └ advance: cursors, rows, findings ─► one append: nothing is read twice or lost
 *      admins ─ alerts, acknowledge ─► open alerts in the state, acknowledged ones as records
 *
 *  It reads no audit itself: the watcher does, at the node that owns this actor's slot. What a watcher says counts only
 *  in its turn, so of two the later one's words count. docs/decisions/0083-watching-for-trouble.md has the
 *  invariants. */
import {
  wireLimits,
  watchCommands,
  type Alert,
  type AlertPage,
  type CommandOf,
  type PlaybookRun,
  type WatchAdvanced,
  type WatchTurn,
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
import {
  listDetectors,
  planOf,
  removePlaybook,
  removeRule,
  setDetector,
  setPlaybook,
  setRule,
  switchPlaybook,
} from "./plan.ts";
import { runsOf } from "./playbooks.ts";
import {
  acknowledgedOne,
  acknowledgedRange,
  evolve,
  droppedRuns,
  found,
  initial,
  record,
  rowIn,
  rowRange,
  rowsOf,
  runRange,
  type OpenRun,
  type WatchChange,
  type WatchState,
} from "./state.ts";

type Incoming = CommandOf<typeof watchCommands>;
type Message<Type extends Incoming["type"]> = Extract<Incoming, { type: Type }>;
type Effects = readonly Effect<WatchChange, never>[];

/** What a read of records is for. */
type Tag =
  | { readonly type: "rows" | "runs"; readonly to: ReplyTo | undefined; readonly count: number }
  | { readonly type: "alerts"; readonly to: ReplyTo | undefined; readonly total: number; readonly count: number }
  | { readonly type: "alert"; readonly to: ReplyTo | undefined; readonly id: string };

const handlers: Handlers<WatchState, Incoming, Turn, Effects> = {
  take,
  rows(state, message, turn) {
    if (message.turn !== state.turn) return [refuse("TASK_TAKEN")];
    return readRecords(rowRange(message.after, wireLimits.watchRowsPage + 1), {
      type: "rows",
      to: turn.replyTo,
      count: wireLimits.watchRowsPage,
    });
  },
  scarce: (_state, message, turn) =>
    readRecords(rowsOf("detector/runs-out", message.after, wireLimits.watchRowsPage + 1), {
      type: "rows",
      to: turn.replyTo,
      count: wireLimits.watchRowsPage,
    }),
  advance,
  told(state, message) {
    if (message.turn !== state.turn) return [refuse("TASK_TAKEN")];
    return message.alerts.some((id) => state.untold.includes(id))
      ? [persist({ type: "told", alerts: message.alerts }), reply({})]
      : [reply({})];
  },
  alerts,
  alert(state, message, turn) {
    const open = state.open.find(({ id }) => id === message.id);
    if (open !== undefined) return [reply(open)];
    return readRecords(acknowledgedOne(message.id), { type: "alert", to: turn.replyTo, id: message.id });
  },
  acknowledge,
  setDetector,
  detectors: listDetectors,
  setRule,
  removeRule,
  rules: (state) => [reply({ rules: state.rules })],
  setPlaybook,
  switchPlaybook,
  removePlaybook,
  playbooks: (state) => [reply({ playbooks: state.playbooks })],
  runs(_state, message, turn) {
    const count = message.limit ?? wireLimits.pageEntriesDefault;
    return readRecords(runRange(message.before, count + 1), { type: "runs", to: turn.replyTo, count });
  },
  ran,
};

/** The behavior of the actor of the watch. */
export const watch: Behavior<WatchState, Incoming, WatchChange> = {
  kind: "watch",
  role: "manager",
  accepts: messageCheckOf(watchCommands),
  initial: () => initial,
  decide: decideBy(watchCommands, handlers, {
    records: (_state, { tag, records }) => onRecords(tag as Tag, records),
  }),
  evolve,
  record,
  // The logs of the nodes of before are not those of the nodes that come.
  restored: ({ beganAtMs: _began, ...state }) => ({ ...state, cursors: {}, untold: [], runs: [] }),
};

const readRecords = (range: Extract<Effect, { type: "read" }>["range"], tag: Tag): Effects => [
  { type: "read", range, tag },
];

/** The same runner again has the same turn: its answer was lost. */
function take(state: WatchState, { runner, ends, sinceMs }: Message<"take">, turn: Turn): Effects {
  const isSame = state.runner === runner && state.turn > 0 && state.beganAtMs !== undefined;
  const change: WatchChange = {
    type: "taken",
    runner,
    turn: state.turn + 1,
    atMs: Math.min(sinceMs ?? turn.nowMs, turn.nowMs),
    ends,
  };
  const next = isSame ? state : evolve(state, change);
  const answer: WatchTurn = {
    turn: next.turn,
    step: next.step,
    beganAtMs: next.beganAtMs ?? turn.nowMs,
    cursors: Object.entries(next.cursors).map(([log, seq]) => ({ log, seq })),
    plan: planOf(next),
  };
  return [...(isSame ? [] : [persist(change)]), reply(answer)];
}

/** A step is taken once. Of one that is behind nothing counts, and one that is ahead was never asked for. */
function advance(state: WatchState, message: Message<"advance">, { nowMs }: Turn): Effects {
  const { turn, step, version, cursors, rows, findings } = message;
  if (turn !== state.turn || step > state.step + 1) return [refuse("TASK_TAKEN")];
  const isNews = step === state.step + 1 && cursors.length + rows.length + findings.length > 0;
  const came = found(state, findings);
  const news = came.alerts.filter(({ id }) => came.fresh.includes(id));
  const began = runsOf({ ...state, runs: state.runCount, open: state.runs.length }, news, nowMs);
  const runs = began.runs.map((run): OpenRun => ({
    run,
    alert: news.find(({ id }) => id === run.alert) as Alert,
    acts: state.playbooks.find(({ name }) => name === run.playbook)?.acts ?? [],
  }));
  // What runs none is an alert of its own, in the same append.
  const { alerts, fresh } = began.dropped === 0 ? came : found(state, [...findings, droppedRuns(began.dropped, nowMs)]);
  const change: WatchChange = { type: "advanced", step, cursors, rows, alerts, fresh, runs, acted: began.acted };
  const next = isNews ? evolve(state, change) : state;
  const untold = next.open.filter(({ id }) => next.untold.includes(id)).slice(0, 100);
  const answer: WatchAdvanced = {
    step: next.step,
    untold,
    orders: next.runs.slice(0, 8),
    dropped: isNews ? began.dropped : 0,
    ...(next.version !== version && { plan: planOf(next) }),
  };
  return [...(isNews ? [persist(change)] : []), reply(answer)];
}

/** What was done is written down once; of a run that is over nothing counts any more. */
function ran(state: WatchState, { turn, id, steps, seen }: Message<"ran">): Effects {
  if (turn !== state.turn) return [refuse("TASK_TAKEN")];
  const open = state.runs.find(({ run }) => run.id === id);
  if (open === undefined) return [reply({})];
  return [persist({ type: "ran", id, run: { ...open.run, steps, ...(seen && { seen }) } }), reply({})];
}

function acknowledge(state: WatchState, { id, by, note }: Message<"acknowledge">, turn: Turn): Effects {
  const alert = state.open.find((one) => one.id === id);
  if (alert === undefined) return readRecords(acknowledgedOne(id), { type: "alert", to: turn.replyTo, id });
  const acknowledged = { by, atMs: turn.nowMs, ...(note !== undefined && { note }) };
  const change: WatchChange = { type: "acknowledged", alert: { ...alert, acknowledged } };
  return [persist(change), reply(change.alert)];
}

function alerts(state: WatchState, { state: wanted, before, limit }: Message<"alerts">, turn: Turn): Effects {
  const count = limit ?? wireLimits.pageEntriesDefault;
  const total = state.open.length;
  if (wanted === "acknowledged")
    return readRecords(acknowledgedRange(before, count + 1), { type: "alerts", to: turn.replyTo, total, count });
  const open = state.open.filter(({ id }) => before === undefined || Number(id) < Number(before)).toReversed();
  return [reply({ alerts: open.slice(0, count), open: total, more: open.length > count } satisfies AlertPage)];
}

function onRecords(tag: Tag, records: readonly ActorRecord[]): Effects {
  switch (tag.type) {
    case "rows":
      return [reply({ rows: records.slice(0, tag.count).map(rowIn), more: records.length > tag.count }, tag.to)];
    case "alerts": {
      const all = records.map(({ value }) => value as Alert);
      const page: AlertPage = { alerts: all.slice(0, tag.count), open: tag.total, more: all.length > tag.count };
      return [reply(page, tag.to)];
    }
    case "runs": {
      const runs = records.map(({ value }) => value as PlaybookRun);
      return [reply({ runs: runs.slice(0, tag.count), more: runs.length > tag.count }, tag.to)];
    }
    case "alert": {
      const [one] = records;
      return one === undefined ? [refuse("NOT_FOUND", { alert: tag.id }, tag.to)] : [reply(one.value, tag.to)];
    }
  }
}
