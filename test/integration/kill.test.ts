import { expect } from "chai";
import type { Posted, RoomHistory, RoomMessage } from "../../protocols/index.ts";
import { ChatClient, type Seen } from "./chat-client.ts";
import { createDataFolder, NodeProcess } from "./node-process.ts";

/** What a writer was told about one post. */
interface Acknowledged {
  readonly text: string;
  readonly operationId: string;
  readonly seq: number;
}

const rounds = Number(process.env["PLEXUS_KILL_ROUNDS"] ?? 10);
const rooms = ["lobby", "kitchen"];
const writersPerRoom = 3;

/** How long a life lasts from ready to kill -9: from inside the start of the load to well into it. */
const lifeMs = (round: number): number => 40 + ((round * 173) % 500);

const sleep = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));

describe("a node that is killed under load", () => {
  it("keeps every acknowledged post once and in order, for every reader, and knows repeated operations", async function () {
    this.timeout(60_000 + rounds * 15_000);
    await using folder = await createDataFolder();
    await using node = new NodeProcess(folder.path);
    await node.start();
    const url = () => node.url;
    const names = ["ada", "bob", "cleo", "dan", "eve", "finn"];
    const tokens = new Map<string, string>();
    for (const name of names) tokens.set(name, await node.signUp(name));
    const clientOf = (name: string): ChatClient => new ChatClient(url, tokens.get(name) ?? "");

    const owner = clientOf("ada");
    for (const room of rooms) await owner.command("room.create", room, {}, `create-${room}`);
    const readers = names.slice(0, 3).map(clientOf);
    const writers = names.map(clientOf);
    for (const [index, name] of names.entries()) {
      for (const room of rooms)
        if (name !== "ada") await writers[index]?.command("room.join", room, {}, `join-${room}`);
    }
    for (const reader of readers) for (const room of rooms) reader.follow(`room/${room}`);

    let writing = true;
    const acknowledged = new Map<string, Acknowledged[]>();
    const write = async (writer: ChatClient, name: string, room: string): Promise<void> => {
      const mine: Acknowledged[] = [];
      acknowledged.set(`${room} ${name}`, mine);
      for (let index = 0; writing; index += 1) {
        const text = `${room} ${name} ${index}`;
        const operationId = `post-${room}-${index}`;
        const answer = await writer.command("room.post", room, { text }, operationId);
        if ("error" in answer) throw new Error(`${text}: ${JSON.stringify(answer.error)}`);
        mine.push({ text, operationId, seq: (answer.ok as Posted).seq });
      }
    };
    const writes = rooms.flatMap((room, roomIndex) =>
      names
        .slice(roomIndex * writersPerRoom, (roomIndex + 1) * writersPerRoom)
        .map((name, index) => write(writers[roomIndex * writersPerRoom + index] as ChatClient, name, room)),
    );

    for (let round = 0; round < rounds; round += 1) {
      await sleep(lifeMs(round));
      await node.end("SIGKILL");
      await node.start();
    }
    writing = false;
    await Promise.all(writes);

    for (const room of rooms) {
      const history = await readHistory(owner, room);
      const bySeq = new Map(history.map((message) => [message.seq, message]));
      expect(history.map((message) => message.seq)).to.deep.equal(history.map((_, index) => index + 1));
      const texts = history.map((message) => message.text);
      expect(new Set(texts).size, "no text is there twice").to.equal(texts.length);
      for (const [writer, posts] of acknowledged) {
        if (!writer.startsWith(`${room} `)) continue;
        expect(posts.length, `${writer} was acknowledged`).to.be.above(rounds);
        for (const post of posts) expect(bySeq.get(post.seq)?.text).to.equal(post.text);
        const seqs = posts.map((post) => post.seq);
        expect(seqs).to.deep.equal([...seqs].sort((one, other) => one - other));
      }
      // Nothing is there that no writer sent, and what was not acknowledged is at most the last of each life.
      const sent = [...acknowledged.values()].flat().map((post) => post.text);
      expect(texts.filter((text) => !sent.includes(text))).to.deep.equal([]);

      const heads = await Promise.all(readers.map((reader) => caughtUp(reader, `room/${room}`, history.length)));
      for (const seen of heads) {
        expect(seen.map((each) => each.at)).to.deep.equal(seen.map((_, index) => index + 1));
        const posted = seen
          .filter((each) => each.event.type === "posted")
          .map((each) => each.event["message"] as RoomMessage);
        expect(posted.map((message) => message.text)).to.deep.equal(texts);
      }
    }

    // The idempotency window: the newest posts of every writer, sent again, get their first answers.
    for (const [writer, posts] of acknowledged) {
      const [room, name] = writer.split(" ") as [string, string];
      const client = writers[names.indexOf(name)] as ChatClient;
      for (const post of posts.slice(-20)) {
        const again = await client.command("room.post", room, { text: post.text }, post.operationId);
        expect("ok" in again && (again.ok as Posted).seq).to.equal(post.seq);
      }
    }
    for (const client of [owner, ...readers, ...writers]) client.close();
    expect(await node.end("SIGTERM")).to.equal(0);
  });
});

async function readHistory(client: ChatClient, room: string): Promise<readonly RoomMessage[]> {
  const messages: RoomMessage[] = [];
  for (;;) {
    const after = messages.at(-1)?.seq ?? 0;
    const answer = await client.command("room.history", room, { after, limit: 200 });
    if ("error" in answer) throw new Error(JSON.stringify(answer.error));
    const page = answer.ok as RoomHistory;
    messages.push(...page.messages);
    if (!page.more) return messages;
  }
}

/** Waits until a reader has seen as many posts as there are. */
async function caughtUp(reader: ChatClient, topic: string, posts: number): Promise<Seen[]> {
  const endMs = performance.now() + 20_000;
  for (;;) {
    const seen = reader.seen.get(topic) ?? [];
    if (seen.filter((each) => each.event.type === "posted").length >= posts) return seen;
    if (performance.now() > endMs)
      throw new Error(`a reader of ${topic} saw ${seen.length} events, ${posts} posts are there`);
    await sleep(20);
  }
}
