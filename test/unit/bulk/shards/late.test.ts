import { expect } from "chai";
import type { NodeId, Stripes } from "../../../../node/ports/index.ts";
import type { ShardLimits } from "../../../../node/bulk/shards/limits.ts";
import { createNodeSpeeds } from "../../../../node/bulk/shards/node-speeds.ts";
import {
  backupActor,
  failure,
  type ActorId,
  holderOf,
  refused,
  shardsOf,
  type StripeRef,
} from "../../../../protocols/index.ts";
import { depth, isAll } from "../../../depth.ts";
import { World } from "../../../world/index.ts";
import { Cluster } from "../../backup/cluster-fixture.ts";
import { Fixture, pathOf, type Cheat } from "./fixture.ts";

const nodes = 6;
const bytes = Uint8Array.from({ length: 60_000 }, (_, at) => (at * 31 + (at >> 8)) & 0xff);
const never = 1e9;
/** Nobody looks by itself whether shards are there and right. */
const blind: Partial<ShardLimits> = { auditEveryMs: never, surveyEveryMs: never, mendEveryMs: never };

/** Nodes of which each has a shard of a stripe. */
async function fixtureOf(seed: number, limits: Partial<ShardLimits> = {}) {
  const fixture = new Fixture(new World(seed), { nodes, limits });
  const { world } = fixture;
  await fixture.startAll();
  const at = (node: NodeId): Stripes => fixture.machine(node).shards?.stripes as Stripes;
  const put = async (): Promise<StripeRef> => {
    const done = await world.settle(at("n1").put(bytes, { class: "test", owner: "user/ada" }));
    if (!done.ok) throw new Error(JSON.stringify(done.error));
    return done.value;
  };
  const ownerOf = ({ index }: StripeRef["shards"][number]): NodeId => fixture.ownerOf(holderOf("g", index));
  const read = async (ref: StripeRef, node: NodeId = "n1"): Promise<number> => {
    const startedMs = world.nowMs;
    const done = await world.settle(at(node).read(ref));
    expect(done.ok ? Buffer.compare(done.value, bytes) : done.error.code).to.equal(0);
    return world.nowMs - startedMs;
  };
  const count = (name: string): number => fixture.counts.get(name) ?? 0;
  return { fixture, world, put, ownerOf, read, count };
}

/** A node that gives every answer so much later. */
function lateBy(world: World, ms: number): Cheat {
  const late: Cheat[string] = (honest) => new Promise((done) => void world.after(ms, () => void honest().then(done)));
  return Object.fromEntries(["begin", "chunk", "hold", "read", "check"].map((name) => [`shard.${name}`, late]));
}

