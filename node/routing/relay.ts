/** Events across nodes: a topic that clients of this node follow is followed once at the node that owns its slot, which
 *  sends each event once a node.
 *
 *      gateway ─ follow ─► topic ──(first follower)── follow ──► owner: remembers the node
 *                            ▲                                     │
 *                            ├──────────── followed ◄──────────────┤   from here on nothing is missed
 *                            └──────────── events ◄────────────────┘   batched a tick
 *
 *  Invariant 8 is kept by the gateway's cursors, which need to know one thing: when something may have been missed. That
 *  is a gap: a following began or began anew, events were dropped, or the slot has a new epoch (its last owner may have
 *  written an event and died before it was sent). At a gap the gateway asks the actor for what comes after each cursor.
 *
 *  Best-effort events carry the epoch of the actor that published them; those of an owner before are dropped. Durable ones
 *  have a position, by which the gateway knows them. */
import { encodedBytesMax, wireLimits, type ActorId, type SlotId } from "../../protocols/index.ts";
import type { MeshBody } from "../../protocols/mesh/index.ts";
import { backoffMs, withJitter } from "../backoff.ts";
import type { NodeId, Publisher } from "../ports.ts";
import type { RoutingPorts } from "./index.ts";
import type { RoutingLimits } from "./limits.ts";

/** Where actors publish and the gateway listens, wherever in the cluster either is. */
export interface Hub extends Publisher {
  /** Hears every event of `topic` from now on, until the returned function is called. `onGap` is called when events may
   *  have been missed. */
  follow(topic: string, follower: (event: unknown, at: number | undefined) => void, onGap?: () => void): () => void;
}

interface Follower {
  hear(event: unknown, at: number | undefined): void;
  readonly gap: (() => void) | undefined;
}

/** A topic that is followed here. */
interface Topic {
  readonly topic: ActorId;
  readonly followers: Set<Follower>;
  slot: SlotId | undefined;
  /** Of the slot's record when the topic was last looked at. */
  slotEpoch: number;
  /** Where it is followed; this node itself when it owns the slot. */
  owner: NodeId | undefined;
  /** It was not looked at yet: who follows it has asked nobody what there is. */
  fresh: boolean;
  /** The owner has confirmed this following. */
  confirmed: boolean;
  /** Its number; 0: the owner has to be asked anew. Asked again, it keeps it: an answer that takes longer than the pause
   *  between two questions is an answer. */
  following: number;
  /** The newest epoch of which an event was heard. */
  epoch: number;
  tries: number;
  pause: (() => void) | undefined;
}

type EventRow = [topic: ActorId, at: number | null, epoch: number, event: unknown];

/** An event on its way, measured once for all who follow. */
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

/** What a peer follows here, and what waits for it. */
interface Peer {
  readonly topics: Map<ActorId, number>;
  events: Measured[];
  bytes: number;
  gaps: Set<ActorId>;
  scheduled: boolean;
}

/** Followings that are about to be asked for. */
interface Wishes {
  readonly follow: Map<ActorId, number>;
  readonly unfollow: Set<ActorId>;
}

export class Relay implements Hub {
  readonly #ports: RoutingPorts;
  readonly #limits: RoutingLimits;
  readonly #topics = new Map<string, Topic>();
  readonly #bySlot = new Map<SlotId, Set<Topic>>();
  readonly #unconfirmed = new Set<Topic>();
  readonly #peers = new Map<NodeId, Peer>();
  readonly #served = new Map<string, Served>();
  readonly #servedBySlot = new Map<SlotId, Set<ActorId>>();
  readonly #wishes = new Map<NodeId, Wishes>();
  readonly #connected = new Set<NodeId>();
  #followings = 0;
  readonly #stop: () => void;

