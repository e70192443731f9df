/** The idempotency window of one actor: operations it has answered, with their first answers.
 *
 *  The answers are appended with the turn that gave them and folded like state, so they survive crashes and move with
 *  the actor. Bounded by count and by age.
 *
 *  Two generations, because dropping a whole map is cheaper than deleting its entries one by one:
 *
 *      add ─► young ──(half of answersMax, or of answersBytesMax)──► old ──(the next time, or by age)──► forgotten */
import { encodedBytesMax, type Result } from "../../protocols/index.ts";

type Row = readonly [operation: string, answer: Result<unknown>];

/** The window as it is snapshotted: rows in the order they were given, and when each generation got its last. */
export interface DumpedAnswers {
  readonly old: readonly Row[];
  readonly oldAtMs: number;
  readonly young: readonly Row[];
  readonly youngAtMs: number;
  readonly youngBytes: number;
}

/** The bounds of an answer window. */
export interface AnswerBounds {
  readonly answersMax: number;
  readonly answersBytesMax: number;
  readonly answersAgeMaxMs: number;
}

export class AnswerWindow {
  #young = new Map<string, Result<unknown>>();
  #youngAtMs = 0;
  #old = new Map<string, Result<unknown>>();
  #oldAtMs = 0;
  #youngBytes = 0;
  readonly #bounds: AnswerBounds;

  constructor(bounds: AnswerBounds) {
    this.#bounds = bounds;
  }

  /** Between half of `answersMax` and all of it, once so many were given: an operation is remembered for at least so
   *  long. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  find(operation: string): Result<unknown> | undefined {
    return this.#old.get(operation) ?? this.#young.get(operation);
  }

  /** Invariant 6: the first answer stands; a later one for the same operation is not stored. */
  add(operation: string, atMs: number, answer: Result<unknown>): void {
    if (this.find(operation) !== undefined) return;
    const { answersMax, answersBytesMax } = this.#bounds;
    // Of the answer alone: a long message with a short answer must not make the window forget.
    const bytes = Math.min(operation.length + encodedBytesMax(answer), answersBytesMax);
    const full = this.#young.size >= Math.max(1, Math.floor(answersMax / 2));
    if (full || (this.#young.size > 0 && this.#youngBytes + bytes > answersBytesMax / 2)) {
      this.#old = this.#young;
      this.#oldAtMs = this.#youngAtMs;
      this.#young = new Map();
      this.#youngBytes = 0;
    }
    if (this.#old.size > 0 && atMs - this.#oldAtMs > this.#bounds.answersAgeMaxMs) this.#old = new Map();
    this.#youngAtMs = atMs;
    this.#youngBytes += bytes;
    this.#young.set(operation, answer);
  }

  dump(): DumpedAnswers {
    const { old, young } = { old: [...this.#old], young: [...this.#young] };
    return { old, oldAtMs: this.#oldAtMs, young, youngAtMs: this.#youngAtMs, youngBytes: this.#youngBytes };
  }

  load(dumped: DumpedAnswers): void {
    this.#old = new Map(dumped.old);
    this.#oldAtMs = dumped.oldAtMs;
    this.#young = new Map(dumped.young);
    this.#youngAtMs = dumped.youngAtMs;
    this.#youngBytes = dumped.youngBytes;
  }
}
