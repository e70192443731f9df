/** Checks side by side, and what each must end in. */
import type { Checked, Configuration } from "./spin.ts";

/** Starts the work of all items, so many at a time, in their order; each result is awaited where it is needed. */
export function inTurns<Item, Result>(
  items: readonly Item[],
  atOnce: number,
  work: (item: Item) => Promise<Result>,
): ReadonlyMap<Item, Promise<Result>> {
  const results = new Map<Item, Promise<Result>>();
  let free: Promise<unknown> = Promise.resolve();
  // Whoever comes next takes the lane that is free first.
  const lanes = new Map(Array.from({ length: Math.max(1, atOnce) }, (_, lane) => [lane, Promise.resolve(lane)]));
  for (const item of items) {
    const started = free.then(async () => {
      const lane = await Promise.race(lanes.values());
      const result = work(item);
      lanes.set(
        lane,
        result.then(
          () => lane,
          () => lane,
        ),
      );
      return { result };
    });
    free = started;
    const settled = started.then(({ result }) => result);
    // It is reported where it is awaited.
    settled.catch(() => undefined);
    results.set(item, settled);
  }
  return results;
}

/** A baseline must have been searched to its end without a violation; a mutation must have led to its own. */
export const isAsExpected = ({ violations }: Configuration, { outcome }: Checked): boolean =>
  violations === undefined
    ? outcome.status === "complete"
    : outcome.status === "violated" && violations.includes(outcome.violation);
