import { failureOf } from "../../../protocols/index.ts";
import type { Clock, DirectoryRow, DirectoryWatcher, Log } from "../../ports/index.ts";
import type { EtcdServers } from "./etcd-servers.ts";
import type { WatchResponse } from "./etcd-wire.ts";
import type { DirectoryLimits } from "./limits.ts";
import { Watches, type Watch } from "./watches.ts";

/** One change as etcd tells it, with our key and revision. */
type Event = { readonly row: DirectoryRow } | { readonly key: string; readonly revision: number };

/** How often within a deadline a stream is asked how far it is: a member may be a little behind, and says so. */
const progressAsksMax = 10;

interface EtcdFeed {
  watch(prefix: string, watcher: DirectoryWatcher): () => void;
  /** Why nothing can be told now; undefined while it can, and before the first attempt has ended. */
  trouble(): string | undefined;
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
  /** The keys to watch. */
  readonly range: { readonly key: Buffer; readonly range_end: Buffer };
  /** etcd's present revision, of the directory's own cluster. */
  readRevision(): Promise<number>;
  /** Looks at whether etcd takes changes. Never rejects. */
  lookAtRefusal(): Promise<void>;
  /** Every row, and etcd's revision they were read at; `cluster`: which etcd that is, by its own id. */
  readLevel(): Promise<{ readonly rows: readonly DirectoryRow[]; readonly revision: number; readonly cluster: string }>;
  toEvents(response: WatchResponse): readonly Event[];
}): EtcdFeed {
  const { servers, clock, log, limits, range } = ports;
  const watches = new Watches();
  let rows: Map<string, DirectoryRow> | undefined;
  /** Undefined when nobody watches. */
  let current: Run | undefined;
  let trouble: string | undefined;

  const begin = (watch: Watch): void => {
    if (rows !== undefined) watches.begin(watch, rows);
  };

  const tell = (event: Event): void => {
    const row = "row" in event ? event.row : undefined;
    const { key, revision } = "row" in event ? event.row : event;
    if (row === undefined) rows?.delete(key);
    else rows?.set(key, row);
    watches.tell(key, revision, row);
  };

  /** From one full reading to the end of its stream. Resolves or rejects with why it ended. */
  const follow = async (run: Run): Promise<unknown> => {
    const level = await ports.readLevel();
    if (run.stopped) return "stopped";
    const { stream, end } = await servers.watch();
    const attempt = { seen: 0, over: false };
    try {
      if (run.stopped) return "stopped";
      const broken = new Promise((resolve) => {
        const fail = (because: unknown): void => {
          // Changes after a gap must not be told.
          attempt.over = true;
          resolve(because);
        };
        stream.on("error", fail);
        stream.on("end", () => fail("the server ended the stream"));
        stream.on("data", (response: WatchResponse) => {
          if (attempt.over || run.stopped) return;
          if (response.canceled) return fail(response.cancel_reason || "the server cancelled the watch");
          // One of the addresses may be another etcd's. It would never say anything, and its revisions say nothing
          // here.
          if (response.header.cluster_id !== level.cluster) return fail("the server is of another etcd");
          try {
            for (const event of ports.toEvents(response)) tell(event);
          } catch (error) {
            return fail(error);
          }
          attempt.seen = Math.max(attempt.seen, Number(response.header.revision));
        });
      });
      stream.write({ create_request: { ...range, start_revision: level.revision + 1 } });
      rows = new Map(level.rows.map((row) => [row.key, row]));
      trouble = undefined;
      watches.beginAll(rows);
      void ports.lookAtRefusal();
      const doubted = prove(run, attempt, () => stream.write({ progress_request: {} }));
      return await Promise.race([broken, run.stopping, doubted]);
    } finally {
      attempt.over = true;
      end(!run.stopped);
    }
  };

  /** Resolves with why the stream cannot be trusted any more. */
  const prove = async (
    run: Run,
    attempt: { readonly seen: number; readonly over: boolean },
    ask: () => void,
  ): Promise<unknown> => {
    for (;;) {
      await run.pause(limits.checkMs);
      if (attempt.over || run.stopped) return "over";
      const revision = await ports.readRevision().catch((error: unknown) => error as Error);
      if (typeof revision !== "number") return revision;
      await ports.lookAtRefusal();
      for (let asks = 0; attempt.seen < revision && !attempt.over; asks += 1) {
        if (asks === progressAsksMax) return "the stream stays behind";
        ask();
        await run.pause(limits.callTimeoutMs / progressAsksMax);
      }
      // Not before: a stream that breaks as soon as it is made must not have everything read again all the time.
      run.retryMs = limits.retryMinMs;
    }
  };

  const go = async (run: Run): Promise<void> => {
    while (!run.stopped) {
      const because = await follow(run).catch((error: unknown) => error);
      if (run.stopped) return;
      trouble = reasonOf(because);
      log.warn("directory.watch.broken", { because: trouble });
      rows = undefined;
      watches.stale();
      await run.pause(run.retryMs);
      run.retryMs = Math.min(run.retryMs * 2, limits.retryMaxMs);
    }
  };

  const stop = (): void => {
    current?.stop();
    current = undefined;
    rows = undefined;
  };

  return {
    watch(prefix, watcher) {
      const watch = watches.add(prefix, watcher);
      if (current === undefined) {
        current = startRun(clock, limits.retryMinMs);
        void go(current);
      } else void Promise.resolve().then(() => begin(watch));
      return () => {
        if (watches.delete(watch) && watches.size === 0) stop();
      };
    },
    trouble: () => trouble,
    close() {
      watches.clear();
      stop();
    },
  };
}

/** Why a stream ended, in words. */
function reasonOf(because: unknown): string {
  if (!(because instanceof Error)) return String(because);
  const { because: reason } = failureOf(because).details ?? {};
  return typeof reason === "string" ? reason : because.message;
}

/** From the first watcher's coming to the last one's going. */
interface Run {
  readonly stopped: boolean;
  readonly stopping: Promise<void>;
  retryMs: number;
  /** Ends early when the run is stopped. */
  pause(delayMs: number): Promise<void>;
  stop(): void;
}

function startRun(clock: Pick<Clock, "after">, retryMs: number): Run {
  const pauses = new Set<() => void>();
  let stopped = false;
  let tellStopping = (): void => undefined;
  const stopping = new Promise<void>((resolve) => (tellStopping = resolve));
  return {
    get stopped() {
      return stopped;
    },
    stopping,
    retryMs,
    pause(delayMs) {
      if (stopped) return Promise.resolve();
      return new Promise((resolve) => {
        const end = (): void => {
          cancel();
          pauses.delete(end);
          resolve();
        };
        const cancel = clock.after(delayMs, end);
        pauses.add(end);
      });
    },
    stop() {
      stopped = true;
      tellStopping();
      for (const end of pauses) end();
    },
  };
}
