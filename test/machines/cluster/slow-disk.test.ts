import { expect } from "chai";
import type { ClusterNodeRow } from "../../../protocols/index.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses } from "../../fixtures/processes/cluster-processes.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";
import { loading } from "../../fixtures/processes/node-process.ts";

const all = "manager,chat,gateway";
const some = "chat,gateway";

interface Shape {
  /** Of the founder and of the two others. */
  readonly roles: readonly [string, string];
  readonly replicas: number;
  readonly slow: "one" | "two";
}

/** Where two copies are left without the slow one, and where another node has to stand in for it. With one manager the
 *  directory is embedded, on the founder. */
const shapes: Readonly<Record<string, Shape>> = {
  "a copy at each node": { roles: [all, all], replicas: 3, slow: "two" },
  "two copies": { roles: [all, all], replicas: 2, slow: "two" },
  "an embedded directory": { roles: [all, some], replicas: 3, slow: "two" },
  "an embedded directory on the slow disk": { roles: [all, some], replicas: 2, slow: "one" },
};

// What posts take meanwhile is shown in simulated time: test/simulation/cluster/slow-disk.test.ts.
describe("a real node whose disk is far slower than the others", () => {
  for (const [name, { roles, replicas, slow }] of Object.entries(shapes))
    it(`is named, owns nothing and is waited for by nobody, until its disk is well again, with ${name}`, async () => {
      const launcher = ["env", `PLEXUS_REPLICAS=${replicas}`, loading("late-disk.ts")];
      const specs = ["one", "two", "three"].map((one, index) => ({
        name: one,
        roles: roles[index === 0 ? 0 : 1],
        launcher,
      }));
      await using cluster = await ClusterProcesses.start(specs);
      using load = await Load.begin(cluster);
      await progress(load, 100, "the start");
      await healthy(cluster, "before the disk is slow");
      const rowOf = async (): Promise<ClusterNodeRow> =>
        (await cluster.members()).find((row) => row.name === slow) as ClusterNodeRow;
      cluster.named(slow).signal("SIGUSR2");
      await until("it is named", async () => expect(await rowOf()).to.include({ diskSlow: true }));
      await until("nobody waits for it", async () => {
        const { node } = await rowOf();
        for (const { slot, owner, inSync } of await cluster.slots()) {
          // What only a manager can own stays with the only one.
          if (!slot.startsWith("chat/")) continue;
          expect(owner, slot).to.not.equal(node);
          expect(inSync, slot).to.not.include(node);
          expect(inSync.length, slot).to.be.at.least(2);
        }
      });
      // Each node judges for itself: they agree but for a moment.
      await until("another node says so", async () =>
        expect(await plexus(cluster.named("three"), "nodes")).to.include(`The disk of ${slow} is slow`),
      );
      await everybodyWrites(load, "while a disk is slow");
      cluster.named(slow).signal("SIGUSR2");
      await until("it is well", async () => expect(await rowOf()).to.not.have.property("diskSlow"));
      await healthy(cluster, "when the disk is well again");
      // The directory's node owns nothing while two others can.
      if (slow !== "one")
        await until("it owns slots again", async () => expect((await rowOf()).slotsOwned).to.be.above(0));
      await everybodyWrites(load, "when the disk is well again");
      await load.end();
      await check(load);
    });
});
