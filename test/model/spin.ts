/** Runs one configuration of a model through spin: Promela to C, C to a program that visits every state. */
import { spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findProgram, onPath } from "../fixtures/debian.ts";
import { patience } from "../waits.ts";

/** What a check is made of. `violations`: one of these must be found; without it, none may be. */
export interface Configuration {
  readonly name: string;
  readonly model: "replication" | "pin" | "voters";
  /** Bounds, and rules that are replaced. */
  readonly define: Readonly<Record<string, number | true>>;
  readonly violations?: readonly number[];
  /** `shortest`: breadth first, so that a trail is short. `deep`: depth first, where that finds it sooner. `compact`:
   *  states as hashes, which may miss some. Otherwise exact. */
  readonly search?: "shortest" | "compact" | "deep";
  readonly large?: boolean;
}

/** `complete`: every state within the bounds was visited and none violates anything. */
export type Outcome =
  | { readonly status: "complete" }
  | { readonly status: "violated"; readonly violation: number }
  | { readonly status: "cut off"; readonly reason: string };

export interface Checked {
  readonly outcome: Outcome;
  readonly states: number;
  readonly transitions: number;
  /** Steps of the longest way that was followed from the beginning. */
  readonly deepest: number;
  /** Of the search alone, and with the making of its program. */
  readonly searchSeconds: number;
  readonly seconds: number;
  /** The steps that lead to the violation, when they were asked for. */
  readonly trail: readonly string[];
}

export interface Tools {
  readonly spin: string;
  readonly compiler: string;
}

export interface Bounds {
  readonly limitMs: number;
  readonly memoryMiB: number;
}

const folder = import.meta.dirname;
const outputCharsMax = 1_000_000;

interface Ran {
  readonly code: number | null;
  readonly timedOut: boolean;
  readonly output: string;
}

function execute(command: readonly string[], cwd: string, limitMs: number): Promise<Ran> {
  const [program = "", ...args] = command;
  return new Promise((resolve) => {
    const child = spawn(program, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      child.kill("SIGKILL");
    }, limitMs);
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding("utf8").on("data", (text: string) => (output = (output + text).slice(-outputCharsMax)));
    child.on("error", (error) => (output += String(error)));
    child.on("close", (code) => {
      clearTimeout(timer);
      resolve({ code, timedOut, output });
    });
  });
}

/** The programs a check needs, or why it cannot run here. */
export function findTools(): Tools | { readonly missing: string } {
  const compiler = ["cc", "gcc", "clang"].map(onPath).find((path) => path !== undefined);
  if (compiler === undefined) return { missing: "no C compiler" };
  // Spin runs the C preprocessor by the name of gcc.
  if (onPath("gcc") === undefined) return { missing: "no gcc, which spin calls as its preprocessor" };
  const spin = findProgram("spin", "spin");
  return "missing" in spin ? spin : { spin: spin.path, compiler };
}

const searchFlags = {
  shortest: ["-O1", "-DBFS", "-DCOLLAPSE"],
  deep: ["-O1", "-DCOLLAPSE"],
  compact: ["-O2", "-DHC4"],
  exact: ["-O2", "-DCOLLAPSE"],
} as const;

// NOREDUCE: every step is one d_step that reads shared state, so partial order reduction has nothing to gain.
const safetyFlags = ["-w", "-DSAFETY", "-DNOREDUCE"] as const;

/** Fixtures for all that the outcome of a check depends on: the model, the bounds, the rules and the search. */
export function fingerprint({ model, define, search }: Configuration): string {
  const source = readFileSync(join(folder, `${model}.pml`), "utf8");
  const inputs = JSON.stringify([source, define, searchFlags[search ?? "exact"], safetyFlags]);
  return createHash("sha256").update(inputs).digest("hex").slice(0, 16);
}

/** Checks one configuration. Rejects when the model does not compile. */
export async function check(
  configuration: Configuration,
  tools: Tools,
  bounds: Bounds,
  withTrail = false,
): Promise<Checked> {
  const startedMs = performance.now();
  const work = mkdtempSync(join(tmpdir(), "plexus-model-"));
  const defines = Object.entries(configuration.define).map(([name, value]) =>
    value === true ? `-D${name}` : `-D${name}=${value}`,
  );
  const model = join(folder, `${configuration.model}.pml`);
  try {
    const generated = await execute([tools.spin, "-a", ...defines, model], work, patience * 60_000);
    if (generated.code !== 0)
      throw new Error(`spin refuses ${configuration.name}: ${generated.output.slice(0, 2_000)}`);
    const flags = searchFlags[configuration.search ?? "exact"];
    const safety = [...safetyFlags, `-DMEMLIM=${bounds.memoryMiB}`];
    const compiled = await execute(
      [tools.compiler, ...flags, ...safety, "-o", "pan", "pan.c"],
      work,
      patience * 120_000,
    );
    if (compiled.code !== 0)
      throw new Error(`${configuration.name} does not compile: ${compiled.output.slice(0, 2_000)}`);
    const searchedMs = performance.now();
    const hashBits = configuration.large === true ? 27 : 22;
    const searched = await execute(["./pan", "-m100000", `-w${hashBits}`], work, bounds.limitMs);
    const endedMs = performance.now();
    const outcome = readOutcome(searched);
    const trail =
      withTrail && outcome.status === "violated"
        ? readTrail(
            (await execute([tools.spin, "-t", "-k", trailOf(work), ...defines, model], work, patience * 60_000)).output,
          )
        : [];
    return {
      outcome,
      states: readNumber(searched.output, /([\d.e+]+) states, stored/),
      transitions: readNumber(searched.output, /([\d.e+]+) transitions/),
      deepest: readNumber(searched.output, /depth reached (\d+)/),
      searchSeconds: (endedMs - searchedMs) / 1000,
      seconds: (endedMs - startedMs) / 1000,
      trail,
    };
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

const trailOf = (work: string): string => readdirSync(work).find((name) => name.endsWith(".trail")) ?? "";

function readOutcome({ timedOut, output }: Ran): Outcome {
  const violated = /assertion violated \(violation!=(\d+)\)/.exec(output);
  if (violated) return { status: "violated", violation: Number(violated[1]) };
  if (timedOut) return { status: "cut off", reason: "time" };
  if (/out of memory|reached -DMEMLIM/.test(output)) return { status: "cut off", reason: "memory" };
  if (/max search depth too small/.test(output)) return { status: "cut off", reason: "depth" };
  if (/Search not completed|Warning: Search/.test(output) || !/errors: 0/.test(output))
    return { status: "cut off", reason: output.trim().split("\n").at(0) ?? "no output" };
  return { status: "complete" };
}

const readNumber = (text: string, pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? Number.NaN);

const readTrail = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => /^(node \d|DIRECTORY)/.test(line));
