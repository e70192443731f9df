import type { FastifyInstance } from "fastify";
import type { GatewayContext } from "../options.ts";
import { demand } from "./refusals.ts";
import { PlexusError } from "../../../protocols/index.ts";

/** Adds what operators' tools read: life, readiness, metrics. */
export function addHealthRoutes(app: FastifyInstance, at: GatewayContext): void {
  const tags = ["node"];
  const looks = [
    { path: "/healthz", summary: "Liveness: the process answers", answer: async () => ({ alive: true }) },
    {
      path: "/readyz",
      summary: "Readiness: every slot that this node owns can be served, and it reaches the others",
      answer: async () => {
        const degraded = at.degraded();
        if (degraded !== undefined) throw new PlexusError(degraded.reason);
        const { directory } = demand(await at.readiness());
        return { ready: true, ...(directory !== undefined && { directory }) };
      },
    },
  ] as const;
  for (const { path, summary, answer } of looks)
    app.get(path, { config: { control: "open" }, schema: { summary, tags, security: [] } }, answer);

  app.get(
    "/metrics",
    {
      config: {
        access: "admin",
        permission: "cluster.see",
        // Also on this machine: a proxy there may add no header that gives it away. Without a token there is
        // `metricsListen`.
        hint: "send the token of an admin, or read metrics at the address of `plexus up --metrics-listen`",
      },
      schema: { summary: "Metrics in the Prometheus text format", tags },
    },
    async (_request, reply) => {
      const { contentType, body } = await at.metricsText();
      return reply.header("content-type", contentType).serializer(String).send(body);
    },
  );
}
