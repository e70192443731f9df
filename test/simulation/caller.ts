import { errorTable, slotOf, type ActorId, type Result } from "../../protocols/index.ts";
import type { Message, Sender } from "../../actors/behavior.ts";
import { tokenOf } from "./checkers.ts";
import type { Reached } from "./node.ts";
import type { World } from "../world/index.ts";

/** The node as clients reach it: whichever life there is. */
export interface Entrance {
  ask(request: {
    readonly to: ActorId;
    readonly from: Sender;
    readonly message: Message;
    readonly operationId?: string;
    readonly timeoutMs: number;
  }): Promise<Reached>;
  /** True while faults are injected. */
  faulty(): boolean;
  /** True once rot was injected: refusals that name it are right. */
  rotten(): boolean;
}

/** Refusals that name damage. */
const namesDamage = (result: Result<unknown>): boolean =>
  !result.ok && (result.error.code === "DATA_DAMAGED" || result.error.details?.["because"] === "DATA_DAMAGED");

export const askTimeoutMs = 2_000;
const repeatMs = { from: 5, to: 150 };
const silentMax = 20;

/** How fast somebody sends commands. */
export interface Pace {
  readonly commands: number;
  /** Mean pause before each of them. */
  readonly thinkMs: number;
  /** Mean pause before those that follow while there are faults; absent: none follow. */
  readonly lingerMs?: number | undefined;
}

/** Sends commands one after the other, until there were enough. */
export async function paced(
  { world, entrance }: { readonly world: World; readonly entrance: Entrance },
  { commands, thinkMs, lingerMs }: Pace,
  command: () => Promise<void>,
): Promise<void> {
  for (let count = 0; count < commands || (lingerMs !== undefined && entrance.faulty()); count += 1) {
    await world.sleep(world.dice.between(0, 2 * (count < commands ? thinkMs : (lingerMs ?? thinkMs))));
    await command();
  }
}

/** How a client talks to the node: with deadlines, and again under the same operationId while the outcome is not
 *  known. */
export class Caller {
  readonly name: string;
  readonly sender: Sender;
  /** Actors whose data was named as damaged: their commands were given up. */
  readonly gaveUp = new Set<ActorId>();
  readonly #world: World;
  readonly #entrance: Entrance;
  #serial = 0;

  constructor(name: string, sender: Sender, around: { readonly world: World; readonly entrance: Entrance }) {
    this.name = name;
    this.sender = sender;
    this.#world = around.world;
    this.#entrance = around.entrance;
  }

  once(to: ActorId, message: Message, operationId?: string): Promise<Reached> {
    const request = { to, from: this.sender, message, timeoutMs: askTimeoutMs };
    return this.#entrance.ask(operationId === undefined ? request : { ...request, operationId });
  }

  /** Repeats until the outcome is known. Undefined: given up, because the data is damaged and named so. */
  async untilKnown(to: ActorId, message: Message, operationId?: string): Promise<Result<unknown> | undefined> {
    for (let silent = 0; ;) {
      const result = await this.once(to, message, operationId);
      if (typeof result !== "string") {
        if (result.ok || (errorTable[result.error.code].outcome === "failed" && result.error.code !== "DATA_DAMAGED")) {
          return result;
        }
        if (this.#entrance.rotten() && namesDamage(result)) {
          // An actor that asked another one may pass on what it was told: then the slot that is named is the other's.
          const named = result.error.details?.["slot"];
          const own = named === undefined || named === slotOf(to.startsWith("writer/") ? "ai" : "chat", to);
          if (result.error.details?.["relayed"] !== true && own) this.gaveUp.add(to);
          return undefined;
        }
        // Whoever is asked may itself wait for an actor whose data is damaged, and say nothing until that is mended.
        if (this.#entrance.rotten() && result.error.code === "ASK_TIMEOUT") silent += 1;
        if (silent > silentMax) return undefined;
      }
      await this.pause();
    }
  }

  pause(): Promise<void> {
    return this.#world.sleep(this.#world.dice.between(repeatMs.from, repeatMs.to));
  }

  nextSerial(): number {
    this.#serial += 1;
    return this.#serial;
  }

  token(): string {
    return tokenOf(this.name, this.nextSerial());
  }

  operation(): string {
    return `op${this.nextSerial()}`;
  }
}
