/** What a node has of the machine it runs on: clock, chance, log, figures, traces. */
import type { Config } from "../../config/index.ts";
import type { LogLevel } from "../../protocols/index.ts";
import { createOpener, type Opener } from "../../runtimes/opened/index.ts";
import {
  countRequests,
  keepHistory,
  keepLines,
  keepSpans,
  type OwnMemory,
  type RunningTracer,
} from "../observe/index.ts";
import {
  createMemoryReading,
  createMetrics,
  createRandom,
  freeIn,
  mayDumpCore,
  readDescriptorLimit,
  shareDescriptors,
  type ProcessorUse,
} from "../platform/index.ts";
import type { Clock, Log, Meter, Random } from "../ports/index.ts";
import type { Stops } from "../stops.ts";

export interface Machine {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly metrics: ReturnType<typeof createMetrics>;
  /** Opens files of strangers, in a process of its own. */
  readonly opener: Opener;
  /** What the node remembers of itself. */
  readonly memory: OwnMemory;
  memoryBytes(): number;
  /** 99th percentile of the event loop's delay since the last call. */
  lagMs(): number;
  /** What the process took since the last call. */
  used(): ProcessorUse;
  /** Open files and connections that each part may have. */
  readonly descriptors: ReturnType<typeof shareDescriptors>;
  readonly version: string;
  readonly startedAtMs: number;
}

/** Begins to measure, and shares out the descriptors. */
export function openMachine(at: {
  readonly clock: Clock;
  readonly log: Log & { readonly level?: LogLevel | "silent" };
  readonly version: string;
  /** The data folder, of whose disk it is told how much is free. */
  readonly data: string;
  readonly stops: Stops;
}): Machine {
  const { clock, version, stops } = at;
  const printed = at.log;
  const lines = keepLines(printed, { clock, level: () => printed.level ?? "info" });
  const { log } = lines;
  const descriptors = shareDescriptors(readDescriptorLimit());
  log.info("node.descriptors", { ...descriptors });
  if (mayDumpCore())
    log.warn("node.core_dumps", { hint: "start it with bin/plexus, or with `ulimit -c 0` or LimitCORE=0" });
  const metrics = createMetrics();
  stops.add(() => metrics.stop());
  const opener = createOpener({ clock, log });
  stops.add(() => opener.stop());
  const memoryBytes = createMemoryReading();
  // Each look begins a new time: what was seen meanwhile is kept for the figures.
  let worstLagMs = 0;
  const lagMs = (): number => {
    const seenMs = metrics.lagMs();
    worstLagMs = Math.max(worstLagMs, seenMs);
    return seenMs;
  };
  const ownUse = metrics.looking();
  const history = keepHistory(metrics.meter, {
    clock,
    readings() {
      lagMs();
      const diskFreeBytes = freeIn(at.data);
      const readings = { ...ownUse(), lagMs: worstLagMs, memoryBytes: memoryBytes() };
      worstLagMs = 0;
      return diskFreeBytes === undefined ? readings : { ...readings, diskFreeBytes };
    },
  });
  stops.add(() => history.stop());
  return {
    clock,
    random: createRandom(),
    log,
    meter: history.meter,
    metrics,
    opener,
    memory: { lines, history, spans: keepSpans(), requests: countRequests(clock) },
    memoryBytes,
    lagMs,
    used: metrics.looking(),
    descriptors,
    version,
    startedAtMs: clock.nowMs(),
  };
}

/** Begins to trace; undefined: nothing is traced, and nothing of it is loaded. */
export async function openTracing(
  { name, tracing }: Pick<Config, "name" | "tracing">,
  at: { readonly node: string; readonly machine: Machine; readonly stops: Stops },
): Promise<RunningTracer | undefined> {
  if (tracing.ratio === 0) return undefined;
  const { machine, node } = at;
  const { clock, random, memory, version, log } = machine;
  const [{ createTracer }, { openExporter }] = await Promise.all([
    import("../observe/tracer.ts"),
    import("../platform/otlp.ts"),
  ]);
  const exporter = tracing.url === undefined ? undefined : openExporter(tracing.url, log);
  const ports = { node, name, version, ratio: tracing.ratio, clock, random, spans: memory.spans };
  const tracer = createTracer({ ...ports, ...(exporter && { exporter }) });
  at.stops.add(() => tracer.stop().catch((error: unknown) => log.debug("tracing.stop.failed", { error })));
  log.info("tracing.on", { ratio: tracing.ratio, ...(tracing.url !== undefined && { to: new URL(tracing.url).host }) });
  return tracer;
}
