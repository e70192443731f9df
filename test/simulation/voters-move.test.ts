/** Three voters give their directory to an etcd while it is used, in simulated time, and the leader that carries it out
 *  is lost: at each of its transactions, and at each of its messages after the last of them. */
import { expect } from "chai";
import { openDirectory, type PlacedDirectory } from "../../node/cluster/directory/place.ts";
import { rowRules } from "../fixtures/row-rules.ts";
import type { DirectoryPlace } from "../../node/data-folder/home.ts";
import { directoryLimits, foundVoter } from "../../node/cluster/directory/index.ts";
import type { Store, StoreOp } from "../../node/ports/index.ts";
import { failureOf } from "../../protocols/index.ts";
import { MemoryStore } from "../conformance/directory-store.ts";
import { memberRecord } from "../fixtures/members.ts";
import { quietLog as log } from "../fixtures/quiet.ts";
import { Links, World } from "../world/index.ts";
import { Etcd, type Fate } from "../world/etcd.ts";

// Several transactions for few rows.
const limits = { ...directoryLimits, fillRowsMax: 4, scanRowsMax: 3, checkMs: 1_000 };
const voters = ["a", "b", "c"];
const names = [...voters, "d"];
const members = names.map((name) => memberRecord(name, { roles: voters.includes(name) ? ["manager"] : ["chat"] }));
const endpoints = ["http://etcd"];
const rows = Array.from({ length: 10 }, (_, at) => ({ key: `slot/chat/${at}`, value: { at }, revision: at + 1 }));
const never = new Promise<never>(() => undefined);

/** What becomes of the leader at one of its transactions, or of its messages after the last one. `cut off`: no node
 *  hears it any more, and it none; etcd does. */
interface Loss {
  readonly how: Fate | "cut off";
  readonly transaction?: number;
  readonly message?: number;
}

interface Node {
  readonly placed: PlacedDirectory;
  /** Nothing of it reaches anybody from then on, its own disk included. */
  isDead: boolean;
}

class Cluster {
  readonly world: World;
  readonly links: Links;
  readonly nodes = new Map<string, Node>();
  /** Told of each transaction that a node makes: what becomes of it. */
  fateOf: (name: string) => Fate = () => "answered";
  readonly #etcd: Etcd;
  readonly #stores = new Map(names.map((name) => [name, new MemoryStore()]));
  readonly #places = new Map<string, DirectoryPlace>();

  constructor(seed: number) {
    this.world = new World(seed);
    this.links = new Links(this.world.clock());
    this.#etcd = new Etcd(this.world);
  }

  async found(): Promise<void> {
    const begun = { members: { voters, learners: [] }, image: { revision: rows.length, rows } };
    for (const name of voters) await foundVoter(this.#stores.get(name) as MemoryStore, { generation: 1, begun });
    for (const name of names) await this.open(name);
  }

  async open(name: string): Promise<void> {
    const disk = this.#stores.get(name) as MemoryStore;
    const store: Store = Object.assign(Object.create(disk) as MemoryStore, {
      batch: (ops: readonly StoreOp[]) => (node.isDead ? never : disk.batch(ops)),
    });
    const fateOf = (): Fate => (node.isDead ? "lost" : this.fateOf(name));
    const placed = openDirectory(this.#places.get(name) ?? { kind: "replicated", generation: 1, voters }, {
      node: name,
      cluster: "c1",
      founding: false,
      rules: rowRules,
      store,
      exchange: this.links.exchange(name),
      clock: this.world.clock(),
      random: this.world.dice,
      log,
      placed: (place) => void this.#places.set(name, place),
      limits,
      etcd: { connect: this.#etcd.connect(fateOf) },
    });
    const node: Node = { placed, isDead: false };
    this.nodes.set(name, node);
    await placed.opened();
    placed.keepVoters({ members: () => members, isUp: (one) => this.nodes.get(one)?.isDead === false });
    this.link(name);
  }

  link(name: string): void {
    for (const [other, { isDead }] of this.nodes) if (other !== name && !isDead) this.links.link(name, other);
  }

  cutOff(name: string): void {
    for (const other of names) if (other !== name) this.links.cut(name, other);
  }

  kill(name: string): void {
    const node = this.at(name);
    node.isDead = true;
    this.cutOff(name);
    void node.placed.close();
  }

  at(name: string): Node {
    return this.nodes.get(name) as Node;
  }

  async leader(): Promise<string> {
    for (;;) {
      const led = voters.find((name) => !this.at(name).isDead && this.at(name).placed.lead().leader === name);
      if (led !== undefined) return led;
      await this.world.sleep(10);
    }
  }
}

/** Counts in a row at a node, all the time. */
async function counting({ world, nodes }: Cluster, name: string, isOver: () => boolean) {
  let [acknowledged, unknown, tries] = [0, 0, 0];
  while (!isOver()) {
    await world.sleep(20);
    const { directory } = (nodes.get(name) as Node).placed;
    const row = await directory.read("count").catch(() => null);
    if (row === null) continue;
    tries += 1;
    try {
      const next = ((row?.value as number | undefined) ?? 0) + 1;
      if ((await directory.compareAndSet("count", next, row?.revision ?? 0)).applied) acknowledged += 1;
    } catch (error) {
      if (failureOf(error).details?.["asked"] !== false) unknown += 1;
    }
  }
  return { acknowledged, most: acknowledged + unknown, tries };
}

/** What the leader is asked, and what becomes of it meanwhile. */
class Move {
  readonly cluster = new Cluster(1);
  transactions = 0;
  /** Of the leader, after that transaction. */
  messages = 0;
  said = "silence";
  readonly #loss: Loss;
  readonly #name: string;
  #mover = "";

