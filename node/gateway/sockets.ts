import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { Compile } from "typebox/compile";
import { WebSocketServer, type RawData, type WebSocket } from "ws";
import {
  clientFrame,
  failure,
  ok,
  parseActorId,
  refused,
  wireLimits,
  type ActorId,
  type ClientFrame,
  type ErrorCode,
  type Failure,
  type Hello,
  type Result,
} from "../../protocols/index.ts";
import type { Accounts, Caller } from "./accounts.ts";
import { answerTo } from "./answers.ts";
import { checkSameOrigin, presentedToken } from "./callers.ts";
import { answerCosts, isPersonOnly, isTopicFor, readCommand, rowNamed } from "./commands.ts";
import { closeCodes, Connection } from "./connection.ts";
import type { Entrance } from "./entrance.ts";
import { createFeeds } from "./feeds.ts";
import { frameOf } from "./frames.ts";
import { parseJson } from "./json.ts";
import type { GatewayLimits } from "./limits.ts";
import type { Surroundings } from "./options.ts";
import type { Permit } from "./outflow.ts";
import { createPeople, type Person } from "./people.ts";
import type { RateLimit } from "./rates.ts";
import { invalid, rawAnswer } from "./refusals.ts";
import { readToken } from "./tokens.ts";

/** The WebSocket side of the gateway. */
export interface Sockets {
  connections(): number;
  /** Takes no more and says `bye` to all. */
  close(): void;
  /** Cuts every connection that is left. */
  cut(): void;
}

const frames = Compile(clientFrame);

/** Where clients write the id, if they write it first. */
const idAtHead = /^\s*\{\s*"id"\s*:\s*(\d{1,15})\s*[,}]/;
const headBytes = 64;

/** The id of a frame that is not read otherwise; undefined when only reading a large one could tell. */
function idOf(data: Buffer, limits: GatewayLimits): number | undefined {
  const id = idAtHead.exec(data.toString("latin1", 0, headBytes))?.[1];
  if (id !== undefined) return Number(id);
  if (data.length > limits.refusedFrameBytesMax) return undefined;
  const parsed = parseJson(data.toString(), limits.jsonDepthMax);
  return parsed.ok && frames.Check(parsed.value) ? parsed.value.id : undefined;
}

interface Place {
  readonly connection: Connection;
  readonly person: Person;
}

/** Serves `/ws` on an HTTP server.
 *
 *  It stands on `ws` itself and not on a fastify plugin: the plugin keeps request and reply of the upgrade alive in
 *  closures for as long as the connection lives, which costs more memory than the connection. */
