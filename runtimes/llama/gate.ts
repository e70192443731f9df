/** Lets the generations of one context pause between two tokens while another changes the context itself.
 *
 *  The library holds the context's lock for as long as tokens are queued, and generations queue the next token at once:
 *  to erase a sequence took until another generation ended (2 s in a test with three). Paused, they leave the lock for
 *  it. */
export class Gate {
  #closed = 0;
  #waiting: (() => void)[] = [];

  /** Undefined when open, else resolves when it opens. */
  pass(): Promise<void> | undefined {
    if (this.#closed === 0) return undefined;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async closedDuring(work: () => Promise<void>): Promise<void> {
    this.#closed += 1;
    try {
      await work();
    } finally {
      this.#closed -= 1;
      if (this.#closed === 0) for (const resolve of this.#waiting.splice(0)) resolve();
    }
  }
}
