import type { World } from "../world/index.ts";

/** What an actor answers to `resume`. Without `events`: the cursor is too far behind, begin anew at `head`. */
export interface ResumedStream {
  readonly head: number;
  readonly events: readonly (readonly [at: number, event: unknown])[] | undefined;
  readonly more?: boolean;
}

/** Where a follower's events come from and go to. */
export interface Stream {
  readonly topic: string;
  /** Undefined when the stream cannot be had any more, because its data is damaged. */
  resume(after: number): Promise<ResumedStream | undefined>;
  /** A reader is shown this event. */
  saw(at: number, event: unknown): void;
  /** The highest position that anybody was told of. */
  highest(): number;
}

/** A reader of one actor's event stream, as the gateway serves it: it resumes after its cursor, then takes live events.
 *  What it sees must be the stream, event by event: no gap, no duplicate, across every crash. */
export class Follower {
  readonly stream: Stream;
  readonly #world: World;
  #cursor = 0;
  #head = 0;
  #ended = false;
  /** Events that arrived while it resumes; undefined when it is live. */
  #waiting: [at: number, event: unknown][] | undefined = [];
  #wake: () => void = () => undefined;

  constructor(stream: Stream, world: World) {
    this.stream = stream;
    this.#world = world;
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

  /** A live event. With `gaps`: "never": each follows the one before. "sometimes": a gap makes it resume. "signalled":
   *  whoever leaves something out says so first; what was seen already may come again. */
  live(at: number, event: unknown, gaps: "never" | "sometimes" | "signalled"): void {
    if (this.#waiting !== undefined) {
      this.#waiting.push([at, event]);
    } else if (at === this.#cursor + 1) {
      this.#take(at, event);
    } else if (at <= this.#cursor && gaps !== "never") {
      this.stream.saw(at, event);
    } else if (gaps === "sometimes") {
      this.connected();
    } else {
      this.#world.violate("stream-whole", `${this.stream.topic}: the live event ${at} came after ${this.#cursor}`);
    }
  }

  /** Whether it has seen everything that anybody was told of, or cannot. */
  upToDate(): boolean {
    const far = this.#cursor >= this.#head && this.#cursor >= this.stream.highest();
    return this.#ended || (this.#waiting === undefined && far);
  }

  describe(): string {
    const resuming = this.#waiting ? ", resuming" : "";
    return `follower of ${this.stream.topic} at ${this.#cursor} of ${Math.max(this.#head, this.stream.highest())}${resuming}`;
  }

  async #resume(): Promise<void> {
    const waiting = this.#waiting;
    const resumed = await this.stream.resume(this.#cursor);
    // A newer connection has taken over meanwhile.
    if (this.#waiting !== waiting) return;
    if (resumed === undefined) {
      this.#ended = true;
      this.#waiting = undefined;
      return;
    }
    this.#head = resumed.head;
    if (resumed.events === undefined) {
      // Too far behind: it starts anew from the state, as a page does.
      this.#cursor = resumed.head;
    } else {
      for (const [at, event] of resumed.events) this.#take(at, event);
      if (resumed.more === true) return;
      if (this.#cursor !== resumed.head) {
        this.#world.violate("stream-whole", `${this.stream.topic}: resumed to ${this.#cursor} of ${resumed.head}`);
      }
    }
    this.#waiting = undefined;
    for (const [at, event] of waiting ?? []) if (at > this.#cursor) this.#take(at, event);
  }

  #take(at: number, event: unknown): void {
    if (at !== this.#cursor + 1) {
      this.#world.violate("stream-whole", `${this.stream.topic}: ${at} came after ${this.#cursor}`);
    }
    this.stream.saw(at, event);
    this.#cursor = at;
  }
}
