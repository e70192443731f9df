import type { Clock, Log } from "./ports/index.ts";

type Stop = (deadlineMs: number) => Promise<void> | void;

/** How to stop what was started: in reverse order, all of it within one deadline. */
export class Stops {
  readonly #stops: Stop[] = [];
  readonly #clock: Clock;
  readonly #log: Log;

  constructor({ clock, log }: { readonly clock: Clock; readonly log: Log }) {
    this.#clock = clock;
    this.#log = log;
  }

  /** Registers a part that was started; `stop` is told how much of the time is left. */
  add(stop: Stop): void {
    this.#stops.push(stop);
  }

  /** Stops everything that was added, once. */
  async run(deadlineMs: number): Promise<void> {
    const endMs = this.#clock.monotonicMs() + deadlineMs;
    for (const stop of this.#stops.splice(0).reverse()) {
      try {
        await stop(Math.max(0, endMs - this.#clock.monotonicMs()));
      } catch (error) {
        // The parts below must stop all the same, the data folder above all.
        this.#log.error("node.stop.part.failed", { error });
      }
    }
  }
}
