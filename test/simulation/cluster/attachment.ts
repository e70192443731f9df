import { errorTable } from "../../../protocols/index.ts";
import type { Request } from "../../../node/kernel/api.ts";
import type { Entrance } from "../caller.ts";
import type { Reached } from "../node.ts";
import type { World } from "../../world/index.ts";
import type { Machine } from "./machine.ts";

/** How a client is attached to the cluster: to one node, and to another when that one is gone or does not answer. */
export class Attachment implements Entrance {
  readonly #world: World;
  readonly #cluster: Gates;
  #machine: Machine | undefined;

  constructor(world: World, cluster: Gates) {
    this.#world = world;
    this.#cluster = cluster;
  }

  async ask(request: Request): Promise<Reached> {
    const machine = (this.#machine ??= this.#pick());
    const reached = machine === undefined ? "down" : await this.#patiently(machine, request);
    this.#world.note(() => {
      const { from, to, message, operationId } = request;
      const answer = JSON.stringify(reached).slice(0, 300);
      return `${from}@${machine?.node ?? "nowhere"} ${operationId ?? ""} ${to} ${JSON.stringify(message)} -> ${answer}`;
    });
    if (typeof reached === "string") this.#machine = undefined;
    else if (!reached.ok) {
      const { code } = reached.error;
      if (code === "ACTOR_CRASHED")
        this.#world.violate("no-stray-error", `${request.to} crashed on ${JSON.stringify(request.message)}`);
      // People who are refused try elsewhere.
      if (errorTable[code].http >= 500 && this.#world.dice.chance(0.3)) this.#machine = undefined;
    }
    return reached;
  }

  /** The next question goes to whom the gates then let it. */
  leave(): void {
    this.#machine = undefined;
  }

  faulty(): boolean {
    return this.#cluster.faulty();
  }

  rotten(): boolean {
    return false;
  }

  /** Nobody waits for ever for a node that says nothing. */
  #patiently(machine: Machine, request: Request): Promise<Reached> {
    return new Promise((resolve) => {
      const giveUp = this.#world.after(request.timeoutMs + 1_000, () => resolve("lost"));
      void machine.ask(request).then((reached) => {
        giveUp();
        resolve(reached);
      });
    });
  }

  #pick(): Machine | undefined {
    const open = this.#cluster.gates();
    return open.length === 0 ? undefined : this.#world.dice.pick(open);
  }
}

/** Where clients can attach. */
export interface Gates {
  gates(): readonly Machine[];
  faulty(): boolean;
}
