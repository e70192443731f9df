import type { FastifyInstance } from "fastify";
import type { Accounts } from "./accounts.ts";
import { presentedToken } from "./callers.ts";
import type { GatewayContext } from "./options.ts";
import { demand } from "./refusals.ts";
import { failure, PlexusError } from "../../protocols/index.ts";
import { sameSecret } from "./tokens.ts";

/** Adds what operators' tools read: life, readiness, metrics, and the description of the interface. */
export function addHealthRoutes(app: FastifyInstance, at: GatewayContext, accounts: Accounts): void {
  const tags = ["node"];
  app.get("/healthz", { schema: { summary: "Liveness: the process answers", tags, security: [] } }, async () => ({
    alive: true,
  }));

  app.get(
    "/readyz",
    {
      schema: {
        summary: "Readiness: every slot that this node owns can be served, and it reaches the others",
        tags,
        security: [],
      },
    },
    async () => {
      const degraded = at.degraded();
      if (degraded !== undefined) throw new PlexusError(degraded.reason);
      demand(await at.readiness());
      return { ready: true };
    },
  );

  app.get(
    "/metrics",
    { schema: { summary: "Metrics in the Prometheus text format", tags } },
    async (request, reply) => {
      // Also on this machine: a proxy there may add no header that gives it away. Without a token there is `metricsListen`.
      const presented = presentedToken(request.raw);
      if (presented === undefined)
        throw new PlexusError(
          failure("UNAUTHENTICATED", {
            hint: "send the token of an admin, or read metrics at the address of `plexus up --metrics-listen`",
          }),
        );
      const isOperator = at.controlToken !== undefined && sameSecret(presented.token, at.controlToken);
      if (!isOperator && !demand(await accounts.authenticate(presented.token, request.address)).admin)
        throw new PlexusError(failure("FORBIDDEN", { reason: "metrics are for admins" }));
      const { contentType, body } = await at.metricsText();
      return reply.header("content-type", contentType).serializer(String).send(body);
    },
  );

  let description: Buffer | undefined;
  app.get("/openapi.json", { schema: { hide: true } }, (_request, reply) => {
    // One for all: anybody may ask for it, and who does not read it holds nothing of his own.
    description ??= Buffer.from(JSON.stringify(app.swagger()));
    return reply.type("application/json; charset=utf-8").send(description);
  });
}
