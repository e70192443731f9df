/** Texts of a cluster: three nodes with a model beside one. The model waits instead of computing, so that the machine's
 *  cores are not what is measured: whether the calls of one node keep the places of all nodes busy. */
import { BenchCluster } from "../cluster.ts";
import type { Role } from "../../../protocols/index.ts";
import type { Benchmark, Figures, Target } from "../benchmark.ts";

const echo = { tokenDelayMs: 8, sequences: 4 };
const tokens = 16;
const load = { lanes: 48, outstanding: 1, durationMs: 2_000, tokens };

async function cluster(count: number): Promise<Target> {
  const serving = Array.from({ length: count }, (_none, at): [string, readonly Role[]] => [`ai${at}`, ["ai"]]);
  const nodes = Object.fromEntries([["a", ["manager"] satisfies readonly Role[]], ...serving]);
  const started = await BenchCluster.start({ nodes, replicas: 1, echo });
  return {
    round: async () => (await started.member("a").call("generate", load)) as Figures,
    stop: () => started.stop(),
  };
}

export const serving: Benchmark = {
  name: "serving-nodes",
  about: `texts that one node asks of three nodes, and of one: ${echo.sequences} places each, ${load.lanes} texts at once, a model that takes its time and no core`,
  warmUps: 2,
  rounds: 5,
  targets: { three: () => cluster(3), one: () => cluster(1) },
  rows: [
    {
      row: "serving-nodes/one",
      unit: "texts/s",
      better: "higher",
      figure: "perSecond",
      ours: "three",
      peers: ["one"],
      aimRatio: 2.7,
    },
  ],
};
