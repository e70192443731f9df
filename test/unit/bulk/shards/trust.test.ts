import { expect } from "chai";
import { challengesFor } from "../../../../node/bulk/shards/audit.ts";
import { openShardMemory, type Shards } from "../../../../node/bulk/shards/index.ts";
import { type ShardLimits } from "../../../../node/bulk/shards/limits.ts";
import {
  holderOf,
  ok,
  refused,
  failure,
  type ActorId,
  type Result,
  type StripeRef,
} from "../../../../protocols/index.ts";
import { quietLog } from "../../../fixtures/quiet.ts";
import { World } from "../../../world/index.ts";
import { Fixture, type Cheat } from "./fixture.ts";

const someBytes = (length: number, salt = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + salt * 17 + (at >> 8)) & 0xff);

async function fixtureOf(nodes: number, limits: Partial<ShardLimits> = {}) {
  const fixture = new Fixture(new World(1), { nodes, limits });
  await fixture.startAll();
  const { world } = fixture;
  const at = (node: string): Shards => fixture.machine(node).shards as Shards;
  const tryPut = (bytes: Uint8Array, owner: ActorId = "user/ada", node = "n1") =>
    world.settle(at(node).stripes.put(bytes, { class: "test", owner }));
  const put = async (bytes: Uint8Array, owner: ActorId = "user/ada", node = "n1"): Promise<StripeRef> => {
    const done = await tryPut(bytes, owner, node);
    if (!done.ok) throw new Error(JSON.stringify(done.error));
    return done.value;
  };
  const release = (ref: StripeRef, owner: ActorId = "user/ada") => world.settle(at("n1").stripes.release(ref, owner));
  /** Holders that have a reference of somebody. */
  const referring = (ref: StripeRef, owner: ActorId = "user/ada"): readonly number[] =>
    ref.shards.flatMap(({ index }) => {
      const held = fixture.holders.inventory(holderOf("g", index)).find(({ stripe }) => stripe.id === ref.id);
      return held?.references.some((one) => one.owner === owner) === true ? [index] : [];
    });
  const indexAt = (node: string): number => fixture.all().findIndex((holder) => fixture.ownerOf(holder) === node);
  return { fixture, world, at, put, tryPut, release, referring, indexAt };
}

const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.error.code);

