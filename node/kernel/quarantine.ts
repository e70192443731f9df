/** What stands in the way of some actors of one slot: quarantines and dead letters. What is here is also in the log, by the
 *  side operations that these functions give back. */
import type { ActorId, DeadLetter } from "../../protocols/index.ts";
import type { SideOp } from "../storage/index.ts";
import { DeadLetters, type StoredLetter } from "./letters.ts";
import type { KernelLimits } from "./limits.ts";
import type { Envelope, Redelivery } from "./mailbox.ts";

/** Since when an actor takes no turns, and why. */
export interface Quarantine {
  readonly atMs: number;
  readonly reason: string;
}

/** A row of the slot's log. */
interface StoredRow {
  readonly actor: ActorId;
  readonly value: unknown;
}

export class Quarantines {
  readonly #byActor = new Map<ActorId, Quarantine>();
  readonly #letters: DeadLetters;

  constructor(limits: Pick<KernelLimits, "deadLettersMax" | "deadLetterBytesMax">) {
    this.#letters = new DeadLetters(limits);
  }

  /** Replaces everything by what the log holds. */
  load(quarantined: readonly StoredRow[], letters: readonly StoredRow[]): void {
    this.#byActor.clear();
    for (const { actor, value } of quarantined) this.#byActor.set(actor, value as Quarantine);
    this.#letters.load(letters.map(({ actor, value }) => ({ actor, letter: value as StoredLetter })));
  }

  get count(): number {
    return this.#byActor.size;
  }

  actors(): IterableIterator<ActorId> {
    return this.#byActor.keys();
  }

  of(actor: ActorId): Quarantine | undefined {
    return this.#byActor.get(actor);
  }

  deadLetters(actor: ActorId): DeadLetter[] {
    return this.#letters.shown(actor);
  }

  begin(actor: ActorId, quarantine: Quarantine): SideOp {
    this.#byActor.set(actor, quarantine);
    return { space: "quarantine", put: "since", value: quarantine };
  }

  /** See `DeadLetters.bury`. */
  bury(actor: ActorId, envelopes: readonly Envelope[], reason: string, atMs: number): SideOp[][] {
    return this.#letters.bury(actor, envelopes, reason, atMs);
  }

  /** See `DeadLetters.handled`. */
  handled(actor: ActorId, letter: number): SideOp {
    return this.#letters.handled(actor, letter);
  }

  /** Ends a quarantine. The dead letters are ended with it, but for those that are to be delivered again: each stays a dead
   *  letter until the turn that handles it is durable. Those whose sender was answered are not delivered again. */
  end(actor: ActorId, redeliver: boolean): { readonly side: readonly SideOp[]; readonly again: readonly Redelivery[] } {
    const side: SideOp[] = [{ space: "quarantine", delete: "since" }];
    const again: Redelivery[] = [];
    for (const { id, from, message, operation, answered } of this.#letters.of(actor)) {
      if (answered || !redeliver) side.push(this.#letters.handled(actor, id));
      else {
        const sender = from as Redelivery["from"];
        again.push({
          type: "redelivery",
          to: actor,
          from: sender,
          message,
          operation: operation ?? undefined,
          letter: id,
        });
      }
    }
    this.#byActor.delete(actor);
    return { side, again };
  }

  /** The actor has a slot of its own, which has all of this. */
  left(actor: ActorId): void {
    this.#letters.delete(actor);
    this.#byActor.delete(actor);
  }
}
