/** Sends logs to systems of others (SIEM). There is no queue: what is to be sent is read from the log after the cursor
 *  of the sink, one batch at a time, and the cursor moves when the receiver has confirmed. So whatever was cut is sent
 *  again, and a receiver that is away costs nothing but its lag.
 *
 *      wake ─► sink 1: batch ─► confirmed ─► cursor ─► batch …      own logs; and copies of logs whose writer is gone,
 *           └► sink 2: batch ─► refused ──► pause, twice as long …  where this node is the first keeper that is up */
import type { AuditRecord, AuditSink, AuditSinkLog, AuditSinkState } from "../../protocols/index.ts";
import type { Clock, Log, Meter, NodeId } from "../ports/index.ts";
import { writerOf, type AuditBook } from "./book.ts";
import { recordOf } from "./chain.ts";
import type { Sent } from "./keeping.ts";
import type { AuditLimits } from "./limits.ts";
import { sendBatch, type PushTo } from "./push-batch.ts";
import { openCursors } from "./push-cursors.ts";

interface PushPorts extends PushTo {
  readonly book: AuditBook;
  readonly node: NodeId;
  name(): string;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly limits: AuditLimits;
  /** Nodes that keep copies, in order; and whether one answers. */
  keepers(): readonly NodeId[];
  isUp(node: NodeId): boolean;
  /** A sink has not confirmed anything for long. */
  behind(facts: Readonly<Record<string, string | number>>): void;
}

export interface Push {
  /** There may be something to send. */
  wake(): void;
  sent(log: string): readonly Sent[];
  heard(log: string, sent: readonly Sent[]): void;
  /** Up to which entry all sinks have confirmed a log; infinite where there is no sink. */
  confirmed(log: string): number;
  states(): Promise<readonly AuditSinkState[]>;
  stop(): Promise<void>;
}

/** What is known of a sink here. */
interface Runner {
  running: Promise<void> | undefined;
  again: boolean;
  failures: number;
  failingSinceMs: number | undefined;
  reason: string | undefined;
  pause: (() => void) | undefined;
  toldBehind: boolean;
}

