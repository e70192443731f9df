/** The wire of gRPC: a listener of its own, and on it one stream with everything, each command by itself, and the
 *  routes of REST.
 *
 *      connection ──entrance──► HTTP/2 ─► StreamService.Connect ─► a subscriber, as a WebSocket (requests.ts, feeds.ts)
 *                                      ─► RoomService.Post …    ─► calls.ts, as REST
 *                                      ─► AdminService.…        ─► routes of admins, in this process (grpc-routes.ts)
 *                                      ─► RouteService.Call     ─► any route, the same way
 *                                      ─► health, reflection    ─► for anybody
 *
 *  It decides nothing: who somebody is, what they may do, how often and how much at once say the same parts as on every
 *  wire. An error is the row of the error table, as a status of gRPC with the failure as its details (grpc-codec.ts).
 *
 *  Sockets are accepted here and given to `@grpc/grpc-js`, so that the entrance counts them before anything is read. */
import type { IncomingHttpHeaders, IncomingMessage, Server as HttpServer } from "node:http";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import {
  createServer as createSecureServer,
  type Server as SecureServer,
  type TLSSocket,
  type TlsOptions,
} from "node:tls";
import {
  Metadata,
  Server as GrpcServer,
  ServerCredentials,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerErrorResponse,
  type ServerUnaryCall,
} from "@grpc/grpc-js";
import { loadSync, type PackageDefinition } from "@grpc/proto-loader";
import { ReflectionService } from "@grpc/reflection";
import type { FastifyInstance } from "fastify";
import { HealthImplementation, protoPath as healthPath } from "grpc-health-check";
import { checkOf } from "../../../protocols/wire/check.ts";
import {
  clientCommands,
  clientFrame,
  failure,
  failureOf,
  ok,
  refused,
  traceIdOf,
  wireLimits,
  type ClientFrame,
  type Failure,
  type Result,
} from "../../../protocols/index.ts";
import type { Accounts } from "../identity/accounts.ts";
import { admit, identify } from "../edge/admission.ts";
import { countCommand } from "../edge/counts.ts";
import { callCommand } from "../commands/calls.ts";
import { presentedToken, type Caller } from "../identity/callers.ts";
import { isPersonOnly, readCommand } from "../commands/command-routes.ts";
import { createConnectionGovernor } from "../edge/connections.ts";
import type { Span } from "../../ports/index.ts";
import { jsonBounds, wideJsonBounds } from "../edge/json.ts";
import type { GatewayContext } from "../options.ts";
import { invalid, refusalOf } from "../edge/refusals.ts";
import { createRequests } from "../commands/requests.ts";
import type { Subscriber } from "../feeds/subscriber.ts";
import { greeting, type Subscribers } from "../feeds/subscribers.ts";
import { secureOptions, type TlsFiles } from "../edge/tls.ts";
import { askRoute, type CallFacts, type RouteAnswer } from "./grpc-routes.ts";
import {
  adminMethods,
  codeOf,
  commandMethodsOf,
  connectPath,
  idOfFrame,
  protoPath,
  readClientFrame,
  readRouteCall,
  routePath,
  statusDetails,
  writeRouteAnswer,
  type CommandMethod,
  type RouteCall,
} from "./grpc-codec.ts";
import { StreamWire } from "./grpc-stream.ts";
import type { ListenAddress } from "../ports.ts";

/** A running listener. */
export interface GrpcListener {
  /** `127.0.0.1:7080`. */
  readonly address: string;
  /** Takes no more, and lets calls under way end. */
  stop(): Promise<void>;
  /** Cuts what is left. */
  cut(): void;
}

type Unary = ServerUnaryCall<Buffer, Buffer>;
type AnyCall = Unary | ServerDuplexStream<Buffer, Buffer>;

const frames = checkOf(clientFrame);
const checked = (frame: Result<ClientFrame>): Result<ClientFrame> =>
  !frame.ok || frames.Check(frame.value) ? frame : refused(invalid(frames.Errors(frame.value)));
const same = (bytes: Buffer): Buffer => bytes;
const ignore = (): void => undefined;

/** A failure as gRPC carries it. */
function statusFor(reason: Failure): Pick<ServerErrorResponse, "code" | "details" | "metadata"> {
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", statusDetails(reason));
  metadata.set("plexus-code", reason.code);
  metadata.set("plexus-outcome", reason.outcome);
  return { code: codeOf(reason), details: reason.message, metadata };
}

