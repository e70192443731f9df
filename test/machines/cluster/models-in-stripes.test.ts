import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import type { ModelsView, ShardsView } from "../../../protocols/index.ts";
import { ClusterProcesses, manager } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder, type NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus } from "../../fixtures/processes/plexus-command.ts";

const storage = (name: string) => ({ name, roles: "chat,storage,gateway" });
const tiny = join(import.meta.dirname, "../../../runtimes/tiny-model/plexus-tiny.gguf");

const modelsOf = async (node: NodeProcess): Promise<ModelsView> =>
  JSON.parse(await plexus(node, "models", "list", "--json")) as ModelsView;

describe("a model in stripes on real nodes", () => {
  it("outlives its source and every node that had it, and may be wanted there again", async () => {
    await using top = await createDataFolder();
    const source = join(top.path, "own.gguf");
    await copyFile(tiny, source);
    const ai = { name: "ai1", roles: "ai,gateway" };
    await using cluster = await ClusterProcesses.start([manager, storage("a"), storage("b"), storage("c"), ai]);
    await healthy(cluster, "at the start");
    await until("a group of holders on three nodes", async () => {
      const { groups } = (await cluster.admin("GET", "/api/v1/admin/shards")) as ShardsView;
      const owners = groups.filter(({ open }) => open).flatMap(({ holders }) => holders.map(({ owner }) => owner));
      expect(new Set(owners), JSON.stringify(groups)).to.have.lengthOf(3);
      expect(owners).not.to.include(undefined);
    });
    const want = ["models", "want", "own", "--source", source, "--nodes", "2", "--accept-licence"];
    await plexus(cluster.first, ...want, "--keep-stripes");
    const whole = async (): Promise<void> => {
      const { striped } = await modelsOf(cluster.first);
      expect(striped).to.deep.equal([{ name: "own", state: "whole", sizeBytes: 2_341_056 }]);
    };
    await until("the storage nodes have it, as a node without it says", whole);
    expect(await plexus(cluster.first, "models", "list")).to.include("and on the storage nodes (2.2 MiB)");
    await cluster.named("ai1").end("SIGKILL");
    await rm(source);
    const next = await cluster.add({ name: "ai2", roles: "ai,gateway" });
    await until("a node without any of it has the model", async () => {
      const { models, pulls } = await modelsOf(next);
      expect(models.map(({ name }) => name), JSON.stringify(pulls)).to.deep.equal(["own"]); // prettier-ignore
    });
    expect(await plexus(next, "models", "verify", "own")).to.include("fine");
    await plexus(cluster.first, "models", "unwant", "own");
    expect((await modelsOf(cluster.first)).striped).to.deep.equal([]);
    await plexus(cluster.first, ...want, "--keep-stripes");
    await until("it is there again, from the new node", whole);
  });
});
