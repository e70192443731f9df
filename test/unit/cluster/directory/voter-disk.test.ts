/** One voter whose leader is the test: what it writes, and what it says when. */
import { encode, failureOf } from "../../../../protocols/index.ts";
import { expect } from "chai";
import { directoryLimits } from "../../../../node/cluster/directory/index.ts";
import { createVoterWire } from "../../../../node/cluster/directory/raft/lines.ts";
import type { Entry } from "../../../../node/cluster/directory/raft/messages.ts";
import { openVoter, type Voter } from "../../../../node/cluster/directory/raft/voter.ts";
import type { VoterMessage } from "../../../../node/cluster/directory/raft/voter-message.ts";
import type { Change } from "../../../../node/cluster/directory/deciding.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { Links, messageBytesMax, World } from "../../../world/index.ts";

const begin: Entry<Change> = { index: 1, term: 1, body: { type: "begin" } };
const put = (index: number, key: string): Entry<Change> => ({
  index,
  term: 1,
  body: { type: "data", data: { key, bytes: encode(key), revision: 0, guard: undefined } },
});
const append = (previous: number, entries: readonly Entry<Change>[], commit: number): VoterMessage => ({
  type: "append",
  term: 1,
  previous: { index: previous, term: previous === 0 ? 0 : 1 },
  entries,
  commit,
  round: 0,
});

/** Voter b of three; `a` is the test. */
class Led {
  readonly world = new World(1);
  readonly store: MemoryStore;
  readonly said: VoterMessage[] = [];
  tell: (message: VoterMessage) => void = () => undefined;
  /** Batches that were asked for, and whether synced. */
  readonly #entriesPerImage: number;

  /** The names of what was logged. */
  readonly logged: string[] = [];

  constructor(entriesPerImage: number, store = new MemoryStore()) {
    this.#entriesPerImage = entriesPerImage;
    this.store = store;
  }