describe("shards beside a holder that answers late", () => {
  const lateMs = 4_000;

  it("are read from others in its place, soon, and it is asked last from then on", async () => {
    const { fixture, world, put, ownerOf, read, count } = await fixtureOf(1, { callTimeoutMs: 30_000 });
    const ref = await put();
    await world.pass(1_000);
    const usualMs = await read(ref);
    expect(count("shards_hedged")).to.equal(0);
    const { enough } = shardsOf(ref.scheme);
    // One that the next read would ask.
    const slow = ref.shards.map(ownerOf).filter((node) => node !== "n1")[0] as NodeId;
    fixture.machine(slow).cheat = lateBy(world, lateMs);
    const tooks: number[] = [];
    // Each stripe is another one to a reader; the paces are what it remembers.
    for (let reads = 0; reads < 6; reads += 1) {
      tooks.push(await read(ref));
      await world.pass(lateMs * 2);
    }
    expect(count("shards_hedged"), "holders that were asked in its place").to.be.above(0);
    expect(Math.max(...tooks)).to.be.below(lateMs / 2);
    // It is known to be slow: nobody waits for it any more.
    expect(tooks.at(-1)).to.be.below(usualMs * 3);
    expect(enough).to.be.below(nodes);
  });

  it("are stored as soon as enough of the others have them, and the late one follows", async () => {
    const { fixture, world, put } = await fixtureOf(2, {
      callTimeoutMs: 30_000,
      restTimeoutMs: 120_000,
      putTimeoutMs: 60_000,
    });
    fixture.machine("n4").cheat = lateBy(world, lateMs);
    const startedMs = world.nowMs;
    const ref = await put();
    expect(world.nowMs - startedMs).to.be.below(lateMs / 2);
    await world.until(() => ref.shards.every(({ hash }) => fixture.isKept(hash)), 120_000);
  });

  it("are on the way, and not missing, at each node that is asked before the late one has its own", async () => {
    const restTimeoutMs = 120_000;
    const { fixture, world, put, ownerOf } = await fixtureOf(3, { ...blind, callTimeoutMs: 300_000, restTimeoutMs });
    const late = "n4" as NodeId;
    fixture.machine(late).cheat = lateBy(world, lateMs);
    const ref = await put();
    const statesAt = async (node: NodeId): Promise<readonly string[]> => {
      const stripes = fixture.machine(node).shards?.stripes as Stripes;
      const health = await world.settle(stripes.inspect(ref));
      return health.ok ? health.value.shards.map(({ state }) => state) : [health.error.code];
    };
    const expected = ref.shards.map((shard) => (ownerOf(shard) === late ? "coming" : "well"));
    expect(expected).to.include("coming");
    expect(await statesAt("n1"), "at the node that puts").to.deep.equal(expected);
    expect(await statesAt("n3"), "at another").to.deep.equal(expected);
    // A put's time for the rest is over, and nothing came: nobody says any more that it will.
    fixture.machine(late).cheat = lateBy(world, never);
    await world.pass(restTimeoutMs);
    const over = ref.shards.map((shard) => (ownerOf(shard) === late ? "missing" : "well"));
    expect(await statesAt("n3"), "in the end").to.deep.equal(over);
  });
});

