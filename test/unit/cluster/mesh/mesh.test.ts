import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { expect } from "chai";
import { failure, failureOf } from "../../../../protocols/index.ts";
import { multicastWorks } from "../../../fixtures/multicast.ts";
import { Loopback, meet, memberOf, newKey, withLimits, type MeshNode } from "./loopback.ts";
import { within } from "../../../waits.ts";

/** Quick retries, so that a test need not wait for what it provokes. */
const quick = withLimits({ backoffMinMs: 10, backoffMaxMs: 40, dialGraceMs: 20, sweepMs: 20 });

const refusals = (node: MeshNode, code: string): boolean =>
  node.log.lines.some(({ event, facts }) => event === "mesh.attempt.failed" && facts["code"] === code);

describe("nodes of one mesh", () => {
  let loopback: Loopback;
  beforeEach(() => (loopback = new Loopback()));
  afterEach(() => loopback.stop());

  it("meet, and what one sends the other receives on the same channel", async () => {
    const a = await loopback.start("a");
    const b = await loopback.start("b");
    await meet(a, b);
    expect(a.mesh.transport.send("b", "message", ["hello", 0, { text: "one" }])).to.equal(true);
    expect(a.mesh.transport.send("b", "control", { beat: 1 })).to.equal(true);
    expect(b.mesh.transport.send("a", "bulk", new Uint8Array([1, 2, 3]))).to.equal(true);
    await b.until(() => b.received.length === 2, "two messages");
    await a.until(() => a.received.length === 1, "one message");
    expect(b.received).to.have.deep.members([
      { from: "a", channel: "message", message: ["hello", 0, { text: "one" }] },
      { from: "a", channel: "control", message: { beat: 1 } },
    ]);
    expect(Buffer.compare(a.received[0]?.message as Uint8Array, new Uint8Array([1, 2, 3]))).to.equal(0);
  });

  it("all meet when there are three, each pair over two connections", async () => {
    const [a, b, c] = [await loopback.start("a"), await loopback.start("b"), await loopback.start("c")];
    await Promise.all([meet(a, b), meet(b, c), meet(a, c)]);
    for (const [from, to] of [
      [a, b],
      [b, c],
      [c, a],
    ] as const) {
      expect(from.mesh.transport.send(to.node, "message", `from ${from.node}`)).to.equal(true);
      await to.until(() => to.received.some((one) => one.from === from.node), `a message of ${from.node}`);
    }
    expect(a.mesh.status().map(({ node, connected }) => ({ node, connected }))).to.have.deep.members([
      { node: "b", connected: true },
      { node: "c", connected: true },
    ]);
  });

  it("settle on one link when both dial at the same moment", async () => {
    const limits = withLimits({ dialGraceMs: 0 });
    for (let round = 0; round < 5; round += 1) {
      const [a, b] = [await loopback.start("a", { limits }), await loopback.start("b", { limits })];
      await meet(a, b);
      a.mesh.transport.send("b", "message", round);
      b.mesh.transport.send("a", "message", round);
      await Promise.all([
        a.until(() => a.received.length === 1, "a message"),
        b.until(() => b.received.length === 1, "a message"),
      ]);
      await loopback.stop();
      loopback = new Loopback();
    }
  });

  it("meet although only one of them can reach the other, whichever it is", async () => {
    for (const hidden of ["a", "b"]) {
      const nodes = new Map<string, MeshNode>();
      for (const node of ["a", "b"]) {
        const started = await loopback.start(node, { limits: quick, listed: false });
        nodes.set(node, started);
        loopback.roster.put(memberOf(node, started.key.peer, node === hidden ? [] : started.mesh.addresses()));
      }
      await meet(nodes.get("a") as MeshNode, nodes.get("b") as MeshNode);
      await loopback.stop();
      loopback = new Loopback();
    }
  });

  it("find each other at the configured addresses when the member list knows none", async () => {
    const a = await loopback.start("a", { listed: false, limits: quick });
    const b = await loopback.start("b", {
      listed: false,
      limits: quick,
      peers: a.mesh.addresses().map((address) => `${address}/p2p/${a.key.peer}`),
    });
    loopback.roster.put(memberOf("a", a.key.peer, []));
    loopback.roster.put(memberOf("b", b.key.peer, []));
    await meet(a, b);
  });

  it("find one that has moved when another member says where it is, although its old address swallows all attempts", async () => {
    const silent = createServer().listen(0, "127.0.0.1");
    await once(silent, "listening");
    const stale = [`/ip4/127.0.0.1/tcp/${(silent.address() as AddressInfo).port}`];
    const limits = { ...quick, dialTimeoutMs: 200 };
    try {
      const a = await loopback.start("a", { listed: false, limits });
      const b = await loopback.start("b", { listed: false, limits });
      loopback.roster.put(memberOf("a", a.key.peer, []));
      loopback.roster.put(memberOf("b", b.key.peer, stale));
      a.mesh.located("b", b.mesh.addresses());
      a.mesh.located("nobody", stale);
      await meet(a, b);
    } finally {
      silent.close();
    }
  });

  it("turn a stranger away without a word", async () => {
    const a = await loopback.start("a");
    const stranger = new Loopback();
    try {
      const s = await stranger.start("s", { limits: quick });
      stranger.roster.put(memberOf("a", a.key.peer, a.mesh.addresses()));
      await a.until(() => (a.counts.get("mesh_refused_connections") ?? 0) > 1, "strangers turned away");
      await s.until(() => s.log.lines.some(({ event }) => event === "mesh.attempt.failed"), "the attempt failed");
      expect(a.events).to.deep.equal([]);
      expect(s.events).to.deep.equal([]);
    } finally {
      await stranger.stop();
    }
  });

  it("end their connection at once when one is evicted, tell it so, and do not meet again", async () => {
    const expelled: string[] = [];
    const a = await loopback.start("a", { limits: quick });
    const b = await loopback.start("b", { limits: quick, expelled: (by, why) => void expelled.push(by, why) });
    await meet(a, b);
    const mine = loopback.roster.members.find(({ node }) => node === "a");
    loopback.roster.remove("b");
    expect(a.isConnected("b")).to.equal(false);
    expect(a.events).to.deep.equal(["+b", "-b"]);
    await b.until(() => b.events.includes("-a"), "the evicted node is told");
    expect(expelled).to.deep.equal(["a", "evicted"]);
    expect(mine).to.not.equal(undefined);
    await a.until(() => (a.counts.get("mesh_refused_connections") ?? 0) > 0, "the evicted node was turned away");
    expect(a.isConnected("b")).to.equal(false);
  });

  it("tell a node that was evicted while it was away, once in a while", async () => {
    const former = await newKey();
    const a = await loopback.start("a", {
      limits: withLimits({ evictedPauseMs: 3_600_000 }),
      wasEvicted: (peer) => peer === former.peer,
    });
    const away = new Loopback();
    try {
      const expelled: string[] = [];
      const told = Promise.withResolvers<void>();
      const b = await away.start("b", {
        key: former,
        limits: quick,
        expelled(by) {
          expelled.push(by);
          told.resolve();
        },
      });
      away.roster.put(memberOf("a", a.key.peer, a.mesh.addresses()));
      await within(told.promise, "the answer");
      await a.until(() => (a.counts.get("mesh_refused_connections") ?? 0) > 1, "it is turned away when it comes again");
      expect(a.counts.get("mesh_refused_peers")).to.equal(1);
      expect([a.events, b.events, expelled]).to.deep.equal([[], [], ["a"]]);
    } finally {
      await away.stop();
    }
  });

  it("answer only so many evicted nodes at a time", async () => {
    const a = await loopback.start("a", {
      limits: withLimits({ evictedMax: 2, evictedPauseMs: 3_600_000 }),
      wasEvicted: () => true,
    });
    const away = new Loopback();
    try {
      away.roster.put(memberOf("a", a.key.peer, a.mesh.addresses()));
      for (const node of ["b", "c", "d", "e"]) await away.start(node, { limits: quick, listed: false });
      await a.until(() => (a.counts.get("mesh_refused_peers") ?? 0) === 2, "two answers");
      await a.until(() => (a.counts.get("mesh_refused_connections") ?? 0) > 8, "all come again");
      expect(a.counts.get("mesh_refused_peers")).to.equal(2);
    } finally {
      await away.stop();
    }
  });

  it("take no other end and no other refusal for an eviction", async () => {
    const expelled: string[] = [];
    const told = { limits: quick, expelled: (by: string) => void expelled.push(by) };
    const [a, b] = [await loopback.start("a", told), await loopback.start("b", told)];
    await meet(a, b);
    a.mesh.transport.disconnect("b", failure("NOT_A_PEER", { reason: "another" }));
    await b.until(() => b.events.length === 3, "the end of the connection, and another");
    loopback.roster.put(memberOf("b", (await newKey()).peer, []));
    await b.until(() => b.events.length === 4, "the node id is another key's now");
    const c = await loopback.start("c", { ...told, cluster: "cluster-two" });
    await c.until(() => refusals(c, "NOT_A_PEER"), "a refusal of the cluster");
    expect(expelled).to.deep.equal([]);
  });

  it("find each other by multicast when nothing else says where they are", async function () {
    if (!(await multicastWorks())) this.skip();
    const [a, b] = [
      await loopback.start("a", { mdns: true, listed: false, limits: quick }),
      await loopback.start("b", { mdns: true, listed: false, limits: quick }),
    ];
    loopback.roster.put(memberOf("a", a.key.peer, []));
    loopback.roster.put(memberOf("b", b.key.peer, []));
    await meet(a, b);
  });

  for (const [what, listen] of [
    ["an address that this machine does not have", { host: "10.255.255.254", port: 0 }],
    ["a port that is taken", undefined],
  ] as const) {
    it(`say which setting is wrong when they are to listen at ${what}`, async () => {
      const taken = Number((await loopback.start("a")).mesh.addresses()[0]?.split("/").at(-1));
      const start = loopback.start("b", { listen: listen ?? { host: "127.0.0.1", port: taken }, listed: false });
      const refusal = await start.then(() => undefined, failureOf);
      const setting = listen === undefined ? "port" : "host";
      expect(refusal).to.deep.include({ code: "CONFIG_INVALID" });
      expect(refusal).to.have.nested.property("details.field", `mesh.${setting}`);
      expect(refusal).to.have.nested.property("details.reason").that.includes(`--mesh-${setting}`);
    });
  }

  it("do not start with an address that can never be dialled, and say what is wrong with it", async () => {
    const { peer } = await newKey();
    for (const address of [
      "/ip4/127.0.0.1/tcp/7071",
      "/ip4/127.0.0.1/tcp/7071/p2p/xyz",
      `/ip4/127.0.0.1/tcp/7071/p2p/${peer.slice(0, -4)}`,
      `/ip4/999.0.0.1/tcp/7071/p2p/${peer}`,
    ]) {
      const refusal = await loopback.start("a", { peers: [address], listed: false }).then(() => undefined, failureOf);
      expect(refusal, address).to.deep.include({ code: "CONFIG_INVALID" });
      expect(refusal?.details, address).to.include({ field: "mesh.peers", address });
    }
  });

  it("work together one minor version apart", async () => {
    const [a, b] = [await loopback.start("a"), await loopback.start("b", { version: "1.5.3" })];
    await meet(a, b);
  });

  for (const version of ["1.6.0", "1.2.9", "2.4.0"]) {
    it(`refuse version ${version} beside 1.4.0, and say why`, async () => {
      const a = await loopback.start("a", { limits: quick });
      const b = await loopback.start("b", { version, limits: quick });
      await Promise.all(
        [a, b].map((node) => node.until(() => refusals(node, "VERSION_UNSUPPORTED"), "a clear refusal")),
      );
      expect(a.events).to.deep.equal([]);
      const [major, minor] = version.split(".").map(Number);
      const [old, other] = [
        { major: 1, minor: 4 },
        { major, minor },
      ];
      for (const [node, ours, theirs] of [
        [a, old, other],
        [b, other, old],
      ] as const) {
        const told = { code: "VERSION_UNSUPPORTED", details: { ours, theirs } };
        expect([...node.mesh.refusals().values()][0]).to.deep.include(told);
        // Whoever of the two has refused the other: each speaks for itself.
        for (const { event, facts } of node.log.lines)
          if (/refused|attempt/.test(event)) expect(facts["details"], event).to.deep.equal({ ours, theirs });
      }
    });
  }

  it("warn once of a peer that is refused again and again", async () => {
    const a = await loopback.start("a", { limits: quick });
    await loopback.start("b", { version: "2.4.0", limits: quick });
    const refused = () => a.log.lines.filter(({ event }) => event === "mesh.peer.refused");
    await a.until(() => refused().length > 2, "a third refusal");
    expect(refused().filter(({ level }) => level === "warn")).to.have.length(1);
  });

  it("refuse one that counts slots otherwise, or belongs to another cluster", async () => {
    const a = await loopback.start("a", { limits: quick });
    const b = await loopback.start("b", { slotCount: 128, limits: quick });
    await b.until(() => refusals(b, "VERSION_UNSUPPORTED"), "a refusal of the slot count");
    const c = await loopback.start("c", { cluster: "cluster-two", limits: quick });
    await c.until(() => refusals(c, "NOT_A_PEER"), "a refusal of the cluster");
    expect(a.events).to.deep.equal([]);
  });

  it("refuse one that gives itself for another member", async () => {
    const a = await loopback.start("a", { limits: quick });
    const b = await loopback.start("b", { limits: quick });
    await meet(a, b);
    const key = await newKey();
    const impostor = await loopback.start("b", { key, listed: false, quiet: false, limits: quick });
    loopback.roster.put(memberOf("c", key.peer, impostor.mesh.addresses()));
    await impostor.until(() => refusals(impostor, "NOT_A_PEER"), "a refusal of the impostor");
    expect(a.isConnected("b")).to.equal(true);
    expect(a.events).to.deep.equal(["+b"]);
  });

  it("meet again when one starts anew with its key", async () => {
    const a = await loopback.start("a", { limits: quick });
    const key = await newKey();
    const b = await loopback.start("b", { key, limits: quick });
    await meet(a, b);
    await b.mesh.stop(1_000);
    await a.until(() => !a.isConnected("b"), "the end of the connection");
    const again = await loopback.start("b", { key, incarnation: 2, limits: quick });
    await meet(a, again);
    expect(a.events).to.deep.equal(["+b", "-b", "+b"]);
  });

  it("tell an earlier start of a node that a later one is connected and heard, which is no eviction", async () => {
    const a = await loopback.start("a", { limits: quick });
    const key = await newKey();
    const heard = withLimits({ ...quick, pingIntervalMs: quick.sweepMs });
    const later = await loopback.start("b", { key, incarnation: 2, limits: heard });
    await meet(a, later);
    const told = Promise.withResolvers<readonly string[]>();
    const expelled = (by: string, why: string): void => told.resolve([by, why]);
    await loopback.start("b", { key, listed: false, limits: quick, expelled });
    expect(await within(told.promise, "the refusal")).to.deep.equal(["a", "duplicate"]);
    expect(a.isConnected("b")).to.equal(true);
  });

  it("tell a peer that broke the rules, which may come again", async () => {
    const [a, b] = [await loopback.start("a", { limits: quick }), await loopback.start("b", { limits: quick })];
    await meet(a, b);
    a.mesh.transport.disconnect("b", failure("BAD_FRAME", { reason: "no such message" }));
    await b.until(() => b.events.includes("-a"), "the other end is told");
    const told = b.log.lines.find(({ event }) => event === "mesh.disconnected");
    expect(told?.facts).to.include({ code: "BAD_FRAME", theirs: true });
    await a.until(() => a.events.length === 3, "connected again");
  });

  it("stop at once, with a goodbye", async () => {
    const [a, b] = [await loopback.start("a"), await loopback.start("b")];
    await meet(a, b);
    await a.mesh.stop(1_000);
    await b.until(() => b.events.includes("-a"), "the goodbye");
    const told = b.log.lines.find(({ event }) => event === "mesh.disconnected");
    expect(told?.facts).to.include({ code: "STOPPING", theirs: true });
    expect(a.mesh.transport.send("b", "message", "too late")).to.equal(false);
  });
});
