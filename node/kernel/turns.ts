/** The order of turns: actors that have something to do stand in one line.
 *
 *      add ─► [ room/lobby, user/ada, … ] ─► up to `turnsPerVisit` turns each ─► to the end, while there is more to do
 *
 *  After `turnsPerSlice` turns the rest of the process has its chance: connections, timers, the disk. And while the
 *  disk is too far behind no actor takes a turn at all, because each may append. */
import type { SlotId } from "../../protocols/index.ts";
import type { Clock, Meter } from "../ports/index.ts";
import type { Activation } from "./activation.ts";
import type { KernelLimits } from "./limits.ts";

/** How far the disk is behind: turns pause beyond the bound. */
export interface Pressure {
  readonly queuedBytes: number;
  readonly pendingBytesMax: number;
  /** The disk has no room for new work in this slot, and no other node could take the slot over. */
  full(slot: SlotId): boolean;
  /** Resolves when every append so far is durable or has failed. */
  settled(): Promise<void>;
}

interface TurnPorts {
  readonly pressure: Pressure;
  readonly clock: Clock;
  readonly meter: Meter;
  readonly limits: Pick<KernelLimits, "turnsPerSlice">;
  /** No actor has a turn to take any more. */
  rested(): void;
}

/** Turns one actor takes before the next in line gets its chance. */
const turnsPerVisit = 16;

export class Turns {
  readonly #ports: TurnPorts;
  readonly #line: Activation[] = [];
  #running = false;

  constructor(ports: TurnPorts) {
    this.#ports = ports;
  }

  /** No actor has a turn to take. */
  get none(): boolean {
    return !this.#running && this.#line.length === 0;
  }

  /** Puts an actor in line, if it may take a turn and is not in it. */
  add(activation: Activation): void {
    if (activation.scheduled || !activation.ready) return;
    activation.scheduled = true;
    this.#line.push(activation);
    if (this.#running) return;
    this.#running = true;
    queueMicrotask(() => this.#run());
  }

  #run(): void {
    const { pressure, meter, limits } = this.#ports;
    let turns = 0;
    let visited = 0;
    while (visited < this.#line.length && turns < limits.turnsPerSlice) {
      if (pressure.queuedBytes > pressure.pendingBytesMax) break;
      const activation = this.#line[visited] as Activation;
      visited += 1;
      activation.scheduled = false;
      let taken = 0;
      while (taken < turnsPerVisit && activation.turn()) taken += 1;
      turns += taken;
      activation.host.turns += taken;
      this.add(activation);
    }
    this.#line.splice(0, visited);
    meter.count("turns", turns);
    this.#running = this.#line.length > 0;
    if (this.#running) this.#runLater();
    else this.#ports.rested();
  }

  /** Yields to the rest of the process; and when the disk is behind, waits for it. */
  #runLater(): void {
    const { pressure, clock } = this.#ports;
    if (pressure.queuedBytes <= pressure.pendingBytesMax) clock.soon(() => this.#run());
    else void pressure.settled().then(() => this.#run());
  }
}
