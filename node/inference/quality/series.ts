/** What is counted of a model's answers, by the hour, and whether the last hours are worse than those before: pure
 *  functions. */
import type { QualityAlert, QualitySums } from "../../../protocols/index.ts";
import type { QualityLimits } from "./limits.ts";

/** Nothing yet. */
export const noSums: QualitySums = {
  calls: 0,
  failed: 0,
  refused: 0,
  tokens: 0,
  answers: 0,
  first: [],
  pace: [],
  up: 0,
  down: 0,
};

/** Steps of a scale of durations: two to each doubling, so that a middle is right to a fifth. */
const stepsMax = 48;
const stepOf = (ms: number): number => Math.min(stepsMax - 1, Math.round(2 * Math.log2(1 + Math.max(0, ms))));
const msOf = (step: number): number => 2 ** (step / 2) - 1;

/** Counts a duration in a scale. */
export function countIn(scale: number[], ms: number): void {
  const step = stepOf(ms);
  while (scale.length <= step) scale.push(0);
  scale[step] = (scale[step] ?? 0) + 1;
}

/** The middle of a scale, in milliseconds; undefined: there is none. */
export function middleOf(scale: readonly number[], share = 0.5): number | undefined {
  const all = scale.reduce((sum, count) => sum + count, 0);
  if (all === 0) return undefined;
  let below = 0;
  for (const [step, count] of scale.entries()) {
    below += count;
    if (below >= share * all) return msOf(step);
  }
  return undefined;
}

const bothScales = (one: readonly number[], other: readonly number[]): readonly number[] =>
  Array.from({ length: Math.max(one.length, other.length) }, (_, step) => (one[step] ?? 0) + (other[step] ?? 0));

/** Both together. */
export const both = (one: QualitySums, other: QualitySums): QualitySums => ({
  calls: one.calls + other.calls,
  failed: one.failed + other.failed,
  refused: one.refused + other.refused,
  tokens: one.tokens + other.tokens,
  answers: one.answers + other.answers,
  first: bothScales(one.first, other.first),
  pace: bothScales(one.pace, other.pace),
  up: one.up + other.up,
  down: one.down + other.down,
  upBack: (one.upBack ?? 0) + (other.upBack ?? 0),
  downBack: (one.downBack ?? 0) + (other.downBack ?? 0),
});

/** Takes a thumb back where it was counted; false: it was not counted here, or is too old. */
export function takeBack(hours: readonly Hour[], thumb: "up" | "down"): boolean {
  const found = hours.findLast(({ sums }) => sums[thumb] > 0);
  if (found !== undefined) found.sums[thumb] -= 1;
  return found !== undefined;
}

/** Without the thumbs that were taken back elsewhere than they were counted: the newest first. */
export function withoutBack({ recent, past }: { readonly recent: QualitySums; readonly past: QualitySums }) {
  const less = (thumb: "up" | "down") => {
    const back = (recent[`${thumb}Back`] ?? 0) + (past[`${thumb}Back`] ?? 0);
    const now = Math.max(0, recent[thumb] - back);
    return { now, before: Math.max(0, past[thumb] - (back - (recent[thumb] - now))) };
  };
  const [up, down] = [less("up"), less("down")];
  return {
    recent: { ...recent, up: up.now, down: down.now },
    past: { ...past, up: up.before, down: down.before },
  };
}

/** Sums that are being counted. */
export type Counting = {
  -readonly [Name in keyof QualitySums]: QualitySums[Name] extends number | undefined ? QualitySums[Name] : number[];
};

/** One hour of a model. */
export interface Hour {
  /** Hours since 1970. */
  readonly hour: number;
  readonly sums: Counting;
}

/** How many hours are newest, and how many there may be. */
type Windows = Pick<QualityLimits, "hoursMax" | "recentHours" | "thumbHours">;

/** The sums of this hour, for something to be counted in; hours that are too old go. A clock that was set back counts
 *  in the newest. */
export function sumsAt(hours: Hour[], hour: number, { hoursMax }: Pick<QualityLimits, "hoursMax">): Counting {
  const last = hours.at(-1);
  if (last !== undefined && last.hour >= hour) return last.sums;
  while (hours[0] !== undefined && hours[0].hour <= hour - hoursMax) hours.shift();
  const sums: Counting = { ...noSums, first: [], pace: [] };
  hours.push({ hour, sums });
  return sums;
}

const between = (hours: readonly Hour[], from: number, to: number): QualitySums =>
  hours.filter(({ hour }) => hour > from && hour <= to).reduce((sum, { sums }) => both(sum, sums), noSums);

