/** Runs one command of the suite in a process group of its own, under a guard. */
import { spawn, type ChildProcess } from "node:child_process";
import { statSync } from "node:fs";
import { createGuard, type GuardLimits } from "./guard.ts";
import { root } from "./phases.ts";
import { groupSeconds } from "./processor-time.ts";

/** How a command ended. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  /** Why the guard ended it; undefined: it ended by itself. */
  readonly stopped: string | undefined;
  readonly output: string;
  readonly errorOutput: string;
  /** Processor seconds of its group. */
  readonly cpuSeconds: number;
}

export interface Execution {
  readonly command: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  readonly limits: GuardLimits;
  /** Written whenever a test begins or ends; without one only the end of the command is progress. */
  readonly progressFile?: string;
}

/** The last part of a command's output is what explains its end. */
const outputCharsMax = 200_000;

const running = new Set<ChildProcess>();

/** Ends a command with its whole group: tests start nodes, and those start inference hosts. */
function end(child: ChildProcess): void {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  process.kill(-child.pid, "SIGKILL");
}

/** Ends whatever runs. */
export function endAll(): void {
  for (const child of running) end(child);
}

/** Runs a command to its end, or until its guard ends it. */
export function execute({ command, environment, limits, progressFile }: Execution): Promise<Finished> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, {
      cwd: root,
      env: environment,
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
    });
    running.add(child);
    const tail = { output: "", errorOutput: "" };
    child.stdout.setEncoding("utf8").on("data", (text: string) => (tail.output = (tail.output + text).slice(-outputCharsMax)));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (tail.errorOutput = (tail.errorOutput + text).slice(-outputCharsMax)));
    const guard = createGuard(limits);
    const measure = groupSeconds(child.pid ?? 0);
    let stopped: string | undefined;
    const timer = setInterval(() => {
      const progress = progressFile === undefined ? 0 : (statSync(progressFile, { throwIfNoEntry: false })?.mtimeMs ?? 0);
      stopped ??= guard({ seconds: measure.look(), progress });
      if (stopped !== undefined) end(child);
    }, limits.lookMs);
    child.on("error", (error) => (tail.errorOutput += String(error)));
    child.on("exit", () => measure.ended());
    child.on("close", (code, signal) => {
      clearInterval(timer);
      running.delete(child);
      resolve({ code, signal, stopped, ...tail, cpuSeconds: measure.total() });
    });
  });
} // prettier-ignore
