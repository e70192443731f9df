/** `npm run simulate -- [--cluster] --seeds N [--from SEED] [--json] [--jobs N] [--seconds S] [--failures N]` runs
 *  seeds until so many have failed or the time is over;
 *  `npm run simulate -- [--cluster] SEED` replays one with its trace. With `--cluster` a seed is the life of a
 *  whole cluster, without it of a node alone. Exit code 1 when an invariant broke. */
import { fork } from "node:child_process";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runClusterSeed } from "./cluster/run.ts";
import { runSeed } from "./run.ts";
import type { Verdict } from "./verdict.ts";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: "string", default: "1000" },
    from: { type: "string", default: "1" },
    jobs: { type: "string", default: String(Math.min(2, availableParallelism())) },
    seconds: { type: "string", default: "86400" },
    failures: { type: "string", default: "20" },
    json: { type: "boolean", default: false },
    cluster: { type: "boolean", default: false },
    // Given to the processes that share the seeds: take every so-many-th one and send the tally to the parent.
    every: { type: "string" },
  },
});

const run = values.cluster ? runClusterSeed : runSeed;

interface Tally {
  seeds: number;
  lives: number;
  replies: number;
  happenings: number;
  simulatedMs: number;
  readonly failures: { readonly seed: number; readonly checker: string; readonly detail: string }[];
}

const fresh = (): Tally => ({ seeds: 0, lives: 0, replies: 0, happenings: 0, simulatedMs: 0, failures: [] });

async function runSeeds(from: number, count: number, step: number, deadlineMs: number): Promise<Tally> {
  const tally = fresh();
  for (let seed = from; seed < from + count; seed += step) {
    if (performance.now() > deadlineMs || tally.failures.length >= Number(values.failures)) break;
    const verdict = await run(seed);
    tally.seeds += 1;
    if (process.stderr.isTTY) process.stderr.write(`\r${tally.seeds} seeds, ${tally.failures.length} failures `);
    tally.lives += verdict.lives;
    tally.replies += verdict.replies;
    tally.happenings += verdict.happenings;
    tally.simulatedMs += verdict.simulatedMs;
    const [first] = verdict.violations;
    if (first) tally.failures.push({ seed, checker: first.checker, detail: first.detail });
  }
  return tally;
}

/** Every `jobs`-th seed in a process of its own. */
function runInChild(index: number, jobs: number): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const rest = [
      "--seeds",
      String(Number(values.seeds) - index),
      "--seconds",
      values.seconds,
      "--failures",
      values.failures,
      ...(values.cluster ? ["--cluster"] : []),
    ];
    const child = fork(import.meta.filename, [
      "--from",
      String(Number(values.from) + index),
      "--every",
      String(jobs),
      ...rest,
    ]);
    child.once("message", (tally) => resolve(tally as Tally));
    child.once("exit", (code) => reject(new Error(`a simulation process ended with ${code}`)));
  });
}

function report(verdict: Verdict): void {
  for (const line of verdict.trace) console.log(line);
  const { seed, lives, replies, violations } = verdict;
  console.log(`seed ${seed}: ${lives} lives, ${replies} replies, ${violations.length} violations`);
  for (const { checker, detail, atMs } of violations) console.log(`  ${checker} at ${atMs.toFixed(2)} ms: ${detail}`);
}

async function main(): Promise<number> {
  const [replayed] = positionals;
  if (replayed !== undefined) {
    const verdict = await run(Number(replayed), { trace: true });
    if (values.json) console.log(JSON.stringify(verdict));
    else report(verdict);
    return verdict.violations.length > 0 ? 1 : 0;
  }
  const jobs = Number(values.jobs);
  const startedMs = performance.now();
  const deadlineMs = startedMs + 1_000 * Number(values.seconds);
  if (values.every !== undefined) {
    process.send?.(await runSeeds(Number(values.from), Number(values.seeds), Number(values.every), deadlineMs));
    return 0;
  }
  const total = fresh();
  const parts =
    jobs === 1
      ? [await runSeeds(Number(values.from), Number(values.seeds), 1, deadlineMs)]
      : await Promise.all(Array.from({ length: jobs }, (_, index) => runInChild(index, jobs)));
  for (const part of parts) {
    for (const name of ["seeds", "lives", "replies", "happenings", "simulatedMs"] as const) total[name] += part[name];
    total.failures.push(...part.failures);
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  if (values.json) {
    console.log(JSON.stringify({ ...total, seconds }));
  } else {
    const rate = (total.seeds / seconds).toFixed(0);
    const { seeds, lives, replies, failures } = total;
    console.log(
      `${seeds} seeds in ${seconds.toFixed(1)} s (${rate}/s): ${lives} lives, ${replies} replies, ` +
        `${(total.simulatedMs / 3_600_000).toFixed(1)} simulated hours, ${failures.length} failures`,
    );
    for (const { seed, checker, detail } of failures) {
      console.log(
        `seed ${seed}: ${checker}: ${detail}\n  replay: npm run simulate -- ${values.cluster ? "--cluster " : ""}${seed}`,
      );
    }
  }
  return total.failures.length > 0 || total.seeds === 0 ? 1 : 0;
}

process.exitCode = await main();
