/** Upper ends of the classes that observations are counted in: from 0.1 ms on, four to each doubling; a figure is off
 *  by a fifth at most. */
const classes = Array.from({ length: 84 }, (_, at) => 0.1 * 2 ** (at / 4));
const classOf = (valueMs: number): number =>
  Math.min(classes.length - 1, Math.max(0, Math.ceil(Math.log2(Math.max(valueMs, 0.1) / 0.1) * 4)));

/** A distribution of times. */
export class Spread {
  readonly #counts = new Uint32Array(classes.length);
  #count = 0;

  add(valueMs: number): void {
    const at = classOf(valueMs);
    this.#counts[at] = (this.#counts[at] ?? 0) + 1;
    this.#count += 1;
  }

  /** The 99th percentile; undefined: there was no observation. */
  get p99(): number | undefined {
    if (this.#count === 0) return undefined;
    let left = Math.ceil(this.#count * 0.99);
    for (const [at, counted] of this.#counts.entries()) {
      left -= counted;
      if (left <= 0) return classes[at];
    }
    return classes.at(-1);
  }

  clear(): void {
    this.#count = 0;
    this.#counts.fill(0);
  }
}
