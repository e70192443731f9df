import type { ServerResponse } from "node:http";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { Type } from "typebox";
import {
  actorId,
  failure,
  PlexusError,
  schema,
  type ActorId,
  type Failure,
  type NodeFrame,
  type Result,
  type Subscribed,
} from "../../../protocols/index.ts";
import { checkSameOrigin, presentedToken, type Caller } from "../identity/callers.ts";
import { permissionToFollow } from "../commands/command-routes.ts";
import type { GatewayContext } from "../options.ts";
import { demand } from "../edge/refusals.ts";
import { Encoded, type Subscriber, type Wire, type WireStream } from "../feeds/subscriber.ts";
import type { Subscribers } from "../feeds/subscribers.ts";

/** A frame as a server-sent event (WHATWG HTML, section 9.2). A durable event has no name and the position as its id,
 *  so that a client which comes back says by itself, in `Last-Event-ID`, where it was. */
function eventOf(frame: NodeFrame): Buffer {
  const named = (name: string, data: unknown) => Buffer.from(`event: ${name}\ndata: ${JSON.stringify(data)}\n\n`);
  if ("event" in frame) {
    if (frame.at === undefined) return named("signal", frame.event);
    return Buffer.from(`id: ${frame.at}\ndata: ${JSON.stringify(frame.event)}\n\n`);
  }
  if ("lost" in frame) return named("lost", frame.lost);
  if ("bye" in frame) return named("bye", frame.bye);
  return "degraded" in frame ? named("degraded", frame.degraded) : Buffer.alloc(0);
}

/** How a topic stands at a position: the first that a client without one hears. */
const stateOf = (head: number, state: unknown): Buffer =>
  Buffer.from(`id: ${head}\nevent: state\ndata: ${JSON.stringify(state)}\n\n`);

/** A line that says nothing: proxies end what is silent. */
const heartbeat = Buffer.from(":\n\n");

/** One answer that goes on for as long as its topic is followed.
 *
 *      waiting ──begin──► streaming ──close──► over      what ends it before it has begun has a status of its own */
class EventWire implements Wire, WireStream {
  readonly encode = eventOf;
  readonly stream = this;
  readonly #answer: ServerResponse;
  readonly #at: Pick<GatewayContext, "limits" | "clock">;
  #hasBegun = false;
  #onStill: (() => void) | undefined;
  #saidAtMs: number;
  /** Why it was ended before it began. */
  refusal: Failure | undefined;

  constructor(answer: ServerResponse, at: Pick<GatewayContext, "limits" | "clock">) {
    this.#answer = answer;
    this.#at = at;
    this.#saidAtMs = at.clock.monotonicMs();
  }

  get isOpen(): boolean {
    return !this.#answer.destroyed && !this.#answer.writableEnded;
  }

  get destroyed(): boolean {
    return this.#answer.destroyed;
  }

  get writableLength(): number {
    return this.#answer.writableLength;
  }

  write(bytes: Buffer, done: () => void): void {
    if (!this.#hasBegun) return;
    this.#saidAtMs = this.#at.clock.monotonicMs();
    this.#answer.write(bytes, done);
  }

  onStill(ms: number, listener: (() => void) | undefined): void {
    const stream = this.#answer;
    stream.setTimeout(listener === undefined ? 0 : ms);
    if (this.#onStill !== undefined) stream.off("timeout", this.#onStill);
    if (listener !== undefined) stream.on("timeout", listener);
    this.#onStill = listener;
  }

  /** From now on something can be written. `headers`: those that every answer has. */
  begin(headers: ReturnType<FastifyReply["getHeaders"]>): void {
    this.#hasBegun = true;
    for (const [name, value] of Object.entries(headers)) if (value !== undefined) this.#answer.setHeader(name, value);
    this.#answer.writeHead(200, {
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-cache",
      // A proxy that buffers would keep back what is live.
      "x-accel-buffering": "no",
    });
  }

