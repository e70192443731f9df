/** Answers that are read have a name: who has one already gets 304 and no body. */
import { hash } from "node:crypto";
import type { FastifyInstance } from "fastify";

/** What an answer is called: weak, because a proxy may pack it. */
const nameOf = (body: string): string => `W/"${hash("sha256", body, "base64url").slice(0, 22)}"`;

/** Whether a request names this answer among those that it has. Pure. */
export function isNamed(header: string | undefined, name: string): boolean {
  if (header === undefined) return false;
  // A comparison of weak names: `W/` says nothing of what they are called.
  const plain = (one: string): string => one.trim().replace(/^W\//, "");
  return header.trim() === "*" || header.split(",").some((one) => plain(one) === plain(name));
}

/** Names each answer in JSON that a route of `app` gives to GET. Browsers keep none of them (`no-store`), for they are
 *  of one person: programs that keep an answer ask by its name whether there is another one. */
export function nameAnswers(app: FastifyInstance): void {
  app.addHook("onSend", (request, reply, payload, done) => {
    const isJson = String(reply.getHeader("content-type") ?? "").startsWith("application/json");
    if (request.method !== "GET" || reply.statusCode !== 200 || typeof payload !== "string" || !isJson)
      return done(null, payload);
    const name = nameOf(payload);
    void reply.header("etag", name);
    if (!reply.hasHeader("cache-control")) void reply.header("cache-control", "no-store");
    if (!isNamed(request.headers["if-none-match"], name)) return done(null, payload);
    void reply.code(304).removeHeader("content-type").removeHeader("content-length");
    done(null, null);
  });
}
