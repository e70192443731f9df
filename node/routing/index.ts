/** How messages reach actors on other nodes, and answers and events come back.
 *
 *      kernel ─ send ─► Outbound: one outbox a slot ══ envelopes ══► Inbound ─ receive ─► kernel of the owner
 *                            ▲                                          │
 *                            └══════════════ answers ═══════════════════┘
 *      gateway ─ follow ─► Relay ══ follow ══► Relay of the owner ◄─ publish ─ kernel of the owner
 *                            ▲════ events ══════════┘                 (once a node, however many clients)
 *      admins ─ list, show, release ─► actors.ts ══════► the owners
 *
 *  What users must not see is dealt with here: a slot that moves, an owner that dies, a connection that breaks. An
 *  envelope stays in its outbox until it is answered or its deadline has passed, and is sent again to the slot's owner
 *  of that time. That is safe because it names its operation, and keeps the order because of the rules in `outbound.ts`
 *  and `inbound.ts`. A tell is answered too, once its turn took effect. Nothing rests on the slot table being current:
 *  the worst that an old one does is a bounce.
 *
 *  Read `outbound.ts`, `inbound.ts`, then `relay.ts`, `identity.ts` and `actors.ts`, which stand alone. */
import type { ActorId, Role } from "../../protocols/index.ts";
import type { Routing } from "../kernel/api.ts";
import type { Hub, NodeId } from "../ports/index.ts";
import { slotOwnerOrFirst } from "../cluster/facts/slot-owner.ts";
import { slotOfActor } from "../cluster/facts/slot-table.ts";
import { Identities } from "./identity.ts";
import { Inbound } from "./inbound.ts";
import { routingLimits } from "./limits.ts";
import { Outbound } from "./outbound.ts";
import { Relay } from "./relay.ts";
import type { RoutingOptions, RoutingPorts } from "./ports.ts";

export type { IdentitySigner } from "./ports.ts";
export { createClusterActors } from "./actors.ts";
export { routingLimits, type RoutingLimits } from "./limits.ts";

export interface RoutingPart extends Routing {
  /** Where the kernel publishes and the gateway listens. */
  readonly hub: Hub;
  /** The node that has an actor, or would be given it: nobody may have asked for it yet. Undefined: there is none, or
   *  no such kind. */
  ownerOf(actor: ActorId): NodeId | undefined;
  /** A token of a person was found good at this node. Resolves when other nodes can be shown that. */
  signedIn(user: string, tokenHash: string): Promise<void>;
  /** Gives up what is under way. */
  stop(): void;
}

/** Starts routing: its messages are handled from here on. */
export function createRouting(options: RoutingOptions): RoutingPart {
  const { table } = options;
  const limits = { ...routingLimits, ...options.limits };
  const ports: RoutingPorts = {
    ...options,
    kernel: () => options.kernel(),
    slotOf: (actor) => options.kernel().slotOf(actor),
    ownerOf: (slot) =>
      slotOwnerOrFirst(table, slot, () => ({
        members: options.membership.members().members,
        membership: options.membership,
        directoryNode: options.directoryNode(),
      })),
  };
  const identities = new Identities(ports, limits);
  const outbound = new Outbound(ports, limits, identities);
  const inbound = new Inbound(ports, limits, identities);
  const hub = new Relay(ports, limits);
  return {
    hub,
    ownerOf(actor) {
      const slot = ports.slotOf(actor);
      return slot && ports.ownerOf(slot);
    },
    signedIn: (user, tokenHash) => identities.hold(user, tokenHash),
    slotOf: (role, actor) => slotOfActor(table, role as Role, actor),
    takes: (slot, here) => outbound.takes(slot, here),
    send: outbound.send,
    answer: (to, result) => inbound.answer(to, result),
    undelivered: (to, actor, why, error) => inbound.undelivered(to, actor, why, error),
    stop() {
      outbound.stop();
      hub.stop();
    },
  };
}