  close(reason: Failure): void {
    if (this.#hasBegun) this.#answer.end();
    else this.refusal = reason;
  }

  terminate(): void {
    this.#answer.destroy();
  }

  // Nothing comes this way.
  pause(): void {}
  resume(): void {}

  topicLost(): void {
    this.#saidAtMs = this.#at.clock.monotonicMs();
    this.#answer.end();
  }

  sweep(nowMs: number): void {
    const quietMs = nowMs - this.#saidAtMs;
    // What was ended and is not read has its time, like a WebSocket that closes.
    if (!this.isOpen) return quietMs < this.#at.limits.closeTimeoutMs ? undefined : this.terminate();
    // At the next sweep it would be too late.
    const { beatMs, sweepMs } = this.#at.limits;
    if (quietMs + sweepMs <= beatMs || this.writableLength > 0) return;
    this.write(heartbeat, () => undefined);
  }
}

const lastEventHeader = Type.Object({
  "last-event-id": Type.Optional(
    Type.String({
      pattern: "^\\d{1,15}$",
      description: "The id of the last event: those after it follow, and no state",
    }),
  ),
});
const tokenQuery = schema.object({
  token: Type.Optional(
    Type.String({ maxLength: 512, description: "For clients that can send neither a cookie nor a header" }),
  ),
});

/** Somebody who waits for a stream to begin. */
interface Stream {
  readonly subscriber: Subscriber;
  begin(answer: Subscribed): void;
}

/** Adds the topics as server-sent events: what browsers' `EventSource`, `curl -N` and many tools read. */
export function addEvents(
  app: FastifyInstance,
  at: GatewayContext,
  { subscribers }: { readonly subscribers: Subscribers },
): void {
  /** Follows, and resolves when the stream has begun, or cannot. A position that has expired is no error to a client
   *  that cannot forget it: the state comes anew. */
  function follow(stream: Stream, topic: string, after: number | undefined): Promise<Result<Subscribed>> {
    return new Promise((resolve) =>
      subscribers.feeds.subscribe(stream.subscriber, topic, after, (answer) => {
        const isStale = !answer.ok && ["CURSOR_EXPIRED", "CURSOR_INVALID"].includes(answer.error.code);
        if (isStale && after !== undefined) return void follow(stream, topic, undefined).then(resolve);
        // At once: events follow the answer.
        if (answer.ok) stream.begin(answer.value);
        resolve(answer);
      }),
    );
  }

  async function serve(
    request: FastifyRequest,
    reply: FastifyReply,
    topicOf: (caller: Caller) => ActorId,
  ): Promise<FastifyReply> {
    const presented = presentedToken(request.raw, (request.query as { readonly token?: string }).token);
    if (presented === undefined) throw new PlexusError(failure("UNAUTHENTICATED"));
    // It takes a place, and browsers send cookies for pages of other sites, too.
    if (presented.by === "cookie") demand(checkSameOrigin(request.raw));
    const { caller, seat, leave } = demand(await subscribers.enter(presented.token, request.address));
    const topic = topicOf(caller);
    const reason = at.rights.refusal(caller, permissionToFollow(topic), request.address);
    if (reason !== undefined) {
      leave();
      throw new PlexusError(reason);
    }
    const retryAfterMs = at.commands.take(caller);
    if (retryAfterMs > 0 || reply.raw.destroyed) {
      leave();
      throw new PlexusError(failure("RATE_LIMITED", { retryAfterMs }));
    }
    const wire = new EventWire(reply.raw, at);
    const subscriber = seat(wire);
    reply.raw.once("close", () => subscribers.gone(subscriber));
    // The state counts like everything else that waits to be read.
    const begin = ({ head, state }: Subscribed): void => {
      if (wire.refusal !== undefined) return;
      reply.hijack();
      wire.begin(reply.getHeaders());
      subscriber.write(new Encoded(() => (state === undefined ? heartbeat : stateOf(head, state))));
    };
    const id = request.headers["last-event-id"];
    const answer = await follow({ subscriber, begin }, topic, typeof id === "string" ? Number(id) : undefined);
    const ended = wire.refusal ?? (answer.ok ? undefined : answer.error);
    if (ended === undefined) return reply;
    subscribers.gone(subscriber);
    throw new PlexusError(ended);
  }

  const add = (
    path: string,
    tag: string,
    params: typeof tokenQuery | undefined,
    summary: string,
    topicOf: (request: FastifyRequest, caller: Caller) => ActorId,
  ): void =>
    void app.get(
      path,
      {
        // It would take a place and never be answered.
        exposeHeadRoute: false,
        schema: { summary, tags: [tag], querystring: tokenQuery, headers: lastEventHeader, ...(params && { params }) },
      },
      (request, reply) => serve(request, reply, (caller) => topicOf(request, caller)),
    );
  const keyed = (name: string) => schema.object({ [name]: schema.key }) as never;
  const keyOf = ({ params }: FastifyRequest, name: string): string => (params as Record<string, string>)[name] ?? "";
  add("/rooms/:room/events", "room", keyed("room"), "The room's events as they come (server-sent events)", (request) =>
    actorId("room", keyOf(request, "room")),
  );
  add(
    "/agents/:agent/events",
    "agent",
    keyed("agent"),
    "The conversation's events as they come (server-sent events)",
    (request) => actorId("agent", keyOf(request, "agent")),
  );
  add(
    "/me/events",
    "user",
    undefined,
    "The caller's own events as they come (server-sent events)",
    (_request, { user }) => actorId("user", user),
  );
}
