import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  clientFrame,
  failure,
  ok,
  refused,
  wireLimits,
  type ClientFrame,
  type Failure,
  type Result,
  type JsonBounds,
} from "../../../protocols/index.ts";
import { checkSameOrigin, presentedToken } from "../identity/callers.ts";
import type { Responses } from "../ai/index.ts";
import type { ConnectionGovernor } from "../edge/connections.ts";
import { jsonBounds, parseJson } from "../edge/json.ts";
import type { GatewayLimits } from "../limits.ts";
import type { GatewayContext } from "../options.ts";
import { invalid, rawAnswer } from "../edge/refusals.ts";
import { createRequests } from "../commands/requests.ts";
import type { Encode, Subscriber, Wire } from "../feeds/subscriber.ts";
import { greeting, type Entry, type Subscribers } from "../feeds/subscribers.ts";
import { frameOf } from "./frames.ts";
import { envelopeOf, responsesPath, ResponseSocket, serveResponses } from "./response-sockets.ts";

/** The WebSocket side of the gateway. */
interface Sockets {
  /** Cuts upgrades that are not decided. */
  cut(): void;
}

const frames = checkOf(clientFrame);

/** Where clients write the id, if they write it first. */
const idAtHead = /^\s*\{\s*"id"\s*:\s*(\d{1,15})\s*[,}]/;
const headBytes = 64;

/** The id of a frame that is not read otherwise; undefined when only reading a large one could tell. */
function idOf(data: Buffer, limits: GatewayLimits): number | undefined {
  const id = idAtHead.exec(data.toString("latin1", 0, headBytes))?.[1];
  if (id !== undefined) return Number(id);
  if (data.length > limits.refusedFrameBytesMax) return undefined;
  const parsed = parseJson(data.toString(), jsonBounds(limits));
  return parsed.ok && frames.Check(parsed.value) ? parsed.value.id : undefined;
}

function readFrame(data: Buffer, bounds: JsonBounds): Result<ClientFrame> {
  const parsed = parseJson(data.toString(), bounds);
  if (!parsed.ok) return parsed;
  return frames.Check(parsed.value) ? ok(parsed.value) : refused(invalid(frames.Errors(parsed.value)));
}

/** Why a connection is ended, as the code of the closing frame (RFC 6455, section 7.4). */
const closeCodes: Readonly<Partial<Record<Failure["code"], number>>> = {
  STOPPING: 1001,
  BAD_FRAME: 1007,
  UNAUTHENTICATED: 1008,
  RATE_LIMITED: 1013,
};
const closeCodeBinary = 1003;

/** One WebSocket. */
class SocketWire implements Wire {
  readonly encode: Encode;
  readonly socket: WebSocket;
  /** The stream under `socket`. Frames made by `frameOf` go straight to it: see there. */
  readonly stream: Socket;
  readonly #at: Pick<GatewayContext, "limits" | "clock">;
  subscriber: Subscriber | undefined;
  /** Node clock, monotonic. */
  heardAtMs: number;
  pinged = false;
  #onStill: (() => void) | undefined;
  isPaused = false;
  sentBinary = false;

  constructor(
    socket: WebSocket,
    stream: Duplex,
    at: Pick<GatewayContext, "limits" | "clock">,
    encode: Encode = frameOf,
  ) {
    this.encode = encode;
    this.socket = socket;
    this.stream = stream as Socket;
    this.#at = at;
    this.heardAtMs = at.clock.monotonicMs();
  }

  get isOpen(): boolean {
    return this.socket.readyState === 1;
  }

  close({ code }: Failure): void {
    this.socket.close(this.sentBinary ? closeCodeBinary : closeCodes[code], code);
  }

  terminate(): void {
    this.socket.terminate();
  }

  onStill(ms: number, listener: (() => void) | undefined): void {
    const { stream } = this;
    stream.setTimeout(listener === undefined ? 0 : ms);
    if (this.#onStill !== undefined) stream.off("timeout", this.#onStill);
    if (listener !== undefined) stream.on("timeout", listener);
    this.#onStill = listener;
  }

  pause(): void {
    this.isPaused = true;
    this.socket.pause();
  }

  resume(): void {
    this.isPaused = false;
    this.heard();
    this.socket.resume();
  }

  heard(): void {
    this.heardAtMs = this.#at.clock.monotonicMs();
    this.pinged = false;
  }

  topicLost(): void {}

  sweep(nowMs: number): void {
    // Nothing is heard of a socket that is not read.
    if (this.isPaused) this.heardAtMs = nowMs;
    const { heartbeatMs } = this.#at.limits;
    const silentMs = nowMs - this.heardAtMs;
    if (silentMs >= 2 * heartbeatMs) this.socket.terminate();
    else if (silentMs >= heartbeatMs && !this.pinged) {
      this.pinged = true;
      this.socket.ping();
    }
  }
}

/** What is said on a connection for responses besides them: why it ends. */
const encodeEnding: Encode = (frame) => ("bye" in frame ? envelopeOf(frame.bye) : Buffer.alloc(0));

/** Serves `/ws` on an HTTP server, and responses at their own path.
 *
 *  It stands on `ws` itself and not on a fastify plugin: the plugin keeps request and reply of the upgrade alive in
 *  closures for as long as the connection lives, which costs more memory than the connection. */
export function addSockets(
  server: Server,
  at: GatewayContext,
  parts: {
    readonly subscribers: Subscribers;
    readonly entrance: ConnectionGovernor;
    /** They are there once the interfaces of others are. */
    readonly responses: () => Responses | undefined;
  },
): Sockets {
  const { subscribers, entrance } = parts;
  const { limits, clock, log } = at;
  const shared = { noServer: true, clientTracking: false, perMessageDeflate: false };
  const upgrader = new WebSocketServer({ ...shared, maxPayload: wireLimits.frameBytesMax });
  const forResponses = new WebSocketServer({ ...shared, maxPayload: limits.aiRequestBytesMax });
  const requests = createRequests(at, subscribers);
  const bounds = jsonBounds(limits);
  const wires = new WeakMap<WebSocket, SocketWire>();
  /** Upgrades that are not decided yet or were refused. */
  const unsettled = new Set<Duplex>();

  function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
    const wire = wires.get(this);
    const subscriber = wire?.subscriber;
    if (wire === undefined || subscriber === undefined || !subscriber.open) return;
    wire.heard();
    wire.sentBinary = isBinary;
    if (isBinary) return subscriber.bye(failure("BAD_FRAME", { path: "", problem: "binary; frames are JSON text" }));
    requests.hear(subscriber, {
      // `ws` has checked that the text is UTF-8, and gives text as a buffer.
      read: () => readFrame(data as Buffer, bounds),
      id: () => idOf(data as Buffer, limits),
    });
  }

