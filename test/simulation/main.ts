/** `npm run simulate -- --help` says how it is used. Exit code 1 when an invariant broke. */
import { Command, InvalidArgumentError, Option } from "commander";
import { fork, type ChildProcess } from "node:child_process";
import { availableParallelism } from "node:os";
import type { Verdict } from "./verdict.ts";

function count(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1)
    throw new InvalidArgumentError("It has to be a whole number from 1 up.");
  return value;
}

function parts(text: string): object {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return value;
  } catch {
    // The same for what is no JSON.
  }
  throw new InvalidArgumentError("It has to be an object in JSON.");
}

interface Options {
  readonly cluster: boolean;
  readonly blobs: boolean;
  readonly durability: boolean;
  readonly plan?: object;
  readonly models: boolean;
  readonly wanted: boolean;
  readonly striped: boolean;
  readonly quotas: boolean;
  readonly raft: boolean;
  readonly explore?: string | true;
  readonly files: boolean;
  readonly shards: boolean;
  readonly search: boolean;
  readonly backups: boolean;
  readonly seeds: number;
  readonly from: number;
  readonly jobs: number;
  readonly seconds: number;
  readonly failures: number;
  readonly json: boolean;
  readonly every: number;
  /** Given to the processes that share the seeds: tell the parent of each. */
  readonly share: boolean;
}

const command = new Command("npm run simulate --")
  .description("Runs seeds of the simulation until all are done, so many have failed, the time is over, or Ctrl-C.")
  .argument("[seed]", "replay this one with its trace", count)
  .option("--cluster", "a seed is the life of a whole cluster, not of a node alone", false)
  .option("--blobs", "a seed is the life of blobs that belong to actors, on three nodes", false)
  .option("--durability", "no seeds: how likely a stripe is lost, computed and simulated", false)
  .option("--plan <json>", "parts of the plan that no seed draws", parts)
  .option("--models", "a seed is the life of a node's models, not of the node", false)
  .option("--striped", "a seed is the life of models in stripes", false)
  .option("--wanted", "a seed is the life of models that a cluster wants", false)
  .option("--quotas", "a seed is the life of nodes that count calls and hold budgets", false)
  .option("--raft", "a seed is the life of a replicated directory's voters", false)
  .option("--explore [scope]", "with --raft: no seeds, but every state within bounds; a scope's name, or all")
  .option("--files", "a seed is the life of a room's files in copies and stripes", false)
  .option("--shards", "a seed is the life of stripes and their holders", false)
  .option("--search", "a seed is the life of a cluster's indexes of messages", false)
  .option("--backups", "a seed is the life of a cluster's backups", false)
  .option("--seeds <count>", "how many", count, 1_000)
  .option("--from <seed>", "the first one", count, 1)
  .option("--every <count>", "the first one and every so-many-th after it, such as those that draw one thing", count, 1)
  .option("--jobs <count>", "processes that share them", count, availableParallelism())
  .option("--seconds <count>", "begin none after so long", count, 86_400)
  .option("--failures <count>", "stop after so many", count, 20)
  .option("--json", "one line of JSON in the end", false)
  .addOption(new Option("--share").default(false).hideHelp())
  .parse();
const values = command.opts<Options>();
const [replayed] = command.processedArgs as [seed: number | undefined];

/** Runs one life. */
type Life = (seed: number, options: { readonly trace?: boolean }) => Promise<Verdict>;

/** Lives of parts, by the flag that asks for them. Only what is asked for is loaded: for a short search that is most of
 *  what it takes. */