  open(): Promise<Voter> {
    const begun = { members: { voters: ["a", "b", "c"], learners: [] }, image: { revision: 0, rows: [] } };
    return openVoter(
      {
        node: "b",
        store: this.store,
        lines: {
          send: (to, message) => void (to === "a" && this.said.push(message)),
          listen: (voter) => (this.tell = (message) => voter.receive("a", message)),
        },
        clock: this.world.clock(),
        log: { ...quietLog, info: (name) => this.logged.push(name), error: (name) => this.logged.push(name) },
        seed: 1,
        limits: { ...directoryLimits, entriesPerImage: this.#entriesPerImage },
      },
      { generation: 1, begun },
    );
  }

  has(match: number): boolean {
    return this.said.some((message) => message.type === "appended" && message.match >= match);
  }

  async until(done: () => boolean): Promise<void> {
    for (let turns = 0; turns < 1_000 && !done(); turns += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(done()).to.equal(true);
  }

  rows(): readonly string[] {
    return [...this.store.content.keys()].filter((key) => key.startsWith("replicated/row/"));
  }
}

describe("a voter's disk", () => {
  it("keeps no row that a copy of everything lacks, also one that was being written when the copy came", async () => {
    const led = new Led(2);
    const voter = await led.open();
    led.tell(append(0, [begin, put(2, "gone")], 0));
    await led.until(() => led.has(2));
    let release: () => void = () => undefined;
    led.store.gate = new Promise((resolve) => (release = resolve));
    led.tell(append(2, [put(3, "other")], 2));
    await new Promise((resolve) => setImmediate(resolve));
    const state = { revision: 9, rows: [{ key: "kept", value: 1, revision: 9 }] };
    const members = { voters: ["a", "b", "c"], learners: [] };
    led.tell({ type: "install", term: 1, snapshot: { index: 10, term: 1, members, state }, round: 0 });
    await new Promise((resolve) => setImmediate(resolve));
    release();
    await led.until(() => led.has(10));
    expect(led.rows()).to.deep.equal(["replicated/row/kept"]);
    await voter.stop();
  });

  it("says nothing of what a failed write may have left in memory alone before something is synced", async () => {
    const led = new Led(100);
    const voter = await led.open();
    led.tell(append(0, [begin], 0));
    await led.until(() => led.has(1));
    led.store.nextFails = "written";
    led.tell(append(1, [put(2, "x")], 0));
    await led.until(() => led.store.nextFails === undefined);
    expect(led.has(2)).to.equal(false);
    const before = led.store.batches;
    const stopTime = led.world.flow();
    await led.world.sleep(directoryLimits.reloadMs + 1);
    led.tell(append(2, [], 0));
    await led.until(() => led.has(2));
    expect(led.store.batches).to.be.greaterThan(before);
    await voter.stop();
    await stopTime();
  });

  it("is silent while it is full, and goes on where it was when there is room", async () => {
    const led = new Led(100);
    const voter = await led.open();
    const stopTime = led.world.flow();
    led.tell(append(0, [begin], 0));
    await led.until(() => led.has(1));
    led.store.nextFails = "lost";
    led.tell({ type: "vote", term: 2, pre: false, forced: true, last: { index: 9, term: 1 } });
    await led.until(() => led.store.nextFails === undefined);
    led.tell({ type: "vote", term: 2, pre: false, forced: true, last: { index: 9, term: 1 } });
    await new Promise((resolve) => setImmediate(resolve));
    expect(led.said.filter(({ type }) => type === "voted")).to.deep.equal([]);
    expect(voter.state()).to.equal(undefined);
    await led.world.sleep(directoryLimits.reloadMs + 1);
    expect(voter.state()?.term).to.equal(1);
    led.tell({ type: "vote", term: 2, pre: false, forced: true, last: { index: 9, term: 1 } });
    await led.until(() => led.said.some(({ type }) => type === "voted"));
    await voter.stop();
    await stopTime();
  });
});

describe("a voter whose disk fails while it runs", () => {
  it("is tried less and less often, and says once what is to be done, until it is well for a while", async () => {
    let fails = false;
    const triedMs: number[] = [];
    const store = new (class extends MemoryStore {
      override async batch(ops: Parameters<MemoryStore["batch"]>[0]): Promise<void> {
        if (!fails) return super.batch(ops);
        triedMs.push(led.world.nowMs);
        throw new Error("ENOSPC: no space left on device");
      }
    })();
    const led: Led = new Led(100, store);
    const voter = await led.open();
    led.tell(append(0, [begin], 0));
    await led.until(() => led.has(1));
    fails = true;
    led.tell(append(1, [put(2, "x")], 0));
    await led.until(() => voter.state() === undefined);
    await led.world.pass(20_000);
    const pausesMs = triedMs.slice(1).map((atMs, at) => atMs - (triedMs[at] ?? 0));
    const { reloadMs, retryMaxMs } = directoryLimits;
    for (const [at, pauseMs] of pausesMs.entries())
      expect(pauseMs, `${at}`).to.be.within(
        Math.min(retryMaxMs, reloadMs * 2 ** at),
        Math.min(retryMaxMs, reloadMs * 2 ** at) + 50,
      );
    expect(pausesMs.length).to.be.within(9, 12);
    expect(led.logged).to.deep.equal(["directory.voter.unopened"]);
    expect(voter.trouble()).to.equal(
      "the disk under the directory fails: it is full. Make room at this node; it goes on by itself",
    );
    const asked = await voter.directory.read("x").catch(failureOf);
    expect(asked)
      .to.have.nested.property("details.because")
      .that.matches(/it is full\. Make room at the node that/);
    // Well for a moment only: that is neither said nor forgotten.
    fails = false;
    await led.world.until(() => voter.state() !== undefined);
    expect(voter.trouble()).to.match(/it is full/);
    fails = true;
    triedMs.length = 0;
    led.tell(append(1, [put(2, "x")], 0));
    await led.world.until(() => triedMs.length > 1);
    expect((triedMs[1] ?? 0) - (triedMs[0] ?? 0)).to.be.at.least(retryMaxMs);
    fails = false;
    await led.world.until(() => voter.state() !== undefined);
    led.tell(append(1, [put(2, "x")], 0));
    await led.world.pass(retryMaxMs + 100);
    expect(led.has(2)).to.equal(true);
    expect(led.logged).to.deep.equal(["directory.voter.unopened", "directory.voter.opened"]);
    expect(voter.trouble()).to.equal(undefined);
    await voter.stop();
  });
});

describe("the lines between voters", () => {
  const everything = (bytes: number): VoterMessage => ({
    type: "install",
    term: 3,
    snapshot: {
      index: 7,
      term: 3,
      members: { voters: ["a", "b"], learners: [] },
      state: {
        revision: 40,
        rows: Array.from({ length: 40 }, (_, at) => ({
          key: `k${at}`,
          value: "x".repeat(bytes / 40),
          revision: at + 1,
        })),
      },
    },
    round: 1,
  });

  function lined(): { world: World; links: Links; send: (message: VoterMessage) => void; heard: VoterMessage[] } {
    const world = new World(1);
    const links = new Links(world.clock());
    links.frameBytesMax = messageBytesMax;
    const heard: VoterMessage[] = [];
    const a = createVoterWire(links.exchange("a"), world.clock()).lines(1);
    createVoterWire(links.exchange("b"), world.clock())
      .lines(1)
      .listen({
        receive: (from, message) => void (from === "a" && heard.push(message)),
        lost: () => undefined,
      });
    links.link("a", "b");
    return { world, links, send: (message) => a.send("b", message), heard };
  }

  it("carry everything in parts that fit, in whole or not at all", async () => {
    const { world, links, send, heard } = lined();
    send(everything(5_000_000));
    await world.run(() => heard.length > 0, 1_000);
    expect(heard).to.deep.equal([everything(5_000_000)]);
    expect(links.largestBytes).to.be.within(500_000, messageBytesMax);
    let parts = 0;
    links.loses = ([name]) => name === "directory.part" && (parts += 1) === 3;
    send(everything(5_000_000));
    await world.run(() => heard.length > 1, 2_000);
    expect(heard.length).to.equal(1);
    send(everything(4_000_000));
    await world.run(() => heard.length > 1, 3_000);
    expect(heard[1]).to.deep.equal(everything(4_000_000));
  });

  it("carry what is larger than the queue of the connection, once however often it is said meanwhile", async () => {
    const { world, links, send, heard } = lined();
    let [room, parts] = [3, 0];
    links.isFull = () => room === 0;
    links.loses = ([name]) => {
      expect(name).to.equal("directory.part");
      parts += 1;
      room -= 1;
      return false;
    };
    const makeRoom = (): void => {
      room = 3;
      world.clock().after(100, makeRoom);
    };
    makeRoom();
    send(everything(5_000_000));
    send(everything(5_000_000));
    await world.run(() => false, 2_000);
    expect(heard).to.deep.equal([everything(5_000_000)]);
    expect(parts).to.equal(10);
    // What is behind a connection that ended is not sent over the next one.
    send(everything(5_000_000));
    links.cut("a", "b");
    links.link("a", "b");
    send(everything(4_000_000));
    await world.run(() => heard.length > 1, 4_000);
    expect(heard[1]).to.deep.equal(everything(4_000_000));
  });

  it("carry rows in which there is more than one message between nodes may hold", async () => {
    const { world, links, send, heard } = lined();
    const all = everything(0) as Extract<VoterMessage, { type: "install" }>;
    const rows = ["a", "b", "c"].map((key) => ({ key, value: Array.from({ length: 200_000 }, () => []), revision: 1 }));
    send({ ...all, snapshot: { ...all.snapshot, state: { revision: 1, rows } } });
    await world.run(() => heard.length > 0 || links.badFrames.length > 0, 1_000);
    expect(links.badFrames).to.deep.equal([]);
    const [said] = heard as [typeof all];
    const lengths = said.snapshot.state.rows.map(({ value }) => (value as readonly unknown[]).length);
    expect(lengths).to.deep.equal([200_000, 200_000, 200_000]);
  });

  it("end the connection of who says what no voter says", async () => {
    const { world, links, heard } = lined();
    const gap = append(1, [put(3, "x")], 0);
    const later = { ...append(1, [put(2, "x")], 0), term: 0 };
    const said = [{ type: "lead" }, { type: "crown", term: 1 }, gap, later, "no", { ...append(0, [], 0), commit: -1 }];
    for (const message of said) {
      links.link("a", "b");
      links.forge("a", "b", "control", ["directory.vote", 0, { generation: 1, bytes: encode(message) }]);
      await world.run(() => false, world.nowMs + 10);
      expect(links.transport("b").peers(), JSON.stringify(message)).to.deep.equal([]);
    }
    expect(heard).to.deep.equal([]);
  });
});
