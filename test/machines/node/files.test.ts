import { expect } from "chai";
import { Upload } from "tus-js-client";
import { slotOf, wireLimits } from "../../../protocols/index.ts";
import { ClusterProcesses, manager, worker } from "../../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";

describe("a file of a room in a cluster of real processes", () => {
  it("begins at one node, goes on at another, and is read at the others when the room's owner is killed", async () => {
    await using cluster = await ClusterProcesses.start([manager, worker("one"), worker("two"), worker("three")]);
    const token = await cluster.first.signUp("ada");
    const other = await cluster.first.signUp("bob");
    await healthy(cluster, "at the start");
    const json = (of: string) => ({ authorization: `Bearer ${of}`, "content-type": "application/json" });
    const ask = async (node: string, path: string, body: object, of = token): Promise<{ seq: number }> => {
      const url = `${cluster.named(node).url}/api/v1${path}`;
      const answer = await fetch(url, { method: "POST", headers: json(of), body: JSON.stringify(body) });
      expect(answer.status, await answer.clone().text()).to.equal(200);
      return (await answer.json()) as { seq: number };
    };
    await ask("one", "/rooms", { room: "lobby" });
    await ask("two", "/rooms/lobby/join", {}, other);
    const bytes = Buffer.alloc(3 * wireLimits.filePartBytes + 5, "Plexus keeps this. ");
    /** Sends what is missing to a node; stops when so much is there. */
    const send = (node: string, at: { readonly id?: string; readonly untilBytes?: number }): Promise<string> =>
      new Promise((resolve, reject) => {
        const uploads = `${cluster.named(node).url}/api/v1/files/uploads`;
        const upload = new Upload(bytes, {
          endpoint: uploads,
          ...(at.id !== undefined && { uploadUrl: `${uploads}/${at.id}` }),
          headers: { authorization: `Bearer ${token}` },
          metadata: { filename: "kept.txt", room: "lobby" },
          chunkSize: 400_000,
          retryDelays: [100, 100, 500, 1_000],
          onError: reject,
          onSuccess: () => resolve(upload.url?.split("/").at(-1) ?? ""),
          onChunkComplete(_size, sent) {
            if (sent < (at.untilBytes ?? Infinity)) return;
            resolve(upload.url?.split("/").at(-1) ?? "");
            void upload.abort();
          },
        });
        upload.start();
      });
    const id = await send("one", { untilBytes: wireLimits.filePartBytes + 1 });
    expect(await send("two", { id })).to.equal(id);
    const { seq } = await ask("two", "/rooms/lobby/messages", { text: "", files: [id] });
    const row = (await cluster.slots()).find(({ slot }) => slot === slotOf("chat", "room/lobby"));
    const owner = (await cluster.members()).find(({ node }) => node === row?.owner)?.name ?? "";
    await cluster.named(owner).end("SIGKILL");
    const alive = cluster.names.filter((name) => name !== owner);
    for (const name of alive)
      await until(`${name} gives the file`, async () => {
        const url = `${cluster.named(name).url}/api/v1/rooms/lobby/files/${id}`;
        const range = `bytes=${wireLimits.filePartBytes - 3}-${bytes.length - 2}`;
        const answer = await fetch(url, { headers: { authorization: `Bearer ${other}`, range } });
        if (answer.status !== 206) throw new Error(`${answer.status}: ${await answer.text()}`);
        const part = bytes.subarray(wireLimits.filePartBytes - 3, -1);
        expect(Buffer.from(await answer.arrayBuffer()).equals(part)).to.equal(true);
      });
    const [first = "", second = ""] = alive;
    const message = `${cluster.named(first).url}/api/v1/rooms/lobby/messages/${seq}`;
    expect((await fetch(message, { method: "DELETE", headers: json(token) })).status).to.equal(200);
    const gone = await fetch(`${cluster.named(second).url}/api/v1/rooms/lobby/files/${id}`, { headers: json(other) });
    expect(gone.status).to.equal(404);
  });
});