const partLives = {
  backups: async (): Promise<Life> => (await import("./backups/run.ts")).runBackupsSeed,
  blobs: async (): Promise<Life> => (await import("./blobs/run.ts")).runBlobSeed,
  files: async (): Promise<Life> => (await import("./files.ts")).runFilesSeed,
  models: async (): Promise<Life> => (await import("./models.ts")).runModelsSeed,
  quotas: async (): Promise<Life> => (await import("./quotas.ts")).runQuotasSeed,
  raft: async (): Promise<Life> => (await import("./raft/run.ts")).runRaftSeed,
  search: async (): Promise<Life> => (await import("./search.ts")).runSearchSeed,
  shards: async (): Promise<Life> => (await import("./shards.ts")).runShardsSeed,
  striped: async (): Promise<Life> => (await import("./striped-models.ts")).runStripedModelsSeed,
  wanted: async (): Promise<Life> => (await import("./wanted-models.ts")).runWantedModelsSeed,
} as const;
const part = (Object.keys(partLives) as (keyof typeof partLives)[]).find((name) => values[name]);

const loadLife = async (): Promise<Life> => {
  if (part !== undefined) return partLives[part]();
  const whole = values.cluster ? (await import("./cluster/run.ts")).runClusterSeed : (await import("./run.ts")).runSeed;
  return (seed, options) => whole(seed, { ...options, ...(values.plan && { plan: values.plan }) });
};
let life: Promise<Life> | undefined;

const run = async (seed: number, options: { readonly trace?: boolean } = {}): Promise<Verdict> =>
  (await (life ??= loadLife()))(seed, options);

/** What the seeds are lives of. */
const lifeFlags = (
  ["cluster", "backups", "blobs", "files", "models", "quotas", "raft", "search", "shards", "striped", "wanted"] as const
)
  .filter((name) => values[name])
  .map((name) => `--${name}`);

/** What one seed came to. */
interface Outcome {
  readonly seed: number;
  readonly lives: number;
  readonly replies: number;
  readonly faults: number;
  readonly histories: number;
  readonly undecided: number;
  readonly simulatedMs: number;
  readonly failure?: { readonly checker: string; readonly detail: string };
}

async function outcomeOf(seed: number): Promise<Outcome> {
  const { lives, replies, faults, histories, undecided, simulatedMs, violations } = await run(seed);
  const [failure] = violations;
  return { seed, lives, replies, faults, histories, undecided, simulatedMs, ...(failure && { failure }) };
}

/** The seeds that are asked for: so many, each so much higher than the last. */
function* seedsOf({ from, seeds, every }: Pick<Options, "from" | "seeds" | "every">): Iterable<number> {
  for (let at = 0; at < seeds; at += 1) yield from + at * every;
}

/** Of this process, so far. */
function processorSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

/** A process that shares the seeds: tells of each, and in the end what it took. */
async function runShare(): Promise<number> {
  let told: Outcome[] = [];
  for (const seed of seedsOf(values)) {
    const outcome = await outcomeOf(seed);
    told.push(outcome);
    // Short lives are told of together: else the telling would take a good part of the time.
    if (told.length < 64 && outcome.failure === undefined && outcome.simulatedMs === 0) continue;
    process.send?.(told);
    told = [];
  }
  process.send?.(told);
  process.send?.(processorSeconds());
  return 0;
}

/** Runs the seeds in several processes until all are done, the time is over, enough have failed, or Ctrl-C. Failures
 *  are printed as they come. */
