/** Runs the whole suite: `npm test`, or some phases of it: `npm test -- unit fuzz`. With `--long` everything is done at full
 *  depth (`npm run test:long`): more seeds, more rounds, the same tests. With `--profile` it says in the end what each file took.
 *
 *  Each phase is a process of its own, and is ended when none of its tests ends for a long time. So a hang names its phase and its
 *  test, and a crash costs one phase. Three lanes run side by side. Two of them begin with phases that start nodes and mostly wait for them. Phases that
 *  only compute are taken by the lane that is free, and have a lower priority: what they take is what the others leave over,
 *  and nothing that has a clock in it is late because of them. Failures are printed in full, everything else is one line per
 *  phase with its seconds and the processor seconds in them, then come the slowest tests. The
 *  last line is always `N passed, N failed, N skipped`. */
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
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
  serverFolder,
  silenceMsMax,
  testsOf,
  type Lane,
  type Phase,
} from "./runner/phases.ts";
import { endedSeconds } from "./runner/processor-time.ts";
import { slowestOf, type Cost, type Counts, type Timing } from "./runner/reporter.ts";

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
/** Many times what it takes to read what V8 wrote. */
const reportLimitMs = 900_000;
/** In percent, of each folder. */
const coverageMin = { statements: 95, branches: 90 } as const;
const coverageFolder = join(root, "coverage");

interface Ending {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly slowest?: readonly Timing[];
  readonly costs?: readonly Cost[];
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

/** How often it is looked whether a phase goes on. */
const lookMs = 1_000;

const options: ReadonlySet<string> = new Set(["--long", "--profile"]);

/** Many times what it takes. */
const compileLimitMs = 600_000;

/** How many of the slowest tests are printed in the end. */
const slowestMax = 10;

/** How many tests `--profile` prints, of those that took most. */
const dearestMax = 60;

let countedSeconds = 0;

/** Ends a command with its whole group: tests start nodes, and those start inference hosts. */
function end(child: ChildProcess): void {
  if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGKILL");
}

interface Execution {
  readonly command: readonly string[];
  /** How long the command may take; or, where it has a file of progress, how long that file may stay as it is. */
  readonly limitMs: number;
  readonly progressFile?: string;
  readonly environment: NodeJS.ProcessEnv;
  readonly nice?: number;
}

/** When a file was last written, on the clock of `Date.now`; undefined: it is not there yet. */
const writtenAtMs = (path: string | undefined): number | undefined =>
  path === undefined ? undefined : statSync(path, { throwIfNoEntry: false })?.mtimeMs;

function execute({ command, limitMs, progressFile, environment, nice = 0 }: Execution): Promise<Finished> {
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
      const seconds = endedSeconds();
      cpuSeconds = seconds - countedSeconds;
      countedSeconds = seconds;
    });
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-outputCharsMax)));
    child.stderr
      .setEncoding("utf8")
      .on("data", (text: string) => (errorOutput = (errorOutput + text).slice(-outputCharsMax)));
    const startedAtMs = Date.now();
    const timer = setInterval(() => {
      if (Date.now() - (writtenAtMs(progressFile) ?? startedAtMs) <= limitMs) return;
      timedOut = true;
      end(child);
    }, lookMs);
    child.on("error", (error) => (errorOutput += String(error)));
    child.on("close", (code, signal) => {
      clearInterval(timer);
      running.delete(child);
      resolve({ code, signal, timedOut, output, errorOutput, cpuSeconds });
    });
  });
}

async function runCommands(phase: Phase, limitMs: number): Promise<Ending> {
  let passed = 0;
  let cpuSeconds = 0;
  const failed: string[] = [];
  for (const command of phase.commands ?? []) {
    const name = command.map((part) => part.split("/").at(-1)).join(" ");
    const finished = await execute({ command, limitMs, environment: oneThread, nice: niceOf(phase) });
    cpuSeconds += finished.cpuSeconds;
    if (finished.code === 0 && !finished.timedOut) {
      passed += 1;
      continue;
    }
    failed.push(finished.timedOut ? `${name} timed out after ${limitMs / 1000} s` : name);
    console.log(`\n$ ${name}\n${finished.output}${finished.errorOutput}`);
  }
  const problem = failed.length > 0 && { problem: failed.join(", ") };
  return { passed, failed: failed.length, skipped: 0, cpuSeconds, ...problem };
}

/** For programs in Go: more threads take more processor seconds for the same, which the other lanes have. */
const oneThread = { ...process.env, GOMAXPROCS: "1" };

/** What fails here fails in the tests as well, which then say why. */
async function compile(): Promise<number> {
  const environment = { ...process.env, NODE_COMPILE_CACHE: compiledFolder, PLEXUS_TEST_SERVER: serverFolder };
  const command = [process.execPath, "test/runner/compile.ts"];
  return (await execute({ command, limitMs: compileLimitMs, environment })).cpuSeconds;
}

