/** Joins tokens into frames: the first text goes out at once, later text at most once per `intervalMs`.
 *
 *  Pure: the owner asks `take(nowMs)` after each `push` and again at `dueMs()`. */
export interface Coalescer {
  push(text: string, tokens: number): void;
  /** The frame to send now, if it is time or `force`. */
  take(nowMs: number, force?: boolean): { readonly text: string; readonly tokens: number } | undefined;
  /** When the waiting text is due; undefined while none waits. */
  dueMs(): number | undefined;
}

export function createCoalescer(intervalMs: number): Coalescer {
  let text = "";
  let tokens = 0;
  let nextMs = Number.NEGATIVE_INFINITY;
  return {
    push(more, count) {
      text += more;
      tokens += count;
    },
    take(nowMs, force = false) {
      if (text === "" || (nowMs < nextMs && !force)) return undefined;
      const frame = { text, tokens };
      text = "";
      tokens = 0;
      nextMs = nowMs + intervalMs;
      return frame;
    },
    dueMs: () => (text === "" ? undefined : nextMs),
  };
}
