/** A closed loop: so many lanes, so many commands outstanding in each, for so long. What is counted is what was
 *  answered; the clock stops at the last answer. */
import { quantile } from "../statistics.ts";

export interface Load {
  readonly lanes: number;
  readonly outstanding: number;
  readonly durationMs: number;
  /** Operations one `issue` stands for. */
  readonly weight?: number;
}

/** What one round of one target came to. */
export interface Driven {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** Processor time of the whole process, all threads, for one operation. */
  readonly cpuUs: number;
  readonly operations: number;
}

/** Latencies kept of one round; beyond it the oldest go, so that keeping them costs the same however fast the target
 *  is. */
const latenciesKept = 65_536;

/** Issues again in a lane whenever one of its commands is answered, until the time is over; then waits for the rest. */
export function drive(load: Load, issue: (lane: number) => Promise<unknown>): Promise<Driven> {
  const { lanes, outstanding, durationMs, weight = 1 } = load;
  const latencies = new Float64Array(latenciesKept);
  let answered = 0;
  const cpuBefore = process.cpuUsage();
  const startMs = performance.now();
  const endMs = startMs + durationMs;
  let open = lanes * outstanding;
  return new Promise((resolve, reject) => {
    const next = (lane: number, sentMs: number): void => {
      issue(lane).then(() => {
        const nowMs = performance.now();
        latencies[answered % latenciesKept] = nowMs - sentMs;
        answered += 1;
        if (nowMs < endMs) {
          next(lane, nowMs);
          return;
        }
        open -= 1;
        if (open > 0) return;
        const cpu = process.cpuUsage(cpuBefore);
        const operations = answered * weight;
        const kept = latencies.subarray(0, Math.min(answered, latenciesKept)).sort();
        resolve({
          perSecond: (operations / (nowMs - startMs)) * 1_000,
          p50Ms: quantile(kept, 0.5),
          p99Ms: quantile(kept, 0.99),
          cpuUs: (cpu.user + cpu.system) / operations,
          operations,
        });
      }, reject);
    };
    for (let slot = 0; slot < outstanding; slot += 1) for (let lane = 0; lane < lanes; lane += 1) next(lane, startMs);
  });
}

/** One load after the other; the figures of each have its name before theirs: `x64 perSecond`. */
export async function driveAll(
  loads: Readonly<Record<string, Load>>,
  issue: (lane: number) => Promise<unknown>,
): Promise<Readonly<Record<string, number>>> {
  const figures: Record<string, number> = {};
  for (const [name, load] of Object.entries(loads))
    for (const [figure, value] of Object.entries(await drive(load, issue))) figures[`${name} ${figure}`] = value;
  return figures;
}

/** The payload of every durable and volatile command, in every target. */
export const payload =
  "The quick brown fox jumps over the lazy dog; then it rests beside the river until evening comes. ".padEnd(100, ".");
