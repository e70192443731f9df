import { spawnSync } from "node:child_process";
import { cp, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { depth } from "../../depth.ts";
import { hashOf } from "../../../node/bulk/blobs/index.ts";
import { readStripe } from "../../../node/bulk/shards/coding/index.ts";
import { readShard } from "../../../node/bulk/shards/coding/header.ts";
import type { BackupList, BackupResults, ShardsView } from "../../../protocols/index.ts";
import { threadByHand } from "../../fixtures/processes/by-hand.ts";
import { png } from "../../fixtures/pictures.ts";
import { ClusterProcesses } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";

interface History {
  readonly messages: readonly { readonly seq: number; readonly author: string; readonly text?: string }[];
}

// Of the same parts in one process: test/unit/backup/restore-holders.test.ts.
const inDepth = depth(undefined, describe);
inDepth?.("a cluster of which some disks are left", function () {
  it("stores again what is lost beyond what may be, and comes back from the folders of shards of any three of five nodes and the kit: every message and picture by its bytes", async () => {
    await using top = await createDataFolder();
    const at = (name: string): string => join(top.path, name);
    const names = ["one", "two", "three", "four", "five"];
    const rooms = ["harbour", "mill", "quay", "tower"];
    const people = ["ada", "bob"];
    const histories = new Map<string, unknown>();
    const pictures = new Map<string, Buffer>();
    const historyOf = async (node: NodeProcess, room: string, token: string) => {
      const { body } = await node.http("GET", `/api/v1/rooms/${room}/messages?limit=200`, undefined, token);
      return (body as History).messages.map(({ seq, author, text }) => [seq, author, text]);
    };
    const pictureOf = async (node: NodeProcess, person: string, hash: string, token: string) => {
      const headers = { authorization: `Bearer ${token}` };
      const answer = await fetch(`${node.url}/api/v1/people/${person}/avatar/${hash}`, { headers });
      return Buffer.from(await answer.arrayBuffer());
    };
    let survivors: readonly string[] = [];
    {
      const roles = "manager,chat,gateway,storage";
      await using cluster = await ClusterProcesses.start(names.map((name) => ({ name, roles })));
      await healthy(cluster, "at the start");
      await until("a group of holders on five nodes", async () => {
        const { groups } = (await cluster.admin("GET", "/api/v1/admin/shards")) as ShardsView;
        const owners = groups.filter(({ open }) => open).flatMap(({ holders }) => holders.map(({ owner }) => owner));
        expect(new Set(owners.filter((owner) => owner !== undefined))).to.have.lengthOf(5);
      });
      const tokens = new Map<string, string>();
      for (const person of people) tokens.set(person, await cluster.first.signUp(person));
      const ada = tokens.get("ada") as string;
      for (const [index, room] of rooms.entries()) {
        const node = cluster.node(index);
        await node.http("POST", "/api/v1/rooms", { room }, ada);
        await node.http("POST", `/api/v1/rooms/${room}/join`, {}, tokens.get("bob"));
        for (let n = 0; n < 40; n += 1) {
          const author = people[n % 2] as string;
          const text = `${room} ${n} ${"Grüße 👋 ".repeat(n * 7)}`.trim();
          const sent = await node.http("POST", `/api/v1/rooms/${room}/messages`, { text }, tokens.get(author));
          expect(sent.status, JSON.stringify(sent.body)).to.be.below(300);
        }
      }
      for (const [index, person] of people.entries()) {
        const bytes = png(64 + 64 * index, 64);
        pictures.set(person, bytes);
        const headers = { authorization: `Bearer ${tokens.get(person)}`, "content-type": "image/png" };
        const put = await fetch(`${cluster.node(index + 1).url}/api/v1/me/avatar`, {
          method: "PUT",
          headers,
          body: new Uint8Array(bytes),
        });
        expect(put.status).to.equal(200);
      }
      await plexus(cluster.first, "backup", "kit", "make", "--to", at("kit"), "--shares", "3", "--needed", "2");
      await plexus(cluster.first, "backup", "run");
      for (const room of rooms) {
        histories.set(room, await historyOf(cluster.first, room, ada));
        expect(histories.get(room)).to.have.length.above(39);
      }
      // The rest of each stripe follows its acknowledgement, and each node fetches the head.
      await until("every shard is on its disk", async () => {
        const checked = JSON.parse(
          await plexus(cluster.first, "backup", "verify", "--json"),
        ) as BackupResults["verify"];
        expect([checked.weak, checked.lost.total], JSON.stringify(checked)).to.deep.equal([0, 0]);
      });
      // More of every pack is lost than may be: what lives is stored again by the next run, which says so.
      const lostPacks = await losePacks(cluster.nodes.map(({ data }) => join(data, "shards")));
      expect(lostPacks).to.be.above(0);
      const broken = await runPlexus("backup", "verify", "--depth", "shards", "--data", cluster.first.data);
      expect(broken.code, broken.stdout).not.to.equal(0);
      const mended = await runPlexus("backup", "run", "--data", cluster.first.data);
      expect(mended.code, mended.stdout + mended.stderr).to.equal(0);
      expect(mended.stdout).to.match(/of the snapshot before (is|are) lost\. What still lives/);
      await plexus(cluster.first, "backup", "recall", "--room", "mill", "--to", at("recalled"));
      const { snapshots } = JSON.parse(await plexus(cluster.first, "backup", "list", "--json")) as BackupList;
      expect(snapshots.map(({ number, lostUnits = 0 }) => [number, lostUnits > 0])).to.deep.equal([
        [1, true],
        [2, false],
      ]);
      await until("every shard of the new snapshot is on its disk", async () => {
        const checked = JSON.parse(
          await plexus(cluster.first, "backup", "verify", "--snapshot", "2", "--json"),
        ) as BackupResults["verify"];
        expect([checked.weak, checked.lost.total], JSON.stringify(checked)).to.deep.equal([0, 0]);
      });
      await until("every node has the head", async () => {
        for (const { data } of cluster.nodes)
          expect(await readdir(join(data, "shards", "heads"))).to.include("0000000002");
      });
      const share = (number: number): string => join(at("kit"), `share-${number}-of-3.txt`);
      const drill = await plexus(cluster.first, "backup", "drill", "--scratch", at("scratch"), "--kit", share(1), share(3)); // prettier-ignore
      expect(drill)
        .to.match(/5 of 5 storage nodes/)
        .and.match(/The shares make the root .* opens every epoch/);
      await Promise.all(cluster.nodes.map((node) => node.end("SIGKILL")));
      // Nothing but the folders of shards of three nodes, and not of the first, which had the directory.
      for (const name of ["two", "three", "four", "five"])
        await cp(join(cluster.named(name).data, "shards"), at(name), { recursive: true });
      survivors = ["two", "four", "five"].map(at);
    }
    const shares = [1, 3].map((number) => join(at("kit"), `share-${number}-of-3.txt`));
    const restore = (from: readonly string[], to: string) =>
      runPlexus("backup", "restore", ...from.flatMap((folder) => ["--from", folder]), "--data", at(to), ...shares);
    const few = await restore(survivors.slice(1), "few");
    expect(few.code).not.to.equal(0);
    expect(few.stdout + few.stderr).to.match(/of at least 1 more node/);
    // Others will do as well, one of which has gone back to an old head.
    await rm(join(at("three"), "heads", "0000000002"));
    const other = await restore(["three", "four", "five"].map(at), "other");
    expect(other.code, other.stdout + other.stderr).to.equal(0);
    expect(other.stdout)
      .to.match(/snapshot 2 of/)
      .and.match(/three has only head 1/);
    const done = await restore(survivors, "new");
    expect(done.code, done.stdout + done.stderr).to.equal(0);
    expect(done.stdout).to.match(/head \d+ of .* which 3 of 3 folders have/);

    await using back = new NodeProcess(at("new"));
    await back.start();
    for (const person of people) {
      const { body } = await back.http("POST", "/api/v1/sign-in", { name: person, password: `password of ${person}` });
      const { token } = body as { token: string };
      for (const room of rooms) expect(await historyOf(back, room, token)).to.deep.equal(histories.get(room));
      for (const [of, bytes] of pictures)
        expect((await pictureOf(back, of, hashOf(bytes), token)).equals(bytes)).to.equal(true);
    }
    // Without Plexus, by the programs on the page.
    if (spawnSync("python3", ["--version"]).status === 0) {
      const records = threadByHand(at("work"), "room/mill", { folders: survivors, shares });
      const byHand = records.flatMap(([key, record]) =>
        key.startsWith("message/") ? [record as { seq: number; author: string; text?: string }] : [],
      );
      expect(byHand.map(({ seq, author, text }) => [seq, author, text])).to.deep.equal(histories.get("mill"));
    }
    expect(await readFile(join(at("two"), "keys.json"), "utf8")).not.to.contain("Grüße");
  });
});

/** Removes three shards of every pack from five folders of shards, as when disks were lost; says how many packs there
 *  are. */
async function losePacks(folders: readonly string[]): Promise<number> {
  const stripes = new Map<
    string,
    { readonly file: string; readonly shard: Uint8Array; readonly sizeBytes: number }[]
  >();
  for (const folder of folders)
    for (const name of await readdir(folder, { recursive: true })) {
      if (!/\/[0-9a-f]{64}$/.test(name)) continue;
      const blob = await readFile(join(folder, name));
      const shard = blob.subarray(0, 64 + blob.readUInt32LE(12));
      const read = readShard(shard);
      if (!read.ok) continue;
      const { id, stripeBytes: sizeBytes } = read.value.header;
      stripes.set(id, [...(stripes.get(id) ?? []), { file: join(folder, name), shard, sizeBytes }]);
    }
  let packs = 0;
  for (const [id, shards] of stripes) {
    const stripe = readStripe(
      { id, scheme: { type: "rs", k: 3, m: 2 }, sizeBytes: shards[0]?.sizeBytes ?? 0 },
      shards.map(({ shard }) => shard),
    );
    if (!stripe.ok || Buffer.from(stripe.value.subarray(0, 8)).toString() !== "PLEXPACK") continue;
    packs += 1;
    for (const { file } of shards.slice(0, 3)) await rm(file);
  }
  return packs;
}
