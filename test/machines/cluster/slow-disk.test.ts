import { expect } from "chai";
import type { ClusterNodeRow } from "../../../protocols/index.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, worker } from "../../fixtures/processes/cluster-processes.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";
import { loading } from "../../fixtures/processes/node-process.ts";

const roles = "manager,chat,gateway";

// What posts take meanwhile is shown in simulated time: test/simulation/cluster/slow-disk.test.ts.
describe("a real node whose disk is far slower than the others", () => {
  it("is named, owns nothing and is waited for by nobody, until its disk is well again", async () => {
    const launcher = ["env", loading("late-disk.ts")];
    await using cluster = await ClusterProcesses.start([{ name: "one", roles }, { ...worker("two"), roles, launcher }, { ...worker("three"), roles }]); // prettier-ignore
    using load = await Load.begin(cluster);
    await progress(load, 100, "the start");
    await healthy(cluster, "before the disk is slow");
    const rowOf = async (): Promise<ClusterNodeRow> =>
      (await cluster.members()).find(({ name }) => name === "two") as ClusterNodeRow;
    cluster.named("two").signal("SIGUSR2");
    await until("it is named", async () => expect(await rowOf()).to.include({ diskSlow: true }));
    await until("nobody waits for it", async () => {
      const { node } = await rowOf();
      for (const { slot, owner, inSync } of await cluster.slots()) {
        expect(owner, slot).to.not.equal(node);
        expect(inSync, slot).to.not.include(node);
      }
    });
    expect(await plexus(cluster.named("one"), "nodes")).to.include("The disk of two is slow");
    await everybodyWrites(load, "while a disk is slow");
    cluster.named("two").signal("SIGUSR2");
    await until("it is well", async () => expect(await rowOf()).to.not.have.property("diskSlow"));
    await healthy(cluster, "when the disk is well again");
    await until("it owns slots again", async () => expect((await rowOf()).slotsOwned).to.be.above(0));
    await everybodyWrites(load, "when the disk is well again");
    await load.end();
    await check(load);
  });
});
