import { expect } from "chai";
import type { NodeId, Stripes } from "../../../node/ports.ts";
import type { ShardLimits } from "../../../node/shards/index.ts";
import { holderOf, shardsOf, type StripeRef } from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";
import { World } from "../../world/index.ts";
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
    const { fixture, world, put } = await fixtureOf(2, { callTimeoutMs: 30_000, restTimeoutMs: 120_000, putTimeoutMs: 60_000 }); // prettier-ignore
    fixture.machine("n4").cheat = lateBy(world, lateMs);
    const startedMs = world.nowMs;
    const ref = await put();
    expect(world.nowMs - startedMs).to.be.below(lateMs / 2);
    await world.until(() => ref.shards.every(({ hash }) => fixture.isKept(hash)), 120_000);
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
      const seen = atMessage(fixture, "n3", ["shard.begin", "shard.chunk", "shard.hold"], nth, () => cutOff(fixture, "n3", 9_000)); // prettier-ignore
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
        for (const { files } of fixture.machines) expect(files.contentOf(pathOf(hash)), `died at ${step}`).to.equal(undefined); // prettier-ignore
      expect(kept.shards.every(({ hash }) => fixture.isKept(hash)), `died at ${step}`).to.equal(true); // prettier-ignore
      await read(kept, "n5");
    }
    expect(deaths).to.be.above(1);
  });
});
