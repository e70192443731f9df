import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { depth, isAll } from "../../depth.ts";
import type { ClusterPlan } from "./plan.ts";
import { runClusterSeed } from "./run.ts";

/** Seeds that found a fault once, as long as they mean the same life. */
const regressions = JSON.parse(readFileSync(join(import.meta.dirname, "regressions.json"), "utf8")) as {
  seed: number;
  note: string;
}[];

const seeds = depth(30, 3_000);

interface Tally {
  readonly seeds: number;
  /** Of registers, judged; and those of them whose search for an order was given up. */
  readonly histories: number;
  readonly undecided: number;
  readonly failures: readonly { readonly seed: number; readonly checker: string; readonly detail: string }[];
}

function simulate(args: readonly string[]): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const all = [join(import.meta.dirname, "../main.ts"), "--cluster", "--json", ...args];
    execFile(process.execPath, [...process.execArgv, ...all], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as Tally);
      } catch {
        reject(new Error(`the simulation gave no result: ${stderr}`, { cause: error }));
      }
    });
  });
}

describe("the simulation of a cluster", () => {
  it("replays a seed exactly", async function () {
    // In `npm test` a short life: it has all that may differ from one run to the next.
    const plan = depth<Partial<ClusterPlan> | undefined>(isAll ? undefined : { faultsMs: 1_000 }, undefined);
    const options = { ...(plan && { plan }) };
    for (const seed of depth(isAll ? [1, 2] : [2], [1, 2, 3, 5, 8])) {
      const first = await runClusterSeed(seed, { ...options, trace: true });
      const second = await runClusterSeed(seed, { ...options, trace: true });
      expect(first.trace.length).to.be.greaterThan(100);
      expect(second.trace).to.deep.equal(first.trace);
      expect((await runClusterSeed(seed, options)).happenings).to.equal(first.happenings);
    }
  });

  // In `npm test` they are lives like the thirty below.
  for (const { seed, note } of isAll ? regressions : []) {
    it(`finds nothing in seed ${seed}: ${note}`, async function () {
      const { violations } = await runClusterSeed(seed);
      expect(violations).to.deep.equal([]);
    });
  }

  it("finds no broken invariant in clusters that crash, part, stall, fill up, grow, shrink and move", async function () {
    const { seeds: run, histories, undecided, failures } = await simulate(["--seeds", String(seeds)]);
    const found = failures.map(
      ({ seed, checker, detail }) => `npm run simulate -- --cluster ${seed}: ${checker}: ${detail}`,
    );
    expect(found).to.deep.equal([]);
    expect(run).to.equal(seeds);
    expect(histories).to.be.above(seeds);
    expect(undecided, `of ${histories} histories`).to.be.at.most(histories / 100);
  });
});
