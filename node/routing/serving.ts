/** The topics of this node's actors that other nodes follow: each event is sent once a node, batched a tick.
 *
 *      publish ─► queue of each peer that follows ─► events
 *                   │ full, or an event that no message takes: dropped
 *                   └─► gap, in front of what comes after it */
import { actorOf, assert, encodedBytesMax, wireLimits, type ActorId, type SlotId } from "../../protocols/index.ts";
import type { MeshBody } from "../../protocols/mesh/index.ts";
import type { NodeId } from "../ports/index.ts";
import type { RoutingPorts } from "./ports.ts";
import type { RoutingLimits } from "./limits.ts";
import { batches, putIn, takeOut } from "./topics.ts";
import { slotOwner } from "../cluster/facts/slot-owner.ts";

type EventRow = [topic: ActorId, at: number | null, epoch: number, event: unknown];

/** An event on its way, measured once for all followers. */
interface Measured {
  readonly row: EventRow;
  readonly bytes: number;
}

/** A topic that is followed by peers. */
interface Served {
  readonly peers: Set<NodeId>;
  /** Under which it is filed. */
  slot: SlotId;
}

/** The topics that a peer follows here, and the events that wait for it. */
interface Peer {
  readonly topics: Map<ActorId, number>;
  events: Measured[];
  bytes: number;
  gaps: Set<ActorId>;
  scheduled: boolean;
}

export class Serving {
  readonly #ports: RoutingPorts;
  readonly #limits: RoutingLimits;
  readonly #peers = new Map<NodeId, Peer>();
  readonly #served = new Map<string, Served>();
  readonly #bySlot = new Map<SlotId, Set<ActorId>>();