export function createSockets(
  server: Server,
  at: Surroundings,
  parts: { readonly accounts: Accounts; readonly commands: RateLimit; readonly entrance: Entrance },
): Sockets {
  const { accounts, commands, entrance } = parts;
  const { kernel, limits, clock, meter, log, outflow } = at;
  const upgrader = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: wireLimits.frameBytesMax,
  });
  const places = new Map<WebSocket, Place>();
  let pending = 0;
  /** Upgrades that are not decided yet or were refused. */
  const unsettled = new Set<Duplex>();
  let closed = false;

  const resume = async (connection: Connection, topic: string, after: number | undefined) =>
    answerTo(
      "resume",
      await kernel.ask({
        to: topic as ActorId,
        from: connection.caller.actor,
        message: { type: "resume", ...(after !== undefined && { after }) },
        timeoutMs: limits.askTimeoutMs,
      }),
    );
  const feeds = createFeeds(at, resume);
  const askAs = (user: string, to: ActorId, type: string): Promise<Result<unknown>> =>
    kernel.ask({ to, from: `user/${user}`, message: { type }, timeoutMs: limits.askTimeoutMs });
  const people = createPeople(at, feeds, {
    describe: async (user) => answerTo("describe", await askAs(user, `user/${user}`, "describe")),
    sessions: async (user) => answerTo("sessions", await askAs(user, `user/${user}`, "sessions")),
    summary: async (user, room) => answerTo("summary", await askAs(user, `room/${room}`, "summary")),
  });
  /** What nobody waits for must not end the process. */
  const failed = (error: unknown): void => log.error("connection.failed", { error });

  function answer(connection: Connection, re: number, result: Result<unknown>): void {
    connection.send(result.ok ? { re, ok: result.value ?? {} } : { re, error: result.error });
  }

  function follow(connection: Connection, frame: ClientFrame): Result<unknown> | undefined {
    const topic = frame.to ?? "";
    if (parseActorId(topic) === undefined)
      return refused(
        failure("BAD_REQUEST", {
          path: "/to",
          problem: "not a topic, which is room/KEY, agent/OWNER.NAME or user/NAME",
        }),
      );
    if (frame.do === "unsubscribe") {
      feeds.unsubscribe(connection, topic);
      return ok({});
    }
    if (!isTopicFor(connection.caller.user, topic))
      return refused(failure("FORBIDDEN", { reason: "this topic belongs to somebody else" }));
    const subscriptions = connection.subscriptions;
    if (subscriptions !== undefined && subscriptions.size >= wireLimits.subscriptionsMax && !subscriptions.has(topic))
      return refused(failure("LIMIT_REACHED", { limit: "subscriptionsMax", max: wireLimits.subscriptionsMax }));
    feeds.subscribe(connection, topic, frame.cursor, frame.id);
    return undefined;
  }

  /** Refuses a frame beyond its user's rate. To read all of it would cost what the rate is there to save. */
  function refuseFrame(connection: Connection, data: Buffer, retryAfterMs: number): void {
    connection.refusals += 1;
    const refusal = failure("RATE_LIMITED", { retryAfterMs });
    const id = connection.refusals > limits.refusalsMax ? undefined : idOf(data, limits);
    if (id === undefined) return connection.bye(refusal, closeCodes.again);
    answer(connection, id, refused(refusal));
  }

  function handle({ connection, person }: Place, frame: ClientFrame, permit: Permit | undefined): void {
    const { caller } = connection;
    const row = rowNamed(frame.do);
    if (row !== undefined && isPersonOnly(row) && caller.kind !== "session")
      return answer(
        connection,
        frame.id,
        refused(failure("FORBIDDEN", { reason: "this needs a signed-in session; API keys may not do it" })),
      );
    switch (frame.do) {
      case "ping":
        return answer(connection, frame.id, ok({}));
      case "watch":
        people
          .watch(person, connection)
          .then((result) => answer(connection, frame.id, result))
          .catch(failed);
        return;
      case "subscribe":
      case "unsubscribe": {
        const result = follow(connection, frame);
        if (result !== undefined) answer(connection, frame.id, result);
        return;
      }
      default:
    }
    const command = readCommand(frame.do, frame.to, frame.with, caller.user);
    if (!command.ok) {
      permit?.();
      return answer(connection, frame.id, command);
    }
    connection.outstanding += 1;
    const { id, operationId } = frame;
    kernel
      .ask({
        ...command.value,
        from: caller.actor,
        timeoutMs: limits.askTimeoutMs,
        ...(operationId !== undefined && { operationId }),
      })
      .then((result) => {
        const say = (): void => {
          connection.outstanding -= 1;
          answer(connection, id, result);
          permit?.();
        };
        if (permit === undefined || !result.ok) say();
        else outflow.inTurn(say);
      })
      .catch(failed);
  }

  /** Bytes that a frame's answer may take; undefined: few. */
  const costOf = (frame: ClientFrame): number | undefined => {
    const answers = rowNamed(frame.do)?.answers;
    return answers === undefined ? undefined : limits[answerCosts[answers]];
  };

  /** Handles a frame, or lets it and all behind it wait until this connection reads what was asked before and its person has
   *  room: the socket is not read meanwhile, so it is the client that waits. */
  function take(place: Place, frame: ClientFrame): void {
    const { connection } = place;
    const { line } = connection;
    if (connection.outstanding + (line?.length ?? 0) >= wireLimits.outstandingCommandsMax && frame.do !== "ping")
      return answer(connection, frame.id, refused(failure("OVERLOADED", { limit: "outstandingCommandsMax" })));
    if (line !== undefined) return void line.push(frame);
    const cost = costOf(frame);
    if (connection.isReady(cost !== undefined)) {
      if (cost === undefined) return handle(place, frame, undefined);
      const over = connection.expect();
      const permit = outflow.tryAdmit(connection.user, cost, over);
      if (permit !== undefined) return handle(place, frame, permit);
      over();
    }
    connection.line = [frame];
    connection.socket.pause();
    serveLine(place, connection.line).catch(failed);
  }

  async function serveLine(place: Place, line: ClientFrame[]): Promise<void> {
    const { connection } = place;
    const isOver = (): boolean => connection.line !== line || !connection.open;
    for (let frame = line[0]; frame !== undefined; frame = line[0]) {
      const cost = costOf(frame);
      await connection.ready(cost !== undefined);
      if (isOver()) return;
      if (cost === undefined) {
        line.shift();
        handle(place, frame, undefined);
        continue;
      }
      const over = connection.expect();
      const permit = await outflow.admit(connection.user, cost, over);
      if (permit === undefined) over();
      if (isOver()) return permit?.();
      line.shift();
      if (permit !== undefined) handle(place, frame, permit);
      else answer(connection, frame.id, refused(failure("RATE_LIMITED", { reason: unread, retryAfterMs: 1_000 })));
    }
    connection.line = undefined;
    connection.heardAtMs = clock.monotonicMs();
    connection.socket.resume();
  }

  function onMessage(this: WebSocket, data: RawData, isBinary: boolean): void {
    const place = places.get(this);
    if (place === undefined || !place.connection.open) return;
    const { connection } = place;
    connection.heardAtMs = clock.monotonicMs();
    connection.pinged = false;
    const malformed = (details: Failure["details"], code: number = closeCodes.malformed) =>
      connection.bye(failure("BAD_FRAME", details), code);
    if (isBinary) return malformed({ path: "", problem: "binary; frames are JSON text" }, closeCodes.binary);
    if (clock.nowMs() >= connection.caller.expiresAtMs)
      return connection.bye(failure("UNAUTHENTICATED"), closeCodes.policy);
    const retryAfterMs = commands.take(connection.caller.user);
    // `ws` has checked that the text is UTF-8, and gives text as a buffer.
    if (retryAfterMs > 0) return refuseFrame(connection, data as Buffer, retryAfterMs);
    connection.refusals = 0;
    const parsed = parseJson((data as Buffer).toString(), limits.jsonDepthMax);
    if (!parsed.ok) return malformed(parsed.error.details);
    if (!frames.Check(parsed.value)) return malformed(invalid(frames.Errors(parsed.value)).details);
    take(place, parsed.value);
  }

  function onPong(this: WebSocket): void {
    const connection = places.get(this)?.connection;
    if (connection === undefined) return;
    connection.heardAtMs = clock.monotonicMs();
    connection.pinged = false;
  }

  function onClose(this: WebSocket): void {
    const place = places.get(this);
    if (place === undefined) return;
    places.delete(this);
    place.connection.gone();
    feeds.leave(place.connection);
    people.leave(place.person, place.connection);
    meter.gauge("gateway_connections", places.size);
  }

  // A protocol error or a reset. `ws` closes with the code of RFC 6455 and `close` follows, where everything is undone.
  function onError(this: WebSocket, error: Error): void {
    log.debug("connection.error", { error: error.message });
  }

  function admit(request: IncomingMessage, stream: Duplex, head: Buffer, caller: Caller, person: Person): void {
    upgrader.handleUpgrade(request, stream, head, (socket) => {
      const connection = new Connection({ socket, stream, caller, limits, nowMs: clock.monotonicMs(), outflow });
      places.set(socket, { connection, person });
      socket.on("message", onMessage).on("pong", onPong).on("close", onClose).on("error", onError);
      meter.gauge("gateway_connections", places.size);
      const degraded = at.degraded();
      const hello: Hello = {
        version: at.version,
        node: at.node,
        user: caller.user,
        admin: caller.admin,
        heartbeatMs: limits.heartbeatMs,
        nodes: at.nodes(),
        ...(degraded && { degraded }),
      };
      connection.send({ hello });
      people.arrived(person, connection);
    });
  }

  /** The caller of an upgrade that may go on. */
  async function authenticate(request: IncomingMessage, person: Person, token: string): Promise<Result<Caller>> {
    const caller = await accounts.authenticate(token, at.addresses.of(request), limits.upgradeTimeoutMs);
    if (!caller.ok) return unanswered.has(caller.error.code) ? refused(unavailable(person.user, caller.error)) : caller;
    if (closed) return refused(failure("STOPPING"));
    if (person.connections.size >= limits.connectionsPerUserMax)
      return refused(failure("LIMIT_REACHED", { limit: "connectionsPerUserMax", max: limits.connectionsPerUserMax }));
    return caller;
  }

  /** After an upgrade nobody but us watches over the socket: it is read to its end, so that its closing is seen, and cut
   *  when the peer does not close in time. */
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
      url = new URL(request.url ?? "/", "http://node");
    } catch {
      return refuse(failure("BAD_REQUEST", { path: "", problem: "not a URL" }));
    }
    if (url.pathname !== "/ws") return refuse(failure("NOT_FOUND", { path: url.pathname.slice(0, 200) }));
    if (closed) return refuse(failure("STOPPING"));
    if (pending >= limits.upgradesPendingMax || places.size + pending >= entrance.socketsMax)
      return refuse(failure("OVERLOADED", { limit: "connectionsMax" }));
    const presented = presentedToken(request, url.searchParams.get("token") ?? undefined);
    const claim = presented === undefined ? undefined : readToken(presented.token);
    if (presented === undefined || claim === undefined) return refuse(failure("UNAUTHENTICATED"));
    const origin = presented.by === "cookie" ? checkSameOrigin(request) : ok(undefined);
    if (!origin.ok) return refuse(origin.error);
    const entered = entrance.enter(request, at.addresses.of(request));
    if (!entered.ok) return refuse(entered.error);
    if (entered.value !== undefined) stream.once("close", entered.value);
    entrance.upgraded(stream);
    pending += 1;
    const person = people.arrive(claim.user);
    void authenticate(request, person, presented.token).then((caller) => {
      pending -= 1;
      const gone = stream.destroyed || !stream.writable;
      if (!gone && caller.ok) {
        stream.off("error", ignore);
        unsettled.delete(stream);
        const before = places.size;
        admit(request, stream, head, caller.value, person);
        // The handshake itself was refused (a wrong version, no key): there is no connection.
        if (places.size === before) people.arrived(person, undefined);
        return;
      }
      people.arrived(person, undefined);
      if (!gone && !caller.ok) refuse(caller.error);
    });
  }

  upgrader.on("wsClientError", (error, stream) => {
    refuseUpgrade(stream.on("error", ignore), failure("BAD_REQUEST", { path: "", problem: error.message }));
  });
  server.on("upgrade", onUpgrade);

  const sweep = () => {
    const nowMs = clock.monotonicMs();
    const wallMs = clock.nowMs();
    for (const [socket, { connection }] of places) {
      // Nothing is heard of whom we do not read.
      if (connection.line !== undefined) connection.heardAtMs = nowMs;
      const silentMs = nowMs - connection.heardAtMs;
      if (connection.closing) {
        connection.cutAtMs ??= nowMs + limits.closeTimeoutMs;
        if (nowMs >= connection.cutAtMs) socket.terminate();
      } else if (wallMs >= connection.caller.expiresAtMs) connection.bye(failure("UNAUTHENTICATED"), closeCodes.policy);
      else if (silentMs >= 2 * limits.heartbeatMs) socket.terminate();
      else if (silentMs >= limits.heartbeatMs && !connection.pinged) {
        connection.pinged = true;
        socket.ping();
      }
    }
    stopSweep = clock.after(limits.sweepMs, sweep);
  };
  let stopSweep = clock.after(limits.sweepMs, sweep);

  // One frame for all: what is said is the same to everybody.
  const stopTelling = at.reach?.onChange(() => {
    const frame = frameOf({ degraded: at.degraded() ?? null });
    for (const { connection } of places.values()) connection.write(frame);
  });

  return {
    connections: () => places.size,
    close() {
      closed = true;
      stopTelling?.();
      for (const { connection } of places.values()) connection.bye(failure("STOPPING"), closeCodes.leaving);
    },
    cut() {
      stopSweep();
      for (const socket of places.keys()) socket.terminate();
      for (const stream of unsettled) stream.destroy();
    },
  };
}

/** How the question who somebody is ends when the slot of that user is served nowhere. */
const unanswered: ReadonlySet<ErrorCode> = new Set(["SLOT_UNAVAILABLE", "ASK_TIMEOUT", "PEER_LOST", "DIRECTORY_AWAY"]);

function unavailable(user: string, { code, details }: Failure): Failure {
  const actor = `user/${user}`;
  if (code === "SLOT_UNAVAILABLE") return failure(code, { actor, ...details });
  const node = details?.["node"];
  return failure("SLOT_UNAVAILABLE", { actor, because: code, ...(node !== undefined && { node }) });
}

/** Why nothing more is asked for somebody. */
const unread = "this person has not read the answers to earlier commands yet";

const ignore = () => undefined;
