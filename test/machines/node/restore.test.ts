import { access, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { depth } from "../../depth.ts";
import type { ShardsView } from "../../../protocols/index.ts";
import { ClusterProcesses, manager } from "../../fixtures/processes/cluster-processes.ts";
import { until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus, startPlexus } from "../../fixtures/processes/plexus-command.ts";

interface History {
  readonly messages: readonly { readonly seq: number; readonly author: string; readonly text?: string }[];
}

describe("a cluster that is gone", function () {
  it("comes back from a folder of backups and three shares: people sign in and read what they wrote", async () => {
    await using top = await createDataFolder();
    const at = (name: string): string => join(top.path, name);
    await using node = new NodeProcess(at("old"));
    await node.start();
    const as = (of: NodeProcess) => (method: string, path: string, body?: unknown, token?: string) =>
      of.http(method, path, body, token);
    const old = as(node);
    const ada = await node.signUp("ada");
    const bob = await node.signUp("bob");
    const post = async (of: NodeProcess, text: string, token: string, operation?: string): Promise<void> => {
      const headers = {
        "content-type": "application/json",
        authorization: `Bearer ${token}`,
        ...(operation && { "idempotency-key": operation }),
      };
      const sent = await fetch(`${of.url}/api/v1/rooms/harbour/messages`, {
        method: "POST",
        headers,
        body: JSON.stringify({ text }),
      });
      expect(sent.status, await sent.text()).to.be.below(300);
    };
    await old("POST", "/api/v1/rooms", { room: "harbour" }, ada);
    await old("POST", "/api/v1/rooms/harbour/join", {}, bob);
    for (let n = 0; n < 12; n += 1) await post(node, `before ${n}`, n % 2 === 0 ? ada : bob, `op-${n}`);
    await old("PUT", "/api/v1/admin/prices/echo", { input: 1, output: 2 }, ada);
    await plexus(node, "backup", "kit", "make", "--to", at("kit"), "--shares", "3", "--needed", "2");
    await plexus(node, "backup", "run", "--to", at("b"));
    // A second run, with other keys, and with units that stay as they were in the first.
    await plexus(node, "backup", "rotate");
    await post(node, "the last that is in it", ada);
    await plexus(node, "backup", "run", "--to", at("b"));
    const history = async (of: NodeProcess, token: string) =>
      ((await of.http("GET", "/api/v1/rooms/harbour/messages", undefined, token)).body as History).messages.map(
        ({ seq, author, text }) => [seq, author, text],
      );
    const written = await history(node, ada);
    expect(written.filter(([, , text]) => text !== undefined)).to.have.lengthOf(13);
    const prices = (await old("GET", "/api/v1/admin/prices", undefined, ada)).body;
    expect(JSON.stringify(prices)).to.contain("echo");
    // A copy leaves the machine; what a disaster would leave is rehearsed, with the node's keys and with the shares.
    const share = (number: number): string => join(at("kit"), `share-${number}-of-3.txt`);
    expect(await plexus(node, "backup", "copy", "--from", at("b"), "--to", at("copy"))).to.match(/has 2 snapshots/);
    const drill = ["backup", "drill", "--from", at("copy"), "--scratch", at("scratch")];
    const read = /A node was started from it, ready after .*\. ada signed in and read \d\d messages in 1 room/;
    expect(await plexus(node, ...drill))
      .to.match(/Snapshot 2 of .*restored in/)
      .and.match(read);
    expect(await plexus(node, ...drill, "--kit", share(2), share(3)))
      .to.match(/The shares opened it/)
      .and.match(read);
    expect(await readdir(at("scratch"))).to.deep.equal([]);
    // Interrupted while its node starts, it leaves nothing of what the shares have opened.
    const left = at("interrupted");
    const words = ["backup", "drill", "--from", at("copy"), "--scratch", left, "--kit", share(2), share(3)];
    const { end, interrupt } = startPlexus(...words);
    await until("the node of the drill has begun", () => access(join(left, "node.key")));
    interrupt();
    expect((await end).stdout).to.equal("");
    expect(await readdir(left)).to.deep.equal([]);
    // What comes after it is lost, as it must be.
    await post(node, "lost", bob);
    await node.end("SIGKILL");
    for (const name of ["old", "b"]) await rm(at(name), { recursive: true });

    const restore = (...words: readonly string[]) => runPlexus("backup", "restore", "--from", at("copy"), ...words);
    const few = await restore("--data", at("new"), share(1));
    expect(few.stderr).to.match(/SHARES_TOO_FEW/);
    const typed = await readFile(share(2), "utf8");
    await writeFile(at("wrong.txt"), typed.replace(/^ {2}3 {2}\w+/m, "  3  zebra").replace(/PLEXUS-SHARE.*/, ""));
    const wrong = await restore("--data", at("new"), share(1), at("wrong.txt"));
    expect(wrong.stderr)
      .to.match(/SHARE_WRONG/)
      .and.contain("wrong.txt");
    expect(await readdir(top.path)).not.to.include("new");

    const done = await restore("--data", at("new"), share(3), share(1));
    expect(done.code, done.stdout + done.stderr).to.equal(0);
    expect(done.stdout)
      .to.match(/snapshot 2 of/)
      .and.contain(`plexus up --data ${at("new")}`);
    const again = await restore("--data", at("new"), share(3), share(1));
    expect(again.stderr).to.match(/must be empty or absent/);

    await using back = new NodeProcess(at("new"));
    await back.start();
    expect(back.adminCode).to.equal(undefined);
    const signIn = async (name: string) =>
      (
        (await back.http("POST", "/api/v1/sign-in", { name, password: `password of ${name}` })).body as {
          token: string;
        }
      ).token;
    const [adaBack, bobBack] = [await signIn("ada"), await signIn("bob")];
    expect(await history(back, bobBack)).to.deep.equal(written);
    expect((await back.http("GET", "/api/v1/admin/prices", undefined, adaBack)).body).to.deep.equal(prices);
    // It goes on behind them, and knows what was sent once.
    await post(back, "before 3", bobBack, "op-3");
    await post(back, "after", bobBack);
    const [last, ...rest] = (await history(back, adaBack)).toReversed();
    expect([last?.[2], rest.toReversed()]).to.deep.equal(["after", written]);
    // The same kit, and the old folder is still read.
    expect(await plexus(back, "backup", "keys")).to.match(/Epoch 2\n.*has the key of every epoch/);
    expect(await plexus(back, "backup", "list", "--from", at("copy"))).to.match(/ 2 /);
    expect(await plexus(back, "backup", "run", "--to", at("b2"))).to.match(/Snapshot 1/);
    expect(await plexus(back, "doctor")).to.match(/journal/i);
  });

  // Shorter, from a folder, above.
  const inDepth = depth(undefined, it);
  inDepth?.("comes back whole from a copy of what its storage nodes kept, as a cluster of one", async () => {
    await using top = await createDataFolder();
    const at = (name: string): string => join(top.path, name);
    const storage = (name: string) => ({ name, roles: "chat,storage,gateway" });
    const written: (string | undefined)[] = [];
    {
      await using cluster = await ClusterProcesses.start([manager, storage("a"), storage("b"), storage("c")]);
      await until("a group of holders on three nodes", async () => {
        const { groups } = (await cluster.admin("GET", "/api/v1/admin/shards")) as ShardsView;
        const owners = groups.filter(({ open }) => open).flatMap(({ holders }) => holders.map(({ owner }) => owner));
        expect(new Set(owners.filter((owner) => owner !== undefined))).to.have.lengthOf(3);
      });
      const ada = await cluster.first.signUp("ada");
      for (const room of ["harbour", "mill", "quay"]) {
        await cluster.named("a").http("POST", "/api/v1/rooms", { room }, ada);
        await cluster.named("b").http("POST", `/api/v1/rooms/${room}/messages`, { text: `in ${room}` }, ada);
        written.push(`in ${room}`);
      }
      await plexus(cluster.first, "backup", "kit", "make", "--to", at("kit"), "--shares", "2", "--needed", "2");
      await plexus(cluster.first, "backup", "run");
      expect(await plexus(cluster.first, "backup", "copy", "--to", at("copy"))).to.match(/has 1 snapshot/);
      expect(await plexus(cluster.first, "backup", "drill", "--scratch", at("scratch"))).to.match(/Snapshot 1 of/);
    }
    const shares = [1, 2].map((number) => join(at("kit"), `share-${number}-of-2.txt`));
    const done = await runPlexus("backup", "restore", "--from", at("copy"), "--data", at("new"), ...shares);
    expect(done.code, done.stdout + done.stderr).to.equal(0);
    await using back = new NodeProcess(at("new"));
    await back.start();
    const { body } = await back.http("POST", "/api/v1/sign-in", { name: "ada", password: "password of ada" });
    const { token } = body as { token: string };
    const read = ["harbour", "mill", "quay"].map(async (room) => {
      const page = await back.http("GET", `/api/v1/rooms/${room}/messages`, undefined, token);
      return (page.body as History).messages[0]?.text;
    });
    expect(await Promise.all(read)).to.deep.equal(written);
  });
});
