/** Figures of this node over an hour and a day, in memory.
 *
 *      meter ─► counters and observations of a step ─┐
 *      readings (processor, memory, disk) ───────────┴─► a figure each 15 s, for an hour ─► one each 2 min, for a day
 *
 *  Steps end at whole multiples of their length, so that those of several nodes lie beside each other. A step that
 *  nobody looked at, because the process stood still, has no figures. */
import type { HistoryRange, HistorySeries, HistoryValues } from "../../protocols/index.ts";
import type { Clock, Meter } from "../ports/index.ts";
import { observeLimits } from "./limits.ts";
import { seriesRows, type Readings, type SeriesRow } from "./series.ts";
import { Spread } from "./spread.ts";

/** Figures that are kept. */
export interface History {
  /** A meter that counts for `inner` and for this. */
  readonly meter: Meter;
  /** Figures of the steps up to `endMs`, or up to the last one that has ended. */
  read(range: HistoryRange, names?: readonly string[], endMs?: number): HistoryOfNode;
  readonly stop: () => void;
}

/** Figures of one node. */
interface HistoryOfNode {
  readonly endMs: number;
  readonly values: HistoryValues;
}

/** The observations of one series in a step. */
class Step {
  sum = 0;
  count = 0;
  readonly #spread: Spread | undefined;

  constructor(isSpread: boolean) {
    this.#spread = isSpread ? new Spread() : undefined;
  }

  observe(value: number): void {
    this.sum += value;
    this.count += 1;
    this.#spread?.add(value);
  }

  /** The 99th percentile. */
  get p99(): number | undefined {
    return this.#spread?.p99;
  }

  clear(): void {
    this.sum = 0;
    this.count = 0;
    this.#spread?.clear();
  }
}

/** Figures of one series in steps of one length; NaN where there is none. */
class Ring {
  readonly #values: Float64Array;
  #endStep = 0;

  constructor(points: number) {
    this.#values = new Float64Array(points).fill(NaN);
  }

