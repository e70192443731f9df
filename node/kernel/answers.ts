/** The idempotency window of one actor: operations it has answered, with their first answers.
 *
 *  The answers are appended with the turn that gave them and folded like state, so they survive crashes and move with
 *  the actor. Bounded by count and by age.
 *
 *  Two generations, because dropping a whole map is cheaper than deleting its entries one by one:
 *
 *      add ─► young ──(half of answersMax)──► old ──(the next time, or by age)──► forgotten */
import type { Result } from "../../protocols/index.ts";

export interface StoredAnswer {
  readonly atMs: number;
  readonly result: Result<unknown>;
}

export class AnswerWindow {
  #young = new Map<string, StoredAnswer>();
  #old = new Map<string, StoredAnswer>();
  /** When the newest of the old generation was given. */
  #oldAtMs = 0;
  readonly #bounds: { readonly answersMax: number; readonly answersAgeMaxMs: number };

  constructor(bounds: { readonly answersMax: number; readonly answersAgeMaxMs: number }) {
    this.#bounds = bounds;
  }

  /** Between half of `answersMax` and all of it, once so many were given: an operation is remembered for at least so long. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  find(operation: string): Result<unknown> | undefined {
    return (this.#young.get(operation) ?? this.#old.get(operation))?.result;
  }

  /** Invariant 6: the first answer stands; a later one for the same operation is not stored. */
  add(operation: string, atMs: number, result: Result<unknown>): void {
    if (this.find(operation) !== undefined) return;
    if (this.#young.size >= Math.max(1, Math.floor(this.#bounds.answersMax / 2))) {
      this.#old = this.#young;
      this.#oldAtMs = atMs;
      this.#young = new Map();
    } else if (this.#old.size > 0 && atMs - this.#oldAtMs > this.#bounds.answersAgeMaxMs) {
      this.#old = new Map();
    }
    this.#young.set(operation, { atMs, result });
  }

  /** For the snapshot: rows of operation, time, result, the oldest first. */
  dump(): readonly (readonly [string, number, Result<unknown>])[] {
    return [...this.#old, ...this.#young].map(([operation, answer]) => [operation, answer.atMs, answer.result]);
  }

  load(rows: readonly (readonly [string, number, Result<unknown>])[]): void {
    for (const [operation, atMs, result] of rows) this.add(operation, atMs, result);
  }
}