  constructor(ports: RoutingPorts, limits: RoutingLimits) {
    this.#ports = ports;
    this.#limits = limits;
    const { exchange } = ports;
    exchange.on("routing.follow", (body, from) => this.#followedBy(from, body.topics));
    exchange.on("routing.unfollow", ({ topics }, from) => {
      for (const topic of topics) this.#unserve(from, topic);
    });
    exchange.onPeer({
      disconnected: (peer) => {
        for (const topic of this.#peers.get(peer)?.topics.keys() ?? []) this.#unserve(peer, topic);
        this.#peers.delete(peer);
      },
    });
  }

  publish(name: string, event: unknown, at: number | undefined, epoch: number): void {
    const served = this.#served.get(name);
    if (served === undefined) return;
    const row: EventRow = [name as ActorId, at ?? null, epoch, event];
    const bytes = encodedBytesMax(event) + 64;
    for (const node of served.peers) this.#queue(node, { row, bytes });
  }

  slotChanged(slot: SlotId): void {
    const served = [...(this.#bySlot.get(slot) ?? [])];
    // The topic of an actor that got a slot of its own is still filed under the slot that the actor left.
    const actor = actorOf(slot);
    if (actor !== undefined && this.#served.has(actor) && !served.includes(actor)) served.push(actor);
    this.#stopServingMoved(served);
  }

  #followedBy(from: NodeId, wanted: MeshBody<"routing.follow">["topics"]): void {
    const { node, table, exchange } = this.#ports;
    const peer = this.#peers.get(from) ?? {
      topics: new Map(),
      events: [],
      bytes: 0,
      gaps: new Set(),
      scheduled: false,
    };
    this.#peers.set(from, peer);
    const topics: [ActorId, number][] = [];
    const refused: [ActorId, number][] = [];
    for (const [topic, following] of wanted) {
      const slot = this.#ports.slotOf(topic);
      const full = peer.topics.size >= this.#limits.topicsPerPeerMax && !peer.topics.has(topic);
      // Without a record it has no owner yet, and this node may become it.
      const owner = slot && (slotOwner(table, slot) ?? node);
      if (slot === undefined || full || owner !== node) {
        refused.push([topic, following]);
        continue;
      }
      peer.topics.set(topic, following);
      this.#serve(from, topic, slot);
      topics.push([topic, following]);
    }
    exchange.send(from, "routing.followed", { topics, refused });
  }

  #serve(peer: NodeId, topic: ActorId, slot: SlotId): void {
    const served = this.#served.get(topic) ?? { peers: new Set(), slot };
    this.#served.set(topic, served);
    served.peers.add(peer);
    this.#file(topic, served, slot);
  }

  /** Puts a topic under the slot it is in now: its actor may have got a slot of its own since it was first followed. */
  #file(topic: ActorId, served: Served, slot: SlotId): void {
    if (served.slot !== slot) takeOut(this.#bySlot, served.slot, topic);
    served.slot = slot;
    putIn(this.#bySlot, slot, topic);
  }

  #unserve(peer: NodeId, topic: ActorId): void {
    this.#peers.get(peer)?.topics.delete(topic);
    const served = this.#served.get(topic);
    if (served?.peers.delete(peer) !== true || served.peers.size > 0) return;
    this.#served.delete(topic);
    takeOut(this.#bySlot, served.slot, topic);
  }

  /** Gives up those of these topics that another node owns now, and tells their followers, each of all its own at
   *  once. */
  #stopServingMoved(topics: readonly ActorId[]): void {
    const { table, node, exchange } = this.#ports;
    const told = new Map<NodeId, [ActorId, number][]>();
    for (const topic of topics) {
      const served = this.#served.get(topic);
      const slot = this.#ports.slotOf(topic);
      if (served === undefined || slot === undefined) continue;
      if ((slotOwner(table, slot) ?? node) === node) {
        this.#file(topic, served, slot);
        continue;
      }
      for (const peer of served.peers) {
        const following = this.#peers.get(peer)?.topics.get(topic);
        const ofPeer = told.get(peer) ?? [];
        told.set(peer, ofPeer);
        if (following !== undefined) ofPeer.push([topic, following]);
        this.#unserve(peer, topic);
      }
    }
    // Queued events were published here and are still true.
    for (const [peer, all] of told)
      for (const refused of batches(all, this.#limits.batchItemsMax))
        exchange.send(peer, "routing.followed", { topics: [], refused });
  }

  #queue(node: NodeId, event: Measured): void {
    const peer = this.#peers.get(node);
    if (peer === undefined) return;
    const { eventsQueuedMax, eventsQueuedBytesMax } = this.#limits;
    if (peer.events.length >= eventsQueuedMax || peer.bytes + event.bytes > eventsQueuedBytesMax) {
      this.#ports.meter.count("routing_events_dropped", peer.events.length);
      for (const { row } of peer.events) peer.gaps.add(row[0]);
      peer.events = [];
      peer.bytes = 0;
    }
    if (event.bytes > wireLimits.peerMessageBytesMax) {
      // The event would hold up all behind it. Followers may ask the actor for durable events.
      this.#ports.meter.count("routing_oversize", 1, { what: "event" });
      peer.gaps.add(event.row[0]);
    } else {
      peer.events.push(event);
      peer.bytes += event.bytes;
    }
    if (peer.scheduled) return;
    peer.scheduled = true;
    this.#ports.clock.soon(() => this.#flush(node, peer));
  }

  #flush(node: NodeId, peer: Peer): void {
    peer.scheduled = false;
    if (this.#peers.get(node) !== peer) return;
    const { exchange, clock, meter } = this.#ports;
    const { batchItemsMax, batchBytesMax, retryMs } = this.#limits;
    const gaps = [...peer.gaps];
    let at = 0;
    let gapsAt = 0;
    while (at < peer.events.length || gapsAt < gaps.length) {
      // Gaps first: events after a gap are not missing.
      const gapsEnd = Math.min(gaps.length, gapsAt + batchItemsMax);
      let end = at;
      let bytes = 0;
      if (gapsEnd === gaps.length) {
        for (; end < peer.events.length && end - at < batchItemsMax; end += 1) {
          const next = peer.events[end]?.bytes ?? 0;
          if (end > at && bytes + next > batchBytesMax) break;
          bytes += next;
        }
      }
      const events = peer.events.slice(at, end).map(({ row }) => row);
      if (!exchange.send(node, "routing.events", { events, gaps: gaps.slice(gapsAt, gapsEnd) })) {
        peer.scheduled = true;
        clock.after(retryMs, () => this.#flush(node, peer));
        break;
      }
      meter.count("routing_events_sent", events.length);
      peer.bytes -= bytes;
      at = end;
      gapsAt = gapsEnd;
    }
    peer.events = peer.events.slice(at);
    assert(peer.events.length > 0 || peer.bytes === 0, "the bytes counted are those of the events that wait");
    peer.gaps = new Set(gaps.slice(gapsAt));
  }
}
