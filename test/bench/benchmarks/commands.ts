/** Commands to actors: durable against raw Level and `@effect/cluster`, volatile against `nact`, and first calls. */
import { perSecond, servedTarget, type Benchmark } from "../benchmark.ts";

// Short rounds and many: a disturbance of the machine then falls into one round of all targets, or into few rounds.
const sequential = { lanes: 1, outstanding: 1, durationMs: 200 };
const crowd = { lanes: 100, outstanding: 64, durationMs: 600 };
/** Raw batches: how many at once, and records in each. Never more than the 6,400 commands that are outstanding in the
 *  target they are compared with. */
const batchings = [[1, 64], [1, 640], [1, 6_400], [2, 640], [2, 3_200], [4, 1_600]] as const; // prettier-ignore

const batched = Object.fromEntries(
  batchings.map(([outstanding, weight]) => [
    `level ${outstanding}×${weight}`,
    () => servedTarget("level.ts", "durable", { ...crowd, outstanding, weight }),
  ]),
);

/** The more that peer has outstanding, the slower it gets: with all 6,400 a round takes minutes and then its memory is
 *  full. So it may have as few as serve it best. */
const effectCrowds = Object.fromEntries(
  [1, 4].flatMap((outstanding) =>
    ["", "wal"].map((setting) => [
      `effect-cluster ${setting} 100×${outstanding}`.replace("  ", " "),
      () => servedTarget("effect-cluster.mjs", "durable", { ...crowd, outstanding }, [setting]),
    ]),
  ),
);

export const durableSequential: Benchmark = {
  name: "durable-sequential",
  about: "one durable command after the other, to one actor",
  warmUps: 3,
  rounds: 23,
  targets: {
    plexus: () => servedTarget("kernel.ts", "durable", sequential),
    level: () => servedTarget("level.ts", "durable", sequential),
    "effect-cluster": () => servedTarget("effect-cluster.mjs", "durable", sequential),
    "effect-cluster-wal": () => servedTarget("effect-cluster.mjs", "durable", sequential, ["wal"]),
  },
  rows: [
    perSecond({ row: "durable-sequential/level", unit: "commands/s", ours: "plexus", peers: ["level"], aimRatio: 0.7 }),
    { row: "durable-sequential/level/p50", unit: "ms", better: "lower", figure: "p50Ms", ours: "plexus", peers: ["level"] },
    { row: "durable-sequential/level/p99", unit: "ms", better: "lower", figure: "p99Ms", ours: "plexus", peers: ["level"] },
    perSecond({ row: "durable-sequential/effect-cluster", unit: "commands/s", ours: "plexus", peers: ["effect-cluster"], aimRatio: 20 }),
    perSecond({ row: "durable-sequential/effect-cluster-wal", unit: "commands/s", ours: "plexus", peers: ["effect-cluster-wal"] }),
    { row: "durable-sequential/effect-cluster/p50", unit: "ms", better: "lower", figure: "p50Ms", ours: "plexus", peers: ["effect-cluster"] },
  ],
}; // prettier-ignore

export const durableCrowd: Benchmark = {
  name: "durable-100x64",
  about: "64 durable commands outstanding to each of 100 actors",
  warmUps: 3,
  rounds: 7,
  targets: {
    plexus: () => servedTarget("kernel.ts", "durable", crowd),
    ...batched,
    ...effectCrowds,
  },
  rows: [
    perSecond({ row: "durable-100x64/level", unit: "commands/s", ours: "plexus", peers: Object.keys(batched), aimRatio: 0.5 }),
    { row: "durable-100x64/level/cpu", unit: "µs of CPU/command", better: "lower", figure: "cpuUs", ours: "plexus", peers: Object.keys(batched) },
    perSecond({ row: "durable-100x64/effect-cluster", unit: "commands/s", ours: "plexus", peers: Object.keys(effectCrowds), aimRatio: 20 }),
  ],
}; // prettier-ignore

const tells = { lanes: 1, outstanding: 1, durationMs: 300, weight: 512 };
const asks = { lanes: 1, outstanding: 64, durationMs: 200 };

export const volatileAsk: Benchmark = {
  name: "volatile-ask",
  about: "questions to one actor that change its memory only: one after the other, and 64 outstanding",
  warmUps: 2,
  rounds: 9,
  targets: {
    plexus: () => servedTarget("kernel.ts", "volatile", sequential),
    nact: () => servedTarget("nact.mjs", "volatile", sequential),
    "plexus x64": () => servedTarget("kernel.ts", "volatile", asks),
    "nact x64": () => servedTarget("nact.mjs", "volatile", asks),
  },
  rows: [
    perSecond({ row: "volatile-ask/nact", unit: "asks/s", ours: "plexus", peers: ["nact"] }),
    perSecond({ row: "volatile-ask/nact/x64", unit: "asks/s", ours: "plexus x64", peers: ["nact x64"] }),
  ],
};

export const volatileTell: Benchmark = {
  name: "volatile-tell",
  about: "bursts of 512 messages without an answer, each burst confirmed by one question behind it",
  warmUps: 2,
  rounds: 9,
  targets: {
    plexus: () => servedTarget("kernel.ts", "tell", tells),
    nact: () => servedTarget("nact.mjs", "tell", tells),
  },
  rows: [perSecond({ row: "volatile-tell/nact", unit: "tells/s", ours: "plexus", peers: ["nact"] })],
};

const firstCalls = { lanes: 64, outstanding: 1, durationMs: 400 };

export const activation: Benchmark = {
  name: "activation",
  about: "first calls to actors that never lived before, 64 outstanding",
  warmUps: 2,
  rounds: 7,
  targets: {
    "plexus volatile": () => servedTarget("kernel.ts", "activate", { ...firstCalls, how: "volatile" }),
    "plexus durable": () => servedTarget("kernel.ts", "activate", { ...firstCalls, how: "durable" }),
    "effect-cluster volatile": () => servedTarget("effect-cluster.mjs", "activate", { ...firstCalls, how: "volatile" }),
    "effect-cluster durable": () => servedTarget("effect-cluster.mjs", "activate", { ...firstCalls, how: "durable" }),
    nact: () => servedTarget("nact.mjs", "activate", firstCalls),
  },
  rows: [
    perSecond({ row: "activation/effect-cluster", unit: "actors/s", ours: "plexus volatile", peers: ["effect-cluster volatile"] }),
    perSecond({ row: "activation/effect-cluster/durable", unit: "actors/s", ours: "plexus durable", peers: ["effect-cluster durable"] }),
    perSecond({ row: "activation/nact", unit: "actors/s", ours: "plexus volatile", peers: ["nact"] }),
  ],
}; // prettier-ignore
