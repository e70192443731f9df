/** Joins parts into frames: the first goes out at once, later ones at most once per `intervalMs`.
 *
 *  Pure: the owner asks `take(nowMs)` after each `push` and again at `dueMs()`. */
export interface Coalescer<Part> {
  push(part: Part): void;
  /** The parts to send now, if it is time or `force`; none: it is not time, or nothing waits. */
  take(nowMs: number, force?: boolean): readonly Part[];
  /** When what waits is due; undefined while nothing waits. */
  dueMs(): number | undefined;
}

/** Makes one. `join` makes fewer parts of those that follow each other. */
export function createCoalescer<Part>(
  intervalMs: number,
  join: (parts: readonly Part[]) => readonly Part[],
): Coalescer<Part> {
  let waiting: Part[] = [];
  let nextMs = Number.NEGATIVE_INFINITY;
  return {
    push: (part) => void waiting.push(part),
    take(nowMs, force = false) {
      if (waiting.length === 0 || (nowMs < nextMs && !force)) return [];
      const parts = join(waiting);
      waiting = [];
      nextMs = nowMs + intervalMs;
      return parts;
    },
    dueMs: () => (waiting.length === 0 ? undefined : nextMs),
  };
}