/** The last hours, and those before them: of calls, and of thumbs, which are fewer. */
export function windowsOf(hours: readonly Hour[], hour: number, { hoursMax, recentHours, thumbHours }: Windows) {
  const split = (recent: number) => ({
    recent: between(hours, hour - recent, Infinity),
    past: between(hours, hour - hoursMax, hour - recent),
  });
  const [calls, thumbs] = [split(recentHours), split(thumbHours)];
  const only = (of: QualitySums, rated: QualitySums): QualitySums => ({
    ...of,
    up: rated.up,
    down: rated.down,
    upBack: rated.upBack ?? 0,
    downBack: rated.downBack ?? 0,
  });
  return { recent: only(calls.recent, thumbs.recent), past: only(calls.past, thumbs.past) };
}

/** Whether a share rose from `before` by more than chance does: a rise of at least `rise`, and four standard errors. */
function rose(
  now: readonly [some: number, all: number],
  before: readonly [some: number, all: number],
  rise: number,
): boolean {
  const [shareNow, shareBefore] = [now[0] / now[1], before[0] / before[1]];
  const share = (now[0] + before[0]) / (now[1] + before[1]);
  const error = Math.sqrt(share * (1 - share) * (1 / now[1] + 1 / before[1]));
  return shareNow - shareBefore >= rise && shareNow - shareBefore > 4 * error;
}

/** Calls, answers or thumbs that a window must have before anything is said of it. */
export const enough = { callsNow: 20, callsBefore: 100, thumbsNow: 10, thumbsBefore: 20 } as const;

/** In what the last hours are worse than those before. The rule, for windows with enough in them:
 *
 *  - errors, refusals: a share that is 5 points larger, and by four standard errors;
 *  - first text, pace: a middle of at least twice the time, and 100 ms more (of pace: for 100 tokens);
 *  - length: twice or half the tokens of an answer;
 *  - thumbs: a share of thumbs down that is 15 points larger, and by four standard errors. */
export function worsened(now: QualitySums, before: QualitySums): readonly QualityAlert[] {
  const alerts: QualityAlert[] = [];
  const say = (what: QualityAlert["what"], from: number, to: number): void =>
    void alerts.push({ what, before: from, now: to });
  const share = (
    what: QualityAlert["what"],
    some: (of: QualitySums) => number,
    all: (of: QualitySums) => number,
    least: readonly [now: number, before: number],
    rise: number,
  ): void => {
    if (all(now) < least[0] || all(before) < least[1]) return;
    if (rose([some(now), all(now)], [some(before), all(before)], rise))
      say(what, some(before) / all(before), some(now) / all(now));
  };
  const calls = [enough.callsNow, enough.callsBefore] as const;
  share(
    "errors",
    ({ failed }) => failed,
    (of) => of.calls,
    calls,
    0.05,
  );
  share(
    "refusals",
    ({ refused }) => refused,
    ({ answers }) => answers,
    calls,
    0.05,
  );
  share(
    "thumbs",
    ({ down }) => down,
    ({ up, down }) => up + down,
    [enough.thumbsNow, enough.thumbsBefore],
    0.15,
  );
  for (const what of ["first", "pace"] as const) {
    const count = (scale: readonly number[]): number => scale.reduce((sum, one) => sum + one, 0);
    if (count(now[what]) < enough.callsNow || count(before[what]) < enough.callsBefore) continue;
    const [is, was] = [middleOf(now[what]) ?? 0, middleOf(before[what]) ?? 0];
    if (is >= 2 * was && is - was >= 100) say(what, was, is);
  }
  if (now.answers >= enough.callsNow && before.answers >= enough.callsBefore) {
    const [is, was] = [now.tokens / now.answers, before.tokens / before.answers];
    if (is >= 2 * was || is <= was / 2) if (is !== was) say("length", was, is);
  }
  return alerts;
}

/** How answers begin that refuse what was asked. A heuristic of a few languages: what it counts is compared with itself
 *  only. */
const refusals =
  /^(?:(?:i['’]?m |i am )?(?:so |very )?sorry\b.{0,80}\b(?:can['’]?t|cannot|unable|not able|won['’]?t)\b|i (?:can['’]?t|cannot|can not|won['’]?t|must decline|am unable|am not able)\b|i['’]m (?:unable|not able)\b|as an ai\b.{0,80}\b(?:can['’]?t|cannot|unable)\b|unfortunately,? i\b.{0,40}\b(?:can['’]?t|cannot)\b|(?:es )?tut mir leid\b.{0,80}\bnicht\b|ich kann (?:dir |ihnen |das |dabei )?.{0,40}\bnicht\b|(?:je suis )?désolé.{0,80}\bpas\b|je ne peux pas\b|lo siento\b.{0,80}\bno\b|no puedo\b|mi dispiace\b.{0,80}\bnon\b|non posso\b|desculpe\b.{0,80}\bnão\b|não posso\b|het spijt me\b.{0,80}\bniet\b)/i;
/** Characters of an answer that are looked at for it. */
export const refusalChars = 160;
/** Whether an answer begins like a refusal. */
export const isRefusal = (beginning: string): boolean => refusals.test(beginning.slice(0, refusalChars).trimStart());
