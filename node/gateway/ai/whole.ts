/** An answer that is not streamed, for whoever sits behind a proxy that waits for a minute and no longer.
 *
 *      placed ──answer or refusal──► as every answer: its own status
 *         └── `wholeBeginsMs` of silence ──► 200, headers, a space, again and again ──► the JSON
 *                                                                     └── a failure: its JSON, and the connection is cut
 *
 *  White space before JSON is JSON. Whoever is refused by then has the status of the refusal. What fails later can have none any more: the reason is written, and the answer
 *  ends without its end, so that no client takes it for one. */
import type { FastifyReply } from "fastify";
import { failureOf, stringifyWritten } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";
import type { Asking } from "./calls.ts";
import { errorBody, wireOf } from "./errors.ts";

/** Runs `work`, whose answer is JSON. What it sends itself, or streams, is left alone. */
export async function answeredWhole(
  asking: Asking,
  reply: FastifyReply,
  { clock, limits }: Pick<GatewayContext, "clock" | "limits">,
  work: (asking: Asking) => Promise<unknown>,
): Promise<unknown> {
  const { raw } = reply;
  let begun = false;
  let stop: (() => void) | undefined;
  const beat = (): void => {
    if (!begun && reply.sent) return;
    if (!begun) {
      begun = true;
      reply.hijack();
      for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
      raw.on("error", () => undefined);
      raw.writeHead(200, { "content-type": "application/json; charset=utf-8", "cache-control": "no-cache", "x-accel-buffering": "no" });
    }
    if (raw.writableLength === 0) raw.write(" ");
    stop = clock.after(limits.beatMs, beat);
  };
  try {
    const answer = await work({ ...asking, placed: () => void (stop ??= clock.after(limits.wholeBeginsMs, beat)) });
    if (!begun) return answer;
    raw.end(stringifyWritten(answer));
    return reply;
  } catch (error) {
    if (!begun) throw error;
    raw.write(JSON.stringify(errorBody[wireOf(reply.request.raw) ?? "openai"](failureOf(error))), () => raw.destroy());
    return reply;
  } finally {
    stop?.();
  }
} // prettier-ignore
