import { expect } from "chai";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import { slotOf } from "../../../protocols/index.ts";
import { png } from "../../fixtures/pictures.ts";
import { ClusterProcesses, manager, worker } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";
import type { NodeProcess } from "../../fixtures/processes/node-process.ts";

describe("a picture of a person in a cluster of real processes", () => {
  it("is served by every node, also when the owner of the person's slot is killed as soon as it was acknowledged", async () => {
    await using cluster = await ClusterProcesses.start([manager, worker("one"), worker("two"), worker("three")]);
    const token = await cluster.first.signUp("ada");
    await healthy(cluster, "at the start");
    const bytes = png(64, 64);
    const headers = { authorization: `Bearer ${token}` };
    const upload = await fetch(`${cluster.named("one").url}/api/v1/me/avatar`, {
      method: "PUT",
      headers: { ...headers, "content-type": "image/png" },
      body: bytes,
    });
    expect(upload.status).to.equal(200);
    const row = (await cluster.slots()).find(({ slot }) => slot === slotOf("chat", "user/ada"));
    const owner = (await cluster.members()).find(({ node }) => node === row?.owner)?.name ?? "";
    await cluster.named(owner).end("SIGKILL");
    const shows = (node: NodeProcess): Promise<void> =>
      until("the picture is served", async () => {
        const answer = await fetch(`${node.url}/api/v1/people/ada/avatar/${hashOf(bytes)}`, { headers });
        if (answer.status !== 200) throw new Error(`${answer.status}: ${await answer.text()}`);
        expect(Buffer.from(await answer.arrayBuffer()).equals(bytes)).to.equal(true);
      });
    for (const [index, node] of cluster.nodes.entries()) if (cluster.names[index] !== owner) await shows(node);
  });
});