async function runTests(phase: Phase, limitMs: number, withCoverage: boolean): Promise<Ending> {
  const folder = mkdtempSync(join(tmpdir(), "plexus-test-"));
  const countsFile = join(folder, "counts.json");
  const required = withCoverage ? ["--require", "./test/runner/own-coverage.ts"] : [];
  const words = ["node_modules/mocha/bin/mocha.js", "--reporter", "./test/runner/reporter.ts", ...required, ...testsOf(phase)];
  const command = [process.execPath, ...words];
  const environment = {
    ...process.env,
    PLEXUS_TEST_COUNTS: countsFile,
    // One that could not be made: they start the sources, and say what is wrong with those.
    ...(existsSync(join(serverFolder, "package.json")) &&
      phase.lane !== undefined && { PLEXUS_TEST_SERVER: serverFolder }),
    // Compiled code that is kept is less exact where coverage is collected.
    ...(withCoverage
      ? { NODE_V8_COVERAGE: join(coverageFolder, "tmp") }
      : { NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? compiledFolder }),
  };
  try {
    const finished = await execute({ command, limitMs, progressFile: countsFile, environment, nice: niceOf(phase) });
    if (finished.output.trim() !== "") console.log(`\n${finished.output.trimEnd()}\n`);
    const counts = readCounts(countsFile);
    const problem = describeProblem(finished, counts, limitMs);
    if (problem !== undefined && counts?.ended !== true) console.log(finished.errorOutput.trimEnd());
    const { passed = 0, failed = 0, skipped = 0, slowest = [], costs = [] } = counts ?? {};
    const { cpuSeconds } = finished;
    // Whatever ended the phase early counts as one failure more than the tests that failed by themselves.
    return problem === undefined
      ? { passed, failed, skipped, slowest, costs, cpuSeconds }
      : { passed, failed: failed + 1, skipped, slowest, costs, cpuSeconds, problem };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readCounts(path: string): Counts | undefined {
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Counts) : undefined;
}

function describeProblem(finished: Finished, counts: Counts | undefined, limitMs: number): string | undefined {
  const where =
    counts === undefined ? "before the first test" : counts.ended ? "after the last test" : `in: ${counts.current}`;
  if (finished.timedOut) return `hung: no test ended for ${limitMs / 1000} s ${where}`;
  if (counts?.leftOpen !== undefined) return `left open after the last test: ${counts.leftOpen.join(", ")}`;
  if (counts?.ended !== true) return `crashed (${finished.signal ?? `exit code ${finished.code}`}) ${where}`;
  if (finished.code !== 0 && counts.failed === 0)
    return `ended with ${finished.signal ?? `exit code ${finished.code}`}`;
  return undefined;
}

async function checkCoverage(): Promise<Ending> {
  const reporters = ["--reporter", "text-summary", "--reporter", "json-summary", "--reports-dir", coverageFolder];
  const sources = ["--temp-directory", join(coverageFolder, "tmp"), "--merge-async", "--include", coveredSources];
  const command = [bin("c8"), "report", ...sources, ...reporters];
  const finished = await execute({ command, limitMs: reportLimitMs, environment: process.env, nice: computingNice });
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

async function main(words: readonly string[]): Promise<number> {
  const asked = words.filter((word) => !options.has(word));
  const isLong = words.includes("--long");
  const isProfiled = words.includes("--profile");
  if (isProfiled) process.env["PLEXUS_TEST_PROFILE"] = "1";
  // Tests read it (`depth.ts`), and what they start.
  if (isLong) process.env["PLEXUS_TEST_LONG"] = "1";
  const unknown = asked.filter((name) => !phases.some((phase) => phase.name === name));
  if (unknown.length > 0) {
    console.log(`no such phase: ${unknown.join(", ")}. There are: ${phases.map((phase) => phase.name).join(", ")}`);
    console.log("0 passed, 0 failed, 0 skipped");
    return 2;
  }
  const chosen = phases.filter(({ name }) => asked.length === 0 || asked.includes(name));
  const limitMs = isLong ? silenceMsMax.long : silenceMsMax.usual;
  const withCoverage = asked.length === 0;
  if (withCoverage) rmSync(coverageFolder, { recursive: true, force: true });
  const total = { passed: 0, failed: 0, skipped: 0, cpuSeconds: 0 };
  const timings: Timing[] = [];
  const costs: Cost[] = [];
  const add = (name: string, ending: Ending, startedMs: number): void => {
    timings.push(...(ending.slowest ?? []));
    costs.push(...(ending.costs ?? []).map((cost) => (cost.file === "" ? { ...cost, file: name } : cost)));
    total.passed += ending.passed;
    total.failed += ending.failed;
    total.skipped += ending.skipped;
    total.cpuSeconds += ending.cpuSeconds;
    const seconds = ((performance.now() - startedMs) / 1000).toFixed(1);
    const since = isProfiled ? `, from ${(startedMs / 1000).toFixed(0)} s on` : "";
    console.log(
      `${name.padEnd(12)} ${describe(ending)} (${seconds} s, ${ending.cpuSeconds.toFixed(1)} s of processors${since})`,
    );
  };
  // Lanes that are through with their own phases take from those that can run anywhere.
  const queue = chosen.filter(({ lane }) => lane === undefined);
  let uncovered = withCoverage ? chosen.filter(({ coverage }) => coverage === true).length : 0;
  // Nodes are up in half of the time when their code is compiled. What computes begins meanwhile.
  const isCompiled = chosen.every(({ lane }) => lane === undefined);
  const compiled = isCompiled ? Promise.resolve() : compile().then((seconds) => void (total.cpuSeconds += seconds));
  const runLane = async (lane: Lane): Promise<void> => {
    if (lane !== "computing") await compiled;
    const own = chosen.filter((one) => one.lane === lane);
    for (let phase = own.shift() ?? queue.shift(); phase !== undefined; phase = own.shift() ?? queue.shift()) {
      const startedMs = performance.now();
      if (phase.commands !== undefined) add(phase.name, await runCommands(phase, limitMs), startedMs);
      else add(phase.name, await runTests(phase, limitMs, withCoverage && phase.coverage === true), startedMs);
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
  if (isProfiled) printCosts(costs);
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
