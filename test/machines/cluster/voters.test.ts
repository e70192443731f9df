import { expect } from "chai";
import type { ClusterSummary, DirectoryInfo } from "../../../protocols/index.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load, rooms } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, type NodeSpec } from "../../fixtures/processes/cluster-processes.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";
import { depth } from "../../depth.ts";
import { isolate, layings } from "../../fixtures/processes/links.ts";
import type { NodeProcess } from "../../fixtures/processes/node-process.ts";

type Replicated = Extract<DirectoryInfo, { readonly kind: "replicated" }>;

const manager = (name: string): NodeSpec => ({ name, roles: "manager,chat,gateway" });

/** The directory as one node knows it. */
async function directoryAt(cluster: ClusterProcesses, node: NodeProcess): Promise<DirectoryInfo> {
  const summary = await cluster.admin("GET", "/api/v1/admin/cluster/summary", undefined, node);
  return (summary as ClusterSummary).directory;
}

/** Waits until so many vote, all of whom are up, and one leads; answers by names. */
function voting(
  cluster: ClusterProcesses,
  voters: number,
  phase: string,
  asked: readonly NodeProcess[] = cluster.nodes,
): Promise<{ readonly leader: string; readonly voters: readonly string[] }> {
  return until(`${phase}: ${voters} vote`, async () => {
    const node = asked.find((one) => one.isUp);
    if (node === undefined) throw new Error("nobody to ask");
    const { directory, nodes } = (await cluster.admin(
      "GET",
      "/api/v1/admin/cluster/summary",
      undefined,
      node,
    )) as ClusterSummary;
    const nameOf = (id: string): string => nodes.find((one) => one.node === id)?.name ?? id;
    const { kind, leader, voters: now = [] } = directory as Partial<Replicated> & Pick<DirectoryInfo, "kind">;
    const isUp = (id: string): boolean => nodes.some((one) => one.node === id && one.up);
    if (kind !== "replicated" || leader === undefined || !isUp(leader) || now.length !== voters)
      throw new Error(JSON.stringify(directory));
    return { leader: nameOf(leader), voters: now.map(nameOf) };
  });
}

describe("a cluster of real processes whose managers keep the directory together", () => {
  it("survives the death of the first node, of whoever leads and owns a room, and of all at once; others join meanwhile", async function () {
    await using cluster = await ClusterProcesses.start([manager("first"), manager("one"), manager("two")]);
    using load = await Load.begin(cluster);
    const all = [...cluster.nodes];
    await voting(cluster, 3, "the start");
    await progress(load, 50, "the start");
    await healthy(cluster, "before the first dies");
    for (const name of ["first", "whoever leads"]) {
      const { leader } = await voting(cluster, 3, `before ${name} dies`);
      const dead = name === "first" ? cluster.named("first") : cluster.named(leader);
      const others = all.filter((node) => node !== dead);
      // Leader and owner in one.
      await until("a room moves", () => cluster.move("actors/room/lobby", leader));
      await dead.end("SIGKILL");
      await everybodyWrites(load, `${name} is dead`);
      await voting(cluster, 3, `${name} is dead`, others);
      await until("a room moves without it", () =>
        cluster.admin("POST", "/api/v1/admin/cluster/actors/room/kitchen/move", { to: cluster.names[all.indexOf(others[0] as NodeProcess)], timeoutMs: 20_000 }, others[0]),
      ); // prettier-ignore
      await dead.start();
      await healthy(cluster, `${name} is back`);
    }
    await Promise.all(all.map((node) => node.end("SIGKILL")));
    await Promise.all(all.map((node) => node.start()));
    await everybodyWrites(load, "all were dead");
    const { leader } = await voting(cluster, 3, "all were dead");
    await cluster.named(leader).end("SIGTERM");
    const [host] = all.filter((node) => node.isUp) as [NodeProcess];
    expect(await directoryAt(cluster, host)).to.have.property("kind", "replicated");
    // Who joins needs no node but those that are there.
    const answer = await cluster.admin("POST", "/api/v1/admin/cluster/invitations", { roles: ["chat"] }, host);
    expect(answer).to.have.property("token");
    await cluster.named(leader).start();
    await everybodyWrites(load, "all are back");
    await load.end();
    await check(load);
  });

  if (depth(false, true))
    it("grows from one to five and shrinks to one under load, while nodes are cut off; loses, doubles and reorders nothing", async function () {
      for (const laying of layings.slice(0, 1)) {
        await using links = await laying.lay();
        await using cluster = await ClusterProcesses.start([manager("first")], links);
        using load = await Load.begin(cluster);
        await cluster.add(manager("one"));
        await cluster.add(manager("two"));
        await voting(cluster, 3, "three managers");
        await cluster.admin("PUT", "/api/v1/admin/cluster/directory/voters", { wanted: 5 });
        await cluster.add(manager("three"));
        await cluster.add(manager("four"));
        const { leader } = await voting(cluster, 5, "five managers");
        await healthy(cluster, "five managers");
        for (const name of [leader, cluster.names.find((other) => other !== leader) as string]) {
          isolate(links, name, cluster.names);
          await voting(
            cluster,
            5,
            `${name} is alone`,
            cluster.nodes.filter((node) => node !== cluster.named(name)),
          );
          links.mend();
          await healthy(cluster, `${name} is back`);
          await everybodyWrites(load, `${name} is back`);
        }
        await cluster.admin("PUT", "/api/v1/admin/cluster/directory/voters", { wanted: 1 });
        await voting(cluster, 1, "one is wanted");
        await everybodyWrites(load, "one votes");
        await load.end();
        await check(load, rooms);
      }
    });
});
