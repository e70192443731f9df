/** Runs the whole suite: `npm test`, or some phases of it: `npm test -- unit fuzz`. With `--long` everything is done at full
 *  depth (`npm run test:long`): more seeds, more rounds, the same tests.
 *
 *  Each phase is a process of its own with a time limit, so a hang names its phase and its test, and a crash costs one
 *  phase. Three lanes run side by side. Two of them begin with phases that start nodes and mostly wait for them. Phases that
 *  only compute are taken by the lane that is free, and have a lower priority: what they take is what the others leave over,
 *  and nothing that has a clock in it is late because of them. Failures are printed in full, everything else is one line per
 *  phase with its seconds and the processor seconds in them, then come the slowest tests. The
 *  last line is always `N passed, N failed, N skipped`. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import {
  bin,
  compiledFolder,
  computingNice,
  lanes,
  niceOf,
  phases,
  root,
  testsOf,
  type Lane,
  type Phase,
} from "./phases.ts";
import { slowestOf, type Counts, type Timing } from "./reporter.ts";

/** Where an untested branch is a bug that replicates, and what the page makes of what it is told. Not `node/directory`: without
 *  etcd a part of it is not tested. */
const coveredFolders = [
  "actors",
  "node/kernel",
  "node/membership",
  "node/mesh",
  "node/placement",
  "node/replication",
  "node/routing",
  "node/storage",
  "web/src/model",
  "web/src/markdown",
];
const coveredSources = "{actors,cli,config,node,protocols,runtimes,web/src/model,web/src/markdown}/**/*.ts";
/** In percent, of each folder. */
const coverageMin = { statements: 95, branches: 90 } as const;
const coverageFolder = join(root, "coverage");

interface Ending {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly slowest?: readonly Timing[];
  /** What went wrong beyond single tests. */
  readonly problem?: string;
  readonly cpuSeconds: number;
}

interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly timedOut: boolean;
  readonly output: string;
  readonly errorOutput: string;
  /** Of it and all that it waited for; what a killed process leaves behind does not count. */
  readonly cpuSeconds: number;
}

/** The last part of a child's output is what explains its end. */
const outputCharsMax = 200_000;

const running = new Set<ChildProcess>();

/** How much longer a phase may take at full depth. */
const longFactor = 6;

/** How many of the slowest tests are printed in the end. */
const slowestMax = 10;

/** Processor seconds of all children that have ended, and of theirs; 0 where the system does not say it as Linux does. */
function childSeconds(): number {
  try {
    const stat = readFileSync("/proc/self/stat", "utf8");
    // Behind the name, which may have anything in it: user and system time of children, in hundredths.
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return (Number(fields[13]) + Number(fields[14])) / 100;
  } catch {
    return 0;
  }
}
let countedSeconds = 0;

/** Ends a command with its whole group: tests start nodes, and those start inference hosts. */
function end(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
}

function execute(
  command: readonly string[],
  limitMs: number,
  environment: NodeJS.ProcessEnv,
  nice = 0,
): Promise<Finished> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: environment,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    // At once: what it starts gets the same.
    if (nice !== 0 && child.pid !== undefined) setPriority(child.pid, nice);
    let output = "";
    let errorOutput = "";
    let timedOut = false;
    let cpuSeconds = 0;
    child.on("exit", () => {
      // One child is waited for at a time: what has come since the last one is of this one.
      const seconds = childSeconds();
      cpuSeconds = seconds - countedSeconds;
      countedSeconds = seconds;
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-outputCharsMax)));
    child.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (errorOutput = (errorOutput + text).slice(-outputCharsMax)));
    const timer = setTimeout(() => {
      timedOut = true;
      end(child);
    }, limitMs);
    child.on("error", (error) => (errorOutput += String(error)));
    child.on("close", (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      resolve({ code, signal, timedOut, output, errorOutput, cpuSeconds });
    });
  });
}

