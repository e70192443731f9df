import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { expect } from "chai";
import type { ClusterSummary, RoomHistory } from "../../protocols/index.ts";
import { ChatClient } from "../fixtures/processes/chat-client.ts";
import { ClusterProcesses, worker } from "../fixtures/processes/cluster-processes.ts";
import { healthy, until } from "../fixtures/processes/cluster-waits.ts";

const roles = "manager,chat,gateway";
const postsBefore = 20;
const posts = 60;

/** The texts of a room as its server-sent events tell them, from the beginning. */
async function heard(url: string, token: string, texts: string[], signal: AbortSignal): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, "last-event-id": "0" };
  const answer = await fetch(`${url}/api/v1/rooms/den/events`, { headers, signal });
  expect(answer.headers.get("content-type")).to.match(/^text\/event-stream/);
  const lines = createInterface(Readable.fromWeb(answer.body as never));
  for await (const line of lines) {
    const text = /^data:.*"text":"(post \d+)"/.exec(line)?.[1];
    if (text !== undefined) texts.push(text);
  }
}

// Everything else that can happen to nodes: test/machines/cluster.
describe("three real nodes, two of which joined by token", () => {
  it("lose and repeat no post when the room's owner is killed, for a writer at one and a reader of events at another", async () => {
    await using cluster = await ClusterProcesses.start([
      { name: "one", roles },
      { ...worker("two"), roles },
      { ...worker("three"), roles },
    ]);
    const token = await cluster.first.signUp("ada");
    const made = await cluster.first.http("POST", "/api/v1/rooms", { room: "den", title: "Den" }, token);
    expect(made.status).to.equal(200);
    await healthy(cluster, "before the kill");
    // One at a time comes to vote: with two voters the death of either would end the directory.
    await until("three nodes keep the directory", async () => {
      const { directory } = (await cluster.admin("GET", "/api/v1/admin/cluster/summary")) as ClusterSummary;
      expect(directory).to.have.property("voters").with.length(3);
    });
    const { node: owner } = (await cluster.admin("GET", "/api/v1/admin/actors/room/den")) as { node: string };
    const others = cluster.nodes.filter(({ name }) => name !== owner);
    const [writing, reading] = others;
    if (writing === undefined || reading === undefined) throw new Error("the room is on a node of the cluster");

    const writer = new ChatClient(() => writing.url, token);
    const texts: string[] = [];
    const end = new AbortController();
    const listening = heard(reading.url, token, texts, end.signal).catch(() => undefined);
    const post = (index: number) => writer.command("room.post", "den", { text: `post ${index}` }, `post-${index}`);
    for (let index = 0; index < postsBefore; index += 1) expect(await post(index)).to.have.property("ok");
    const rest = Array.from({ length: posts - postsBefore }, (_, index) => post(postsBefore + index));
    await cluster.named(owner).end("SIGKILL");
    for (const answer of await Promise.all(rest)) expect(answer).to.have.property("ok");

    const expected = Array.from({ length: posts }, (_, index) => `post ${index}`);
    const { body } = await reading.http("GET", "/api/v1/rooms/den/messages?limit=200", undefined, token);
    const kept = (body as RoomHistory).messages.map(({ text }) => text);
    expect(kept.toSorted()).to.deep.equal(expected.toSorted());
    expect(kept.slice(0, postsBefore)).to.deep.equal(expected.slice(0, postsBefore));
    await until("the reader of events has heard all", () => expect(texts).to.deep.equal(kept));
    end.abort();
    await listening;
    writer.close();
  });
});
