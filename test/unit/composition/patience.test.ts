import { expect } from "chai";
import { patientLimits, patientMesh } from "../../../node/composition/patience.ts";
import { directoryLimits } from "../../../node/cluster/directory/index.ts";
import { membershipLimits } from "../../../node/cluster/membership/index.ts";
import { meshLimits } from "../../../node/cluster/mesh/index.ts";
import { placementLimits } from "../../../node/cluster/placement/index.ts";
import { replicationLimits } from "../../../node/replication/index.ts";

/** All limits of the modules that depend on each other. */
const withPatience = (patience: number) => {
  const grown = patientLimits(patience);
  return {
    membership: { ...membershipLimits, ...grown.membership },
    directory: { ...directoryLimits, ...grown.directory },
    placement: { ...placementLimits, ...grown.placement },
    replication: { ...replicationLimits, ...grown.replication },
  };
};

describe("the patience of a node", () => {
  it("changes nothing unless it is asked for", () => {
    for (const limits of Object.values(patientLimits(1))) expect(limits).to.deep.equal({});
  });

  it("makes each wait as many times longer, and no pause between attempts", () => {
    const { membership, gateway, directory } = patientLimits(2.5);
    const mesh = patientMesh(meshLimits, 2.5);
    expect(membership).to.include({ silenceMinMs: 2_000, silenceMaxMs: 4_000 });
    expect(directory).to.include({ electionTicks: 25 });
    expect([mesh.handshakeTimeoutMs, gateway.askTimeoutMs]).to.deep.equal([12_500, 25_000]);
    expect(membership).to.not.have.any.keys("heartbeatMs", "joinRetryMs");
    const { backoffMinMs, pingIntervalMs, sweepMs } = meshLimits;
    expect(mesh).to.include({ backoffMinMs, pingIntervalMs, sweepMs });
  });

  it("keeps what the limits of one module promise about those of another", () => {
    for (let patience = 1; patience <= 10; patience += 0.25) {
      const { membership, directory, placement, replication } = withPatience(patience);
      expect(membership.silenceMinMs).to.be.below(membership.silenceMaxMs);
      expect(placement.settleMs).to.be.at.least(2 * membership.silenceMaxMs);
      expect(placement.disputeMs).to.be.above(membership.silenceMaxMs);
      expect(replication.reconcileTimeoutMs).to.be.below(replication.replicaTimeoutMs);
      expect(directory.electionTicks).to.be.above(2 * directory.heartbeatTicks);
    }
  });
});
