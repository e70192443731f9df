/** People who write and read in rooms, by real WebSocket clients at all nodes of a cluster. */
import type { Posted } from "../../protocols/index.ts";
import { ChatClient } from "./chat-client.ts";
import type { ClusterProcesses } from "./cluster-processes.ts";
import { sleep } from "./cluster-waits.ts";
import type { NodeProcess } from "./node-process.ts";

/** What a writer was told about one post. */
export interface Acknowledged {
  readonly text: string;
  readonly operationId: string;
  readonly seq: number;
}

export const rooms = ["lobby", "kitchen", "garden", "attic", "cellar"] as const;
const people = ["ada", "bob", "cleo", "dan", "eve", "finn", "gail", "hal"] as const;
const visitor = "ivy";
const readersCount = 3;
/** Between two posts of one writer: so that the machine is busy, but not at its end, and long tests stay checkable. */
const pauseMs = 15;

const roomOf = (index: number): string => rooms[index % rooms.length] as string;

/** Writers and readers; a client whose node dies goes on at another. */
export class Load {
  /** By `room writer`. */
  readonly acknowledged = new Map<string, Acknowledged[]>();
  readonly readers: ChatClient[];
  readonly #writers: ReadonlyMap<string, ChatClient>;
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #cluster: ClusterProcesses;
  readonly #waitingFor = new Map<string, string>();
  readonly #visits: ChatClient[] = [];
  #writing = true;
  #writes: Promise<void>[] = [];
  #failure: Error | undefined;
  #turn = 0;

  private constructor(cluster: ClusterProcesses, tokens: ReadonlyMap<string, string>) {
    this.#cluster = cluster;
    this.#tokens = tokens;
    const client = (name: string): ChatClient => new ChatClient(() => this.#anyUrl(), tokens.get(name) ?? "");
    this.#writers = new Map([...people, visitor].map((name) => [name, client(name)]));
    this.readers = people.slice(0, readersCount).map(client);
  }

  /** Makes accounts and rooms, and lets everybody write. */
  static async begin(cluster: ClusterProcesses): Promise<Load> {
    const tokens = new Map<string, string>();
    for (const name of [...people, visitor]) tokens.set(name, await cluster.first.signUp(name));
    const load = new Load(cluster, tokens);
    for (const room of rooms) {
      await load.writer("ada").command("room.create", room, {}, `create-${room}`);
      for (const name of [...people.slice(1), visitor])
        await load.writer(name).command("room.join", room, {}, `join-${room}`);
    }
    for (const reader of load.readers) for (const room of rooms) reader.follow(`room/${room}`);
    load.#writes = people.map((name, index) => load.#write(name, roomOf(index)));
    return load;
  }

  get acknowledgements(): number {
    return [...this.acknowledged.values()].reduce((sum, posts) => sum + posts.length, 0);
  }

  writer(name: string): ChatClient {
    const client = this.#writers.get(name);
    if (client === undefined) throw new Error(`nobody is called ${name}`);
    return client;
  }

  /** Those who write all the time, as `room writer`. */
  writing(): readonly string[] {
    return people.map((name, index) => `${roomOf(index)} ${name}`);
  }

  /** What the writers wait for, for the message of a test that waits for them. */
  describe(): string {
    return this.#failure?.message ?? `unanswered: ${[...this.#waitingFor.values()].join(", ")}`;
  }

  /** One post by way of one node; rejects when it is not acknowledged in time. */
  async visit(node: NodeProcess, room: string, limitMs = 20_000): Promise<void> {
    const client = new ChatClient(() => node.url, this.#tokens.get(visitor) ?? "");
    this.#visits.push(client);
    const posted = await Promise.race([this.#post(client, visitor, room), sleep(limitMs)]);
    if (posted !== true) throw new Error(`${room} does not answer at ${node.url} within ${limitMs} ms`);
    client.close();
  }

  /** Lets everybody finish the post they are at. Throws when one was refused for good. */
  async end(): Promise<void> {
    this.#writing = false;
    await Promise.all(this.#writes);
    if (this.#failure !== undefined) throw this.#failure;
  }

  [Symbol.dispose](): void {
    this.#writing = false;
    for (const client of [...this.#writers.values(), ...this.readers, ...this.#visits]) client.close();
  }

  #anyUrl(): string {
    this.#turn += 1;
    return this.#cluster.node(this.#turn % this.#cluster.nodes.length).url;
  }

  async #write(name: string, room: string): Promise<void> {
    const client = this.writer(name);
    while (this.#writing && this.#failure === undefined) {
      try {
        await this.#post(client, name, room);
      } catch (error) {
        this.#failure = error as Error;
      }
      await sleep(pauseMs);
    }
  }

  async #post(client: ChatClient, name: string, room: string): Promise<true> {
    const key = `${room} ${name}`;
    const mine = this.acknowledged.get(key) ?? [];
    this.acknowledged.set(key, mine);
    const text = `${key} ${mine.length}`;
    const operationId = `post-${room}-${mine.length}`;
    this.#waitingFor.set(key, text);
    const answer = await client.command("room.post", room, { text }, operationId);
    if ("error" in answer) throw new Error(`${text}: ${JSON.stringify(answer.error)}`);
    this.#waitingFor.delete(key);
    mine.push({ text, operationId, seq: (answer.ok as Posted).seq });
    return true;
  }
}
