import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import type { SearchPage } from "../../../protocols/index.ts";
import { searchFile } from "../../../node/data-folder/index.ts";
import { ClusterProcesses, manager, worker } from "../../fixtures/processes/cluster-processes.ts";
import { slotOfRoom } from "../../fixtures/processes/cluster-trouble.ts";
import { healthy, until } from "../../fixtures/processes/cluster-waits.ts";
import type { NodeProcess } from "../../fixtures/processes/node-process.ts";

/** What lies in the files of a node's index. */
function indexBytes({ data }: NodeProcess): string {
  const folder = join(searchFile(data), "..");
  if (!existsSync(folder)) return "";
  return readdirSync(folder)
    .map((name) => readFileSync(join(folder, name), "latin1"))
    .join();
}

describe("search across real nodes", () => {
  it("finds at a node without a copy what others have, wherever the slot goes, and leaves no word of what is deleted", async function () {
    await using cluster = await ClusterProcesses.start([manager, worker("one"), worker("two")]);
    // Here nobody has a room: every search asks another node.
    const asked = cluster.first;
    const [ada, bob] = [await asked.signUp("ada"), await asked.signUp("bob")];
    const as = async (token: string, method: string, path: string, body?: unknown): Promise<unknown> => {
      const answer = await asked.http(method, `/api/v1${path}`, body, token);
      expect(answer.status, JSON.stringify(answer.body)).to.be.within(200, 299);
      return answer.body;
    };
    const find = async (token: string, text: string): Promise<readonly number[]> => {
      const page = (await as(token, "POST", "/search", { text })) as SearchPage;
      expect(page.unreachable).to.equal(undefined);
      return page.found.map(({ seq }) => seq);
    };
    const owner = async (): Promise<string> => {
      const id = slotOfRoom(await cluster.slots(), "den").owner;
      return (await cluster.members()).find(({ node }) => node === id)?.name ?? "";
    };
    await as(ada, "POST", "/rooms", { room: "den", visibility: "public" });
    await as(bob, "POST", "/rooms/den/join");
    for (const text of ["a zebra xyzzy", "the second zebra", "東京都庁"])
      await as(ada, "POST", "/rooms/den/messages", { text });
    await healthy(cluster, "before");
    expect(await find(bob, "zebra")).to.deep.equal([2, 1]);
    expect(await find(bob, "京都")).to.deep.equal([3]);
    const first = await owner();
    expect(["one", "two"]).to.include(first);
    // The index is committed a moment after it is found in.
    await until("the word is on the owner's disk", () => expect(indexBytes(cluster.named(first))).to.include("xyzzy"));
    expect(indexBytes(asked)).to.equal("");

    const second = first === "one" ? "two" : "one";
    await cluster.move("actors/room/den", second);
    expect(await owner()).to.equal(second);
    await until("the words are where the slot went", async () => expect(await find(bob, "xyzzy")).to.deep.equal([1]));
    await as(ada, "DELETE", "/rooms/den/messages/1");
    expect(await find(bob, "zebra")).to.deep.equal([2]);
    await until("the word is on no disk", () => {
      for (const node of cluster.nodes) expect(indexBytes(node), node.name).not.to.include("xyzzy");
    });

    await cluster.named(second).end("SIGKILL");
    await until("another node serves the room", async () => expect(await find(bob, "zebra")).to.deep.equal([2]));
    await as(ada, "DELETE", "/rooms/den/members/user%2Fbob");
    expect(await find(bob, "zebra")).to.deep.equal([]);
    expect(await find(ada, "zebra")).to.deep.equal([2]);
  });
});