describe("a stripe that is put while the actor of a holder answers late", () => {
  /** How long a put takes, and at how many holders the stripe is in the end. */
  async function putBeside(late: readonly number[]) {
    const { fixture, world, put } = await fixtureOf(7, {
      ...blind,
      callTimeoutMs: 30_000,
      holderTimeoutMs: 30_000,
      putTimeoutMs: 60_000,
    });
    fixture.holders.lateMsOf = (holder) => (late.some((index) => holder === holderOf("g", index)) ? 4_000 : 0);
    const startedMs = world.nowMs;
    const ref = await put();
    const tookMs = world.nowMs - startedMs;
    await world.pass(20_000);
    const has = (index: number): boolean =>
      fixture.holders.inventory(holderOf("g", index)).some(({ stripe }) => stripe.id === ref.id);
    return { tookMs, holders: ref.shards.filter(({ index }) => has(index)).length };
  }

  it("waits for as many as a put needs, whichever is late; the late one follows", async () => {
    for (let index = 0; index < nodes; index += 1) {
      const { tookMs, holders } = await putBeside([index]);
      expect([tookMs < 1_000, holders], `holder ${index}: ${tookMs} ms`).to.deep.equal([true, nodes]);
    }
  });

  it("stays where the late one and another remember a release by a clock that was ahead, and the rest hear of it afterwards", async () => {
    const { fixture, world, put } = await fixtureOf(9, {
      ...blind,
      callTimeoutMs: 30_000,
      holderTimeoutMs: 30_000,
      putTimeoutMs: 60_000,
    });
    const owner = "user/ada";
    const first = await put();
    await world.pass(1_000);
    const holders = first.shards.map(({ index }) => holderOf("g", index));
    // By a node whose clock is ahead; the others are to get letters.
    const letter = { type: "release", stripe: first.id, owner, operation: Math.floor(world.nowMs) + 3_600_000 };
    const tell = (holder: ActorId) => world.settle(fixture.holders.ask(holder, letter, 1_000, "node"));
    const [late, ...others] = holders as [ActorId, ...ActorId[]];
    await tell(late);
    // Two have heard it: of so many a put meets one before it is acknowledged.
    await tell(others[0] as ActorId);
    fixture.holders.lateMsOf = (holder) => (holder === late ? 4_000 : 0);
    const startedMs = world.nowMs;
    const ref = await put();
    expect(world.nowMs - startedMs, "it waited for nobody").to.be.below(1_000);
    await world.pass(20_000);
    fixture.holders.lateMsOf = () => 0;
    for (const holder of others) await tell(holder);
    await world.pass(60_000);
    const refers = (holder: ActorId): boolean =>
      fixture.holders
        .inventory(holder)
        .some(({ stripe, references }) => stripe.id === ref.id && references.some((one) => one.owner === owner));
    expect(holders.filter(refers)).to.have.length(nodes);
  });

  const patient = { callTimeoutMs: 30_000, holderTimeoutMs: 30_000, putTimeoutMs: 60_000, restTimeoutMs: 60_000 };
  /** What refers to a stripe that another node let go of when it was acknowledged, and a late one had not heard. */
  async function letGoOf(how: "put" | "keep"): Promise<readonly ActorId[]> {
    const { fixture, world, put, ownerOf } = await fixtureOf(10, patient);
    const owner = how === "put" ? "user/ada" : "user/bob";
    const first = how === "keep" ? await put() : undefined;
    await world.pass(1_000);
    const late = fixture.all().find((holder) => fixture.ownerOf(holder) === "n6") as ActorId;
    fixture.machine("n6").cheat = lateBy(world, 5_000);
    const at = (node: NodeId): Stripes => fixture.machine(node).shards?.stripes as Stripes;
    const ref = first ?? (await put());
    if (how === "keep") expect((await world.settle(at("n1").keep(ref, owner))).ok).to.equal(true);
    expect(ref.shards.map(ownerOf)).to.include(fixture.ownerOf(late));
    expect((await world.settle(at("n2").release(ref, owner))).ok).to.equal(true);
    await world.pass(60_000);
    const refers = (holder: ActorId): boolean =>
      fixture.holders
        .inventory(holder)
        .some(({ stripe, references }) => stripe.id === ref.id && references.some((one) => one.owner === owner));
    return fixture.all().filter(refers);
  }

  it("stays let go of where another node let go of it before the late one had heard of it", async () => {
    expect(await letGoOf("put")).to.deep.equal([]);
    expect(await letGoOf("keep")).to.deep.equal([]);
  });

  it("waits for late ones where fewer than a put needs have answered", async () => {
    const { tookMs, holders } = await putBeside([2, 3]);
    expect([tookMs > 4_000, holders]).to.deep.equal([true, nodes]);
  });
});

