/** How often people and programs may ask for something, whatever wire it comes by. */
import { failure, refused } from "../../../protocols/index.ts";
import type { GatewayLimits } from "../limits.ts";
import { isPost } from "../quotas.ts";
import type { Rates } from "./shared-rates.ts";
import type { CommandRates } from "../ports.ts";

/** Makes the count. */
export function createCommandRates(rates: Rates, limits: GatewayLimits): CommandRates {
  const people = rates.limit("command", limits.commandRate, "passes");
  const keys = rates.limit("key", limits.keyRate, "passes");
  const rooms = rates.limit("room", limits.roomRate, "passes");
  return {
    take(caller) {
      if (caller.kind !== "key") return people.take(caller.user);
      const wait = keys.take(caller.session);
      if (wait > 0) return wait;
      const personWait = people.take(caller.user);
      if (personWait > 0) keys.giveBack(caller.session);
      return personWait;
    },
    said(to, type) {
      if (!isPost(to, type)) return undefined;
      const retryAfterMs = rooms.take(to);
      const { count, windowMs } = limits.roomRate;
      const reason = `everybody in this room together may post ${count} messages in ${windowMs / 1_000} s`;
      return retryAfterMs > 0 ? refused(failure("RATE_LIMITED", { reason, retryAfterMs })) : undefined;
    },
    settled(to, type, result) {
      if (isPost(to, type) && !result.ok && result.error.outcome !== "unknown") rooms.giveBack(to);
    },
  };
}
