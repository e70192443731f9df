import { type Violation, World } from "../world/index.ts";

/** What one seed came to. */
export interface Verdict {
  readonly seed: number;
  readonly violations: readonly Violation[];
  readonly lives: number;
  readonly replies: number;
  readonly faults: number;
  /** Of registers: those in which an order was looked for, and those in which that was given up. */
  readonly histories: number;
  readonly undecided: number;
  readonly happenings: number;
  readonly simulatedMs: number;
  readonly trace: readonly string[];
}

/** What is simulated in a world, and what it counted there. */
export interface Simulated {
  readonly lives: number;
  readonly replies: number;
  /** How often something was made to go wrong. */
  readonly faults: number;
  /** Histories of registers that were judged, and those whose search grew too large; nodes alone have none. */
  readonly histories?: number;
  readonly undecided?: number;
  run(): Promise<void>;
}

/** How a seed is run. */
export interface SeedOptions<Plan> {
  readonly trace?: boolean;
  /** What is not left to the seed: a life made for what somebody looks for. */
  readonly plan?: Partial<Plan>;
}

/** Runs one seed. What goes wrong in it is a violation, also an error that nobody caught. */
export async function judge(
  seed: number,
  options: { readonly trace?: boolean },
  simulate: (world: World) => Simulated,
): Promise<Verdict> {
  const world = new World(seed, options);
  const stray = (thrown: unknown): void =>
    world.violate("no-stray-error", thrown instanceof Error ? (thrown.stack ?? thrown.message) : String(thrown));
  process.on("unhandledRejection", stray);
  process.on("uncaughtException", stray);
  try {
    const simulated = simulate(world);
    await simulated.run();
    return {
      seed,
      violations: world.violations,
      lives: simulated.lives,
      replies: simulated.replies,
      faults: simulated.faults,
      histories: simulated.histories ?? 0,
      undecided: simulated.undecided ?? 0,
      happenings: world.happenings,
      simulatedMs: world.nowMs,
      trace: world.trace ?? [],
    };
  } finally {
    process.off("unhandledRejection", stray);
    process.off("uncaughtException", stray);
  }
}
