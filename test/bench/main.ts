/** The benchmarks: Plexus next to what it can be compared with, in one run, round by round.
 *
 *      npm run bench                              every row
 *      npm run bench -- durable-sequential        the rows of one benchmark, or one row
 *      npm run bench -- --json                    one JSON line a row
 *      npm run bench -- --against v0.3.0          this tree next to another revision of Plexus, in place of the peers
 *
 *  A *row* compares two *targets*: ours and a peer. Each target is a process of its own (or several) that lives as long
 *  as its *benchmark*. A round measures every target once, one after the other, so what disturbs the machine disturbs
 *  all of them; the ratio is taken within a round, and a row is the median of the ratios with the lowest and the
 *  highest. Rows count what was answered, and each target checks afterwards that it really happened.
 *
 *  Read `benchmark.ts` (how it runs), `benchmarks/` (what is compared), `targets/` (what runs in the processes),
 *  `statistics.ts` (the arithmetic). docs/develop/benchmarks/README.md says what the rows mean. */
import { availableParallelism, loadavg } from "node:os";
import { parseArgs } from "node:util";
import { runBenchmark, type Benchmark, type Row, type RowPlan } from "./benchmark.ts";
import {
  failoverKilled,
  failoverStopped,
  fanOutNodes,
  migrationEmpty,
  migrationFilled,
  moveBusy,
} from "./benchmarks/cluster.ts";
import { agents } from "./benchmarks/agents.ts";
import { signInStorm, underAttack } from "./benchmarks/attack.ts";
import { underCostlyRequests } from "./benchmarks/costly.ts";
import { authority } from "./benchmarks/authority.ts";
import { besideCluster } from "./benchmarks/backup-cluster.ts";
import { backup, backupStored, chatBeside } from "./benchmarks/backup.ts";
import { blobs, coding } from "./benchmarks/blobs.ts";
import { dashboard } from "./benchmarks/dashboard.ts";
import { disk } from "./benchmarks/disk.ts";
import { command } from "./benchmarks/command.ts";
import { activation, durableCrowd, durableSequential, volatileAsk, volatileTell } from "./benchmarks/commands.ts";
import { fanOut, idleMemory } from "./benchmarks/connections.ts";
import { crowd, crowdMemory, ejabberdCrowd, largeCrowd } from "./benchmarks/crowd.ts";
import { files, filesCrowd } from "./benchmarks/files.ts";
import { encoding, generate, generating, reading } from "./benchmarks/inference.ts";
import { openAi } from "./benchmarks/openai.ts";
import { remoteAsk, remoteEvents, remoteTell } from "./benchmarks/remote.ts";
import { replicatedCrowd, replicatedSequential } from "./benchmarks/replicated.ts";
import { grpc } from "./benchmarks/grpc.ts";
import { heldPeople, heldReads } from "./benchmarks/held.ts";
import { rest, tracing } from "./benchmarks/rest.ts";
import { serving } from "./benchmarks/serving.ts";
import { scroll } from "./benchmarks/scroll.ts";
import { serveModel } from "./benchmarks/serve.ts";
import { search, searchPosts } from "./benchmarks/search.ts";
import { start } from "./benchmarks/start.ts";
import { storm } from "./benchmarks/storm.ts";
import {
  etcdMany,
  etcdOne,
  leaderAndOwnerKilled,
  leaderKilled,
  swapMany,
  swapOne,
  watchers,
} from "./benchmarks/voters.ts";
import { installPeers } from "./peers.ts";
import { endProcesses } from "./processes.ts";
import { beside, layOut } from "./revision.ts";
import { listing, table, timingTable } from "./report.ts";
import { runTiming, type Timing, type TimingPlan, type TimingRow } from "./timing.ts";

const benchmarks: readonly Benchmark[] = [
  durableSequential,
  durableCrowd,
  volatileAsk,
  volatileTell,
  fanOut,
  idleMemory,
  crowd,
  largeCrowd,
  crowdMemory,
  ejabberdCrowd,
  files,
  filesCrowd,
  start,
  openAi,
  rest,
  tracing,
  grpc,
  command,
  authority,
  activation,
  remoteAsk,
  remoteTell,
  remoteEvents,
  replicatedSequential,
  replicatedCrowd,
  swapOne,
  swapMany,
  watchers,
  etcdOne,
  etcdMany,
  agents,
  generate,
  reading,
  encoding,
  serveModel,
  serving,
  blobs,
  disk,
  search,
  searchPosts,
  coding,
  backup,
  chatBeside,
  backupStored,
];