  function onPong(this: WebSocket): void {
    wires.get(this)?.heard();
  }

  function onClose(this: WebSocket): void {
    const subscriber = wires.get(this)?.subscriber;
    if (subscriber !== undefined) subscribers.gone(subscriber);
  }

  // A protocol error or a reset. `ws` closes with the code of RFC 6455 and `close` follows, where everything is undone.
  function onError(this: WebSocket, error: Error): void {
    log.debug("connection.error", { error: error.message });
  }

  function admit(request: IncomingMessage, stream: Duplex, head: Buffer, { caller, seat, leave }: Entry): void {
    let isHere = false;
    upgrader.handleUpgrade(request, stream, head, (socket) => {
      isHere = true;
      const wire = new SocketWire(socket, stream, at);
      wires.set(socket, wire);
      socket.on("message", onMessage).on("pong", onPong).on("close", onClose).on("error", onError);
      seat(wire, (subscriber) => {
        wire.subscriber = subscriber;
        subscriber.send({ hello: greeting(at, caller) });
      });
    });
    // The handshake itself was refused (a wrong version, no key): there is no connection.
    if (!isHere) leave();
  }

  function admitForResponses(request: IncomingMessage, stream: Duplex, head: Buffer, { seat, leave }: Entry): void {
    const responses = parts.responses();
    let isHere = false;
    forResponses.handleUpgrade(request, stream, head, (socket) => {
      isHere = true;
      const wire = new SocketWire(socket, stream, at, encodeEnding);
      wires.set(socket, wire);
      socket
        .on("message", () => wire.heard())
        .on("pong", onPong)
        .on("close", onClose)
        .on("error", onError);
      seat(wire, (subscriber) => {
        wire.subscriber = subscriber;
        if (responses !== undefined) serveResponses(socket, new ResponseSocket(at, responses, subscriber, request));
      });
    });
    if (!isHere) leave();
  }

  /** After an upgrade nobody but us watches over the socket: it is read to its end, so that its closing is seen, and
   *  cut when the peer does not close in time. */
  function refuseUpgrade(stream: Duplex, reason: Failure): void {
    unsettled.add(stream);
    const cancelCut = clock.after(limits.closeTimeoutMs, () => stream.destroy());
    stream.once("close", () => {
      cancelCut();
      unsettled.delete(stream);
    });
    stream.once("end", () => stream.destroy());
    stream.resume();
    stream.end(rawAnswer(reason));
  }

  function onUpgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    // Node took its own listener away: a reset during the upgrade must not end the process.
    stream.on("error", ignore);
    unsettled.add(stream);
    stream.once("close", () => unsettled.delete(stream));
    const refuse = (reason: Failure) => refuseUpgrade(stream, reason);
    const ours = at.isOurs(request);
    if (!ours.ok) return refuse(ours.error);
    at.addresses.look(request);
    let url: URL;
    try {
      url = new URL(at.mounts.within(request.url ?? "/"), "http://node");
    } catch {
      return refuse(failure("BAD_REQUEST", { path: "", problem: "not a URL" }));
    }
    if (url.pathname !== "/ws" && url.pathname !== responsesPath)
      return refuse(failure("NOT_FOUND", { path: url.pathname.slice(0, 200) }));
    const presented = presentedToken(request, url.searchParams.get("token") ?? undefined);
    if (presented === undefined) return refuse(failure("UNAUTHENTICATED"));
    if (presented.by === "cookie") {
      const origin = checkSameOrigin(request);
      if (!origin.ok) return refuse(origin.error);
    }
    const address = at.addresses.of(request);
    const entered = entrance.enter(request, address);
    if (!entered.ok) return refuse(entered.error);
    if (entered.value !== undefined) stream.once("close", entered.value);
    entrance.upgraded(stream);
    void subscribers.enter(presented.token, address).then((entry) => {
      const gone = stream.destroyed || !stream.writable;
      if (!entry.ok) return gone ? undefined : refuse(entry.error);
      if (gone) return entry.value.leave();
      stream.off("error", ignore);
      unsettled.delete(stream);
      const letIn = url.pathname === responsesPath ? admitForResponses : admit;
      letIn(request, stream, head, entry.value);
    });
  }

  for (const one of [upgrader, forResponses])
    one.on("wsClientError", (error, stream) => {
      refuseUpgrade(stream.on("error", ignore), failure("BAD_REQUEST", { path: "", problem: error.message }));
    });
  server.on("upgrade", onUpgrade);

  return {
    cut() {
      for (const stream of unsettled) stream.destroy();
    },
  };
}

const ignore = () => undefined;
