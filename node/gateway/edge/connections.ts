import type { IncomingMessage, Server } from "node:http";
import type { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { failure, ok, refused, type Result } from "../../../protocols/index.ts";
import type { Clock, Log, Meter } from "../../ports/index.ts";
import type { GatewayLimits } from "../limits.ts";
import type { GatewayOptions } from "../options.ts";
import { goesOn } from "./long-bodies.ts";
import { addressKey } from "./rates.ts";

/** The clients that may be connected: the one governor of the connections of people and programs.
 *
 *      open ──► silent ──request is here in full──► answered ──► silent
 *                 │ ▲ may be ended for a newcomer       │
 *                 ▼                                     └──upgraded──► WebSocket
 *               ended
 *
 *  A connection costs a stranger nothing and the node a descriptor. So all together, and each address, have so many,
 *  and at the bound a newcomer takes the place of the oldest that has asked nothing yet: a real client sends a request
 *  at once, and a connection that only holds a place loses it. A connection that is being answered is never ended for
 *  that.
 *
 *  Behind a trusted proxy all connections are the proxy's. There the addresses that it names have so many requests at
 *  once. */
export interface ConnectionGovernor {
  /** TCP connections that are open. */
  connections(): number;
  /** Counts a request or a WebSocket against the address that a trusted proxy names for it; call what it gives when
   *  that is over. Undefined: a direct connection is counted already. Errors: OVERLOADED, ADDRESS_BLOCKED. */
  enter(request: IncomingMessage, address: string): Result<(() => void) | undefined>;
  /** The connection is a WebSocket now. */
  upgraded(stream: Duplex): void;
  /** WebSockets that may be open at once. */
  readonly socketsMax: number;
}

/** Of a direct connection. */
const counted = ok(undefined);

/** What WebSockets leave free, so that a request still finds a place when all people there are are connected. */
const socketShare = 5 / 6;

/** As Node's server says it of a request that was not complete in time. */
const lateBody = (): Error => Object.assign(new Error("the body stopped"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });

interface Guest {
  readonly socket: Socket;
  /** Undefined: a trusted proxy, which speaks for many. */
  readonly address: string | undefined;
  /** Requests that have come in full and are not answered yet; a WebSocket counts as one without end. */
  held: number;
  /** Requests whose bodies are still to come. */
  receives: number;
}

interface House {
  count: number;
  /** Those that may be ended, the oldest first. */
  readonly silent: Set<Guest>;
}

/** Watches over the connections of `server`. */
export function createConnectionGovernor(
  server: Server,
  at: {
    readonly limits: GatewayLimits;
    readonly clock: Clock;
    readonly log: Log;
    readonly meter: Meter;
    /** Descriptors that connections may take. */
    readonly descriptors: number;
    /** It listens at a socket of the file system, whose connections have no address. */
    readonly isLocal?: boolean;
    isProxy(address: string): boolean;
    /** Addresses from which nothing is taken; absent: none. */
    readonly threats?: GatewayOptions["threats"];
  },
): ConnectionGovernor {
  const { limits, clock, log, meter } = at;
  const max = Math.min(limits.tcpConnectionsMax, at.descriptors);
  const perAddressMax = Math.max(1, Math.floor(max * limits.addressShare));
  const guests = new Map<Duplex, Guest>();
  /** Of a server that speaks TLS: its requests come by a socket above the one that was counted. */
  const secured = new WeakMap<Duplex, Guest>();
  /** Guests of such a server by both ends of the connection: no two that are open have the same. */
  const byEnds = new Map<string, Guest>();
  const isSecure = "setSecureContext" in server;
  const endsOf = (socket: Socket): string =>
    [socket.remoteAddress, socket.remotePort, socket.localAddress, socket.localPort].join();
  const guestOf = (stream: Duplex): Guest | undefined => guests.get(stream) ?? secured.get(stream);
  const houses = new Map<string, House>();
  const silent = new Set<Guest>();
  /** Requests of addresses that proxies name. */
  const named = new Map<string, number>();
  let warnedAtMs = Number.NEGATIVE_INFINITY;

  const warn = (event: string, facts: Readonly<Record<string, unknown>>): void => {
    if (clock.monotonicMs() - warnedAtMs < limits.entranceWarningMs) return;
    warnedAtMs = clock.monotonicMs();
    log.warn(event, facts);
  };

  /** Sorts a guest in anew, behind the others: it has just come, or been of use. */
  function sort(guest: Guest): void {
    if (!guests.has(guest.socket)) return;
    const house = guest.address === undefined ? undefined : houses.get(guest.address);
    // A proxy keeps connections for its next client, and speaks for many.
    if (house === undefined) return;
    silent.delete(guest);
    house.silent.delete(guest);
    if (guest.held > 0) return;
    silent.add(guest);
    house.silent.add(guest);
  }

  function leave(guest: Guest): void {
    if (!guests.delete(guest.socket)) return;
    silent.delete(guest);
    const house = guest.address === undefined ? undefined : houses.get(guest.address);
    if (guest.address !== undefined && house !== undefined) {
      house.silent.delete(guest);
      house.count -= 1;
      if (house.count === 0) houses.delete(guest.address);
    }
    meter.gauge("gateway_tcp_connections", guests.size);
  }

  /** Makes room among `some`. False: all of them are in use. */
  function makeRoom(some: ReadonlySet<Guest>): boolean {
    const [oldest] = some;
    if (oldest === undefined) return false;
    // Its descriptor is free when this returns; its `close` comes later.
    leave(oldest);
    oldest.socket.destroy();
    return true;
  }

  function arrive(socket: Socket): void {
    const remote = at.isLocal === true ? "127.0.0.1" : socket.remoteAddress;
    // Gone before we looked.
    if (remote === undefined) return void socket.destroy();
    if (at.threats?.isBlocked(remote) === true) {
      meter.count("gateway_connections_refused", 1, { limit: "blockLists" });
      return void socket.destroy();
    }
    const address = at.isProxy(remote) ? undefined : addressKey(remote);
    const house = address === undefined ? undefined : (houses.get(address) ?? { count: 0, silent: new Set<Guest>() });
    const refuse = (limit: string, facts: object): void => {
      meter.count("gateway_connections_refused", 1, { limit });
      warn("gateway.connections.full", { limit, ...facts });
      socket.destroy();
    };
    if (house !== undefined && house.count >= perAddressMax && !makeRoom(house.silent))
      return refuse("addressShare", { address, max: perAddressMax });
    if (guests.size >= max && !makeRoom(silent)) return refuse("tcpConnectionsMax", { max });
    if (guests.size + 1 === max) warn("gateway.connections.full", { limit: "tcpConnectionsMax", max });
    const guest: Guest = { socket, address, held: 0, receives: 0 };
    guests.set(socket, guest);
    if (address !== undefined && house !== undefined) {
      house.count += 1;
      houses.set(address, house);
    }
    sort(guest);
    const ends = isSecure ? endsOf(socket) : "";
    if (isSecure) byEnds.set(ends, guest);
    socket.once("close", () => {
      if (byEnds.get(ends) === guest) byEnds.delete(ends);
      leave(guest);
    });
    meter.gauge("gateway_tcp_connections", guests.size);
  }

  // A client that is listed while it is connected goes at once, a WebSocket as well.
  at.threats?.onChange(() => {
    for (const { socket } of guests.values())
      if (at.threats?.isBlocked(socket.remoteAddress ?? "") === true) socket.destroy();
  });
  server.on("connection", arrive);
  server.on("secureConnection", (socket: Socket) => {
    const guest = byEnds.get(endsOf(socket));
    if (guest !== undefined) secured.set(socket, guest);
  });
  server.on("request", (request, response) => {
    const guest = guestOf(request.socket);
    if (guest === undefined) return;
    let holds = false;
    const hold = (): void => {
      if (response.closed || response.writableFinished) return;
      holds = true;
      guest.held += 1;
      sort(guest);
    };
    // A body that never ends holds no place. Both events come once, and a listener for one time costs twice as much.
    const { "transfer-encoding": encoding, "content-length": length = "0" } = request.headers;
    let isComing = encoding !== undefined || Number(length) > 0;
    // Another request of this connection may be answered while this one's body is still to come.
    const came = (): void => {
      if (isComing) guest.receives -= 1;
      isComing = false;
    };
    if (isComing) {
      guest.receives += 1;
      request.on("end", () => {
        came();
        hold();
      });
    } else hold();
    response.on("close", () => {
      came();
      if (holds) guest.held -= 1;
      sort(guest);
    });
  });
  // The system has refused an accept: EMFILE, ENFILE, ENOMEM. Without a listener that would end the process.
  server.on("error", (error) => {
    meter.count("gateway_accept_failures");
    warn("gateway.accept.failed", { error: error.message });
  });
  // Nothing has moved on this connection for a while. Waiting for an answer is allowed; not reading it is not.
  server.timeout = limits.stalledAnswerMs;
  server.on("timeout", (socket: Socket) => {
    const guest = guestOf(socket);
    if (guest !== undefined && guest.held > 0 && socket.writableLength === 0) return;
    // One whose body has stopped coming is told so. All others have asked nothing, or do not read.
    const isTold = guest !== undefined && guest.receives > 0 && socket.writableLength === 0 && !goesOn(socket);
    if (isTold) server.emit("clientError", lateBody(), socket);
    else socket.destroy();
  });

  return {
    connections: () => guests.size,
    socketsMax: Math.min(limits.connectionsMax, Math.floor(max * socketShare)),
    enter(request, address) {
      const guest = guestOf(request.socket);
      if (guest === undefined || guest.address !== undefined || at.isProxy(address)) return counted;
      // A client that is connected directly was looked at when it came.
      if (at.threats?.isBlocked(address) === true) {
        meter.count("gateway_connections_refused", 1, { limit: "blockLists" });
        return refused(failure("ADDRESS_BLOCKED"));
      }
      const key = addressKey(address);
      const count = named.get(key) ?? 0;
      if (count >= perAddressMax) {
        meter.count("gateway_connections_refused", 1, { limit: "addressShare" });
        return refused(failure("OVERLOADED", { limit: "addressShare", max: perAddressMax }));
      }
      named.set(key, count + 1);
      let over = false;
      return ok(() => {
        if (over) return;
        over = true;
        const left = (named.get(key) ?? 1) - 1;
        if (left === 0) named.delete(key);
        else named.set(key, left);
      });
    },
    upgraded(stream) {
      const guest = guestOf(stream);
      if (guest === undefined) return;
      guest.held += 1;
      sort(guest);
    },
  };
}
