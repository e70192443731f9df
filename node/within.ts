/** Waiting that ends: for what may take long, or for ever. */
import type { Clock } from "./ports.ts";

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
