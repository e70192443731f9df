/** Another revision of Plexus beside this one: `npm run bench -- --against REVISION`. Both are ours, measured in the
 *  same rounds, so the ratio is what changed between them; every peer is left out.
 *
 *  The other one's files lie in the run's folder, with the packages that are installed here. It runs its own targets,
 *  which have to answer the calls of this bench: what it does not understand is said to be not measured. */
import { execFile, spawn } from "node:child_process";
import { mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { once } from "node:events";
import { promisify } from "node:util";
import type { Benchmark, RowPlan, Target } from "./benchmark.ts";
import { inTree, workspace } from "./processes.ts";

const run = promisify(execFile);
const root = join(import.meta.dirname, "../..");

export interface Revision {
  readonly name: string;
  readonly folder: string;
}

/** Lays out the files of a revision. Throws when there is none. */
export async function layOut(asked: string): Promise<Revision> {
  const { stdout } = await run("git", ["rev-parse", "--short", "--verify", `${asked}^{commit}`], { cwd: root });
  const name = stdout.trim();
  const folder = join(workspace, `revision-${name}`);
  mkdirSync(folder);
  const archive = spawn("git", ["archive", "--format=tar", name], { cwd: root, stdio: ["ignore", "pipe", "inherit"] });
  const unpack = spawn("tar", ["-x", "-C", folder], { stdio: [archive.stdout, "ignore", "inherit"] });
  const [code] = (await once(unpack, "exit")) as [number | null];
  if (code !== 0) throw new Error(`tar could not unpack ${name}`);
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return { name, folder };
}

/** The benchmark, and its chosen rows, with the other revision in place of every peer: one row for each figure of each
 *  target. */
export function beside(
  benchmark: Benchmark,
  chosen: readonly RowPlan[],
  { name, folder }: Revision,
): readonly [Benchmark, readonly RowPlan[]] {
  const other = (ours: string): string => `${ours}@${name}`;
  const plans = new Map<string, RowPlan>();
  for (const { row, unit, better, figure, ours } of chosen) {
    const key = `${ours} ${figure}`;
    if (!plans.has(key)) plans.set(key, { row, unit, better, figure, ours, peers: [other(ours)] });
  }
  const rows = [...plans.values()];
  const targets: Record<string, () => Promise<Target>> = {};
  for (const ours of new Set(rows.map((row) => row.ours))) {
    const start = benchmark.targets[ours];
    if (start === undefined) throw new Error(`${benchmark.name} has no target ${ours}`);
    targets[ours] = start;
    targets[other(ours)] = () =>
      inTree(folder, async () => {
        const target = await start();
        return { round: () => inTree(folder, () => target.round()), stop: () => target.stop() };
      });
  }
  return [{ ...benchmark, targets, rows }, rows];
}