describe("stripes that were let go of", () => {
  it("do not come back by an upload that is still under way", async () => {
    const { fixture, world, put, release, referring } = await fixtureOf(6);
    fixture.network.cut("n1", "n6");
    fixture.network.cut("n6", "n1");
    const ref = await put(someBytes(30_000));
    expect(referring(ref)).to.have.length(5);
    expect(codeOf(await release(ref))).to.equal("ok");
    fixture.network.heal();
    await world.pass(20_000);
    expect(referring(ref)).to.deep.equal([]);
  });

  it("are let go of at a holder that was away, also by a node that was started anew meanwhile", async () => {
    const { fixture, world, put, release, referring, indexAt } = await fixtureOf(6, { auditEveryMs: 1e9 });
    const ref = await put(someBytes(30_000));
    await world.pass(1_000);
    fixture.crash("n6", { power: false });
    expect(codeOf(await release(ref))).to.equal("ok");
    expect(referring(ref)).to.deep.equal([indexAt("n6")]);
    fixture.crash("n1", { power: false });
    await world.settle(fixture.start("n1"));
    await world.settle(fixture.start("n6"));
    await world.until(() => referring(ref).length === 0, 20_000);
  });

  it("are let go of for certain once so many have heard it that a later put meets one of them", async () => {
    const { fixture, world, put, release, referring } = await fixtureOf(6, { auditEveryMs: 1e9, callTimeoutMs: 500 });
    const ref = await put(someBytes(30_000));
    await world.pass(1_000);
    // Of six shards a put needs five: one that has heard of it could be the one that a put does without.
    for (const node of ["n2", "n3", "n4", "n5", "n6"]) fixture.crash(node, { power: false });
    expect(codeOf(await release(ref))).to.equal("SLOT_UNAVAILABLE");
    await world.settle(fixture.start("n2"));
    expect(codeOf(await release(ref))).to.equal("ok");
    for (const node of ["n3", "n4", "n5", "n6"]) await world.settle(fixture.start(node));
    await world.until(() => referring(ref).length === 0, 20_000);
  });

  /** A release by a clock that is ahead is refused, as one holder heard it; then another node puts the same bytes, and
   *  meets that holder only after the acknowledgement. */
  async function putAfterRefused(limits: Partial<ShardLimits>) {
    const holderTimeoutMs = 5_000;
    const all = await fixtureOf(6, { holderTimeoutMs, callTimeoutMs: 5_000, rememberMs: 1e9, ...limits });
    const { fixture, world, at, put, indexAt } = all;
    const { holders } = fixture;
    const late = holderOf("g", indexAt("n6"));
    const ref = await put(someBytes(30_000));
    await world.pass(1_000);
    const { isServed } = holders;
    holders.isServed = (holder) => holder === late;
    fixture.machine("n2").wall.offsetMs = 3_600_000;
    expect(codeOf(await world.settle(at("n2").stripes.release(ref, "user/ada")))).to.equal("SLOT_UNAVAILABLE");
    Object.assign(holders, { isServed, lateMsOf: (holder: ActorId) => (holder === late ? 2_000 : 0) });
    await put(someBytes(30_000), "user/ada", "n3");
    expect(all.referring(ref)).to.have.length(5).and.not.include(indexAt("n6"));
    await world.pass(6_000);
    holders.lateMsOf = () => 0;
    return { ...all, ref };
  }

  it("stay where a release was refused before they were put again, and are released by the next one", async () => {
    for (const auditEveryMs of [500, 1e9]) {
      const { world, ref, release, referring } = await putAfterRefused({ auditEveryMs });
      await world.until(() => referring(ref).length === 6, 30_000);
      await world.pass(30_000);
      expect(referring(ref)).to.have.length(6);
      expect(codeOf(await release(ref))).to.equal("ok");
      await world.pass(30_000);
      expect(referring(ref)).to.deep.equal([]);
    }
  });

  it("are let go of everywhere once two holders have compared, though nobody tells them any more", async () => {
    const { fixture, world, put, release, referring } = await fixtureOf(6);
    const ref = await put(someBytes(30_000));
    await world.pass(1_000);
    fixture.crash("n6", { power: false });
    expect(codeOf(await release(ref))).to.equal("ok");
    fixture.crash("n1");
    fixture.wipe("n1");
    await world.settle(fixture.start("n1"));
    await world.settle(fixture.start("n6"));
    await world.until(() => referring(ref).length === 0, 60_000);
  });

  it("may be put again by the same owner, also where a clock was ahead when they were let go of", async () => {
    const { fixture, world, put, referring } = await fixtureOf(6);
    const bytes = someBytes(30_000);
    const ref = await put(bytes);
    await world.pass(1_000);
    const operation = Math.floor(world.nowMs) + 3_600_000;
    for (const { index } of ref.shards)
      await world.settle(fixture.holders.ask(holderOf("g", index), { type: "release", stripe: ref.id, owner: "user/ada", operation }, 1_000)); // prettier-ignore
    expect(referring(ref)).to.deep.equal([]);
    const again = await put(bytes);
    await world.pass(2_000);
    expect(referring(again)).to.have.length(6);
  });
});

describe("a put of bytes that somebody has put in another way", () => {
  it("takes the other way if it is true, and keeps all shards", async () => {
    const { fixture, world, put } = await fixtureOf(6);
    const bytes = someBytes(30_000);
    const ref = await put(bytes, "user/ada");
    await world.pass(1_000);
    // Who asks hears nothing of what is held at first.
    const ask = fixture.holders.ask.bind(fixture.holders);
    let deaf = true;
    fixture.holders.ask = (to, message, timeoutMs) =>
      deaf && message.type === "describe"
        ? Promise.resolve(refused(failure("SLOT_UNAVAILABLE")))
        : ask(to, message, timeoutMs);
    world.after(300, () => (deaf = false));
    fixture.trust.set("n3", "suspect");
    const other = await put(bytes, "user/bob", "n2").catch(() => undefined);
    fixture.trust.clear();
    const done = other ?? (await put(bytes, "user/bob", "n2"));
    expect(done).to.deep.equal(ref);
    await world.pass(1_000);
    const health = await world.settle((fixture.machine("n4").shards as Shards).stripes.inspect(done));
    expect(health.ok && health.value.well).to.equal(6);
  });

  it("does without a holder that has something else under their name, where others can take it", async () => {
    const { world, put } = await fixtureOf(7);
    const bytes = someBytes(10_000, 2);
    const ref = await put(someBytes(10_000, 3));
    const mine = await put(bytes);
    await world.pass(1_000);
    // The same bytes in another cluster's state: one of its holders has a false descriptor, which somebody refers to.
    const other = await fixtureOf(7);
    const [{ index }] = mine.shards as [StripeRef["shards"][number]];
    const terms = { open: true, bytesMax: 2 ** 50, shardsMax: 9, ownerBytesPerMinute: 2 ** 50 };
    const stripe = {
      ...ref,
      id: mine.id,
      shards: ref.shards.map((shard, at) => ({ ...shard, index: (index + at) % 7 })),
    };
    const message = { type: "hold", stripe, shard: 0, owner: "user/eve", operation: 1, terms };
    expect(codeOf(await other.world.settle(other.fixture.holders.ask(holderOf("g", index), message, 1_000)))).to.equal(
      "ok",
    );
    const put2 = await other.put(bytes);
    expect(put2.shards.map((shard) => shard.index)).to.not.include(index);
    await other.world.pass(1_000);
    const health = await other.world.settle(other.at("n1").stripes.inspect(put2));
    expect(health.ok && health.value.well).to.equal(6);
  });
});

