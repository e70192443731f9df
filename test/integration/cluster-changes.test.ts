import { expect } from "chai";
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { AgentHistory, ConversationTurn, ModelInfo } from "../../protocols/index.ts";
import { check } from "./cluster-checks.ts";
import { Load, rooms } from "./cluster-load.ts";
import { boss, ClusterProcesses, worker } from "./cluster-processes.ts";
import { slotOfRoom } from "./cluster-trouble.ts";
import { everybodyWrites, healthy, progress, until } from "./cluster-waits.ts";
import type { NodeProcess } from "./node-process.ts";

const run = promisify(execFile);

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

describe("the role ai in a cluster of real processes", () => {
  it("says where models run, and moves while agents are asked", async function () {
    this.timeout(60_000);
    await using cluster = await ClusterProcesses.start([
      { name: "north", roles: "manager,chat,gateway" },
      { name: "south", roles: "ai,gateway", labels: { zone: "b" }, flags: ["--weight", "0.5"] },
    ]);
    const [north, south] = [cluster.named("north"), cluster.named("south")];
    const token = await north.signUp("ada");
    const modelsAt = async (node: NodeProcess): Promise<readonly string[]> => {
      const { body } = await node.http("GET", "/api/models", undefined, token);
      return (body as { models: readonly ModelInfo[] }).models.map(({ model, node: at }) => `${model} ${at ?? "here"}`);
    };
    const hostsOf = async ({ pid }: NodeProcess): Promise<number> => {
      // It ends with 1 when there are none.
      const found = await run("ps", ["-o", "pid=", "--ppid", String(pid)]).catch(() => ({ stdout: "" }));
      return found.stdout.split("\n").filter((line) => line !== "").length;
    };
    const answersOf = async (node: NodeProcess): Promise<number> => {
      const text = await (await fetch(`${node.url}/metrics`)).text();
      return Number(/^plexus_generations_total\{.*end="complete".*\} (\d+)$/m.exec(text)?.[1] ?? 0);
    };
    const ask = async (text: string): Promise<ConversationTurn | undefined> => {
      const said = await north.http("POST", "/api/agents/ada.helper/say", { text }, token);
      expect(said.status, JSON.stringify(said.body)).to.be.below(300);
      return until(`an answer to ${text}`, async () => {
        const { body } = await north.http("GET", "/api/agents/ada.helper/turns", undefined, token);
        const last = (body as AgentHistory).turns.at(-1);
        if (last?.end === undefined || last.role !== "assistant") throw new Error(JSON.stringify(last));
        return last;
      });
    };
    const setRoles = (name: string, roles: string) =>
      run(process.execPath, ["cli/main.ts", "nodes", "roles", name, roles, "--data", north.data]);

    await until("north knows of the model", async () => expect(await modelsAt(north)).to.deep.equal(["echo south"]));
    await north.http("POST", "/api/agents", { name: "helper" }, token);
    expect(await ask("one")).to.include({ end: "complete" });
    expect([await answersOf(north), await answersOf(south)]).to.deep.equal([0, 1]);
    expect([await hostsOf(north), await hostsOf(south)]).to.deep.equal([0, 1]);
    const rows = await until("the models are on record", async () => {
      const members = await cluster.members();
      expect(members.map(({ name, models }) => [name, ...models])).to.have.deep.members([["north"], ["south", "echo"]]);
      return members;
    });
    const row = rows.find(({ name }) => name === "south");
    expect(row).to.deep.include({ labels: { zone: "b" }, weight: 0.5 });

    await setRoles("north", "manager,chat,gateway,ai");
    await until("north serves", async () => expect(await modelsAt(north)).to.deep.equal(["echo here"]));
    await setRoles("south", "gateway");
    await until("south serves no more", async () => {
      expect(await modelsAt(south)).to.deep.equal(["echo north"]);
      expect(await hostsOf(south)).to.equal(0);
    });
    expect(await ask("two")).to.include({ end: "complete" });
    expect([await answersOf(north), await answersOf(south)]).to.deep.equal([1, 1]);

    await setRoles("north", "manager,chat,gateway");
    await until("nobody serves", async () => expect(await modelsAt(north)).to.deep.equal([]));
    const refused = await ask("three");
    expect(refused).to.include({ end: "failed" }).and.to.have.property("error").that.includes("model is not here");
  });
});
