/** The activations of this node, the longest not looked at first: which one is an actor's, and which leave memory. */
import type { ActorId } from "../../protocols/index.ts";
import type { Clock, Meter } from "../ports/index.ts";
import type { Activation } from "./activation.ts";
import type { KernelLimits } from "./limits.ts";

/** Actors looked at for an idle one when there is no room for one more. */
const roomLooksMax = 16;

interface MemoryPorts {
  readonly clock: Clock;
  readonly meter: Meter;
  readonly limits: Pick<KernelLimits, "activationsMax" | "sweepLooksMax" | "idleTimeoutMs">;
  /** The activation of an actor in its own slot. */
  ofOwnSlot(actor: ActorId): Activation | undefined;
  /** Takes an idle actor out of memory. */
  passivate(activation: Activation): void;
}

export class Memory {
  readonly #ports: MemoryPorts;
  readonly #activations = new Map<ActorId, Activation>();
  readonly #leaving = new Set<Activation>();

  constructor(ports: MemoryPorts) {
    this.#ports = ports;
  }

  get size(): number {
    return this.#activations.size;
  }

  get(actor: ActorId): Activation | undefined {
    return this.#activations.get(actor);
  }

  all(): IterableIterator<Activation> {
    return this.#activations.values();
  }

  /** An actor that gets a slot of its own may be here twice for a moment. While the old slot still holds messages, new
   *  ones have to go behind those. */
  entered(activation: Activation): void {
    if (this.#activations.get(activation.id)?.splitting !== true) this.#activations.set(activation.id, activation);
  }

  /** Then the old slot's activation must not take the place of the new one's away. */
  left(activation: Activation): void {
    const { id } = activation;
    if (this.#activations.get(id) !== activation) return;
    const own = this.#ports.ofOwnSlot(id);
    if (own === undefined || own === activation) this.#activations.delete(id);
    else this.#activations.set(id, own);
  }

  /** The activation leaves as soon as it is idle. */
  leave(activation: Activation): void {
    this.#leaving.add(activation);
  }

  passivate(activation: Activation): void {
    this.#ports.passivate(activation);
    this.#ports.meter.count("passivations");
  }

  /** Whether one more actor may come into memory. When it is full, looks at the longest untouched ones for an idle one
   *  that may leave. */
  hasRoom(): boolean {
    if (this.#activations.size < this.#ports.limits.activationsMax) return true;
    let looks = 0;
    for (const activation of this.#activations.values()) {
      if (activation.idle) {
        this.passivate(activation);
        return true;
      }
      looks += 1;
      if (looks >= roomLooksMax) return false;
      this.#moveToEnd(activation);
    }
    return false;
  }

  /** Takes actors out of memory: those that want to leave, and a share of those that were idle for long. */
  sweep(): void {
    const { clock, limits, meter } = this.#ports;
    const nowMs = clock.monotonicMs();
    for (const activation of this.#leaving) {
      if (activation.idle) this.passivate(activation);
      if (activation.idle || activation.status === "closed") this.#leaving.delete(activation);
    }
    // From the longest not looked at; each one goes to the end, so that all have their turn.
    let looks = Math.min(this.#activations.size, limits.sweepLooksMax);
    for (const activation of this.#activations.values()) {
      if (looks === 0) break;
      looks -= 1;
      const expired = nowMs - activation.lastActiveMs >= limits.idleTimeoutMs;
      if (expired && activation.idle) this.passivate(activation);
      else this.#moveToEnd(activation);
    }
    meter.gauge("actors_in_memory", this.#activations.size);
  }

  #moveToEnd(activation: Activation): void {
    this.#activations.delete(activation.id);
    this.#activations.set(activation.id, activation);
  }
}