async function runCommands(phase: Phase): Promise<Ending> {
  let passed = 0;
  let cpuSeconds = 0;
  const failed: string[] = [];
  for (const command of phase.commands ?? []) {
    const name = command.map((part) => part.split("/").at(-1)).join(" ");
    const finished = await execute(command, phase.limitMs, process.env, niceOf(phase));
    cpuSeconds += finished.cpuSeconds;
    if (finished.code === 0 && !finished.timedOut) {
      passed += 1;
      continue;
    }
    failed.push(finished.timedOut ? `${name} timed out after ${phase.limitMs / 1000} s` : name);
    console.log(`\n$ ${name}\n${finished.output}${finished.errorOutput}`);
  }
  const problem = failed.length > 0 && { problem: failed.join(", ") };
  return { passed, failed: failed.length, skipped: 0, cpuSeconds, ...problem };
}

async function runTests(phase: Phase, tests: readonly string[], withCoverage: boolean): Promise<Ending> {
  const folder = mkdtempSync(join(tmpdir(), "plexus-test-"));
  const countsFile = join(folder, "counts.json");
  const required = withCoverage ? ["--require", "./test/own-coverage.ts"] : [];
  const words = ["node_modules/mocha/bin/mocha.js", "--reporter", "./test/reporter.ts", ...required, ...tests];
  const command = [process.execPath, ...words];
  const environment = {
    ...process.env,
    PLEXUS_TEST_COUNTS: countsFile,
    // Compiled code that is kept is less exact where coverage is collected.
    ...(withCoverage
      ? { NODE_V8_COVERAGE: join(coverageFolder, "tmp") }
      : { NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? compiledFolder }),
  };
  try {
    const finished = await execute(command, phase.limitMs, environment, niceOf(phase));
    if (finished.output.trim() !== "") console.log(`\n${finished.output.trimEnd()}\n`);
    const counts = readCounts(countsFile);
    const problem = describeProblem(phase, finished, counts);
    if (problem !== undefined && counts?.ended !== true) console.log(finished.errorOutput.trimEnd());
    const { passed = 0, failed = 0, skipped = 0, slowest = [] } = counts ?? {};
    const { cpuSeconds } = finished;
    // Whatever ended the phase early counts as one failure more than the tests that failed by themselves.
    return problem === undefined
      ? { passed, failed, skipped, slowest, cpuSeconds }
      : { passed, failed: failed + 1, skipped, slowest, cpuSeconds, problem };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readCounts(path: string): Counts | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Counts) : undefined;
}

function describeProblem(phase: Phase, finished: Finished, counts: Counts | undefined): string | undefined {
  const where =
    counts === undefined ? "before the first test" : counts.ended ? "after the last test" : `in: ${counts.current}`;
  if (finished.timedOut) return `timed out after ${phase.limitMs / 1000} s ${where}`;
  if (counts?.leftOpen !== undefined) return `left open after the last test: ${counts.leftOpen.join(", ")}`;
  if (counts?.ended !== true) return `crashed (${finished.signal ?? `exit code ${finished.code}`}) ${where}`;
  if (finished.code !== 0 && counts.failed === 0)
    return `ended with ${finished.signal ?? `exit code ${finished.code}`}`;
  return undefined;
}

async function checkCoverage(): Promise<Ending> {
  const reporters = ["--reporter", "text-summary", "--reporter", "json-summary", "--reports-dir", coverageFolder];
  const sources = ["--temp-directory", join(coverageFolder, "tmp"), "--merge-async", "--include", coveredSources];
  const finished = await execute([bin("c8"), "report", ...sources, ...reporters], 240_000, process.env, computingNice);
  const { cpuSeconds } = finished;
  if (finished.code !== 0) {
    console.log(finished.output + finished.errorOutput);
    return { passed: 0, failed: 1, skipped: 0, cpuSeconds, problem: "c8 could not report" };
  }
  console.log(finished.output.trim());
  type Row = Readonly<Record<keyof typeof coverageMin, { readonly covered: number; readonly total: number }>>;
  const summary = JSON.parse(readFileSync(join(coverageFolder, "coverage-summary.json"), "utf8")) as Record<
    string,
    Row
  >;
  let failed = 0;
  for (const folder of coveredFolders) {
    const rows = Object.entries(summary).filter(([path]) => path.startsWith(join(root, folder) + "/"));
    const shares = (["statements", "branches"] as const).map((what) => {
      const covered = rows.reduce((sum, [, row]) => sum + row[what].covered, 0);
      const total = rows.reduce((sum, [, row]) => sum + row[what].total, 0);
      return { what, percent: total === 0 ? 0 : (100 * covered) / total, min: coverageMin[what] };
    });
    const below = shares.filter(({ percent, min }) => percent < min);
    if (below.length > 0) failed += 1;
    const text = shares.map(({ what, percent }) => `${percent.toFixed(1).padStart(5)} % of ${what}`).join(", ");
    const verdict = below.map(({ what, min }) => `below ${min} % of ${what}`).join(", ") || "enough";
    console.log(`${folder.padEnd(16)} ${text}: ${verdict}`);
  }
  return { passed: coveredFolders.length - failed, failed, skipped: 0, cpuSeconds };
}

