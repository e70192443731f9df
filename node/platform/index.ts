/** The real ports: the machine's clock, its randomness, its disk, its log and its metrics. */
import { randomBytes, randomFillSync } from "node:crypto";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from "prom-client";
import type { Clock, Meter, Random } from "../ports/index.ts";

export { holdVariable } from "./held-variable.ts";
export { keptText } from "./kept-text.ts";
export { profileCpu, profileHeap } from "./profiler.ts";
export { requestText } from "./requests.ts";
export { postText } from "./posting.ts";
export { isPublicAddress, postGuarded, readGuarded, type GuardedPost, type GuardedRead } from "./guarded.ts";
export { makeVapidKeys, sealForBrowser, vapidHeader } from "./web-push.ts";
export { readCertificates } from "./certificates.ts";
export { openTls } from "./followed-certificates.ts";
export { readSource } from "./sources.ts";
export { deliver } from "./siem.ts";
export { bytesIn, diskOf, freeIn, openFiles } from "./files.ts";
export { findFileDamage, surveyLevel, type FileDamage } from "./level-files.ts";
export { openLevelReader } from "./level-reader.ts";
export { findLoss, makeFolder, openLevelStore } from "./level-store.ts";
export { outwardAddresses, refusalToListen } from "./listening.ts";
export { mayDumpCore } from "./core-dumps.ts";
export { createMemoryReading, readDescriptorLimit, shareDescriptors } from "./descriptors.ts";

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

/** Random bytes that are drawn from the system at once. Asking for a few takes as long as asking for many: three ids a
 *  request were a tenth of what a request costs. */
const drawnBytes = 4_096;

/** The machine's randomness. `bytes` is fit for secrets, `number` is not. */
export function createRandom(): Random {
  const drawn = Buffer.alloc(drawnBytes);
  let used = drawnBytes;
  return {
    number: () => Math.random(),
    bytes(count) {
      if (count > drawnBytes / 16) return randomBytes(count);
      if (used + count > drawnBytes) {
        randomFillSync(drawn);
        used = 0;
      }
      // A copy, and nothing of it stays here: what was given out may be a secret.
      const bytes = Buffer.from(drawn.subarray(used, used + count));
      drawn.fill(0, used, used + count);
      used += count;
      return bytes;
    },
  };
}

/** The share of a time in which the event loop had work, from 0 to 1, and cores' worth of time that the process
 *  took. */
export interface ProcessorUse {
  readonly busyShare: number;
  readonly cores: number;
}

export interface Metrics {
  readonly meter: Meter;
  text(): Promise<{ readonly contentType: string; readonly body: string }>;
  /** What these counters came to since the start, with all their labels together; one that nothing was counted of yet
   *  is 0. */
  totals(names: readonly string[]): Promise<ReadonlyMap<string, number>>;
  /** 99th percentile of the event loop's delay since the last call. */
  lagMs(): number;
  /** Begins to look at what the process takes. Each look covers the time since the one before it. */
  looking(): () => ProcessorUse;
  stop(): void;
}

/** From 0.1 ms, a fast sync, to 30 s, a long generation. */
const bucketsSeconds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
];

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
    help: `See docs/operate/metrics.md, metric plexus_${name}${suffix}`,
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
        const make = () => new Histogram({ ...described(name, "_seconds", labels), buckets: bucketsSeconds });
        made(histograms, name, make).observe(labels ?? {}, valueMs / 1_000);
      },
    },
    text: async () => ({ contentType: registry.contentType, body: await registry.metrics() }),
    async totals(names) {
      const totals = new Map<string, number>();
      for (const name of names) {
        const values = (await counters.get(name)?.get())?.values ?? [];
        totals.set(
          name,
          values.reduce((sum, { value }) => sum + value, 0),
        );
      }
      return totals;
    },
    lagMs() {
      const valueMs = delay.percentile(99) / 1e6;
      delay.reset();
      return Number.isFinite(valueMs) ? Math.max(0, valueMs - 10) : 0;
    },
    looking: lookAtProcessor,
    stop() {
      delay.disable();
      registry.clear();
    },
  };
}

function lookAtProcessor(): () => ProcessorUse {
  let seen = { loop: performance.eventLoopUtilization(), cpu: process.cpuUsage(), atMs: performance.now() };
  let used: ProcessorUse = { busyShare: 0, cores: 0 };
  return () => {
    let cpu: NodeJS.CpuUsage;
    try {
      cpu = process.cpuUsage();
    } catch {
      // The system has no descriptor for that now. The next look covers this time, too.
      return used;
    }
    const now = performance.eventLoopUtilization();
    const { utilization: busyShare } = performance.eventLoopUtilization(now, seen.loop);
    const next = { loop: now, cpu, atMs: performance.now() };
    const tookMs = Math.max(1, next.atMs - seen.atMs);
    const cpuMs = (next.cpu.user + next.cpu.system - seen.cpu.user - seen.cpu.system) / 1_000;
    seen = next;
    used = { busyShare, cores: Math.max(0, cpuMs / tookMs) };
    return used;
  };
}
