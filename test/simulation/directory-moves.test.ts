/** A move of the directory between voters and an etcd, in simulated time: whoever carries it out dies at each of its
 *  transactions in turn, before it comes about and after it. */
import { expect } from "chai";
import {
  createEmbeddedDirectory,
  createEtcdDirectory,
  directoryLimits,
  migrateDirectory,
  type EtcdDirectory,
} from "../../node/cluster/directory/index.ts";
import type { Directory, DirectoryRow } from "../../node/ports/index.ts";
import { failureOf } from "../../protocols/index.ts";
import { MemoryStore } from "../conformance/directory-store.ts";
import { quietLog as log } from "../fixtures/quiet.ts";
import { World } from "../world/index.ts";
import { Etcd, type Fate } from "../world/etcd.ts";

// Several pages and several transactions for few rows.
const limits = { ...directoryLimits, fillRowsMax: 4, scanRowsMax: 3 };
const rowsMade = 10;
const prefix = "/moves/";
const fates = ["lost", "done, and nobody hears of it"] as const;

/** Who is connected dies at the transaction of this number. */
function dyingAt(number: number, how: Fate) {
  let seen = 0;
  return { fateOf: (): Fate => ((seen += 1) === number ? how : "answered"), count: () => seen };
}

class Cluster {
  readonly world: World;
  readonly etcd: Etcd;
  readonly #opened: EtcdDirectory[] = [];

  constructor(seed: number) {
    this.world = new World(seed);
    this.etcd = new Etcd(this.world);
  }

  node(fateOf?: () => Fate): EtcdDirectory {
    const clock = this.world.clock();
    const home = { endpoints: ["http://etcd"], prefix };
    const directory = createEtcdDirectory({ ...home, clock, log, limits, connect: this.etcd.connect(fateOf) });
    this.#opened.push(directory);
    return directory;
  }

  /** Founded in etcd, with rows. */
  async founded(): Promise<EtcdDirectory> {
    const clock = this.world.clock();
    const home = { endpoints: ["http://etcd"], prefix };
    const founder = createEtcdDirectory({ ...home, clock, log, limits, founding: true, connect: this.etcd.connect() });
    this.#opened.push(founder);
    await this.world.settle(filled(founder));
    return founder;
  }

  /** What comes of it, or `silence`: whoever was to answer is dead. */
  async outcome(work: Promise<unknown>): Promise<string> {
    let said = "silence";
    void work.then(
      () => (said = "done"),
      (error: unknown) => (said = failureOf(error).code),
    );
    await this.world.pass(10_000);
    return said;
  }

  close(): void {
    for (const one of this.#opened) one.close();
  }
}

async function filled(directory: Directory): Promise<void> {
  for (let at = 0; at < rowsMade; at += 1) await directory.compareAndSet(`slot/chat/${at}`, { at }, 0);
}

const contents = (rows: readonly DirectoryRow[]): readonly string[] =>
  rows.map(({ key, value }) => `${key} ${JSON.stringify(value)}`).toSorted();
const whole = (changed: boolean): readonly string[] =>
  Array.from(
    { length: rowsMade },
    (_, at) => `slot/chat/${at} ${JSON.stringify({ at: changed && at === 3 ? "later" : at })}`,
  ).toSorted();

/** A change that somebody makes who does not know of the move. */
async function changes(cluster: Cluster, directory: Directory): Promise<void> {
  const row = await cluster.world.settle(directory.read("slot/chat/3"));
  const changed = directory.compareAndSet("slot/chat/3", { at: "later" }, row?.revision ?? 0);
  expect((await cluster.world.settle(changed)).applied).to.equal(true);
}

describe("a move of the directory whose mover dies", () => {
  /** Moves a node's own directory to etcd; the node dies at one of the transactions there. */
  async function toEtcd(number: number, how: Fate): Promise<{ readonly count: number; readonly said: string }> {
    const cluster = new Cluster(number);
    const store = new MemoryStore();
    const before = createEmbeddedDirectory({ store });
    await filled(before);
    const { fateOf, count } = dyingAt(number, how);
    const said = await cluster.outcome(migrateDirectory(before, cluster.node(fateOf), "keeper"));
    // It starts again on what its disk has: the directory is there, or in etcd, and the same command comes about.
    const again = createEmbeddedDirectory({ store });
    await again.opened();
    const isChanged = said !== "done" && number % 2 === 0;
    if (said !== "done") {
      expect(contents(await again.list("")), `${how} ${number}`).to.deep.equal(whole(false));
      // What the attempt has left in etcd is older by then, or is what it was.
      if (isChanged) {
        const row = await again.read("slot/chat/3");
        await again.compareAndSet("slot/chat/3", { at: "later" }, row?.revision ?? 0);
        const gone = await again.read("slot/chat/0");
        await again.compareAndSet("slot/chat/0", undefined, gone?.revision ?? 0);
      }
      expect(await cluster.outcome(migrateDirectory(again, cluster.node(), "keeper"))).to.equal("done");
    }
    const code = await again.list("").then(
      () => "here",
      (error: unknown) => failureOf(error).code,
    );
    expect(code).to.equal("DIRECTORY_MOVED");
    const there = cluster.node();
    const rows = contents(await cluster.world.settle(there.list("")));
    expect(rows).to.deep.equal(isChanged ? whole(true).slice(1) : whole(false));
    if (!isChanged) await changes(cluster, there);
    cluster.close();
    return { count: count(), said };
  }

  /** Moves it from etcd to a voter; the manager that copies it dies at one of its transactions. */
  async function fromEtcd(number: number, how: Fate): Promise<{ readonly count: number; readonly said: string }> {
    const cluster = new Cluster(1_000 + number);
    await cluster.founded();
    const { fateOf, count } = dyingAt(number, how);
    const copies: (readonly DirectoryRow[])[] = [];
    const copy = async (_: number, rows: readonly DirectoryRow[]): Promise<void> => void copies.push(rows);
    const said = await cluster.outcome(cluster.node(fateOf).handOver(["a"], copy));
    const other = cluster.node();
    // Whoever looks for as long as a move may take makes it undone, unless it has come about.
    let found: string;
    let tries = 0;
    do {
      found = await cluster.outcome(other.list(""));
      tries += 1;
    } while (found === "DIRECTORY_UNAVAILABLE" && tries < 6);
    expect(found, `${how} ${number}`).to.be.oneOf(["done", "DIRECTORY_MOVED"]);
    if (found === "DIRECTORY_MOVED")
      expect(contents(copies.at(-1) ?? []), "who has it now has all").to.deep.equal(whole(false));
    else {
      expect(said, "nobody was told that it moved").to.not.equal("done");
      expect(contents(await cluster.world.settle(other.list("")))).to.deep.equal(whole(false));
      await changes(cluster, other);
      const moved = await cluster.world.settle(other.handOver(["b"], copy));
      expect(moved.home.generation, "given to nobody before").to.be.greaterThan(0);
      expect(contents(copies.at(-1) ?? [])).to.deep.equal(whole(true));
    }
    cluster.close();
    return { count: count(), said };
  }

  for (const [name, move] of Object.entries({ "to etcd": toEtcd, "from etcd": fromEtcd }))
    it(`is in one place, with all rows, and the same move comes about: ${name}`, async () => {
      const undisturbed = await move(0, "answered");
      expect(undisturbed.said).to.equal("done");
      expect(undisturbed.count, "transactions of a move").to.be.at.least(2);
      for (const how of fates) for (let number = 1; number <= undisturbed.count; number += 1) await move(number, how);
    });
});
