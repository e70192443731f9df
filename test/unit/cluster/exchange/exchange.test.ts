import { expect } from "chai";
import fc from "fast-check";
import { createExchange, type Exchange } from "../../../../node/cluster/exchange/index.ts";
import { meshLimits } from "../../../../node/cluster/mesh/index.ts";
import type { NodeId, Transport } from "../../../../node/ports/index.ts";
import {
  assert,
  decode,
  encode,
  failure,
  ok,
  refused,
  type Failure,
  type Result,
} from "../../../../protocols/index.ts";
import { meshMessages, messageName, type Channel, type MeshCall } from "../../../../protocols/mesh/index.ts";
import { brokenBy } from "../../../fixtures/broken.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { Links, World } from "../../../world/index.ts";

/** Two nodes and what is between them: messages arrive when `deliver` is called. */
class Wire {
  readonly cut: { readonly by: NodeId; readonly peer: NodeId; readonly reason: Failure }[] = [];
  full = false;
  readonly counted = new Map<string, number>();
  readonly warned: unknown[] = [];
  readonly #world = new World(1);
  readonly #links = new Links(this.#world.clock());

  constructor() {
    this.#links.isFull = () => this.full;
    this.#links.frameBytesMax = meshLimits.frameBytesMax;
  }

  get timers(): number {
    return this.#world.pending;
  }

