import { existsSync } from "node:fs";
import { cp, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { BadMember } from "../../fixtures/processes/cluster-bad-member.ts";
import { ClusterProcesses, manager } from "../../fixtures/processes/cluster-processes.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";

/** Longer than any of it takes on a busy machine. */
const limitMs = 15_000;

/** A node whose last words go to a file: it ends by itself. */
const loggedTwo = (log: string) => ({
  name: "two",
  roles: "gateway",
  launcher: ["sh", "-c", 'log=$0; exec "$@" 2>>"$log"', log],
});

describe("a real node that is evicted while it runs", () => {
  it("ends by itself, does not start again on its folder, and believes only who keeps the directory", async function () {
    await using folder = await createDataFolder();
    const log = join(folder.path, "log");
    await using cluster = await ClusterProcesses.start([manager, loggedTwo(log)]);
    const two = cluster.named("two");
    const { node } = (await cluster.members()).find(({ name }) => name === "two") as { readonly node: string };

    await using liar = await BadMember.join(cluster, "mallory", "gateway");
    liar.disown(node);
    await until("the liar is connected to it again", () => expect(liar.peers()).to.include(node), limitMs);
    expect((await two.http("GET", "/healthz")).status).to.equal(200);

    const keeper = await runPlexus("nodes", "evict", "manager", "--data", cluster.first.data);
    expect(keeper.code).to.equal(1);
    expect(keeper.stderr).to.match(/FORBIDDEN.*it keeps the directory.*plexus directory migrate --etcd/s);
    const said = await plexus(cluster.first, "nodes", "evict", "two");
    expect(said).to.match(
      /^two was removed from the cluster\. The cluster does not need its data folder any more; it can be deleted\.$/m,
    );
    const isGone = (): unknown => expect(() => process.kill(two.pid, 0)).to.throw("ESRCH");
    await until("its process has ended", isGone, limitMs);
    expect(await two.end("SIGKILL")).to.equal(1);
    expect(await readFile(log, "utf8")).to.match(/an empty data folder and a new invitation.*node\.evicted\.ended/);
    // Else later commands would ask a node that is not there.
    expect(existsSync(join(two.data, "control.json"))).to.equal(false);

    const again = await two.start().then(() => "it is ready", String);
    expect(again).to.include("ended with 1 before it was ready");
    const last = (await readFile(log, "utf8")).trim().split("\n").at(-1);
    expect(last).to.match(/NOT_A_PEER.*an empty data folder.*a new invitation/);
    const doctor = await runPlexus("doctor", "--data", two.data);
    expect(doctor.stdout)
      .to.match(/✖ Membership +this node was evicted from its cluster/)
      .and.include("all intact");
    expect(doctor.code).to.equal(1);
    expect(await plexus(cluster.first, "audit")).to.match(/ evict +│ operator +│ .*name two/);
  });

  it("ends when another process starts on a copy of its folder, and does not say that it was evicted", async function () {
    await using folder = await createDataFolder();
    const log = join(folder.path, "log");
    await using cluster = await ClusterProcesses.start([manager, loggedTwo(log)]);
    const two = cluster.named("two");
    const copy = join(folder.path, "copy");
    await cp(two.data, copy, { recursive: true });
    for (const file of ["journal/LOCK", "control.json"]) await rm(join(copy, file));
    await using other = new NodeProcess(copy, ["--model", "echo", "--name", "two", "--role", "gateway"]);
    await other.start();

    const isGone = (): unknown => expect(() => process.kill(two.pid, 0)).to.throw("ESRCH");
    await until("the process on the original has ended", isGone, limitMs);
    expect(await two.end("SIGKILL")).to.equal(1);
    const said = await readFile(log, "utf8");
    expect(said).to.match(/node\.duplicate"[^]*node\.duplicate\.ended/);
    expect(said).to.include("Another process has started as this node, on a copy of its data folder");
    expect(said).not.to.match(/node\.evicted|was evicted from/);
    expect(existsSync(join(two.data, "control.json"))).to.equal(false);
    expect((await other.http("GET", "/healthz")).status).to.equal(200);
    expect(await other.controlToken()).to.be.a("string");
  });
});
