/** How long to wait before what failed is tried again: the same rule for slots, actors, reminders, connections and messages. */
import type { Random } from "./ports.ts";

/** 2 ** 32 milliseconds are fifty days, beyond every longest wait: the exponent stays bounded however often it fails. */
const doublingsMax = 32;

/** The wait before the next try: the first one, doubled for each failure before the last, up to the longest. */
export const backoffMs = (
  failuresBefore: number,
  { firstMs, maxMs }: { readonly firstMs: number; readonly maxMs: number },
): number => Math.min(maxMs, firstMs * 2 ** Math.min(failuresBefore, doublingsMax));

/** Between half of a wait and all of it: what failed in the same moment must not come back in one. */
export const withJitter = (waitMs: number, random: Random): number => waitMs * (0.5 + random.number() / 2);
