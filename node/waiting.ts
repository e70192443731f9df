/** Waiting that ends, and waiting before what failed is tried again: the same rule for slots, actors, reminders,
 *  connections and messages. */
import type { Clock, Random } from "./ports/index.ts";

/** What `work` gives within the time; undefined when it takes longer, and goes on. Rejects as `work` does. */
export async function within<Value>(clock: Clock, delayMs: number, work: Promise<Value>): Promise<Value | undefined> {
  const { promise: late, resolve } = Promise.withResolvers<undefined>();
  const cancel = clock.after(delayMs, () => resolve(undefined));
  try {
    return await Promise.race([work, late]);
  } finally {
    cancel();
  }
}

/** 2 ** 32 milliseconds are fifty days, beyond every longest wait: the exponent stays bounded however often it
 *  fails. */
const doublingsMax = 32;

/** The wait before the next try: the first one, doubled for each failure before the last, up to the longest. */
export const backoffMs = (
  failuresBefore: number,
  { firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number },
): number => Math.min(maxMs, firstMs * 2 ** Math.min(failuresBefore, doublingsMax));

/** Between half of a wait and all of it: what failed in the same moment must not come back in one. */
export const withJitter = (waitMs: number, random: Random): number => waitMs * (0.5 + random.number() / 2);
