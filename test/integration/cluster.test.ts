import { expect } from "chai";
import type { ClusterSlotRow, Posted, RoomHistory, RoomMessage } from "../../protocols/index.ts";
import { ChatClient, type Seen } from "./chat-client.ts";
import { ClusterProcesses } from "./cluster-processes.ts";

/** What a writer was told about one post. */
interface Acknowledged {
  readonly text: string;
  readonly operationId: string;
  readonly seq: number;
}

const rooms = ["lobby", "kitchen", "garden"];
const people = ["ada", "bob", "cleo", "dan", "eve", "finn"];
const roundsAsked = Number(process.env["PLEXUS_CLUSTER_ROUNDS"] ?? 6);

const sleep = (delayMs: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, delayMs));

/** Writers and readers at all nodes; a client whose node dies goes on at another. */
class Load {
  readonly acknowledged = new Map<string, Acknowledged[]>();
  readonly writers: ChatClient[];
  readonly readers: ChatClient[];
  readonly #cluster: ClusterProcesses;
  #writing = true;
  #writes: Promise<void>[] = [];
  #turn = 0;

  constructor(cluster: ClusterProcesses, tokens: ReadonlyMap<string, string>) {
    this.#cluster = cluster;
    const client = (name: string): ChatClient => new ChatClient(() => this.#anyUrl(), tokens.get(name) ?? "");
    this.writers = people.map(client);
    this.readers = people.slice(0, 3).map(client);
  }

  get acknowledgements(): number {
    return [...this.acknowledged.values()].reduce((sum, posts) => sum + posts.length, 0);
  }

  async begin(): Promise<void> {
    for (const room of rooms) {
      await this.writers[0]?.command("room.create", room, {}, `create-${room}`);
      for (const writer of this.writers.slice(1)) await writer.command("room.join", room, {}, `join-${room}`);
    }
    for (const reader of this.readers) for (const room of rooms) reader.follow(`room/${room}`);
    this.#writes = people.map((name, index) => this.#write(name, index));
  }

  async end(): Promise<void> {
    this.#writing = false;
    await Promise.all(this.#writes);
  }

  close(): void {
    for (const client of [...this.writers, ...this.readers]) client.close();
  }

  #anyUrl(): string {
    this.#turn += 1;
    return this.#cluster.node(this.#turn % this.#cluster.nodes.length).url;
  }

  async #write(name: string, index: number): Promise<void> {
    const room = rooms[index % rooms.length] as string;
    const mine: Acknowledged[] = [];
    this.acknowledged.set(`${room} ${name}`, mine);
    for (let number = 0; this.#writing; number += 1) {
      const text = `${room} ${name} ${number}`;
      const operationId = `post-${room}-${number}`;
      const answer = await this.writers[index]?.command("room.post", room, { text }, operationId);
      if (answer === undefined || "error" in answer) throw new Error(`${text}: ${JSON.stringify(answer)}`);
      mine.push({ text, operationId, seq: (answer.ok as Posted).seq });
    }
  }
}

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

async function caughtUp(reader: ChatClient, topic: string, posts: number): Promise<Seen[]> {
  const endMs = performance.now() + 30_000;
  for (;;) {
    const seen = reader.seen.get(topic) ?? [];
    if (seen.filter((each) => each.event.type === "posted").length >= posts) return seen;
    if (performance.now() > endMs)
      throw new Error(`a reader of ${topic} saw ${seen.length} events, ${posts} posts are there`);
    await sleep(20);
  }
}

