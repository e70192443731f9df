/** Runs one phase, or some of its tests again, and says how it ended. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rawFolder } from "./coverage.ts";
import { execute, type Finished } from "./execute.ts";
import type { GuardLimits } from "./guard.ts";
import { compiledFolder, goVariables, serverFolder, testsOf, type Phase } from "./phases.ts";
import type { Cost, Counts, FailedTest, Timing } from "./reporter.ts";

/** How a phase ended. */
export interface Ending {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly cpuSeconds: number;
  readonly slowest?: readonly Timing[];
  readonly costs?: readonly Cost[];
  /** The tests that failed by themselves. */
  readonly failures?: readonly FailedTest[];
  /** What went wrong beyond single tests. */
  readonly problem?: string;
}

/** How V8 collects what is made and thrown away at once, in what computes. The young generation has more room, which
 *  saves a tenth of the processor seconds. Buffers count as part of the heap: by themselves they would have V8 mark the
 *  whole heap at each 64 MiB of them, which takes a sixth of the processor seconds of backups. */
const collection = ["--max-semi-space-size=64", "--external-memory-accounted-in-global-limit"];

export async function runCommands(phase: Phase, limits: GuardLimits): Promise<Ending> {
  let passed = 0;
  let cpuSeconds = 0;
  const failed: string[] = [];
  for (const command of phase.commands ?? []) {
    const name = command.map((part) => part.split("/").at(-1)).join(" ");
    const finished = await execute({ command, limits, environment: { ...process.env, ...goVariables } });
    cpuSeconds += finished.cpuSeconds;
    if (finished.code === 0) {
      passed += 1;
      continue;
    }
    failed.push(finished.stopped === undefined ? name : `${name} ${finished.stopped}`);
    console.log(`\n$ ${name}\n${finished.output}${finished.errorOutput}`);
  }
  return { passed, failed: failed.length, skipped: 0, cpuSeconds, ...(failed.length > 0 && { problem: failed.join(", ") }) };
} // prettier-ignore

/** Runs the phase's files, or those that are given, or of these only the test with a title. */
export async function runTests(
  phase: Pick<Phase, "tests" | "except" | "isReal">,
  limits: GuardLimits,
  options: {
    readonly withCoverage?: boolean;
    readonly files?: readonly string[];
    readonly title?: string;
    readonly say?: (text: string) => void;
  } = {},
): Promise<Ending> {
  const { withCoverage = false, files = testsOf(phase), title, say = console.log } = options;
  const folder = mkdtempSync(join(tmpdir(), "plexus-test-"));
  const countsFile = join(folder, "counts.json");
  const more = [
    ...(withCoverage ? ["--require", "./test/runner/own-coverage.ts"] : []),
    ...(title === undefined ? [] : ["--grep", `^${title.replaceAll(/[.*+?^${}()|[\]\\/]/g, String.raw`\$&`)}$`]),
  ];
  const words = ["node_modules/mocha/bin/mocha.js", "--reporter", "./test/runner/reporter.ts", ...more, ...files];
  const environment = {
    ...process.env,
    PLEXUS_TEST_COUNTS: countsFile,
    // A server that could not be made: tests start the sources, and say what is wrong with those.
    ...(existsSync(join(serverFolder, "package.json")) && phase.isReal && { PLEXUS_TEST_SERVER: serverFolder }),
    // Compiled code that is kept is less exact where coverage is collected.
    ...(withCoverage
      ? { NODE_V8_COVERAGE: rawFolder }
      : { NODE_COMPILE_CACHE: process.env["NODE_COMPILE_CACHE"] ?? compiledFolder }),
  };
  try {
    const command = [process.execPath, ...(phase.isReal ? [] : collection), ...words];
    const finished = await execute({ command, limits, progressFile: countsFile, environment });
    if (finished.output.trim() !== "") say(`\n${finished.output.trimEnd()}\n`);
    const counts = readCounts(countsFile);
    const ending = endingOf(finished, counts);
    if (ending.problem !== undefined && counts?.ended !== true) say(finished.errorOutput.trimEnd());
    return ending;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function endingOf(finished: Finished, counts: Counts | undefined): Ending {
  const problem = problemOf(finished, counts);
  const { passed = 0, failed = 0, skipped = 0, slowest = [], costs = [], failures = [] } = counts ?? {};
  const { cpuSeconds } = finished;
  const ending = { passed, failed, skipped, slowest, costs, failures, cpuSeconds };
  // Whatever ended the phase early counts as one failure more than the tests that failed by themselves.
  return problem === undefined ? ending : { ...ending, failed: failed + 1, problem };
}

const readCounts = (path: string): Counts | undefined =>
  existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as Counts) : undefined;

/** What ended a phase otherwise than by its last test. */
function problemOf(finished: Finished, counts: Counts | undefined): string | undefined {
  const where =
    counts === undefined ? "before the first test" : counts.ended ? "after the last test" : `in: ${counts.current}`;
  if (finished.stopped !== undefined) return `${finished.stopped}, ${where}`;
  // A test that fails may leave open what it would have closed.
  if (counts?.leftOpen !== undefined && counts.failed === 0)
    return `left open after the last test: ${counts.leftOpen.join(", ")}`;
  if (counts?.ended !== true) return `crashed (${finished.signal ?? `exit code ${finished.code}`}) ${where}`;
  if (counts.passed + counts.failed + counts.skipped === 0) return "no test ran";
  if (finished.code !== 0 && counts.failed === 0)
    return `ended with ${finished.signal ?? `exit code ${finished.code}`}`;
  return undefined;
}
