import { PlexusError, type Failure, type Result } from "../../protocols/index.ts";
import type { AnyBehavior } from "../../actors/behavior.ts";
import { createDirectory } from "../../node/directory/index.ts";
import { createKernel, type Kernel, type KernelLimits, type Request } from "../../node/kernel/index.ts";
import type { Directory, Log, Meter, Store } from "../../node/ports.ts";
import { openJournal, type Journal, type JournalLimits } from "../../node/storage/index.ts";
import type { Disk } from "./disk.ts";
import { simulatedRuntime, type RuntimeWeather } from "./runtime.ts";
import { simulatedClock, type Pulse, type WallClock, type World } from "./world.ts";

/** What every life of the node is made from. */
export interface NodeParts {
  readonly world: World;
  readonly disk: Disk;
  readonly wall: WallClock;
  readonly runtime: RuntimeWeather;
  readonly behaviors: readonly AnyBehavior[];
  readonly kernelLimits: Partial<KernelLimits>;
  readonly journalLimits: Partial<JournalLimits>;
  /** Sees each event at the moment it is published. */
  readonly published: (topic: string, event: unknown, at: number | undefined, life: number) => void;
  /** Sees each reply at the moment it arrives, before the one who asked. */
  readonly replied: (request: Request, result: Result<unknown>) => void;
}

/** What became of a request: its result, or nothing, because the process died or was not there. */
export type Reached = Result<unknown> | "lost" | "down";

const meter: Meter = { count: () => undefined, gauge: () => undefined, observeMs: () => undefined };

/** One life of the node's process: from start to crash or clean stop. A dead one is cut off: its timers never fire, its
 *  promises never resolve, what it says is not heard. */
export class Life {
  readonly pulse: Pulse;
  readonly #parts: NodeParts;
  readonly #store: Store;
  /** One for both kernels when there are two: a directory is one place, whoever asks. */
  readonly #directory: Directory;
  /** How to tell those who wait for an answer of the kernel that serves now that it is gone. */
  #lost = new Set<() => void>();
  /** Of the kernel that serves now: a kernel can end before its process does. */
  #kernelPulse: Pulse;
  kernel: Kernel | undefined;
  #journal: Journal | undefined;

  constructor(parts: NodeParts, number: number) {
    this.#parts = parts;
    this.pulse = { life: number, alive: true };
    this.#kernelPulse = { life: number, alive: true };
    this.#store = parts.disk.open(this.pulse);
    this.#directory = createDirectory({ store: this.#store });
  }

  /** Starts the node on what the disk holds. Resolves with the reason when it refuses to start. */
  async start(): Promise<Failure | undefined> {
    const { world, wall, journalLimits } = this.#parts;
    const clock = simulatedClock(world, wall, this.pulse);
    try {
      const identity = { cluster: "simulated", node: "n1" };
      this.#journal = await openJournal({
        store: this.#store,
        clock,
        log: this.#log(),
        meter,
        limits: journalLimits,
        identity,
      });
      const kernel = this.#kernel(this.#journal, "n1", this.#kernelPulse);
      await kernel.start();
      this.kernel = kernel;
      return undefined;
    } catch (thrown) {
      if (thrown instanceof PlexusError) return thrown.failure;
      throw thrown;
    }
  }

  /** Another owner takes over while this one goes on: as if a new node had been made owner of every slot it touches.
   *  Returns the old kernel, the zombie, and a function that ends it. */
  usurp(): { readonly zombie: Kernel; end(): void } | undefined {
    const zombie = this.kernel;
    if (zombie === undefined || this.#journal === undefined) return undefined;
    const old = this.#kernelPulse;
    const lost = this.#lost;
    this.#lost = new Set();
    this.#kernelPulse = { life: old.life, alive: true };
    this.kernel = this.#kernel(this.#journal, "n2", this.#kernelPulse);
    return {
      zombie,
      end: () => {
        old.alive = false;
        for (const lose of lost) lose();
      },
    };
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
    this.#kernelPulse.alive = false;
    for (const lose of this.#lost) lose();
    this.#lost.clear();
  }

  /** Ends it the clean way. */
  async stop(deadlineMs: number): Promise<void> {
    await this.kernel?.stop(deadlineMs);
    await this.#store.close();
    this.kill();
  }

  #kernel(journal: Journal, node: string, pulse: Pulse): Kernel {
    const { world, wall, behaviors, kernelLimits, published } = this.#parts;
    return createKernel({
      node,
      behaviors,
      journal,
      directory: this.#directory,
      runtime: simulatedRuntime(world, this.#parts.runtime, pulse),
      publisher: {
        publish: (topic, event, at) => {
          if (pulse.alive) published(topic, event, at, pulse.life);
        },
      },
      clock: simulatedClock(world, wall, pulse),
      random: world.dice,
      log: this.#log(),
      meter,
      limits: kernelLimits,
    });
  }

  #log(): Log {
    const { world } = this.#parts;
    const write =
      (level: string) =>
      (event: string, facts: Readonly<Record<string, unknown>> = {}): void => {
        if (!this.pulse.alive) return;
        world.note(() => `${level}: ${event} ${JSON.stringify(facts).slice(0, 300)}`);
        if (JSON.stringify(facts).includes("broken invariant")) {
          world.violate("no-stray-error", `${event} ${JSON.stringify(facts).slice(0, 600)}`);
        }
      };
    return { debug: write("debug"), info: write("info"), warn: write("warn"), error: write("error") };
  }
}
