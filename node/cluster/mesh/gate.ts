/** The wall around the mesh: who may connect at all. Identity is proven by noise before it is asked for a name; until
 *  then a connection has a place among those that are pending, and a stranger has one among the strangers after
 *  that:
 *
 *      TCP ──► pending ──noise──► member  ──control stream──► claimed by a link
 *                 │       ├─────► evicted ──told so──► gone
 *                 │       └─────► stranger ──an invitation's secret──► redeems it ──► gone
 *                 └─ the oldest is given up for one who comes later; so is a stranger that has shown nothing yet */
import type { Connection, ConnectionGater, MultiaddrConnection, PeerId } from "@libp2p/interface";
import type { Clock, Meter } from "../../ports/index.ts";
import type { MeshLimits } from "./limits.ts";
import { addressKey, Places } from "./places.ts";
import { cut } from "./swarm.ts";

export interface Gate {
  readonly gater: ConnectionGater;
  /** A connection is open. It is closed again unless it is soon `claimed`. */
  opened(connection: Connection): void;
  /** The connection belongs to a link, which watches it from now on. */
  claimed(connection: Connection): void;
  /** A stranger has said all that it may say, and is to be answered. `trusted`: it knows an invitation's secret, so its
   *  place is its own until then. */
  asked(connection: Connection, trusted: boolean): void;
  /** The connection is gone. */
  closed(connection: Connection): void;
  /** Closes the connections of a peer that is no member any more; a link closes its own, after its last words. */
  evict(peer: string): void;
  stop(): void;
}

interface Known {
  readonly stranger: boolean;
  cancel: () => void;
  claimed: boolean;
}

/** A connection before it has a peer, as far as the gate needs it. */
type Raw = Pick<MultiaddrConnection, "remoteAddr" | "abort" | "addEventListener">;

/** Members come in. Strangers come in only while there is an invitation to redeem, a few at a time and not for long. An
 *  evicted node comes in to be told so, and seldom: the answer costs more than turning it away. */
