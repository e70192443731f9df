import {
  createMemoryReading,
  createMetrics,
  createRandom,
  readDescriptorLimit,
  shareDescriptors,
} from "../platform/index.ts";
import type { Clock, Log, Meter, Random } from "../ports.ts";
import type { Stops } from "./stops.ts";

/** What a node has of the machine it runs on. */
export interface Machine {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  readonly metrics: ReturnType<typeof createMetrics>;
  memoryBytes(): number;
  /** Open files and connections that each part may have. */
  readonly descriptors: ReturnType<typeof shareDescriptors>;
  readonly version: string;
  readonly startedAtMs: number;
}

/** Begins to measure, and shares out the descriptors. */
export function openMachine(at: {
  readonly clock: Clock;
  readonly log: Log;
  readonly version: string;
  readonly stops: Stops;
}): Machine {
  const { clock, log, version, stops } = at;
  const descriptors = shareDescriptors(readDescriptorLimit());
  log.info("node.descriptors", { ...descriptors });
  const metrics = createMetrics();
  stops.add(() => metrics.stop());
  return {
    clock,
    random: createRandom(),
    log,
    meter: metrics.meter,
    metrics,
    memoryBytes: createMemoryReading(),
    descriptors,
    version,
    startedAtMs: clock.nowMs(),
  };
}
