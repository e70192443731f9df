/** What a model of Whisper's family may write next, and what it has written. Pure.
 *
 *  Of a stretch it writes segments, each between two times: `<|0.00|> Hello.<|1.20|><|1.20|> …<|4.50|>`. A segment that
 *  is still open at the end of the stretch is heard again, with the next one.
 *
 *  Source: A. Radford et al., "Robust Speech Recognition via Large-Scale Weak Supervision", 2022, sections 2.3 and
 *  4.5. */
import { sumOfLikelihoods } from "./decoder.ts";
import { stretchSeconds } from "./spectrum.ts";

/** The tokens of a vocabulary that are no text. */
export interface Marks {
  readonly end: number;
  readonly start: number;
  /** All tokens from `end` on that are no times: they are never written in the middle. */
  readonly never: readonly number[];
  /** Never written at all, and never first. */
  readonly suppressed: readonly number[];
  readonly suppressedFirst: readonly number[];
  /** The token of 0 seconds; the next ones are 20 ms apart. */
  readonly times: number;
}

/** Times are so many to a second. */
const timesPerSecond = 50;
/** The first segment begins within the first second. */
const firstTimeMax = timesPerSecond;

/** Makes impossible what may not follow. Changes `logits`. */
export function forbid(logits: Float32Array, written: readonly number[], marks: Marks): void {
  const { end, times } = marks;
  const drop = (from: number, to: number): void => void logits.fill(-Infinity, Math.max(0, from), Math.max(0, to));
  for (const token of [...marks.suppressed, ...marks.never]) logits[token] = -Infinity;
  if (written.length === 0) {
    for (const token of marks.suppressedFirst) logits[token] = -Infinity;
    drop(0, times);
    drop(times + firstTimeMax + 1, logits.length);
    return;
  }
  const isTime = (token: number | undefined): boolean => token !== undefined && token >= times;
  const wasTime = isTime(written.at(-1));
  const wasPair = wasTime && (written.length < 2 || isTime(written.at(-2)));
  // After the end of one segment comes the beginning of the next, and after that its text.
  if (wasPair) drop(times, logits.length);
  else if (wasTime) drop(0, end);
  const last = written.findLast(isTime);
  // Time goes on, and a segment takes some.
  if (last !== undefined) drop(times, wasTime && !wasPair ? last : last + 1);
  let text = -Infinity;
  for (let token = 0; token < times; token += 1) text = Math.max(text, logits[token]!);
  if (sumOfLikelihoods(logits, times) > text) drop(0, times);
}

/** A stretch of speech, in seconds from the beginning of its stretch. */
interface Segment {
  readonly tokens: readonly number[];
  readonly from: number;
  readonly to: number;
}

/** What was written of a stretch, and how far the stretch was heard. */
export function segmentsOf(
  written: readonly number[],
  { times, end }: Marks,
): { readonly segments: readonly Segment[]; readonly heardSeconds: number } {
  const secondsOf = (token: number): number => (token - times) / timesPerSecond;
  const segments: Segment[] = [];
  let from: number | undefined;
  let tokens: number[] = [];
  for (const token of written) {
    if (token < times) {
      if (token < end) tokens.push(token);
      continue;
    }
    const at = secondsOf(token);
    if (from !== undefined && tokens.length > 0) {
      segments.push({ tokens, from, to: at });
      from = undefined;
    } else from = at;
    tokens = [];
  }
  const lastTo = segments.at(-1)?.to;
  // It began another one, and did not come to its end: that one is heard again.
  if (lastTo !== undefined && lastTo > 0 && from !== undefined) return { segments, heardSeconds: lastTo };
  if (tokens.length > 0) segments.push({ tokens, from: from ?? lastTo ?? 0, to: stretchSeconds });
  return { segments, heardSeconds: stretchSeconds };
}
