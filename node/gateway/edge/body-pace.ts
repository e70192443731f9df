/** How fast what people send is read, where it is large: to count, parse and check it takes milliseconds in the thread
 *  that all requests are in, so one sender in a loop would be what all others wait for.
 *
 *      announced ─► units of its person, and of its address ─► read, as fast as it comes
 *                       └── none left: it waits unread, in the network, then is refused with RATE_LIMITED
 *
 *  What waits takes no memory here, but for one message of a WebSocket. What is small is counted as requests alone. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { failure, PlexusError, type Failure } from "../../../protocols/index.ts";
import type { Clock, Random } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";
import { addressKey, createRateLimit, type RateLimit } from "./rates.ts";

/** Says when large bodies may be read. */
export interface BodyPace {
  /** Calls back when so many bytes of somebody may be read: at once where they are few; with RATE_LIMITED when not for
   *  long. */
  wait(of: Sender, bytes: number, done: Done): void;
  /** Of a body that was counted as so long fewer bytes came. */
  giveBack(of: Sender, counted: number, bytes: number): void;
}

/** Who sends a body, and from where. */
interface Sender {
  readonly caller: { readonly user: string };
  readonly address: string;
}

type Done = (refusal?: Failure) => void;

/** A limit that counts, and whose. */
type Counted = readonly [limit: RateLimit, key: string];

/** Makes it. */
export function createBodyPace(at: {
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly random: Random;
}): BodyPace {
  const { limits, clock, random } = at;
  const { bodyBytesMax: unitBytes, largeBodyRate, largeBodyAddressRate, largeBodyWaitMaxMs, rateRows } = limits;
  const people = createRateLimit(largeBodyRate, rateRows, clock, random);
  const addresses = createRateLimit(largeBodyAddressRate, rateRows, clock, random);
  const perWindow = `${(largeBodyRate.count * unitBytes) / 1024} KiB in ${largeBodyRate.windowMs / 1_000} s`;
  const reason = `of large requests, ${perWindow} are read of one person`;

  /** Takes the units one after the other; waits where there are none. */
  function take(counted: readonly Counted[], untilMs: number, done: Done): void {
    for (const [place, [limit, key]] of counted.entries()) {
      const retryAfterMs = limit.take(key);
      if (retryAfterMs === 0) continue;
      if (clock.monotonicMs() + retryAfterMs > untilMs) done(failure("RATE_LIMITED", { reason, retryAfterMs }));
      else clock.after(retryAfterMs, () => take(counted.slice(place), untilMs, done));
      return;
    }
    done();
  }

  const countedOf = ({ caller, address }: Sender): readonly Counted[] => [
    [people, caller.user],
    [addresses, addressKey(address)],
  ];
  const unitsOf = (bytes: number): number => (bytes <= unitBytes ? 0 : Math.ceil(bytes / unitBytes));
  return {
    wait(sender, bytes, done) {
      const both = countedOf(sender);
      const counted = Array.from({ length: unitsOf(bytes) }, () => both).flat();
      take(counted, clock.monotonicMs() + largeBodyWaitMaxMs, done);
    },
    giveBack(sender, counted, bytes) {
      const both = countedOf(sender);
      for (let unit = unitsOf(bytes); unit < unitsOf(counted); unit += 1)
        for (const [limit, key] of both) limit.giveBack(key);
    },
  };
}

/** Makes the server read bodies so. */
export function paceBodies(app: FastifyInstance, pace: BodyPace, { bodyBytesMax }: GatewayLimits): void {
  const senderOf = ({ address, caller, routeOptions }: FastifyRequest): Sender | undefined => {
    const { bodyLimit, config } = routeOptions;
    return config.access !== "user" || caller === null || bodyLimit <= bodyBytesMax ? undefined : { caller, address };
  };
  app.addHook("preParsing", (request, _reply, payload, done) => {
    const sender = senderOf(request);
    if (sender === undefined) return done(null, payload);
    const { bodyLimit } = request.routeOptions;
    const announced = request.headers["content-length"];
    // One that does not say how long it is may be as long as it may, until it is here.
    const bytes = Math.min(announced === undefined ? bodyLimit : Number(announced), bodyLimit);
    pace.wait(sender, bytes, (refusal) => {
      if (refusal !== undefined) return done(new PlexusError(refusal), payload);
      // Of a sender that went away meanwhile nothing comes any more, not even an end.
      const gone = request.raw.destroyed ? Object.assign(new Error("the sender is gone"), { statusCode: 400 }) : null;
      done(gone, payload);
    });
  });
  app.addHook("preValidation", (request, _reply, done) => {
    const sender = senderOf(request);
    if (sender !== undefined && request.headers["content-length"] === undefined && request.bodyBytes > 0)
      pace.giveBack(sender, request.routeOptions.bodyLimit, request.bodyBytes);
    done();
  });
}