/** What of a call the rest of the gateway looks at: who is connected, for whom a proxy speaks, which name and token
 *  were given. */
function requestOf(call: AnyCall): IncomingMessage {
  const given = (name: string): string | undefined => call.metadata.get(name)[0]?.toString();
  const headers: IncomingHttpHeaders = { host: call.getHost() };
  for (const name of ["authorization", "x-api-key", "x-forwarded-for", "forwarded", "x-real-ip"]) {
    const value = given(name);
    if (value !== undefined) headers[name] = value;
  }
  const peer = call.getPeer();
  const remoteAddress = peer.slice(0, peer.lastIndexOf(":"));
  return { headers, rawHeaders: [], socket: { remoteAddress } } as unknown as IncomingMessage;
}

/** What reflection tells: all files, by one of the messages in them. Each message has all of the files with it, and
 *  they would be read anew for each. */
function described(): PackageDefinition {
  const all = Object.entries(loadSync([protoPath, healthPath]));
  return Object.fromEntries(all.filter(([, one]) => "fileDescriptorProtos" in one).slice(0, 1));
}

/** Listens. Rejects when the address is taken. */
export async function listenForGrpc(
  address: ListenAddress,
  at: GatewayContext,
  parts: { readonly app: FastifyInstance; readonly accounts: Accounts; readonly subscribers: Subscribers },
): Promise<GrpcListener> {
  const { app, accounts, subscribers } = parts;
  const { limits, clock, log, meter } = at;
  const frameBounds = jsonBounds(limits);
  const routeBounds = wideJsonBounds(limits);
  const requests = createRequests(at, subscribers);
  /** By the other end, as calls name it. */
  const sockets = new Map<string, Socket>();
  let stopping = false;

  const server = new GrpcServer({
    "grpc.max_receive_message_length": wireLimits.frameBytesMax,
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": limits.grpcStreamsPerConnectionMax,
    "grpc.max_metadata_size": limits.headerBytesMax,
    "grpc.keepalive_time_ms": limits.heartbeatMs,
    "grpc.keepalive_timeout_ms": limits.heartbeatMs,
    "grpc.max_connection_idle_ms": limits.grpcIdleMs,
    "grpc.enable_channelz": 0,
  });

  /** The caller and its address, if it may call here at all. */
  function cameFrom(call: AnyCall): Result<{ readonly address: string; readonly token: string }> {
    const request = requestOf(call);
    const ours = at.isOurs(request);
    if (!ours.ok) return ours;
    at.addresses.look(request);
    const from = at.addresses.of(request);
    if (at.threats?.isBlocked(from) === true) return refused(failure("ADDRESS_BLOCKED"));
    if (stopping) return refused(failure("STOPPING"));
    const presented = presentedToken(request);
    return presented === undefined
      ? refused(failure("UNAUTHENTICATED"))
      : ok({ address: from, token: presented.token });
  }

  /** The connection is somebody's: it is not ended for a newcomer. */
  const known = new WeakSet<Socket>();
  function settle(call: AnyCall): void {
    const socket = sockets.get(call.getPeer());
    if (socket === undefined || known.has(socket)) return;
    known.add(socket);
    entrance.upgraded(socket);
  }

  const cutOf = (call: AnyCall) => (): void => void sockets.get(call.getPeer())?.destroy();

  /** Calls back once a call is over, whether it was answered or given up. */
  const whenOver = (call: AnyCall, listener: () => void): void => {
    if (call.cancelled) listener();
    else (call as Unary).once("cancelled", listener);
  };

  /** How long something may take for this call. */
  function timeLeftMs(call: AnyCall): number {
    const deadline = Number(call.getDeadline());
    return Math.max(1, Math.min(limits.askTimeoutMs, deadline - clock.nowMs()));
  }

  async function run(method: CommandMethod, call: Unary, span: Span | undefined): Promise<Result<Buffer>> {
    const came = cameFrom(call);
    if (!came.ok) return came;
    const { address: from, token } = came.value;
    const { permission } = method.row;
    const known = identify(at, accounts, { token, address: from, permission });
    const caller: Result<Caller> = known instanceof Promise ? await known : ok(known);
    if (!caller.ok) return caller;
    settle(call);
    const who = caller.value;
    const sinceMs = clock.monotonicMs();
    const counted = (result: Result<unknown>): void =>
      countCommand(at, { route: method.do, caller: who, sinceMs }, result);
    const reason = admit(at, who, {
      address: from,
      personOnly: isPersonOnly(method.row),
      permission,
      method: "gRPC",
      route: method.path,
    });
    if (reason !== undefined) {
      counted(refused(reason));
      return refused(reason);
    }
    const frame = checked(method.read(call.request, frameBounds));
    if (!frame.ok) return frame;
    const command = readCommand(method.do, frame.value.to, frame.value.with, who.user);
    if (!command.ok) return command;
    // Nobody waits for it any more.
    if (call.cancelled) return refused(failure("ASK_TIMEOUT"));
    const result = await callCommand(at, {
      ...command.value,
      trace: span?.context,
      caller: who,
      user: who.user,
      address: from,
      row: method.row,
      operationId: frame.value.operationId,
      timeoutMs: timeLeftMs(call),
      ended: (listener) => whenOver(call, listener),
    });
    counted(result);
    return result.ok ? ok(method.write(result.value ?? {})) : result;
  }

  /** Asks a route, through all that a request of HTTP goes through. */
  async function ask(call: Unary, wanted: Result<RouteCall>): Promise<Result<RouteAnswer>> {
    if (!wanted.ok) return wanted;
    const given = (name: string): string | undefined => call.metadata.get(name)[0]?.toString();
    const facts: CallFacts = {
      request: requestOf(call),
      socket: sockets.get(call.getPeer()),
      agent: given("user-agent"),
      trace: given("traceparent"),
      isOver: () => call.cancelled,
    };
    const answer = await askRoute(at, app, facts, wanted.value);
    if (answer.ok) settle(call);
    return answer;
  }

  /** Answers one call. What was not read in time is nobody's any more. */
  const unary =
    (serve: (call: Unary, span: Span | undefined) => Promise<Result<Buffer>>, name: string, traced = false) =>
    (call: Unary, answer: sendUnaryData<Buffer>): void => {
      const startedAtMs = clock.monotonicMs();
      const requestId = at.newId();
      const from = call.metadata.get("traceparent")[0]?.toString();
      // What goes through the router is a step there.
      const span = traced ? at.tracer?.enter(name, from, { requestId, wire: "gRPC" }) : undefined;
      void serve(call, span)
        .catch((error: unknown): Result<Buffer> => {
          const { reason, fault } = refusalOf(error, wireLimits.frameBytesMax);
          if (!fault) return refused(reason);
          const ids = { requestId, trace: traceIdOf(span?.context) };
          log.error("request.failed", { ...ids, route: name, error: String((error as Error)?.stack ?? error) });
          return refused(failure("INTERNAL", { requestId }));
        })
        .then((result) => {
          const status = result.ok ? "OK" : result.error.code;
          span?.end(result.ok ? undefined : result.error.code);
          meter.observeMs("grpc_request", clock.monotonicMs() - startedAtMs, { method: name, status });
          if (call.cancelled) return;
          const cancel = clock.after(limits.stalledAnswerMs, cutOf(call));
          call.once("cancelled", cancel);
          if (result.ok) answer(null, result.value);
          else answer(statusFor(result.error));
        });
    };

  function connect(call: ServerDuplexStream<Buffer, Buffer>): void {
    // What is said on a call that is over reaches nobody.
    const end = (reason: Failure): void => void (call.cancelled || call.emit("error", statusFor(reason)));
    const came = cameFrom(call);
    if (!came.ok) return end(came.error);
    void subscribers
      .enter(came.value.token, came.value.address)
      .then((entry) => {
        if (!entry.ok) return end(entry.error);
        const { caller, seat, leave } = entry.value;
        if (call.cancelled) return leave();
        settle(call);
        const wire = new StreamWire(call, at, { end, cut: cutOf(call) });
        let here: Subscriber | undefined;
        const subscriber = seat(wire, (first) => {
          here = first;
          first.send({ hello: greeting(at, caller) });
        });
        whenOver(call, () => {
          wire.gone();
          subscribers.gone(here ?? subscriber);
        });
        call.on("data", (bytes: Buffer) => {
          if (!subscriber.open) return;
          wire.moved();
          requests.hear(subscriber, {
            read: () => checked(readClientFrame(bytes, frameBounds)),
            id: () => idOfFrame(bytes),
          });
        });
      })
      .catch((error: unknown) => {
        log.error("connection.failed", { error });
        end(failureOf(error));
      });
  }

  for (const method of commandMethodsOf(clientCommands))
    server.register(
      method.path,
      unary((call, span) => run(method, call, span), method.path, true),
      same,
      same,
      "unary",
    );
  const byAny = async (call: Unary): Promise<Result<Buffer>> => {
    const answer = await ask(call, readRouteCall(call.request, routeBounds));
    return answer.ok ? ok(writeRouteAnswer(answer.value)) : answer;
  };
  server.register(routePath, unary(byAny, routePath), same, same, "unary");
  for (const method of adminMethods) {
    const byName = async (call: Unary): Promise<Result<Buffer>> => {
      const answer = await ask(call, method.read(call.request, routeBounds));
      return answer.ok ? ok(method.write(answer.value.body)) : answer;
    };
    server.register(method.path, unary(byName, method.path), same, same, "unary");
  }
  server.register(connectPath, connect as never, same, same, "bidi");
  const services = ["", "plexus.v1.StreamService", "plexus.v1.RouteService", "plexus.v1.AdminService"];
  const health = new HealthImplementation(Object.fromEntries(services.map((name) => [name, "SERVING" as const])));
  health.addToServer(server);
  new ReflectionService(described()).addToServer(server);

  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  const take = (socket: Socket): void => {
    // A reset during the handshake must not end the process.
    socket.on("error", ignore);
    const key = `${socket.remoteAddress}:${socket.remotePort}`;
    sockets.set(key, socket);
    socket.once("close", () => sockets.delete(key));
    injector.injectConnection(socket);
  };
  /** Where clients are asked for certificates, nobody comes in without one: a token is asked for besides. */
  const secure = (files: TlsFiles): TlsOptions => ({
    ...secureOptions(files, limits, "asks"),
    ALPNProtocols: ["h2"],
    // Asked of all: an authority may be named while the listener runs. `takeSecure` cuts clients without a good one.
    requestCert: true,
    rejectUnauthorized: false,
  });
  const { tls } = at;
  const takeSecure = (socket: TLSSocket): void => {
    if (tls?.current().clientCa !== undefined && !socket.authorized) socket.destroy();
    else take(socket);
  };
  const listener: Server =
    tls === undefined
      ? createServer({ noDelay: true }, take)
      : createSecureServer({ noDelay: true, ...secure(tls.current()) }, takeSecure);
  // What is no TLS is none of ours.
  listener.on("tlsClientError", (_error: Error, socket: Socket) => socket.destroy());
  let shown = tls?.current();
  const unfollow = tls?.onChange(() => {
    const files = tls.current();
    (listener as SecureServer).setSecureContext(secure(files));
    // A client that was let in by the former authority is asked again.
    if (files.clientCa !== shown?.clientCa) for (const socket of sockets.values()) socket.destroy();
    shown = files;
  });
  const entrance = createConnectionGovernor(listener as unknown as HttpServer, {
    ...at,
    // Beside those of HTTP, not among them.
    meter: { ...meter, gauge: (_, value) => meter.gauge("grpc_tcp_connections", value) },
    descriptors: Math.min(limits.grpcConnectionsMax, at.descriptors ?? limits.grpcConnectionsMax),
    isProxy: (one) => at.addresses.isProxy(one),
  });

  /** Programs that spread calls ask whether this node is well. */
  let stopLooking = ignore;
  const look = async (): Promise<void> => {
    const ready = await Promise.resolve(at.readiness()).catch(() => refused(failure("INTERNAL")));
    if (stopping) return;
    for (const name of services) health.setStatus(name, ready.ok ? "SERVING" : "NOT_SERVING");
    stopLooking = clock.after(limits.sweepMs, () => void look());
  };

  await new Promise<void>((resolve, reject) => {
    listener.once("error", reject);
    listener.listen({ host: address.host, port: address.port }, () => {
      listener.off("error", reject);
      resolve();
    });
  });
  void look();
  const { address: host, port } = listener.address() as AddressInfo;
  return {
    address: `${host.includes(":") ? `[${host}]` : host}:${port}`,
    stop() {
      stopping = true;
      stopLooking();
      unfollow?.();
      for (const name of services) health.setStatus(name, "NOT_SERVING");
      const closed = new Promise<void>((resolve) => void listener.close(() => resolve()));
      injector.drain(limits.requestTimeoutMs);
      return closed;
    },
    cut() {
      for (const socket of sockets.values()) socket.destroy();
      server.forceShutdown();
    },
  };
}
