/** Appends of one epoch on their way to the replicas, in the order of their seqs, and how far all that must have them
 *  do. */
import { assert, type Failure } from "../../protocols/index.ts";

interface Waiting {
  readonly seq: number;
  readonly done: (error: Failure | undefined) => void;
}

export class Acknowledgements {
  readonly #waiting: Waiting[] = [];
  #committed = 0;

  /** Every required replica has everything up to here. Never falls. */
  get committed(): number {
    return this.#committed;
  }

  /** Appends that wait. */
  get open(): number {
    return this.#waiting.length;
  }

  /** `done` is called when `seq` is committed. `isCertain`: the append was given its seq, and is not about to be
   *  refused. */
  add(seq: number, done: (error: Failure | undefined) => void, isCertain: boolean): void {
    const before = this.#waiting.at(-1)?.seq ?? this.#committed;
    assert(seq > before || !isCertain, "appends are acknowledged in the order of their seqs");
    this.#waiting.push({ seq, done });
  }

  /** All that must have them have everything up to `seq`, of which the owner has `durableSeq` on its disk. */
  commit(seq: number, durableSeq: number): void {
    assert(seq <= durableSeq, "nothing is committed that the owner has not on its disk");
    if (seq > this.#committed) this.#committed = seq;
    let ready = 0;
    for (const { seq: waiting } of this.#waiting) {
      if (waiting > seq) break;
      ready += 1;
    }
    for (const { done } of this.#waiting.splice(0, ready)) done(undefined);
  }

  /** The epoch is over: entries that wait may be acknowledged by a later owner, or lost. */
  fail(error: Failure): void {
    for (const { done } of this.#waiting.splice(0)) done(error);
  }
}
