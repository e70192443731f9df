import { execFile } from "node:child_process";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { depth } from "../depth.ts";
import { mutations, type Mutation } from "./mutations.ts";

const mutant = pathToFileURL(join(import.meta.dirname, "mutant.ts")).href;

interface Tally {
  readonly seeds: number;
  readonly failures: readonly { readonly checker: string }[];
}

/** Seeds in which a fault is looked for at full depth, with plans that nobody made for it. */
const drawnSeeds = depth(0, 2_000);

/** Runs the simulation with a fault until it is noticed. */
function simulate({
  name,
  from = 1,
  seeds,
  cluster = false,
  blobs = false,
  models = false,
  plan,
}: Mutation): Promise<Tally> {
  const isDrawn = plan !== undefined && drawnSeeds > 0;
  const bounds = {
    "--from": isDrawn ? 1 : from,
    "--seeds": isDrawn ? drawnSeeds : seeds,
    "--failures": 1,
    "--jobs": 1,
  };
  const main = join(import.meta.dirname, "main.ts");
  const args = [`--import=${mutant}`, main, "--json", ...Object.entries(bounds).flat().map(String)];
  if (cluster) args.push("--cluster");
  if (blobs) args.push("--blobs");
  if (models) args.push("--models");
  if (plan && !isDrawn) args.push("--plan", JSON.stringify(plan));
  const env = { ...process.env, PLEXUS_MUTATION: name };
  return new Promise((resolve, reject) => {
    execFile(process.execPath, args, { maxBuffer: 1 << 26, env }, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as Tally);
      } catch {
        reject(new Error(`the simulation gave no result: ${stderr}`, { cause: error }));
      }
    });
  });
}

describe("the simulator, given a node with a deliberate fault", () => {
  for (const mutation of mutations) {
    it(`catches one that ${mutation.name}`, async function () {
      // Many times what one takes on two cores.
      this.timeout(depth(300_000, 3_600_000));
      const { failures, seeds } = await simulate(mutation);
      const [first] = failures;
      expect(first, `nothing was noticed in ${seeds} seeds`).to.not.equal(undefined);
      expect(mutation.caughtBy).to.include(first?.checker);
    });
  }
});
