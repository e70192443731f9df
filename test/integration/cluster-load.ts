/** People who write and read in rooms, by real WebSocket clients at all nodes of a cluster. */
import { setTimeout } from "node:timers/promises";
import { gatewayLimits } from "../../node/gateway/index.ts";
import type { ErrorCode, Posted } from "../../protocols/index.ts";
import { depth } from "../depth.ts";
import { ChatClient, type Sent } from "./chat-client.ts";
import type { ClusterProcesses } from "./cluster-processes.ts";
import type { NodeProcess } from "./node-process.ts";
import { within } from "../waits.ts";

/** What a writer was told about one post. */
export interface Acknowledged {
  readonly text: string;
  readonly operationId: string;
  readonly seq: number;
  readonly sent: Sent;
}

/** How many posts a writer has begun, and those that were not acknowledged yet. */
interface Begun {
  count: number;
  readonly open: Set<number>;
}

export const rooms = ["lobby", "kitchen", "garden", "attic", "cellar"] as const;
const people = ["ada", "bob", "cleo", "dan", "eve", "finn", "gail", "hal"] as const;
const visitor = "ivy";
const readersCount = 3;
/** Posts of one writer that wait for an answer at the same time. */
const outstandingMax = 4;
/** After a writer has begun so many: so that the machine is busy, but not at its end, and long tests stay checkable. */
const pauseMs = depth(250, 100);

/** So long a node tries a command again by itself, whatever happens to the actor that it is for; less what timers may err. */
const patienceMs = 0.9 * gatewayLimits.askTimeoutMs;
/** What no patience of the node mends: a client goes elsewhere, or waits for an operator. */
const saidAtOnce: ReadonlySet<ErrorCode> = new Set(["STOPPING", "DIRECTORY_AWAY"]);

const roomOf = (index: number): string => rooms[index % rooms.length] as string;

/** Writers and readers; a client whose node dies goes on at another. */
export class Load {
  /** By `room writer`. */
  readonly acknowledged = new Map<string, Acknowledged[]>();
  readonly readers: ChatClient[];
  readonly #writers: ReadonlyMap<string, ChatClient>;
  readonly #tokens: ReadonlyMap<string, string>;
  readonly #cluster: ClusterProcesses;
  readonly #begun = new Map<string, Begun>();
  /** Posts of those who write all the time, acknowledged by way of each node, by its address. */
  readonly #byNode = new Map<string, number>();
  readonly #visits: ChatClient[] = [];
  #writing = true;
  readonly #writes: Promise<void>[] = [];
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
    load.#writes.push(...people.map((name, index) => load.#write(name, roomOf(index))));
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

  /** How many posts each writer has begun. */
  begun(): ReadonlyMap<string, number> {
    return new Map([...this.#begun].map(([key, { count }]) => [key, count]));
  }

  /** Writers that were not yet acknowledged all that they had begun at a time, and something more. As `room writer`. */
  stuck(begunThen: ReadonlyMap<string, number>): readonly string[] {
    return people
      .map((name, index) => `${roomOf(index)} ${name}`)
      .filter((key) => {
        const { count, open } = this.#begunBy(key);
        const then = begunThen.get(key) ?? 0;
        return [...open].some((number) => number < then) || count - then <= open.size;
      });
  }

  /** Moves clients so that each node that is up has a writer, and one reader to a node that had no writer. The counts of what
   *  was acknowledged by way of each. */
  spread(): ReadonlyMap<NodeProcess, number> {
    const up = this.#cluster.nodes.filter(({ isUp }) => isUp);
    const writers = people.map((name) => this.writer(name));
    for (const node of up) {
      const at = (url: string): number => writers.filter((writer) => writer.url === url).length;
      if (at(node.url) > 0) continue;
      // From where there are most: nobody leaves a node without one.
      writers.toSorted((one, other) => at(other.url) - at(one.url))[0]?.moveTo(node.url);
      this.#turn += 1;
      this.readers[this.#turn % readersCount]?.moveTo(node.url);
    }
    return new Map(up.map((node) => [node, this.#byNode.get(node.url) ?? 0]));
  }

  /** What the writers wait for, for the message of a test that waits for them. */
  describe(): string {
    const unanswered = [...this.#begun].flatMap(([key, { open }]) => {
      const { url, refusals, connection } = this.writer(key.split(" ")[1] as string);
      return open.size === 0
        ? []
        : [`${key} ${[...open].join(" ")} at ${url} (${JSON.stringify(refusals.at(-1)?.error)}; ${connection})`];
    });
    return this.#failure?.message ?? `unanswered: ${unanswered.join(", ")}`;
  }

  /** One post by way of one node; rejects when it is not acknowledged in time. */
  async visit(node: NodeProcess, room: string, limitMs = 30_000): Promise<void> {
    const client = new ChatClient(() => node.url, this.#tokens.get(visitor) ?? "");
    this.#visits.push(client);
    const post = this.#post(client, visitor, room);
    this.#writes.push(post.then(() => undefined).catch((error: unknown) => void (this.#failure = error as Error)));
    await within(post, `an answer of ${room} at ${node.url}`, limitMs);
    client.close();
  }

  /** Lets everybody finish the post they are at. Throws when one was refused for good, or at all while its node could still
   *  have tried by itself. */
  async end(): Promise<void> {
    this.#writing = false;
    await Promise.all(this.#writes);
    if (this.#failure !== undefined) throw this.#failure;
    const clients = [...this.#writers.values(), ...this.#visits];
    const hasty = clients
      .flatMap(({ refusals }) => refusals)
      .filter(({ error, afterMs }) => afterMs < patienceMs && !saidAtOnce.has(error.code));
    if (hasty.length > 0) throw new Error(`refused too soon: ${JSON.stringify(hasty.slice(0, 10))}`);
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
    const posts = new Set<Promise<unknown>>();
    while (this.#writing && this.#failure === undefined) {
      while (posts.size < outstandingMax) {
        const post = this.#post(client, name, room).catch((error: unknown) => (this.#failure = error as Error));
        posts.add(post);
        void post.then(() => posts.delete(post));
      }
      await Promise.all([setTimeout(pauseMs), Promise.race(posts)]);
    }
    await Promise.all(posts);
  }

  #begunBy(key: string): Begun {
    const begun = this.#begun.get(key) ?? { count: 0, open: new Set() };
    this.#begun.set(key, begun);
    return begun;
  }

  async #post(client: ChatClient, name: string, room: string): Promise<true> {
    const key = `${room} ${name}`;
    const mine = this.acknowledged.get(key) ?? [];
    this.acknowledged.set(key, mine);
    const begun = this.#begunBy(key);
    const number = begun.count;
    begun.count += 1;
    begun.open.add(number);
    const text = `${key} ${number}`;
    const operationId = `post-${room}-${number}`;
    const answer = await client.command("room.post", room, { text }, operationId);
    if ("error" in answer) throw new Error(`${text}: ${JSON.stringify(answer.error)}`);
    begun.open.delete(number);
    if (name !== visitor) this.#byNode.set(client.url, (this.#byNode.get(client.url) ?? 0) + 1);
    mine.push({ text, operationId, seq: (answer.ok as Posted).seq, sent: answer.sent });
    return true;
  }
}
