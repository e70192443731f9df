/** The troubles of some actors of one slot: quarantines, and dead letters (messages that no turn handled). All of it is
 *  also in the log, by the side operations that these functions give back. */
import { encodedBytesMax, type ActorId, type DeadLetter } from "../../protocols/index.ts";
import type { Message, Sender } from "../../actors/behavior.ts";
import type { SideOp } from "../storage/index.ts";
import type { KernelLimits } from "./limits.ts";
import type { Envelope, Redelivery } from "./mailbox.ts";

/** Since when an actor takes no turns, and why. */
interface Quarantine {
  readonly atMs: number;
  readonly reason: string;
}

/** A dead letter as it is stored. */
interface DeadLetterRow {
  readonly id: number;
  readonly from: string;
  readonly message: Message;
  readonly operation: string | null;
  readonly atMs: number;
  readonly reason: string;
  /** Its sender waited and was told that it failed: kept to be looked at, not delivered again. */
  readonly answered: boolean;
}

/** A row of the slot's log. */
interface StoredRow {
  readonly actor: ActorId;
  readonly value: unknown;
}

export class Quarantines {
  readonly #byActor = new Map<ActorId, Quarantine>();
  readonly #deadLetters = new Map<ActorId, readonly DeadLetterRow[]>();
  readonly #limits: Pick<KernelLimits, "deadLettersMax" | "deadLetterBytesMax">;
  #lastNumber = 0;

  constructor(limits: Pick<KernelLimits, "deadLettersMax" | "deadLetterBytesMax">) {
    this.#limits = limits;
  }

  /** Replaces everything by the contents of the log. */
  load(quarantined: readonly StoredRow[], deadLetters: readonly StoredRow[]): void {
    this.#byActor.clear();
    this.#deadLetters.clear();
    for (const { actor, value } of quarantined) this.#byActor.set(actor, value as Quarantine);
    const stored = deadLetters.map(({ actor, value }) => ({ actor, row: value as DeadLetterRow }));
    for (const { actor, row } of stored.sort((one, other) => one.row.id - other.row.id)) {
      this.#deadLetters.set(actor, [...this.deadLettersOf(actor), row]);
      this.#lastNumber = Math.max(this.#lastNumber, row.id);
    }
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

  /** Whether a dead letter has not been ended. */
  holds(actor: ActorId, number: number): boolean {
    return this.deadLettersOf(actor).some(({ id }) => id === number);
  }

  deadLettersOf(actor: ActorId): readonly DeadLetterRow[] {
    return this.#deadLetters.get(actor) ?? [];
  }

  /** Its dead letters as an operator sees them. */
  shown(actor: ActorId): DeadLetter[] {
    return this.deadLettersOf(actor).map(({ id, from, message: { type }, atMs, reason }) => ({
      id,
      actor,
      from,
      type,
      atMs,
      reason,
    }));
  }

  begin(actor: ActorId, quarantine: Quarantine): SideOp {
    this.#byActor.set(actor, quarantine);
    return { space: "quarantine", put: "since", value: quarantine };
  }

  /** For each dead letter that is kept, the operations that keep it, the oldest beyond the bound dropped. */
  bury(actor: ActorId, envelopes: readonly Envelope[], reason: string, atMs: number): SideOp[][] {
    const { deadLettersMax, deadLetterBytesMax } = this.#limits;
    return envelopes.slice(-deadLettersMax).map(({ type, from, message, operation }) => {
      this.#lastNumber += 1;
      const id = this.#lastNumber;
      const messageBytes = encodedBytesMax(message);
      const kept = messageBytes > deadLetterBytesMax ? { type: message.type, messageBytes } : message;
      const answered = type === "ask" || kept !== message;
      const row: DeadLetterRow = { id, from, message: kept, operation: operation ?? null, atMs, reason, answered };
      const side: SideOp[] = [{ space: "dead", put: String(id), value: row }];
      const [oldest, ...others] = this.deadLettersOf(actor);
      if (oldest && others.length + 1 >= deadLettersMax) {
        side.push(this.deletion(oldest.id));
        this.ended(actor, oldest.id);
      }
      this.#deadLetters.set(actor, [...this.deadLettersOf(actor), row]);
      return side;
    });
  }

  /** The operation that ends a dead letter. Once it is appended, `ended` says so. */
  deletion(number: number): SideOp {
    return { space: "dead", delete: String(number) };
  }

  /** The log has the end of a dead letter. */
  ended(actor: ActorId, number: number): void {
    const left = this.deadLettersOf(actor).filter(({ id }) => id !== number);
    if (left.length > 0) this.#deadLetters.set(actor, left);
    else this.#deadLetters.delete(actor);
  }

  /** Ends a quarantine. The dead letters are ended with it, but for those that are to be delivered again: each stays a
   *  dead letter until the turn that handles it is durable. Those whose sender was answered are not delivered again. */
  end(actor: ActorId, redeliver: boolean): { readonly side: readonly SideOp[]; readonly again: readonly Redelivery[] } {
    const side: SideOp[] = [{ space: "quarantine", delete: "since" }];
    const again: Redelivery[] = [];
    for (const { id: deadLetter, from: sender, message, operation: named, answered } of this.deadLettersOf(actor)) {
      const [from, operation] = [sender as Sender, named ?? undefined];
      if (answered || !redeliver) {
        side.push(this.deletion(deadLetter));
        this.ended(actor, deadLetter);
      } else again.push({ type: "redelivery", to: actor, from, message, operation, deadLetter });
    }
    this.#byActor.delete(actor);
    return { side, again };
  }

  /** The actor has a slot of its own, which has all of this. */
  left(actor: ActorId): void {
    this.#deadLetters.delete(actor);
    this.#byActor.delete(actor);
  }
}
