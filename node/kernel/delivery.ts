/** The way of a message: to an actor here or through routing, and back to where it came from, with an answer or
 *  without.
 *
 *      ask, send ─┬─ the slot is here ─► SlotHost ─► answer ─────────────┬─► an ask of this node: the open asks' table
 *                 │                         └──────► undelivered ────────┤
 *                 └─ elsewhere, or waits ─► Routing                      └─► an ask of another: Routing
 *
 *  A message whose slot ends before it was handled is not its sender's trouble: it goes through `Routing` until its
 *  deadline. */
import { failure, refused, type ActorId, type Failure, type Result, type SlotId } from "../../protocols/index.ts";
import type { ReplyTo } from "../../actors/behavior.ts";
import type { Clock, Log, Meter, NodeId } from "../ports/index.ts";
import type { Activation } from "./activation.ts";
import type { AskTable, OpenAsk, Routing } from "./api.ts";
import type { ActivationHost, KernelServices } from "./host.ts";
import type { KernelLimits } from "./limits.ts";
import type { Ask, Envelope, Tell, Undelivered } from "./mailbox.ts";

interface DeliveryPorts {
  readonly node: NodeId;
  readonly clock: Clock;
  readonly log: Log;
  readonly meter: Meter;
  readonly routing: Routing;
  readonly asks: AskTable;
  readonly limits: Pick<KernelLimits, "tellTimeoutMs">;
  /** Names the operations of this process, so that they are like no other's. */
  readonly incarnation: string;
  readonly activationOf: (actor: ActorId) => Activation | undefined;
  readonly slotOf: (actor: ActorId) => SlotId | undefined;
  /** Whether the slot is open here or about to be. */
  readonly isHere: (slot: SlotId) => boolean;
  readonly isKnown: (slot: SlotId) => boolean;
  readonly hostOf: (slot: SlotId) => Pick<ActivationHost, "deliver">;
  /** Deadlines have to be looked after from now on. */
  readonly asked: () => void;
}

/** An ask that this node handed to an actor of its own. */
class LocalAsk implements OpenAsk {
  readonly target: NodeId;
  readonly deadlineMs: number;
  readonly envelope: Ask;
  readonly settle: (result: Result<unknown>) => void;
  readonly #delivery: Delivery;

  constructor(
    delivery: Delivery,
    envelope: Ask,
    { deadlineMs, settle }: { readonly deadlineMs: number; readonly settle: (result: Result<unknown>) => void },
  ) {
    this.target = envelope.replyTo.node;
    this.envelope = envelope;
    this.deadlineMs = deadlineMs;
    this.settle = settle;
    this.#delivery = delivery;
  }

  answered(result: Result<unknown>): void {
    this.#delivery.close(this);
    this.settle(result);
  }

  unserved(error: Failure): void {
    this.#delivery.close(this);
    this.#delivery.sendOn(this, error);
  }
}

export class Delivery {
  readonly #ports: DeliveryPorts;
  #stopping = false;
  #stopped = false;

  constructor(ports: DeliveryPorts) {
    this.#ports = ports;
  }

  /** From now on messages for slots that are not served here are not sent elsewhere. */
  stopping(): void {
    this.#stopping = true;
  }

  /** From now on nothing is sent. */
  stop(): void {
    this.#stopped = true;
  }

