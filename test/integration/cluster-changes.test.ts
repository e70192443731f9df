import { expect } from "chai";
import { check } from "./cluster-checks.ts";
import { Load, rooms } from "./cluster-load.ts";
import { boss, ClusterProcesses, worker } from "./cluster-processes.ts";
import { slotOfRoom } from "./cluster-trouble.ts";
import { everybodyWrites, healthy, progress, until } from "./cluster-waits.ts";

/** Drains a node, stops it when it holds nothing any more, and ends its membership. */
async function decommission(cluster: ClusterProcesses, load: Load, name: string): Promise<void> {
  await cluster.admin("PUT", `/api/admin/cluster/nodes/${name}/draining`, { draining: true });
  await until(`${name} gives everything away`, async () => {
    const row = (await cluster.members()).find((member) => member.name === name);
    if (row === undefined || row.slotsOwned + row.slotsReplicated > 0) throw new Error(JSON.stringify(row));
  });
  await everybodyWrites(load, `${name} is empty`);
  const node = cluster.named(name);
  cluster.forget(name);
  expect(await node.end("SIGTERM")).to.equal(0);
  await until(`${name} is evicted`, () => cluster.admin("DELETE", `/api/admin/cluster/nodes/${name}`));
}

describe("a cluster of real processes that grows and shrinks under load", () => {
  it("goes from one node to three and back to one, and loses nothing", async function () {
    this.timeout(240_000);
    await using cluster = await ClusterProcesses.start([{ name: "solo", roles: "manager,chat,ai,gateway,storage" }]);
    using load = await Load.begin(cluster);
    await progress(load, 100, "alone");
    await cluster.add(worker("two"));
    await everybodyWrites(load, "with the second");
    await cluster.add(worker("three"));
    const slots = await healthy(cluster, "with the third");
    for (const room of rooms) expect(slotOfRoom(slots, room).inSync.length, room).to.be.at.least(2);
    await everybodyWrites(load, "with the third");

    await decommission(cluster, load, "two");
    await healthy(cluster, "without the second");
    await everybodyWrites(load, "without the second");
    await decommission(cluster, load, "three");
    await healthy(cluster, "alone again");
    await everybodyWrites(load, "alone again");
    await load.end();
    await check(load);

    await cluster.first.end("SIGKILL");
    await cluster.first.start();
    await check(load);
  });

  it("takes a node in, lets another go, and never stops", async function () {
    this.timeout(240_000);
    await using cluster = await ClusterProcesses.start([boss, ...["one", "two", "three"].map(worker)]);
    using load = await Load.begin(cluster);
    await progress(load, 100, "the start");
    await cluster.add(worker("four"));
    await until("the new node has its share", async () => {
      const row = (await cluster.members()).find(({ name }) => name === "four");
      if (row === undefined || row.slotsOwned === 0) throw new Error(JSON.stringify(row));
    });
    await everybodyWrites(load, "with the new node");
    await decommission(cluster, load, "one");
    await healthy(cluster, "without the old node");
    await everybodyWrites(load, "without the old node");
    await load.end();
    await check(load);
  });
});
