/** Reads the audit of all nodes, and what they count, where this node owns the slot of `watch/cluster`, and tells the
 *  actor in steps how far it has come, what is remembered of it and what was found. A step is sent again until it is
 *  answered; so nothing is skipped, and nothing counts twice. Counts are read beside the audit: a node that does not
 *  answer delays nothing. */
import type { Message } from "../../actors/behavior.ts";
import {
  failureOf,
  wireLimits,
  type Alert,
  type AuditRecord,
  type CountSample,
  type Finding,
  type Result,
  type WatchAdvanced,
  type WatchCursor,
  type WatchRow,
  type WatchTurn,
} from "../../protocols/index.ts";
import type { Clock, Log, Meter } from "../ports/index.ts";
import type { StepContext } from "./detector.ts";
import { Fold, readersOf } from "./fold.ts";
import { watchLimits, type WatchLimits } from "./limits.ts";
import { createRuns, type RunsPorts } from "./runs.ts";

export interface WatcherPorts {
  /** Names this watcher: another start of the node is another one. */
  readonly runner: string;
  /** Whether this node has `watch/cluster`, or would be given it: the first question makes it. */
  owns(): boolean;
  ask(message: Message, timeoutMs: number): Promise<Result<unknown>>;
  /** The audit of all nodes. */
  readonly audit: {
    logs(): Promise<readonly { readonly log: string; readonly from: number; readonly seq: number }[]>;
    readLog(log: string, after: number, limit: number): Promise<readonly AuditRecord[]>;
  };
  /** Tells people of a new alert, and writes it into the audit; it is repeated until it resolves. */
  tell(alert: Alert): Promise<void>;
  /** What nodes have counted, of all that answer. Absent: nobody reads it. */
  counts?(): Promise<readonly CountSample[]>;
  /** Does what a playbook is to do, and says how each act ended. At least once: another watcher may have begun it. */
  readonly act: RunsPorts["act"];
  /** Where an address is. */
  readonly place?: StepContext["place"];
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits?: Partial<WatchLimits>;
}

interface Watcher {
  /** Looks for entries now; resolves when there are no more. */
  look(): Promise<void>;
  stop(): Promise<void>;
}

/** The turn that this watcher has taken, until another watcher takes one. */
interface Watch {
  readonly turn: number;
  readonly beganAtMs: number;
  readonly cursors: Map<string, number>;
  readonly fold: Fold;
  step: number;
  version: number;
  /** The step that was sent and not answered yet. */
  sent: Message | undefined;
}

