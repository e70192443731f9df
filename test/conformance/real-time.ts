/** Real time and a log that is kept, for runtimes that live in processes. */
import { contentOf, subjectOf, trialKey } from "../../runtimes/host/subject.ts";
import type { ModelSpec } from "../../runtimes/index.ts";
import type { InferenceHostOptions } from "../../runtimes/host/host.ts";
import type { RuntimeClock, RuntimeLog } from "../../runtimes/environment.ts";

/** A clock on which time passes `speed` times as fast, so that a test need not wait for long deadlines. */
export function realClock(speed = 1): RuntimeClock {
  return {
    monotonicMs: () => performance.now() * speed,
    after(delayMs, callback) {
      const timer = setTimeout(callback, delayMs / speed);
      return () => clearTimeout(timer);
    },
  };
}

let trialsText: string | undefined;

/** What all tests of this process remember of the models that were tried, as a node does it over its starts: a file
 *  that several of them load is tried by the first. Tests of trials have a memory of their own. */
export const sharedTrials: NonNullable<InferenceHostOptions["trials"]> = {
  read: () => Promise.resolve(trialsText),
  write(text) {
    trialsText = text;
    return Promise.resolve();
  },
};

/** Remembers that these models have passed their trial, as a node does that tried them in its last life: a process less
 *  for each. For suites whose subject is what models say. */
export async function passedTrials(models: readonly ModelSpec[]): Promise<typeof sharedTrials> {
  const found: [string, string][] = [];
  const disk: [string, string][] = [];
  for (const subject of models.map(subjectOf)) {
    const content = await contentOf(subject.files);
    disk.push([subject.disk, content]);
    found.push([trialKey(subject, content), ""]);
  }
  return {
    read: () => Promise.resolve(JSON.stringify({ disk, found, strikes: [] })),
    write: () => Promise.resolve(),
  };
}

export interface KeptLog extends RuntimeLog {
  readonly lines: readonly LogLine[];
  /** Resolves with the next line of this event. */
  next(event: string): Promise<LogLine>;
}

export interface LogLine {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly event: string;
  readonly facts: Readonly<Record<string, unknown>>;
}

export function keptLog(): KeptLog {
  const lines: LogLine[] = [];
  let waiting: { event: string; resolve: (line: LogLine) => void }[] = [];
  const keep =
    (level: LogLine["level"]) =>
    (event: string, facts: Readonly<Record<string, unknown>> = {}) => {
      const line = { level, event, facts };
      lines.push(line);
      const met = waiting.filter((one) => one.event === event);
      waiting = waiting.filter((one) => one.event !== event);
      for (const one of met) one.resolve(line);
    };
  return {
    lines,
    debug: keep("debug"),
    info: keep("info"),
    warn: keep("warn"),
    error: keep("error"),
    next: (event) => new Promise((resolve) => waiting.push({ event, resolve })),
  };
}
