import { ok } from "../../protocols/index.ts";
import type { GatewayContext } from "./options.ts";
import type { OwnHandlers } from "./rest/own.ts";

/** What this node says of itself: some of it only the gateway knows. */
export const handleStatus = (
  at: Pick<GatewayContext, "status" | "addresses">,
  facts: { url(): string; connections(): number },
): Pick<OwnHandlers, "node.status"> => ({
  "node.status": async () => {
    const unnamedProxies = at.addresses.unnamed();
    return ok({
      ...(await at.status()),
      url: facts.url(),
      connections: facts.connections(),
      ...(unnamedProxies.length > 0 && { unnamedProxies }),
    });
  },
});