async function runSeeds(): Promise<number> {
  const jobs = Math.min(values.jobs, values.seeds);
  const startedMs = performance.now();
  const total = { lives: 0, faults: 0, replies: 0, histories: 0, undecided: 0, simulatedMs: 0 };
  let seedsRun = 0;
  const failures: (Outcome & { failure: NonNullable<Outcome["failure"]> })[] = [];
  const shares: ChildProcess[] = [];
  // What was ended is not counted.
  let processor = 0;
  let over = false;
  const endAll = (): void => {
    over = true;
    for (const share of shares) share.kill();
  };

  const endInTime = (): void => {
    if (performance.now() - startedMs >= 1_000 * values.seconds) endAll();
  };

  const add = (outcome: Outcome): void => {
    seedsRun += 1;
    for (const name of Object.keys(total) as (keyof typeof total)[]) total[name] += outcome[name];
    const { seed, failure } = outcome;
    if (failure !== undefined) {
      failures.push({ ...outcome, failure });
      if (!values.json)
        console.log(
          `seed ${seed}: ${failure.checker}: ${failure.detail}\n` +
            `  replay: npm run simulate -- ${[...lifeFlags, seed].join(" ")}`,
        );
      if (failures.length >= values.failures) endAll();
    }
    endInTime();
    if (process.stderr.isTTY) process.stderr.write(`\r${seedsRun} seeds, ${failures.length} failures `);
  };
  const share = (index: number): Promise<void> =>
    new Promise((resolve, reject) => {
      const mine = ["--share", "--from", `${values.from + index * values.every}`, "--every", `${jobs * values.every}`];
      mine.push("--seeds", `${Math.ceil((values.seeds - index) / jobs)}`, ...lifeFlags);
      if (values.plan) mine.push("--plan", JSON.stringify(values.plan));
      const child = fork(import.meta.filename, mine);
      shares.push(child);
      child.on("message", (told: readonly Outcome[] | number) => {
        if (typeof told === "number") processor += told;
        else told.forEach(add);
      });
      child.once("exit", (code, signal) => {
        if (code === 0 || signal !== null) resolve();
        else reject(new Error(`a simulation process ended with ${code}`));
      });
    });

  /** The only job needs no process of its own. */
  const runHere = async (): Promise<void> => {
    for (const seed of seedsOf(values)) {
      if (over) return;
      add(await outcomeOf(seed));
    }
  };

  const timer = setTimeout(endInTime, 1_000 * values.seconds + 1);
  process.once("SIGINT", endAll).once("SIGTERM", endAll);
  if (jobs === 1) await runHere().then(() => (processor = processorSeconds()));
  else await Promise.all(Array.from({ length: jobs }, (_, index) => share(index))).finally(endAll);
  clearTimeout(timer);

  const seconds = (performance.now() - startedMs) / 1_000;
  const found = failures.map(({ seed, failure }) => ({ seed, ...failure }));
  if (values.json) console.log(JSON.stringify({ seeds: seedsRun, ...total, seconds, failures: found }));
  else
    console.log(
      `${seedsRun} seeds in ${seconds.toFixed(1)} s (${(seedsRun / seconds).toFixed(1)}/s, ${(seedsRun / processor).toFixed(1)} a second of one processor): ${total.lives} lives, ` +
        `${total.faults} faults, ${total.replies} replies, ${(total.simulatedMs / 3_600_000).toFixed(1)} simulated hours, ` +
        (values.cluster ? `${total.histories} histories judged and ${total.undecided} too long for it, ` : "") +
        `${failures.length} failures`,
    );
  return failures.length > 0 || seedsRun === 0 ? 1 : 0;
}

function report(verdict: Verdict): void {
  for (const line of verdict.trace) console.log(line);
  const { seed, lives, faults, replies, violations } = verdict;
  console.log(`seed ${seed}: ${lives} lives, ${faults} faults, ${replies} replies, ${violations.length} violations`);
  for (const { checker, detail, atMs } of violations) console.log(`  ${checker} at ${atMs.toFixed(2)} ms: ${detail}`);
}

async function replay(seed: number): Promise<number> {
  const verdict = await run(seed, { trace: true });
  if (values.json) console.log(JSON.stringify(verdict));
  else report(verdict);
  return verdict.violations.length > 0 ? 1 : 0;
}

if (values.durability) (await import("./durability.ts")).printDurability();
else if (values.raft && values.explore !== undefined) {
  // Loaded here: it opens the machine up, which nobody else needs.
  const { explore } = await import("./raft/scopes.ts");
  process.exitCode = explore(values.explore === true ? "small" : values.explore, values) ? 0 : 1;
} else if (replayed !== undefined) process.exitCode = await replay(replayed);
else process.exitCode = await (values.share ? runShare() : runSeeds());
