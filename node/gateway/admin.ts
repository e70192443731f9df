import type { FastifyInstance } from "fastify";
import type { NodeStatus } from "../../protocols/index.ts";
import type { GatewayContext } from "./options.ts";

/** Adds what this node says of itself to admins, and to the operator's control token. */
export function addAdminRoutes(
  app: FastifyInstance,
  at: GatewayContext,
  facts: { url(): string; connections(): number },
): void {
  const config = { access: "admin" } as const;
  const tags = ["admin"];

  app.get("/admin/status", { config, schema: { summary: "The status of this node", tags } }, async () => {
    const unnamedProxies = at.addresses.unnamed();
    const status: NodeStatus = {
      ...(await at.status()),
      url: facts.url(),
      connections: facts.connections(),
      ...(unnamedProxies.length > 0 && { unnamedProxies }),
    };
    return status;
  });
}
