import type { FastifyInstance } from "fastify";
import type { Accounts } from "./accounts.ts";
import { presentedToken } from "./callers.ts";
import type { Surroundings } from "./options.ts";
import { demand } from "./refusals.ts";
import { failure, PlexusError } from "../../protocols/index.ts";
import { sameSecret } from "./tokens.ts";

const isLoopback = (address: string) => address === "::1" || /^(?:::ffff:)?127\./.test(address);

/** What proxies add to a request, and programs of this machine do not. */
const proxyHeader = /^(?:forwarded|via|x-forwarded-.*|x-real-ip)$/;

/** Adds what operators' tools read: life, readiness, metrics, and the description of the interface. */
export function addHealthRoutes(app: FastifyInstance, at: Surroundings, accounts: Accounts): void {
  const tags = ["node"];
  app.get("/healthz", { schema: { summary: "The process answers", tags, security: [] } }, async () => ({
    alive: true,
  }));

  app.get(
    "/readyz",
    {
      schema: {
        summary: "Every slot that this node owns can be served, and it reaches the others",
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

  app.get("/metrics", { schema: { summary: "Prometheus text", tags } }, async (request, reply) => {
    // Behind a proxy on this machine everybody is connected from the loopback address; the proxy's headers give it away.
    const proxied = Object.keys(request.headers).some((name) => proxyHeader.test(name));
    if (proxied || !isLoopback(request.ip)) {
      const presented = presentedToken(request.raw);
      if (presented === undefined) throw new PlexusError(failure("UNAUTHENTICATED"));
      const isOperator = at.controlToken !== undefined && sameSecret(presented.token, at.controlToken);
      if (!isOperator && !demand(await accounts.authenticate(presented.token, request.address)).admin)
        throw new PlexusError(failure("FORBIDDEN"));
    }
    const { contentType, body } = await at.metricsText();
    return reply.header("content-type", contentType).serializer(String).send(body);
  });

  app.get("/openapi.json", { schema: { hide: true } }, async () => app.swagger());
}