/** Begins to send. */
export async function pushLogs(ports: PushPorts): Promise<Push> {
  const { book, node, clock, log, meter, limits } = ports;
  const cursors = await openCursors(book, () => ports.sinks());
  const runners = new Map<string, Runner>();
  const awaySinceMs = new Map<NodeId, number>();
  let isStopped = false;

  /** What is sent from here: the own logs, and those of nodes that are gone where no keeper before this one is up. */
  const logsHere = (): readonly string[] => {
    const nowMs = clock.monotonicMs();
    const first = ports.keepers().find((one) => one === node || ports.isUp(one));
    return book.logs().flatMap(({ log: of }) => {
      const writer = writerOf(of);
      if (writer === node) return [of];
      if (ports.isUp(writer)) {
        awaySinceMs.delete(writer);
        return [];
      }
      if (!awaySinceMs.has(writer)) awaySinceMs.set(writer, nowMs);
      return first === node && nowMs - (awaySinceMs.get(writer) ?? nowMs) >= limits.pushTakeOverMs ? [of] : [];
    });
  };

  /** Sends what there is of one log: each batch to where the row says by then, which may be elsewhere, or nowhere any
   *  more. */
  const drain = async ({ id }: AuditSink, of: string, runner: Runner): Promise<void> => {
    while (!isStopped) {
      const sink = ports.sinks().find((one) => one.id === id);
      if (sink === undefined) return;
      const after = await cursors.of(sink, of);
      const records: AuditRecord[] = [];
      let bytes = 0;
      for (const line of await book.read(of, after, limits.pushEntries)) {
        const record = recordOf(line);
        if (record === undefined) break;
        records.push(record);
        if ((bytes += line.length) >= limits.pushBytes) break;
      }
      const last = records.at(-1);
      if (last === undefined) return;
      await sendBatch(ports, sink, records, { nowMs: clock.nowMs(), timeoutMs: limits.pushTimeoutMs });
      await cursors.confirm(sink, of, last.seq);
      meter.count("audit_pushed", records.length, { sink: sink.name });
      if (runner.failures > 0) log.info("audit.push.resumed", { sink: sink.name });
      runner.failures = 0;
      runner.failingSinceMs = runner.reason = undefined;
    }
  };

  const standing = async (sink: AuditSink): Promise<readonly AuditSinkLog[]> =>
    Promise.all(
      logsHere().map(async (of) => {
        const sent = await cursors.of(sink, of);
        const end = book.of(of)?.end.seq ?? 0;
        const [line] = sent < end ? await book.read(of, sent, 1) : [];
        const atMs = line === undefined ? undefined : recordOf(line)?.atMs;
        return { log: of, sent, end, lagMs: atMs === undefined ? 0 : Math.max(0, Math.round(clock.nowMs() - atMs)) };
      }),
    );

  const measure = async (sink: AuditSink, runner: Runner): Promise<void> => {
    const logs = await standing(sink);
    const lagMs = Math.max(0, ...logs.map((one) => one.lagMs));
    const waiting = logs.reduce((sum, { sent, end }) => sum + end - sent, 0);
    meter.gauge("audit_push_lag_seconds", lagMs / 1_000, { sink: sink.name });
    meter.gauge("audit_push_waiting", waiting, { sink: sink.name });
    if (lagMs >= limits.pushBehindMs && !runner.toldBehind) {
      runner.toldBehind = true;
      const reason = runner.reason ?? "it takes less than is written";
      log.error("audit.push.behind", { sink: sink.name, lagMs, waiting, reason });
      ports.behind({ sink: sink.name, waiting, minutes: Math.round(lagMs / 60_000), reason });
    } else if (waiting === 0 && runner.toldBehind) {
      runner.toldBehind = false;
      log.info("audit.push.caught_up", { sink: sink.name });
    }
  };

  const failed = (sink: AuditSink, runner: Runner, error: unknown): void => {
    const reason = (error as Error).message.slice(0, 200);
    meter.count("audit_push_failures", 1, { sink: sink.name });
    if (runner.reason !== reason) log.warn("audit.push.failed", { sink: sink.name, reason });
    runner.failures += 1;
    runner.failingSinceMs ??= Math.floor(clock.nowMs());
    runner.reason = reason;
    const waitMs = Math.min(limits.pushRetryMaxMs, limits.pushRetryMs * 2 ** Math.min(20, runner.failures - 1));
    runner.pause = clock.after(waitMs, () => {
      runner.pause = undefined;
      start(sink, runner);
    });
  };

  const run = async (sink: AuditSink, runner: Runner): Promise<void> => {
    try {
      while (runner.again && !isStopped) {
        runner.again = false;
        for (const of of logsHere()) await drain(sink, of, runner);
      }
    } catch (error) {
      if (!isStopped) failed(sink, runner, error);
    }
    if (!isStopped) await measure(sink, runner).catch(() => undefined);
  };

  function start(sink: AuditSink, runner: Runner): void {
    if (isStopped || runner.pause !== undefined) return;
    runner.again = true;
    runner.running ??= run(sink, runner).finally(() => {
      runner.running = undefined;
      // Asked for while the lag was measured.
      if (runner.again && runner.pause === undefined) start(sink, runner);
    });
  }

  /** Of a sink that is gone, nothing is kept. */
  const forget = (sinks: readonly AuditSink[]): void => {
    const there = new Set(sinks.map(({ id }) => id));
    for (const [id, runner] of runners)
      if (!there.has(id)) {
        runner.pause?.();
        runners.delete(id);
      }
    cursors.forget();
  };
  const all = (): void => {
    const sinks = ports.sinks();
    forget(sinks);
    for (const sink of sinks) {
      let runner = runners.get(sink.id);
      if (runner === undefined) {
        runner = {
          running: undefined,
          again: false,
          failures: 0,
          failingSinceMs: undefined,
          reason: undefined,
          pause: undefined,
          toldBehind: false,
        };
        runners.set(sink.id, runner);
      }
      start(sink, runner);
    }
  };
  let pending: (() => void) | undefined;
  const wake = (): void => {
    if (isStopped || ports.sinks().length === 0) return;
    pending ??= clock.after(limits.pushPauseMs, () => {
      pending = undefined;
      all();
    });
  };
  const unwatch = ports.onChange(() => {
    // Another address or secret may be what was missing.
    for (const runner of runners.values()) {
      runner.pause?.();
      runner.pause = undefined;
    }
    all();
  });
  let cancel = (): void => undefined;
  const every = (): void => {
    all();
    cancel = clock.after(limits.pushEveryMs, every);
  };
  every();

  return {
    wake,
    sent: (of) => cursors.sent(of),
    heard: (of, sent) => cursors.heard(of, sent),
    confirmed: (of) => cursors.confirmed(of),
    states: () =>
      Promise.all(
        ports.sinks().map(async (sink) => {
          const { failingSinceMs, reason } = runners.get(sink.id) ?? {};
          const failing = failingSinceMs === undefined ? {} : { failingSinceMs, reason: reason ?? "" };
          return { sink: sink.name, node: ports.name(), logs: await standing(sink), ...failing };
        }),
      ),
    async stop() {
      isStopped = true;
      cancel();
      pending?.();
      unwatch();
      for (const runner of runners.values()) runner.pause?.();
      for (const { running } of runners.values()) await running;
    },
  };
}
