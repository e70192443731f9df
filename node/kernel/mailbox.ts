/** A bounded first-in first-out queue: what waits for one actor. */
import type { ActorId } from "../../protocols/index.ts";
import type { Message, ReplyTo, Sender, Signal } from "../../actors/behavior.ts";

/** A message with its addresses. */
export interface Envelope {
  readonly to: ActorId;
  readonly from: Sender;
  readonly message: Message | Signal;
  /** `sender|operationId`: names the operation for the idempotency window. */
  readonly operation: string | undefined;
  readonly replyTo: ReplyTo | undefined;
  /** A tell from another node: `replyTo` hears that its turn took effect, the actor knows of nobody who waits. */
  readonly told?: boolean;
  /** The actors that wait for an answer further up, the nearest last. */
  readonly chain: readonly ActorId[];
  /** Signals answer something the actor itself asked for; they are bounded by what it may ask. */
  readonly signal: boolean;
  /** Of an envelope from another node: the slot's epoch as its sender knew it. Under no other one is it served. */
  readonly epoch?: number;
  /** Set when a dead letter is delivered again: it stays a dead letter until its turn is durable. */
  readonly letter?: number;
}

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
    if (!envelope.signal) this.#messages += 1;
  }

  shift(): Envelope | undefined {
    const envelope = this.#items[this.#first];
    if (envelope === undefined) return undefined;
    this.#items[this.#first] = undefined;
    this.#first += 1;
    if (!envelope.signal) this.#messages -= 1;
    if (this.#first === this.#items.length) {
      this.#items = [];
      this.#first = 0;
    }
    return envelope;
  }

  /** Drops what an earlier life of the actor asked for; reminders ring for any life. */
  dropSignals(): void {
    const kept = this.takeAll().filter(({ signal, message }) => !signal || message.type === "reminded");
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
