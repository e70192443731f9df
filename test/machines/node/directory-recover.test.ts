/** A majority of the voters is gone for good: the third begins the directory anew. */
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { depth } from "../../depth.ts";
import type { ClusterSummary } from "../../../protocols/index.ts";
import { ClusterProcesses } from "../../fixtures/processes/cluster-processes.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";

const limitMs = 30_000;
const roles = "manager,chat,gateway";

// Of the same parts in one process: test/unit/salvage/recovery.test.ts.
const inDepth = depth(undefined, describe);
inDepth?.("a directory whose majority is lost for good", () => {
  it("is recovered at one voter with what was acknowledged, refuses who comes back, and takes them as new", async function () {
    await using logs = await createDataFolder();
    const log = join(logs.path, "two");
    await using cluster = await ClusterProcesses.start([
      { name: "one", roles },
      { name: "two", roles, launcher: ["sh", "-c", 'log=$0; exec "$@" 2>>"$log"', log] },
      { name: "three", roles },
    ]);
    const [one, two, three] = [cluster.named("one"), cluster.named("two"), cluster.named("three")];
    await until("three vote", async () => expect((await cluster.admin("GET", "/api/v1/admin/cluster/summary") as ClusterSummary).directory).to.have.property("voters").with.length(3), limitMs); // prettier-ignore
    const token = await one.signUp("ada");
    expect((await one.http("POST", "/api/v1/rooms", { room: "den" }, token)).status).to.equal(200);
    const texts = ["the first", "the second", "the third"];
    for (const text of texts)
      expect((await one.http("POST", "/api/v1/rooms/den/messages", { text }, token)).status).to.equal(200);
    await until(
      "every slot has three copies",
      async () => {
        const slots = await cluster.slots();
        expect(slots.length).to.be.above(0);
        for (const { slot, inSync } of slots) expect(inSync, slot).to.have.length(3);
      },
      limitMs,
    );

    await Promise.all([one, two].map((node) => node.end("SIGKILL")));
    await rm(one.data, { recursive: true });
    await three.end("SIGKILL");
    const unsure = await runPlexus("directory", "recover", "--data", three.data);
    expect(unsure.stderr).to.match(/^Node three/);
    expect(unsure.code).to.equal(1);
    expect(unsure.stderr)
      .to.match(/Left out: one, two\.|Left out: two, one\./)
      .and.include("nothing was changed: confirm it");
    const said = await runPlexus("directory", "recover", "--data", three.data, "--yes");
    expect(said.stderr).to.match(
      /generation 1, term \d+, entry \d+, its folder written or opened last at 2.*The voters were .*Each of \d+ slots? has a copy/s,
    );
    expect(said.stdout).to.include("Generation 2 of the directory begins at three");
    expect(said.code, said.stderr).to.equal(0);

    await three.start();
    await until(
      "what was acknowledged is read, and more is taken",
      async () => {
        const { status, body } = await three.http("GET", "/api/v1/rooms/den/messages", undefined, token);
        expect(status, JSON.stringify(body)).to.equal(200);
        for (const text of texts) expect(JSON.stringify(body)).to.include(text);
        expect((await three.http("POST", "/api/v1/rooms/den/messages", { text: "the fourth" }, token)).status).to.equal(
          200,
        );
        // A room that nobody had used, in a slot that may have none yet.
        expect((await three.http("POST", "/api/v1/rooms", { room: `new${Date.now() % 1e6}` }, token)).status).to.equal(
          200,
        );
      },
      limitMs,
    );
    expect(await plexus(three, "nodes", "--json")).to.match(/"generation":2/);

    const again = await two.start().then(() => "it is ready", String);
    expect(again).to.include("ended with 1 before it was ready");
    expect(await readFile(log, "utf8")).to.include("the cluster was recovered without this node, in generation 2");

    await using folder = await createDataFolder();
    const terms = { roles: roles.split(","), labels: {} };
    const invitation = (await cluster.admin("POST", "/api/v1/admin/cluster/invitations", terms, three)) as {
      token: string;
    };
    const flags = ["--model", "echo", "--name", "two", "--role", roles, "--join", invitation.token];
    await using fresh = new NodeProcess(folder.path, flags);
    await fresh.start();
    const row = JSON.parse(await plexus(three, "nodes", "--json")) as {
      readonly nodes: readonly { readonly name: string }[];
    };
    expect(row.nodes.map(({ name }) => name).sort()).to.deep.equal(["three", "two"]);
  });
});
