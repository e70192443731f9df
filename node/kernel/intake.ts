/** How messages come to the actors of one slot: into a mailbox; or they wait until the slot is open; or they go back.
 *
 *      deliver ─┬─ open, nothing waits ─► admit ─► mailbox, a turn
 *               ├─ opening, draining ───► wait ─── open again ─► admit
 *               └─ damaged, or no room ─► back to where it came from
 *
 *  Invariant 7: nothing overtakes what waits. */
import { failure, type ActorId, type Failure } from "../../protocols/index.ts";
import type { ActivationServices } from "./activation.ts";
import type { Envelope } from "./mailbox.ts";
import type { ServedSlot } from "./served-slot.ts";

export class Intake {
  readonly #slot: ServedSlot;
  readonly #services: ActivationServices;
  #waiting: Envelope[] = [];

  constructor(slot: ServedSlot, services: ActivationServices) {
    this.#slot = slot;
    this.#services = services;
  }

  /** Messages wait for the slot to open. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** Hands a message to its actor, bringing the actor into memory when needed. */
  deliver(envelope: Envelope): void {
    const slot = this.#slot;
    const { limits, undelivered } = this.#services;
    const { slotUncommittedMax, slotWaitersMax } = limits;
    if (slot.uncommitted >= slotUncommittedMax && envelope.type !== "signal") {
      undelivered(envelope, "noRoom", failure("OVERLOADED", { slotUncommittedMax }));
    } else if (slot.status === "open" && !slot.paused && this.#waiting.length === 0) {
      this.admit(envelope);
    } else if (slot.status === "quarantined") {
      undelivered(envelope, "unserved", this.#reason());
    } else if (this.#waiting.length >= slotWaitersMax) {
      undelivered(envelope, "noRoom", failure("OVERLOADED", { slotWaitersMax }));
    } else {
      this.#waiting.push(envelope);
      if (!slot.paused) void slot.open().then(() => this.flush());
    }
  }

  /** Looks at the messages that waited, once the slot is open or cannot be. */
  flush(): void {
    const slot = this.#slot;
    if (slot.status === "opening" || slot.paused) return;
    const full = new Map<ActorId, Failure>();
    for (const envelope of this.#waiting.splice(0)) {
      if (slot.status === "open") this.admit(envelope, full);
      else this.#services.undelivered(envelope, "unserved", this.#reason());
    }
    slot.changed();
  }

  /** An actor has a slot of its own. Messages that wait here for it go there now, ahead of messages that are sent there
   *  from now on. While the actor is in memory here, its mailbox comes first: that ends with the slot, or when the
   *  actor has left it. */
  left(actor: ActorId): void {
    if (this.#slot.activations.has(actor) || this.#waiting.length === 0) return;
    const gone = this.#waiting.filter(({ to }) => to === actor);
    this.#waiting = this.#waiting.filter(({ to }) => to !== actor);
    for (const envelope of gone) this.#services.undelivered(envelope, "unserved", failure("MOVED", { slot: actor }));
    this.#slot.changed();
  }

  /** The slot is served here no more. */
  close(error: Failure): void {
    for (const envelope of this.#waiting.splice(0)) this.#services.undelivered(envelope, "unserved", error);
  }

  /** Puts a message into its actor's mailbox: the slot is open. `full`: actors that had no room for something that
   *  waited before this; they have none for anything younger. */
  admit(envelope: Envelope, full?: Map<ActorId, Failure>): void {
    const { limits, schedule, meter, undelivered } = this.#services;
    const { to } = envelope;
    const outdated = this.#outdated(envelope);
    if (outdated !== undefined) return undelivered(envelope, "unserved", outdated);
    if (!this.#slot.activations.has(to)) {
      // It was of this slot when the message came; but that has waited, and the actor was given a slot of its own
      // meanwhile.
      if (!this.#slot.isOf(to)) return undelivered(envelope, "unserved", failure("MOVED", { slot: to }));
      const noRoom = full?.get(to);
      if (noRoom !== undefined || !this.#slot.hasRoom()) {
        const error = noRoom ?? failure("OVERLOADED", { activationsMax: limits.activationsMax });
        full?.set(to, error);
        return undelivered(envelope, "noRoom", error);
      }
    }
    const activation = this.#slot.activate(to);
    // While it gets a slot of its own its messages wait: a dead letter behind that entry would be left in this slot.
    if (activation.status === "quarantined" && !activation.splitting) {
      activation.refuseQuarantined(envelope);
    } else if (activation.mailbox.messages >= limits.mailboxMessagesMax) {
      meter.count("mailbox_full");
      const { mailboxMessagesMax } = limits;
      undelivered(envelope, "noRoom", failure("MAILBOX_FULL", { actor: to, mailboxMessagesMax }));
    } else {
      activation.mailbox.push(envelope);
      schedule(activation);
    }
  }

  /** Why an envelope of another node is not for this epoch. This node will learn the epoch that the sender knows: a
   *  sender that was told of an epoch and asks for its first state must not be answered by the epoch before. */
  #outdated(envelope: Envelope): Failure | undefined {
    if (envelope.type !== "ask" && envelope.type !== "tell") return undefined;
    const { slot, epoch } = this.#slot;
    const sentUnder = envelope.epoch ?? epoch;
    if (sentUnder < epoch) return failure("MOVED", { slot, owner: this.#services.node, epoch });
    if (sentUnder > epoch) return failure("SLOT_UNAVAILABLE", { slot, because: "a later epoch has begun" });
    return undefined;
  }

  #reason(): Failure {
    return this.#slot.reason ?? failure("SLOT_UNAVAILABLE", { slot: this.#slot.slot });
  }
}
