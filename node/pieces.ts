/** Long computations in pieces: between two of them the event loop turns, so that nobody waits for the whole (decision
 *  0282). A computation is a generator that yields where it may be left for a while. */
import type { Clock } from "./ports/index.ts";

/** Something that is computed in pieces. */
export type Pieces<Value> = Generator<void, Value, void>;

/** So many small steps are one piece: about a millisecond. What has fewer is done at once. */
export const stepsInPiece = 1_000;

/** Computes it; the loop turns between two pieces. */
export async function inPieces<Value>(work: Pieces<Value>, { soon }: Pick<Clock, "soon">): Promise<Value> {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
    await new Promise<void>((resolve) => soon(resolve));
  }
}

/** Computes it at once. */
export function atOnce<Value>(work: Pieces<Value>): Value {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

/** The items in order: runs are sorted, then merged by twos. */
export function* sortedInPieces<Item>(
  items: readonly Item[],
  compare: (one: Item, other: Item) => number,
): Pieces<readonly Item[]> {
  let runs: Item[][] = [];
  for (let at = 0; at < items.length; at += stepsInPiece) {
    if (at > 0) yield;
    runs.push(items.slice(at, at + stepsInPiece).toSorted(compare));
  }
  while (runs.length > 1) {
    const merged: Item[][] = [];
    for (let at = 0; at < runs.length; at += 2)
      merged.push(yield* mergedInPieces(runs[at] as Item[], runs[at + 1] ?? [], compare));
    runs = merged;
  }
  return runs[0] ?? [];
}

function* mergedInPieces<Item>(
  one: readonly Item[],
  other: readonly Item[],
  compare: (one: Item, other: Item) => number,
): Pieces<Item[]> {
  const merged: Item[] = [];
  let [left, right] = [0, 0];
  while (left < one.length || right < other.length) {
    if (merged.length % stepsInPiece === stepsInPiece - 1) yield;
    const takesLeft = right >= other.length || (left < one.length && compare(one[left]!, other[right]!) <= 0);
    merged.push(takesLeft ? one[left]! : other[right]!);
    if (takesLeft) left += 1;
    else right += 1;
  }
  return merged;
}

/** A set of all that several lists have. */
export function* setInPieces<Item>(lists: readonly (readonly Item[])[]): Pieces<Set<Item>> {
  const all = new Set<Item>();
  for (const list of lists)
    for (const [at, item] of list.entries()) {
      if (at % stepsInPiece === stepsInPiece - 1) yield;
      all.add(item);
    }
  return all;
}

/** The lines of a text. */
export function* linesOf(text: string): Generator<string> {
  for (let from = 0; from <= text.length;) {
    const end = text.indexOf("\n", from);
    yield text.slice(from, end < 0 ? undefined : end);
    if (end < 0) return;
    from = end + 1;
  }
}