  put(step: number, value: number | undefined): void {
    const { length } = this.#values;
    // The clock was set back: what the place holds belongs to other steps.
    if (step <= this.#endStep - length) this.#values.fill(NaN);
    else
      for (let at = Math.max(this.#endStep + 1, step - length + 1); at < step; at += 1) this.#values[at % length] = NaN;
    this.#endStep = step;
    this.#values[step % length] = value ?? NaN;
  }

  upTo(step: number): readonly (number | null)[] {
    const { length } = this.#values;
    return Array.from({ length }, (_, at) => {
      const wanted = step - length + 1 + at;
      if (wanted < 0 || wanted > this.#endStep || wanted <= this.#endStep - length) return null;
      const value = this.#values[wanted % length] as number;
      return Number.isNaN(value) ? null : Number(value.toPrecision(6));
    });
  }
}

/** One series in memory. */
interface Kept {
  readonly row: SeriesRow;
  readonly step: Step;
  readonly fine: Ring;
  readonly coarse: Ring;
  /** Figures of the long step that has not ended yet. */
  long: number[];
}

/** Length and number of steps of a range. */
export const stepsOf = (range: HistoryRange): { readonly stepMs: number; readonly points: number } =>
  range === "hour"
    ? { stepMs: observeLimits.fineStepMs, points: observeLimits.finePoints }
    : { stepMs: observeLimits.coarseStepMs, points: observeLimits.coarsePoints };

const { fineStepMs, finePoints, coarseStepMs, coarsePoints } = observeLimits;

/** The series in the form of an answer. */
export const toldSeries = (names?: readonly string[]): readonly HistorySeries[] =>
  seriesRows
    .filter(({ name }) => names === undefined || names.includes(name))
    .map(({ name, title, unit, together }) => ({ name, title, unit, together }));

/** Begins to keep figures. */
export function keepHistory(inner: Meter, ports: { readonly clock: Clock; readings?(): Readings }): History {
  const { clock } = ports;
  const kept: readonly Kept[] = seriesRows.map((row: SeriesRow) => ({
    row,
    step: new Step(row.from.take === "p99"),
    fine: new Ring(finePoints),
    coarse: new Ring(coarsePoints),
    long: [],
  }));
  const gauges = new Map<string, number>();
  const ofMetric = new Map<string, Kept[]>();
  const gauged = new Set<string>();
  for (const one of kept) {
    const { from } = one.row;
    if (from.take === "gauge") gauged.add(from.metric);
    else if (from.take !== "reading") ofMetric.set(from.metric, [...(ofMetric.get(from.metric) ?? []), one]);
  }
  const add = (metric: string, value: number, labels: Readonly<Record<string, string>> = {}): void => {
    for (const { row, step } of ofMetric.get(metric) ?? []) {
      const { from } = row;
      if (from.take === "gauge" || from.take === "reading" || from.only?.(labels) === false) continue;
      step.observe(value);
    }
  };

  let seenMs = clock.monotonicMs();
  /** The long step that has not ended yet. */
  let running = Math.ceil(clock.nowMs() / coarseStepMs);
  const endLong = (): void => {
    for (const one of kept) {
      one.coarse.put(running, joined(one.long, one.row));
      one.long = [];
    }
  };
  const end = (): void => {
    const nowMs = clock.monotonicMs();
    const tookMs = Math.max(1, nowMs - seenMs);
    seenMs = nowMs;
    const readings: Readings = ports.readings?.() ?? {};
    const step = Math.round(clock.nowMs() / fineStepMs);
    const long = Math.ceil((step * fineStepMs) / coarseStepMs);
    // The process stood still and missed the end of the step.
    if (long !== running) endLong();
    running = long;
    for (const one of kept) {
      const value = figureOf(one, { tookMs, gauges, readings });
      one.step.clear();
      one.fine.put(step, value);
      if (value !== undefined) one.long.push(value);
    }
    if ((step * fineStepMs) % coarseStepMs !== 0) return;
    endLong();
    running = long + 1;
  };
  let cancel = (): void => undefined;
  const next = (): void => {
    const leftMs = fineStepMs - (clock.nowMs() % fineStepMs);
    cancel = clock.after(leftMs, () => {
      // A timer may be early by a part of a millisecond: then it is waited for once more.
      if (fineStepMs - (clock.nowMs() % fineStepMs) > 5) end();
      next();
    });
  };
  next();

  return {
    meter: {
      count(name, by = 1, labels) {
        inner.count(name, by, labels);
        if (ofMetric.has(name)) add(name, by, labels);
      },
      gauge(name, value, labels) {
        inner.gauge(name, value, labels);
        if (gauged.has(name)) gauges.set(name, value);
      },
      observeMs(name, valueMs, labels) {
        inner.observeMs(name, valueMs, labels);
        if (ofMetric.has(name)) add(name, valueMs, labels);
      },
    },
    read(range, names, endMs) {
      const { stepMs } = stepsOf(range);
      const step = Math.floor((endMs ?? clock.nowMs()) / stepMs);
      const wanted = kept.filter(({ row }) => names === undefined || names.includes(row.name));
      const values = wanted.map(
        ({ row, fine, coarse }) => [row.name, (range === "hour" ? fine : coarse).upTo(step)] as const,
      );
      return { endMs: step * stepMs, values: Object.fromEntries(values) };
    },
    stop: () => cancel(),
  };
}

function figureOf(
  { row, step }: Kept,
  at: { readonly tookMs: number; readonly gauges: ReadonlyMap<string, number>; readonly readings: Readings },
): number | undefined {
  const { from, name } = row;
  if (from.take === "reading") return at.readings[name as keyof Readings];
  if (from.take === "gauge") return at.gauges.get(from.metric) ?? 0;
  if (from.take === "rate") return (step.sum * 1_000) / at.tookMs;
  if (from.take === "observed") return (step.count * 1_000) / at.tookMs;
  if (from.take === "p99") return step.p99;
  return step.count === 0 ? undefined : step.sum / step.count;
}

/** Figures in which several steps are joined into one; only whole ones, up to the newest. */
export function thinned(values: HistoryValues, series: readonly HistorySeries[], factor: number): HistoryValues {
  if (factor === 1) return values;
  const kept = series.map((row) => {
    const figures = values[row.name] ?? [];
    const points = Math.floor(figures.length / factor);
    const from = figures.length - points * factor;
    const thin = Array.from({ length: points }, (_, at) => {
      const some = figures.slice(from + at * factor, from + (at + 1) * factor).filter((value) => value !== null);
      const value = joined(some, row);
      return value === undefined ? null : Number(value.toPrecision(6));
    });
    return [row.name, thin] as const;
  });
  return Object.fromEntries(kept);
}

/** Several figures of one series as one: the mean, and of what is a worst case the worst. */
function joined(values: readonly number[], { together, unit }: HistorySeries): number | undefined {
  if (values.length === 0) return undefined;
  if (together === "max" && unit === "milliseconds") return Math.max(...values);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