export function createGate(ports: {
  readonly clock: Clock;
  readonly meter: Meter;
  readonly limits: MeshLimits;
  isMember(peer: string): boolean;
  /** Whether a peer that is no member was evicted. */
  wasEvicted(peer: string): boolean;
  /** Whether nodes that are no members may speak the join protocol. */
  admits(): boolean;
  /** Whether members are said to be at an address (see `addressKey`). */
  isMembersAddress(address: string): boolean;
}): Gate {
  const { clock, meter, limits } = ports;
  const open = new Map<Connection, Known>();
  const perPeer = new Map<string, number>();
  /** Evicted peers that were let in of late, each with the timer that forgets it. */
  const answered = new Map<string, () => void>();
  /** Where a member was connected from last. */
  const cameFrom = new Map<string, string>();
  let sources: ReadonlySet<string> = new Set();
  const isKnown = (address: string): boolean => ports.isMembersAddress(address) || sources.has(address);
  const noteSource = (peer: string, connection: Connection): void => {
    const from = addressKey(connection.remoteAddr.toString());
    if (from === undefined || cameFrom.get(peer) === from) return;
    cameFrom.set(peer, from);
    for (const one of cameFrom.keys()) if (!ports.isMember(one)) cameFrom.delete(one);
    sources = new Set(cameFrom.values());
  };
  const pending = new Places<Raw>(
    {
      max: limits.pendingConnectionsMax,
      perAddressMax: limits.pendingPerAddressMax,
      perKnownAddressMax: Math.ceil(limits.pendingConnectionsMax / 2),
    },
    isKnown,
  );
  const strangers = new Places<Raw>(
    {
      max: limits.strangersMax,
      perAddressMax: limits.strangersPerAddressMax,
      perKnownAddressMax: limits.strangersPerAddressMax,
    },
    () => false,
  );
  /** Strangers by where they are connected from, port and all: a `Connection` does not name what is below it. */
  const strangerAt = new Map<string, Raw>();
  /** Those of them that know a secret. */
  const trusted = new Set<Raw>();

  const count = (peer: string, by: number): number => {
    const next = (perPeer.get(peer) ?? 0) + by;
    if (next > 0) perPeer.set(peer, next);
    else perPeer.delete(peer);
    return next;
  };
  const turnAway = (): boolean => {
    meter.count("mesh_refused_connections");
    return true;
  };
  const outsider = (peer: PeerId): boolean => !ports.isMember(peer.toString());
  const mayHear = (peer: string): boolean => {
    if (answered.has(peer) || answered.size >= limits.evictedMax) return false;
    const forget = clock.after(limits.evictedPauseMs, () => answered.delete(peer));
    answered.set(peer, forget);
    return true;
  };
  /** False: there is no place, because the connections that have one come from members' addresses. */
  const takePlace = (places: Places<Raw>, raw: Raw): boolean => {
    const at = raw.remoteAddr.toString();
    const lost = places.enter(raw, addressKey(at) ?? at);
    if (lost !== undefined) meter.count("mesh_crowded_connections");
    if (lost === raw) return false;
    lost?.abort(new Error("others come"));
    raw.addEventListener("close", () => places.leave(raw));
    return true;
  };
  /** The port of a connection, without the peer behind it. */
  const portOf = (connection: Connection): string => connection.remoteAddr.toString().split("/p2p/")[0] ?? "";

  return {
    gater: {
      denyDialPeer: outsider,
      denyOutboundEncryptedConnection: (peer) => outsider(peer) && turnAway(),
      denyInboundConnection: (raw) => !takePlace(pending, raw) && turnAway(),
      denyInboundEncryptedConnection: (peer, raw) => {
        pending.leave(raw);
        if (!outsider(peer)) return (perPeer.get(peer.toString()) ?? 0) >= limits.connectionsPerPeerMax && turnAway();
        if (ports.wasEvicted(peer.toString())) return !mayHear(peer.toString()) && turnAway();
        if (!ports.admits() || !takePlace(strangers, raw)) return turnAway();
        const at = raw.remoteAddr.toString();
        strangerAt.set(at, raw);
        raw.addEventListener("close", () => {
          trusted.delete(raw);
          if (strangerAt.get(at) === raw) strangerAt.delete(at);
        });
        return false;
      },
      // Addresses come from the member list, not from peers themselves.
      filterMultiaddrForPeer: () => false,
    },
    opened(connection) {
      const peer = connection.remotePeer.toString();
      const stranger = !ports.isMember(peer) && !ports.wasEvicted(peer);
      if (ports.isMember(peer)) noteSource(peer, connection);
      // Several may have passed the gate before the first of them was counted; and one may have lost its place since.
      const raw = strangerAt.get(portOf(connection));
      const lost = stranger && connection.direction === "inbound" && (raw === undefined || !strangers.has(raw));
      const tooMany = count(peer, 1) > limits.connectionsPerPeerMax || lost;
      const patienceMs = stranger ? limits.joinRequestTimeoutMs : limits.handshakeTimeoutMs;
      const cancel =
        connection.direction === "inbound" || stranger
          ? clock.after(patienceMs, () => cut(connection, "nothing was said in time"))
          : () => undefined;
      open.set(connection, { stranger, cancel, claimed: false });
      if (tooMany) cut(connection, "too many connections");
    },
    claimed(connection) {
      const known = open.get(connection);
      if (known === undefined) return;
      known.claimed = true;
      known.cancel();
    },
    asked(connection, isTrusted) {
      const known = open.get(connection);
      const raw = strangerAt.get(portOf(connection));
      if (known?.stranger !== true || raw === undefined) return;
      known.cancel();
      known.cancel = clock.after(limits.joinTimeoutMs, () => cut(connection, "out of time"));
      // Nodes that redeem one secret together have as many places as there are for strangers.
      if (!isTrusted || trusted.size >= limits.strangersMax) return;
      strangers.leave(raw);
      trusted.add(raw);
    },
    closed(connection) {
      const known = open.get(connection);
      if (known === undefined) return;
      open.delete(connection);
      known.cancel();
      count(connection.remotePeer.toString(), -1);
    },
    evict(peer) {
      for (const [connection, { claimed }] of open)
        if (!claimed && connection.remotePeer.toString() === peer) cut(connection, "not a member any more");
    },
    stop() {
      for (const { cancel } of open.values()) cancel();
      for (const forget of answered.values()) forget();
      open.clear();
    },
  };
}