describe("a stripe that is kept anew beside a holder that answers late", () => {
  const holdsAt = (fixture: Fixture, ref: StripeRef, owner: string): readonly string[] =>
    ref.shards.map((shard) => {
      const held = fixture.holders.inventory(holderOf("g", shard.index)).find(({ stripe }) => stripe.id === ref.id);
      const known = held?.references.find((one) => one.owner === owner);
      return known === undefined ? "nothing" : known.expiresAtMs === undefined ? "for good" : "for now";
    });
  async function keepsOf(seed: number, limits: Partial<ShardLimits> = {}) {
    const all = await fixtureOf(seed, { ...blind, callTimeoutMs: 30_000, tellRetryMs: 5_000, ...limits });
    const stripes = all.fixture.machine("n1").shards?.stripes as Stripes;
    const put = await all.world.settle(stripes.put(bytes, { class: "test", owner: "user/ada", lifeMs: never }));
    if (!put.ok) throw new Error(put.error.code);
    const ref = put.value;
    await all.world.pass(1_000);
    const slow = ref.shards.map(all.ownerOf).find((node) => node !== "n1") as NodeId;
    const place = ref.shards.map(all.ownerOf).indexOf(slow);
    const tookOf = async (work: Promise<unknown>): Promise<number> => {
      const startedMs = all.world.nowMs;
      await all.world.settle(work);
      return all.world.nowMs - startedMs;
    };
    const states = (owner = "user/ada") => holdsAt(all.fixture, ref, owner);
    const keep = (owner: "user/ada" | "user/bob" = "user/ada") => stripes.keep(ref, owner);
    return { ...all, stripes, ref, slow, place, tookOf, states, keep };
  }

  it("is kept as soon as enough others have heard of it, and the late one hears later", async () => {
    const { fixture, world, stripes, slow, place, tookOf, states, keep } = await keepsOf(100);
    fixture.machine(slow).cheat = lateBy(world, 4_000);
    expect(await tookOf(keep())).to.be.below(1_000);
    expect(states().filter((state) => state === "for good")).to.have.length(nodes - 1);
    expect(states()[place]).to.equal("for now");
    expect(await tookOf(stripes.told())).to.be.above(2_000);
    expect(states().every((state) => state === "for good")).to.equal(true);
  });

  it("is told to the holder that could not take it, later, by a letter", async () => {
    const { fixture, world, stripes, slow, states, keep } = await keepsOf(101);
    const refuses: Cheat[string] = () =>
      new Promise((done) => void world.after(2_000, () => done(refused(failure("OVERLOADED")))));
    fixture.machine(slow).cheat = { "shard.hold": refuses };
    expect((await world.settle(keep())).ok).to.equal(true);
    await world.settle(stripes.told());
    fixture.machine(slow).cheat = undefined;
    await world.until(() => states().every((state) => state === "for good"), 60_000);
  });

  it("stays let go of where its owner lets go before the late one has heard", async () => {
    const { fixture, world, ref, stripes, slow, states, keep } = await keepsOf(102);
    fixture.machine(slow).cheat = lateBy(world, 4_000);
    expect((await world.settle(keep("user/bob"))).ok).to.equal(true);
    await world.settle(stripes.release(ref, "user/bob"));
    await world.settle(stripes.told());
    await world.pass(60_000);
    expect(new Set(states("user/bob"))).to.deep.equal(new Set(["nothing"]));
  });

  it("waits for the late ones where too many others do", async () => {
    const { fixture, world, slow, tookOf, keep } = await keepsOf(103, { keepsTellingMax: 2 });
    fixture.machine(slow).cheat = lateBy(world, 4_000);
    const tooks = await Promise.all([tookOf(keep()), tookOf(keep()), tookOf(keep())]);
    expect(tooks.filter((tookMs) => tookMs < 1_000)).to.have.length(2);
    expect(tooks.filter((tookMs) => tookMs > 3_000)).to.have.length(1);
  });
});

describe("the order in which nodes are asked for shards", () => {
  it("has who gave or answered soon before who was never asked, and who was late or gave nothing after", () => {
    const paces = createNodeSpeeds("self", 10);
    const nodesAsked = ["late", "new", "fails", "self", "answers", "gives"];
    const order = (): readonly string[] =>
      nodesAsked.toSorted((one, other) => paces.expectedMs(one, 0) - paces.expectedMs(other, 0));
    for (let times = 0; times < 4; times += 1) {
      paces.took("gives", 5, 1_000);
      paces.answered("gives", 5);
      paces.answered("answers", 5);
      paces.answered("late", 300);
      paces.took("fails", 5, undefined);
    }
    expect(order()).to.deep.equal(["self", "gives", "answers", "new", "late", "fails"]);
    // It is as others are again.
    for (let times = 0; times < 12; times += 1) paces.answered("late", 5);
    expect(order().slice(-2)).to.deep.equal(["new", "fails"]);
  });
});

