import { createHash } from "node:crypto";
import { failureOf } from "../../protocols/index.ts";
import type { Clock, Log } from "../ports/index.ts";
import type { ThreatSource } from "./feeds.ts";
import { threatLimits } from "./limits.ts";
import { readPlaces, type AddressPlaces } from "./places.ts";

/** Reads the file of places again and again. One that cannot be read changes nothing. */
export function followPlaces(
  file: string,
  { read, clock, log }: { readonly read: ThreatSource; readonly clock: Pick<Clock, "after">; readonly log: Log },
): { readonly find: AddressPlaces["find"]; stop(): void } {
  let places: AddressPlaces | undefined;
  let cancel = (): void => undefined;
  let isStopped = false;
  let last: string | undefined;
  const look = async (): Promise<void> => {
    try {
      const text = await read(file, {
        bytesMax: threatLimits.placesBytesMax,
        timeoutMs: threatLimits.callTimeoutMs,
      });
      const digest = createHash("sha256").update(text).digest("hex");
      // Millions of lines take seconds, in which the node does nothing else.
      if (digest !== last) {
        places = readPlaces(text);
        log.info("watch.places", { file, ranges: places.ranges, skipped: places.skipped });
        last = digest;
      }
    } catch (error) {
      log.warn("watch.places.unread", { file, failure: failureOf(error) });
    }
    if (!isStopped) cancel = clock.after(threatLimits.placesEveryMs, () => void look());
  };
  void look();
  return {
    find: (address) => places?.find(address),
    stop() {
      isStopped = true;
      cancel();
    },
  };
}
