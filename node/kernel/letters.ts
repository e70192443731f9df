/** The dead letters of one slot: messages that no turn handled. What is here is also in the log, by the side operations that
 *  these functions give back. */
import { encodedBytesMax, type ActorId, type DeadLetter } from "../../protocols/index.ts";
import type { Message } from "../../actors/behavior.ts";
import type { SideOp } from "../storage/index.ts";
import type { KernelLimits } from "./limits.ts";
import type { Envelope } from "./mailbox.ts";

/** A dead letter as it is stored. */
export interface StoredLetter {
  readonly id: number;
  readonly from: string;
  readonly message: Message;
  readonly operation: string | null;
  readonly atMs: number;
  readonly reason: string;
  /** Its sender waited and was told that it failed: kept to be looked at, not delivered again. */
  readonly answered: boolean;
}

export class DeadLetters {
  readonly #byActor = new Map<ActorId, StoredLetter[]>();
  readonly #limits: Pick<KernelLimits, "deadLettersMax" | "deadLetterBytesMax">;
  #lastId = 0;

  constructor(limits: Pick<KernelLimits, "deadLettersMax" | "deadLetterBytesMax">) {
    this.#limits = limits;
  }

  /** Replaces everything by what the log holds. */
  load(stored: readonly { readonly actor: ActorId; readonly letter: StoredLetter }[]): void {
    this.#byActor.clear();
    for (const { actor, letter } of [...stored].sort((one, other) => one.letter.id - other.letter.id)) {
      this.#byActor.set(actor, [...this.of(actor), letter]);
      this.#lastId = Math.max(this.#lastId, letter.id);
    }
  }

  of(actor: ActorId): readonly StoredLetter[] {
    return this.#byActor.get(actor) ?? [];
  }

  shown(actor: ActorId): DeadLetter[] {
    return this.of(actor).map(({ id, from, message, atMs, reason }) => ({
      id,
      actor,
      from,
      type: message.type,
      atMs,
      reason,
    }));
  }

  /** For each letter that is kept, the operations that keep it, the oldest beyond the bound dropped. */
  bury(actor: ActorId, envelopes: readonly Envelope[], reason: string, atMs: number): SideOp[][] {
    const { deadLettersMax, deadLetterBytesMax } = this.#limits;
    return envelopes.slice(-deadLettersMax).map(({ type, from, message, operation }) => {
      this.#lastId += 1;
      const id = this.#lastId;
      const messageBytes = encodedBytesMax(message);
      const kept = messageBytes > deadLetterBytesMax ? { type: message.type, messageBytes } : message;
      const answered = type === "ask" || kept !== message;
      const letter: StoredLetter = { id, from, message: kept, operation: operation ?? null, atMs, reason, answered };
      const side: SideOp[] = [{ space: "dead", put: String(id), value: letter }];
      const [oldest, ...others] = this.of(actor);
      if (oldest && others.length + 1 >= deadLettersMax) side.push(this.handled(actor, oldest.id));
      this.#byActor.set(actor, [...this.of(actor), letter]);
      return side;
    });
  }

  /** The operation that ends a letter, in memory at once. */
  handled(actor: ActorId, letter: number): SideOp {
    const left = this.of(actor).filter(({ id }) => id !== letter);
    if (left.length > 0) this.#byActor.set(actor, left);
    else this.#byActor.delete(actor);
    return { space: "dead", delete: String(letter) };
  }

  /** The actor and its letters are elsewhere now. */
  delete(actor: ActorId): void {
    this.#byActor.delete(actor);
  }
}
