import type { IWatchResponse } from "etcd3";
import { failureOf } from "../../protocols/index.ts";
import type { Clock, DirectoryRow, DirectoryWatcher, Log } from "../ports.ts";
import type { EtcdServers } from "./etcd-servers.ts";
import type { DirectoryLimits } from "./limits.ts";
import { inKeyOrder } from "./row.ts";

/** One change as etcd tells it, with our key and revision. */
type Event = { readonly row: DirectoryRow } | { readonly key: string; readonly revision: number };

interface Watch {
  readonly prefix: string;
  readonly watcher: DirectoryWatcher;
  current: boolean;
}

export interface EtcdFeed {
  watch(prefix: string, watcher: DirectoryWatcher): () => void;
  close(): void;
}

/** All watches of one node, fed by one stream of changes.
 *
 *      read everything at revision R ──► reset ──► stream from R + 1 ──► changed, removed …
 *            ▲                                            │
 *            └── stale ◄── broken, compacted, behind ─────┘
 *
 *  A stream that is silent may be cut off, or at a member that is stopped or alone. So the cluster's revision is read
 *  every so often, and the stream has to show that it has come as far. */
export function createEtcdFeed(ports: {
  readonly servers: EtcdServers;
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
  readonly limits: DirectoryLimits;
  /** What to watch. */
  readonly range: { readonly key: Buffer; readonly range_end: Buffer };
  /** Every row, and etcd's revision they were read at. */
  readLevel(): Promise<{ readonly rows: readonly DirectoryRow[]; readonly revision: number }>;
  toEvents(response: IWatchResponse): readonly Event[];
}): EtcdFeed {
  const { servers, clock, log, limits, range } = ports;
  const watches = new Set<Watch>();
  let rows: Map<string, DirectoryRow> | undefined;
  /** Ends the run under way; undefined when nobody watches. */
  let stopRun: (() => void) | undefined;

  const begin = (watch: Watch): void => {
    if (rows === undefined || watch.current || !watches.has(watch)) return;
    watch.current = true;
    watch.watcher.reset([...rows.values()].filter(({ key }) => key.startsWith(watch.prefix)).sort(inKeyOrder));
  };

  const allStale = (): void => {
    rows = undefined;
    for (const watch of watches) {
      if (!watch.current) continue;
      watch.current = false;
      watch.watcher.stale();
    }
  };

  const tell = (event: Event): void => {
    const key = "row" in event ? event.row.key : event.key;
    if ("row" in event) rows?.set(key, event.row);
    else rows?.delete(key);
    for (const watch of watches) {
      if (!watch.current || !key.startsWith(watch.prefix)) continue;
      if ("row" in event) watch.watcher.changed(event.row);
      else watch.watcher.removed(key, event.revision);
    }
  };

  const run = async (stopped: { readonly now: boolean; readonly promise: Promise<void> }): Promise<void> => {
    let retryMs = limits.retryMinMs;
    while (!stopped.now) {
      const because = await follow(stopped, () => (retryMs = limits.retryMinMs)).catch((error: unknown) => error);
      if (stopped.now) return;
      log.warn("directory.watch.broken", {
        because: because instanceof Error ? (failureOf(because).details ?? because.message) : because,
      });
      allStale();
      await Promise.race([pause(clock, retryMs), stopped.promise]);
      retryMs = Math.min(retryMs * 2, limits.retryMaxMs);
    }
  };

  /** From one full reading to the end of its stream. Resolves or rejects with why it ended. */
  const follow = async (
    stopped: { readonly now: boolean; readonly promise: Promise<void> },
    reached: () => void,
  ): Promise<unknown> => {
    const level = await ports.readLevel();
    if (stopped.now) return "stopped";
    const { stream, end } = await servers.watch();
    let seen = 0;
    let over = false;
    try {
      const broken = new Promise((resolve) => {
        stream.on("error", resolve);
        stream.on("end", () => resolve("the server ended the stream"));
        stream.on("data", (response: IWatchResponse) => {
          if (over) return;
          if (response.canceled) return resolve(response.cancel_reason || "the server cancelled the watch");
          try {
            for (const event of ports.toEvents(response)) tell(event);
          } catch (error) {
            return resolve(error);
          }
          seen = Math.max(seen, Number(response.header.revision));
        });
      });
      stream.write({ create_request: { ...range, start_revision: level.revision + 1 } });
      rows = new Map(level.rows.map((row) => [row.key, row]));
      for (const watch of watches) begin(watch);
      reached();
      const isOver = Promise.race([broken, stopped.promise]);
      const behind = prove(
        () => seen,
        () => over,
        () => stream.write({ progress_request: {} }),
      );
      return await Promise.race([isOver, behind]);
    } finally {
      over = true;
      end(!stopped.now);
    }
  };

  /** Resolves with why the stream cannot be trusted any more. */
  const prove = async (seen: () => number, over: () => boolean, ask: () => void): Promise<unknown> => {
    // Asked again within the deadline: a member may be a little behind, and answers with what it has.
    const asksMax = 10;
    for (;;) {
      await pause(clock, limits.checkMs);
      if (over()) return "over";
      const revision = await servers.range({ key: range.key, count_only: true }).then(
        ({ header }) => Number(header.revision),
        (error: unknown) => error as Error,
      );
      if (typeof revision !== "number") return revision;
      for (let asks = 0; seen() < revision && !over(); asks += 1) {
        if (asks === asksMax) return "the stream stays behind";
        ask();
        await pause(clock, limits.callTimeoutMs / asksMax);
      }
    }
  };

  const start = (): void => {
    let resolve = (): void => undefined;
    const stopped = { now: false, promise: new Promise<void>((done) => (resolve = done)) };
    stopRun = () => {
      stopped.now = true;
      rows = undefined;
      resolve();
    };
    void run(stopped);
  };

  return {
    watch(prefix, watcher) {
      const watch: Watch = { prefix, watcher, current: false };
      watches.add(watch);
      if (stopRun === undefined) start();
      else void Promise.resolve().then(() => begin(watch));
      return () => {
        if (!watches.delete(watch) || watches.size > 0) return;
        stopRun?.();
        stopRun = undefined;
      };
    },
    close() {
      watches.clear();
      stopRun?.();
      stopRun = undefined;
    },
  };
}

const pause = (clock: Pick<Clock, "after">, delayMs: number): Promise<void> =>
  new Promise((resolve) => clock.after(delayMs, resolve));
