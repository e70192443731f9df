/** Files that the API answers with: what only the person who asked may have, so that no cache keeps it. */
import type { Readable } from "node:stream";
import type { FastifyContextConfig, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import type { TSchema } from "typebox";

/** A route that answers with a file. */
interface FileRoute {
  readonly config: FastifyContextConfig;
  readonly summary: string;
  readonly description?: string;
  readonly tag: string;
  readonly params?: TSchema;
  readonly querystring?: TSchema;
}

/** A file. */
interface Sent {
  readonly type: string;
  /** What it is saved as. Absent: browsers show it. */
  readonly name?: string;
  /** What a browser that shows it may do with it. */
  readonly policy?: string;
  readonly body: string | Readable;
}

/** Adds such a route, below /api/v1. What `read` throws is answered in its place. */
export function addFile<Of = unknown>(
  app: FastifyInstance,
  path: string,
  { config, tag, ...schema }: FileRoute,
  read: (request: FastifyRequest & Of, reply: FastifyReply) => Promise<Sent>,
): void {
  app.get(path, { config, schema: { ...schema, tags: [tag] } }, async (request, reply) => {
    const { type, name, policy, body } = await read(request as FastifyRequest & Of, reply);
    if (name !== undefined) void reply.header("content-disposition", `attachment; filename="${name}"`);
    if (policy !== undefined) void reply.header("content-security-policy", policy);
    return reply.header("content-type", type).header("cache-control", "no-store").send(body);
  });
}
