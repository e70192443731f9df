import type { ActorId } from "../../protocols/index.ts";
import type { LedgerWatch } from "./checkers.ts";
import type { Client } from "./clients.ts";
import type { World } from "./world.ts";

/** A reader of one ledger's event stream, as the gateway serves it: it resumes after its cursor, then takes live events.
 *  What it has seen must be the ledger, event by event: no gap, no duplicate, across every crash. */
export class Follower {
  readonly ledger: ActorId;
  readonly #world: World;
  readonly #client: Client;
  readonly #ledgers: LedgerWatch;
  #cursor = 0;
  #head = 0;
  /** Events that arrived while it resumes; undefined when it is live. */
  #waiting: [at: number, token: string][] | undefined = [];
  #wake: () => void = () => undefined;

  constructor(ledger: ActorId, around: { world: World; client: Client; ledgers: LedgerWatch }) {
    this.ledger = ledger;
    this.#world = around.world;
    this.#client = around.client;
    this.#ledgers = around.ledgers;
  }

  /** A new life of the node is there. */
  connected(): void {
    this.#waiting = [];
    this.#wake();
  }

  /** Resumes whenever it has to. Never returns. */
  async run(): Promise<void> {
    for (;;) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
      while (this.#waiting !== undefined) await this.#resume();
    }
  }

  /** A live event. With `mayGap` a gap makes it resume; without, a gap is a violation. */
  live(at: number, token: string, mayGap: boolean): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push([at, token]);
    } else if (at === this.#cursor + 1) {
      this.#take(at, token);
    } else if (mayGap) {
      if (at > this.#cursor) this.connected();
    } else {
      this.#world.violate("stream-whole", `${this.ledger}: the live event ${at} came after ${this.#cursor}`);
    }
  }

  /** Whether it has seen everything that the ledger said it had. */
  upToDate(): boolean {
    return (
      this.#waiting === undefined && this.#cursor >= this.#head && this.#cursor >= this.#ledgers.highest(this.ledger)
    );
  }

  describe(): string {
    return `follower of ${this.ledger} at ${this.#cursor} of ${this.#head}${this.#waiting ? ", resuming" : ""}`;
  }

  async #resume(): Promise<void> {
    const waiting = this.#waiting;
    const resumed = await this.#client.resume(this.ledger, this.#cursor);
    // A newer connection has taken over meanwhile, or the data is damaged.
    if (this.#waiting !== waiting) return;
    if (resumed === undefined) {
      this.#waiting = undefined;
      return;
    }
    this.#head = resumed.head;
    if (resumed.events === undefined) {
      // Too far behind: it starts anew from the state, as a page does.
      this.#cursor = resumed.head;
    } else {
      for (const [at, token] of resumed.events) this.#take(at, token);
      if (this.#cursor !== resumed.head) {
        this.#world.violate("stream-whole", `${this.ledger}: resumed to ${this.#cursor}, the head is ${resumed.head}`);
      }
    }
    this.#waiting = undefined;
    for (const [at, token] of waiting ?? []) if (at > this.#cursor) this.#take(at, token);
  }

  #take(at: number, token: string): void {
    if (at !== this.#cursor + 1) {
      this.#world.violate("stream-whole", `${this.ledger}: ${at} came after ${this.#cursor}`);
    }
    this.#ledgers.saw(this.ledger, at, token, "stream");
    this.#cursor = at;
  }
}
