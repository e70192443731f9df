/** A benchmark without a peer: things that take a time of their own, measured many times, next to the noise of the
 *  machine they were measured on. */
import { startServed } from "./benchmark.ts";
import { quantile } from "./statistics.ts";

/** What one round measured, by name; a round may measure a thing several times. */
export type Samples = Readonly<Record<string, readonly number[]>>;

/** What is printed as one line: quantiles of all samples of one name. */
export interface TimingPlan {
  readonly row: string;
  readonly unit: string;
  readonly samples: string;
  /** Samples of what happens anyway, to compare with: the same without what is measured. */
  readonly noise: string;
  /** What `share` of all samples must not exceed. */
  readonly aim?: { readonly share: number; readonly atMost: number };
}

export interface Timing {
  readonly name: string;
  readonly about: string;
  readonly rounds: number;
  start(): Promise<{ round(round: number): Promise<Samples>; stop(): Promise<void> }>;
  readonly rows: readonly TimingPlan[];
}

/** One finished line; less is better. */
export interface TimingRow {
  readonly row: string;
  readonly unit: string;
  readonly count: number;
  readonly p50: number;
  readonly p99: number;
  readonly highest: number;
  readonly noiseP50: number;
  readonly noiseP99: number;
  readonly aim?: { readonly share: number; readonly atMost: number };
  readonly met?: boolean;
}

/** How late an idle process was woken during the rounds. */
export const idleTimer = "idle timer";
/** How long an idle process took to make a few bytes durable during the rounds. */
export const idleDisk = "idle disk";

/** Runs all rounds, with an idle process beside them. */
export async function runTiming(
  timing: Timing,
  chosen: readonly TimingPlan[],
  rounds: number,
  say: (text: string) => void,
): Promise<TimingRow[]> {
  const samples = new Map<string, number[]>();
  const keep = (name: string, values: readonly number[]): void => {
    const kept = samples.get(name) ?? [];
    samples.set(name, kept);
    for (const value of values) kept.push(value);
  };
  say(`${timing.name}: starting`);
  const timer = await startServed("timer.ts");
  try {
    const target = await timing.start();
    try {
      for (let round = 0; round < rounds; round += 1) {
        say(`${timing.name}: round ${round + 1} of ${rounds}`);
        await timer.call("take");
        for (const [name, values] of Object.entries(await target.round(round))) keep(name, values);
        const noise = (await timer.call("take")) as { readonly lateMs: number[]; readonly syncMs: number[] };
        keep(idleTimer, noise.lateMs);
        keep(idleDisk, noise.syncMs);
      }
    } finally {
      await target.stop();
    }
  } finally {
    await timer.stop();
  }
  return chosen.map((plan) => finishTiming(plan, samples));
}

function finishTiming(plan: TimingPlan, samples: ReadonlyMap<string, readonly number[]>): TimingRow {
  const sorted = (name: string): number[] => [...(samples.get(name) ?? [])].sort((one, other) => one - other);
  const [measured, noise] = [sorted(plan.samples), sorted(plan.noise)];
  const { row, unit, aim } = plan;
  return {
    row,
    unit,
    count: measured.length,
    p50: quantile(measured, 0.5),
    p99: quantile(measured, 0.99),
    highest: quantile(measured, 1),
    noiseP50: quantile(noise, 0.5),
    noiseP99: quantile(noise, 0.99),
    ...(aim && { aim, met: quantile(measured, aim.share) <= aim.atMost }),
  };
}
