/** What came of requests, by what they were for, over an hour and a day, in memory.
 *
 *      gateway: a request has ended ─► route, kind of actor, API key ─► a tally each minute, for an hour
 *                                                                   └─► a tally each 15 minutes, for a day
 *
 *  Routes and kinds are those of the code. Keys are people's: of more than are kept the one goes that has been quiet
 *  the longest. Nothing runs by itself: a step ends when something comes after it. */
import type { HistoryRange, RequestBy, RequestOrder, RequestRow } from "../../protocols/index.ts";
import type { Clock, RequestCounts, RequestEnd } from "../ports/index.ts";
import { observeLimits as limits } from "./limits.ts";
import { Spread } from "./spread.ts";

/** The sums of all requests of one route, kind or key. */
interface RequestTally {
  readonly name: string;
  readonly requests: number;
  readonly refused: number;
  readonly limited: number;
  readonly failed: number;
  readonly sumMs: number;
  readonly p99Ms: number;
  readonly steps?: {
    readonly requests: number[];
    readonly limited: number[];
    readonly failed: number[];
    readonly p99Ms: (number | null)[];
  };
}

/** Of those, how many were answered without a body. */
interface Unchanged {
  readonly name: string;
  readonly unchanged: number;
}

/** Requests that are counted. */
export interface CountedRequests extends RequestCounts {
  /** The tallies up to `endMs`. `names`: only these, with their figures over time. */
  read(wanted: {
    readonly by: RequestBy;
    readonly range: HistoryRange;
    readonly endMs: number;
    readonly names?: readonly string[];
  }): (RequestTally & Unchanged)[];
}

/** Length and number of steps of a range. */
export const requestSteps = (range: HistoryRange): { readonly stepMs: number; readonly points: number } =>
  range === "hour"
    ? { stepMs: limits.requestFineStepMs, points: limits.requestFinePoints }
    : { stepMs: limits.requestCoarseStepMs, points: limits.requestCoarsePoints };

/** Where a figure stands in a step. */
const at = { requests: 0, refused: 1, limited: 2, failed: 3, sumMs: 4, p99Ms: 5, unchanged: 6 } as const;
const width = 7;

/** Tallies of one name in steps of one length. */
class Track {
  readonly #points: number;
  /** Which step stands at a place. */
  readonly #steps: Float64Array;
  readonly #figures: Float64Array;
  readonly #spread = new Spread();
  step = -1;

  constructor(points: number) {
    this.#points = points;
    this.#steps = new Float64Array(points).fill(-1);
    this.#figures = new Float64Array(points * width);
  }

  add(step: number, end: RequestEnd, tookMs: number): void {
    // A clock that was set back by a little: what comes counts in the step that runs. One that was far ahead is right
    // again.
    if (step > this.step || step < this.step - 1) this.#begin(step);
    const from = (this.step % this.#points) * width;
    this.#count(from + at.requests, 1);
    if (end !== "done") this.#count(from + at[end], 1);
    this.#count(from + at.sumMs, tookMs);
    this.#spread.add(tookMs);
  }

  /** The figures of a step; undefined: there was none in it. */
  of(step: number): ArrayLike<number> | undefined {
    const place = step % this.#points;
    if (step < 0 || this.#steps[place] !== step) return undefined;
    if (step === this.step) this.#figures[place * width + at.p99Ms] = this.#spread.p99 ?? 0;
    return this.#figures.subarray(place * width, (place + 1) * width);
  }

  #begin(step: number): void {
    this.of(this.step);
    this.#spread.clear();
    this.step = step;
    const place = step % this.#points;
    this.#steps[place] = step;
    this.#figures.fill(0, place * width, (place + 1) * width);
  }

  #count(place: number, by: number): void {
    this.#figures[place] = (this.#figures[place] ?? 0) + by;
  }
}

type Tracks = Readonly<Record<HistoryRange, Track>>;

const newTracks = (): Tracks => ({
  hour: new Track(limits.requestFinePoints),
  day: new Track(limits.requestCoarsePoints),
});

