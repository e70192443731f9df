/** Routing of a node alone: every slot is its own, and what could not be served is tried again until its deadline. With
 *  `elsewhere` a test plays another node. */
import type { Envelope, Kernel, Routing } from "../../../node/kernel/api.ts";
import type { Clock } from "../../../node/ports.ts";
import {
  failure,
  refused,
  slotOf,
  type ActorId,
  type Failure,
  type Result,
  type Role,
  type SlotId,
} from "../../../protocols/index.ts";

interface Sent {
  readonly slot: SlotId;
  readonly envelope: Envelope;
  readonly deadlineMs: number;
  settle(result: Result<unknown>): void;
}

export interface SoloRouting extends Routing {
  /** Slots of another node. What is sent there is kept in `sent`. */
  readonly elsewhere: Set<SlotId>;
  /** Actors with a slot of their own. */
  readonly pinned: Set<ActorId>;
  readonly sent: Sent[];
  /** What was answered to other nodes. */
  readonly answered: { readonly correlation: number; readonly result: Result<unknown>; readonly served: boolean }[];
}

const retryMs = 5;

export function createSoloRouting(node: string, clock: Clock, kernel: () => Kernel): SoloRouting {
  const open = new Map<number, Sent>();
  let last = 0;

  const tryOnce = (sent: Sent): void => {
    last -= 1;
    open.set(last, sent);
    const { envelope } = sent;
    const operation = envelope.operation as string;
    const told = envelope.replyTo === undefined;
    kernel().receive(sent.slot, { ...envelope, replyTo: { node, correlation: last, operation }, told });
  };
  const again = (sent: Sent, error: Failure): void => {
    const hopeless = error.details?.["because"] === "DATA_DAMAGED" || clock.monotonicMs() + retryMs > sent.deadlineMs;
    if (hopeless) sent.settle(refused(error));
    else clock.after(retryMs, () => tryOnce(sent));
  };
  const take = (correlation: number): Sent | undefined => {
    const sent = open.get(correlation);
    open.delete(correlation);
    return sent;
  };

  const routing: SoloRouting = {
    elsewhere: new Set(),
    pinned: new Set(),
    sent: [],
    answered: [],
    slotOf: (role, actor) => (routing.pinned.has(actor) ? (actor as string as SlotId) : slotOf(role as Role, actor)),
    takes: (slot, here) => !here && routing.elsewhere.has(slot),
    send(slot, envelope, deadlineMs, settle, after) {
      const sent = { slot, envelope, deadlineMs, settle };
      if (envelope.operation === undefined) throw new Error("what is routed has an operation");
      if (routing.elsewhere.has(slot)) routing.sent.push(sent);
      else again(sent, after ?? failure("SLOT_UNAVAILABLE"));
    },
    answer({ node: to, correlation }, result) {
      if (to === node) take(correlation)?.settle(result);
      else routing.answered.push({ correlation, result, served: true });
    },
    turnedAway: (to, _actor, error) => routing.answer(to, refused(error)),
    unserved({ node: to, correlation }, error) {
      const sent = to === node ? take(correlation) : undefined;
      if (sent) again(sent, error);
      else if (to !== node) routing.answered.push({ correlation, result: refused(error), served: false });
    },
  };
  return routing;
}
