/** When something of a node runs out, by how it went so far. Pure.
 *
 *  What is free is remembered as a share of all there is, once an hour for three days and once a day, the least of it,
 *  for two months. The trend over a span of that is the median of the slopes between all pairs of its points (Theil and
 *  Sen), which no single large file and no bad hour moves. It counts as a trend where three of four pairs fall. And it
 *  is followed no further ahead than it was seen: over 12 hours a disk that fills now is found, over three days one
 *  that fills all week, over two months one that fills slowly. Memory and places of models come and go within a day, so
 *  of these 12 hours say nothing. */
import {
  scarceThings,
  type CountSample,
  type Forecast,
  type ScarceThing,
  type WatchRow,
} from "../../protocols/index.ts";

/** What is remembered of one thing of a node. Shares are of 10,000; -1 where nothing is known. */
export interface ThingRow {
  readonly total: number;
  /** The newest hour, counted from 1970, and shares of the hours up to it. */
  readonly hour: number;
  readonly hours: readonly number[];
  readonly day: number;
  readonly days: readonly number[];
  /** Whether an alert was made of it already. */
  readonly told: boolean;
}

/** What is remembered of a node. */
export type ScarceRow = Readonly<Partial<Record<ScarceThing, ThingRow>>>;

const whole = 10_000;
const hourMs = 3_600_000;
const dayMs = 24 * hourMs;
const hoursKept = 72;
const daysKept = 60;
/** A disk whose size has changed by this much counts as another disk. */
const sameTotal = 0.01;
/** The share of pairs of points that must fall, so that there is a trend. */
const fallingShare = 0.75;

interface Span {
  readonly step: "hours" | "days";
  readonly points: number;
  /** With fewer points there is no trend. */
  readonly pointsMin: number;
  readonly things: readonly ScarceThing[];
}
const spans: readonly Span[] = [
  { step: "hours", points: 12, pointsMin: 8, things: ["disk"] },
  { step: "hours", points: hoursKept, pointsMin: 36, things: scarceThings },
  { step: "days", points: daysKept, pointsMin: 7, things: scarceThings },
];

/** The share of each thing in a sample; absent: the node does not report it. */
export function thingsIn({
  counts,
}: Pick<CountSample, "counts">): Readonly<
  Partial<Record<ScarceThing, { readonly free: number; readonly total: number }>>
> {
  const pair = (free: number | undefined, total: number | undefined) =>
    free === undefined || total === undefined || total <= 0 ? undefined : { free: Math.min(free, total), total };
  const found = {
    disk: pair(counts.disk_free_bytes, counts.disk_bytes),
    memory: pair(counts.memory_free_bytes, counts.memory_bytes),
    models: pair(counts.model_places_free, counts.model_places),
  };
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof thingsIn
  >;
}

/** The row with an hour more; the same row where that hour is known. */
export function remembered(
  row: ThingRow | undefined,
  { free, total }: { readonly free: number; readonly total: number },
  atMs: number,
): ThingRow {
  const [hour, day] = [Math.floor(atMs / hourMs), Math.floor(atMs / dayMs)];
  const share = Math.round((whole * free) / total);
  const isSame = row !== undefined && Math.abs(row.total - total) <= sameTotal * row.total;
  if (!isSame) return { total, hour, hours: [share], day, days: [share], told: false };
  if (hour <= row.hour) return row;
  const gap = (count: number): readonly number[] =>
    Array.from({ length: Math.min(count, daysKept + hoursKept) }, () => -1);
  const hours = [...row.hours, ...gap(hour - row.hour - 1), share].slice(-hoursKept);
  const days =
    day === row.day
      ? [...row.days.slice(0, -1), Math.min(share, row.days.at(-1) ?? share)]
      : [...row.days, ...gap(day - row.day - 1), share].slice(-daysKept);
  return { ...row, total, hour, hours, day, days };
}

/** The trend of a share over a span. */
interface Trend {
  readonly isFalling: boolean;
  /** Change in a day: the median, and the slopes of which one pair in ten is steeper and one flatter. Negative: it
   *  falls. */
  readonly slope: number;
  readonly steep: number;
  readonly flat: number;
  /** From the first point to the last. */
  readonly days: number;
}

/** Undefined: too few points. */
export function trendOf(shares: readonly number[], stepDays: number, pointsMin: number): Trend | undefined {
  const points = shares.flatMap((share, at) => (share < 0 ? [] : [{ days: at * stepDays, share }]));
  const [first, last] = [points[0], points.at(-1)];
  if (points.length < pointsMin || first === undefined || last === undefined) return undefined;
  const slopes = points
    .flatMap((one, at) => points.slice(at + 1).map((other) => (other.share - one.share) / (other.days - one.days)))
    .toSorted((a, b) => a - b);
  const at = (share: number): number => slopes[Math.floor(share * (slopes.length - 1))] ?? 0;
  const falling = slopes.filter((slope) => slope < 0).length / slopes.length;
  return {
    isFalling: falling >= fallingShare,
    slope: at(0.5),
    steep: at(0.1),
    flat: at(0.9),
    days: last.days - first.days,
  };
}

/** The forecasts of all rows of the watch, ordered by the time at which things run out. */
export function forecastsIn(rows: readonly WatchRow[]): readonly Forecast[] {
  const rank = { ends: 0, falls: 1, steady: 2, unknown: 3 } as const;
  return rows
    .flatMap(({ key, value }) => {
      const node = key.split("|node/")[1];
      if (node === undefined || value === null) return [];
      const row = JSON.parse(value) as ScarceRow;
      return scarceThings.flatMap((of) => (row[of] === undefined ? [] : [forecastOf(node, of, row[of])]));
    })
    .toSorted(
      (one, other) =>
        rank[one.says] - rank[other.says] ||
        (one.daysLeft?.likely ?? 0) - (other.daysLeft?.likely ?? 0) ||
        (one.node < other.node ? -1 : one.node > other.node ? 1 : 0),
    );
}

/** The forecast of one thing of a node. */
export function forecastOf(node: string, of: ScarceThing, row: ThingRow): Forecast {
  const freeShare = row.hours.findLast((share) => share >= 0) ?? 0;
  const amount = (share: number): number => Math.round((share / whole) * row.total);
  const about = { node, of, free: amount(freeShare), total: row.total };
  const seen = spans
    .filter(({ things }) => things.includes(of))
    .flatMap(({ step, points, pointsMin }) => {
      const trend = trendOf(row[step].slice(-points), step === "hours" ? 1 / 24 : 1, pointsMin);
      return trend === undefined ? [] : [trend];
    });
  if (seen.length === 0) return { ...about, says: "unknown" };
  const falling = seen.filter((trend) => trend.isFalling && trend.slope < 0);
  const leftOf = ({ slope }: Trend): number => freeShare / -slope;
  const ends = falling
    .filter((trend) => leftOf(trend) <= trend.days)
    .toSorted((one, other) => leftOf(one) - leftOf(other));
  const trend = ends[0] ?? falling.at(-1);
  if (trend === undefined) return { ...about, says: "steady" };
  const rounded = (days: number): number => Math.round(days * 10) / 10;
  return {
    ...about,
    says: ends.length > 0 ? "ends" : "falls",
    perDay: amount(-trend.slope),
    overDays: rounded(trend.days),
    daysLeft: {
      likely: rounded(leftOf(trend)),
      earliest: rounded(freeShare / -trend.steep),
      ...(trend.flat < 0 && { latest: rounded(freeShare / -trend.flat) }),
    },
  };
}
