/** The idempotency window of one actor: operations it has answered, with their first answers.
 *
 *  The answers are appended with the turn that gave them and folded like state, so they survive crashes and move with
 *  the actor. Bounded by count and by age; insertion order is age order. */
import type { Result } from "../../protocols/index.ts";

export interface StoredAnswer {
  readonly atMs: number;
  readonly result: Result<unknown>;
}

export class AnswerWindow {
  readonly #answers = new Map<string, StoredAnswer>();
  readonly #bounds: { readonly answersMax: number; readonly answersAgeMaxMs: number };

  constructor(bounds: { readonly answersMax: number; readonly answersAgeMaxMs: number }) {
    this.#bounds = bounds;
  }

  get size(): number {
    return this.#answers.size;
  }

  find(operation: string): Result<unknown> | undefined {
    return this.#answers.get(operation)?.result;
  }

  /** Invariant 6: the first answer stands; a later one for the same operation is not stored. */
  add(operation: string, atMs: number, result: Result<unknown>): void {
    if (this.#answers.has(operation)) return;
    this.#answers.set(operation, { atMs, result });
    for (const [oldest, answer] of this.#answers) {
      const tooMany = this.#answers.size > this.#bounds.answersMax;
      if (!tooMany && atMs - answer.atMs <= this.#bounds.answersAgeMaxMs) break;
      this.#answers.delete(oldest);
    }
  }

  /** For the snapshot: rows of operation, time, result. */
  dump(): readonly (readonly [string, number, Result<unknown>])[] {
    return [...this.#answers].map(([operation, answer]) => [operation, answer.atMs, answer.result]);
  }

  load(rows: readonly (readonly [string, number, Result<unknown>])[]): void {
    for (const [operation, atMs, result] of rows) this.#answers.set(operation, { atMs, result });
  }
}