function describe(ending: Ending): string {
  const counts = `${ending.passed} passed, ${ending.failed} failed, ${ending.skipped} skipped`;
  return ending.problem === undefined ? counts : `${counts}: ${ending.problem}`;
}

async function main(words: readonly string[]): Promise<number> {
  const asked = words.filter((word) => word !== "--long");
  const isLong = asked.length < words.length;
  // Tests read it (`depth.ts`), and what they start.
  if (isLong) process.env["PLEXUS_TEST_LONG"] = "1";
  const unknown = asked.filter((name) => !phases.some((phase) => phase.name === name));
  if (unknown.length > 0) {
    console.log(`no such phase: ${unknown.join(", ")}. There are: ${phases.map((phase) => phase.name).join(", ")}`);
    console.log("0 passed, 0 failed, 0 skipped");
    return 2;
  }
  const chosen = phases
    .filter(({ name }) => asked.length === 0 || asked.includes(name))
    .map((phase) => (isLong ? { ...phase, limitMs: longFactor * phase.limitMs } : phase));
  const withCoverage = asked.length === 0;
  if (withCoverage) rmSync(coverageFolder, { recursive: true, force: true });
  const total = { passed: 0, failed: 0, skipped: 0, cpuSeconds: 0 };
  const timings: Timing[] = [];
  const add = (name: string, ending: Ending, startedMs: number): void => {
    timings.push(...(ending.slowest ?? []));
    total.passed += ending.passed;
    total.failed += ending.failed;
    total.skipped += ending.skipped;
    total.cpuSeconds += ending.cpuSeconds;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    console.log(
      `${name.padEnd(12)} ${describe(ending)} (${seconds} s, ${ending.cpuSeconds.toFixed(1)} s of processors)`,
    );
  };
  // Lanes that are through with their own phases take from those that can run anywhere.
  const queue = chosen.filter(({ lane }) => lane === undefined);
  let uncovered = withCoverage ? chosen.filter(({ coverage }) => coverage === true).length : 0;
  const runLane = async (lane: Lane): Promise<void> => {
    const own = chosen.filter((one) => one.lane === lane);
    for (let phase = own.shift() ?? queue.shift(); phase !== undefined; phase = own.shift() ?? queue.shift()) {
      const startedMs = performance.now();
      if (phase.commands !== undefined) add(phase.name, await runCommands(phase), startedMs);
      else add(phase.name, await runTests(phase, testsOf(phase), withCoverage && phase.coverage === true), startedMs);
      if (phase.coverage !== true || (uncovered -= 1) !== 0) continue;
      const reportedMs = performance.now();
      add("coverage", await checkCoverage(), reportedMs);
    }
  };
  if (availableParallelism() > 1) await Promise.all(lanes.map(runLane));
  else for (const lane of lanes) await runLane(lane);
  const slowest = slowestOf(timings, slowestMax);
  if (slowest.length > 0) console.log("the slowest:");
  for (const { title, ms } of slowest) console.log(`${(ms / 1000).toFixed(1).padStart(6)} s  ${title}`);
  if (total.passed === 0 && total.failed === 0) console.log("no test ran");
  const minutes = (performance.now() / 60_000).toFixed(1);
  console.log(`${minutes} minutes, ${(total.cpuSeconds / 60).toFixed(1)} of processors`);
  console.log(`${total.passed} passed, ${total.failed} failed, ${total.skipped} skipped`);
  return total.failed > 0 || total.passed === 0 ? 1 : 0;
}

for (const signal of ["SIGINT", "SIGTERM"] as const)
  process.on(signal, () => {
    for (const child of running) end(child);
    process.exit(1);
  });
process.exitCode = await main(process.argv.slice(2));
