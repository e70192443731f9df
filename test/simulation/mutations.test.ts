import { execFile } from "node:child_process";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { mutate, mutations } from "./mutations.ts";

const root = join(import.meta.dirname, "../..");

/** Runs the simulation of a folder until the first failure. */
function simulate(
  folder: string,
  seeds: number,
  cluster: boolean,
): Promise<{ seeds: number; failures: { checker: string }[] }> {
  const main = join(folder, "test/simulation/main.ts");
  const args = [main, "--seeds", String(seeds), "--failures", "1", "--jobs", "1", "--json"];
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
        const { failures, seeds } = await simulate(folder, mutation.seeds, mutation.cluster === true);
        const [first] = failures;
        expect(first, `nothing was noticed in ${seeds} seeds`).to.not.equal(undefined);
        expect(mutation.caughtBy).to.include(first?.checker);
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }
});
