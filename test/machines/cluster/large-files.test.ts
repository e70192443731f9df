import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { expect } from "chai";
import { Upload } from "tus-js-client";
import type { ShardsView } from "../../../protocols/index.ts";
import { ClusterProcesses, manager } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";
import { createDataFolder, NodeProcess } from "../../fixtures/processes/node-process.ts";
import { plexus, runPlexus } from "../../fixtures/processes/plexus-command.ts";
import { shardFilesOf } from "../../fixtures/processes/shard-files.ts";

const storage = (name: string) => ({ name, roles: "chat,storage,gateway" });

/** Copies of blobs in a data folder. */
async function copiesIn(data: string): Promise<number> {
  const files = await readdir(join(data, "blobs"), { recursive: true });
  return files.filter((name) => /^[0-9a-f]{2}\/[0-9a-f]{64}$/.test(name)).length;
}

/** Bytes that are nowhere the same. */
function noise(length: number): Buffer {
  const words = new Uint32Array(Math.ceil(length / 4));
  for (let at = 0, state = 7; at < words.length; at += 1)
    words[at] = state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
  return Buffer.from(words.buffer).subarray(0, length);
}

const base = "/api/v1/rooms/lobby";
const name = "film.bin";

/** Sends a file to a node, as the library does, and posts it; gives its id. */
async function posted(node: NodeProcess, token: string, bytes: Buffer): Promise<string> {
  const id = await new Promise<string>((resolve, reject) => {
    const upload = new Upload(bytes, {
      endpoint: `${node.url}/api/v1/files/uploads`,
      headers: { authorization: `Bearer ${token}` },
      metadata: { filename: name, room: "lobby" },
      retryDelays: [100, 500, 1_000],
      onError: reject,
      onSuccess: () => resolve(upload.url?.split("/").at(-1) ?? ""),
    });
    upload.start();
  });
  const { status } = await node.http("POST", `${base}/messages`, { text: "", files: [id] }, token);
  expect(status).to.equal(200);
  return id;
}

/** Reads a part of it at a node, and compares. */
async function reads(
  node: NodeProcess,
  of: { readonly id: string; readonly token: string },
  part: Buffer,
  start: number,
) {
  const range = `bytes=${start}-${start + part.length - 1}`;
  const answer = await fetch(`${node.url}${base}/files/${of.id}`, {
    headers: { authorization: `Bearer ${of.token}`, range },
  });
  if (answer.status !== 206) throw new Error(`${answer.status}: ${await answer.text()}`);
  expect(Buffer.from(await answer.arrayBuffer()).equals(part), range).to.equal(true);
}

describe("a large file of a room on real nodes", () => {
  it("goes into stripes, is read at every node while a holder is dead, and comes back from a backup", async () => {
    await using top = await createDataFolder();
    const at = (path: string): string => join(top.path, path);
    const bytes = noise(20 * 1024 * 1024);
    const of = { id: "", token: "" };
    {
      await using cluster = await ClusterProcesses.start([manager, storage("a"), storage("b"), storage("c")]);
      of.token = await cluster.first.signUp("ada");
      await healthy(cluster, "at the start");
      await until("a group of holders on three nodes", async () => {
        const { groups } = (await cluster.admin("GET", "/api/v1/admin/shards")) as ShardsView;
        const owners = groups.filter(({ open }) => open).flatMap(({ holders }) => holders.map(({ owner }) => owner));
        expect(new Set(owners), JSON.stringify(groups)).to.have.lengthOf(3);
        expect(owners).not.to.include(undefined);
      });
      await cluster.first.http("POST", "/api/v1/rooms", { room: "lobby" }, of.token);
      of.id = await posted(cluster.named("a"), of.token, bytes);
      const names = ["a", "b", "c"];
      await until("the copies are gone, and each node has its shard of each piece", async () => {
        const copies = await Promise.all(names.map((node) => copiesIn(cluster.named(node).data)));
        const shards = await Promise.all(
          names.map(async (node) => (await shardFilesOf(cluster.named(node).data)).length),
        );
        expect([copies, shards]).to.deep.equal([
          [0, 0, 0],
          [3, 3, 3],
        ]);
      });
      for (const node of ["manager", ...names]) {
        await reads(cluster.named(node), of, bytes.subarray(9_000_000, 9_000_100), 9_000_000);
        await reads(cluster.named(node), of, bytes, 0);
      }
      await plexus(cluster.first, "backup", "kit", "make", "--to", at("kit"), "--shares", "2", "--needed", "2");
      await plexus(cluster.first, "backup", "run");
      await plexus(cluster.first, "backup", "copy", "--to", at("copy"));
      await cluster.named("b").end("SIGKILL");
      for (const node of ["manager", "a", "c"])
        await until(`${node} gives the file`, () =>
          reads(cluster.named(node), of, bytes.subarray(8_000_000, 17_000_000), 8_000_000),
        );
    }
    const shares = [1, 2].map((number) => join(at("kit"), `share-${number}-of-2.txt`));
    const done = await runPlexus("backup", "restore", "--from", at("copy"), "--data", at("new"), ...shares);
    expect(done.code, done.stdout + done.stderr).to.equal(0);
    await using back = new NodeProcess(at("new"));
    await back.start();
    const password = "password of ada";
    const signedIn = (await back.http("POST", "/api/v1/sign-in", { name: "ada", password })).body as { token: string };
    of.token = signedIn.token;
    await reads(back, of, bytes, 0);
    expect(await copiesIn(at("new"))).to.equal(21);
  });
});
