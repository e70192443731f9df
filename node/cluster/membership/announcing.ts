/** Where this node listens, as the other nodes are told: at its start, and again when its machine has other
 *  addresses. */
import { isLocal } from "./web-address.ts";
import type { Clock, Log } from "../../ports/index.ts";
import { announceLimits } from "./limits.ts";

/** Tells the addresses now, and again when they have changed. A machine without a network keeps those of before: nobody
 *  reaches it anyway, and when the network is back they are most likely the same. Returns what ends it. */
export function announce(ports: {
  readonly clock: Pick<Clock, "after">;
  readonly log: Log;
  readonly addresses: () => readonly string[];
  readonly tell: (addresses: readonly string[]) => void;
}): () => void {
  const { clock, log, addresses, tell } = ports;
  let told = addresses();
  tell(told);
  let cancel = (): void => undefined;
  const lookLater = (): void => {
    cancel = clock.after(announceLimits.addressLookMs, () => {
      const now = addresses();
      const isCutOff = now.every(isLocal) && !told.every(isLocal);
      if (!isCutOff && now.join() !== told.join()) {
        log.info("mesh.addresses.changed", { before: told, now });
        told = now;
        tell(now);
      }
      lookLater();
    });
  };
  lookLater();
  return () => cancel();
}
