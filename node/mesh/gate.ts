/** The wall around the mesh: who may connect at all. Identity is proven by noise before anything here is asked. */
import type { Connection, ConnectionGater, PeerId } from "@libp2p/interface";
import type { Clock, Meter } from "../ports.ts";
import type { MeshLimits } from "./limits.ts";
import { cut } from "./swarm.ts";

export interface Gate {
  readonly gater: ConnectionGater;
  /** A connection is open. It is closed again unless it is soon `claimed`. */
  opened(connection: Connection): void;
  /** The connection belongs to a link, which watches it from now on. */
  claimed(connection: Connection): void;
  /** The connection is gone. */
  closed(connection: Connection): void;
  /** Closes the connections of a peer that is no member any more; a link closes its own, after its last words. */
  evict(peer: string): void;
  stop(): void;
}

/** Members come in. Others do only while there is an invitation to redeem, a few at a time and not for long. Who was evicted
 *  comes in to be told so, and seldom: the answer costs more than turning it away. */
export function createGate(ports: {
  readonly clock: Clock;
  readonly meter: Meter;
  readonly limits: MeshLimits;
  isMember(peer: string): boolean;
  /** Whether a peer that is no member was evicted. */
  wasEvicted(peer: string): boolean;
  /** Whether nodes that are no members may speak the join protocol. */
  admits(): boolean;
}): Gate {
  const { clock, meter, limits } = ports;
  const open = new Map<Connection, { readonly stranger: boolean; readonly cancel: () => void; claimed: boolean }>();
  const perPeer = new Map<string, number>();
  /** Evicted peers that were let in of late, with what forgets them. */
  const answered = new Map<string, () => void>();
  let strangers = 0;

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

  return {
    gater: {
      denyDialPeer: outsider,
      denyOutboundEncryptedConnection: (peer) => outsider(peer) && turnAway(),
      denyInboundEncryptedConnection: (peer) => {
        if (!outsider(peer)) return (perPeer.get(peer.toString()) ?? 0) >= limits.connectionsPerPeerMax && turnAway();
        if (ports.wasEvicted(peer.toString())) return !mayHear(peer.toString()) && turnAway();
        return !(ports.admits() && strangers < limits.strangersMax) && turnAway();
      },
      // Addresses come from the member list, not from what peers say of themselves.
      filterMultiaddrForPeer: () => false,
    },
    opened(connection) {
      const peer = connection.remotePeer.toString();
      const evicted = ports.wasEvicted(peer);
      const stranger = !ports.isMember(peer) && !evicted;
      if (stranger) strangers += 1;
      // Several may have passed the gate before the first of them was counted.
      const tooMany = count(peer, 1) > limits.connectionsPerPeerMax || (stranger && strangers > limits.strangersMax);
      const patienceMs = stranger ? limits.joinTimeoutMs : limits.handshakeTimeoutMs;
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
    closed(connection) {
      const known = open.get(connection);
      if (known === undefined) return;
      open.delete(connection);
      known.cancel();
      if (known.stranger) strangers -= 1;
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