describe("nodes that keep shards", () => {
  it("take no more than their operator gives, before any work", async () => {
    const fixture = new Fixture(new World(1), { nodes: 6 });
    fixture.quotas.set("n6", 9_000);
    await fixture.startAll();
    const { world } = fixture;
    const stripes = (fixture.machine("n1").shards as Shards).stripes;
    for (let salt = 0; salt < 4; salt += 1)
      expect(
        codeOf(await world.settle(stripes.put(someBytes(20_000, salt), { class: "test", owner: "user/ada" }))),
      ).to.equal("ok");
    await world.pass(1_000);
    expect(fixture.machine("n6").blobs?.usedBytes()).to.be.above(0).and.at.most(9_000);
    expect(fixture.holders.inventory(holderOf("g", 5))).to.have.length(1);
    // It is read for each shard: a change is felt at once, and takes nothing away.
    const before = fixture.machine("n6").blobs?.usedBytes() ?? 0;
    fixture.quotas.set("n6", 9_000_000);
    await world.settle(stripes.put(someBytes(20_000, 9), { class: "test", owner: "user/ada" }));
    await world.pass(1_000);
    expect(fixture.machine("n6").blobs?.usedBytes()).to.be.above(before);
    await world.pass(60_000);
    const held = fixture.holders.inventory(holderOf("g", 5)).length;
    fixture.quotas.set("n6", 1);
    await world.settle(stripes.put(someBytes(20_000, 10), { class: "test", owner: "user/ada" }));
    await world.pass(1_000);
    expect(fixture.holders.inventory(holderOf("g", 5))).to.have.length(held);
  });

  it("get one shard of a stripe at the most while on probation, which counts for nothing, and none while suspected", async () => {
    const { fixture, world, put, indexAt } = await fixtureOf(7);
    for (const node of ["n6", "n7"]) fixture.trust.set(node, "probation");
    const tried = new Set([indexAt("n6"), indexAt("n7")]);
    let some = 0;
    for (let salt = 0; salt < 30; salt += 1) {
      const { scheme, shards } = await put(someBytes(400, salt));
      // By the five that are trusted.
      expect(scheme).to.deep.equal({ type: "rs", k: 3, m: 2 });
      const here = shards.filter(({ index }) => tried.has(index)).length;
      expect(here).to.be.at.most(1);
      some += here;
    }
    expect(some).to.be.above(0);
    for (const node of ["n6", "n7"]) fixture.trust.set(node, "suspect");
    for (let salt = 30; salt < 40; salt += 1) {
      const { shards } = await put(someBytes(400, salt));
      expect(shards.filter(({ index }) => tried.has(index))).to.deep.equal([]);
    }
    await world.pass(1_000);
  });

  it("say of themselves what they have taken, signed: a receipt that is not counts for nothing", async () => {
    const { fixture, put, tryPut } = await fixtureOf(3);
    await put(someBytes(400));
    for (const node of ["n2", "n3"])
      fixture.machine(node).cheat = {
        "shard.hold": async (honest) => {
          const held = (await honest()) as Result<{ readonly receipt: object }>;
          return held.ok ? ok({ ...held.value, signature: new Uint8Array(32) }) : held;
        },
      };
    expect(codeOf(await tryPut(someBytes(400, 2)))).to.equal("DATA_DAMAGED");
  });
});

