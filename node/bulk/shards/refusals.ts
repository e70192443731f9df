/** What refusals of holders mean for a put. Pure. */
import { failure, type Failure, type StripeRef } from "../../../protocols/index.ts";
import type { NodeId } from "../../ports/index.ts";
import { enoughOf } from "./coding/index.ts";

/** Failures of a holder that another try does not mend. */
export const lasting: ReadonlySet<string> = new Set([
  "ALREADY_DONE",
  "LIMIT_REACHED",
  "TOO_LARGE",
  "BAD_REQUEST",
  "FORBIDDEN",
  "DATA_DAMAGED",
  "DISK_FULL",
  "STOPPING",
  "RELEASED",
]);

/** A put must begin again: what its attempt has learned. */
export interface Again {
  readonly operation: number;
  readonly without: ReadonlySet<number>;
}

/** What refusals of holders say that another attempt can do better: a later operation, other holders. Undefined:
 *  nothing. */
export function learnedFrom(
  stripe: StripeRef,
  operation: number,
  failures: ReadonlyMap<number, Failure>,
): Again | undefined {
  let next = operation;
  const without = new Set<number>();
  for (const [number, { code, details }] of failures) {
    const ended = details?.["operation"];
    if (code === "RELEASED" && typeof ended === "number") next = Math.max(next, ended + 1);
    const index = stripe.shards[number]?.index;
    if (code === "ALREADY_DONE" && index !== undefined) without.add(index);
  }
  return next > operation || without.size > 0 ? { operation: next, without } : undefined;
}

/** Why too few holders took their shards: what most of them said. */
export function whyNot(
  stripe: StripeRef,
  receipts: readonly NodeId[],
  failures: ReadonlyMap<number, Failure>,
): Failure {
  const codes = [...failures.values()].map(({ code }) => code);
  const [first] = failures.values();
  const isFull = codes.length > 0 && codes.every((code) => code === first?.code);
  if (first !== undefined && isFull && !["UNREACHABLE", "PEER_LOST", "MOVED", "SLOT_UNAVAILABLE"].includes(first.code))
    return first;
  return failure("HOLDERS_TOO_FEW", {
    group: stripe.group,
    // Two on one node are one.
    holders: stripe.shards.length - failures.size - (receipts.length - new Set(receipts).size),
    needed: enoughOf(stripe.scheme),
    because: [...new Set(codes)],
  });
}