describe("a backup run beside a holder that answers late", () => {
  const lateMs = 900;
  /** How long each of two runs takes. */
  async function runsOf(seed: number, isLate: boolean): Promise<readonly number[]> {
    const cluster = new Cluster(seed, nodes);
    await cluster.start();
    if (isLate) cluster.shards.machine("n4").cheat = lateBy(cluster.world, lateMs);
    const tooks: number[] = [];
    for (let runs = 0; runs < 2; runs += 1) {
      const startedMs = cluster.world.nowMs;
      expect((await cluster.ended(cluster.begin())).state).to.equal("done");
      tooks.push(cluster.world.nowMs - startedMs);
      await cluster.world.pass(2 * lateMs);
    }
    return tooks;
  }

  it("takes no longer than without", async () => {
    for (const seed of isAll ? [90, 91, 92] : [90]) {
      const usual = await runsOf(seed, false);
      const late = await runsOf(seed, true);
      // Not one answer of the late one was waited for.
      for (const [run, tookMs] of late.entries())
        expect(tookMs, `${late.join()} in place of ${usual.join()}`).to.be.below((usual[run] as number) + lateMs / 2);
    }
  });

  it("is settled only when the late one has heard; where the node dies before, the next run tells it", async () => {
    const cluster = new Cluster(95, nodes);
    await cluster.start();
    const { shards, world } = cluster;
    // What keeps for good does not come to it.
    const deaf: Cheat[string] = (honest, body) => ("lifeMs" in body ? honest() : new Promise(() => undefined));
    const row = async () => (await cluster.directory.read("backup/head"))?.value as { number: number; settled: number };
    shards.machine("n4").cheat = { "shard.hold": deaf };
    expect((await cluster.ended(cluster.begin())).state).to.equal("done");
    expect(await row()).to.include({ number: 1, settled: 0 });
    cluster.crash("n1", "n2");
    await world.pass(2_000);
    shards.machine("n4").cheat = undefined;
    expect(await row()).to.include({ number: 1, settled: 0 });
    expect((await cluster.ended(cluster.begin())).state).to.equal("done");
    await world.pass(2_000);
    expect(await row()).to.include({ number: 2, settled: 2 });
    const stripes = cluster.ports.get("n2")?.stripes as Stripes;
    const needed: string[] = [];
    const list = async () => {
      for await (const { id } of stripes.referred(backupActor)) needed.push(id);
    };
    await world.settle(list());
    expect(needed.length).to.be.above(0);
    for (const holder of shards.holdersAt("n4"))
      for (const { stripe, references, lost } of shards.holders.inventory(holder))
        if (lost === undefined && needed.includes(stripe.id))
          expect(references.map(({ expiresAtMs }) => expiresAtMs)).to.deep.equal([undefined]);
  });
});

describe("a read that meets a damaged shard", () => {
  it("has it made good, though nobody looks for damage", async () => {
    const { fixture, world, put, ownerOf, read } = await fixtureOf(3, blind);
    const ref = await put();
    await world.pass(1_000);
    const own = ref.shards.find((shard) => ownerOf(shard) === "n1") as StripeRef["shards"][number];
    const { files } = fixture.machine("n1");
    files.flipBit(pathOf(own.hash), 4_001);
    await world.pass(60_000);
    expect(files.isSound(pathOf(own.hash)), "nobody has looked").to.equal(false);
    await read(ref);
    await world.until(() => files.isSound(pathOf(own.hash)), 60_000);
    expect(fixture.counts.get("shards_rebuilt")).to.equal(1);
  });
});

