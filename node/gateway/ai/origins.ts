/** Browsers on pages of other origins: they may use these interfaces when an admin named the origin. No cookie counts
 *  there, as a page cannot send one along with a key: what is allowed is to read the answer. */
import type { FastifyInstance } from "fastify";
import { wireOf } from "./errors.ts";

/** What a page may read of an answer beside its body. */
const readable =
  "retry-after, request-id, x-plexus-budget, x-plexus-cache, x-plexus-instead, x-plexus-members, x-plexus-model";
const methods = "GET, POST, DELETE, OPTIONS";
/** How long a browser remembers a preflight. Chromium takes no more. */
const preflightSeconds = 7_200;

/** Adds the headers, and answers preflights, which carry no key. */
export function addOrigins(app: FastifyInstance, allowed: () => readonly string[]): void {
  let known: readonly string[] = [];
  let named: ReadonlySet<string> = new Set();
  app.addHook("onRequest", async (request, reply) => {
    // It may change while the node runs.
    const now = allowed();
    if (now !== known) named = new Set((known = now).map((origin) => origin.toLowerCase()));
    if (named.size === 0 || wireOf(request) === undefined) return;
    reply.header("vary", "origin");
    const { origin } = request.headers;
    if (origin === undefined || !(named.has(origin.toLowerCase()) || named.has("*"))) return;
    reply.headers({ "access-control-allow-origin": origin, "access-control-expose-headers": readable });
    if (request.method !== "OPTIONS" || request.headers["access-control-request-method"] === undefined) return;
    await reply
      .code(204)
      .headers({
        "access-control-allow-methods": methods,
        "access-control-allow-headers": request.headers["access-control-request-headers"] ?? "authorization",
        "access-control-max-age": preflightSeconds,
      })
      .send();
  });
}