/** Begins to count. */
export function countRequests({ nowMs }: Pick<Clock, "nowMs">): CountedRequests {
  const kept: Readonly<Record<RequestBy, Map<string, Tracks>>> = { route: new Map(), kind: new Map(), key: new Map() };
  const tracksOf = (by: RequestBy, name: string): Tracks => {
    const names = kept[by];
    const known = names.get(name);
    if (known !== undefined) return known;
    if (names.size >= limits.requestNamesMax) {
      const [quiet] = [...names].reduce((one, other) => (other[1].hour.step < one[1].hour.step ? other : one));
      names.delete(quiet);
    }
    const made = newTracks();
    names.set(name, made);
    return made;
  };
  return {
    took(by, name, tookMs, end) {
      const now = nowMs();
      const tracks = tracksOf(by, name);
      tracks.hour.add(Math.floor(now / limits.requestFineStepMs), end, tookMs);
      tracks.day.add(Math.floor(now / limits.requestCoarseStepMs), end, tookMs);
    },
    read({ by, range, endMs, names }) {
      const { stepMs, points } = requestSteps(range);
      const last = Math.floor((endMs - 1) / stepMs);
      const wanted = [...kept[by]].filter(([name]) => names === undefined || names.includes(name));
      return wanted
        .map(([name, tracks]) => tallyOf(name, tracks[range], { last, points, isDrawn: names !== undefined }))
        .filter(({ requests }) => requests > 0);
    },
  };
}

/** What a track says of the steps up to one. */
function tallyOf(
  name: string,
  track: Track,
  { last, points, isDrawn }: { readonly last: number; readonly points: number; readonly isDrawn: boolean },
): RequestTally & Unchanged {
  const steps = Array.from({ length: points }, (_, index) => track.of(last - points + 1 + index));
  const figures = (of: keyof typeof at): number[] => steps.map((step) => step?.[at[of]] ?? 0);
  const sum = (of: keyof typeof at): number => figures(of).reduce((all, one) => all + one, 0);
  const short = (value: number): number => Number(value.toPrecision(6));
  return {
    name,
    requests: sum("requests"),
    unchanged: sum("unchanged"),
    refused: sum("refused"),
    limited: sum("limited"),
    failed: sum("failed"),
    sumMs: short(sum("sumMs")),
    p99Ms: short(Math.max(...figures("p99Ms"))),
    ...(isDrawn && {
      steps: {
        requests: figures("requests"),
        limited: figures("limited"),
        failed: figures("failed"),
        p99Ms: steps.map((step) => (step === undefined ? null : short(step[at.p99Ms] ?? 0))),
      },
    }),
  };
}

type Steps = NonNullable<RequestTally["steps"]>;

/** What is told of those beside their tallies: the names with some. */
export const unchangedOf = (tallies: readonly Unchanged[]): Unchanged[] =>
  tallies.flatMap(({ name, unchanged }) => (unchanged > 0 ? [{ name, unchanged }] : []));

/** Joins the tallies of several nodes to one for each name. Of times it keeps the worst. */
export function joinTallies(tallies: readonly RequestTally[]): readonly RequestTally[] {
  const joined = new Map<string, RequestTally>();
  for (const tally of tallies) {
    const known = joined.get(tally.name);
    joined.set(tally.name, known === undefined ? tally : together(known, tally));
  }
  return [...joined.values()];
}

function together(one: RequestTally, other: RequestTally): RequestTally {
  const steps = one.steps && other.steps && stepsTogether(one.steps, other.steps);
  return {
    name: one.name,
    requests: one.requests + other.requests,
    refused: one.refused + other.refused,
    limited: one.limited + other.limited,
    failed: one.failed + other.failed,
    sumMs: one.sumMs + other.sumMs,
    p99Ms: Math.max(one.p99Ms, other.p99Ms),
    ...(steps && { steps }),
  };
}

function stepsTogether(one: Steps, other: Steps): Steps {
  const sums = (of: "requests" | "limited" | "failed"): number[] =>
    one[of].map((value, step) => value + (other[of][step] ?? 0));
  const worst = one.p99Ms.map((value, step) => {
    const against = other.p99Ms[step] ?? null;
    return value === null ? against : Math.max(value, against ?? 0);
  });
  return { requests: sums("requests"), limited: sums("limited"), failed: sums("failed"), p99Ms: worst };
}

/** Rows without their steps, the most of `order` first. */
export function rowsOf(tallies: readonly RequestTally[], order: RequestOrder): readonly RequestRow[] {
  const most = (row: RequestRow): number => (order === "mean" ? row.meanMs : order === "p99" ? row.p99Ms : row[order]);
  return tallies
    .map(({ steps: _steps, sumMs, ...row }): RequestRow => ({
      ...row,
      meanMs: Number((sumMs / Math.max(1, row.requests)).toPrecision(4)),
    }))
    .toSorted(
      (one, other) => most(other) - most(one) || other.requests - one.requests || (one.name < other.name ? -1 : 1),
    );
}
