import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { dirname } from "node:path";
import { findProgram } from "../../fixtures/debian.ts";
import { check } from "../../fixtures/processes/cluster-checks.ts";
import { Load } from "../../fixtures/processes/cluster-load.ts";
import { ClusterProcesses, worker, type NodeSpec } from "../../fixtures/processes/cluster-processes.ts";
import { everybodyWrites, healthy, progress, until } from "../../fixtures/processes/cluster-waits.ts";
import { findEtcd, startEtcd, type EtcdCluster } from "../../fixtures/processes/etcd-server.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";

const manager = (name: string): NodeSpec => ({ name, roles: "manager,chat,gateway" });
const [server, client] = [findEtcd(), findProgram("etcdctl", "etcd-client")];

/** Enough for a cluster's rows, and for a few dozen versions of one large value. */
const quotaBytes = 16 * 1024 ** 2;
const valueBytes = 1024 ** 2;

/** Writes one value again and again until etcd takes none. What is compacted later is what it was before. */
async function fill(etcd: EtcdCluster): Promise<void> {
  const value = Buffer.alloc(valueBytes, 7).toString("base64");
  for (let round = 0; round < (4 * quotaBytes) / valueBytes; round += 1) {
    const body = { key: Buffer.from("of somebody else").toString("base64"), value };
    const refusal = await etcd.ask("kv/put", body).then(() => undefined, String);
    if (refusal === undefined) continue;
    expect(refusal).to.include("database space exceeded");
    return;
  }
  throw new Error("etcd takes more than its quota");
}

const missing = [server, client].flatMap((found) => ("missing" in found ? [found.missing] : []));
if ("missing" in server || "missing" in client)
  describe("a real etcd that has used up its space", () => {
    it.skip(`is not tested: ${missing.join("; ")}`, () => undefined);
  });
else
  describe("a real etcd that has used up its space", () => {
    it("is told with cause and commands wherever it matters; a death waits, is said to wait, and is repaired once they were typed", async () => {
      const etcd = await startEtcd(server.path, 1, { quotaBytes });
      try {
        const founder = { ...manager("first"), flags: ["--etcd", ...etcd.endpoints] };
        await using cluster = await ClusterProcesses.start([founder, manager("one"), worker("two"), worker("three")]);
        using load = await Load.begin(cluster);
        await progress(load, 50, "the start");
        const { slot = "" } =
          (await healthy(cluster, "before etcd is full")).find(({ slot: one }) => one.startsWith("chat/")) ?? {};
        const [first, two] = [cluster.first, cluster.named("two")];
        const id = (await cluster.members()).find(({ name }) => name === "two")?.node ?? "";
        await fill(etcd);

        const cause = "etcd has used up its space (alarm NOSPACE) and takes no change until you type: ";
        for (const node of cluster.nodes)
          await until("every node says it", async () => expect(await plexus(node, "nodes")).to.include(cause));
        const said = await plexus(first, "nodes");
        expect(said).to.include(", which takes no change\n");
        const commands = said.slice(said.indexOf(cause) + cause.length).split("\n")[0] ?? "";
        const ready = await first.http("GET", "/readyz");
        expect(ready.status).to.equal(200);
        expect(ready.body).to.have.property("directory").that.includes(`takes no change: ${cause}${commands}`);
        const examined = await runPlexus("doctor", "--data", two.data);
        expect(examined.code).to.equal(1);
        expect(examined.stdout).to.include(`${cause}${commands}`).and.not.include("No problems found");
        expect(await plexus(first, "logs", "--name", "directory.refuses")).to.include("alarm NOSPACE");
        for (const words of [
          ["nodes", "drain", "two"],
          ["nodes", "evict", "two", "--force"],
          ["invite"],
          ["slots", "move", slot, "--to", "one"],
        ]) {
          const refused = await runPlexus(...words, "--data", first.data);
          expect(refused.code, words.join(" ")).to.not.equal(0);
          expect(`${refused.stdout}${refused.stderr}`, words.join(" ")).to.include(cause).and.include(commands);
        }
        await everybodyWrites(load, "on a full etcd");

        await two.end("SIGKILL");
        await until("it is said that nobody takes over", async () => {
          expect(await plexus(first, "nodes"))
            .to.include("Down: two. Start it again: until the directory takes changes, nobody takes over what it had")
            .and.include(cause)
            .and.not.include("plexus nodes evict");
        });
        await until("the log says why", async () => {
          expect(await plexus(first, "logs", "--name", "placement.change.failed")).to.include("alarm NOSPACE");
        });
        expect((await cluster.slots()).filter(({ owner }) => owner === id)).to.not.deep.equal([]);

        const env = { ...process.env, PATH: `${dirname(client.path)}:${process.env["PATH"] ?? ""}` };
        const typed = spawnSync("sh", ["-c", commands], { encoding: "utf8", env });
        expect(typed.status, `${commands}: ${typed.stdout}${typed.stderr}`).to.equal(0);
        await until("others own what it had", async () => {
          const left = (await cluster.slots()).filter(({ owner, status }) => owner === id || status === "down");
          if (left.length > 0) throw new Error(JSON.stringify(left).slice(0, 2_000));
        });
        await everybodyWrites(load, "etcd has space again");
        await until("nobody says it any more", async () => {
          for (const node of [first, cluster.named("three")])
            expect(await plexus(node, "nodes")).to.not.include("NOSPACE");
        });
        await two.start();
        await healthy(cluster, "it is back");
        await load.end();
        await check(load);
      } finally {
        await etcd.stop();
      }
    });
  });
