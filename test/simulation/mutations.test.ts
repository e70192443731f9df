import { execFile, spawnSync } from "node:child_process";
import { availableParallelism } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { expect } from "chai";
import { depth, isAll } from "../depth.ts";
import { mutations as all, type Mutation } from "./mutations.ts";
import { chosenOf, thirdOf } from "./mutations/chosen.ts";

const commit = spawnSync("git", ["rev-parse", "HEAD"], { cwd: import.meta.dirname, encoding: "utf8" }).stdout ?? "";
const mutations = chosenOf(all, { isLong: depth(false, true), isAll, third: thirdOf(commit) });

const mutant = pathToFileURL(join(import.meta.dirname, "mutant.ts")).href;

interface Tally {
  readonly seeds: number;
  readonly failures: readonly { readonly checker: string }[];
}

/** Seeds in which a fault is looked for at full depth, with plans that nobody made for it. */
const drawnSeeds = depth(0, 2_000);

/** Runs the simulation with a fault until it is noticed, or until the tests are over. */
function simulate(
  {
    name,
    from = 1,
    seeds,
    cluster = false,
    blobs = false,
    models = false,
    wanted = false,
    striped = false,
    quotas = false,
    files = false,
    shards = false,
    raft = false,
    backups = false,
    search = false,
    plan,
  }: Mutation,
  signal: AbortSignal,
): Promise<Tally> {
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
  if (wanted) args.push("--wanted");
  if (striped) args.push("--striped");
  if (quotas) args.push("--quotas");
  if (files) args.push("--files");
  if (shards) args.push("--shards");
  if (raft) args.push("--raft");
  if (backups) args.push("--backups");
  if (search) args.push("--search");
  if (plan && !isDrawn) args.push("--plan", JSON.stringify(plan));
  const env = { ...process.env, PLEXUS_MUTATION: name };
  return new Promise((resolve, reject) => {
    execFile(
      process.execPath,
      [...process.execArgv, ...args],
      { maxBuffer: 1 << 26, env, signal },
      (error, stdout, stderr) => {
        try {
          resolve(JSON.parse(stdout) as Tally);
        } catch {
          reject(new Error(`the simulation gave no result: ${stderr}`, { cause: error }));
        }
      },
    );
  });
}

/** Looks for faults, as many at once as there are processors: for the one that is asked for, and for a few that follow
 *  it in the list. */
class Search {
  readonly #over = new AbortController();
  readonly #found = new Map<Mutation, Promise<Tally>>();
  readonly #waiting: (() => void)[] = [];
  #free = availableParallelism();

  /** What became of one of the list. */
  of(index: number): Promise<Tally> {
    for (const mutation of mutations.slice(index, index + 2 * availableParallelism())) {
      if (this.#found.has(mutation)) continue;
      const found = this.#inTurn(mutation);
      // One that nobody asks for is ended with the search.
      found.catch(() => undefined);
      this.#found.set(mutation, found);
    }
    return this.#found.get(mutations[index] as Mutation) as Promise<Tally>;
  }

  end(): void {
    this.#over.abort();
  }

  async #inTurn(mutation: Mutation): Promise<Tally> {
    if (this.#free === 0) await new Promise<void>((resolve) => this.#waiting.push(resolve));
    else this.#free -= 1;
    try {
      return await simulate(mutation, this.#over.signal);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

describe("the simulator, given a node with a deliberate fault", () => {
  const search = new Search();
  after(() => search.end());

  for (const [index, mutation] of mutations.entries()) {
    it(`catches one that ${mutation.name}`, async function () {
      // Many times what one takes on two cores.
      const { failures, seeds } = await search.of(index);
      const [first] = failures;
      expect(first, `nothing was noticed in ${seeds} seeds`).to.not.equal(undefined);
      expect(mutation.caughtBy).to.include(first?.checker);
    });
  }
});
