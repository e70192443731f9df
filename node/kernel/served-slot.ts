/** A slot as its parts see it: what brings messages in, shortens its log and lets actors leave. */
import type { ActorId, Failure } from "../../protocols/index.ts";
import type { Activation } from "./activation.ts";
import type { ServedLog } from "./api.ts";
import type { ActivationHost } from "./host.ts";

/** Where the slot stands in its life here; see `slot-host.ts`. */
export type SlotStatus = "closed" | "opening" | "open" | "failed" | "quarantined";

/** A slot that this node serves, or is about to. */
export interface ServedSlot extends ActivationHost {
  readonly status: SlotStatus;
  readonly activations: ReadonlyMap<ActorId, Activation>;
  /** Why it is not served, as askers are told. */
  readonly reason: Failure | undefined;
  /** Entries that are not committed yet. */
  readonly uncommitted: number;
  /** Opens the slot, unless that is under way. Resolves when it is open or cannot be. */
  open(): Promise<void>;
  /** Whether this is the log of the slot's present opening. */
  serves(log: ServedLog): boolean;
  isOf(actor: ActorId): boolean;
  /** Whether one more actor may come into memory. */
  hasRoom(): boolean;
  /** The actor in memory, brought there when needed. */
  activate(actor: ActorId): Activation;
  /** Resolves when the actor is loaded or cannot be, or when the slot drains. */
  untilLoaded(activation: Activation): Promise<void>;
}
