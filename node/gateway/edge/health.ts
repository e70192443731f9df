import type { FastifyContextConfig, FastifyInstance, FastifyReply } from "fastify";
import type { GatewayContext } from "../options.ts";
import { demand } from "./refusals.ts";
import { PlexusError } from "../../../protocols/index.ts";

interface Probe {
  readonly path: string;
  readonly config: FastifyContextConfig;
  readonly summary: string;
  read(reply: FastifyReply): Promise<object>;
}

const probes = (at: GatewayContext): readonly Probe[] => [
  {
    path: "/healthz",
    config: { control: "open" },
    summary: "Liveness: the process answers",
    read: async () => ({ alive: true }),
  },
  {
    path: "/readyz",
    config: { control: "open" },
    summary: "Readiness: every slot that this node owns can be served, and it reaches the others",
    async read() {
      const degraded = at.degraded();
      if (degraded !== undefined) throw new PlexusError(degraded.reason);
      const { directory } = demand(await at.readiness());
      return { ready: true, ...(directory !== undefined && { directory }) };
    },
  },
  {
    path: "/metrics",
    config: {
      access: "admin",
      permission: "cluster.see",
      // Also on this machine: a proxy there may add no header that gives it away. Without a token there is
      // `metricsListen`.
      hint: "send the token of an admin, or read metrics at the address of `plexus up --metrics-listen`",
    },
    summary: "Metrics in the Prometheus text format",
    async read(reply) {
      const { contentType, body } = await at.metricsText();
      return reply.header("content-type", contentType).serializer(String).send(body);
    },
  },
];

/** Adds what operators' tools read: life, readiness, metrics. */
export function addHealthRoutes(app: FastifyInstance, at: GatewayContext): void {
  for (const { path, config, summary, read } of probes(at)) {
    const isOpen = config.access === undefined;
    const schema = { summary, tags: ["node"], ...(isOpen && { security: [] }) };
    app.get(path, { config, schema }, (_request, reply) => read(reply as FastifyReply));
  }
}
