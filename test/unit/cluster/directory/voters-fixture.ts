/** Three voters and a client of theirs, on simulated time. */
import { expect } from "chai";
import {
  createRemoteDirectory,
  directoryLimits,
  serveDirectory,
  type DirectoryHome,
  type DirectoryLimits,
} from "../../../../node/cluster/directory/index.ts";
import { createVoterWire } from "../../../../node/cluster/directory/raft/lines.ts";
import { openVoter, type Voter } from "../../../../node/cluster/directory/raft/voter.ts";
import type { Directory } from "../../../../node/ports/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { Links, World } from "../../../world/index.ts";

export const names = ["one", "two", "three"];
// Small, so that rows are written, logs cut and whole images given while a test runs.
const small = { ...directoryLimits, entriesPerImage: 8, entriesKept: 4, retryMinMs: 20, retryMaxMs: 100 };

export class Voters {
  readonly world: World;
  readonly links: Links;
  readonly stores = new Map(names.map((name) => [name, new MemoryStore()]));
  readonly voters = new Map<string, Voter>();
  readonly client: Directory;
  /** Where voters, and whoever kept a directory for the client, said that it was moved. */
  readonly homes: DirectoryHome[] = [];
  /** Set while a node is up; those that died have objects that nobody reaches. */
  readonly #lives = new Map<string, number>();
  readonly #limits: DirectoryLimits;

  constructor(seed: number, limits: Partial<DirectoryLimits> = {}) {
    this.#limits = { ...small, ...limits };
    this.world = new World(seed);
    this.links = new Links(this.world.clock());
    this.client = createRemoteDirectory(this.links.exchange("client"), () => this.leading()[0], {
      clock: this.world.clock(),
      limits: this.#limits,
      onMoved: (home) => this.homes.push(home),
    });
  }

  async open(name: string): Promise<void> {
    const life = (this.#lives.get(name) ?? 0) + 1;
    this.#lives.set(name, life);
    const exchange = this.links.exchange(name);
    const limits = this.#limits;
    const store = this.stores.get(name) as MemoryStore;
    const lines = createVoterWire(exchange, this.world.clock(), undefined, limits).lines(1);
    const seed = this.world.dice.below(2 ** 32);
    const members = { voters: names, learners: [] };
    const founding = { generation: 1, begun: { members, image: { revision: 0, rows: [] } } };
    const ports = { node: name, store, lines, clock: this.world.clock(), log: quietLog, seed, limits };
    const voter = await openVoter(ports, founding);
    voter.onMoved((home) => this.homes.push(home));
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
    // Whatever happened, nobody sent what others take for no message.
    expect(this.links.badFrames).to.deep.equal([]);
    for (const voter of this.voters.values()) await voter.stop();
  }
}