  /** Sends with a claim to an answer. `settle` is called once: with the answer, or with ASK_TIMEOUT. */
  readonly ask: KernelServices["ask"] = ({ to, from, message, operationId, chain, trace }, timeoutMs, settle) => {
    const { node, clock, routing, asks, activationOf, slotOf, isHere } = this.#ports;
    const present = activationOf(to);
    const slot = present ? present.host.slot : slotOf(to);
    if (slot === undefined) {
      settle(refused(failure("NOT_FOUND", { actor: to })));
      return;
    }
    const deadlineMs = clock.monotonicMs() + timeoutMs;
    const number = asks.number();
    const elsewhere = routing.takes(slot, present !== undefined || isHere(slot));
    const named = operationId === undefined ? undefined : `${from}|${operationId}`;
    if (elsewhere) {
      const operation = named ?? this.#madeUp(from, number);
      routing.send(slot, { type: "ask", to, from, message, operation, chain, trace }, deadlineMs, settle);
      return;
    }
    // A message that may have to be sent twice has an operation id. On a node alone no other takes over, and nothing is
    // sent twice.
    const operation = named ?? (present?.host.alone === true ? undefined : this.#madeUp(from, number));
    const replyTo = operation === undefined ? { node, correlation: number } : { node, correlation: number, operation };
    const envelope: Ask = { type: "ask", to, from, message, operation, replyTo, chain, trace };
    asks.open(number, new LocalAsk(this, envelope, { deadlineMs, settle }));
    this.#ports.asked();
    (present ? present.host : this.#ports.hostOf(slot)).deliver(envelope);
  };

  /** Sends a tell, a signal or a redelivery. */
  send(envelope: Envelope): void {
    if (this.#stopped) return;
    const { routing, activationOf, slotOf, isHere, isKnown, hostOf } = this.#ports;
    const present = activationOf(envelope.to);
    const slot = present ? present.host.slot : slotOf(envelope.to);
    if (slot === undefined) {
      this.#lost(envelope, failure("NOT_FOUND", { actor: envelope.to }));
    } else if (envelope.type === "signal") {
      // A reminder is the slot's own: the node that serves it rings it.
      if (present) present.host.deliver(envelope);
      else if (isKnown(slot)) hostOf(slot).deliver(envelope);
    } else if (envelope.type === "tell" && routing.takes(slot, present !== undefined || isHere(slot))) {
      this.#route(slot, envelope);
    } else {
      (present ? present.host : hostOf(slot)).deliver(envelope);
    }
  }

  answer(to: ReplyTo, result: Result<unknown>): void {
    if (to.node === this.#ports.node) this.#ports.asks.find(to.correlation)?.answered(result, 0);
    else this.#ports.routing.answer(to, result);
  }

  /** The one way of messages that were not delivered. */
  undelivered(envelope: Envelope, why: Undelivered, error: Failure): void {
    switch (envelope.type) {
      case "ask":
        this.#tellSender(envelope.replyTo, envelope.to, why, error);
        return;
      case "tell":
        if (envelope.receipt) this.#tellSender(envelope.receipt, envelope.to, why, error);
        else this.#undeliveredTell(envelope, why, error);
        return;
      case "signal":
      case "redelivery":
        // A reminder rings again where the slot is served; a redelivered message is still a dead letter.
        return;
    }
  }

  /** The slot ended after the turn began and before its answer was durable. */
  unserved(to: ReplyTo, actor: ActorId, error: Failure): void {
    this.#tellSender(to, actor, "unserved", error);
  }

  /** Tries again wherever the slot is served now, if that is safe. */
  sendOn({ envelope, deadlineMs, settle }: LocalAsk, error: Failure): void {
    const { routing, slotOf } = this.#ports;
    const slot = slotOf(envelope.to);
    const unsafe = error.outcome === "unknown" && envelope.operation === undefined;
    if (this.#stopping || unsafe || slot === undefined) {
      settle(refused(error));
      return;
    }
    const operation = envelope.operation ?? this.#madeUp(envelope.from, envelope.replyTo.correlation);
    routing.send(slot, { ...envelope, operation }, deadlineMs, settle, error);
  }

  /** The ask is open no more. */
  close({ envelope }: LocalAsk): void {
    this.#ports.asks.close(envelope.replyTo.correlation);
  }

  #tellSender(to: ReplyTo, actor: ActorId, why: Undelivered, error: Failure): void {
    const { node, asks, routing } = this.#ports;
    if (to.node !== node) return routing.undelivered(to, actor, why, error);
    const ask = asks.find(to.correlation);
    if (why === "unserved") ask?.unserved(error);
    else ask?.answered(refused(error), 0);
  }

  #undeliveredTell(envelope: Tell, why: Undelivered, error: Failure): void {
    const slot = this.#stopping || why !== "unserved" ? undefined : this.#ports.slotOf(envelope.to);
    if (slot === undefined) this.#lost(envelope, error);
    else this.#route(slot, envelope, error);
  }

  /** A tell on its way to wherever its slot is served. */
  #route(slot: SlotId, envelope: Tell, after?: Failure): void {
    const { clock, routing, asks, limits } = this.#ports;
    const operation = envelope.operation ?? this.#madeUp(envelope.from, asks.number());
    const settle = (result: Result<unknown>): void => {
      if (!result.ok) this.#lost(envelope, result.error);
    };
    routing.send(slot, { ...envelope, operation }, clock.monotonicMs() + limits.tellTimeoutMs, settle, after);
  }

  #lost({ to, message }: Envelope, { code }: Failure): void {
    this.#ports.meter.count("messages_lost", 1, { code });
    this.#ports.log.warn("message.lost", { actor: to, type: message.type, code });
  }

  /** An operation for a message without one. */
  #madeUp(from: string, number: number): string {
    return `${from}|~${this.#ports.incarnation}.${number}`;
  }
}
