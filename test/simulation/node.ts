import { everyEngine } from "../../runtimes/engine.ts";
import { PlexusError, roles, type Failure, type Result } from "../../protocols/index.ts";
import type { AnyBehavior } from "../../actors/behavior.ts";
import type { Kernel, KernelLimits } from "../../node/kernel/index.ts";
import type { Request } from "../../node/kernel/api.ts";
import { createPeer, type Peer } from "../../node/composition/peer.ts";
import { storeParts, openJournal, type Journal } from "../../node/storage/index.ts";
import { openSealedStore, SealedStore } from "../../node/keys/index.ts";
import { createSealing } from "../../node/keys/sealing.ts";
import type { Clock, Log, Store, Transport } from "../../node/ports/index.ts";
import { type JournalLimits } from "../../node/storage/limits.ts";
import { diskKey } from "./sealed.ts";
import type { BoundsWatch } from "./bounds.ts";
import { type Disk, type Pulse, refusedLook, simulatedClock, type WallClock, type World } from "../world/index.ts";
import { simulatedRuntime, type RuntimeWeather } from "./runtime.ts";

/** What every life of the node is made from. */
export interface NodeParts {
  readonly world: World;
  readonly disk: Disk;
  readonly sealed: boolean;
  readonly wall: WallClock;
  readonly runtime: RuntimeWeather;
  readonly behaviors: readonly AnyBehavior[];
  readonly bounds: BoundsWatch;
  readonly kernelLimits: Partial<KernelLimits>;
  readonly journalLimits: Partial<JournalLimits>;
  /** What is followed. */
  readonly topics: readonly string[];
  /** Events of this topic may not have been heard. */
  readonly missed: (topic: string) => void;
  /** Sees each event at the moment it is published. */
  readonly published: (topic: string, event: unknown, at: number | undefined, life: number) => void;
  /** Sees each reply at the moment it arrives, before the one who asked. */
  readonly replied: (request: Request, result: Result<unknown>) => void;
}

/** What became of a request: its result, or nothing, because the process died or was not there. */
export type Reached = Result<unknown> | "lost" | "down";

/** The network of a node alone. */
const nobodyElse: Transport = {
  node: "n1",
  send: () => false,
  flush: () => undefined,
  peers: () => [],
  listen: () => undefined,
  disconnect: () => undefined,
};

const loneNode = {
  node: "n1",
  name: "n1",
  peer: "n1",
  addresses: [],
  roles,
  labels: {},
  models: ["simulated"],
  gpu: false,
  weight: 1,
  version: "0.3.0",
  url: "",
};

/** One life of the node's process: from start to crash or clean stop. A dead one is cut off: its timers never fire, its
 *  promises never resolve, what it says is not heard. */
export class Life {
  readonly pulse: Pulse;
  readonly #parts: NodeParts;
  readonly #store: Store;
  /** How to tell those who wait for an answer that it will not come. */
  readonly #lost = new Set<() => void>();
  /** Absent until it has started. */
  kernel: Kernel | undefined;
  journal: Journal | undefined;
  #peer: Peer | undefined;

  constructor(parts: NodeParts, number: number) {
    this.#parts = parts;
    this.pulse = { life: number, alive: true };
    this.#store = parts.disk.open(this.pulse);
  }

  /** Starts the node on what the disk holds. Resolves with the reason when it refuses to start. */
  async start(): Promise<Failure | undefined> {
    const { world, wall, bounds, behaviors, kernelLimits, journalLimits, topics, published, missed } = this.#parts;
    const { pulse } = this;
    const clock = simulatedClock(world, wall, pulse);
    const log = this.#log();
    try {
      const store = this.#parts.sealed ? await openSealedStore(this.#store, async () => diskKey) : this.#store;
      const identity = { cluster: "simulated", node: "n1" };
      const meter = bounds.meter("n1");
      const journal = await openJournal({ store, clock, log, meter, limits: journalLimits, identity });
      const peer = createPeer({
        ...identity,
        store,
        journal,
        transport: nobodyElse,
        directory: { kind: "embedded", host: "n1" },
        behaviors,
        engines: everyEngine({ generate: simulatedRuntime(world, this.#parts.runtime, pulse) }),
        clock,
        random: world.dice,
        log,
        meter,
        policy: { replicas: 1, minInSync: 1 },
        seed: [],
        load: refusedLook(),
        limits: {
          kernel: kernelLimits,
          routing: { retryMs: 5, retryMaxMs: 100 },
          calls: { callRetryMs: 100 },
          membership: { joinRetryMs: 20, joinRetryMaxMs: 200 },
        },
      });
      this.#peer = peer;
      this.journal = journal;
      if (store instanceof SealedStore) this.#seal(store, journal, clock);
      for (const topic of topics) {
        const hear = (event: unknown, at: number | undefined): void => {
          if (pulse.alive) published(topic, event, at, pulse.life);
        };
        peer.hub.follow(topic, hear, () => {
          if (pulse.alive) missed(topic);
        });
      }
      const started = await peer.start(loneNode, { found: true });
      if (!started.ok) return started.error;
      this.kernel = peer.kernel;
      return undefined;
    } catch (thrown) {
      if (thrown instanceof PlexusError) return thrown.failure;
      throw thrown;
    }
  }

  /** Encrypts the disk while the node runs, from some moment on, and goes on with it in each life. */
  #seal(store: SealedStore, journal: Journal, clock: Clock): void {
    const sealing = createSealing({ store, parts: () => storeParts(journal), clock, log: this.#log() });
    const { world } = this.#parts;
    if (store.state === "plain") clock.after(20, () => void sealing.begin("sealed", diskKey));
    else world.note(() => `the disk is ${store.state}`);
  }

  /** Asks as a client connected to this process would. */
  ask(request: Request): Promise<Reached> {
    const { kernel } = this;
    if (kernel === undefined || !this.pulse.alive) return Promise.resolve("down");
    return new Promise((resolve) => {
      const lose = () => resolve("lost");
      const lost = this.#lost;
      lost.add(lose);
      void kernel.ask(request).then((result) => {
        if (!this.pulse.alive) return;
        lost.delete(lose);
        resolve(result);
        this.#parts.replied(request, result);
      });
    });
  }

  /** Ends the process at once. */
  kill(): void {
    this.pulse.alive = false;
    for (const lose of this.#lost) lose();
    this.#lost.clear();
  }

  /** Ends it the clean way. */
  async stop(deadlineMs: number): Promise<void> {
    await this.#peer?.stop(deadlineMs);
  }

  #log(): Log {
    const { world } = this.#parts;
    const write =
      (level: string) =>
      (event: string, facts: Readonly<Record<string, unknown>> = {}): void => {
        if (!this.pulse.alive) return;
        world.note(() => `${level}: ${event} ${told(facts).slice(0, 300)}`);
        if (told(facts).includes("broken invariant")) {
          world.violate("no-stray-error", `${event} ${told(facts).slice(0, 600)}`);
        }
      };
    return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  }
}

/** Facts as text; errors with their stacks. */
export const told = (facts: Readonly<Record<string, unknown>>): string =>
  JSON.stringify(facts, (_key, value: unknown) => (value instanceof Error ? (value.stack ?? value.message) : value));
