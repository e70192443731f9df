/** Detectors over what nodes count. A node says how much it has counted since it started, so what lies between two of
 *  its reports is counted once, however many reports were lost between them, and whichever node read them.
 *
 *  Of a node is remembered: how far its counts were, what came in this window of time and, of the windows before, a
 *  running median as in `mix.ts`. Source of the thresholds: `test/unit/watch/compare.ts`. */
import type { CountSample, DetectorOf, Forecast, ScarceThing, WatchedCount } from "../../protocols/index.ts";
import type { Step, StepContext } from "./detector.ts";
import { forecastOf, remembered, thingsIn, type ScarceRow, type ThingRow } from "./forecast.ts";

/** A detector of this sort. Rows are plain data. */
export interface CountDetector<Row = unknown> {
  step(row: Row | undefined, sample: CountSample, at: StepContext): Step<Row>;
}

/** What is remembered of a node. */
export interface CountRow {
  readonly start: string;
  readonly total: number;
  readonly atMs: number;
  /** The window, in the length of which it is counted. */
  readonly window: number;
  readonly minutes: number;
  readonly counted: number;
  /** Of the logarithm of what earlier windows had. */
  readonly median: number;
  readonly windows: number;
  /** Whether an alert was made of this window already. */
  readonly told: boolean;
}

const minuteMs = 60_000;
/** The part of the distance to a window by which the median moves towards it. */
const rate = 0.1;
/** The most by which one window moves the median: one flood is not yet usual. */
const stepMax = 1;
/** The number of windows from which on the usual count is known. */
const windowsMin = 6;

const rounded = (value: number): number => Math.round(value * 1_000) / 1_000;

/** The median with a window more. */
const learned = (median: number, windows: number, count: number): number => {
  const off = Math.log1p(count) - median;
  const step = Math.max(rate, 1 / (windows + 1));
  return median + step * (windows === 0 ? off : Math.max(-stepMax, Math.min(stepMax, off)));
};

/** The row with a sample more. What came over a longer time than a window, because nobody could read it, counts by its
 *  rate. */
export function countedIn(
  row: CountRow | undefined,
  total: number,
  { start, atMs }: Pick<CountSample, "start" | "atMs">,
  minutes: number,
): CountRow {
  const spanMs = minutes * minuteMs;
  const window = Math.floor(atMs / spanMs);
  if (row === undefined) return { start, total, atMs, window, minutes, counted: 0, median: 0, windows: 0, told: false };
  // A process that has started again counts from nothing.
  const more = row.start === start ? Math.max(0, total - row.total) : total;
  const gapMs = Math.max(0, atMs - row.atMs);
  const counted = gapMs > 2 * spanMs ? (more * spanMs) / gapMs : more;
  const next = { ...row, start, total, atMs: Math.max(atMs, row.atMs), window, minutes };
  if (row.minutes !== minutes) return { ...next, counted, median: 0, windows: 0, told: false };
  if (window <= row.window) return { ...next, window: row.window, counted: row.counted + counted };
  // Windows in which nobody could read the node teach nothing.
  const median = rounded(learned(row.median, row.windows, row.counted));
  return { ...next, counted, median, windows: row.windows + 1, told: false };
}

/** The usual count of a node in a window. */
export const usualOf = ({ median }: Pick<CountRow, "median">): number => Math.expm1(median);

/** More than `threshold` of these in a window, and `times` as many as usual, where that is asked for. */
const rising = (
  names: readonly WatchedCount[],
  threshold: string,
  titleOf: (count: number, minutes: number, usual: number) => string,
): CountDetector<CountRow> => ({
  step(row, sample, { settings }) {
    const { minutes = 10, times = 0 } = settings;
    const total = names.reduce((sum, name) => sum + (sample.counts[name] ?? 0), 0);
    const next = countedIn(row, total, sample, minutes);
    const least = settings[threshold] ?? 1;
    // Little is known of this node yet: such a count may be usual.
    const usual = next.windows < windowsMin ? least : usualOf(next);
    // Nothing was counted: there is nothing to keep.
    if (row !== undefined && next.total === row.total && next.start === row.start && next.window === row.window)
      return {};
    if (next.told || next.counted < least || next.counted < times * usual) return { row: next };
    const count = Math.round(next.counted);
    const facts = { counted: count, usual: Math.round(usual * 10) / 10, of: names.join(", ") };
    return { row: { ...next, told: true }, found: { title: titleOf(count, minutes, usual), facts } };
  },
});

const nouns: Readonly<Record<ScarceThing, string>> = {
  disk: "The disk is full",
  memory: "The memory is used up",
  models: "All places of models are taken",
};
const inTime = (days: number): string =>
  days < 2 ? `${Math.max(1, Math.round(days * 24))} hours` : `${Math.round(days)} days`;

/** Disk, memory or places of models that run out soon at their present pace. */
const scarce: CountDetector<ScarceRow> = {
  step(row = {}, sample, { settings: { days = 7 } }) {
    const next: Partial<Record<ScarceThing, ThingRow>> = {};
    const found: Forecast[] = [];
    for (const [of, now] of Object.entries(thingsIn(sample)) as [
      ScarceThing,
      { readonly free: number; readonly total: number },
    ][]) {
      const known = remembered(row[of], now, sample.atMs);
      if (known === row[of]) continue;
      const forecast = forecastOf(sample.node, of, known);
      const left = forecast.says === "ends" ? (forecast.daysLeft?.likely ?? Infinity) : Infinity;
      if (left <= days && !known.told) found.push(forecast);
      // A second alert is made only after the thing was well in between.
      next[of] = { ...known, told: left <= days || (known.told && left <= 2 * days) };
    }
    if (Object.keys(next).length === 0) return {};
    const [first] = found.toSorted((one, other) => (one.daysLeft?.likely ?? 0) - (other.daysLeft?.likely ?? 0));
    if (first === undefined) return { row: { ...row, ...next } };
    const { of, free, total, perDay = 0, daysLeft = { likely: 0, earliest: 0 } } = first;
    const facts = { of, free, total, perDay, days: daysLeft.likely, earliest: daysLeft.earliest };
    return {
      row: { ...row, ...next },
      found: { title: `${nouns[of]} in about ${inTime(daysLeft.likely)}, if it goes on like this`, facts },
    };
  },
};

/** The steps of each detector that reads counts. */
export const countSteps: { readonly [Name in DetectorOf<"counts">]: CountDetector } = {
  "refusals-rise": rising(
    ["sign_ins_failed", "gateway_connections_refused"],
    "refusals",
    (count, minutes, usual) =>
      `${count} sign-ins and connections were refused within ${minutes} minutes; usual are ${Math.round(usual)}`,
  ) as CountDetector,
  "undelivered-rise": rising(
    ["dead_letters"],
    "letters",
    (count, minutes) => `${count} messages could not be delivered within ${minutes} minutes`,
  ) as CountDetector,
  "runs-out": scarce as CountDetector,
  "false-identities": rising(
    ["routing_identities_refused"],
    "claims",
    (count, minutes) => `${count} claims of other nodes, who somebody is, were false within ${minutes} minutes`,
  ) as CountDetector,
};
