import { expect } from "chai";
import { createRemoteDirectory, directoryLimits, serveDirectory } from "../../../node/directory/index.ts";
import { createVoterLines } from "../../../node/directory/raft/lines.ts";
import { openVoter, type Voter } from "../../../node/directory/raft/voter.ts";
import type { Directory } from "../../../node/ports.ts";
import { MemoryStore } from "../../conformance/directory-store.ts";
import { codeOf, Watching } from "../../conformance/directory.ts";
import { depth } from "../../depth.ts";
import { quietLog } from "../../quiet.ts";
import { Links, World } from "../../world/index.ts";

const names = ["one", "two", "three"];
// Small, so that rows are written, logs cut and whole images given while a test runs.
const limits = { ...directoryLimits, entriesPerImage: 8, entriesKept: 4, retryMinMs: 20, retryMaxMs: 100 };

/** Three voters and a client of theirs, on simulated time. */
class Voters {
  readonly world: World;
  readonly links: Links;
  readonly stores = new Map(names.map((name) => [name, new MemoryStore()]));
  readonly voters = new Map<string, Voter>();
  readonly client: Directory;
  /** Set while a node is up; those that died have objects that nobody reaches. */
  readonly #lives = new Map<string, number>();

  constructor(seed: number) {
    this.world = new World(seed);
    this.links = new Links(this.world.clock());
    this.client = createRemoteDirectory(this.links.exchange("client"), () => this.leading()[0], {
      clock: this.world.clock(),
      limits,
    });
  }

  async open(name: string): Promise<void> {
    const life = (this.#lives.get(name) ?? 0) + 1;
    this.#lives.set(name, life);
    const exchange = this.links.exchange(name);
    const store = this.stores.get(name) as MemoryStore;
    const lines = createVoterLines(exchange, limits);
    const seed = this.world.dice.below(2 ** 32);
    const founding = { generation: 1, members: { voters: names, learners: [] }, image: { revision: 0, rows: [] } };
    const ports = { node: name, store, lines, clock: this.world.clock(), log: quietLog, seed, limits };
    const voter = await openVoter(ports, founding);
    serveDirectory(exchange, voter.directory, limits);
    this.voters.set(name, voter);
    for (const other of [...this.voters.keys(), "client"]) if (other !== name) this.links.link(name, other);
  }

  /** Its disk keeps what was written. */
  async kill(name: string): Promise<void> {
    for (const other of [...names, "client"]) this.links.cut(name, other);
    const voter = this.voters.get(name);
    this.voters.delete(name);
    await voter?.stop();
  }

  leading(): readonly string[] {
    return [...this.voters].flatMap(([name, voter]) => (voter.state()?.role === "leader" ? [name] : []));
  }

  async stop(): Promise<void> {
    for (const voter of this.voters.values()) await voter.stop();
  }
}

describe("the voters of a replicated directory", () => {
  it("keep every change that was acknowledged, and none twice, whoever dies, is cut off or has a disk that fails", async function () {
    this.timeout(depth(60_000, 600_000));
    for (let seed = 1; seed <= depth(12, 400); seed += 1) {
      const voters = new Voters(seed);
      const { world, links, client } = voters;
      const { dice } = world;
      const stopTime = world.flow();
      for (const name of names) await voters.open(name);
      const watching = new Watching();
      const stopWatching = client.watch("n", watching);
      let [acknowledged, unknown] = [0, 0];
      const values = new Set<number>();
      const increment = async (): Promise<void> => {
        const row = await client.read("n").catch(() => null);
        if (row === null) return;
        const next = ((row?.value as number | undefined) ?? 0) + 1;
        try {
          const { applied } = await client.compareAndSet("n", next, row?.revision ?? 0);
          if (!applied) return;
          acknowledged += 1;
          expect(values.has(next), `${next} was acknowledged twice in seed ${seed}`).to.equal(false);
          values.add(next);
        } catch {
          unknown += 1;
        }
      };
      for (let round = 0; round < 40; round += 1) {
        const name = dice.pick(names);
        const work = [increment(), increment(), increment()];
        const what = dice.number();
        if (what < 0.1) await voters.kill(name);
        else if (what < 0.2) links.cut(name, dice.pick([...names, "client"].filter((other) => other !== name)));
        else if (what < 0.3) (voters.stores.get(name) as MemoryStore).nextFails = dice.pick(["written", "lost"]);
        else if (what < 0.5)
          for (const one of voters.voters.keys()) for (const other of [...voters.voters.keys(), "client"]) if (one !== other) links.link(one, other); // prettier-ignore
        await Promise.all(work);
        await world.sleep(dice.between(0, dice.pick([20, 300, 1_500])));
        await Promise.all([increment(), increment()]);
        for (const one of names) if (!voters.voters.has(one) && dice.chance(0.4)) await voters.open(one);
      }
      for (const one of names) if (!voters.voters.has(one)) await voters.open(one);
      for (const one of names) for (const other of [...names, "client"]) if (one !== other) links.link(one, other);
      let last = await client.read("n").catch(() => undefined);
      while (last === undefined) {
        await world.sleep(100);
        await increment();
        last = await client.read("n").catch(() => undefined);
      }
      // A life without any would prove nothing.
      expect(acknowledged, `seed ${seed}`).to.be.greaterThan(5);
      expect(last.value, `seed ${seed}`).to.be.within(acknowledged, acknowledged + unknown);
      for (const value of values) expect(value).to.be.at.most(last.value as number);
      await watching.until(() => watching.current && watching.rows.get("n")?.revision === last.revision);
      stopWatching();
      await voters.stop();
      await stopTime();
    }
  });

  it("refuse where they do not lead, without asking anybody", async () => {
    const voters = new Voters(1);
    const stopTime = voters.world.flow();
    for (const name of names) await voters.open(name);
    while (voters.leading().length === 0) await voters.world.sleep(50);
    const other = names.find((name) => voters.leading()[0] !== name) as string;
    const directory = (voters.voters.get(other) as Voter).directory;
    expect(await codeOf(directory.read("a"))).to.equal("DIRECTORY_UNAVAILABLE");
    expect(await codeOf(directory.compareAndSet("a", 1, 0))).to.equal("DIRECTORY_UNAVAILABLE");
    await voters.stop();
    await stopTime();
  });
});
