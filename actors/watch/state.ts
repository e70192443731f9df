/** What the actor of the watch remembers: how far the audit was read, the alerts that nobody has acknowledged, and as
 *  records what detectors remember of each subject, and the alerts that somebody has. */
import type { Alert, Finding, Playbook, PlaybookRun, WatchCursor, WatchRow } from "../../protocols/index.ts";
import type { RecordOp, RecordRange } from "../behavior.ts";
import { actorLimits as limits } from "../limits.ts";
import { evolvePlan, noPlan, type PlanChange, type PlanState } from "./plan.ts";
import type { Acted } from "./playbooks.ts";

/** What is kept of the watch. */
export interface WatchState extends PlanState {
  /** The runner whose word counts, and how often that changed. */
  readonly turn: number;
  readonly runner: string;
  /** Steps that were ever taken. */
  readonly step: number;
  /** When the watch began; absent: it has not. */
  readonly beganAtMs?: number;
  readonly cursors: Readonly<Record<string, number>>;
  /** The number of the alert that was made last. */
  readonly count: number;
  /** Alerts that nobody has acknowledged, in the order of their numbers. */
  readonly open: readonly Alert[];
  /** Alerts that people were not told of yet. */
  readonly untold: readonly string[];
  /** Runs of playbooks that are not over, with the alert that each is for: it may be acknowledged meanwhile. */
  readonly runs: readonly OpenRun[];
  /** The number of the run that was made last. */
  readonly runCount: number;
  /** What playbooks did in the last hour. */
  readonly acted: readonly Acted[];
}

/** A run that is not over. Its acts are those of the playbook as it was. */
export interface OpenRun {
  readonly run: PlaybookRun;
  readonly alert: Alert;
  readonly acts: Playbook["acts"];
}

/** What is persisted. */
export type WatchChange =
  | PlanChange
  | {
      readonly type: "taken";
      readonly runner: string;
      readonly turn: number;
      readonly atMs: number;
      readonly ends: readonly WatchCursor[];
    }
  | {
      readonly type: "advanced";
      readonly step: number;
      readonly cursors: readonly WatchCursor[];
      readonly rows: readonly WatchRow[];
      /** Alerts as they are with what was found. */
      readonly alerts: readonly Alert[];
      readonly fresh: readonly string[];
      readonly runs: readonly OpenRun[];
      readonly acted: readonly Acted[];
    }
  | { readonly type: "ran"; readonly id: string; readonly run: PlaybookRun }
  | { readonly type: "told"; readonly alerts: readonly string[] }
  | { readonly type: "acknowledged"; readonly alert: Alert };

export const initial: WatchState = {
  turn: 0,
  runner: "",
  step: 0,
  cursors: {},
  count: 0,
  open: [],
  untold: [],
  runs: [],
  runCount: 0,
  acted: [],
  ...noPlan,
};

export function evolve(state: WatchState, change: WatchChange): WatchState {
  switch (change.type) {
    case "taken": {
      const begins = state.beganAtMs === undefined;
      return {
        ...state,
        turn: change.turn,
        runner: change.runner,
        ...(begins && { beganAtMs: change.atMs, cursors: cursorsWith({}, change.ends) }),
      };
    }
    case "advanced": {
      const changed = new Map(change.alerts.map((alert) => [alert.id, alert]));
      const open = state.open.map((alert) => changed.get(alert.id) ?? alert);
      const added = change.alerts.filter(({ id }) => change.fresh.includes(id));
      return {
        ...state,
        step: change.step,
        cursors: cursorsWith(state.cursors, change.cursors),
        count: state.count + added.length,
        open: [...open, ...added],
        untold: [...state.untold, ...change.fresh],
        runs: [...state.runs, ...change.runs],
        runCount: state.runCount + change.runs.length,
        acted: change.acted,
      };
    }
    case "told":
      return { ...state, untold: state.untold.filter((id) => !change.alerts.includes(id)) };
    case "ran":
      return { ...state, runs: state.runs.filter(({ run }) => run.id !== change.id) };
    case "acknowledged": {
      // An admin who takes note of it knows of it: nobody has to be told any more.
      const others = ({ id }: Pick<Alert, "id">): boolean => id !== change.alert.id;
      return { ...state, open: state.open.filter(others), untold: state.untold.filter((id) => others({ id })) };
    }
    default:
      return evolvePlan(state, change);
  }
}

const cursorsWith = (
  cursors: Readonly<Record<string, number>>,
  more: readonly WatchCursor[],
): Readonly<Record<string, number>> => ({
  ...cursors,
  ...Object.fromEntries(more.map(({ log, seq }) => [log, Math.max(seq, cursors[log] ?? 0)])),
});

/** The open alerts with what was found: a finding of an open alert's source and subject is counted there, another one
 *  is an alert of its own, and what is beyond the most that are kept open is counted in one. Pure. */