describe("links that are cut", () => {
  /** Cuts a node off from the others, for a while. */
  const cutOff = (fixture: Fixture, node: NodeId, forMs: number): void => {
    for (const { node: other } of fixture.machines) {
      if (other === node) continue;
      fixture.network.cut(node, other);
      fixture.network.cut(other, node);
    }
    fixture.world.after(forMs, () => fixture.network.heal());
  };
  /** Moments of what is under way, in the messages that a node was asked. */
  const atMessage = (fixture: Fixture, node: NodeId, names: readonly string[], nth: number, then: () => void) => {
    const seen = { count: 0 };
    const counting: Cheat[string] = async (honest) => {
      seen.count += 1;
      if (seen.count === nth) then();
      return honest();
    };
    fixture.machine(node).cheat = Object.fromEntries(names.map((name) => [name, counting]));
    return seen;
  };

  it("in an upload leave all shards in their places once they are there again, whatever message was cut", async () => {
    let cuts = 0;
    for (let nth = 1; ; nth += depth(2, 1)) {
      const { fixture, world, put, read } = await fixtureOf(10 + nth);
      const seen = atMessage(fixture, "n3", ["shard.begin", "shard.chunk", "shard.hold"], nth, () =>
        cutOff(fixture, "n3", 9_000),
      );
      const ref = await put();
      await world.pass(12_000);
      if (seen.count < nth) break;
      cuts += 1;
      await world.until(() => ref.shards.every(({ hash }) => fixture.isKept(hash)), 120_000);
      await read(ref, "n5");
    }
    expect(cuts).to.be.above(1);
  });

  it("in a heal let it come to its end, whatever message was cut", async () => {
    let cuts = 0;
    for (let nth = 1; ; nth += depth(2, 1)) {
      const { fixture, world, put, read } = await fixtureOf(30 + nth);
      const ref = await put();
      await world.pass(1_000);
      fixture.crash("n2");
      fixture.wipe("n2");
      const seen = atMessage(fixture, "n3", ["shard.read"], nth, () => cutOff(fixture, "n2", 9_000));
      await world.settle(fixture.start("n2"));
      await world.until(() => ref.shards.every(({ hash }) => fixture.isKept(hash)), 240_000);
      if (seen.count < nth) break;
      cuts += 1;
      await read(ref, "n5");
    }
    expect(cuts).to.be.above(0);
  });

  it("in a read are read around, as long as enough holders are left, whatever message was cut", async () => {
    let cuts = 0;
    for (let nth = 1; ; nth += 1) {
      const { fixture, world, put, read } = await fixtureOf(50 + nth);
      const ref = await put();
      await world.pass(1_000);
      const seen = atMessage(fixture, "n3", ["shard.read"], nth, () => cutOff(fixture, "n3", 60_000));
      const tookMs = await read(ref);
      if (seen.count < nth) break;
      cuts += 1;
      expect(tookMs).to.be.below(8_000);
    }
    expect(cuts).to.be.above(0);
  });
});

describe("a holder's collection whose node dies", () => {
  it("loses nothing that is referred to, and leaves nothing for ever, whatever step that was", async () => {
    let deaths = 0;
    for (let step = 1; ; step += 1) {
      const { fixture, world, put, ownerOf, read } = await fixtureOf(70);
      const kept = await put();
      const other = Uint8Array.from(bytes, (byte) => byte ^ 0x55);
      const stripes = fixture.machine("n1").shards?.stripes as Stripes;
      const done = await world.settle(stripes.put(other, { class: "test", owner: "user/ada" }));
      if (!done.ok) throw new Error(done.error.code);
      const gone = done.value;
      await world.pass(1_000);
      const dies = ownerOf(gone.shards[2] as StripeRef["shards"][number]);
      const holder = fixture.holdersAt(dies)[0];
      let steps = 0;
      // The journal's word is durable, and the process ends before anything follows; or before the word.
      fixture.holders.changing = (whose) => {
        if (whose !== holder) return;
        steps += 1;
        if (steps === step) world.after(0, () => fixture.crash(dies));
      };
      await world.settle(stripes.release(gone, "user/ada"));
      await world.pass(20_000);
      if (steps < step) break;
      deaths += 1;
      await world.settle(fixture.start(dies));
      await world.pass(60_000);
      for (const { hash } of gone.shards)
        for (const { files } of fixture.machines)
          expect(files.contentOf(pathOf(hash)), `died at ${step}`).to.equal(undefined);
      expect(
        kept.shards.every(({ hash }) => fixture.isKept(hash)),
        `died at ${step}`,
      ).to.equal(true);
      await read(kept, "n5");
    }
    expect(deaths).to.be.above(1);
  });
});
