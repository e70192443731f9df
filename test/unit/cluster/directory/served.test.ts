import { expect } from "chai";
import {
  createEmbeddedDirectory,
  createRemoteDirectory,
  createSwitchingDirectory,
  directoryLimits,
  migrateDirectory,
  serveDirectory,
  type DirectoryHome,
  type EmbeddedDirectory,
} from "../../../../node/cluster/directory/index.ts";
import type { Directory, NodeId } from "../../../../node/ports/index.ts";
import { isRow } from "../../../../node/cluster/facts/records.ts";
import { Links, messageBytesMax, World } from "../../../world/index.ts";
import { MemoryStore } from "../../../conformance/directory-store.ts";
import { codeOf, Watching } from "../../../conformance/directory.ts";
import { memberRecord } from "../../../fixtures/members.ts";

const limits = { ...directoryLimits, callTimeoutMs: 40, retryMinMs: 2, retryMaxMs: 8, checkMs: 30 };

describe("the directory as other nodes see it", () => {
  let world: World;
  let stopTime: () => Promise<void>;
  let links: Links;
  let keeper: EmbeddedDirectory;
  let host: NodeId | undefined;
  let homes: DirectoryHome[];
  let remote: Directory;
  let stops: (() => void)[];

  const remoteOf = (node: NodeId): Directory =>
    createRemoteDirectory(links.exchange(node), () => host, {
      clock: world.clock(),
      limits,
      onMoved: (home) => void homes.push(home),
    });
  const watch = async (directory: Directory, prefix = ""): Promise<Watching> => {
    const watching = new Watching();
    stops.push(directory.watch(prefix, watching));
    await watching.until(() => watching.current);
    return watching;
  };
  const settled = (watching: Watching, key: string): Promise<void> =>
    watching.until(() => watching.current && watching.rows.has(key));

  beforeEach(() => {
    world = new World(1);
    links = new Links(world.clock());
    keeper = createEmbeddedDirectory({ store: new MemoryStore() });
    host = "keeper";
    homes = [];
    stops = [];
    serveDirectory(links.exchange("keeper"), keeper, limits);
    remote = remoteOf("peer");
    links.link("keeper", "peer");
    stopTime = world.flow();
  });
  afterEach(async () => {
    for (const stop of stops) stop();
    await stopTime();
  });

  it("is unavailable without a keeper, without a connection, and without an answer", async () => {
    const all = async (): Promise<string[]> =>
      Promise.all([remote.read("a"), remote.list("a"), remote.compareAndSet("a", 1, 0)].map(codeOf));
    host = undefined;
    expect(new Set(await all())).to.deep.equal(new Set(["DIRECTORY_UNAVAILABLE"]));
    host = "keeper";
    links.cut("keeper", "peer");
    expect(new Set(await all())).to.deep.equal(new Set(["DIRECTORY_UNAVAILABLE"]));
    links.link("keeper", "peer");
    links.loses = () => true;
    expect(new Set(await all())).to.deep.equal(new Set(["DIRECTORY_UNAVAILABLE"]));
    links.loses = () => false;
    expect(await codeOf(remote.read("a"))).to.equal("nothing");
  });

  it("refuses a row that is nonsense, and changes nothing", async () => {
    const strict = createEmbeddedDirectory({ store: new MemoryStore() });
    serveDirectory(links.exchange("strict"), strict, limits, { accepts: isRow });
    links.link("strict", "peer");
    host = "strict";
    const slot = { slot: "chat/250", epoch: 1, owner: "c", inSync: ["c"], learners: [] };
    const member = memberRecord("x");
    const { labels: _labels, ...unlabelled } = member;
    for (const [key, good, bad] of [
      ["slot/chat/250", slot, { ...slot, splitFrom: 7 }],
      ["member/x", member, unlabelled],
    ] as const) {
      expect(await codeOf(remote.compareAndSet(key, bad, 0))).to.equal("BAD_REQUEST");
      expect(await remote.read(key)).to.equal(undefined);
      const { row } = await remote.compareAndSet(key, good, 0);
      expect(await codeOf(remote.compareAndSet(key, bad, row?.revision ?? 0))).to.equal("BAD_REQUEST");
      expect(await remote.read(key)).to.deep.equal(row);
      expect((await remote.compareAndSet(key, { ...good, later: 1 }, row?.revision ?? 0)).applied).to.equal(true);
    }
  });

  it("refuses what the keeper would take for no message itself, and stays connected", async () => {
    expect(await codeOf(remote.compareAndSet("a", 1, 0, { key: "a b", revision: 0 }))).to.equal("BAD_REQUEST");
    for (const revision of [NaN, -1, 0.5, 2 ** 60])
      expect(await codeOf(remote.compareAndSet("a", 1, revision)), String(revision)).to.equal("BAD_REQUEST");
    expect(await codeOf(remote.list("a b"))).to.equal("BAD_REQUEST");
    expect(links.badFrames).to.deep.equal([]);
    expect((await remote.compareAndSet("a", 1, 0)).applied).to.equal(true);
  });

  it("asks for a change once: when the answer is lost, reading tells what became of it", async () => {
    let asked = 0;
    links.loses = ([name], from) => {
      if (name === "directory.change") asked += 1;
      return from === "keeper";
    };
    expect(await codeOf(remote.compareAndSet("policy", 1, 0))).to.equal("DIRECTORY_UNAVAILABLE");
    expect(asked).to.equal(1);
    links.loses = () => false;
    expect((await remote.read("policy"))?.value).to.equal(1);
  });

  it("refuses a change of a row that the member may not change, and changes nothing", async () => {
    const fenced = createEmbeddedDirectory({ store: new MemoryStore() });
    serveDirectory(links.exchange("fenced"), fenced, limits, {
      refusal: async ({ key, from }) => (key.startsWith("keys/") && from !== "c" ? "not yours" : undefined),
    });
    host = "fenced";
    for (const node of ["peer", "c"]) links.link("fenced", node);
    const other = remoteOf("c");
    expect(await codeOf(remote.compareAndSet("keys/root", 1, 0))).to.equal("FORBIDDEN");
    expect(await codeOf(remote.compareAndSet("policy", 1, 0))).to.equal("nothing");
    const { row } = await other.compareAndSet("keys/root", 2, 0);
    expect(await codeOf(remote.compareAndSet("keys/root", undefined, row!.revision))).to.equal("FORBIDDEN");
    expect((await remote.read("keys/root"))?.value).to.equal(2);
  });

  it("notices a push that was lost at the next push", async () => {
    const watching = await watch(remote);
    links.loses = ([name]) => name === "directory.changed";
    await keeper.compareAndSet("slot/chat/1", 1, 0);
    await new Promise((resolve) => setImmediate(resolve));
    links.loses = ([name]) => name === "directory.check";
    await keeper.compareAndSet("slot/chat/2", 2, 0);
    await settled(watching, "slot/chat/2");
    expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "stale", "reset"]);
    expect(watching.rows.has("slot/chat/1")).to.equal(true);
  });

  it("notices a push that was lost by asking, when no other follows", async () => {
    const watching = await watch(remote);
    links.loses = ([name]) => name === "directory.changed";
    await keeper.compareAndSet("slot/chat/1", 1, 0);
    await settled(watching, "slot/chat/1");
    expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "stale", "reset"]);
  });

  it("begins anew when a push found the queue full", async () => {
    const watching = await watch(remote);
    links.isFull = (from) => from === "keeper";
    await keeper.compareAndSet("slot/chat/1", 1, 0);
    await new Promise((resolve) => setImmediate(resolve));
    links.isFull = () => false;
    await settled(watching, "slot/chat/1");
    expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "stale", "reset"]);
  });

  it("holds no more for a watcher that confirms nothing than it may, and has it begin anew", async () => {
    const few = { ...limits, pushesUnseenMax: 2, pushQueueMax: 3 };
    const slow = createEmbeddedDirectory({ store: new MemoryStore() });
    serveDirectory(links.exchange("small"), slow, few);
    host = "small";
    const other = remoteOf("slow");
    links.link("small", "slow");
    const watching = await watch(other);
    let pushed = 0;
    links.loses = ([name]) => {
      if (name === "directory.changed") pushed += 1;
      return name === "directory.seen";
    };
    for (let index = 0; index < 5; index += 1) await slow.compareAndSet(`slot/chat/${index}`, index, 0);
    await watching.until(() => watching.rows.size === 2);
    expect(pushed).to.equal(2);
    await slow.compareAndSet("slot/chat/5", 5, 0);
    links.loses = () => false;
    await settled(watching, "slot/chat/5");
    expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "changed", "changed", "stale", "reset"]);
  });

  it("goes on after a keeper's restart, and follows when another node keeps it", async () => {
    await keeper.compareAndSet("policy", "old", 0);
    const watching = await watch(remote);
    links.cut("keeper", "peer");
    const restarted = createEmbeddedDirectory({ store: new MemoryStore() });
    serveDirectory(links.exchange("keeper"), restarted, limits);
    await restarted.compareAndSet("cluster", "restarted", 0);
    links.link("keeper", "peer");
    await settled(watching, "cluster");
    expect(watching.rows.has("policy")).to.equal(false);
    const next = createEmbeddedDirectory({ store: new MemoryStore() });
    serveDirectory(links.exchange("next"), next, limits);
    await next.compareAndSet("member/next", 1, 0);
    links.link("next", "peer");
    host = "next";
    await settled(watching, "member/next");
    expect([...watching.rows.keys()]).to.deep.equal(["member/next"]);
  });

  it("notices by asking that a keeper restarted behind a connection that stayed", async () => {
    const watching = await watch(remote);
    const restarted = createEmbeddedDirectory({ store: new MemoryStore() });
    serveDirectory(links.exchange("keeper"), restarted, limits);
    await restarted.compareAndSet("cluster", "restarted", 0);
    await settled(watching, "cluster");
  });

  it("misses nothing that changes while the pages of a reset are under way", async () => {
    const text = "x".repeat(100_000);
    for (let index = 0; index < 20; index += 1) await keeper.compareAndSet(`slot/chat/${index}`, text, 0);
    let pages = 0;
    const changes: Promise<unknown>[] = [];
    links.loses = ([name]) => {
      if (name === "directory.page") {
        pages += 1;
        const key = `slot/chat/${pages}`;
        changes.push(
          keeper.read(key).then((row) => keeper.compareAndSet(key, "changed", row?.revision ?? 0)),
          keeper.compareAndSet(`slot/new/${pages}`, "new", 0),
        );
      }
      return false;
    };
    const watching = await watch(remote, "slot/");
    await Promise.all(changes);
    await keeper.compareAndSet("slot/last", 1, 0);
    await settled(watching, "slot/last");
    expect(pages).to.be.greaterThan(1);
    expect(watching.told.filter(({ type }) => type === "reset")).to.have.length(1);
    expect([...watching.rows.values()].sort((one, other) => (one.key < other.key ? -1 : 1))).to.deep.equal(
      await keeper.list("slot/"),
    );
    expect(links.largestBytes).to.be.lessThan(messageBytesMax);
  });

  it("keeps every message below a mebibyte, whatever the values", async () => {
    const text = "x".repeat(directoryLimits.valueBytesMax - 10);
    const keys = Array.from({ length: 12 }, (_, index) => `slot/chat/${index}`);
    const watching = await watch(remote);
    await Promise.all(keys.map((key) => keeper.compareAndSet(key, text, 0)));
    await watching.until(() => watching.rows.size === keys.length);
    expect(await remote.list("")).to.have.length(keys.length);
    expect(links.largestBytes)
      .to.be.greaterThan(text.length * 2)
      .and.lessThan(messageBytesMax);
  });

  it("lists again when the keeper dropped the listing, and gives up when it always does", async () => {
    const text = "x".repeat(200_000);
    for (let index = 0; index < 10; index += 1) await keeper.compareAndSet(`slot/chat/${index}`, text, 0);
    let pages = 0;
    const exchange = links.exchange("forgetful");
    // The first listing is dropped as soon as it has begun.
    serveDirectory(exchange, keeper, {
      ...limits,
      get cursorsPerPeerMax() {
        pages += 1;
        return pages === 1 ? 0 : 1;
      },
    });
    host = "forgetful";
    const reader = remoteOf("reader");
    links.link("forgetful", "reader");
    expect(await reader.list("slot/")).to.have.length(10);
    expect(pages).to.be.above(2);
    serveDirectory(exchange, keeper, { ...limits, cursorsPerPeerMax: 0 });
    expect(await codeOf(reader.list(""))).to.equal("DIRECTORY_UNAVAILABLE");
  });

  it("takes answers that make no sense for no answer", async () => {
    const exchange = links.exchange("liar");
    const says = (value: unknown) => () => ({ ok: true, value: value as never }) as const;
    exchange.on("directory.read", says({ row: ["key", -1] }));
    exchange.on("directory.list", says(null));
    exchange.on("directory.change", says({ applied: "yes", row: null }));
    host = "liar";
    links.link("liar", "peer");
    for (const operation of [remote.read("a"), remote.list("a"), remote.compareAndSet("a", 1, 0)])
      expect(await codeOf(operation)).to.equal("DIRECTORY_UNAVAILABLE");
  });

  it("keeps only so many watches for one peer", async () => {
    const ids = Array.from({ length: limits.watchesPerPeerMax + 1 }, (_, index) => index + 1);
    const exchange = links.exchange("greedy");
    links.link("keeper", "greedy");
    const answers = await Promise.all(
      ids.map((id) => exchange.call("keeper", "directory.watch", { watch: id, prefix: "" }, 1_000)),
    );
    expect(answers.filter(({ ok }) => ok)).to.have.length(limits.watchesPerPeerMax);
    exchange.send("keeper", "directory.unwatch", { watch: 1 });
    const again = await exchange.call("keeper", "directory.watch", { watch: 99, prefix: "" }, 1_000);
    expect(again.ok).to.equal(true);
  });

  it("tells where the directory was moved to, and a switched one goes on there", async () => {
    const home = { endpoints: ["http://127.0.0.1:1"], prefix: "/p/" };
    const next = createEmbeddedDirectory({ store: new MemoryStore() });
    await next.compareAndSet("policy", "moved along", 0);
    const directory = createSwitchingDirectory(remote);
    await keeper.compareAndSet("policy", "moved along", 0);
    const watching = await watch(directory);
    await migrateDirectory(keeper, { home, fill: async () => undefined }, "keeper");
    await watching.until(() => !watching.current);
    expect(await codeOf(directory.compareAndSet("policy", 2, 1))).to.equal("DIRECTORY_UNAVAILABLE");
    expect(homes).to.deep.equal([home]);
    directory.switchTo(next);
    await watching.until(() => watching.current);
    expect((await directory.read("policy"))?.value).to.equal("moved along");
    await directory.compareAndSet("slot/chat/1", 1, 0);
    await settled(watching, "slot/chat/1");
    expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "stale", "reset", "changed"]);
  });

  it("hears nothing more from the one before, once it is switched", async () => {
    const next = createEmbeddedDirectory({ store: new MemoryStore() });
    await next.compareAndSet("policy", "next", 0);
    const directory = createSwitchingDirectory(keeper);
    const watching = await watch(directory);
    directory.switchTo(next);
    await keeper.compareAndSet("slot/chat/1", "late", 0);
    await settled(watching, "policy");
    expect(watching.told.map(({ type }) => type)).to.deep.equal(["reset", "stale", "reset"]);
    expect([...watching.rows.keys()]).to.deep.equal(["policy"]);
  });

  it("asks the new one for what the old one refused, when the switch came in between", async () => {
    const home = { endpoints: ["http://127.0.0.1:1"], prefix: "/p/" };
    const next = createEmbeddedDirectory({ store: new MemoryStore() });
    const directory = createSwitchingDirectory(keeper);
    keeper.onMoved(() => directory.switchTo(next));
    let change: Promise<{ applied: boolean }> | undefined;
    const fill = async (): Promise<void> => void (change = directory.compareAndSet("policy", 1, 0));
    await migrateDirectory(keeper, { home, fill }, "keeper");
    expect((await change)?.applied).to.equal(true);
    expect((await next.read("policy"))?.value).to.equal(1);
  });
});
