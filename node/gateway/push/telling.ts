/** What tells people who are away, beside the connections of a gateway. */
import type { Subscribers } from "../feeds/subscribers.ts";
import type { GatewayContext } from "../options.ts";
import { createPush } from "./watch.ts";

/** Begins it; the function that it gives ends it. */
export function tellThoseAway(at: GatewayContext, subscribers: Subscribers): () => void {
  const push = at.push && createPush(at, at.push, subscribers);
  const endDigests = at.digests?.begin((user) => subscribers.presence.isActive(user));
  return () => {
    push?.stop();
    endDigests?.();
  };
}
