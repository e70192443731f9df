/** Mocha's output for the runner: failures only, in full. Counts, and the test that runs now, go to the file named by
 *  PLEXUS_TEST_COUNTS, written synchronously, so that the runner can say where a phase hung. */
import { openSync, writeSync } from "node:fs";
import { relative } from "node:path";
import Mocha from "mocha";
import { treeSeconds } from "./processor-time.ts";
import { patience } from "../waits.ts";

/** What the runner reads. `ended` is false while tests run: a phase that dies keeps it so. */
export interface Counts {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: number;
  readonly ended: boolean;
  readonly current: string;
  readonly slowest: readonly Timing[];
  /** With `--profile`: what each test and hook took, in their order. */
  readonly costs?: readonly Cost[];
  /** What the process still held when it should have ended: types of open resources, each with the test or hook that
   *  has opened it. */
  readonly leftOpen?: readonly string[];
  readonly failures: readonly FailedTest[];
}

/** A test that failed, or a hook of several. */
export interface FailedTest {
  /** Within the repository. */
  readonly file: string;
  readonly title: string;
  readonly isHook: boolean;
}

/** How long a test took, or a hook of several. */
export interface Timing {
  readonly title: string;
  readonly ms: number;
}

/** What a test or a hook took, with all processes that it started or that ran beside it. */
export interface Cost extends Timing {
  /** The test's file, within the repository. */
  readonly file: string;
  readonly cpuSeconds: number;
}

/** The slowest of them, the slowest first. */
export const slowestOf = (timings: readonly Timing[], count: number): readonly Timing[] =>
  timings.toSorted((a, b) => b.ms - a.ms).slice(0, count);

/** As many as the runner can need of one phase. */
const slowestMax = 10;

const isProfiled = process.env["PLEXUS_TEST_PROFILE"] !== undefined;

const lookedAtMs = 2;

/** After the last test the process should end by itself. One that does not has left something open. */
const lingerMs = Number(process.env["PLEXUS_TEST_LINGER_MS"] ?? patience * 15_000);

/** In the place of a test, while files are loaded. */
const loading = "the loading of files";

/** Who opened what is open: for each type of resource, who raised its count to one, to two and so on, and was followed
 *  by nobody who lowered it. */
export function createOpened(): {
  look(title: string, resources: readonly string[]): void;
  left(resources: readonly string[]): readonly string[];
} {
  const openers = new Map<string, string[]>();
  return {
    look(title, resources) {
      for (const type of new Set([...openers.keys(), ...resources])) {
        const count = resources.filter((one) => one === type).length;
        const of = openers.get(type) ?? [];
        while (of.length < count) of.push(title);
        openers.set(type, of.slice(0, count));
      }
    },
    left(resources) {
      const found = resources.map((type, at) => {
        const opener = openers.get(type)?.[resources.slice(0, at).filter((one) => one === type).length];
        return { opener, told: opener === undefined ? type : `${type} of: ${opener}` };
      });
      // What was there before the tests, such as the process's own output, holds nothing where a test has left
      // something.
      const ofTests = found.filter(({ opener }) => opener !== loading);
      return (ofTests.length > 0 ? ofTests : found).map(({ told }) => told);
    },
  };
}

/** Writes text to a file, again and again, over what was there: one call of the system for each. What is JSON stays so
 *  with spaces behind it. */
function rewriting(path: string): (text: string) => void {
  let file: number | undefined;
  let longest = 0;
  return (text) => {
    file ??= openSync(path, "w");
    const bytes = Buffer.from(text);
    longest = Math.max(longest, bytes.length);
    writeSync(file, Buffer.concat([bytes, Buffer.alloc(longest - bytes.length, " ")]), 0, longest, 0);
  };
}

const fileOf = (run: Mocha.Runnable): string => relative(process.cwd(), run.file ?? run.parent?.file ?? "");

export default class PhaseReporter {
  constructor(runner: Mocha.Runner) {
    const path = process.env["PLEXUS_TEST_COUNTS"];
    const write = path === undefined ? undefined : rewriting(path);
    let failed = 0;
    let passed = 0;
    let skipped = 0;
    let slowest: readonly Timing[] = [];
    const failures: FailedTest[] = [];
    const costs: Cost[] | undefined = isProfiled ? [] : undefined;
    let spentSeconds = 0;
    const opened = createOpened();
    const cost = (file: string, title: string, ms: number): void => {
      // Looking costs more than a short hook, of which there are many: what that took counts as the next one's.
      if (costs === undefined || ms < lookedAtMs) return;
      const seconds = treeSeconds();
      costs.push({ file, title, ms, cpuSeconds: Math.max(0, seconds - spentSeconds) });
      spentSeconds = seconds;
    };
    const time = (run: Mocha.Runnable): void => {
      cost(fileOf(run), run.fullTitle(), run.duration ?? 0);
      if (run.duration === undefined) return;
      slowest = slowestOf([...slowest, { title: run.fullTitle(), ms: run.duration }], slowestMax);
    };
    const save = (ended: boolean, current: string, more: Pick<Counts, "leftOpen"> = {}): void => {
      const counts: Counts = {
        passed,
        failed,
        skipped,
        ended,
        current,
        slowest,
        failures,
        ...more,
        // They are many: written at each test, they would take more than the tests.
        ...(ended && costs && { costs }),
      };
      write?.(JSON.stringify(counts));
    };
    runner.once("start", () => cost("", "load what is tested", performance.now()));
    runner.on("pass", () => (passed += 1));
    let current = loading;
    const look = (): void => opened.look(current, process.getActiveResourcesInfo());
    // What a test has closed is gone a moment after its end.
    const begin = (run: Mocha.Runnable): void => {
      look();
      current = run.fullTitle();
      save(false, current);
    };
    const over = (run: Mocha.Runnable): void => {
      look();
      time(run);
    };
    runner.on("test", begin).on("hook", begin).on("test end", over).on("hook end", over);
    runner.on("pending", () => (skipped += 1));
    runner.on("fail", (test, error) => {
      // `Base.list` looks for the error there.
      test.err = error as Error;
      failed += 1;
      failures.push({ file: fileOf(test), title: test.fullTitle(), isHook: (test.type as string) === "hook" });
      // At once: a phase that does not come to its end has said it all the same.
      Mocha.reporters.Base.list([test as Mocha.Test]);
    });
    runner.once("end", () => {
      save(true, "");
      const timer = setTimeout(() => {
        save(true, "", { leftOpen: opened.left(process.getActiveResourcesInfo()) });
        process.exit();
      }, lingerMs);
      timer.unref();
    });
  }
}
