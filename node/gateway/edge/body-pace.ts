/** How fast what people send is read, where it is large: to count, parse and check it takes milliseconds in the thread
 *  that all requests are in, so one sender in a loop would be what all others wait for.
 *
 *      announced ─► units of its person and of its address, in the order of bodies ─► read, as fast as it comes
 *                       ├── not there yet: it waits unread, in the network
 *                       └── not there for long: it is refused with RATE_LIMITED, and takes none
 *
 *  What waits takes a timer and no memory here, but for one message of a WebSocket. What is small is counted as
 *  requests alone. */
import type { FastifyInstance, FastifyRequest } from "fastify";
import { failure, PlexusError, type Failure } from "../../../protocols/index.ts";
import type { Clock, Random } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";
import { addressKey, createReservations } from "./rates.ts";

/** Says when large bodies may be read. */
export interface BodyPace {
  /** Calls back when so many bytes of somebody may be read: at once where they are few; with RATE_LIMITED when not for
   *  long. What waits is given up by the returned function; undefined: it has called back. */
  wait(of: Sender, bytes: number, done: Done): (() => void) | undefined;
  /** Of a body that was counted as so long fewer bytes came. */
  giveBack(of: Sender, counted: number, bytes: number): void;
}

/** Who sends a body, and from where. */
interface Sender {
  readonly caller: { readonly user: string };
  readonly address: string;
}

type Done = (refusal?: Failure) => void;

/** Makes it. */
export function createBodyPace(at: {
  readonly limits: GatewayLimits;
  readonly clock: Clock;
  readonly random: Random;
}): BodyPace {
  const { limits, clock, random } = at;
  const { bodyBytesMax: unitBytes, largeBodyRate, largeBodyAddressRate, largeBodyWaitMaxMs, rateRows } = limits;
  const people = createReservations(largeBodyRate, rateRows, clock, random);
  const addresses = createReservations(largeBodyAddressRate, rateRows, clock, random);
  const unitsOf = (bytes: number): number => (bytes <= unitBytes ? 0 : Math.ceil(bytes / unitBytes));

  function refusalOf({ caller, address }: Sender, units: number): Failure | undefined {
    const ownMs = people.wait(caller.user, units);
    const allMs = addresses.wait(addressKey(address), units);
    // Half of the time that an address can be behind is for those of it that send little.
    const sendsLittle = people.wait(caller.user, units + largeBodyRate.count / 2) === 0;
    const isOwn = ownMs > largeBodyWaitMaxMs;
    if (!isOwn && allMs <= (sendsLittle ? largeBodyWaitMaxMs : largeBodyWaitMaxMs / 2)) return undefined;
    const { count, windowMs } = isOwn ? largeBodyRate : largeBodyAddressRate;
    const whose = isOwn ? "one person" : "one address";
    const reason = `of large requests, ${(count * unitBytes) / 1024} KiB in ${windowMs / 1_000} s are read of ${whose}`;
    return failure("RATE_LIMITED", { reason, retryAfterMs: Math.max(ownMs, allMs) });
  }

  const giveBackUnits = ({ caller, address }: Sender, units: number): void => {
    people.giveBack(caller.user, units);
    addresses.giveBack(addressKey(address), units);
  };

  return {
    wait(sender, bytes, done) {
      const units = unitsOf(bytes);
      const refusal = units === 0 ? undefined : refusalOf(sender, units);
      const waitMs =
        units === 0 || refusal !== undefined
          ? 0
          : Math.max(people.take(sender.caller.user, units), addresses.take(addressKey(sender.address), units));
      if (waitMs === 0) {
        done(refusal);
        return undefined;
      }
      const cancel = clock.after(waitMs, () => done());
      return () => {
        cancel();
        giveBackUnits(sender, units);
      };
    },
    giveBack: (sender, counted, bytes) => giveBackUnits(sender, Math.max(0, unitsOf(counted) - unitsOf(bytes))),
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
    // Of a sender that went away meanwhile nothing comes any more, not even an end.
    const left = (): void => {
      giveUp?.();
      done(Object.assign(new Error("the sender is gone"), { statusCode: 400 }), payload);
    };
    const giveUp = pace.wait(sender, bytes, (refusal) => {
      request.raw.off("close", left);
      done(refusal === undefined ? null : new PlexusError(refusal), payload);
    });
    if (giveUp !== undefined) request.raw.once("close", left);
  });
  app.addHook("preValidation", (request, _reply, done) => {
    const sender = senderOf(request);
    if (sender !== undefined && request.headers["content-length"] === undefined && request.bodyBytes > 0)
      pace.giveBack(sender, request.routeOptions.bodyLimit, request.bodyBytes);
    done();
  });
}
