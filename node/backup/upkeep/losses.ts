/** What is lost: counted, and the first of it kept by name. */
import type { Losses } from "../../../protocols/index.ts";

/** Counts losses, and keeps the first of them. */
export class LossList<Row> {
  readonly #max: number;
  readonly #named: Row[];
  #total: number;

  /** `before`: what was counted in an earlier turn. */
  constructor(max: number, before?: Losses<Row>) {
    this.#max = max;
    this.#named = [...(before?.named ?? [])];
    this.#total = before?.total ?? 0;
  }

  push(row: Row): void {
    this.#total += 1;
    if (this.#named.length < this.#max) this.#named.push(row);
  }

  /** As data. */
  get rows(): Losses<Row> {
    return { total: this.#total, named: [...this.#named] };
  }
}
