/** How fast large bodies of people are read: to count, parse and check one takes milliseconds in the thread that
 *  everybody's requests are in, so one sender in a loop would be what all others wait for.
 *
 *      announced ─► units of its person, and of its address ─► read, as fast as it comes
 *                       └── none left: it waits unread, in the network, then is refused with RATE_LIMITED
 *
 *  A body that waits takes no memory here. Small ones are counted as requests alone. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { failure, PlexusError } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";
import { addressKey, createRateLimit, type RateLimit } from "./rates.ts";

/** A limit that counts, and whose. */
type Counted = readonly [limit: RateLimit, key: string];

/** Makes the server read them so. */
export function paceBodies(app: FastifyInstance, { limits, clock, random }: GatewayContext): void {
  const { bodyBytesMax: unitBytes, largeBodyRate, largeBodyAddressRate, largeBodyWaitMaxMs, rateRows } = limits;
  const people = createRateLimit(largeBodyRate, rateRows, clock, random);
  const addresses = createRateLimit(largeBodyAddressRate, rateRows, clock, random);

  /** Takes units of one limit after the other's; waits where there are none. */
  function take(counted: readonly Counted[], untilMs: number, done: (error?: Error) => void): void {
    for (let left = counted; left.length > 0; left = left.slice(1)) {
      const [limit, key] = left[0]!;
      const retryAfterMs = limit.take(key);
      if (retryAfterMs === 0) continue;
      if (clock.monotonicMs() + retryAfterMs > untilMs) {
        const seconds = largeBodyRate.windowMs / 1_000;
        const reason = `of large requests, ${(largeBodyRate.count * unitBytes) / 1024} KiB in ${seconds} s are read of one person`;
        done(new PlexusError(failure("RATE_LIMITED", { reason, retryAfterMs })));
      } else clock.after(retryAfterMs, () => take(left, untilMs, done));
      return;
    }
    done();
  }

  app.addHook("preParsing", (request: FastifyRequest, _reply, payload, done) => {
    const { caller } = request;
    const { bodyLimit, config } = request.routeOptions;
    const announced = request.headers["content-length"];
    // One that does not say how long it is may be as long as it may.
    const bytes = Math.min(announced === undefined ? bodyLimit : Number(announced), bodyLimit);
    const isLarge = config.access === "user" && caller !== null && bodyLimit > unitBytes && bytes > unitBytes;
    if (!isLarge) return done(null, payload);
    const both: readonly Counted[] = [
      [people, caller.user],
      [addresses, addressKey(request.address)],
    ];
    const counted = Array.from({ length: Math.ceil(bytes / unitBytes) }, () => both).flat();
    take(counted, clock.monotonicMs() + largeBodyWaitMaxMs, (error) => {
      // Of a sender that went away meanwhile nothing comes any more, not even an end.
      const gone = request.raw.destroyed ? Object.assign(new Error("the sender is gone"), { statusCode: 400 }) : null;
      done(error ?? gone, payload);
    });
  });
}