/** Begins to watch. */
export function createWatcher(ports: WatcherPorts): Watcher {
  const { audit, clock, log, meter } = ports;
  const limits = { ...watchLimits, ...ports.limits };
  let watch: Watch | undefined;
  /** From where a watch that never was begins: from when this watcher first asked for it, however late it is
   *  answered. */
  let begins: { readonly sinceMs: number; readonly ends: readonly WatchCursor[] } | undefined;
  let looking: Promise<void> | undefined;
  let isStopped = false;
  /** The newest words of nodes that are not folded yet. */
  const samples = new Map<string, CountSample>();
  let sampling: Promise<void> | undefined;
  let sampledAtMs = Number.NEGATIVE_INFINITY;
  const runs = createRuns({
    act: ports.act,
    log,
    meter,
    atOnceMax: limits.runsAtOnceMax,
    async ran(turn, id, { steps, seen }) {
      const answer = await ports.ask(
        { type: "ran", turn, id, steps, ...(seen.length > 0 && { seen }) },
        limits.askTimeoutMs,
      );
      return answer.ok || answer.error.code === "TASK_TAKEN";
    },
  });

  /** Asks nodes for their counts, now and then, and waits for none of them. */
  function sample(): void {
    const nowMs = clock.monotonicMs();
    if (ports.counts === undefined || sampling !== undefined || nowMs - sampledAtMs < limits.countsEveryMs) return;
    sampledAtMs = nowMs;
    sampling = ports
      .counts()
      .then((all) => {
        for (const one of all) samples.set(one.node, one);
      })
      .catch((error: unknown) => log.warn("watch.counts.unread", { failure: failureOf(error) }))
      .finally(() => (sampling = undefined));
  }

  async function ask<Answer>(message: Message): Promise<Answer | undefined> {
    const answer = await ports.ask(message, limits.askTimeoutMs);
    if (answer.ok) return answer.value as Answer;
    if (answer.error.code === "TASK_TAKEN") watch = undefined;
    else log.debug("watch.unanswered", { failure: answer.error });
    return undefined;
  }

  async function take(): Promise<Watch | undefined> {
    const sinceMs = Math.floor(clock.nowMs());
    begins ??= { sinceMs, ends: (await audit.logs()).map((one): WatchCursor => ({ log: one.log, seq: one.seq })) };
    const taken = await ask<WatchTurn>({ type: "take", runner: ports.runner, ...begins });
    if (taken === undefined) return undefined;
    begins = undefined;
    const fold = new Fold(readersOf(taken.plan), { limits, ...(ports.place && { place: ports.place }) });
    for (let after: string | undefined, more = true; more;) {
      const page = await ask<{ readonly rows: readonly WatchRow[]; readonly more: boolean }>({
        type: "rows",
        turn: taken.turn,
        ...(after !== undefined && { after }),
      });
      if (page === undefined) return undefined;
      fold.load(page.rows);
      after = page.rows.at(-1)?.key;
      more = page.more && after !== undefined;
    }
    log.info("watch.taken", { turn: taken.turn, logs: taken.cursors.length });
    const cursors = new Map(taken.cursors.map((one) => [one.log, one.seq]));
    const { turn, step: last, beganAtMs } = taken;
    return { turn, step: last, beganAtMs, version: taken.plan.version, cursors, fold, sent: undefined };
  }

  /** The next entries of all logs, the oldest first: up to where the first log of which more is to be read ends. */
  async function next(at: Watch): Promise<readonly AuditRecord[]> {
    const entries: AuditRecord[] = [];
    let untilMs = Number.POSITIVE_INFINITY;
    for (const { log: of, from, seq } of await audit.logs()) {
      const known = at.cursors.get(of) ?? 0;
      if (known >= seq) continue;
      if (from > known + 1) log.warn("watch.entries.gone", { log: of, entries: from - known - 1 });
      const read = await audit.readLog(of, Math.max(known, from - 1), limits.readEntries);
      entries.push(...read);
      const last = read.at(-1);
      if (last !== undefined && last.seq < seq) untilMs = Math.min(untilMs, last.atMs);
    }
    return entries
      .filter(({ atMs }) => atMs <= untilMs)
      .toSorted(
        (one, other) =>
          one.atMs - other.atMs || (one.log < other.log ? -1 : one.log > other.log ? 1 : one.seq - other.seq),
      );
  }

  /** Folds entries until a step is full. */
  function step(at: Watch, entries: readonly AuditRecord[]): { readonly message: Message; readonly taken: number } {
    const findings: Finding[] = [];
    const cursors = new Map<string, number>();
    let taken = 0;
    for (const one of [...samples.values()].slice(0, limits.stepSamples)) {
      samples.delete(one.node);
      findings.push(...at.fold.takeCounts(one));
    }
    for (const entry of entries) {
      // Those of a log that was set back, and from before the watch began.
      if (entry.atMs >= at.beganAtMs) findings.push(...at.fold.take(entry));
      cursors.set(entry.log, entry.seq);
      taken += 1;
      if (taken >= limits.stepEntries || findings.length >= wireLimits.watchFindingsPage / 4) break;
      if (at.fold.changedCount >= wireLimits.watchRowsPage / 5) break;
    }
    for (const [of, seq] of cursors) at.cursors.set(of, seq);
    const message: Message = {
      type: "advance",
      turn: at.turn,
      step: at.step + 1,
      version: at.version,
      cursors: [...cursors].map(([of, seq]) => ({ log: of, seq })),
      rows: at.fold.changes(),
      findings: findings.slice(0, wireLimits.watchFindingsPage),
    };
    return { message, taken };
  }

  /** Sends a step until it is answered; undefined: it is not yet, or another watcher has taken over. */
  async function send(at: Watch, message: Message): Promise<WatchAdvanced | undefined> {
    at.sent = message;
    const answer = await ask<WatchAdvanced>(message);
    if (answer === undefined) return undefined;
    at.sent = undefined;
    at.step = answer.step;
    if (answer.plan !== undefined) {
      at.version = answer.plan.version;
      at.fold.setReaders(readersOf(answer.plan));
    }
    return answer;
  }

  async function tell(at: Watch, alerts: readonly Alert[]): Promise<void> {
    const told: string[] = [];
    for (const alert of alerts) {
      const { id, source, severity, about, title } = alert;
      try {
        await ports.tell(alert);
      } catch (error) {
        log.warn("watch.not.told", { alert: id, failure: failureOf(error) });
        break;
      }
      log.warn("watch.alert", { alert: id, source, severity, about, title });
      meter.count("alerts", 1, { source });
      told.push(id);
    }
    if (told.length > 0) await ask({ type: "told", turn: at.turn, alerts: told });
  }

  async function round(): Promise<void> {
    while (!isStopped) {
      if (!ports.owns()) {
        watch = begins = undefined;
        samples.clear();
        return;
      }
      watch ??= await take();
      const at = watch;
      if (at === undefined) return;
      sample();
      if (at.sent !== undefined && (await send(at, at.sent)) === undefined) return;
      let entries = await next(at);
      const isLast = entries.length === 0;
      do {
        const { message, taken } = step(at, entries);
        const answer = await send(at, message);
        if (answer === undefined) return;
        if (answer.untold.length > 0) await tell(at, answer.untold);
        if (answer.dropped > 0) meter.count("playbook_runs_dropped", answer.dropped);
        runs.take(at.turn, answer.orders);
        entries = entries.slice(taken);
      } while (entries.length > 0 && !isStopped && watch === at);
      if (isLast) return;
    }
  }

  const look = (): Promise<void> =>
    (looking ??= round()
      .catch((error: unknown) => {
        // What was folded and not sent is folded again.
        watch = undefined;
        log.warn("watch.failed", { failure: failureOf(error) });
      })
      .finally(() => (looking = undefined)));
  let cancel = (): void => undefined;
  const every = (): void => {
    void look();
    cancel = clock.after(limits.pollMs, every);
  };
  every();

  return {
    look,
    async stop() {
      isStopped = true;
      cancel();
      await looking;
      await sampling;
      await runs.settled();
    },
  };
}
