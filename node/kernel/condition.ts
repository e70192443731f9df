/** Waiting for a condition without polling: code that changes the values that the condition reads calls `changed`. */
import type { Clock } from "../ports/index.ts";

interface Waiting {
  readonly done: () => boolean;
  readonly resolve: () => void;
  readonly cancelTimer: () => void;
}

/** Conditions over the same state. */
export class Conditions {
  readonly #clock: Clock;
  readonly #waiting = new Set<Waiting>();
  #looking = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Resolves when `done` holds, or at a moment of the monotonic clock. */
  until(endMs: number, done: () => boolean): Promise<void> {
    const leftMs = endMs - this.#clock.monotonicMs();
    if (done() || leftMs <= 0) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => this.#end(waiting);
      const cancelTimer = leftMs === Infinity ? () => undefined : this.#clock.after(Math.ceil(leftMs), end);
      const waiting: Waiting = { done, resolve, cancelTimer };
      this.#waiting.add(waiting);
    });
  }

  /** Something changed. Many changes within one turn of the event loop are one look. */
  changed(): void {
    if (this.#waiting.size === 0 || this.#looking) return;
    this.#looking = true;
    this.#clock.soon(() => {
      this.#looking = false;
      for (const waiting of this.#waiting) if (waiting.done()) this.#end(waiting);
    });
  }

  #end(waiting: Waiting): void {
    if (!this.#waiting.delete(waiting)) return;
    waiting.cancelTimer();
    waiting.resolve();
  }
}