/** Nothing acknowledged is lost, repeated or out of its writer's order; readers saw all of it once, in order. */
async function check(load: Load): Promise<void> {
  for (const room of rooms) {
    const history = await readHistory(load.writers[0] as ChatClient, room);
    const bySeq = new Map(history.map((message) => [message.seq, message]));
    expect(history.map(({ seq }) => seq)).to.deep.equal(history.map((_, index) => index + 1));
    const texts = history.map(({ text }) => text);
    expect(new Set(texts).size, "no text is there twice").to.equal(texts.length);
    for (const [writer, posts] of load.acknowledged) {
      if (!writer.startsWith(`${room} `)) continue;
      for (const post of posts) expect(bySeq.get(post.seq)?.text, post.text).to.equal(post.text);
      const seqs = posts.map(({ seq }) => seq);
      expect(seqs).to.deep.equal([...seqs].sort((one, other) => one - other));
    }
    for (const seen of await Promise.all(
      load.readers.map((reader) => caughtUp(reader, `room/${room}`, texts.length)),
    )) {
      expect(seen.map(({ at }) => at)).to.deep.equal(seen.map((_, index) => index + 1));
      const posted = seen
        .filter(({ event }) => event.type === "posted")
        .map(({ event }) => event["message"] as RoomMessage);
      expect(posted.map(({ text }) => text)).to.deep.equal(texts);
    }
  }
  for (const [writer, posts] of load.acknowledged) {
    const [room, name] = writer.split(" ") as [string, string];
    const client = load.writers[people.indexOf(name)] as ChatClient;
    for (const post of posts.slice(-5)) {
      const again = await client.command("room.post", room, { text: post.text }, post.operationId);
      expect("ok" in again && (again.ok as Posted).seq).to.equal(post.seq);
    }
  }
}

/** Waits until every slot is where it should be, fully replicated. */
async function healthy(cluster: ClusterProcesses): Promise<readonly ClusterSlotRow[]> {
  const endMs = performance.now() + 60_000;
  for (;;) {
    const answer = (await cluster.admin("GET", "/api/admin/cluster/slots")) as { slots: readonly ClusterSlotRow[] };
    const bad = answer.slots.filter(({ status }) => status !== "ok");
    if (bad.length === 0) return answer.slots;
    if (performance.now() > endMs) throw new Error(`not healthy: ${JSON.stringify(bad).slice(0, 2_000)}`);
    await sleep(100);
  }
}

/** Waits for progress: so many more acknowledgements. */
async function progress(load: Load, more: number): Promise<void> {
  const target = load.acknowledgements + more;
  const endMs = performance.now() + 60_000;
  while (load.acknowledgements < target) {
    if (performance.now() > endMs) throw new Error(`stuck at ${load.acknowledgements} of ${target} acknowledgements`);
    await sleep(20);
  }
}

async function signUpAll(cluster: ClusterProcesses): Promise<Map<string, string>> {
  const tokens = new Map<string, string>();
  for (const name of people) tokens.set(name, await cluster.first.signUp(name));
  return tokens;
}

describe("a cluster of real processes", () => {
  it("loses, repeats and reorders nothing while nodes are killed, stopped, and come back, under load", async function () {
    this.timeout(120_000 + roundsAsked * 20_000);
    await using cluster = await ClusterProcesses.start([
      { name: "boss", roles: "manager,gateway" },
      { name: "one", roles: "chat,ai,gateway" },
      { name: "two", roles: "chat,ai,gateway" },
      { name: "three", roles: "chat,ai,gateway" },
    ]);
    const load = new Load(cluster, await signUpAll(cluster));
    try {
      await load.begin();
      await progress(load, 100);
      for (let round = 0; round < roundsAsked; round += 1) {
        await healthy(cluster);
        const victim = cluster.node(1 + (round % 3));
        const kind = ["kill", "stop", "end"][round % 3];
        if (kind === "stop") {
          victim.signal("SIGSTOP");
          await sleep(3_000);
          victim.signal("SIGCONT");
        } else {
          await victim.end(kind === "kill" ? "SIGKILL" : "SIGTERM");
          await progress(load, 30);
          await victim.start();
        }
        await progress(load, 100);
      }
      await load.end();
      await healthy(cluster);
      await check(load);
    } finally {
      load.close();
    }
  });
});
