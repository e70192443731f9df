/** The bench gate: whether a change made Plexus slower, told by a few rows that are measured in minutes.
 *
 *      npm run bench:gate                     measures the rows of gate.json and compares
 *      npm run bench:gate -- --write          keeps what was measured; part of a change that is meant to move a row
 *      npm run bench:gate -- durable-sequential/level     some of the rows
 *
 *  Times say nothing on another machine, or on the same one an hour later. So the gate keeps and compares *ratios*:
 *  Plexus against a peer that was measured in the same round, as the rows of the bench are. Each row is the median of
 *  its rounds' ratios, with a *noise*: how far that median may be from the truth (`medianNoise`), measured by the same
 *  rounds. A row with too much noise is measured again and again, until the rounds of all its measurements together say
 *  enough, or are `roundsMax`.
 *
 *  A row fails when it is worse than the kept ratio by more than 5 % and the noise of both measurements:
 *
 *      worse  >  1.05 × (1 + √(noise now² + noise kept²))         worse = kept ÷ now where more is better, else now ÷ kept
 *
 *  Each noise is the end of a 95 % interval, and they are independent, so their squares add up. A row that did not
 *  change hardly ever fails; one that is slower by 5 % and no more fails about once in forty runs; one that is slower
 *  by 5 % and the noise, every second time; by 5 % and twice the noise, practically always. Therefore a row with more
 *  noise than 10 % is *unsure*: it did not fail, but it shows little. Then the machine is busy, and the gate says so
 *  instead of passing.
 *
 *  `--write` keeps no row with so much noise either: what is kept decides about every later run.
 *
 *  Exit code: 0 all rows held, or all were kept; 1 a row is worse or was not measured; 2 no row is worse, and some are
 *  unsure or not kept yet. */
import { readFile, writeFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { runBenchmark, type Benchmark, type Row } from "./benchmark.ts";
import { durableCrowd, durableSequential, volatileAsk, volatileTell } from "./benchmarks/commands.ts";
import { fanOut } from "./benchmarks/connections.ts";
import { remoteAsk, remoteTell } from "./benchmarks/remote.ts";
import { replicatedCrowd } from "./benchmarks/replicated.ts";
import { installPeers } from "./peers.ts";
import { gateTable } from "./report.ts";

/** The rows, by the layer whose slowing they show: journal, turns, sockets, mesh and routing, replication. */
const rows: readonly (readonly [benchmark: Benchmark, row: string])[] = [
  [durableSequential, "durable-sequential/level"],
  [durableCrowd, "durable-100x64/level/cpu"],
  [volatileAsk, "volatile-ask/nact"],
  [volatileTell, "volatile-tell/nact"],
  [fanOut, "fan-out/ws/cpu"],
  [remoteAsk, "remote-ask/tcp/x64"],
  [remoteTell, "remote-tell/tcp"],
  [replicatedCrowd, "replicated-100x64/alone"],
];

/** A row as it is kept. */
export interface Kept {
  readonly ratio: number;
  readonly noise: number;
}

/** What became of a row. */
export interface Verdict {
  readonly row: string;
  readonly verdict: "held" | "better" | "worse" | "unsure" | "new";
  readonly now: Kept;
  readonly kept: Kept | undefined;
  /** How much worse than kept, as a factor; below 1 it is better. */
  readonly worse: number;
  /** The factor from which on it fails. */
  readonly limit: number;
}

const toleranceShare = 0.05;
const noiseShareMax = 0.1;
/** Of 15 rounds four at each end may be disturbed before the noise grows. */
const roundsMin = 15;
/** The noise falls with the root of the rounds: a row is asked for half of what it was after the first ones, and no
 *  more. */
const roundsMax = 60;

/** Compares one row with what is kept of it. */
export function judge(row: Pick<Row, "row" | "ratio" | "noise" | "better">, kept: Kept | undefined): Verdict {
  const now = { ratio: row.ratio, noise: row.noise };
  if (kept === undefined) return { row: row.row, verdict: "new", now, kept, worse: NaN, limit: NaN };
  const worse = row.better === "higher" ? kept.ratio / row.ratio : row.ratio / kept.ratio;
  const limit = (1 + toleranceShare) * (1 + Math.hypot(row.noise, kept.noise));
  const told = (): Verdict["verdict"] => {
    // What is not a number was not measured.
    if (!(worse <= limit)) return "worse";
    if (worse < 1 / limit) return "better";
    return row.noise <= noiseShareMax ? "held" : "unsure";
  };
  return { row: row.row, verdict: told(), now, kept, worse, limit };
}

const file = new URL("gate.json", import.meta.url);
const digits = (value: number): number => Number(value.toPrecision(4));

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({ allowPositionals: true, options: { write: { type: "boolean" } } });
  const chosen = rows.filter(([, row]) => positionals.length === 0 || positionals.includes(row));
  if (chosen.length < positionals.length) {
    console.error(`The gate's rows are: ${rows.map(([, row]) => row).join(", ")}.`);
    return 1;
  }
  const kept = JSON.parse(await readFile(file, "utf8").catch(() => '{"rows":{}}')) as {
    readonly rows: Readonly<Record<string, Kept>>;
  };
  const say = (text: string): void => void (process.stderr.isTTY && process.stderr.write(`\r\u001b[2K${text}`));
  await installPeers(say);
  const verdicts: Verdict[] = [];
  for (const [benchmark, name] of chosen) {
    const plan = benchmark.rows.filter(({ row }) => row === name);
    const isEnough = (soFar: readonly Row[]): boolean =>
      soFar.every(({ noise, rounds }) => noise <= noiseShareMax || rounds >= roundsMax);
    const measured = await runBenchmark(benchmark, plan, Math.max(benchmark.rounds, roundsMin), say, isEnough);
    if (measured.length !== 1) throw new Error(`${benchmark.name} has no row ${name}`);
    verdicts.push(...measured.map((row) => judge(row, kept.rows[name])));
  }
  say("");
  console.log(gateTable(verdicts));
  const has = (...wanted: readonly Verdict["verdict"][]): boolean =>
    verdicts.some(({ verdict }) => wanted.includes(verdict));
  if (values.write !== true) return has("worse") ? 1 : has("unsure", "new") ? 2 : 0;
  const calm = verdicts.filter(({ now }) => now.noise <= noiseShareMax);
  const now = calm.map(({ row, now: { ratio, noise } }) => [row, { ratio: digits(ratio), noise: digits(noise) }]);
  const machine = `${availableParallelism()} processors, Node ${process.versions.node}`;
  const text = JSON.stringify({ machine, rows: { ...kept.rows, ...Object.fromEntries(now) } }, null, 2);
  await writeFile(file, `${text}\n`);
  if (calm.length < verdicts.length)
    console.error("Rows with more noise than 10 % were not kept: the machine is busy.");
  return calm.length < verdicts.length ? 2 : 0;
}

if (import.meta.main) process.exitCode = await main();