export function found(
  state: WatchState,
  findings: readonly Finding[],
): { readonly alerts: readonly Alert[]; readonly fresh: readonly string[] } {
  const open = new Map(state.open.map((alert) => [keyOf(alert), alert]));
  const changed = new Map<string, Alert>();
  const fresh: string[] = [];
  for (const one of findings) {
    const isRoom = open.has(keyOf(one)) || open.size < limits.alertsOpenMax;
    const { atMs, ...rest } = isRoom ? one : overflowOf(one);
    const before = open.get(keyOf(rest));
    const id = before?.id ?? String(state.count + fresh.length + 1);
    const alert: Alert =
      before === undefined
        ? { ...rest, id, count: 1, firstAtMs: atMs, lastAtMs: atMs }
        : {
            ...before,
            severity: rest.severity,
            title: rest.title,
            ...(rest.facts && { facts: rest.facts }),
            count: before.count + 1,
            firstAtMs: Math.min(before.firstAtMs, atMs),
            lastAtMs: Math.max(before.lastAtMs, atMs),
            evidence: evidenceOf(before.evidence, rest.evidence),
          };
    if (before === undefined) fresh.push(id);
    open.set(keyOf(rest), alert);
    changed.set(id, alert);
  }
  return { alerts: [...changed.values()], fresh };
}

const keyOf = ({ source, about }: { readonly source: string; readonly about: string }): string => `${source} ${about}`;

/** The one alert for all that found no room. */
const overflowOf = ({ atMs, evidence, source, about }: Finding): Finding => ({
  source: "watch/overflow",
  severity: "critical",
  about: "watch/cluster",
  title:
    `More was found than ${limits.alertsOpenMax} open alerts: acknowledge some. The audit has what is found ` +
    "meanwhile",
  atMs,
  evidence,
  facts: { newestSource: source, newestAbout: about },
});

/** The one alert for all alerts that ran no playbook. */
export const droppedRuns = (dropped: number, atMs: number): Finding => ({
  source: "watch/playbooks",
  severity: "critical",
  about: "watch/cluster",
  title:
    `Playbooks did not run: ${limits.playbookRunsOpenMax} runs wait already. An address that answers slowly may ` +
    `be why; \`plexus playbooks runs\` shows what was done`,
  atMs,
  evidence: [],
  facts: { notRun: dropped },
});

/** The first places stay, and the newest ones are the last. */
function evidenceOf(before: readonly string[], more: readonly string[]): string[] {
  const all = [...new Set([...before, ...more])];
  const { alertEvidenceMax: max } = limits;
  return all.length <= max ? all : [...all.slice(0, max / 2), ...all.slice(-max / 2)];
}

// --- records ---------------------------------------------------------------------------------------------------------

const padded = (id: string): string => id.padStart(16, "0");
const runKey = (id: string): string => `run/${padded(id)}`;
const alertKey = (id: string): string => `alert/${padded(id)}`;
const rowKey = (key: string): string => `row/${key}`;

export function record(change: WatchChange): readonly RecordOp[] {
  if (change.type === "advanced")
    return change.rows.map(({ key, value }): RecordOp =>
      value === null ? { delete: rowKey(key) } : { put: rowKey(key), value },
    );
  if (change.type === "ran") {
    const oldest = Number(change.id) - limits.playbookRunsKept;
    return [
      { put: runKey(change.id), value: change.run },
      ...(oldest > 0 ? [{ deleteFrom: "run/", deleteTo: runKey(String(oldest + 1)) }] : []),
    ];
  }
  if (change.type !== "acknowledged") return [];
  const oldest = Number(change.alert.id) - limits.alertsKept;
  return [
    { put: alertKey(change.alert.id), value: change.alert },
    ...(oldest > 0 ? [{ deleteFrom: "alert/", deleteTo: alertKey(String(oldest + 1)) }] : []),
  ];
}

/** Acknowledged alerts, the newest first. */
export const acknowledgedRange = (before: string | undefined, count: number): RecordRange => ({
  from: "alert/",
  to: before === undefined ? "alert0" : alertKey(before),
  limit: count,
  reverse: true,
});

/** Runs that are over, the newest first. */
export const runRange = (before: string | undefined, count: number): RecordRange => ({
  from: "run/",
  to: before === undefined ? "run0" : runKey(before),
  limit: count,
  reverse: true,
});

/** One acknowledged alert. */
export const acknowledgedOne = (id: string): RecordRange => ({ from: alertKey(id), to: `${alertKey(id)}/`, limit: 1 });

/** What detectors remember, by keys. */
export const rowRange = (after: string | undefined, count: number): RecordRange => ({
  from: after === undefined ? "row/" : `${rowKey(after)}\0`,
  to: "row0",
  limit: count,
});

/** Those of one detector. */
export const rowsOf = (source: string, after: string | undefined, count: number): RecordRange => ({
  from: after === undefined ? rowKey(`${source}|`) : `${rowKey(after)}\0`,
  to: rowKey(`${source}}`),
  limit: count,
});

/** A row of it. */
export const rowIn = ({ key, value }: { readonly key: string; readonly value: unknown }): WatchRow => ({
  key: key.slice("row/".length),
  value: value as string,
});
