/** Which tokens the next batch of a context evaluates. Pure, but for a count of who writes.
 *
 *  The library begins a batch as soon as all tokens of the one before are chosen. The text whose token was chosen last is then still on its
 *  way back through promises and misses the batch, and so on: of four texts three were in each batch, of sixteen fifteen, for the price of all.
 *  So a batch that lacks some of those who write is put off, by a turn of promises at a time, until they are there. */
import { runtimeLimits } from "../limits.ts";

/** Tokens of one sequence that are to be evaluated. */
export interface BatchItem {
  readonly tokens: { readonly length: number };
}

/** Of an item, so many tokens now. */
export interface Chosen<Item> {
  readonly item: Item;
  readonly processAmount: number;
}

/** The batches of one context. */
export class Batches {
  #writing = 0;
  #putOff = 0;

  /** A text asks for its next token in this turn of the event loop, and for the one after in the turn in which it gets it. */
  join(): void {
    this.#writing += 1;
  }

  /** It has ended, or waits for something else. */
  leave(): void {
    this.#writing -= 1;
  }

  /** None: the batch is put off. */
  choose<Item extends BatchItem>(items: readonly Item[], size: number): Chosen<Item>[] {
    if (items.length < this.#writing && this.#putOff < runtimeLimits.batchPutOffMax) {
      this.#putOff += 1;
      return [];
    }
    this.#putOff = 0;
    let left = size;
    const chosen: Chosen<Item>[] = [];
    // A token of a text goes before a slice of a prompt, and the rest of a slice before a whole one.
    for (const item of items.toSorted((one, other) => one.tokens.length - other.tokens.length)) {
      const processAmount = Math.min(item.tokens.length, left);
      if (processAmount === 0) break;
      chosen.push({ item, processAmount });
      left -= processAmount;
    }
    return chosen;
  }
}