  node(name: NodeId): Exchange {
    const transport: Transport = {
      ...this.#links.transport(name),
      disconnect: (peer, reason) => void this.cut.push({ by: name, peer, reason }),
    };
    const meter = {
      count: (metric: string) => void this.counted.set(metric, (this.counted.get(metric) ?? 0) + 1),
      gauge: () => undefined,
      observeMs: () => undefined,
    };
    const log = { ...quietLog, warn: (event: string, facts?: unknown) => void this.warned.push([event, facts]) };
    return createExchange({ transport, clock: this.#world.clock(), log, meter });
  }

  connect(): void {
    this.#links.link("a", "b");
  }

  /** As a peer that keeps no rules would send it. */
  raw(to: NodeId, channel: Channel, message: unknown, from = "b"): void {
    this.#links.forge(from, to, channel, message);
  }

  async deliver(): Promise<void> {
    for (let quiet = 0; quiet < 5; quiet += 1) {
      await Promise.resolve();
      const { happenings } = this.#world;
      this.#world.elapse(0);
      if (this.#world.happenings > happenings) quiet = 0;
    }
  }

  timeOut(): void {
    this.#world.elapse(1_000);
  }

  disconnect(): void {
    this.#links.cut("a", "b");
  }
}

describe("The exchange", () => {
  const question = { slots: [["chat/1", 7]] as ["chat/1", number][] };
  let wire: Wire;
  let a: Exchange;
  let b: Exchange;
  beforeEach(() => {
    wire = new Wire();
    a = wire.node("a");
    b = wire.node("b");
    wire.connect();
  });
  const codeOf = (result: Result<unknown> | undefined): string | undefined =>
    result?.ok === false ? result.error.code : result && "ok";
  /** A call, and everything it ever settles with. */
  const call = (from: Exchange, to: NodeId): Result<unknown>[] => {
    const settled: Result<unknown>[] = [];
    void from.call(to, "replica.confirm", question, 1_000).then((result) => settled.push(result));
    return settled;
  };

  it("brings a message to the part that registered for it, and says from whom", async () => {
    const heard: unknown[] = [];
    b.on("beat", (body, from) => void heard.push([from, body]));
    expect(a.send("b", "beat", { incarnation: 1, view: 2 })).to.equal(true);
    await wire.deliver();
    expect(heard).to.deep.equal([["a", { incarnation: 1, view: 2 }]]);
    expect(wire.cut).to.deep.equal([]);
  });

  it("brings a message to oneself, but not before the sender has gone on", async () => {
    const heard: unknown[] = [];
    a.on("beat", (body) => void heard.push(body));
    expect(a.send("a", "beat", { incarnation: 1, view: 2 })).to.equal(true);
    expect(heard).to.deep.equal([]);
    await wire.deliver();
    expect(heard).to.have.length(1);
  });

  it("says that nothing was sent when the queue is full", async () => {
    wire.full = true;
    expect(a.send("b", "beat", { incarnation: 1, view: 2 })).to.equal(false);
    const settled = call(a, "b");
    await wire.deliver();
    expect(codeOf(settled[0])).to.equal("UNREACHABLE");
    expect(wire.timers).to.equal(0);
  });

  for (const [how, handler] of [
    ["at once", () => ok({ gone: [] })],
    ["later", async () => ok({ gone: [] })],
  ] as const)
    it(`answers a call ${how}, and leaves no timer behind`, async () => {
      b.on("replica.confirm", handler);
      const settled = call(a, "b");
      await wire.deliver();
      expect(settled).to.deep.equal([{ ok: true, value: { gone: [] } }]);
      expect(wire.timers).to.equal(0);
    });

  it("answers with the refusal of the handler, and with a fault of its own when it throws or rejects", async () => {
    b.on("replica.confirm", () => refused(failure("FENCED", { fence: 9 })));
    const fenced = call(a, "b");
    await wire.deliver();
    expect(codeOf(fenced[0])).to.equal("FENCED");
    for (const fault of [
      () => {
        throw new Error("a bug");
      },
      () => Promise.reject(new Error("a bug")),
    ]) {
      b.on("replica.confirm", fault);
      const settled = call(a, "b");
      await wire.deliver();
      expect(settled).to.have.length(1);
      expect(settled[0]?.ok).to.equal(false);
    }
    expect(wire.cut).to.deep.equal([]);
  });

  it("makes no answer of a broken invariant alone: that ends the process", async () => {
    b.on("replica.confirm", () => assert(false, "fences rise") as never);
    const broken = await brokenBy(async () => {
      call(a, "b");
      await wire.deliver();
    });
    expect(broken).to.deep.equal(["broken invariant: fences rise"]);
  });

  it("says of a call and of an answer that they are larger than any message", async () => {
    const large = "x".repeat(meshLimits.frameBytesMax);
    const asked: unknown[] = [];
    b.on("replica.confirm", (body) => {
      asked.push(body);
      return ok({ gone: [large] as never[] });
    });
    const answered = call(a, "b");
    const refusedAtOnce: Result<unknown>[] = [];
    const slots = [[large, 1]] as unknown as typeof question.slots;
    void a.call("b", "replica.confirm", { slots }, 1_000).then((result) => refusedAtOnce.push(result));
    await wire.deliver();
    expect([answered, refusedAtOnce].map(([result]) => codeOf(result))).to.deep.equal(["TOO_LARGE", "TOO_LARGE"]);
    expect(asked).to.have.length(1);
    expect(wire.timers).to.equal(0);
  });

  it("answers a call that nobody handles", async () => {
    const settled = call(a, "b");
    await wire.deliver();
    expect(codeOf(settled[0])).to.equal("BAD_REQUEST");
  });

  it("settles a call once: by its timeout, and the late answer is dropped without harm", async () => {
    let answer: (result: Result<{ gone: [] }>) => void = () => undefined;
    b.on("replica.confirm", () => new Promise((resolve) => (answer = resolve)));
    const settled = call(a, "b");
    await wire.deliver();
    wire.timeOut();
    await wire.deliver();
    expect(settled.map(codeOf)).to.deep.equal(["PEER_LOST"]);
    answer(ok({ gone: [] }));
    await wire.deliver();
    expect(settled).to.have.length(1);
    expect(wire.cut).to.deep.equal([]);
  });

  it("settles all calls to a peer whose connection ends, outcome unknown", async () => {
    b.on("replica.confirm", () => new Promise(() => undefined));
    const settled = [call(a, "b"), call(a, "b")];
    await wire.deliver();
    wire.disconnect();
    await wire.deliver();
    for (const each of settled) {
      expect(each.map(codeOf)).to.deep.equal(["PEER_LOST"]);
      expect(each[0]?.ok === false && each[0].error.outcome).to.equal("unknown");
    }
    expect(wire.timers).to.equal(0);
  });

  it("takes an answer only from the peer that was asked", async () => {
    b.on("replica.confirm", () => new Promise(() => undefined));
    const settled = call(a, "b");
    await wire.deliver();
    for (let number = 0; number < 4; number += 1) wire.raw("a", "message", ["", number, ok("forged")], "c");
    await wire.deliver();
    expect(settled).to.deep.equal([]);
  });

  it("refuses what is no answer, whoever called: BAD_FRAME, with the peer and the call, and the peer is cut", async () => {
    const refusal = { code: "FENCED", outcome: "unknown", message: "said" };
    const bad: readonly unknown[] = [
      undefined,
      null,
      "nonsense",
      [],
      {},
      { ok: "yes", value: { gone: [] } },
      { ok: 1, value: { gone: [] } },
      { ok: true },
      { ok: true, value: null },
      { ok: true, value: [] },
      { ok: true, value: {} },
      { ok: true, value: { gone: null } },
      { ok: true, value: { gone: [null] } },
      { ok: true, value: { gone: [["chat/1"]] } },
      { ok: true, value: { gone: [["chat/1", -1]] } },
      { ok: true, value: { gone: [["chat/1", 7, 8]] } },
      { ok: true, value: { gone: [["no slot", 7]] } },
      { ok: true, value: { more: 1 } },
      { ok: false },
      { ok: false, error: null },
      { ok: false, error: "FENCED" },
      { ok: false, error: { ...refusal, code: 7 } },
      { ok: false, error: { ...refusal, message: undefined } },
    ];
    b.on("replica.confirm", () => new Promise(() => undefined));
    for (const [index, answer] of bad.entries()) {
      const settled = call(a, "b");
      await wire.deliver();
      wire.raw("a", "message", ["", index + 1, answer]);
      await wire.deliver();
      const [result] = settled;
      expect(codeOf(result), JSON.stringify(answer)).to.equal("BAD_FRAME");
      expect(result?.ok === false && result.error.details).to.include({ node: "b", name: "replica.confirm" });
      expect(settled).to.have.length(1);
    }
    expect(wire.cut.map(({ by, peer, reason }) => [by, peer, reason.code])).to.deep.equal(
      bad.map(() => ["a", "b", "BAD_FRAME"]),
    );
    expect(wire.counted.get("mesh_bad_frames")).to.equal(bad.length);
    expect(wire.timers).to.equal(0);
  });

  it("has an answer that nonsense does not fit for every call", async () => {
    const calls = Object.entries(meshMessages).flatMap(([name, row]) => ("answer" in row ? [name as MeshCall] : []));
    expect(calls).to.include.members(["directory.read", "replica.query", "transfer.rows"]);
    let number = 0;
    for (const name of calls)
      for (const value of [undefined, 7, "x", [null], [undefined], { slots: 1, actors: [] }]) {
        number += 1;
        const settled: Result<unknown>[] = [];
        // Nobody looks at the question.
        void a.call("b", name, {} as never, 1_000).then((result) => settled.push(result));
        wire.raw("a", "message", ["", number, { ok: true, value }]);
        await wire.deliver();
        expect(codeOf(settled[0]), name).to.equal("BAD_FRAME");
      }
  });

  it("takes an answer with fields of a later version, and leaves them out", async () => {
    const at = { epoch: 7, seq: 3, checksum: 9 };
    const standing = { fence: 7, continues: 7, incarnation: 1, incomplete: false, at };
    const settled: Result<unknown>[] = [];
    const question = { slot: "chat/1", epoch: 7 } as const;
    void a.call("b", "replica.query", question, 1_000).then((result) => settled.push(result));
    wire.raw("a", "message", ["", 1, ok({ ...standing, at: { ...at, base: 2 }, mood: "well" })]);
    const later = { ...failure("FENCED", { fence: 9 }), hint: "of a later version" };
    void a.call("b", "replica.query", question, 1_000).then((result) => settled.push(result));
    wire.raw("a", "message", ["", 2, refused(later)]);
    await wire.deliver();
    expect(settled).to.deep.equal([ok(standing), refused(later)]);
    expect(wire.cut).to.deep.equal([]);
  });

  it("takes an optional place that an earlier version filled with nothing", async () => {
    const settled: Result<unknown>[] = [];
    const question = { slot: "chat/1" as const, epoch: 7, incarnation: 1, mark: 0, leaves: [] };
    void a.call("b", "transfer.compare", question, 1_000).then((result) => settled.push(result));
    wire.raw("a", "bulk", decode(encode(["", 1, ok({ differ: [], at: undefined })])));
    await wire.deliver();
    expect(settled.map(codeOf)).to.deep.equal(["ok"]);
  });

  it("cuts a peer that sends what is no message, and hands nothing on", () => {
    const beat = { incarnation: 1, view: 2 };
    const bad: readonly (readonly [Channel, unknown])[] = [
      ["control", undefined],
      ["control", "beat"],
      ["control", []],
      ["control", ["beat", 0]],
      ["control", ["beat", 0, beat, 1]],
      ["control", ["beat", 0.5, beat]],
      ["control", ["beat", "0", beat]],
      ["control", [7, 0, beat]],
      ["control", ["no body", 0, beat]],
      ["control", ["Nobody", 0, beat]],
      ["control", ["nobody\n", 0, beat]],
      ["control", ["n".repeat(65), 0, beat]],
      ["message", ["beat", 0, beat]],
      ["control", ["beat", 0, { incarnation: -1, view: 2 }]],
      ["control", ["beat", 0, { incarnation: -1, view: 2, more: 1 }]],
      ["control", ["beat", 0, { view: 2, more: 1 }]],
      ["control", ["beat", 0, { ...beat, load: { more: 1 } }]],
      ["control", ["beat", 0, null]],
      ["control", ["directory.changed", 0, { watch: 1, number: 1, changes: [["slot/chat/1", 7, "no bytes"]] }]],
      ["message", ["replica.confirm", 0, { slots: [["chat/1", 7, 8]] }]],
      ["message", ["engine.cancel", 0, []]],
      ["message", ["routing.events", 0, { events: [["room/lobby", 1, 1, null]], gaps: [] }]],
      ["message", ["routing.events", 0, { events: [["room/lobby", null, 1, "posted"]], gaps: [] }]],
    ];
    let heard = 0;
    for (const name of ["beat", "directory.changed", "replica.confirm"] as const) a.on(name, () => void (heard += 1));
    a.on("routing.events", () => void (heard += 1));
    a.on("engine.cancel", () => void (heard += 1));
    for (const [channel, message] of bad) wire.raw("a", channel, message);
    expect(heard).to.equal(0);
    expect(wire.cut.map(({ reason }) => reason.code)).to.deep.equal(bad.map(() => "BAD_FRAME"));
    expect(wire.counted.get("mesh_bad_frames")).to.equal(bad.length);
  });

  it("takes a message with fields of a later version, and leaves them out", () => {
    const heard: unknown[] = [];
    a.on("beat", (body) => void heard.push(body));
    a.on("replica.synced", (body) => void heard.push(body));
    a.on("routing.showActor", (body) => (heard.push(body), refused(failure("NOT_FOUND"))));
    const load = { actors: 1, turnsPerSecond: 0.5, connections: 2, eventLoopLagMs: 0, memoryBytes: 3 };
    const beat = { incarnation: 1, view: 2 };
    const at = { epoch: 7, seq: 3, checksum: 9 };
    const synced = { slot: "chat/1", epoch: 7, incarnation: 1, at, gap: false };
    wire.raw("a", "control", ["beat", 0, { mood: "well", ...beat }]);
    wire.raw("a", "control", ["beat", 0, { ...beat, load: { ...load, disk: { bytes: 4 } } }]);
    wire.raw("a", "message", ["replica.synced", 0, { ...synced, at: { ...at, base: 2 }, more: [1] }]);
    wire.raw("a", "control", ["routing.showActor", 5, { actor: "room/lobby", depth: 3, toString: 1 }]);
    expect(heard).to.deep.equal([beat, { ...beat, load }, synced, { actor: "room/lobby" }]);
    expect(wire.cut).to.deep.equal([]);
  });

  it("hands on what a schema leaves open as it was said", () => {
    const heard: unknown[] = [];
    a.on("routing.envelopes", (body) => void heard.push(body));
    const content = { type: "post", text: "hello", later: { than: "this" } };
    const envelope = [-1, "room/lobby", "user/ada", content, "op-1", true, []];
    const body = { slot: "chat/1", session: 1, epoch: 1, refusals: 0, envelopes: [envelope] };
    wire.raw("a", "message", ["routing.envelopes", 0, { ...body, more: 1 }]);
    expect(heard).to.deep.equal([body]);
  });

  it("passes over a message that it has no row for, counts it, and keeps the peer", () => {
    for (const name of ["beat.faster", "toString", "constructor", "n".repeat(64)])
      wire.raw("a", "bulk", [name, 0, "whatever it says"]);
    expect(wire.cut).to.deep.equal([]);
    expect(wire.counted.get("mesh_unknown_messages")).to.equal(4);
    expect(wire.counted.get("mesh_bad_frames")).to.equal(undefined);
  });

  it("tells the caller of a later version that this one has no such message", async () => {
    b.on("replica.confirm", () => new Promise(() => undefined));
    const settled = call(a, "b");
    await wire.deliver();
    // Under the number of the open call, so that the answer is seen there.
    const name = "replica.confirmAll";
    wire.raw("b", "message", [name, 1, question], "a");
    await wire.deliver();
    expect(settled).to.deep.equal([refused(failure("VERSION_UNSUPPORTED", { name }))]);
    expect(wire.cut).to.deep.equal([]);
    expect(wire.timers).to.equal(0);
  });

  it("logs a message that it has no row for once a peer and name, and no more than 256 of them", () => {
    for (let again = 0; again < 3; again += 1)
      for (const peer of ["b", "c"]) wire.raw("a", "control", ["later", again, {}], peer);
    expect(wire.warned).to.deep.equal([
      ["mesh.message.unknown", { from: "b", name: "later", call: false }],
      ["mesh.message.unknown", { from: "c", name: "later", call: false }],
    ]);
    for (let index = 0; index < 300; index += 1) wire.raw("a", "control", ["later", 0, {}], `d${index}`);
    expect(wire.warned).to.have.length(256);
    expect(wire.counted.get("mesh_unknown_messages")).to.equal(306);
  });

  it("has names for all its messages that an earlier version passes over", () => {
    for (const name of Object.keys(meshMessages)) expect(name).to.match(messageName);
  });

  it("lives through anything that a peer can encode", () => {
    const any = fc.anything({ withNullPrototype: false });
    const framed = fc.tuple(fc.oneof(fc.constantFrom("beat", "replica.confirm", "", "x"), any), any, any);
    fc.assert(
      fc.property(fc.constantFrom<Channel>("control", "message", "bulk"), fc.oneof(any, framed), (channel, message) => {
        wire.raw("a", channel, message);
      }),
      { numRuns: 500 },
    );
  });

  it("bounds the calls that wait for one peer, and takes new ones when some have settled", async () => {
    b.on("replica.confirm", () => new Promise(() => undefined));
    const most = 16_384;
    const codes: (string | undefined)[] = [];
    const ask = (): void =>
      void a.call("b", "replica.confirm", question, 1_000).then((result) => codes.push(codeOf(result)));
    for (let index = 0; index < most; index += 1) ask();
    ask();
    await wire.deliver();
    expect(codes).to.deep.equal(["OVERLOADED"]);
    wire.timeOut();
    await wire.deliver();
    expect(codes).to.have.length(most + 1);
    ask();
    await wire.deliver();
    expect(codes).to.have.length(most + 1);
  });

  it("tells every part of connections", () => {
    const lost: NodeId[] = [];
    a.onPeer({ disconnected: (peer) => void lost.push(peer) });
    a.onPeer({ disconnected: (peer) => void lost.push(peer) });
    wire.disconnect();
    expect(lost).to.deep.equal(["b", "b"]);
  });
});
