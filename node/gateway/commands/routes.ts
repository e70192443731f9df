import type { FastifyInstance, FastifyReply } from "fastify";
import { callCommand, type Waiting } from "./calls.ts";
import { commandRoutes, isPersonOnly, messageOf, operationName, schemasOf } from "./command-routes.ts";
import { callerOf } from "../edge/http.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { operationHeader, operationOf } from "../rest/asker.ts";

/** Adds the routes that are one command to one actor each. */
export function addCommandRoutes(app: FastifyInstance, at: GatewayContext): void {
  const { limits } = at;
  for (const command of commandRoutes) {
    const { kind, row, route } = command;
    app.route({
      method: route.method,
      url: route.path,
      config: { access: isPersonOnly(row) ? "person" : "user", ...(row.permission && { permission: row.permission }) },
      schema: {
        summary: route.summary ?? row.summary,
        operationId: operationName(command),
        tags: [kind],
        ...schemasOf(command),
        response: { 200: row.result },
        ...(route.method !== "GET" && { headers: operationHeader }),
      },
      async handler(request, reply) {
        const caller = callerOf(request);
        const result = await callCommand(at, {
          ...waiting(reply),
          ...messageOf(command, caller.user, request),
          caller,
          address: request.address,
          row,
          operationId: operationOf(request),
          timeoutMs: limits.askTimeoutMs,
          trace: request.span?.context,
        });
        return demand(result) ?? {};
      },
    });
  }
}

/** A caller who waits for an answer over HTTP. */
export const waiting = (reply: FastifyReply): Waiting => ({
  user: callerOf(reply.request).user,
  ended(listener) {
    if (reply.raw.closed) listener();
    else reply.raw.once("close", listener);
  },
});
