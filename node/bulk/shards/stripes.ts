/** Stripes: what many holders keep together.
 *
 *      put   code ─► a shard to each holder, all at once ─► k + ⌈m/2⌉ receipts: acknowledged
 *                                                               └─► the rest, in the background          (writing.ts)
 *      read  k holders, the fastest first ─► one is slow or has nothing: one more
 *                  └─► each compared with its hash ─► k of them: decoded                                (reading.ts)
 *
 *  Invariant: a receipt counts only when the holder's node had the bytes synced under the hash that the descriptor
 *  names. */
import { failure, ok, refused, type Result, type StripeRef } from "../../../protocols/index.ts";
import type { Stripes } from "../../ports/index.ts";
import { isAsCoded, readStripe } from "./coding/index.ts";
import { healthOf, isKeptBy } from "./health.ts";
import { createReading } from "./reading.ts";
import { referredBy } from "./referred.ts";
import { createStripeRoom } from "./room.ts";
import { standingOf } from "./standing.ts";
import type { StripesPorts } from "./stripes-ports.ts";
import { createWriting } from "./writing.ts";

/** Makes the port. */
export function createStripes(ports: StripesPorts): Stripes & { stop(): void; comingShards(): number } {
  const { clock, meter, limits } = ports;
  const room = createStripeRoom({ bytesMax: limits.stripeBytesAtOnce, waitingMax: limits.stripesWaitingMax });
  let stopped = false;
  const writing = createWriting(ports, { isStopped: () => stopped, isRoomWanted: () => room.isWanted });
  const reading = createReading(ports, () => stopped);

  return {
    async put(bytes, how) {
      if (bytes.length > limits.stripeBytesMax)
        return refused(failure("TOO_LARGE", { limitBytes: limits.stripeBytesMax }));
      const entered = await room.enter(how.owner, 3 * bytes.length);
      if (!entered.ok) return entered;
      try {
        return await writing.put(bytes, how, entered.value);
      } catch (thrown) {
        entered.value();
        throw thrown;
      }
    },
    async read(stripe) {
      if (!isAsCoded(stripe)) return notAsCoded(stripe);
      const entered = await room.enter("read", 3 * stripe.sizeBytes);
      if (!entered.ok) return entered;
      const startedMs = clock.monotonicMs();
      try {
        const gathered = await reading.gather(stripe);
        if (!gathered.ok) return gathered;
        const read = readStripe(stripe, gathered.value.values());
        meter.observeMs("stripe_read", clock.monotonicMs() - startedMs);
        return read;
      } finally {
        entered.value();
      }
    },
    async gather(stripe, without) {
      if (!isAsCoded(stripe)) return notAsCoded(stripe);
      const entered = await room.enter("mend", 3 * stripe.sizeBytes);
      if (!entered.ok) return entered;
      try {
        return await reading.gather(stripe, without);
      } finally {
        entered.value();
      }
    },
    ...writing.stripes,
    inspect: async (stripe, deep = false) =>
      ok(await healthOf(ports, stripe, { deep, isComing: (hash) => writing.coming.has(hash) })),
    isKept: (stripe, owner) => isKeptBy(ports, stripe, owner),
    standing: (some) => standingOf(ports, some),
    referred: (owner) => referredBy(ports, owner),
    comingShards: () => writing.coming.size,
    stop() {
      stopped = true;
    },
  };
}

/** The answer to a descriptor that no writer of stripes has made. */
const notAsCoded = ({ id }: StripeRef): Result<never> =>
  refused(failure("BAD_REQUEST", { stripe: id, problem: "its sizes are not those that its scheme makes" }));
