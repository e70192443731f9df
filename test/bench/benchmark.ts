/** One benchmark: targets measured in the same rounds, and the rows that compare them. */
import { once } from "node:events";
import { startProcess } from "./processes.ts";
import { bestOf, compare, median, type Comparison } from "./statistics.ts";

/** What one target measured in one round, by name of the figure. */
export type Figures = Readonly<Record<string, number>>;

/** One side of a comparison: holds its own process or processes. */
export interface Target {
  /** What else a reader of the rows should know of it. */
  readonly note?: string;
  /** Measures once; called for warming up first. */
  round(): Promise<Figures>;
  stop(): Promise<void>;
}

/** What is printed as one line. */
export interface RowPlan {
  /** `benchmark/peer` or `benchmark/peer/figure`; arguments of the bench select by this path or a part before a
   *  slash. */
  readonly row: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  readonly figure: string;
  readonly ours: string;
  /** The peer; of several, the best one. */
  readonly peers: readonly string[];
  /** Lowest (or, where lower is better, highest) ratio that is good enough. */
  readonly aimRatio?: number;
  /** Highest that ours may be beyond the peer. */
  readonly aimBeyond?: number;
}

/** A row of how much is answered in a second. */
export const perSecond = (plan: Omit<RowPlan, "better" | "figure">): RowPlan => ({
  better: "higher",
  figure: "perSecond",
  ...plan,
});

export interface Benchmark {
  readonly name: string;
  /** One line for `--list`. */
  readonly about: string;
  /** Rounds that are not counted: code is compiled, slots and files are opened. */
  readonly warmUps: number;
  readonly rounds: number;
  readonly targets: Readonly<Record<string, () => Promise<Target>>>;
  readonly rows: readonly RowPlan[];
}

/** One finished line. `ours` and `peer` are medians; `figures` are the medians of everything the two targets
 *  measured. */
export interface Row extends Comparison {
  readonly row: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  readonly against: string;
  readonly rounds: number;
  readonly aimRatio?: number;
  readonly aimBeyond?: number;
  readonly met?: boolean;
  readonly oursFigures: Figures;
  readonly peerFigures: Figures;
  /** What the two sides should be known for, by their names. */
  readonly notes?: Readonly<Record<string, string>>;
}

/** Runs the targets that the chosen rows need: warm-ups, then the rounds, there and back so that no target is always
 *  first. As often as `isEnough` says no of the rows so far, as many rounds follow again. */
export async function runBenchmark(
  benchmark: Benchmark,
  chosen: readonly RowPlan[],
  rounds: number,
  say: (text: string) => void,
  isEnough: (rows: readonly Row[]) => boolean = () => true,
): Promise<Row[]> {
  const names = Object.keys(benchmark.targets).filter((name) =>
    chosen.some((row) => row.ours === name || row.peers.includes(name)),
  );
  const targets = new Map<string, Target>();
  const measured = new Map<string, Figures[]>(names.map((name) => [name, []]));
  try {
    for (const name of names) {
      say(`${benchmark.name}: starting ${name}`);
      targets.set(name, await (benchmark.targets[name] as () => Promise<Target>)());
    }
    let planned = rounds;
    for (let round = 1 - benchmark.warmUps; round <= planned; round += 1) {
      for (const name of round % 2 === 0 ? names : [...names].reverse()) {
        say(`${benchmark.name}: ${round < 1 ? "warming up" : `round ${round} of ${planned}`}, ${name}`);
        const figures = await (targets.get(name) as Target).round();
        if (round > 0) measured.get(name)?.push(figures);
      }
      if (round === planned && !isEnough(chosen.map((plan) => finish(plan, measured)))) planned += rounds;
    }
  } finally {
    await stopAll([...targets.values()]);
  }
  const notesOf = ({ ours, against }: { readonly ours: string; readonly against: string }) =>
    Object.fromEntries(
      [ours, against].flatMap((name) => {
        const note = targets.get(name)?.note;
        return note === undefined ? [] : [[name, note]];
      }),
    );
  return chosen.map((plan) => {
    const row = finish(plan, measured);
    const notes = notesOf({ ours: plan.ours, against: row.against });
    return { ...row, ...(Object.keys(notes).length > 0 && { notes }) };
  });
}

