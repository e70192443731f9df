/** The envelopes that travel to actors, and the bounded first-in first-out queue in which they wait for one of them. */
import { assert, type ActorId, type TraceContext } from "../../protocols/index.ts";
import type { Message, ReplyTo, Sender, Signal } from "../../actors/behavior.ts";

/** A message whose sender waits for the answer. */
export interface Ask {
  readonly type: "ask";
  readonly to: ActorId;
  readonly from: Sender;
  readonly message: Message;
  /** `sender|operationId`: names the operation for the idempotency window. */
  readonly operation: string | undefined;
  readonly replyTo: ReplyTo;
  /** The actors that wait for an answer further up, the nearest last. */
  readonly chain: readonly ActorId[];
  /** When another node sent it: the slot's epoch as that node knew it. Under no other one is it served. */
  readonly epoch?: number;
  /** The step of a trace that sent it; the same of the other envelopes. */
  readonly trace?: TraceContext | undefined;
}

/** A message whose sender does not wait for an answer. */
export interface Tell {
  readonly type: "tell";
  readonly to: ActorId;
  readonly from: Sender;
  readonly message: Message;
  readonly operation: string | undefined;
  /** When another node sent it: hears that its turn took effect. The actor does not know of it. */
  readonly receipt?: ReplyTo;
  readonly epoch?: number;
  readonly trace?: TraceContext | undefined;
}

/** A message of the kernel to an actor: the result of an ask or a call of the actor (at most as many as it may have
 *  open), or a reminder that is due. */
interface SignalEnvelope {
  readonly type: "signal";
  readonly to: ActorId;
  readonly from: Sender;
  readonly message: Signal;
  readonly operation?: undefined;
  readonly chain: readonly ActorId[];
  readonly trace?: TraceContext | undefined;
}

/** A dead letter that is delivered again: it stays a dead letter until its turn is durable. */
export interface Redelivery {
  readonly type: "redelivery";
  readonly to: ActorId;
  readonly from: Sender;
  readonly message: Message;
  readonly operation: string | undefined;
  /** Its number. */
  readonly deadLetter: number;
  readonly trace?: undefined;
}

/** A message with its addresses. */
export type Envelope = Ask | Tell | SignalEnvelope | Redelivery;

/** An envelope that may go to another node, where its operation makes it safe to send again. Its reply address is made
 *  for each attempt. */
export type Outgoing = (Omit<Ask, "replyTo"> | Tell) & { readonly operation: string };

/** Why an envelope was not delivered. `unserved`: the slot is not served here, or ceased to be before the envelope was
 *  handled; its sender may try again where the slot is served now. `noRoom`: its sender is told, and what the sender
 *  has already sent behind it finds no room either. `refused`: its sender is told, and that is final. */
export type Undelivered = "unserved" | "noRoom" | "refused";

/** The address that hears the end of an envelope: the answer of an ask; of an acknowledged tell that its turn took
 *  effect. */
export function waiterOf(envelope: Envelope): ReplyTo | undefined {
  if (envelope.type === "ask") return envelope.replyTo;
  return envelope.type === "tell" ? envelope.receipt : undefined;
}

const none: readonly ActorId[] = [];

/** The actors that wait for an answer of the actor that handles this. */
export const chainOf = (envelope: Envelope): readonly ActorId[] =>
  envelope.type === "ask" || envelope.type === "signal" ? envelope.chain : none;

export class Mailbox {
  #items: (Envelope | undefined)[] = [];
  #first = 0;
  #messages = 0;

  /** Messages waiting, signals not counted. */
  get messages(): number {
    return this.#messages;
  }

  get empty(): boolean {
    return this.#first === this.#items.length;
  }

  push(envelope: Envelope): void {
    this.#items.push(envelope);
    if (envelope.type !== "signal") this.#messages += 1;
  }

  shift(): Envelope | undefined {
    const envelope = this.#items[this.#first];
    if (envelope === undefined) return undefined;
    this.#items[this.#first] = undefined;
    this.#first += 1;
    if (envelope.type !== "signal") this.#messages -= 1;
    if (this.#first === this.#items.length) {
      assert(this.#messages === 0, "an empty mailbox counts no messages");
      this.#items = [];
      this.#first = 0;
    }
    return envelope;
  }

  /** Drops results that an earlier incarnation of the actor asked for; reminders ring for any incarnation. */
  dropSignals(): void {
    const kept = this.takeAll().filter(({ type, message }) => type !== "signal" || message.type === "reminded");
    for (const envelope of kept) this.push(envelope);
  }

  takeAll(): Envelope[] {
    const all = this.#items.slice(this.#first) as Envelope[];
    this.#items = [];
    this.#first = 0;
    this.#messages = 0;
    return all;
  }
}