describe("what a node knows of shards", () => {
  it("is there after a restart, and no more of it than it may be", async () => {
    const { fixture, world, put } = await fixtureOf(6, { receiptsMax: 4 });
    for (let salt = 0; salt < 3; salt += 1) await put(someBytes(3_000, salt));
    await world.pass(10_000);
    fixture.crash("n1", { power: false });
    const { disk } = fixture.machine("n1");
    const open = () => world.settle(openShardMemory(disk.open({ life: 99, alive: true }), fixture.limits, quietLog));
    const { walks, opinions, receipts, letters } = await open();
    expect([receipts.size, letters.size]).to.deep.equal([4, 0]);
    // Its holder's walk is somewhere; it asked others, and each answered well.
    const [walk] = walks.entries();
    expect(walk?.[1].secret).to.match(/^[0-9a-f]{32}$/);
    expect(opinions.size).to.be.above(2);
    for (const [, { passed, honesty }] of opinions.entries()) expect([passed > 0, honesty]).to.deep.equal([true, 1]);
    await world.settle(fixture.start("n1"));
    await world.pass(100);
    const [again] = (await open()).walks.entries();
    expect(again?.[1].secret, "the walk goes on").to.equal(walk?.[1].secret);
  });
});

describe("a node that cheats", () => {
  /** How many proofs a node was asked for until somebody found it. */
  async function foundAfter(cheat: Cheat, results: readonly string[], share: number): Promise<void> {
    const { fixture, world, put, at } = await fixtureOf(6, { mendEveryMs: 1e9, surveyEveryMs: 1e9 });
    for (let salt = 0; salt < 12; salt += 1) await put(someBytes(60_000, salt));
    await world.pass(6_000);
    const machine = fixture.machine("n6");
    expect(
      machine.found.filter((result) => result !== "ok"),
      "honest so far",
    ).to.deep.equal([]);
    let asked = 0;
    const prove = cheat["shard.prove"] ?? ((honest) => honest());
    machine.cheat = { ...cheat, "shard.prove": (honest, body) => ((asked += 1), prove(honest, body)) };
    await world.until(() => machine.found.some((result) => results.includes(result)), 120_000);
    expect(asked).to.be.at.most(challengesFor(share, 0.999));
    if (results.includes("slow")) return;
    await world.until(
      () => fixture.noted.some(({ action, node }) => action === "shards.audit.failed" && node === "node-n6"),
      60_000,
    );
    expect(at("n1")).to.not.equal(undefined);
  }

  it("has signed for what it does not show: the node with the receipt says so beside the failed proof", async () => {
    const { fixture, world, put } = await fixtureOf(6, { mendEveryMs: 1e9, surveyEveryMs: 1e9 });
    for (let salt = 0; salt < 12; salt += 1) await put(someBytes(300, salt));
    await world.pass(6_000);
    fixture.machine("n6").cheat = { "shard.prove": () => Promise.resolve(refused(failure("NOT_FOUND"))) };
    // n1 has put them, so the receipts are there; the others know of the loss alone.
    await world.until(
      () => fixture.noted.filter(({ action }) => action === "shards.audit.failed").length >= 5,
      240_000,
    );
    const told = fixture.noted.filter(({ action }) => action === "shards.audit.failed");
    expect(new Set(told.map(({ node }) => node))).to.deep.equal(new Set(["node-n6"]));
    const signed = told.filter((one) => one["signedAt"] !== undefined);
    expect(signed).to.have.length(1);
    expect(Date.parse(signed[0]?.["signedAt"] ?? "")).to.be.within(1, world.nowMs);
  });

  it("by keeping hashes only is found by the first question", () =>
    foundAfter(
      {
        "shard.prove": async (honest) => {
          const proven = (await honest()) as Result<{ readonly proof: { readonly bytes: Uint8Array } }>;
          if (!proven.ok) return proven;
          return ok({ proof: { ...proven.value.proof, bytes: new Uint8Array(proven.value.proof.bytes.length) } });
        },
      },
      ["failed"],
      0.999,
    ));

  it("by giving nothing to readers is found as soon as is computed", () =>
    foundAfter({ "shard.read": () => Promise.resolve(refused(failure("NOT_FOUND"))) }, ["missing"], 0.25));

  it("by fetching from others what it is asked for is found to be slow", async () => {
    const fixture = new Fixture(new World(1), { nodes: 6, limits: { mendEveryMs: 1e9 } });
    await fixture.startAll();
    const { world } = fixture;
    const { stripes } = fixture.machine("n1").shards as Shards;
    const refs: StripeRef[] = [];
    for (let salt = 0; salt < 6; salt += 1) {
      const done = await world.settle(stripes.put(someBytes(400_000, salt), { class: "test", owner: "user/ada" }));
      if (done.ok) refs.push(done.value);
    }
    await world.pass(6_000);
    const machine = fixture.machine("n6");
    machine.found.length = 0;
    machine.cheat = {
      "shard.prove": async (honest, body) => {
        const ref = refs.find(({ shards }) => shards.some(({ hash }) => hash === (body as { hash: string }).hash));
        // It has thrown the shard away, and makes it of k others before it answers, over a path that takes its time.
        const number = ref?.shards.findIndex(({ hash }) => hash === (body as { hash: string }).hash);
        if (ref !== undefined) await machine.shards?.stripes.gather(ref, number);
        await world.sleep(60);
        return honest();
      },
    };
    await world.until(() => machine.found.includes("slow"), 60_000);
    expect(machine.found.indexOf("slow")).to.be.at.most(1);
  });

  it("by having thrown away one shard in a hundred is found with as many questions as is computed, at the latest", async () => {
    const { fixture, world, put } = await fixtureOf(6, { mendEveryMs: 1e9, surveyEveryMs: 1e9 });
    const refs: StripeRef[] = [];
    for (let salt = 0; salt < 100; salt += 1) refs.push(await put(someBytes(300, salt)));
    await world.pass(2_000);
    const machine = fixture.machine("n6");
    const hashes = refs.flatMap(({ shards }) =>
      shards.filter(({ index }) => fixture.ownerOf(holderOf("g", index)) === "n6").map(({ hash }) => hash),
    );
    expect(hashes).to.have.length(100);
    const [gone] = hashes.slice(77);
    machine.found.length = 0;
    let asked = 0;
    machine.cheat = {
      "shard.prove": (honest, body) => {
        asked += 1;
        return (body as { hash: string }).hash === gone ? Promise.resolve(refused(failure("NOT_FOUND"))) : honest();
      },
    };
    // Each of the others asks it for each of its shards once within as many rounds as there are others.
    await world.until(() => machine.found.includes("missing"), 120 * fixture.limits.auditCoverMs);
    expect(asked).to.be.within(1, challengesFor(0.01, 0.999));
  });

  it("by saying that it has what it never took is found by the first question", async () => {
    const { fixture, world, put } = await fixtureOf(6, { mendEveryMs: 1e9, surveyEveryMs: 1e9, auditEveryMs: 3_000 });
    const machine = fixture.machine("n6");
    machine.cheat = {
      "shard.begin": () => Promise.resolve(ok({ has: true })),
      "shard.hold": async (honest) => {
        const held = await honest();
        return held;
      },
    };
    const ref = await put(someBytes(3_000));
    const mine = ref.shards.find(({ index }) => fixture.ownerOf(holderOf("g", index)) === "n6")?.hash;
    expect(mine).to.not.equal(undefined);
    await world.until(() => machine.found.length > 0, 60_000);
    expect(machine.found[0]).to.equal("missing");
  });
});