  constructor(ports: RoutingPorts, limits: RoutingLimits) {
    this.#ports = ports;
    this.#limits = limits;
    const { exchange, table } = ports;
    for (const peer of exchange.peers()) this.#connected.add(peer);
    exchange.on("routing.follow", (body, from) => this.#followedBy(from, body.topics));
    exchange.on("routing.unfollow", ({ topics }, from) => {
      for (const topic of topics) this.#unserve(from, topic);
    });
    exchange.on("routing.followed", (body, from) => this.#confirmed(from, body));
    exchange.on("routing.events", (body, from) => this.#heard(from, body));
    exchange.onPeer({
      connected: (peer) => {
        this.#connected.add(peer);
        for (const topic of this.#unconfirmed) this.#aim(topic);
      },
      disconnected: (peer) => this.#disconnected(peer),
    });
    this.#stop = table.onChange((slot) => this.#slotChanged(slot));
  }

  follow(name: string, hear: Follower["hear"], gap?: () => void): () => void {
    let topic = this.#topics.get(name);
    const follower = { hear, gap };
    if (topic === undefined) {
      topic = {
        topic: name as ActorId,
        followers: new Set(),
        slot: undefined,
        slotEpoch: 0,
        owner: undefined,
        fresh: true,
        confirmed: false,
        following: 0,
        epoch: 0,
        tries: 0,
        pause: undefined,
      };
      this.#topics.set(name, topic);
      topic.followers.add(follower);
      this.#aim(topic);
    } else topic.followers.add(follower);
    const followed = topic;
    return () => {
      if (followed.followers.delete(follower) && followed.followers.size === 0) this.#forget(followed);
    };
  }

  publish(name: string, event: unknown, at: number | undefined, epoch = 0): void {
    const topic = this.#topics.get(name);
    if (topic !== undefined) this.#deliver(topic, event, at, epoch);
    const served = this.#served.get(name);
    if (served === undefined) return;
    const row: EventRow = [name as ActorId, at ?? null, epoch, event];
    const bytes = encodedBytesMax(event) + 64;
    for (const node of served.peers) this.#queue(node, { row, bytes });
  }

  stop(): void {
    this.#stop();
    for (const topic of this.#topics.values()) topic.pause?.();
  }

  // --- topics followed here ------------------------------------------------------------------------------------------

  #deliver(topic: Topic, event: unknown, at: number | undefined, epoch: number): void {
    // An actor that got a slot of its own counts epochs anew.
    if (at === undefined && epoch < topic.epoch && epoch !== topic.slotEpoch) return;
    const newest = Math.max(topic.epoch, topic.slotEpoch, 1);
    topic.epoch = Math.max(topic.epoch, epoch);
    // The table is behind: what this epoch found in the log may never have been sent, whatever is the first to come of it.
    if (epoch > newest) this.#gap(topic);
    for (const follower of topic.followers) follower.hear(event, at);
  }

  #gap(topic: Topic): void {
    this.#ports.meter.count("routing_event_gaps");
    for (const follower of topic.followers) follower.gap?.();
  }

  #ownerOf(slot: SlotId): NodeId | undefined {
    return this.#ports.table.get(slot)?.record.owner ?? this.#ports.firstOwner(slot);
  }

  /** Follows a topic where it should be followed now. */
  #aim(topic: Topic): void {
    const { node, table } = this.#ports;
    if (topic.followers.size === 0) return;
    topic.pause?.();
    topic.pause = undefined;
    const { fresh } = topic;
    topic.fresh = false;
    const slot = this.#ports.slotOf(topic.topic);
    this.#enterSlot(topic, slot);
    const owner = slot && this.#ownerOf(slot);
    const slotEpoch = (slot && table.get(slot)?.record.epoch) ?? 0;
    const renewed = slotEpoch !== topic.slotEpoch && topic.slotEpoch > 0;
    topic.slotEpoch = slotEpoch;
    const before = topic.owner;
    if (before !== undefined && before !== node && before !== owner) this.#wish(before).unfollow.add(topic.topic);
    topic.owner = owner;
    if (owner === before && topic.confirmed) {
      if (renewed) this.#gap(topic);
      return;
    }
    if (owner === node) {
      topic.confirmed = true;
      this.#unconfirmed.delete(topic);
      if (!fresh) this.#gap(topic);
      return;
    }
    topic.confirmed = false;
    this.#unconfirmed.add(topic);
    if (owner !== before) {
      topic.following = 0;
      // What the owner before did not answer says nothing of this one.
      topic.tries = 0;
    }
    if (owner !== undefined && this.#connected.has(owner)) {
      if (topic.following === 0) {
        this.#followings += 1;
        topic.following = this.#followings;
      }
      const wishes = this.#wish(owner);
      wishes.unfollow.delete(topic.topic);
      wishes.follow.set(topic.topic, topic.following);
    }
    this.#aimLater(topic);
  }

  #aimLater(topic: Topic): void {
    const { clock, random } = this.#ports;
    const { followRetryMs, followRetryMaxMs } = this.#limits;
    const waitMs = backoffMs(topic.tries, { firstMs: followRetryMs, maxMs: followRetryMaxMs });
    topic.tries += 1;
    topic.pause = clock.after(Math.ceil(withJitter(waitMs, random)), () => this.#aim(topic));
  }

  #enterSlot(topic: Topic, slot: SlotId | undefined): void {
    if (topic.slot === slot) return;
    if (topic.slot !== undefined) takeOut(this.#bySlot, topic.slot, topic);
    if (slot !== undefined) putIn(this.#bySlot, slot, topic);
    topic.slot = slot;
    topic.slotEpoch = 0;
  }

  #forget(topic: Topic): void {
    topic.pause?.();
    this.#topics.delete(topic.topic);
    this.#unconfirmed.delete(topic);
    this.#enterSlot(topic, undefined);
    const { owner } = topic;
    if (owner === undefined || owner === this.#ports.node) return;
    const wishes = this.#wish(owner);
    wishes.follow.delete(topic.topic);
    wishes.unfollow.add(topic.topic);
  }

  /** What is to be asked of a peer at the end of this tick. */
  #wish(peer: NodeId): Wishes {
    const present = this.#wishes.get(peer);
    if (present) return present;
    const wishes: Wishes = { follow: new Map(), unfollow: new Set() };
    if (this.#wishes.size === 0) this.#ports.clock.soon(() => this.#sendWishes());
    this.#wishes.set(peer, wishes);
    return wishes;
  }

  /** One that does not go out is wished for again: followings are confirmed, and events of others answered by a wish. */
  #sendWishes(): void {
    const { exchange } = this.#ports;
    const { batchItemsMax } = this.#limits;
    const all = [...this.#wishes];
    this.#wishes.clear();
    for (const [peer, { follow, unfollow }] of all) {
      if (!this.#connected.has(peer)) continue;
      for (const topics of batches([...unfollow], batchItemsMax)) exchange.send(peer, "routing.unfollow", { topics });
      for (const topics of batches([...follow], batchItemsMax)) exchange.send(peer, "routing.follow", { topics });
    }
  }

  #confirmed(from: NodeId, { topics, refused }: MeshBody<"routing.followed">): void {
    for (const [name, following] of topics) {
      const topic = this.#topics.get(name);
      if (topic?.owner !== from || topic.following !== following || topic.confirmed) continue;
      topic.confirmed = true;
      topic.tries = 0;
      topic.pause?.();
      topic.pause = undefined;
      this.#unconfirmed.delete(topic);
      this.#gap(topic);
    }
    for (const [name, following] of refused) {
      const topic = this.#topics.get(name);
      if (topic?.owner !== from || topic.following !== following) continue;
      topic.confirmed = false;
      topic.following = 0;
      this.#unconfirmed.add(topic);
      topic.pause?.();
      this.#aimLater(topic);
    }
  }

  #heard(from: NodeId, { events, gaps }: MeshBody<"routing.events">): void {
    for (const name of gaps) {
      const topic = this.#topics.get(name);
      if (topic?.owner === from) this.#gap(topic);
    }
    for (const [name, at, epoch, event] of events) {
      const topic = this.#topics.get(name);
      if (topic === undefined) this.#wish(from).unfollow.add(name);
      // Before it is confirmed something may be missing in front of it, and the gap that says so comes first.
      else if (topic.owner === from && (topic.confirmed || at === null))
        this.#deliver(topic, event, at ?? undefined, epoch);
    }
  }

  #disconnected(peer: NodeId): void {
    this.#connected.delete(peer);
    this.#wishes.delete(peer);
    const served = this.#peers.get(peer);
    for (const topic of served?.topics.keys() ?? []) this.#unserve(peer, topic);
    this.#peers.delete(peer);
    for (const topic of this.#topics.values()) {
      if (topic.owner !== peer) continue;
      topic.confirmed = false;
      topic.following = 0;
      this.#aim(topic);
    }
  }

