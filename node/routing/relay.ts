/** Events across nodes: a topic that clients of this node follow is followed once at the node that owns its slot, which
 *  sends each event once a node.
 *
 *      gateway ─ follow ─► topic ──(first follower)── follow ──► owner: remembers the node
 *                            ▲                                     │
 *                            ├──────────── followed ◄──────────────┤   from here on nothing is missed
 *                            └──────────── events ◄────────────────┘   batched a tick
 *
 *  Invariant 8 is kept by the gateway's cursors, which need to know one thing: when something may have been missed.
 *  That is a gap: a following began or began anew, events were dropped, or the slot has a new epoch (its last owner may
 *  have written an event and died before it was sent). At a gap the gateway asks the actor for what comes after each
 *  cursor.
 *
 *  Best-effort events carry the epoch of the actor that published them; those of an owner before are dropped. Durable
 *  ones have a position, by which the gateway knows them. */
import type { Hub } from "../ports/index.ts";
import { Following } from "./following.ts";
import type { RoutingPorts } from "./ports.ts";
import type { RoutingLimits } from "./limits.ts";
import { Serving } from "./serving.ts";

/** See `Hub`. Following and serving know nothing of one another: an event of this node goes to both. */
export class Relay implements Hub {
  readonly #following: Following;
  readonly #serving: Serving;
  readonly #stopWatching: () => void;

  constructor(ports: RoutingPorts, limits: RoutingLimits) {
    this.#following = new Following(ports, limits);
    this.#serving = new Serving(ports, limits);
    this.#stopWatching = ports.table.onChange((slot) => {
      this.#following.slotChanged(slot);
      this.#serving.slotChanged(slot);
    });
  }

  follow(...[topic, follower, onGap]: Parameters<Hub["follow"]>): () => void {
    return this.#following.follow(topic, follower, onGap);
  }

  publish(topic: string, event: unknown, at: number | undefined, epoch: number): void {
    this.#following.publish(topic, event, at, epoch);
    this.#serving.publish(topic, event, at, epoch);
  }

  stop(): void {
    this.#stopWatching();
    this.#following.stop();
  }
}
