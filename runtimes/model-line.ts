/** The models that wait for memory or are being loaded, in the order in which they were asked for. Those of each host
 *  wait for one another alone: the first of each takes the next step. */
import type { Model } from "./resident.ts";

/** The line. */
export class ModelLine {
  readonly #hostOf: (model: Model) => string;
  readonly #line: Model[] = [];

  constructor(hostOf: (model: Model) => string) {
    this.#hostOf = hostOf;
  }

  get length(): number {
    return this.#line.length;
  }

  add(model: Model): void {
    this.#line.push(model);
  }

  has(model: Model): boolean {
    return this.#line.includes(model);
  }

  remove(model: Model): void {
    const at = this.#line.indexOf(model);
    if (at >= 0) this.#line.splice(at, 1);
  }

  clear(): void {
    this.#line.splice(0);
  }

  /** Names of those that are in line before it at its host. */
  before(model: Model): readonly string[] {
    const host = this.#hostOf(model);
    return this.#line
      .slice(0, Math.max(0, this.#line.indexOf(model)))
      .filter((one) => this.#hostOf(one) === host)
      .map(({ spec }) => spec.name);
  }

  /** Takes the next step of the first in line at each host that is up. `step` says whether a model stays first: one
   *  that found no room at the start, or that nobody wants any more, is out of the line, and the next one steps. */
  advance(isUp: (host: string) => boolean, step: (model: Model) => boolean): void {
    const hosts = new Set<string>();
    // The line changes while it is gone through.
    const line = [...this.#line];
    for (const model of line) {
      const host = this.#hostOf(model);
      if (hosts.has(host) || !isUp(host) || !this.has(model)) continue;
      if (step(model)) hosts.add(host);
    }
  }
}
