import type { Connection, Libp2p, MessageStream, Stream } from "@libp2p/interface";
import { multiaddr } from "@multiformats/multiaddr";
import { expect } from "chai";
import { framesOf, FrameReader, frameHeaderBytes } from "../../../../node/cluster/mesh/frames.ts";
import { controlKind } from "../../../../node/cluster/mesh/handshake.ts";
import { meshLimits } from "../../../../node/cluster/mesh/limits.ts";
import { channelProtocols } from "../../../../node/cluster/mesh/pairs.ts";
import { createSwarm } from "../../../../node/cluster/mesh/swarm.ts";
import type { NodeKey } from "../../../../node/cluster/mesh/index.ts";
import type { Channel } from "../../../../node/ports/index.ts";
import { decode, encode } from "../../../../protocols/index.ts";
import { Happenings, Loopback, meet, memberOf, newKey, withLimits, type MeshNode } from "./loopback.ts";

const frame = (value: unknown): Uint8Array => {
  const payload = encode(value);
  return framesOf([payload], frameHeaderBytes + payload.length);
};

/** A member's key in the hands of something that is not Plexus. */
class RawPeer {
  readonly #swarm: Libp2p;
  readonly #target: MeshNode;
  readonly #happened = new Happenings();
  readonly heard: unknown[] = [];
  readonly connections: Connection[] = [];
  readonly streams = new Map<Channel, Stream>();
  link = "0123456789abcdef0123456789abcdef";
  incarnation = 1;

  constructor(swarm: Libp2p, target: MeshNode) {
    this.#swarm = swarm;
    this.#target = target;
  }

  static async start(key: NodeKey, target: MeshNode): Promise<RawPeer> {
    const swarm = await createSwarm({
      key: key.privateKey,
      listen: [],
      gater: {},
      limits: meshLimits,
    });
    await swarm.start();
    return new RawPeer(swarm, target);
  }

  async connect(): Promise<Connection> {
    const [address = ""] = this.#target.mesh.addresses();
    const connection = await this.#swarm.dial(multiaddr(`${address}/p2p/${this.#target.key.peer}`), { force: true });
    connection.addEventListener("close", () => this.#happened.tell());
    this.connections.push(connection);
    return connection;
  }

  async open(channel: Channel, connection: Connection): Promise<Stream> {
    const stream = await connection.newStream(channelProtocols[channel]);
    const reader = new FrameReader(meshLimits.frameBytesMax);
    stream.addEventListener("message", (event) => {
      reader.read(event.data.subarray(), (payload) => {
        this.heard.push(decode(payload));
        return true;
      });
      this.#happened.tell();
    });
    this.streams.set(channel, stream);
    return stream;
  }

  say(channel: Channel, bytes: Uint8Array): void {
    this.streams.get(channel)?.send(bytes);
  }

  hello(node: string): void {
    const introduction = {
      version: { major: 1, minor: 4 },
      cluster: "cluster-one",
      node,
      incarnation: this.incarnation,
      slotCount: 256,
      link: this.link,
    };
    this.say("control", frame([controlKind.hello, introduction]));
  }

  /** The whole handshake, as a good peer would do it. */
  async join(node: string): Promise<void> {
    const first = await this.connect();
    await this.open("control", first);
    this.hello(node);
    await this.hears(controlKind.welcome);
    await this.open("message", first);
    this.say("message", frame(this.link));
    await this.open("bulk", await this.connect());
    this.say("bulk", frame(this.link));
    await this.hears(controlKind.ready);
    for (const index of [0, 1, 2]) this.say("control", frame([controlKind.credit, index, 1024 * 1024]));
    await this.#target.until(() => this.#target.isConnected(node), "the raw peer is connected");
  }

  hears(kind: number): Promise<void> {
    return this.#happened.until(() => this.heard.some((one) => Array.isArray(one) && one[0] === kind), `kind ${kind}`);
  }

  /** Every connection of it has been ended. */
  async isCutOff(): Promise<void> {
    await this.#happened.until(
      () => this.connections.every(({ status }) => status !== "open"),
      "the end of its connections",
    );
  }

