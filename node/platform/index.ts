/** The real ports: the machine's clock, its randomness, its disk, its log and its metrics. */
import { randomBytes } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Level } from "level";
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import { failure, PlexusError } from "../../protocols/index.ts";
import type { Clock, Meter, Random, Store, StoreOp } from "../ports.ts";

/** The machine's clock. */
export function createClock(): Clock {
  return {
    nowMs: () => Date.now(),
    monotonicMs: () => performance.now(),
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs);
      return () => clearTimeout(timer);
    },
    soon: (callback) => void setImmediate(callback),
  };
}

/** The machine's randomness. `bytes` is fit for secrets, `number` is not. */
export function createRandom(): Random {
  return { number: () => Math.random(), bytes: (count) => randomBytes(count) };
}

/** Level's own 4 MiB fills within 20 ms of full load, and each time writers wait for the flush: decision 0003. */
const writeBufferBytes = 32 * 1024 * 1024;

/** Opens a Level store in a folder, which is made when absent. Errors: DATA_FOLDER_IN_USE, DATA_DAMAGED. */
export async function openLevelStore(folder: string): Promise<Store> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const level = new Level<string, Uint8Array>(folder, {
    keyEncoding: "utf8",
    valueEncoding: "view",
    writeBufferSize: writeBufferBytes,
  });
  try {
    await level.open();
  } catch (error) {
    const cause = (error as { cause?: { code?: string; message?: string } }).cause;
    if (cause?.code === "LEVEL_LOCKED") throw new PlexusError(failure("DATA_FOLDER_IN_USE", { folder }), error);
    throw new PlexusError(failure("DATA_DAMAGED", { file: folder, reason: cause?.message ?? String(error) }), error);
  }
  return levelStore(level, folder);
}

/** After a failed write LevelDB's log may hold a torn record: what it writes behind it reads well now and is gone at the
 *  next start. So one batch is under way at a time, and after a failure the database is opened again, which starts a new
 *  log, before anything else is read or written. */
function levelStore(level: Level<string, Uint8Array>, folder: string): Store {
  let last: Promise<void> = Promise.resolve();
  let torn = false;
  let reopening: Promise<void> | undefined;
  const reopen = async (): Promise<void> => {
    await level.close();
    await level.open();
    torn = false;
  };
  const whole = (): Promise<void> | undefined => {
    if (!torn) return undefined;
    reopening ??= reopen().finally(() => (reopening = undefined));
    return reopening;
  };
  const write = async (ops: readonly StoreOp[], options: { readonly sync: boolean }): Promise<void> => {
    await whole();
    try {
      await level.batch(ops as { type: "put"; key: string; value: Uint8Array }[], options);
    } catch (error) {
      torn = true;
      throw error;
    }
  };
  return {
    location: folder,
    batch(ops, options) {
      const mine = last.then(() => write(ops, options));
      last = mine.catch(() => undefined);
      return mine;
    },
    async get(key) {
      await whole();
      return level.get(key);
    },
    async range({ gte, lt, limit, reverse }) {
      await whole();
      return level.iterator({ gte, lt, limit: limit ?? -1, reverse: reverse ?? false }).all();
    },
    async keys({ gte, lt, limit, reverse }) {
      await whole();
      return level.keys({ gte, lt, limit: limit ?? -1, reverse: reverse ?? false }).all();
    },
    view() {
      const snapshot = level.snapshot();
      return {
        get: (key) => level.get(key, { snapshot }),
        range: ({ gte, lt, limit, reverse }) =>
          level.iterator({ gte, lt, limit: limit ?? -1, reverse: reverse ?? false, snapshot }).all(),
        close: () => snapshot.close(),
      };
    },
    close: () => level.close(),
  };
}

export interface Metrics {
  readonly meter: Meter;
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** 99th percentile of the event loop's delay since the last call. */
  lagMs(): number;
  stop(): void;
}

/** From 0.1 ms, a fast sync, to 30 s, a long generation. */
const bucketsMs = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 30_000];

/** Prometheus metrics, named `plexus_…`; each name is made when it is first used. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  const counters = new Map<string, Counter>();
  const gauges = new Map<string, Gauge>();
  const histograms = new Map<string, Histogram>();
  const made = <M>(map: Map<string, M>, name: string, make: () => M): M => {
    const found = map.get(name) ?? make();
    map.set(name, found);
    return found;
  };
  const described = (name: string, suffix: string, labels?: object) => ({
    name: `plexus_${name}${suffix}`,
    help: `See docs/operating.md, metric plexus_${name}${suffix}`,
    labelNames: Object.keys(labels ?? {}),
    registers: [registry],
  });
  return {
    meter: {
      count(name, by = 1, labels) {
        const counter = made(counters, name, () => new Counter(described(name, "_total", labels)));
        counter.inc(labels ?? {}, by);
      },
      gauge(name, value, labels) {
        const gauge = made(gauges, name, () => new Gauge(described(name, "", labels)));
        gauge.set(labels ?? {}, value);
      },
      observeMs(name, valueMs, labels) {
        const make = () => new Histogram({ ...described(name, "_milliseconds", labels), buckets: bucketsMs });
        made(histograms, name, make).observe(labels ?? {}, valueMs);
      },
    },
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    lagMs() {
      const valueMs = delay.percentile(99) / 1e6;
      delay.reset();
      return Number.isFinite(valueMs) ? Math.max(0, valueMs - 10) : 0;
    },
    stop() {
      delay.disable();
      registry.clear();
    },
  };
}
