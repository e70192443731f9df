/** Which tokens the next batch of a context evaluates, and in which order. Pure, but for a count of who writes.
 *
 *  The library begins a batch as soon as all tokens of the one before are chosen. The text whose token was chosen last
 *  is then still on its way back through promises and misses the batch, and so on: of four texts three were in each
 *  batch, of sixteen fifteen, for the price of all. So a batch that lacks some of those who write is put off, by a turn
 *  of promises at a time, until they are there.
 *
 *  llama.cpp cuts a batch into passes over the weights: it follows the batch and takes those places into a pass whose
 *  number is by one greater than that of the place before. 0, 1, 2, 3 are one pass, 3, 2, 1, 0 are four, and 0, 1, 3
 *  are two. So a batch is in the order of the places, and a text gets a place beside those that are busy. */
import type { BatchItem as LibraryItem, EvaluationPriority } from "node-llama-cpp";
import { runtimeLimits } from "../limits.ts";

/** Tokens of one sequence that are to be evaluated. */
interface BatchItem {
  readonly tokens: { readonly length: number };
  /** The number of its place, see `placeMark`. */
  readonly evaluationPriority: number;
}

/** Of an item, so many tokens now. */
interface Chosen<Item> {
  readonly item: Item;
  readonly processAmount: number;
}

/** The number of a sequence in its context, as the library carries it to where batches are made: nothing else of a
 *  sequence comes there, and nobody but `choose` reads it. */
export const placeMark = (place: number): { readonly evaluationPriority: EvaluationPriority } => ({
  evaluationPriority: place as EvaluationPriority,
});

/** The batches of one context. */
export class Batches {
  #writing = 0;
  #putOff = 0;

  /** Whether texts are being written. */
  get busy(): boolean {
    return this.#writing > 0;
  }

  /** A text asks for its next token in this turn of the event loop, and for the one after in the turn in which it gets
   *  it. */
  join(): void {
    this.#writing += 1;
  }

  /** It has ended, or waits for something else. */
  leave(): void {
    this.#writing -= 1;
  }

  /** For the context, when it is made. */
  get options(): {
    itemPrioritizationStrategy(batch: { items: readonly LibraryItem[]; size: number }): Chosen<LibraryItem>[];
  } {
    return { itemPrioritizationStrategy: ({ items, size }) => this.choose(items, size) };
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
    return chosen.toSorted((one, other) => one.item.evaluationPriority - other.item.evaluationPriority);
  }
}

/** A place that is free, and how many tokens of a prompt it holds. */
interface FreePlace {
  readonly place: number;
  readonly held: number;
}

/** Which of these a text gets: the one that holds most of its prompt; of those that hold about as much, the one that
 *  makes the fewest passes with those who write; then the first. There is at least one. */
export function bestPlace(free: readonly FreePlace[], places: number): FreePlace {
  const isFree = new Set(free.map(({ place }) => place));
  const isBusy = (place: number): boolean => place >= 0 && place < places && !isFree.has(place);
  const beside = ({ place }: FreePlace): number => Number(isBusy(place - 1)) + Number(isBusy(place + 1));
  const enough = Math.max(...free.map(({ held }) => held)) - runtimeLimits.reReadTokensMax;
  const [best] = free
    .filter(({ held }) => held >= enough)
    .toSorted((one, other) => beside(other) - beside(one) || other.held - one.held);
  return best!;
}
