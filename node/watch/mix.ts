/** How far what somebody does in an hour is from what they do otherwise: robust z-scores of the counts of acts by area,
 *  kept for each person alone.
 *
 *  For each feature the row has a running median and a running deviation, which one odd hour moves by one small step.
 *  An hour in which somebody did nothing says nothing. Source of the running median: M. Blum and others call it
 *  stochastic approximation of a quantile; here the step is a part of the deviation. */
import { auditActionOf, auditAreas as areas, type AuditRecord } from "../../protocols/index.ts";
import type { Detector } from "./detector.ts";

/** One for each area, then what was refused, then acts between 22 and 6 o'clock (UTC) of somebody's own past. */
const mixFeatures = areas.length + 2;
const hourMs = 3_600_000;
/** A part of the deviation by which the median goes towards an hour. */
const rate = 0.1;
/** The smallest deviation: the first time that a person does a thing is not infinitely far from the past. */
const floor = 0.35;

/** What is remembered of a person. */
export interface MixRow {
  readonly hour: number;
  readonly counts: readonly number[];
  readonly median: readonly number[];
  readonly deviation: readonly number[];
  /** Hours that were learned from. */
  readonly hours: number;
  /** Whether an alert was made of this hour already. */
  readonly told?: boolean;
}

const zeros = (): readonly number[] => Array.from({ length: mixFeatures }, () => 0);
const short = (values: readonly number[]): readonly number[] =>
  values.map((value) => Math.round(value * 1_000) / 1_000);

/** Learns from an hour that is over. */
function learned(row: MixRow): Pick<MixRow, "median" | "deviation" | "hours"> {
  // The first hours move it faster: there is nothing yet that an odd one could spoil.
  const step = Math.max(rate, 1 / (row.hours + 1));
  const deviation: number[] = [];
  const median = row.counts.map((count, at) => {
    const was = row.median[at] ?? 0;
    const spread = row.deviation[at] ?? 0;
    const off = Math.log1p(count) - was;
    const bound = 3 * Math.max(spread, floor);
    deviation.push(spread + step * (Math.min(Math.abs(off), bound) - spread));
    return was + step * Math.max(-bound, Math.min(bound, off));
  });
  return { median: short(median), deviation: short(deviation), hours: row.hours + 1 };
}

/** How far the counts of an hour are above what is usual: the root of the sum of squares of the z-scores above 1. */
export function mixScore({ counts, median, deviation }: Pick<MixRow, "counts" | "median" | "deviation">): number {
  let sum = 0;
  for (const [at, count] of counts.entries()) {
    const z = (Math.log1p(count) - (median[at] ?? 0)) / Math.max(deviation[at] ?? 0, floor);
    if (z > 1) sum += (z - 1) ** 2;
  }
  return Math.sqrt(sum);
}

/** The counts with an entry more. */
function counted(
  counts: readonly number[],
  { action, outcome, atMs }: Pick<AuditRecord, "action" | "outcome" | "atMs">,
): readonly number[] {
  const area = areas.indexOf(auditActionOf(action)?.area ?? "signIn");
  const hourOfDay = Math.floor(atMs / hourMs) % 24;
  const isNight = hourOfDay >= 22 || hourOfDay < 6;
  return counts.map((count, at) =>
    at === area || (at === areas.length && outcome !== "done") || (at === areas.length + 1 && isNight)
      ? count + 1
      : count,
  );
}

/** The row with an entry more. */
export function mixedIn(row: MixRow | undefined, entry: Pick<AuditRecord, "action" | "outcome" | "atMs">): MixRow {
  const hour = Math.floor(entry.atMs / hourMs);
  if (row === undefined)
    return { hour, counts: counted(zeros(), entry), median: zeros(), deviation: zeros(), hours: 0 };
  if (hour <= row.hour) return { ...row, counts: counted(row.counts, entry) };
  return { hour, counts: counted(zeros(), entry), ...learned(row) };
}

/** The acts of a person in an hour are far from the person's own past. */
export const unusualActs: Detector<MixRow> = {
  subjects: ({ by }) => (by.startsWith("user/") ? [by] : []),
  step(row, entry, { settings: { score = 2.7, hours = 20 } }) {
    const next = mixedIn(row, entry);
    const value = mixScore(next);
    if (next.told === true || next.hours < hours || value < score) return { row: next };
    const most = next.counts.flatMap((count, at) => (count > 0 && at < areas.length ? [`${areas[at]} ${count}`] : []));
    const title = `What this person does in this hour is far from their own past (score ${value.toFixed(1)})`;
    return {
      row: { ...next, told: true },
      found: { title, facts: { score: Math.round(value * 10) / 10, acts: most.join(", ") } },
    };
  },
};