  constructor(loss: Loss) {
    this.#loss = loss;
    this.#name = JSON.stringify(loss);
  }

  async run(): Promise<this> {
    const stopTime = this.cluster.world.flow();
    try {
      await this.#run();
    } finally {
      for (const { placed } of this.cluster.nodes.values()) await placed.close();
      await stopTime();
    }
    return this;
  }

  async #run(): Promise<void> {
    const { cluster } = this;
    const { world } = cluster;
    await cluster.found();
    this.#mover = await cluster.leader();
    let isOver = false;
    const counted = counting(cluster, "d", () => isOver);
    await world.sleep(500);
    this.#watch();
    // As a person asks who is at another node.
    const user = cluster.at("d").placed;
    void user.migrate(endpoints).then((moved) => (this.said = moved.ok ? "done" : moved.error.code));
    while (this.said === "silence") await world.sleep(50);
    cluster.links.loses = () => false;
    cluster.fateOf = () => "answered";
    try {
      await this.#again();
    } finally {
      isOver = true;
    }
    await this.#compare(await counted);
  }

  /** Loses the leader when its time has come. */
  #watch(): void {
    const { cluster } = this;
    const { how, transaction = Infinity, message } = this.#loss;
    const lose = (): void => (how === "cut off" ? cluster.cutOff(this.#mover) : cluster.kill(this.#mover));
    cluster.fateOf = (from) => {
      if (from === this.#mover) this.transactions += 1;
      if (from !== this.#mover || this.transactions !== transaction || message !== undefined) return "answered";
      if (how !== "answered") cluster.world.after(0, lose);
      return how === "cut off" ? "answered" : how;
    };
    cluster.links.loses = (_, from) => {
      if (from !== this.#mover || this.said !== "silence" || this.transactions < transaction) return false;
      this.messages += 1;
      if (this.messages === message) cluster.world.after(0, lose);
      return this.messages === message;
    };
  }

  /** The same command comes about without the one that is lost, or has come about. */
  async #again(): Promise<void> {
    const { world } = this.cluster;
    let said = "";
    for (let tries = 0; tries < 10 && said !== "done" && said !== "ALREADY_DONE"; tries += 1) {
      const moved = await this.cluster.at("d").placed.migrate(endpoints);
      said = moved.ok ? "done" : moved.error.code;
      await world.sleep(1_000);
    }
    expect(said, this.#name).to.be.oneOf(["done", "ALREADY_DONE"]);
  }

  async #compare({ acknowledged, most, tries }: Awaited<ReturnType<typeof counting>>): Promise<void> {
    const { cluster } = this;
    expect(tries, this.#name).to.be.greaterThan(20);
    const there = await cluster.at("d").placed.directory.list("");
    const [count, ...others] = there.map(({ key, value }) => ({ key, value }));
    const kept = rows.map(({ key, value }) => ({ key, value }));
    expect(others, this.#name).to.deep.equal(kept);
    expect(count?.key).to.equal("count");
    expect(count?.value, this.#name).to.be.within(acknowledged, most);
    // Who was lost comes back, and follows.
    if (cluster.at(this.#mover).isDead) await cluster.open(this.#mover);
    else cluster.link(this.#mover);
    await cluster.world.sleep(5_000);
    for (const one of names) {
      const { placed } = cluster.at(one);
      expect(placed.info(), `${this.#name}, ${one}`).to.deep.include({ kind: "etcd", generation: 2 });
      expect(await placed.directory.list(""), `${this.#name}, ${one}`).to.deep.equal(there);
    }
    const { directory } = cluster.at(this.#mover).placed;
    expect((await directory.compareAndSet("count", 0, there[0]?.revision ?? 0)).applied, this.#name).to.equal(true);
    expect(cluster.links.badFrames).to.deep.equal([]);
  }
}

describe("a move of the voters' directory to etcd whose leader is lost", () => {
  const inSilence = async (): Promise<Move> => {
    const whole = await new Move({ how: "answered" }).run();
    expect(whole.said).to.equal("done");
    expect(whole.transactions).to.be.at.least(4);
    return new Move({ how: "answered", transaction: whole.transactions }).run();
  };

  for (const how of ["lost", "done, and nobody hears of it", "cut off"] as const)
    it(`is in one place, loses no change, and comes about when it is asked again: at each transaction, ${how}`, async () => {
      const { transactions } = await inSilence();
      for (let transaction = 1; transaction <= transactions; transaction += 1)
        await new Move({ how, transaction }).run();
    });

  for (const how of ["lost", "cut off"] as const)
    it(`is in one place, loses no change, and comes about when it is asked again: at each message after that, ${how}`, async () => {
      const { transactions: transaction, messages } = await inSilence();
      expect(messages).to.be.at.least(3);
      const ends = new Set<string>();
      for (let message = 1; message <= messages; message += 1)
        ends.add((await new Move({ how, transaction, message }).run()).said);
      // Before it has come about, and after.
      expect(ends.size).to.equal(2);
    });
});
