/** Routing of a node alone: every slot is its own, and what could not be served is tried again until its deadline. With
 *  `elsewhere` a test plays another node. */
import type { AskTable, Kernel, OpenAsk, Outgoing, Routing } from "../../../node/kernel/api.ts";
import type { Clock } from "../../../node/ports/index.ts";
import {
  failure,
  ownSlot,
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
  readonly envelope: Outgoing;
  readonly deadlineMs: number;
  settle(result: Result<unknown>): void;
}

export interface SoloRouting extends Routing {
  /** Slots of another node. What is sent there is kept in `sent`. */
  readonly elsewhere: Set<SlotId>;
  /** Actors with a slot of their own. */
  readonly split: Set<ActorId>;
  readonly sent: Sent[];
  /** What was answered to other nodes. */
  readonly answered: { readonly correlation: number; readonly result: Result<unknown>; readonly served: boolean }[];
}

const retryMs = 5;

export function createSoloRouting(node: string, clock: Clock, asks: AskTable, kernel: () => Kernel): SoloRouting {
  const tryOnce = (sent: Sent): void => {
    const { envelope } = sent;
    const { operation } = envelope;
    const correlation = asks.number();
    const open: OpenAsk = {
      target: node,
      deadlineMs: undefined,
      answered(result) {
        asks.close(correlation);
        sent.settle(result);
      },
      unserved(error) {
        asks.close(correlation);
        again(sent, error);
      },
    };
    asks.open(correlation, open);
    const to = { node, correlation, operation };
    kernel().receive(sent.slot, envelope.type === "ask" ? { ...envelope, replyTo: to } : { ...envelope, receipt: to });
  };
  const again = (sent: Sent, error: Failure): void => {
    const hopeless = error.details?.["because"] === "DATA_DAMAGED" || clock.monotonicMs() + retryMs > sent.deadlineMs;
    if (hopeless) sent.settle(refused(error));
    else clock.after(retryMs, () => tryOnce(sent));
  };

  const routing: SoloRouting = {
    elsewhere: new Set(),
    split: new Set(),
    sent: [],
    answered: [],
    slotOf: (role, actor) => (routing.split.has(actor) ? ownSlot(actor) : slotOf(role as Role, actor)),
    takes: (slot, here) => !here && routing.elsewhere.has(slot),
    send(slot, envelope, deadlineMs, settle, after) {
      const sent = { slot, envelope, deadlineMs, settle };
      if (routing.elsewhere.has(slot)) routing.sent.push(sent);
      else again(sent, after ?? failure("SLOT_UNAVAILABLE"));
    },
    answer({ correlation }, result) {
      routing.answered.push({ correlation, result, served: true });
    },
    undelivered({ correlation }, _actor, why, error) {
      routing.answered.push({ correlation, result: refused(error), served: why !== "unserved" });
    },
  };
  return routing;
}
