/** The processes of a run and the folder they write to. Whatever way the run ends, nothing of them is left. */
import { AsyncLocalStorage } from "node:async_hooks";
import { fork, type ChildProcess } from "node:child_process";
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** In the machine's temporary folder; it is also the temporary folder of every target, so all targets share a file
 *  system. */
export const workspace = mkdtempSync(join(tmpdir(), "plexus-bench-"));
const children = new Set<ChildProcess>();

/** Ends what is still there: after a benchmark that failed, which may not have come to stopping it. */
export function endProcesses(): void {
  for (const child of children) child.kill("SIGKILL");
}

process.on("exit", () => {
  endProcesses();
  rmSync(workspace, { recursive: true, force: true, maxRetries: 3 });
});
for (const signal of ["SIGINT", "SIGTERM"] as const) process.on(signal, () => process.exit(1));

const [, launched = ""] =
  /^exec "\$node" (.*) "\$home/m.exec(readFileSync(new URL("../../bin/plexus", import.meta.url), "utf8")) ?? [];
/** What `bin/plexus` gives Node: ours is started as a node is. */
export const nodeFlags: readonly string[] = launched.split(" ");

/** With BENCH_PROFILE=FOLDER the processes that are ours write CPU profiles there. */
const profileFolder = process.env["BENCH_PROFILE"];
const profiled = (file: string): boolean =>
  [
    "kernel.ts",
    "member.ts",
    "mesh.ts",
    "openai.ts",
    "inference.ts",
    "agents.ts",
    "search-posts.ts",
    "cli/main.ts",
  ].some((ours) => file.endsWith(ours));

const tree = new AsyncLocalStorage<string>();

/** What is started meanwhile is of another tree of Plexus. */
export const inTree = <Result>(root: string, work: () => Result): Result => tree.run(root, work);

/** Where the other tree has a file of this folder: under the same path, or in another folder beside its bench, where it
 *  was once. */
function fileIn(tree: string, file: string): string {
  const bench = join(tree, "test/bench");
  const same = join(bench, file);
  if (existsSync(same)) return same;
  const [moved] = globSync(join(bench, "*", file.split("/").at(-1) ?? file));
  return moved ?? same;
}

function locate(file: string): string {
  const other = tree.getStore();
  return other === undefined ? fileURLToPath(new URL(file, import.meta.url)) : fileIn(other, file);
}

/** Starts a file of this folder, or relative to it. With `piped` the caller reads its standard output. */
export function startProcess(
  file: string,
  options: {
    readonly args?: readonly string[];
    readonly execArgv?: readonly string[];
    readonly piped?: boolean;
    readonly descriptorsMax?: number;
  } = {},
): ChildProcess {
  // A benchmark must not depend on how the operator of this machine has set up a node.
  const environment = Object.entries(process.env).filter(([name]) => !name.startsWith("PLEXUS_"));
  const profile = profileFolder !== undefined && profiled(file) ? ["--cpu-prof", "--cpu-prof-dir", profileFolder] : [];
  const limited = options.descriptorsMax;
  const child = fork(locate(file), options.args ?? [], {
    // `fork` runs `execPath`, so a program that lowers the limit and becomes Node stands in for it.
    ...(limited !== undefined && { execPath: limitedNode(limited) }),
    execArgv: [...(options.execArgv ?? []), ...profile],
    env: { ...Object.fromEntries(environment), TMPDIR: workspace, TEMP: workspace, TMP: workspace },
    stdio: ["ignore", options.piped === true ? "pipe" : "inherit", "inherit", "ipc"],
  });
  children.add(child);
  child.on("exit", () => children.delete(child));
  return child;
}

/** A program that is Node with fewer descriptors. */
function limitedNode(descriptorsMax: number): string {
  const path = join(workspace, `node-${descriptorsMax}`);
  writeFileSync(path, `#!/bin/sh\nulimit -n ${descriptorsMax}\nexec "${process.execPath}" "$@"\n`, { mode: 0o755 });
  return path;
}

/** A load generator: processes that do nothing but turn, so many for each processor. They begin paused. */
export async function startSpinners(
  timesOvercommitted: number,
): Promise<{ spin(): void; pause(): void; stop(): void }> {
  const spinners = Array.from({ length: timesOvercommitted * availableParallelism() }, () =>
    startProcess("targets/spin.ts"),
  );
  const all = (signal: NodeJS.Signals): void => {
    for (const spinner of spinners) spinner.kill(signal);
  };
  await Promise.all(spinners.map((spinner) => new Promise((resolve) => spinner.once("spawn", resolve))));
  all("SIGSTOP");
  return { spin: () => all("SIGCONT"), pause: () => all("SIGSTOP"), stop: () => all("SIGKILL") };
}
