import type { Random } from "../../node/ports/index.ts";

/** Chance from a seed: mulberry32 (Tommy Ettinger, public domain). Small, fast, and good enough to pick faults. */
export class Dice implements Random {
  #state: number;

  constructor(seed: number) {
    this.#state = Math.imul(seed + 0x9e3779b9, 0x85ebca6b);
  }

  number(): number {
    // Of 32 bits, with a sign: no object is made for it.
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  bytes(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.below(256));
  }

  /** An integer in [0, bound). */
  below(bound: number): number {
    return Math.floor(this.number() * bound);
  }

  /** A number in [from, to). */
  between(from: number, to: number): number {
    return from + this.number() * (to - from);
  }

  chance(probability: number): boolean {
    return this.number() < probability;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.below(choices.length)];
    if (choice === undefined) throw new Error("nothing to pick from");
    return choice;
  }

  /** One of the names, as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Record<Name, number>>): Name {
    const rows = Object.entries(weights) as [Name, number][];
    let left = this.number() * rows.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of rows) {
      left -= weight;
      if (left < 0) return name;
    }
    return (rows.at(-1) as [Name, number])[0];
  }
}
