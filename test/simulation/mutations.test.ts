import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { mutate, mutations, type Mutation } from "./mutations.ts";

const root = join(import.meta.dirname, "../..");

/** For one mutation, on a slow machine. */
const secondsMax = "100";

/** Runs the simulation of a folder until the first failure. */
function simulate(
  folder: string,
  { from = 1, seeds, cluster = false }: Mutation,
): Promise<{ seeds: number; failures: { checker: string }[] }> {
  const main = join(folder, "test/simulation/main.ts");
  const args = [
    main,
    "--from",
    String(from),
    "--seeds",
    String(seeds),
    "--seconds",
    secondsMax,
    "--failures",
    "1",
    "--jobs",
    "1",
    "--json",
  ];
  if (cluster) args.push("--cluster");
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as { seeds: number; failures: { checker: string }[] });
      } catch {
        reject(new Error(`the simulation of ${folder} gave no result: ${stderr}`, { cause: error }));
      }
    });
  });
}

describe("the simulator, given a node with a deliberate fault", () => {
  for (const mutation of mutations) {
    it(`catches one that ${mutation.name}`, async function () {
      this.timeout(120_000);
      const folder = mutate(root, mutation);
      try {
        const { failures, seeds } = await simulate(folder, mutation);
        const [first] = failures;
        expect(first, `nothing was noticed in ${seeds} seeds`).to.not.equal(undefined);
        expect(mutation.caughtBy).to.include(first?.checker);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
