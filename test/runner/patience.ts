/** How patient the nodes are that tests start: how many times slower this machine is at the moment than one that does
 *  nothing else. */
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";

/** What one processor of a usual machine takes for the work below. */
const usualMs = 900;
/** The bounds of `limits.patience`. */
const [patienceMin, patienceMax] = [1, 10];
/** A usual machine that something else looks at for a moment is no slow one. */
const toleratedFactor = 1.5;

const work = `
  const count = (rounds) => {
    let sum = 0;
    for (let round = 0; round < rounds; round += 1) sum = (Math.imul(sum, 31) + round) | 0;
    return sum;
  };
  require("node:worker_threads").parentPort.postMessage(count(900_000_000));
`;

/** From how long every processor took for its part of the work. */
export function patienceFor(tookMs: number): number {
  const factor = tookMs / usualMs;
  if (factor <= toleratedFactor) return patienceMin;
  return Math.min(patienceMax, Math.ceil(factor));
}

/** Measures it. */
async function measurePatience(): Promise<number> {
  const startedMs = performance.now();
  const threads = Array.from({ length: availableParallelism() }, () => new Worker(work, { eval: true }));
  await Promise.all(
    threads.map((thread) => new Promise((resolve, reject) => thread.once("exit", resolve).once("error", reject))),
  );
  return patienceFor(performance.now() - startedMs);
}

/** Says once, to the nodes that tests start from now on, how patient they are; what was said before stays. Gives how
 *  slow the machine is. */
export async function settlePatience(): Promise<number> {
  const patience = await measurePatience();
  process.env["PLEXUS_PATIENCE"] ??= String(patience);
  process.env["PLEXUS_DRAIN_TIMEOUT"] ??= `${10 * patience}s`;
  if (patience > 1) console.log(`this machine is slow: nodes wait ${process.env["PLEXUS_PATIENCE"]} times longer`);
  return patience;
}
