import { expect } from "chai";
import type { ClusterSummary } from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, worker, type NodeSpec } from "../../fixtures/processes/cluster-processes.ts";
import { slotOfRoom } from "../../fixtures/processes/cluster-trouble.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";
import { findEtcd, startEtcd, type EtcdCluster } from "../../fixtures/processes/etcd-server.ts";
import { NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";

const etcd = findEtcd();
/** It does everything, and so does another: whichever of them dies. */
const manager = (name: string): NodeSpec => ({ name, roles: "manager,chat,ai,gateway" });

const directoryAt = async (cluster: ClusterProcesses, node: NodeProcess): Promise<ClusterSummary["directory"]> =>
  ((await cluster.admin("GET", "/api/v1/admin/cluster/summary", undefined, node)) as ClusterSummary).directory;

/** kill -9 of the first node: another manager sees to it that others go on with what it had. */
async function loseFirst(cluster: ClusterProcesses, load: Load, name: string): Promise<NodeProcess> {
  const { first } = cluster;
  const before = await healthy(cluster, `before ${name} dies`);
  const id = (await cluster.members()).find((member) => member.name === name)?.node ?? "";
  const had = before.filter(({ owner }) => owner === id).map(({ slot }) => slot);
  expect(had, `slots that ${name} owns`).to.not.deep.equal([]);
  await first.end("SIGKILL");
  cluster.forget(name);
  await everybodyWrites(load, `${name} is dead`);
  await until(`others own what ${name} had`, async () => {
    const left = (await cluster.slots()).filter(({ owner, status }) => owner === id || status === "down");
    if (left.length > 0) throw new Error(JSON.stringify(left).slice(0, 2_000));
  });
  return first;
}

if ("missing" in etcd) {
  describe("a cluster of real processes with its directory in etcd", () => {
    it.skip(`is not tested: ${etcd.missing}`, () => undefined);
  });
} else {
  describe("a cluster of real processes with its directory in etcd", () => {
    let servers: EtcdCluster;
    before(async function () {
      servers = await startEtcd(etcd.path, 1);
    });
    after(() => servers.stop());

    it("moves to three members under load, and then survives the first of them and the node that kept the directory", async function () {
      const three = await startEtcd(etcd.path, 3);
      try {
        await using cluster = await ClusterProcesses.start([manager("first"), manager("one"), worker("two")]);
        using load = await Load.begin(cluster);
        await progress(load, 50, "the start");
        await healthy(cluster, "before the move");
        const [first, one, two] = [cluster.named("first"), cluster.named("one"), cluster.named("two")];
        expect(await directoryAt(cluster, one)).to.have.property("kind", "embedded");

        // The role-manager moves like any other, with all that it remembers.
        const remembered = await plexus(first, "audit");
        expect(remembered).to.match(/join.*two/);
        for (const to of ["one", "first", "one"]) {
          await until(`the role-manager moves to ${to}`, () => cluster.move("slots/manager/102", to));
          expect(await plexus(two, "audit"), `at ${to}`).to.match(/join.*two/);
        }

        const written = load.acknowledgements;
        const said = await plexus(two, "directory", "migrate", "--yes", "--etcd", ...three.endpoints);
        expect(said).to.match(/\d+ rows moved/);
        expect(load.acknowledgements, "posts while it moved").to.be.greaterThan(written);
        for (const node of [first, one, two])
          await until("every node knows where it is", async () => {
            expect(await directoryAt(cluster, node)).to.deep.equal({ kind: "etcd", endpoints: [...three.endpoints] });
          });
        // Where all nodes ask first.
        three.members[0]?.signal("SIGKILL");
        await until("a room moves", () => cluster.move("actors/room/lobby", "two"));
        await everybodyWrites(load, "after the move");

        const dead = await loseFirst(cluster, load, "first");
        await dead.start();
        expect(await directoryAt(cluster, dead)).to.have.property("kind", "etcd");
        await healthy(cluster, "the old keeper is back");
        await load.end();
        await check(load);
      } finally {
        await three.stop();
      }
    });

    // Its moves and its leader's death are below and above; that nothing is begun anew is shown without processes, too
    // (`etcd.test.ts`).
    depth(undefined, it)?.(
      "goes on when etcd has lost its data or is another one: no node ends, and all is whole when the right one is back",
      async function () {
        const founder = { ...manager("first"), flags: ["--etcd", ...servers.endpoints] };
        await using cluster = await ClusterProcesses.start([founder, manager("one"), worker("two")]);
        using load = await Load.begin(cluster);
        await progress(load, 50, "the start");
        const before = await healthy(cluster, "before the loss");
        const two = cluster.named("two");
        const summaryAt = async (node: NodeProcess): Promise<ClusterSummary> =>
          (await cluster.admin("GET", "/api/v1/admin/cluster/summary", undefined, node)) as ClusterSummary;
        const isForeign = "this etcd has nothing of this cluster";
        /** A start that does not join, and says why. */
        const startsApart = async (node: NodeProcess): Promise<void> => {
          await node.start();
          await until("it says why it has not joined", async () => {
            expect((await summaryAt(node)).directoryAway?.because).to.include(isForeign);
          });
          await until("it says to proxies that it serves nobody", async () => {
            const { body } = await node.http("GET", "/readyz");
            expect(body).to.have.nested.property("error.code", "NODE_DEGRADED");
            expect(body).to.have.nested.property("error.details.joined", false);
          });
          expect(await plexus(node, "status")).to.match(/^Cluster +has not joined/m);
          expect(await plexus(node, "nodes")).to.match(/two.*not joined, asked/);
        };

        await servers.lose();
        for (const node of cluster.nodes)
          await until("every node says that the directory is gone", async () => {
            expect((await summaryAt(node)).directoryAway?.because).to.include(isForeign);
          });
        await everybodyWrites(load, "without a directory");
        expect(await cluster.first.http("GET", "/readyz")).to.have.property("status", 200);
        expect(await plexus(cluster.first, "slots", "--not-ok")).to.include(isForeign);
        const examined = await runPlexus("doctor", "--etcd", ...servers.endpoints, "--data", two.data);
        expect(examined.code).to.equal(1);
        expect(examined.stdout).to.match(/✖ etcd.*this etcd has nothing of this cluster/);
        await two.end("SIGTERM");
        await startsApart(two);
        await servers.restore();
        expect(await healthy(cluster, "etcd has its data again")).to.have.length.at.least(before.length);
        await everybodyWrites(load, "etcd has its data again");
        await until("it can serve all that it owns", async () => {
          expect(await two.http("GET", "/readyz")).to.deep.equal({ status: 200, body: { ready: true } });
        });

        const other = await startEtcd(etcd.path, 1);
        try {
          await two.end("SIGTERM");
          await using astray = new NodeProcess(two.data, [
            "--model",
            "echo",
            "--name",
            "two",
            "--etcd",
            ...other.endpoints,
          ]);
          await startsApart(astray);
          await astray.end("SIGTERM");
          // Without the flag: the wrong address was not remembered.
          await two.start();
          await healthy(cluster, "it found the right one");
        } finally {
          await other.stop();
        }
        expect(await plexus(two, "doctor", "--etcd", ...servers.endpoints)).to.match(/✔ etcd.*holds this cluster/);
        await load.end();
        await check(load);
      },
    );

    it("begins there, goes on when etcd's leader of three members dies, and then survives the node that began it", async function () {
      const three = await startEtcd(etcd.path, 3);
      try {
        const founder = { ...manager("first"), flags: ["--etcd", ...three.endpoints] };
        await using cluster = await ClusterProcesses.start([founder, manager("one"), worker("two")]);
        // Until there is an admin, each start of the node that began the cluster prints a code, and no other node does.
        expect(cluster.nodes.map(({ adminCode }) => adminCode !== undefined)).to.deep.equal([true, false, false]);
        const { adminCode } = cluster.first;
        expect(await cluster.first.end("SIGTERM")).to.equal(0);
        await cluster.first.start();
        expect(cluster.first.adminCode).to.be.a("string").that.does.not.equal(adminCode);
        using load = await Load.begin(cluster);
        await progress(load, 50, "the start");
        for (const node of cluster.nodes) expect(await directoryAt(cluster, node)).to.have.property("kind", "etcd");
        const { owner } = slotOfRoom(await healthy(cluster, "before a member of etcd dies"), "lobby");
        const leader = await three.leader();
        leader.signal("SIGKILL");
        await until("the others have a new one", async () => expect(await three.leader()).to.not.equal(leader));
        // It takes a write to the directory.
        const { name: to = "" } = (await cluster.members()).find(({ node }) => node !== owner) ?? {};
        await until("a room moves", () => cluster.move("actors/room/lobby", to));
        await everybodyWrites(load, "a member of etcd is dead");
        const dead = await loseFirst(cluster, load, "first");
        await dead.start();
        await healthy(cluster, "the founder is back");
        await load.end();
        await check(load);
      } finally {
        await three.stop();
      }
    });

    if (depth(false, true))
      it("moves from voters to etcd and back to the managers under load; managers that die then are survived", async function () {
        await using cluster = await ClusterProcesses.start([manager("first"), manager("one"), manager("two")]);
        using load = await Load.begin(cluster);
        await progress(load, 50, "the start");
        const kindAt = (phase: string, kind: string, voters?: number): Promise<void> =>
          until(`${phase}: every node knows where it is`, async () => {
            for (const node of cluster.nodes.filter((one) => one.isUp)) {
              const directory = await directoryAt(cluster, node);
              expect(directory).to.have.property("kind", kind);
              if (voters !== undefined) expect(directory).to.have.property("voters").that.has.length(voters);
            }
          });
        const [first, one, two] = [cluster.named("first"), cluster.named("one"), cluster.named("two")];
        await kindAt("the start", "replicated", 3);
        await healthy(cluster, "before the first move");
        let written = load.acknowledgements;
        expect(await plexus(two, "directory", "migrate", "--yes", "--etcd", ...servers.endpoints)).to.match(
          /\d+ rows moved/,
        );
        await kindAt("to etcd", "etcd");
        await everybodyWrites(load, "in etcd");
        expect(load.acknowledgements, "posts while it moved").to.be.greaterThan(written);
        // One that misses the way back hears of it from the others.
        await one.end("SIGKILL");
        await everybodyWrites(load, "one is dead");
        written = load.acknowledgements;
        expect(await plexus(first, "directory", "migrate", "--yes", "--managers")).to.match(/\d+ rows moved/);
        await one.start();
        await kindAt("with the managers again", "replicated", 3);
        await healthy(cluster, "with the managers again");
        expect(await plexus(two, "nodes")).to.match(/3 voters.*the next death is survived/);
        // Whoever moved it, which alone had it for a moment.
        await first.end("SIGKILL");
        await everybodyWrites(load, "first is dead");
        await until("a room moves", () => cluster.move("actors/room/lobby", "two", { by: two }));
        // A node that is started as it was before comes up.
        await first.start();
        await healthy(cluster, "all are back");
        await load.end();
        await check(load);
      });
  });
}
