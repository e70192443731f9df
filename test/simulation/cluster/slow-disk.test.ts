import { expect } from "chai";
import { isAll } from "../../depth.ts";
import { three } from "../mutations/mutation.ts";
import type { ClusterPlan } from "./plan.ts";
import { runClusterSeed } from "./run.ts";

/** Three nodes, of which one has a disk that is late by 400 ms in the end. */
const plan = {
  ...three,
  nodes: 3,
  spares: 0,
  storage: 0,
  minInSync: 1,
  directory: "external",
  faults: {},
  faultsMs: 500,
  sealed: false,
  lateDisk: true,
  timedLateMs: 400,
  olderDirectory: false,
  deadVoter: false,
  journalLimits: {},
  // As nodes have it: a copy that is late by 400 ms is not one that says nothing.
  limits: {
    membership: { heartbeatMs: 50, silenceMinMs: 200, silenceMaxMs: 800, stallMs: 150 },
    replication: { replicaTimeoutMs: 1_500, tickIntervalMs: 20, queryTimeoutMs: 200, proposalRetryMs: 50 },
    placement: { settleMs: 0, replaceAfterMs: 2_000, roundMs: 300, planDelayMs: 10, retryMs: 50, retryMaxMs: 400 },
  },
} satisfies Partial<ClusterPlan>;

/** Where two copies are left without the slow one, and where another node has to stand in for it. Seeds in which the
 *  slow disk is not the directory's. */
const shapes: Readonly<Record<string, { readonly seed: number; readonly shape: Partial<ClusterPlan> }>> = {
  "a copy at each node": { seed: 1, shape: {} },
  "two copies": { seed: 1, shape: { replicas: 2, minInSync: 2 } },
  "an embedded directory": { seed: 3, shape: { directory: "embedded" } },
  "an embedded directory and two copies": { seed: 1, shape: { directory: "embedded", replicas: 2, minInSync: 2 } },
};

describe("posts in a simulated cluster of three, ten seconds after one disk is late by 400 ms", () => {
  for (const [name, { seed: first, shape }] of Object.entries(shapes))
    for (const seed of isAll ? [1, 2, 3] : [first])
      it(`take in the median no more than twice what they took before, with ${name}, in seed ${seed}`, async () => {
        const { violations, trace } = await runClusterSeed(seed, { plan: { ...plan, ...shape }, trace: true });
        expect(violations).to.deep.equal([]);
        expect(trace.join("\n")).to.match(/the median of posts was \d+\.\d ms and is \d+\.\d ms/);
      });

  it("take far longer where no node judges disks, so it is the judgement that spares them", async () => {
    const membership = { ...plan.limits.membership, slowDiskLooks: Number.MAX_SAFE_INTEGER };
    const blind = { ...plan, limits: { ...plan.limits, membership } };
    const { violations } = await runClusterSeed(1, { plan: blind });
    expect(violations[0]).to.include({ checker: "slow-disk-spared" });
    const [, before, after] = /posts was ([\d.]+) ms and is ([\d.]+) ms/.exec(violations[0]?.detail ?? "") ?? [];
    expect(Number(after), violations[0]?.detail).to.be.above(10 * Number(before));
  });
});
