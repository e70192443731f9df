/** What the covered phases have executed, by the folders where an untested branch is a bug that replicates. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { execute } from "./execute.ts";
import { guardLimits } from "./guard.ts";
import { bin, root } from "./phases.ts";

export const coverageFolder = join(root, "coverage");

/** Where V8 writes what a process has executed. */
export const rawFolder = join(coverageFolder, "tmp");

/** In percent, of each folder. */
const leastPercent = { statements: 95, branches: 90 } as const;

/** Not `node/cluster/directory`: without etcd a part of it is not tested. */
const coveredFolders = [
  "actors",
  "node/kernel",
  "node/cluster/membership",
  "node/cluster/mesh",
  "node/cluster/placement",
  "node/replication",
  "node/routing",
  "node/storage",
  "web/src/model",
  "protocols/reading",
];
const coveredSources = "{actors,cli,config,node,protocols,runtimes,web/src/model}/**/*.ts";

type Row = Readonly<Record<keyof typeof leastPercent, { readonly covered: number; readonly total: number }>>;

/** Counts a folder as a test; prints a line for each. */
export async function checkCoverage(): Promise<{
  readonly passed: number;
  readonly failed: number;
  readonly cpuSeconds: number;
  readonly problem?: string;
}> {
  const reporters = ["--reporter", "text-summary", "--reporter", "json-summary", "--reports-dir", coverageFolder];
  const sources = ["--temp-directory", rawFolder, "--merge-async", "--include", coveredSources];
  const command = [bin("c8"), "report", ...sources, ...reporters];
  const finished = await execute({
    command,
    environment: process.env,
    limits: { ...guardLimits, secondsMax: undefined },
  });
  const { cpuSeconds } = finished;
  if (finished.code !== 0) {
    console.log(finished.output + finished.errorOutput);
    return { passed: 0, failed: 1, cpuSeconds, problem: "c8 could not report" };
  }
  console.log(finished.output.trim());
  const text = readFileSync(join(coverageFolder, "coverage-summary.json"), "utf8");
  const summary = JSON.parse(text) as Record<string, Row>;
  const failed = coveredFolders.filter((folder) => !hasEnough(folder, summary)).length;
  return { passed: coveredFolders.length - failed, failed, cpuSeconds };
}

function hasEnough(folder: string, summary: Record<string, Row>): boolean {
  const rows = Object.entries(summary).filter(([path]) => path.startsWith(join(root, folder) + "/"));
  const shares = (["statements", "branches"] as const).map((what) => {
    const covered = rows.reduce((sum, [, row]) => sum + row[what].covered, 0);
    const total = rows.reduce((sum, [, row]) => sum + row[what].total, 0);
    return { what, percent: total === 0 ? 0 : (100 * covered) / total, least: leastPercent[what] };
  });
  const below = shares.filter(({ percent, least }) => percent < least);
  const text = shares.map(({ what, percent }) => `${percent.toFixed(1).padStart(5)} % of ${what}`).join(", ");
  const verdict = below.map(({ what, least }) => `below ${least} % of ${what}`).join(", ") || "enough";
  console.log(`${folder.padEnd(16)} ${text}: ${verdict}`);
  return below.length === 0;
}