/** Stops each, also where one of them has died. */
async function stopAll(targets: readonly Target[]): Promise<void> {
  const failures: unknown[] = [];
  for (const target of targets) await target.stop().catch((error: unknown) => failures.push(error));
  if (failures.length > 0) throw failures[0];
}

function finish(plan: RowPlan, measured: ReadonlyMap<string, readonly Figures[]>): Row {
  const of = (target: string): number[] => (measured.get(target) ?? []).map((figures) => figures[plan.figure] ?? NaN);
  const against = plan.peers[bestOf(plan.peers.map(of), plan.better)] ?? "";
  const comparison = compare(of(plan.ours), of(against));
  const { aimRatio, aimBeyond } = plan;
  const enough = plan.better === "higher" ? comparison.ratio >= (aimRatio ?? 0) : comparison.ratio <= (aimRatio ?? 0);
  const near = comparison.ours - comparison.peer <= (aimBeyond ?? 0);
  return {
    row: plan.row,
    ...comparison,
    unit: plan.unit,
    better: plan.better,
    against,
    rounds: of(plan.ours).length,
    ...(aimRatio !== undefined && { aimRatio, met: enough }),
    ...(aimBeyond !== undefined && { aimBeyond, met: near }),
    oursFigures: medians(measured.get(plan.ours) ?? []),
    peerFigures: medians(measured.get(against) ?? []),
  };
}

function medians(rounds: readonly Figures[]): Figures {
  const names = Object.keys(rounds[0] ?? {});
  return Object.fromEntries(names.map((name) => [name, median(rounds.map((figures) => figures[name] ?? NaN))]));
}

/** A child process that serves calls, see `targets/serve.ts`. */
export interface Served {
  readonly pid: number;
  call(name: string, args?: unknown): Promise<unknown>;
  /** Resolves when the process has ended, however it did. */
  ended(): Promise<void>;
  /** Calls `stop` and lets the process end. */
  stop(): Promise<void>;
}

/** No round takes a tenth of it; a target that hangs must not hang the run. */
const callTimeoutMs = 120_000;

/** Starts a file of `targets/` in a process of its own. */
export async function startServed(file: string, args: readonly string[] = []): Promise<Served> {
  const child = startProcess(`targets/${file}`, { args });
  const open = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>();
  let calls = 0;
  let ended: Error | undefined;
  child.on("message", (answer: { id: number; result?: unknown; error?: string }) => {
    const waiting = open.get(answer.id);
    open.delete(answer.id);
    if (answer.error === undefined) waiting?.resolve(answer.result);
    else waiting?.reject(new Error(`${file}: ${answer.error}`));
  });
  child.on("exit", (code, signal) => {
    ended = new Error(`${file} ended: ${code ?? signal}`);
    for (const { reject } of open.values()) reject(ended);
  });
  const answerOf = (id: number) =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) return reject(ended);
      const late = setTimeout(() => reject(new Error(`${file} did not answer in ${callTimeoutMs} ms`)), callTimeoutMs);
      const settle =
        <Value>(end: (value: Value) => void) =>
        (value: Value) => {
          clearTimeout(late);
          end(value);
        };
      open.set(id, { resolve: settle(resolve), reject: settle(reject) });
    });
  const call = (name: string, given: unknown = {}) => {
    calls += 1;
    const answer = answerOf(calls);
    // That it could not be sent is heard by the end of the process.
    child.send({ id: calls, call: name, args: given }, () => undefined);
    return answer;
  };
  await answerOf(0);
  return {
    pid: child.pid ?? 0,
    call,
    async ended() {
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      await call("stop");
      const ended = once(child, "exit");
      child.disconnect();
      await ended;
    },
  };
}

/** A target that makes the same call in every round. */
export async function servedTarget(
  file: string,
  call: string,
  load: object,
  args: readonly string[] = [],
): Promise<Target> {
  const served = await startServed(file, args);
  return {
    round: async () => (await served.call(call, load)) as Figures,
    stop: () => served.stop(),
  };
}
