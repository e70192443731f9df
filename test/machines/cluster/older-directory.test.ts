import { expect } from "chai";
import { cp, rename, rm } from "node:fs/promises";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load, rooms } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, manager, worker } from "../../fixtures/processes/cluster-processes.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";

describe("the real node that keeps the directory, on an older copy of its folder", () => {
  it("tells nobody what is old, says so at every node, and goes on with its newest folder as if nothing had been", async () => {
    await using cluster = await ClusterProcesses.start([manager, worker("one"), worker("two"), worker("three")]);
    using load = await Load.begin(cluster);
    await progress(load, 100, "the start");
    await healthy(cluster, "before the copy");
    const keeper = cluster.first;
    const [kept, newest] = [`${keeper.data}-kept`, `${keeper.data}-newest`];
    const says = async (): Promise<readonly string[]> =>
      await Promise.all([keeper, cluster.named("one"), cluster.named("two")].map((node) => plexus(node, "nodes")));
    try {
      await keeper.end("SIGTERM");
      await cp(keeper.data, kept, { recursive: true });
      await keeper.start();
      await healthy(cluster, "after the copy");
      for (const room of rooms) for (const name of ["one", "two"]) await cluster.move(`actors/room/${room}`, name);
      await everybodyWrites(load, "after the moves");

      await keeper.end("SIGKILL");
      await rename(keeper.data, newest);
      await rename(kept, keeper.data);
      await keeper.start();
      await until("every node says it", async () => {
        const all = await says();
        expect(all[0]).to.include("--trust-data");
        // A node that the keeper refuses says it in the keeper's words; one that was told old rows, in its own.
        for (const said of all) expect(said).to.match(/(?:is|lies) on an older copy of its data/);
        expect(all.join("\n"), "and names nodes").to.match(/copy of its data: (?:manager|one|two|three) (?:has|was)/);
      });
      // What is placed keeps running. The node itself has not joined since it started, says so, and serves nobody.
      const ready = await keeper.http("GET", "/readyz");
      expect(ready).to.have.nested.property("body.error.details.joined", false);
      load.avoid(keeper);
      await everybodyWrites(load, "on the older directory");

      await keeper.end("SIGKILL");
      await rename(keeper.data, kept);
      await rename(newest, keeper.data);
      await keeper.start();
      await healthy(cluster, "on the newest directory");
      load.avoid(undefined);
      for (const said of await says()) expect(said).to.not.include("older copy");
      await everybodyWrites(load, "on the newest directory");
      await load.end();
      await check(load);
    } finally {
      for (const folder of [kept, newest]) await rm(folder, { recursive: true, force: true });
    }
  });
});