  #slotChanged(slot: SlotId): void {
    const name = slot as string as ActorId;
    const followed = [...(this.#bySlot.get(slot) ?? [])];
    // A pinned actor's topic is still filed under the slot it left.
    const pinned = this.#topics.get(name);
    if (pinned && pinned.slot !== slot) followed.push(pinned);
    for (const topic of followed) this.#aim(topic);

    const served = [...(this.#servedBySlot.get(slot) ?? [])];
    if (this.#served.has(name) && !served.includes(name)) served.push(name);
    this.#stopServingMoved(served);
  }

  // --- topics followed by other nodes --------------------------------------------------------------------------------

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
      // Without a record nobody owns it yet, and this node may be the one that will.
      const owner = slot && (table.get(slot)?.record.owner ?? node);
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

  /** Puts a topic under the slot it is in now: its actor may have been pinned since it was first followed. */
  #file(topic: ActorId, served: Served, slot: SlotId): void {
    if (served.slot !== slot) takeOut(this.#servedBySlot, served.slot, topic);
    served.slot = slot;
    putIn(this.#servedBySlot, slot, topic);
  }

  #unserve(peer: NodeId, topic: ActorId): void {
    this.#peers.get(peer)?.topics.delete(topic);
    const served = this.#served.get(topic);
    if (served?.peers.delete(peer) !== true || served.peers.size > 0) return;
    this.#served.delete(topic);
    takeOut(this.#servedBySlot, served.slot, topic);
  }

  /** Gives up those of these topics that another node owns now, and tells their followers, each of all its own at once. */
  #stopServingMoved(topics: readonly ActorId[]): void {
    const { table, node, exchange } = this.#ports;
    const told = new Map<NodeId, [ActorId, number][]>();
    for (const topic of topics) {
      const served = this.#served.get(topic);
      const slot = this.#ports.slotOf(topic);
      if (served === undefined || slot === undefined) continue;
      if ((table.get(slot)?.record.owner ?? node) === node) {
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
    // What is queued was published here and is still true.
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
      // It would hold up all behind it. What was durable of it, whoever missed it may ask for.
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
      // Gaps first: what comes after them is not missing.
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
    peer.gaps = new Set(gaps.slice(gapsAt));
  }
}

function putIn<Key, Value>(index: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const present = index.get(key);
  if (present) present.add(value);
  else index.set(key, new Set([value]));
}

function takeOut<Key, Value>(index: Map<Key, Set<Value>>, key: Key, value: Value): void {
  const present = index.get(key);
  if (present?.delete(value) && present.size === 0) index.delete(key);
}

function* batches<Item>(items: readonly Item[], size: number): Generator<Item[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