  stop(): Promise<void> {
    return Promise.resolve(this.#swarm.stop());
  }
}

describe("a mesh with a member that breaks the rules", () => {
  const limits = withLimits({ sweepMs: 20, stallTimeoutMs: 200, closeTimeoutMs: 100 });
  let loopback: Loopback;
  let a: MeshNode;
  let good: MeshNode;
  let bad: RawPeer;

  beforeEach(async () => {
    loopback = new Loopback();
    a = await loopback.start("a", { limits });
    good = await loopback.start("good", { limits });
    const key = await newKey();
    loopback.roster.put(memberOf("bad", key.peer, []));
    bad = await RawPeer.start(key, a);
    await meet(a, good);
  });
  afterEach(async () => {
    await bad.stop();
    await loopback.stop();
  });

  /** The bad one is gone, with this reason; the good one never noticed. */
  const isTurnedOut = async (code: string): Promise<void> => {
    await a.until(() => a.events.includes("-bad"), "the bad peer is gone");
    await bad.isCutOff();
    const told = a.log.lines.find(({ event, facts }) => event === "mesh.disconnected" && facts["node"] === "bad");
    expect(told?.facts).to.include({ code, theirs: false });
    expect(a.events.filter((event) => event.endsWith("good"))).to.deep.equal(["+good"]);
    expect(a.mesh.transport.send("good", "message", "still here")).to.equal(true);
    await good.until(() => good.received.length === 1, "a message to the good one");
    expect(good.events).to.deep.equal(["+a"]);
  };

  it("takes a raw peer that keeps the rules for one of its own", async () => {
    await bad.join("bad");
    bad.say("message", frame(["hello", 0, {}]));
    bad.say("bulk", frame("a"));
    await a.until(() => a.received.length === 2, "two messages");
    expect(a.events).to.include("+bad");
    expect(a.counts.get("mesh_bad_frames")).to.equal(undefined);
  });

  for (const channel of ["control", "message", "bulk"] as const) {
    it(`ends the connection of one that sends an impossible length on ${channel}`, async () => {
      await bad.join("bad");
      bad.say(channel, new Uint8Array([255, 255, 255, 255, 1, 2, 3]));
      await isTurnedOut("BAD_FRAME");
      expect(a.counts.get("mesh_bad_frames")).to.equal(1);
      expect(a.received).to.deep.equal([]);
    });

    it(`ends the connection of one that sends garbage on ${channel}`, async () => {
      await bad.join("bad");
      const garbage = new Uint8Array([193, 193, 193, 193]);
      bad.say(channel, framesOf([garbage], frameHeaderBytes + garbage.length));
      await isTurnedOut("BAD_FRAME");
      expect(a.counts.get("mesh_bad_frames")).to.equal(1);
    });
  }

  it("ends the connection of one that nests what it says deeper than anybody could go through", async () => {
    await bad.join("bad");
    const nested = Buffer.concat([Buffer.alloc(1_000_000, 0x91), Buffer.from([1])]);
    bad.say("message", framesOf([nested], frameHeaderBytes + nested.length));
    await isTurnedOut("BAD_FRAME");
    expect(a.received).to.have.length(0);
  });

  it("ends the connection of one that says nonsense on control", async () => {
    await bad.join("bad");
    bad.say("control", frame([99, "nonsense"]));
    await isTurnedOut("BAD_FRAME");
  });

  for (const [channel, bytes] of [
    [1, 1],
    [2, 1_000_000_000],
    [3, 1],
  ]) {
    it(`ends the connection of one that gives ${bytes} of credit for channel ${channel} that were never sent`, async () => {
      await bad.join("bad");
      bad.say("control", frame([controlKind.credit, channel, bytes]));
      await isTurnedOut("BAD_FRAME");
    });
  }

  it("ends the connection of one that says hello twice", async () => {
    await bad.join("bad");
    bad.hello("bad");
    await isTurnedOut("BAD_FRAME");
  });

  for (const channel of ["control", "message", "bulk"] as const) {
    it(`ends the connection of one that opens a second ${channel} stream`, async () => {
      await bad.join("bad");
      const [first] = bad.connections;
      await bad.open(channel, first as Connection);
      bad.say(channel, frame(bad.link));
      await isTurnedOut("BAD_FRAME");
    });
  }

  it("delivers nothing before the handshake", async () => {
    const first = await bad.connect();
    await bad.open("control", first);
    bad.say("control", frame([controlKind.message, "too early"]));
    await bad.isCutOff();
    await a.until(() => a.counts.get("mesh_bad_frames") === 1, "the frame is counted");
    expect(a.received).to.deep.equal([]);
    expect(a.events).to.deep.equal(["+good"]);
  });

  it("delivers nothing on a stream that belongs to no link", async () => {
    const first = await bad.connect();
    await bad.open("message", first);
    bad.say("message", frame("ffffffffffffffffffffffffffffffff"));
    await bad.isCutOff();
    await a.until(() => a.counts.get("mesh_stray_streams") === 1, "the stream is counted");
    expect(a.events).to.deep.equal(["+good"]);
  });

  it("does not wait for ever for one that says nothing", async () => {
    const hasty = await loopback.start("hasty", { limits: withLimits({ handshakeTimeoutMs: 500 }), quiet: false });
    const key = await newKey();
    loopback.roster.put(memberOf("mute", key.peer, []));
    const mute = await RawPeer.start(key, hasty);
    try {
      await mute.connect();
      await mute.isCutOff();
      await mute.open("control", await mute.connect());
      await mute.isCutOff();
      expect(hasty.events).to.not.include("+mute");
    } finally {
      await mute.stop();
    }
  });

  it("takes no one in under a name that is not its own", async () => {
    await bad.open("control", await bad.connect());
    bad.hello("good");
    await bad.hears(controlKind.refused);
    await bad.isCutOff();
    expect(a.counts.get("mesh_refused_peers")).to.equal(1);
    expect(a.events).to.deep.equal(["+good"]);
  });

  it("ends the connection of one that claims more at once than any window, before it has sent much of it", async () => {
    await bad.join("bad");
    const [first] = bad.connections;
    const { maConn } = (first as unknown as { readonly muxer: { readonly maConn: MessageStream } }).muxer;
    // Yamux: version 0, a data frame of stream 1, of 4 GiB.
    maConn.send(new Uint8Array([0, 0, 0, 0, 0, 0, 0, 1, 255, 255, 255, 255]));
    const filling = new Uint8Array(64 * 1024);
    let sentBytes = 0;
    while (maConn.status === "open" && sentBytes < 64 * 1024 * 1024) {
      sentBytes += filling.length;
      if (!maConn.send(filling))
        await new Promise((resolve) => {
          maConn.addEventListener("drain", resolve, { once: true });
          maConn.addEventListener("close", resolve, { once: true });
        });
    }
    expect(sentBytes, "sent, with what the sockets hold").to.be.below(32 * 1024 * 1024);
    await isTurnedOut("PEER_LOST");
  });

  for (const channel of ["control", "message", "bulk"] as const) {
    it(`lets one that stops reading ${channel} fill its own queue and nothing else, and ends it`, async () => {
      await bad.join("bad");
      bad.streams.get(channel)?.pause();
      const filling = new Uint8Array(256 * 1024);
      let refusals = 0;
      for (let sent = 0; sent < 1_000 && refusals === 0; sent += 1)
        if (!a.mesh.transport.send("bad", channel, filling)) refusals += 1;
      expect(refusals).to.equal(1);
      expect(a.mesh.transport.send("good", "control", "meanwhile")).to.equal(true);
      await good.until(() => good.received.length === 1, "what goes to the good one in the meantime");
      good.received.length = 0;
      await isTurnedOut("PEER_LOST");
      expect(a.counts.get("mesh_stalls")).to.equal(1);
    });
  }

  it("ends the connection of one that reads control and gives no credit for it, though what is urgent goes on", async () => {
    const b = await loopback.start("b", { limits: withLimits({ ...limits, pingIntervalMs: 40 }) });
    const mean = await RawPeer.start(await silentKey(), b);
    try {
      await mean.join("silent");
      const filling = new Uint8Array(256 * 1024);
      for (let sent = 0; sent < 10; sent += 1) b.mesh.transport.send("silent", "control", filling);
      await b.until(() => b.events.includes("-silent"), "it is gone");
      expect(b.counts.get("mesh_stalls")).to.equal(1);
    } finally {
      await mean.stop();
    }
  });

  it("closes every connection of an attempt that fails with its last stream", async () => {
    const happened = new Happenings();
    const opened: Connection[] = [];
    const key = await newKey();
    const half = await createSwarm({
      key: key.privateKey,
      listen: ["/ip4/127.0.0.1/tcp/0"],
      gater: {},
      limits: meshLimits,
    });
    const open = {
      node: "half",
      incarnation: 1,
      version: { major: 1, minor: 4 },
      cluster: "cluster-one",
      slotCount: 256,
    };
    try {
      half.addEventListener("connection:open", ({ detail }) => {
        opened.push(detail);
        detail.addEventListener("close", () => happened.tell());
        happened.tell();
      });
      await half.handle(channelProtocols.control, (stream) => void stream.send(frame([controlKind.welcome, open])));
      await half.handle(channelProtocols.message, () => undefined);
      await half.start();
      const addresses = half.getMultiaddrs().map((address) => address.toString());
      loopback.roster.put(memberOf("half", key.peer, addresses));
      const dialler = await loopback.start("dialler", { limits });
      const ofDialler = (): Connection[] =>
        opened.filter(({ remotePeer }) => remotePeer.toString() === dialler.key.peer).slice(0, 2);
      await happened.until(() => ofDialler().length === 2, "the first attempt");
      await happened.until(() => ofDialler().every(({ status }) => status !== "open"), "the end of its connections");
      expect(dialler.isConnected("half")).to.equal(false);
    } finally {
      await half.stop();
    }
  });

  it("replaces a connection when the peer, having lost it, comes again", async () => {
    await bad.join("bad");
    bad.heard.length = 0;
    bad.link = "f".repeat(32);
    await bad.join("bad");
    await a.until(() => a.events.filter((event) => event.endsWith("bad")).length === 3, "the replacement");
    expect(a.events.filter((event) => event.endsWith("bad"))).to.deep.equal(["+bad", "-bad", "+bad"]);
    bad.say("message", frame("on the new one"));
    await a.until(() => a.received.length === 1, "a message");
  });

  it("keeps a connection when an earlier start of the peer comes again", async () => {
    bad.incarnation = 2;
    await bad.join("bad");
    bad.incarnation = 1;
    bad.link = "f".repeat(32);
    await bad.open("control", await bad.connect());
    bad.hello("bad");
    await bad.hears(controlKind.refused);
    expect(a.events.filter((event) => event.endsWith("bad"))).to.deep.equal(["+bad"]);
  });

  it("ends the connection of one that falls silent", async () => {
    const patient = withLimits({ ...limits, silenceTimeoutMs: 2_000, pingIntervalMs: 40 });
    const b = await loopback.start("b", { limits: patient });
    const c = await loopback.start("c", { limits: patient });
    await meet(b, c);
    const silent = await RawPeer.start(await silentKey(), b);
    try {
      await silent.join("silent");
      await b.until(() => b.events.includes("-silent"), "the silent one is gone");
      // Another, that pings, is not.
      expect(b.isConnected("c")).to.equal(true);
    } finally {
      await silent.stop();
    }
  });

  it("lets a start on an older folder in when nothing is heard of the later start any more, and ends it not before", async () => {
    const patient = withLimits({ ...limits, silenceTimeoutMs: 800, backoffMaxMs: 100, dialGraceMs: 20 });
    const b = await loopback.start("b", { limits: patient });
    const key = await silentKey();
    const gone = await RawPeer.start(key, b);
    try {
      gone.incarnation = 2;
      await gone.join("silent");
      const ends: string[] = [];
      const expelled = (by: string, why: string): void => void ends.push(by, why);
      await loopback.start("silent", { key, incarnation: 1, limits: patient, expelled });
      const seen = (): readonly string[] => b.events.filter((event) => event.endsWith("silent"));
      await b.until(() => seen().length === 3, "it is let in");
      expect(ends).to.deep.equal([]);
      expect(seen()).to.deep.equal(["+silent", "-silent", "+silent"]);
    } finally {
      await gone.stop();
    }
  });

  const silentKey = async (): Promise<NodeKey> => {
    const key = await newKey();
    loopback.roster.put(memberOf("silent", key.peer, []));
    return key;
  };
});
