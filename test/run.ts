/** Runs the suite:
 *
 *      npm test                      what decides, and a few real processes
 *      npm run test:all              everything at normal depth
 *      npm run test:long             everything at full depth: more seeds, rounds and examples
 *      npm test -- unit fuzz         some phases; those of the other two commands as well
 *      … -- --profile                says in the end what each file took
 *      … -- --measure                writes down what each phase took, for later runs to go by
 *
 *  Each phase is a process of its own under a guard (`runner/guard.ts`), so a hang, an endless loop or a crash costs
 *  one phase and names its test. What computes runs on all processors; then what starts real processes runs, one phase
 *  after the other, with nothing beside it. Failures are printed in full, everything else is one line per phase. The
 *  last line is always `N passed, N failed, N skipped`. */
import { rmSync, writeFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { checkCoverage, coverageFolder } from "./runner/coverage.ts";
import { endAll, execute } from "./runner/execute.ts";
import { guardLimits, usualFactor, type GuardLimits } from "./runner/guard.ts";
import { settlePatience } from "./runner/patience.ts";
import { runCommands, runTests, type Ending } from "./runner/phase-run.ts";
import {
  compiledFolder,
  phases,
  readUsual,
  serverFolder,
  usualFile,
  usualSeconds,
  type Extent,
  type Phase,
} from "./runner/phases.ts";
import { repeat } from "./runner/unsteady.ts";
import { slowestOf, type Cost, type FailedTest, type Timing } from "./runner/reporter.ts";

const options = ["--all", "--long", "--profile", "--measure"] as const;
type Option = (typeof options)[number];
const isOption = (word: string): word is Option => (options as readonly string[]).includes(word);

/** How many of the slowest tests are printed in the end. */
const slowestMax = 10;
/** How many tests `--profile` prints, of those that took most. */
const dearestMax = 60;
/** Processor seconds that any phase may use, however few it usually takes. */
const secondsAtLeast = 120;
/** More than these would wait for memory and disk. */
const lanesMax = 4;

/** What has been said so far. */
class Report {
  readonly total = { passed: 0, failed: 0, skipped: 0, cpuSeconds: 0 };
  readonly timings: Timing[] = [];
  readonly costs: Cost[] = [];
  readonly seconds: Record<string, number> = {};

  add(name: string, ending: Ending, startedMs: number): Ending {
    const { total } = this;
    this.timings.push(...(ending.slowest ?? []));
    this.costs.push(...(ending.costs ?? []).map((cost) => (cost.file === "" ? { ...cost, file: name } : cost)));
    for (const what of ["passed", "failed", "skipped", "cpuSeconds"] as const) total[what] += ending[what];
    this.seconds[name] = Math.ceil(ending.cpuSeconds);
    const counts = `${ending.passed} passed, ${ending.failed} failed, ${ending.skipped} skipped`;
    const problem = ending.problem === undefined ? "" : `: ${ending.problem}`;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(
      `${name.padEnd(12)} ${counts}${problem} (${seconds} s, ${ending.cpuSeconds.toFixed(1)} s of processors)`,
    );
    return ending;
  }

  end(): number {
    const { passed, failed, skipped, cpuSeconds } = this.total;
    if (passed === 0 && failed === 0) console.log("no test ran");
    console.log(`${(performance.now() / 60_000).toFixed(1)} minutes, ${Math.round(cpuSeconds)} s of processors`);
    console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
    return failed > 0 || passed === 0 ? 1 : 0;
  }
}

/** What a phase may use. At full depth that is not known. Tests of real processes wait for these as many times longer
 *  as the machine is slow. */
function limitsOf(name: string, extent: Extent, slowness = 1): GuardLimits {
  const usual = usualSeconds(name, extent, readUsual());
  const secondsMax = usual === undefined ? undefined : Math.max(secondsAtLeast, usualFactor * usual);
  return {
    ...guardLimits,
    silentLooks: (extent === "long" ? usualFactor : 1) * slowness * guardLimits.silentLooks,
    secondsMax,
  };
}

/** What fails here fails in the tests as well, which then say why. */
async function compile(): Promise<number> {
  const environment = { ...process.env, NODE_COMPILE_CACHE: compiledFolder, PLEXUS_TEST_SERVER: serverFolder };
  const command = [process.execPath, "test/runner/compile.ts"];
  return (await execute({ command, environment, limits: { ...guardLimits, secondsMax: undefined } })).cpuSeconds;
}

/** Runs what only computes, on as many processors as there are; and the coverage as soon as it is known. */
async function compute(chosen: readonly Phase[], extent: Extent, withCoverage: boolean, report: Report): Promise<void> {
  const queue = [...chosen];
  let uncovered = withCoverage ? chosen.filter(({ coverage }) => coverage).length : 0;
  let isKnown = true;
  const lane = async (): Promise<void> => {
    for (let phase = queue.shift(); phase !== undefined; phase = queue.shift()) {
      const startedMs = performance.now();
      const limits = limitsOf(phase.name, extent);
      const covered = withCoverage && phase.coverage === true;
      const ending =
        phase.commands === undefined ? runTests(phase, limits, { withCoverage: covered }) : runCommands(phase, limits);
      const { problem } = report.add(phase.name, await ending, startedMs);
      // A phase that was ended has not written down what it executed.
      if (covered) isKnown &&= problem === undefined;
      if (!covered || (uncovered -= 1) > 0 || !isKnown) continue;
      const reportedMs = performance.now();
      report.add("coverage", { ...(await checkCoverage()), skipped: 0 }, reportedMs);
    }
  };
  // One more than there are processors: tests wait now and then, for a thread or a socket of their own.
  await Promise.all(Array.from({ length: Math.min(lanesMax, availableParallelism() + 1) }, lane));
}

/** Runs what starts real processes, one phase after the other. The tests that failed by themselves. */
async function runReal(chosen: readonly Phase[], extent: Extent, report: Report): Promise<readonly FailedTest[]> {
  if (chosen.length === 0) return [];
  const patience = await settlePatience();
  report.total.cpuSeconds += await compile();
  const failures: FailedTest[] = [];
  for (const phase of chosen) {
    const startedMs = performance.now();
    const ending = await runTests(phase, limitsOf(phase.name, extent, patience));
    report.add(phase.name, ending, startedMs);
    failures.push(...(ending.failures ?? []));
  }
  return failures;
}

/** What files took, and the dearest tests: processor seconds, seconds. */
function printCosts(costs: readonly Cost[]): void {
  const row = (cpuSeconds: number, ms: number, name: string): string =>
    `${cpuSeconds.toFixed(1).padStart(7)} ${(ms / 1000).toFixed(1).padStart(7)}  ${name}`;
  const files = new Map<string, { cpuSeconds: number; ms: number }>();
  for (const { file, cpuSeconds, ms } of costs) {
    const sum = files.get(file) ?? { cpuSeconds: 0, ms: 0 };
    files.set(file, { cpuSeconds: sum.cpuSeconds + cpuSeconds, ms: sum.ms + ms });
  }
  console.log("    cpu       s  files (under a phase's name: loading them)");
  const dearFirst = [...files].toSorted(([, a], [, b]) => b.cpuSeconds - a.cpuSeconds);
  for (const [file, { cpuSeconds, ms }] of dearFirst) console.log(row(cpuSeconds, ms, file));
  console.log("    cpu       s  tests");
  for (const one of costs.toSorted((a, b) => b.cpuSeconds - a.cpuSeconds).slice(0, dearestMax))
    console.log(row(one.cpuSeconds, one.ms, one.title));
}

/** Keeps what the phases took that ran. */
function writeUsual(seconds: Readonly<Record<string, number>>, extent: Extent): void {
  if (extent === "long") return;
  const kept = readUsual();
  const rows = Object.entries({ ...kept[extent], ...seconds });
  const ofPhases = Object.fromEntries(rows.filter(([name]) => phases.some((phase) => phase.name === name)));
  writeFileSync(usualFile, `${JSON.stringify({ ...kept, [extent]: ofPhases }, undefined, 2)}\n`);
}

async function main(words: readonly string[]): Promise<number> {
  const asked = words.filter((word) => !isOption(word));
  const has = (option: Option): boolean => words.includes(option);
  // Tests read these (`depth.ts`, `reporter.ts`), and what they start.
  if (has("--profile")) process.env["PLEXUS_TEST_PROFILE"] = "1";
  if (has("--long")) process.env["PLEXUS_TEST_LONG"] = "1";
  const isLong = has("--long");
  const isAll = isLong || has("--all");
  const extent = isLong ? "long" : isAll ? "all" : "test";
  if (isAll) process.env["PLEXUS_TEST_ALL"] = "1";
  const unknown = asked.filter((name) => !phases.some((phase) => phase.name === name));
  if (unknown.length > 0) {
    console.log(`no such phase: ${unknown.join(", ")}. There are: ${phases.map((phase) => phase.name).join(", ")}`);
    console.log("0 passed, 0 failed, 0 skipped");
    return 2;
  }
  const chosen = phases.filter(({ name, isFurther }) =>
    asked.length === 0 ? isAll || !isFurther : asked.includes(name),
  );
  const withCoverage = asked.length === 0;
  if (withCoverage) rmSync(coverageFolder, { recursive: true, force: true });
  const report = new Report();
  await compute(
    chosen.filter(({ isReal }) => !isReal),
    extent,
    withCoverage,
    report,
  );
  const failures = await runReal(
    chosen.filter(({ isReal }) => isReal),
    extent,
    report,
  );
  if (isAll) {
    const again = await repeat(failures, (only) => runTests({ isReal: true }, limitsOf("node", extent), only));
    report.total.cpuSeconds += again.cpuSeconds;
    report.total.failed -= again.forgiven;
  }
  const slowest = slowestOf(report.timings, slowestMax);
  if (slowest.length > 0) console.log("the slowest:");
  for (const { title, ms } of slowest) console.log(`${(ms / 1000).toFixed(1).padStart(6)} s  ${title}`);
  if (has("--profile")) printCosts(report.costs);
  if (has("--measure")) writeUsual(report.seconds, extent);
  return report.end();
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    endAll();
    process.exit(1);
  });
process.exitCode = await main(process.argv.slice(2));