describe("what a node must make good", () => {
  it("does not ask the others all the time while it waits for one that is away", async () => {
    const { fixture, world, put, at } = await fixtureOf(6, { mendWindow: 4, absenceMs: 1e9, absenceMsMin: 1e9, mendEveryMs: 30_000, mendPageMs: 5_000, auditEveryMs: 1e9 }); // prettier-ignore
    for (let salt = 0; salt < 12; salt += 1) await put(someBytes(400, salt));
    await world.pass(1_000);
    fixture.crash("n6");
    fixture.wipe("n6");
    const asked = new Map<string, number>();
    for (const machine of fixture.machines)
      machine.cheat = {
        "shard.lacks": (honest) => (asked.set(machine.node, (asked.get(machine.node) ?? 0) + 1), honest()),
      };
    await world.settle(fixture.start("n6"));
    const lost = (): number =>
      fixture.holders.inventory(holderOf("g", 5)).filter(({ lost: why }) => why !== undefined).length;
    await world.until(() => lost() === 12, 60_000);
    asked.clear();
    await world.pass(60_000);
    // Once for each part of what is lost in each look at all of it, not twice in a second.
    for (const [node, times] of asked) expect(times, node).to.be.at.most(12);
    // One after the other, the pages are gone through once, though it may make all of it good.
    fixture.network.cut("n6", "n1");
    asked.clear();
    const healed = await world.settle(at("n6").heal());
    expect(healed.find(({ node }) => node === "node-n6")).to.deep.include({ mended: 12, lost: 0 });
  });
});
