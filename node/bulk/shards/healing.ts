/** When a shard is made good, and which one first. Pure. */
import { shardsOf, type StripeRef } from "../../../protocols/index.ts";

/** A shard whose bytes are not at its holder's node as they should be. */
export interface Sick {
  readonly stripe: StripeRef;
  readonly shard: number;
  readonly why: "missing" | "damaged";
  readonly sinceMs: number;
  /** How many of the stripe's other shards are well, as far as their nodes say. */
  readonly others: number;
}

interface Patience {
  /** How long a node may be away before what it had is made anew, while the stripe can lose more. */
  readonly absenceMs: number;
  /** The same, when one more loss would lose the stripe. */
  readonly absenceMsMin: number;
}

/** How many more shards the stripe can lose; below 0: it cannot be read now. */
export const marginOf = ({ stripe, others }: Pick<Sick, "stripe" | "others">): number =>
  others - shardsOf(stripe.scheme).enough;

/** When a shard is made anew of others. Bytes that are damaged will not come back: at once. Those of a node that is
 *  away may: it is waited for, the less the more of the stripe is missing, so that a node that restarts moves no
 *  bytes. */
export function dueMs(sick: Sick, { absenceMs, absenceMsMin }: Patience): number {
  if (sick.why === "damaged") return sick.sinceMs;
  const { all, enough } = shardsOf(sick.stripe.scheme);
  // With one shard missing a stripe of k + m can lose m − 1 more.
  const most = all - enough - 1;
  const share = most <= 0 ? 0 : Math.min(1, Math.max(0, marginOf(sick)) / most);
  return sick.sinceMs + absenceMsMin + (absenceMs - absenceMsMin) * share;
}

/** The stripe that can lose fewest first; then what has been so for longest. What cannot be made now comes last: others
 *  must return. */
export function bySickness(one: Sick, other: Sick): number {
  const rank = (sick: Sick): number => {
    const margin = marginOf(sick);
    return margin < 0 ? Infinity : margin;
  };
  const [first, second] = [rank(one), rank(other)];
  if (first !== second) return first - second;
  return one.sinceMs - other.sinceMs || (one.stripe.id < other.stripe.id ? -1 : 1);
}
