/** The open asks of one node: everything that it sent and whose answer it waits for, under one count of numbers.
 *
 *      kernel:  an ask to an actor that is served here        ─┐
 *      routing: one attempt to deliver an envelope, anywhere  ─┴► number ─► answered, or unserved
 *
 *  A number goes with the message and comes back with the answer. What comes back too late finds nothing. */
import { assert, refused, type Failure } from "../../protocols/index.ts";
import type { Random } from "../ports/index.ts";
import type { AskTable, OpenAsk } from "./api.ts";

/** Numbers begin below this, somewhere else at each start: an answer meant for an earlier process of the node finds no
 *  ask, and not another one. They are small enough to take five bytes between nodes for the first three thousand
 *  million. */
const firstNumberMax = 2 ** 30;

/** See `AskTable`. */
export class OpenAsks implements AskTable {
  readonly #asks = new Map<number, OpenAsk>();
  #last: number;

  constructor(random: Random) {
    this.#last = Math.floor(random.number() * firstNumberMax);
  }

  number(): number {
    this.#last += 1;
    return this.#last;
  }

  open(number: number, ask: OpenAsk): void {
    assert(number <= this.#last && !this.#asks.has(number), "an ask is opened once, under a number that was given out");
    this.#asks.set(number, ask);
  }

  find(number: number): OpenAsk | undefined {
    return this.#asks.get(number);
  }

  close(number: number): void {
    this.#asks.delete(number);
  }

  expire(nowMs: number, error: Failure): number {
    let left = 0;
    for (const ask of this.#asks.values()) {
      if (ask.deadlineMs === undefined) continue;
      if (ask.deadlineMs <= nowMs) ask.answered(refused(error), 0);
      else left += 1;
    }
    return left;
  }
}
