import { expect } from "chai";
import { once } from "node:events";
import { createServer } from "node:net";
import type { NodeStatus } from "../../../protocols/index.ts";
import { ClusterProcesses, manager, worker, type Placing } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";
import type { NodeProcess } from "../../fixtures/processes/node-process.ts";

/** Every node takes any port, as `--port 0` has it. */
const anywhere: Placing = { placeOf: async () => ({ launcher: [], flags: ["--mesh-port", "0"] }) };

describe("a cluster of real processes whose nodes take any port", () => {
  const meshPort = async (cluster: ClusterProcesses, node: NodeProcess): Promise<number> => {
    const status = (await cluster.admin("GET", "/api/v1/admin/status", undefined, node)) as NodeStatus;
    return Number(/\/tcp\/(\d+)/.exec(status.mesh?.[0] ?? "")?.[1]);
  };

  it("finds itself again after all of it was killed, and a node whose port was taken meanwhile", async function () {
    await using cluster = await ClusterProcesses.start([manager, worker("one"), worker("two")], anywhere);
    const token = await cluster.first.signUp("ada");
    expect((await cluster.first.http("POST", "/api/v1/rooms", { room: "den", title: "Den" }, token)).status).to.equal(
      200,
    );
    const post = (node: NodeProcess, text: string) => node.http("POST", "/api/v1/rooms/den/messages", { text }, token);
    expect((await post(cluster.first, "before")).status).to.equal(200);
    await healthy(cluster, "before");
    const ports = await Promise.all(cluster.nodes.map((node) => meshPort(cluster, node)));

    await Promise.all(cluster.nodes.map((node) => node.end("SIGKILL")));
    const beganMs = performance.now();
    await Promise.all(cluster.nodes.map((node) => node.start()));
    const startedMs = performance.now();
    await healthy(cluster, "after all were killed");
    const tookMs = performance.now() - startedMs;
    expect(await Promise.all(cluster.nodes.map((node) => meshPort(cluster, node)))).to.deep.equal(ports);
    for (const node of cluster.nodes)
      await until(`a post at ${node.name}`, async () => expect((await post(node, "after")).status).to.equal(200));
    // As fast as this machine is: to find one another takes a few times what a start takes, and no round of rare
    // attempts.
    expect(tookMs, "once they were there they met soon").to.be.below(10 * (startedMs - beganMs));

    const [first = 0] = ports;
    await cluster.first.end("SIGKILL");
    const squatter = createServer().listen(first, "127.0.0.1");
    await once(squatter, "listening");
    try {
      await cluster.first.start();
      await healthy(cluster, "with the directory's node at another port");
      expect(await meshPort(cluster, cluster.first)).to.not.equal(first);
    } finally {
      squatter.close();
    }
  });
});
