/** Waiting that ends, and waiting before what failed is tried again: the same rule for slots, actors, reminders,
 *  connections and messages. */
import { ok, type Result } from "../protocols/index.ts";
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

/** Looks again and again, so many times at most, with a pause after each. False: it did not come to be so. */
export async function untilSo(
  clock: Pick<Clock, "after">,
  how: { readonly triesMax: number; readonly pauseMs: number; readonly isStopped: () => boolean },
  isSo: () => Promise<Result<boolean>>,
): Promise<Result<boolean>> {
  for (let tries = 0; tries < how.triesMax && !how.isStopped(); tries += 1) {
    const now = await isSo();
    if (!now.ok || now.value) return now;
    await new Promise<void>((resolve) => void clock.after(how.pauseMs, resolve));
  }
  return ok(false);
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
