/** An answer that is streamed: lines of JSON, or server-sent events. The status line waits for the first of them, because a refusal
 *  needs its own. */
import type { FastifyReply } from "fastify";
import type { ServerResponse } from "node:http";
import { failureOf, type Failure } from "../../../protocols/index.ts";

/** Its way out. */
export interface Outgoing {
  /** True once something was said: then the status is 200, whatever comes. */
  readonly begun: boolean;
  /** Says a text as it is. */
  write(text: string): void;
}

/** Content types. */
export const streams = { events: "text/event-stream; charset=utf-8", lines: "application/x-ndjson" } as const;

/** Runs `work`, which says the stream. What fails before anything was said is thrown; later, `ending` makes the last words of it. */
export async function streamed(
  reply: FastifyReply,
  contentType: string,
  work: (out: Outgoing) => Promise<void>,
  ending: (reason: Failure) => string,
): Promise<void> {
  let raw: ServerResponse | undefined;
  const begin = (): ServerResponse => {
    reply.hijack();
    // Helmet's headers and those of other origins, which a hijacked answer would lose.
    for (const [name, value] of Object.entries(reply.getHeaders()))
      if (value !== undefined) reply.raw.setHeader(name, value);
    reply.raw.on("error", () => undefined);
    // A proxy that buffers would turn the stream into one late answer.
    reply.raw.writeHead(200, { "content-type": contentType, "cache-control": "no-cache", "x-accel-buffering": "no" });
    return reply.raw;
  };
  const out: Outgoing = {
    get begun() {
      return raw !== undefined;
    },
    write(text) {
      raw ??= begin();
      raw.write(text);
    },
  };
  try {
    await work(out);
  } catch (error) {
    if (!out.begun) throw error;
    out.write(ending(failureOf(error)));
  }
  raw?.end();
}
