/** How messages reach actors on other nodes, and answers and events come back.
 *
 *      kernel ─ send ─► Lines: one line a slot ══ envelopes ══► Inbound ─ receive ─► kernel of the owner
 *                            ▲                                     │
 *                            └══════════════ answers ══════════════┘
 *      gateway ─ follow ─► Relay ══ follow ══► Relay of the owner ◄─ publish ─ kernel of the owner
 *                            ▲════ events ══════════┘                 (once a node, however many clients)
 *      kernel, gateway ─ generate ─► Generations ══════► a member that has the model
 *
 *  What users must not see is dealt with here: a slot that moves, an owner that dies, a connection that breaks. An envelope
 *  stays in its line until it is answered or its deadline has passed, and is sent again to whoever owns the slot by then.
 *  That is safe because it names its operation, and keeps the order because of the rules in `lines.ts` and `inbound.ts`.
 *  A tell is answered too, once its turn took effect. Nothing rests on the slot table being current: the worst that an old
 *  one does is a bounce.
 *
 *  Read `lines.ts`, `inbound.ts`, then `relay.ts` and `generations.ts`, which stand alone. */
import { slotOf, type ActorId, type Role, type SlotId } from "../../protocols/index.ts";
import type { Kernel, Routing } from "../kernel/api.ts";
import type { Exchange } from "../exchange.ts";
import type { Clock, Log, Membership, Meter, Random } from "../ports.ts";
import type { SlotTable } from "../slot-table.ts";
import { Inbound } from "./inbound.ts";
import { Lines } from "./lines.ts";
import { routingLimits, type RoutingLimits } from "./limits.ts";

export { createGenerations, type GenerationsPorts } from "./generations.ts";
export { routingLimits, type RoutingLimits } from "./limits.ts";
export { createRelay, type Relay, type RelayPorts, type TopicHub } from "./relay.ts";

export interface RoutingOptions {
  readonly exchange: Exchange;
  readonly table: SlotTable;
  readonly membership: Membership;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly meter: Meter;
  /** The role of a kind of actor; undefined for a kind nobody knows. */
  roleOf(kind: string): Role | undefined;
  /** Asked when the first envelope arrives: kernel and routing need one another. */
  kernel(): Pick<Kernel, "receive">;
  readonly limits?: Partial<RoutingLimits>;
}

/** What the parts of this folder share. */
export interface RoutingPorts extends RoutingOptions {
  readonly node: string;
  /** The slot of an actor as the table has it; undefined for a kind nobody knows. */
  slotOf(actor: ActorId): SlotId | undefined;
}

export interface RunningRouting extends Routing {
  /** The same by actor alone, for the relay. */
  slotOfActor(actor: ActorId): SlotId | undefined;
  /** Gives up what is under way. */
  stop(): void;
}

/** An actor's slot: its own when it is pinned, its role's share otherwise. */
function slotIn(table: SlotTable, role: Role, actor: ActorId): SlotId {
  const pinned = actor as string as SlotId;
  return table.get(pinned) === undefined ? slotOf(role, actor) : pinned;
}

/** Starts routing. The exchange's `routing.envelopes` and `routing.answers` are handled from here on. */
export function createRouting(options: RoutingOptions): RunningRouting {
  const { table, exchange, roleOf } = options;
  const { node } = exchange;
  const limits = { ...routingLimits, ...options.limits };
  const slotOfActor = (actor: ActorId): SlotId | undefined => {
    const role = roleOf(actor.slice(0, actor.indexOf("/")));
    return role && slotIn(table, role, actor);
  };
  const ports: RoutingPorts = { ...options, node, slotOf: slotOfActor };
  const lines = new Lines(ports, limits);
  const inbound = new Inbound(ports, limits);
  exchange.on("routing.answers", ({ answers }, from) => {
    for (const [sending, result, served] of answers) lines.answered(sending, from, result, served);
  });

  return {
    slotOf: (role, actor) => slotIn(table, role as Role, actor),
    slotOfActor,
    takes: (slot, here) => lines.takes(slot, here),
    send: (slot, envelope, deadlineMs, settle, after) => lines.send(slot, envelope, deadlineMs, settle, after),
    answer(to, result) {
      if (to.node === node) lines.answered(to.correlation, node, result, true);
      else inbound.answer(to, result);
    },
    unserved(to, error) {
      if (to.node === node) lines.answered(to.correlation, node, { ok: false, error }, false);
      else inbound.unserved(to, error);
    },
    stop: () => lines.stop(),
  };
}
