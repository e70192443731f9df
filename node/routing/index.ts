/** How messages reach actors on other nodes, and answers and events come back.
 *
 *      kernel ─ send ─► Lines: one line a slot ══ envelopes ══► Inbound ─ receive ─► kernel of the owner
 *                            ▲                                     │
 *                            └══════════════ answers ══════════════┘
 *      gateway ─ follow ─► Relay ══ follow ══► Relay of the owner ◄─ publish ─ kernel of the owner
 *                            ▲════ events ══════════┘                 (once a node, however many clients)
 *      kernel, gateway ─ generate ─► Generations ══════► a member that has the model
 *      admins ─ list, show, release ─► actors.ts ══════► the owners
 *
 *  What users must not see is dealt with here: a slot that moves, an owner that dies, a connection that breaks. An envelope
 *  stays in its line until it is answered or its deadline has passed, and is sent again to whoever owns the slot by then.
 *  That is safe because it names its operation, and keeps the order because of the rules in `lines.ts` and `inbound.ts`.
 *  A tell is answered too, once its turn took effect. Nothing rests on the slot table being current: the worst that an old
 *  one does is a bounce.
 *
 *  Read `lines.ts`, `inbound.ts`, then `relay.ts`, `generations.ts` and `actors.ts`, which stand alone. */
import { slotOf, type ActorId, type Role, type SlotId } from "../../protocols/index.ts";
import type { Runtime } from "../../runtimes/runtime.ts";
import type { Exchange } from "../exchange.ts";
import type { Kernel, Routing } from "../kernel/api.ts";
import type { Clock, Log, Membership, Meter, NodeId, Random } from "../ports.ts";
import { firstOwner, type SlotTable } from "../slot-table.ts";
import { createGenerations } from "./generations.ts";
import { Inbound } from "./inbound.ts";
import { routingLimits, type RoutingLimits } from "./limits.ts";
import { Lines } from "./lines.ts";
import { Relay, type Hub } from "./relay.ts";

export { createClusterActors } from "./actors.ts";
export { routingLimits, type RoutingLimits } from "./limits.ts";
export type { Hub } from "./relay.ts";

export interface RoutingOptions {
  readonly node: NodeId;
  readonly exchange: Exchange;
  readonly table: SlotTable;
  readonly membership: Membership;
  /** The node that keeps the embedded directory; undefined with another directory. */
  directoryNode?(): NodeId | undefined;
  /** This node's own inference. */
  readonly runtime: Runtime;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** Asked when something arrives: kernel and routing need one another. */
  kernel(): Pick<Kernel, "receive" | "slotOf" | "left">;
  readonly limits?: Partial<RoutingLimits>;
}

/** What the parts of this folder share. */
export interface RoutingPorts extends RoutingOptions {
  /** The slot of an actor as the table has it; undefined for a kind nobody knows. */
  slotOf(actor: ActorId): SlotId | undefined;
  /** Who would own a slot that has no record. */
  firstOwner(slot: SlotId): NodeId | undefined;
}

export interface RoutingPart extends Routing {
  /** Where the kernel publishes and the gateway listens. */
  readonly hub: Hub;
  /** Inference on this node and on the others. Stopping it leaves this node's own runtime as it is. */
  readonly runtime: Runtime;
  /** Gives up what is under way. */
  stop(): void;
}

/** Starts routing: its messages are handled from here on. */
export function createRouting(options: RoutingOptions): RoutingPart {
  const { node, table, exchange } = options;
  const limits = { ...routingLimits, ...options.limits };
  const ports: RoutingPorts = {
    ...options,
    kernel: () => options.kernel(),
    slotOf: (actor) => options.kernel().slotOf(actor),
    firstOwner: (slot) =>
      firstOwner(slot, {
        members: options.membership.members().members,
        isUp: (name) => options.membership.isUp(name),
        directoryNode: options.directoryNode?.(),
      }),
  };
  const lines = new Lines(ports, limits);
  const inbound = new Inbound(ports, limits);
  const hub = new Relay(ports, limits);
  const runtime = createGenerations(ports, limits);
  exchange.on("routing.answers", ({ answers }, from) => {
    for (const [sending, result, served, refusal] of answers) lines.answered(sending, from, result, served, refusal);
  });

  return {
    hub,
    runtime,
    slotOf(role, actor) {
      // A pinned actor has a slot of its own, named like itself.
      const pinned = actor as string as SlotId;
      return table.get(pinned) === undefined ? slotOf(role as Role, actor) : pinned;
    },
    takes: (slot, here) => lines.takes(slot, here),
    send: (slot, envelope, deadlineMs, settle, after) => lines.send(slot, envelope, deadlineMs, settle, after),
    answer(to, result) {
      if (to.node === node) lines.answered(to.correlation, node, result, true);
      else inbound.answer(to, result);
    },
    turnedAway(to, actor, error) {
      if (to.node === node) lines.answered(to.correlation, node, { ok: false, error }, true);
      else inbound.turnedAway(to, actor, error);
    },
    unserved(to, error) {
      if (to.node === node) lines.answered(to.correlation, node, { ok: false, error }, false);
      else inbound.unserved(to, error);
    },
    stop() {
      lines.stop();
      hub.stop();
      void runtime.stop(0);
    },
  };
}
