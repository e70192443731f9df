/** Questions to agents, from the question to the durable answer, with a model that costs nothing. */
import { servedTarget, type Benchmark, type Target } from "../benchmark.ts";

const lanes = 512;
const durationMs = 1_000;
/** What is written of a question: itself with the beginning of its answer, and the answer. */
const recordsEach = 2;

/** What a target does in place of questions, counted as so many questions. */
async function asQuestions(starting: Promise<Target>): Promise<Target> {
  const target = await starting;
  return {
    async round() {
      const { perSecond = NaN, cpuUs = NaN, ...figures } = await target.round();
      return { ...figures, perSecond: perSecond / recordsEach, cpuUs: cpuUs * recordsEach };
    },
    stop: () => target.stop(),
  };
}

/** As many synced records as questions write, in batches of so many. */
const level = (weight: number) => () =>
  asQuestions(servedTarget("level.ts", "durable", { lanes, outstanding: 1, durationMs, weight }));

/** As many durable turns as questions take, of actors that only count: what journal and kernel allow on this
 *  machine. */
const turns = () => asQuestions(servedTarget("kernel.ts", "durable", { lanes, outstanding: 1, durationMs }));

const peers = ["level 1×64", "level 1×512"] as const;

export const agents: Benchmark = {
  name: "agents",
  about: `questions to ${lanes} agents at once whose model is the echo, to their durable answers, beside as many durable turns of actors that only count, and as many synced records in a bare Level`,
  warmUps: 2,
  rounds: 5,
  targets: {
    plexus: () => servedTarget("agents.ts", "converse", { lanes, outstanding: 1, durationMs }),
    kernel: turns,
    "level 1×64": level(64),
    "level 1×512": level(512),
  },
  rows: [
    { row: "agents/kernel", unit: "questions/s", better: "higher", figure: "perSecond", ours: "plexus", peers: ["kernel"] },
    { row: "agents/kernel/cpu", unit: "µs of CPU/question", better: "lower", figure: "cpuUs", ours: "plexus", peers: ["kernel"] },
    { row: "agents/level", unit: "questions/s", better: "higher", figure: "perSecond", ours: "plexus", peers },
    { row: "agents/level/p99", unit: "ms", better: "lower", figure: "p99Ms", ours: "plexus", peers, aimBeyond: 100 },
  ],
}; // prettier-ignore
