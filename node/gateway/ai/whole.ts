/** An answer that is not streamed, for clients behind a proxy that waits for a minute and no longer.
 *
 *      placed ──answer or refusal──► as every answer: its own status
 *         └── `wholeBeginsMs` of silence ──► 200, headers, what has come or a beat, again and again ──► the rest
 *                                                                     └── a failure: the connection is cut
 *
 *  What beats is the form's own: white space before JSON is JSON, a note between captions is one. Where a form has
 *  nothing that says nothing, what has come of the answer goes out as it comes, and the answer begins with that. A
 *  request that is refused by then has the status of the refusal. A later failure can have no status any more: the
 *  answer breaks off without its end, so that no client takes it for a whole one. */
import type { FastifyReply } from "fastify";
import { failureOf, stringifyWritten, type Failure } from "../../../protocols/index.ts";
import type { GatewayContext } from "../options.ts";
import type { Asking } from "./calls.ts";
import { errorBody, wireOf } from "./errors.ts";

/** How an answer begins that is late. */
interface WholeForm<Answer> {
  readonly contentType: string;
  /** What has come of it since this was asked last, and stands in it whatever follows. */
  readonly come?: () => string | Uint8Array;
  /** What says nothing, behind what has come. */
  readonly beat?: string;
  /** What is left of it when it is there. */
  readonly rest: (answer: Answer) => string | Uint8Array;
  /** What is said of a failure before the connection is cut. */
  readonly failed?: (reason: Failure) => string;
}

/** JSON: the failure is written before the cut, for a reader of the wire. */
const json = (reply: FastifyReply): WholeForm<unknown> => ({
  contentType: "application/json; charset=utf-8",
  beat: " ",
  rest: stringifyWritten,
  failed: (reason) => JSON.stringify(errorBody[wireOf(reply.request.raw) ?? "openai"](reason)),
});

/** Runs `work`, whose answer is of the form. What it sends itself, or streams, is left alone. */
export async function answeredWhole<Answer = unknown>(
  asking: Asking,
  reply: FastifyReply,
  { clock, limits }: Pick<GatewayContext, "clock" | "limits">,
  work: (asking: Asking) => Promise<Answer>,
  form: WholeForm<Answer> = json(reply),
): Promise<unknown> {
  const { raw } = reply;
  let begun = false;
  let stop: (() => void) | undefined;
  const begin = (): void => {
    begun = true;
    reply.hijack();
    for (const [name, value] of Object.entries(reply.getHeaders())) if (value !== undefined) raw.setHeader(name, value);
    raw.on("error", () => undefined);
    raw.writeHead(200, { "content-type": form.contentType, "cache-control": "no-cache", "x-accel-buffering": "no" });
  };
  const beat = (): void => {
    if (!begun && reply.sent) return;
    stop = clock.after(limits.beatMs, beat);
    // What was said and is not read yet is more than a beat.
    if (raw.writableLength > 0) return;
    const come = form.come?.() ?? "";
    const said = come.length > 0 ? come : (form.beat ?? "");
    if (said.length === 0) return;
    if (!begun) begin();
    raw.write(said);
  };
  try {
    const answer = await work({ ...asking, placed: () => void (stop ??= clock.after(limits.wholeBeginsMs, beat)) });
    if (!begun) return answer;
    raw.end(form.rest(answer));
    return reply;
  } catch (error) {
    if (!begun) throw error;
    const said = form.failed?.(failureOf(error)) ?? "";
    if (said === "") raw.destroy();
    else raw.write(said, () => raw.destroy());
    return reply;
  } finally {
    stop?.();
  }
}
