/** The topics that clients of this node follow: each is followed once, at the node that owns its slot.
 *
 *      aim ─► follow (numbered) ─► followed ─► confirmed: nothing is missed from here on
 *       ▲                             │
 *       └── not owned there, no answer, connection lost, another owner, another epoch */
import { actorOf, type ActorId, type SlotId } from "../../protocols/index.ts";
import type { MeshBody } from "../../protocols/mesh/index.ts";
import { backoffMs, withJitter } from "../waiting.ts";
import type { NodeId } from "../ports/index.ts";
import type { RoutingPorts } from "./ports.ts";
import type { RoutingLimits } from "./limits.ts";
import { batches, putIn, takeOut } from "./topics.ts";

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
  /** The topic is new: its followers have not read its present state yet. */
  fresh: boolean;
  /** The owner has confirmed this following. */
  confirmed: boolean;
  /** Its number; 0: the owner has to be asked anew. Asked again, it keeps it: an answer that takes longer than the
   *  pause between two questions is an answer. */
  following: number;
  /** The newest epoch of which an event was heard. */
  epoch: number;
  tries: number;
  pause: (() => void) | undefined;
}

/** The topics that a peer is about to be asked for. */
interface PendingSubscriptions {
  readonly follow: Map<ActorId, number>;
  readonly unfollow: Set<ActorId>;
}

export class Following {
  readonly #ports: RoutingPorts;
  readonly #limits: RoutingLimits;
  readonly #topics = new Map<string, Topic>();
  readonly #bySlot = new Map<SlotId, Set<Topic>>();
  readonly #unconfirmed = new Set<Topic>();
  readonly #pending = new Map<NodeId, PendingSubscriptions>();
  readonly #connected = new Set<NodeId>();
  #followings = 0;

  constructor(ports: RoutingPorts, limits: RoutingLimits) {
    this.#ports = ports;
    this.#limits = limits;
    const { exchange } = ports;
    for (const peer of exchange.peers()) this.#connected.add(peer);
    exchange.on("routing.followed", (body, from) => this.#confirmed(from, body));
    exchange.on("routing.events", (body, from) => this.#heard(from, body));
    exchange.onPeer({
      connected: (peer) => {
        this.#connected.add(peer);
        for (const topic of this.#unconfirmed) this.#aim(topic);
      },
      disconnected: (peer) => this.#disconnected(peer),
    });
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

  /** An event of this node's own. */
  publish(name: string, event: unknown, at: number | undefined, epoch: number): void {
    const topic = this.#topics.get(name);
    if (topic !== undefined) this.#deliver(topic, event, at, epoch);
  }

  slotChanged(slot: SlotId): void {
    const followed = [...(this.#bySlot.get(slot) ?? [])];
    // The topic of an actor that got a slot of its own is still filed under the slot that the actor left.
    const actor = actorOf(slot);
    const own = actor && this.#topics.get(actor);
    if (own && own.slot !== slot) followed.push(own);
    for (const topic of followed) this.#aim(topic);
  }

  stop(): void {
    for (const topic of this.#topics.values()) topic.pause?.();
  }

  #deliver(topic: Topic, event: unknown, at: number | undefined, epoch: number): void {
    // An actor that got a slot of its own counts epochs anew.
    if (at === undefined && epoch < topic.epoch && epoch !== topic.slotEpoch) return;
    const newest = Math.max(topic.epoch, topic.slotEpoch, 1);
    topic.epoch = Math.max(topic.epoch, epoch);
    // The table is behind: events that the new epoch found in the log may never have been sent, whichever event arrives
    // first.
    if (epoch > newest) this.#gap(topic);
    for (const follower of topic.followers) follower.hear(event, at);
  }

  #gap(topic: Topic): void {
    this.#ports.meter.count("routing_event_gaps");
    for (const follower of topic.followers) follower.gap?.();
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
    const owner = slot && this.#ports.ownerOf(slot);
    const slotEpoch = (slot && table.get(slot)?.record.epoch) ?? 0;
    const renewed = slotEpoch !== topic.slotEpoch && topic.slotEpoch > 0;
    topic.slotEpoch = slotEpoch;
    const before = topic.owner;
    if (before !== undefined && before !== node && before !== owner) this.#pendingOf(before).unfollow.add(topic.topic);
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
      // Requests that the earlier owner did not answer do not count against the new one.
      topic.tries = 0;
    }
    if (owner !== undefined && this.#connected.has(owner)) {
      if (topic.following === 0) {
        this.#followings += 1;
        topic.following = this.#followings;
      }
      const pending = this.#pendingOf(owner);
      pending.unfollow.delete(topic.topic);
      pending.follow.set(topic.topic, topic.following);
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
    const pending = this.#pendingOf(owner);
    pending.follow.delete(topic.topic);
    pending.unfollow.add(topic.topic);
  }

  /** The requests for a peer at the end of this tick. */
  #pendingOf(peer: NodeId): PendingSubscriptions {
    const present = this.#pending.get(peer);
    if (present) return present;
    const pending: PendingSubscriptions = { follow: new Map(), unfollow: new Set() };
    if (this.#pending.size === 0) this.#ports.clock.soon(() => this.#sendPending());
    this.#pending.set(peer, pending);
    return pending;
  }

  /** A request that does not go out is made again: followings are confirmed, and events of topics that are not followed
   *  lead to another request to end them. */
  #sendPending(): void {
    const { exchange } = this.#ports;
    const { batchItemsMax } = this.#limits;
    const all = [...this.#pending];
    this.#pending.clear();
    for (const [peer, { follow, unfollow }] of all) {
      if (!this.#connected.has(peer)) continue;
      for (const topics of batches([...unfollow], batchItemsMax)) exchange.send(peer, "routing.unfollow", { topics });
      for (const topics of batches([...follow], batchItemsMax)) exchange.send(peer, "routing.follow", { topics });
    }
  }

  #confirmed(from: NodeId, { topics, refused }: MeshBody<"routing.followed">): void {
    for (const [name, following] of topics) {
      const topic = this.#topics.get(name);
      if (topic === undefined || !isOf(topic, from, following) || topic.confirmed) continue;
      topic.confirmed = true;
      topic.tries = 0;
      topic.pause?.();
      topic.pause = undefined;
      this.#unconfirmed.delete(topic);
      this.#gap(topic);
    }
    for (const [name, following] of refused) {
      const topic = this.#topics.get(name);
      if (topic === undefined || !isOf(topic, from, following)) continue;
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
      if (topic === undefined) this.#pendingOf(from).unfollow.add(name);
      // Before it is confirmed something may be missing in front of it, and the gap that says so comes first.
      else if (topic.owner === from && (topic.confirmed || at === null))
        this.#deliver(topic, event, at ?? undefined, epoch);
    }
  }

  #disconnected(peer: NodeId): void {
    this.#connected.delete(peer);
    this.#pending.delete(peer);
    for (const topic of this.#topics.values()) {
      if (topic.owner !== peer) continue;
      topic.confirmed = false;
      topic.following = 0;
      this.#aim(topic);
    }
  }
}

/** Whether a peer speaks of the following that it was asked for last; 0 is none. */
const isOf = (topic: Topic, peer: NodeId, following: number): boolean =>
  topic.owner === peer && topic.following === following && following > 0;