const timings: readonly Timing[] = [
  failoverKilled,
  failoverStopped,
  migrationEmpty,
  migrationFilled,
  moveBusy,
  underAttack,
  underCostlyRequests,
  signInStorm,
  dashboard,
  scroll,
  heldReads,
  heldPeople,
  storm,
  fanOutNodes,
  leaderKilled,
  leaderAndOwnerKilled,
  generating,
  besideCluster,
];

const usage = `Usage: npm run bench -- [ROW…] [--rounds N] [--against REVISION] [--json] [--list]

  ROW                 a row, or the part of its name before a slash: durable-100x64, fan-out/ws
  --rounds N          rounds of every benchmark instead of its own number
  --against REVISION  another revision of Plexus in place of every peer; only rows that have one
  --json              one JSON line a row
  --list              names the rows and measures nothing`;

/** Runs what the command line asks for. Resolves with the exit code. */
async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { against: { type: "string" }, json: { type: "boolean" }, list: { type: "boolean" }, rounds: { type: "string" }, help: { type: "boolean" } },
  }); // prettier-ignore
  if (values.help) {
    console.log(usage);
    return 0;
  }
  if (values.list) {
    console.log(listing([...benchmarks, ...timings]));
    return 0;
  }
  const rounds = values.rounds === undefined ? undefined : Number(values.rounds);
  if (rounds !== undefined && (!Number.isInteger(rounds) || rounds < 1)) {
    console.error(`--rounds takes a whole number from 1.\n\n${usage}`);
    return 2;
  }
  const isChosen = ({ row }: { readonly row: string }): boolean =>
    positionals.length === 0 || positionals.some((name) => row === name || row.startsWith(`${name}/`));
  const unknown = positionals.filter(
    (name) =>
      ![...benchmarks, ...timings].some(({ rows }) =>
        rows.some(({ row }) => row === name || row.startsWith(`${name}/`)),
      ),
  );
  if (unknown.length > 0) {
    console.error(`No such row: ${unknown.join(", ")}. \`npm run bench -- --list\` names them.`);
    return 2;
  }

  const say = progress();
  const loadBefore = load();
  const other = values.against === undefined ? undefined : await layOut(values.against);
  if (other === undefined) await installPeers(say);
  let failed = 0;
  /** The chosen rows of each, measured by `run`; what cannot be measured does not keep the others from it. */
  const measure = async <
    Plan extends { readonly row: string },
    Of extends { readonly name: string; readonly rows: readonly Plan[] },
    Done,
  >(
    all: readonly Of[],
    run: (one: Of, chosen: readonly Plan[]) => Promise<readonly Done[]>,
  ): Promise<Done[]> => {
    const done: Done[] = [];
    for (const one of all) {
      const chosen = one.rows.filter(isChosen);
      if (chosen.length === 0) continue;
      const finished = await run(one, chosen).catch((error: unknown): readonly Done[] => {
        failed += 1;
        endProcesses();
        say("");
        console.error(`${one.name} was not measured:`, error);
        return [];
      });
      done.push(...finished);
      say("");
      if (values.json) for (const row of finished) console.log(JSON.stringify(row));
    }
    return done;
  };
  const rows = await measure<RowPlan, Benchmark, Row>(benchmarks, (one, chosen) =>
    runBenchmark(...(other ? beside(one, chosen, other) : ([one, chosen] as const)), rounds ?? one.rounds, say),
  );
  const timed = await measure<TimingPlan, Timing, TimingRow>(other ? [] : timings, (one, chosen) =>
    runTiming(one, chosen, rounds ?? one.rounds, say),
  );
  if (!values.json)
    console.log(`Load of this machine (${availableParallelism()} processors): ${loadBefore} before, ${load()} after`);
  if (!values.json && rows.length > 0) console.log(table(rows));
  if (!values.json && timed.length > 0) console.log(timingTable(timed));
  return failed === 0 ? 0 : 1;
}

/** How many wanted a processor in the last minute, as the system says. */
const load = (): string => (loadavg()[0] ?? NaN).toFixed(1);

/** One line that is written over, on a terminal; nothing elsewhere. */
function progress(): (text: string) => void {
  if (!process.stderr.isTTY) return () => undefined;
  return (text) => process.stderr.write(`\r\u001b[2K${text}`);
}

process.exitCode = await main();
