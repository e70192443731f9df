import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { depth, isAll } from "../depth.ts";
import { checkerNames } from "./checkers.ts";
import { runSeed } from "./run.ts";

/** Seeds that found a fault once, as long as they mean the same life. Those among the first hundreds run anyway. */
const regressions = JSON.parse(readFileSync(join(import.meta.dirname, "regressions.json"), "utf8")) as {
  seed: number;
  note: string;
}[];

const seeds = depth(200, 6_000);

interface Tally {
  readonly seeds: number;
  readonly failures: readonly { readonly seed: number; readonly checker: string; readonly detail: string }[];
}

function simulate(args: readonly string[]): Promise<Tally> {
  return new Promise((resolve, reject) => {
    const all = [join(import.meta.dirname, "main.ts"), "--json", ...args];
    execFile(process.execPath, [...process.execArgv, ...all], { maxBuffer: 1 << 26 }, (error, stdout, stderr) => {
      try {
        resolve(JSON.parse(stdout) as Tally);
      } catch {
        reject(new Error(`the simulation gave no result: ${stderr}`, { cause: error }));
      }
    });
  });
}

describe("the simulation of a node", () => {
  it("replays a seed exactly", async function () {
    for (const seed of isAll ? [1, 2, 3, 5, 8] : [1, 2]) {
      const first = await runSeed(seed, { trace: true });
      const second = await runSeed(seed, { trace: true });
      expect(first.trace.length).to.be.greaterThan(10);
      expect(second.trace).to.deep.equal(first.trace);
      expect((await runSeed(seed)).happenings).to.equal(first.happenings);
    }
  });

  for (const { seed, note } of regressions) {
    it(`finds nothing in seed ${seed}: ${note}`, async function () {
      const { violations } = await runSeed(seed);
      expect(violations).to.deep.equal([]);
    });
  }

  it("finds no broken invariant in many lives with crashes, bad disks and impatient clients", async function () {
    const { seeds: run, failures } = await simulate(["--seeds", String(seeds)]);
    const found = failures.map(({ seed, checker, detail }) => `npm run simulate -- ${seed}: ${checker}: ${detail}`);
    expect(found).to.deep.equal([]);
    expect(run).to.equal(seeds);
  });

  it("finishes each rename of a topic that has begun, whenever the node dies in it", async function () {
    const plan = JSON.stringify({ renames: 25, clients: 1, commandsPerClient: 2, people: 0, lifeMs: 150, rot: false });
    const { failures } = await simulate(["--seeds", String(depth(20, 600)), "--plan", plan]);
    expect(failures).to.deep.equal([]);
  });

  it("names its checkers in docs/develop/simulation/checkers.md", () => {
    const page = readFileSync(join(import.meta.dirname, "../../docs/develop/simulation/checkers.md"), "utf8");
    for (const name of checkerNames) expect(page).to.include(`\`${name}\``);
  });
});
