import { expect } from "chai";
import { holderOf, type Failure, type StripeRef } from "../../../../protocols/index.ts";
import { createPacing, pacedStripes } from "../../../../node/backup/index.ts";
import { paceLimits } from "../../../../node/backup/limits.ts";
import type { BackupStripes } from "../../../../node/backup/ports.ts";
import { hashOf } from "../../../../node/bulk/blobs/index.ts";
import type { Stripes } from "../../../../node/ports/index.ts";
import { simulatedClock, World } from "../../../world/index.ts";
import { pathOf, Fixture } from "./fixture.ts";

const someBytes = (length: number, salt = 1): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + salt * 17 + (at >> 8)) & 0xff);

describe("stripes", () => {
  async function fixtureOf(nodes: number, more: Partial<ConstructorParameters<typeof Fixture>[1]> = {}) {
    const fixture = new Fixture(new World(1), { nodes, ...more });
    await fixture.startAll();
    const at = (node: string): Stripes => fixture.machine(node).shards?.stripes as Stripes;
    const { world } = fixture;
    const put = async (bytes: Uint8Array): Promise<StripeRef> => {
      const done = await world.settle(at("n1").put(bytes, { class: "test", owner: "user/ada" }));
      expect(done.ok, JSON.stringify(done)).to.equal(true);
      return (done as { value: StripeRef }).value;
    };
    return { fixture, world, at, put };
  }

  it("are put from one node and read from another", async () => {
    const { world, at, put } = await fixtureOf(6);
    const bytes = someBytes(100_000);
    const ref = await put(bytes);
    expect(ref.scheme).to.deep.equal({ type: "rs", k: 4, m: 2 });
    const read = await world.settle(at("n5").read(ref));
    expect(read.ok && Buffer.compare(Buffer.from(read.value), bytes)).to.equal(0);
    await world.pass(1_000);
    const health = await world.settle(at("n2").inspect(ref));
    expect(health.ok && health.value.shards.map(({ state }) => state)).to.deep.equal(Array(6).fill("well"));
    const signed = async (node: string) => {
      const seen = await world.settle(at(node).inspect(ref));
      return seen.ok ? seen.value.shards.filter(({ signedAtMs = 0 }) => signedAtMs > 0).length : undefined;
    };
    // Receipts stay with who put it: another node says nothing of them.
    expect([await signed("n1"), await signed("n2")]).to.deep.equal([6, 0]);
  });

  it("are copies where there are few nodes, and refused where there is one, saying how many would do", async () => {
    const { world, at, put } = await fixtureOf(3);
    const ref = await put(someBytes(5_000));
    expect(ref.scheme).to.deep.equal({ type: "copies", copies: 3 });
    const read = await world.settle(at("n2").read(ref));
    expect(read.ok).to.equal(true);
    const alone = await fixtureOf(1);
    const refused = await alone.world.settle(alone.at("n1").put(someBytes(10), { class: "test", owner: "user/ada" }));
    expect(refused).to.deep.include({ ok: false });
    expect((refused as { error: { code: string; details: object } }).error).to.deep.include({
      code: "HOLDERS_TOO_FEW",
      details: { class: "test", holders: 1, needed: 2 },
    });
  });

  it("are refused at once while a storage node is down, with its name, and taken when it is back", async () => {
    const { fixture, world, at } = await fixtureOf(2);
    const put = (bytes: number) => at("n1").put(someBytes(bytes), { class: "test", owner: "user/ada" });
    fixture.crash("n2");
    const sinceMs = world.nowMs;
    const refused = await world.settle(put(6_000));
    expect(world.nowMs - sinceMs, "nothing waits").to.be.below(100);
    const { code, details } = (refused as { error: Failure }).error;
    expect(code).to.equal("HOLDERS_TOO_FEW");
    expect(details).to.deep.include({ holders: 1, needed: 2, down: ["node-n2"] });
    expect(details?.["hint"]).to.equal("The storage node node-n2 is down: start node-n2 again.");
    await world.settle(fixture.start("n2"));
    const late = await world.settle(put(5_000));
    expect(late.ok ? late.value.scheme : late.error).to.deep.equal({ type: "copies", copies: 2 });
  });

  it("come to their end where nodes store at each other while people are at all of them, and each makes room", async () => {
    const world = new World(1);
    const fixture = new Fixture(world, { nodes: 4 });
    const clock = simulatedClock(world, { offsetMs: 0 }, { alive: true, life: 1 });
    const pacings = new Map(fixture.machines.map(({ node }) => [node, createPacing({ clock })] as const));
    for (const [node, pacing] of pacings) fixture.guests.set(node, pacing);
    await fixture.startAll();
    for (const pacing of pacings.values()) for (let n = 0; n < paceLimits.changesPresent; n += 1) pacing.heard(1);
    const puts = [...pacings].flatMap(([node, pacing]) => {
      const stripes = pacedStripes(fixture.machine(node).shards?.stripes as BackupStripes, pacing);
      return [1, 2, 3].map((salt) =>
        stripes.put(someBytes(60_000, salt), { class: "backup", owner: `user/${node}-${salt}` }),
      );
    });
    const ended: number[] = [];
    for (const put of puts) void put.then((done) => done.ok && ended.push(world.nowMs));
    for (let n = 0; n < 600; n += 1) {
      for (const pacing of pacings.values()) pacing.heard(1);
      await world.pass(100);
    }
    expect(ended).to.have.length(12);
    for (const pacing of pacings.values()) expect(pacing.percent()).to.be.below(50);
    // Not all at once: each node worked a small share of the time, and none waited for ever.
    expect(Math.max(...ended) - Math.min(...ended)).to.be.above(1_000);
  });

  it("wait for the rest of another node in no piece of their own, so that a change meanwhile says nothing of their work", async () => {
    const world = new World(4);
    const fixture = new Fixture(world, { nodes: 3 });
    const pacing = createPacing({ clock: simulatedClock(world, { offsetMs: 0 }, { alive: true, life: 1 }) });
    const restMs = 4_000;
    const guest = async <Answer>(work: () => Promise<Answer>): Promise<Answer> => {
      await new Promise<void>((over) => void world.after(restMs, over));
      return work();
    };
    for (const node of ["n2", "n3"]) fixture.guests.set(node, { guest });
    await fixture.startAll();
    for (let n = 0; n < paceLimits.changesPresent; n += 1) pacing.heard(1);
    const first = pacing.percent();
    const parts: number[] = [];
    const put: typeof pacing.put = (work) =>
      pacing.put(async () => {
        const sinceMs = world.nowMs;
        return work().finally(() => parts.push(world.nowMs - sinceMs));
      });
    const stripes = pacedStripes(fixture.machine("n1").shards?.stripes as BackupStripes, { ...pacing, put });
    const putting = stripes.put(someBytes(400_000), { class: "backup", owner: "user/ada" });
    for (let n = 0; n < restMs / 100; n += 1) {
      await world.pass(100);
      pacing.heard(1);
    }
    expect(pacing.percent(), "while another node rests").to.be.at.most(first + 1);
    const done = await world.settle(putting);
    expect(done.ok, JSON.stringify(done)).to.equal(true);
    expect(parts.length, "it is coded, and each shard is brought in chunks").to.be.above(3);
    expect(Math.max(...parts), "none of them waits").to.be.below(restMs / 4);
  });

  it("are read while as many holders are away as may be, and named when they are lost", async () => {
    const { fixture, world, at, put } = await fixtureOf(6);
    const bytes = someBytes(70_000);
    const ref = await put(bytes);
    await world.pass(500);
    for (const { index } of ref.shards.slice(0, 2)) fixture.crash(fixture.ownerOf(holderOf("g", index)));
    const [reader] = fixture.machines.filter(({ pulse }) => pulse.alive);
    const read = await world.settle(at(reader?.node ?? "").read(ref));
    expect(read.ok && Buffer.compare(Buffer.from(read.value), bytes)).to.equal(0);
    // Two are away, one has nothing left: too few for now, but nothing is known to be lost for good.
    const wiped = ref.shards[2] as StripeRef["shards"][number];
    for (const { files } of fixture.machines)
      if (files.paths().includes(pathOf(wiped.hash))) files.truncate(pathOf(wiped.hash), 10);
    const fewer = await world.settle(at(reader?.node ?? "").read(ref));
    expect((fewer as { error: { code: string } }).error.code).to.equal("SLOT_UNAVAILABLE");
    for (const { node } of fixture.machines) {
      if (!fixture.isUp(node)) fixture.wipe(node);
      if (!fixture.isUp(node)) await world.settle(fixture.start(node));
    }
    await world.pass(300);
    const lost = await world.settle(at(reader?.node ?? "").read(ref));
    expect(lost.ok ? "read" : lost.error.code).to.equal("STRIPE_LOST");
    const named = ref.shards.slice(0, 3).map(({ hash }) => hash);
    expect(lost.ok ? [] : lost.error.details?.["lost"]).to.have.members(named);
  });

  it("are not looked for where their descriptor says what cannot be: it would take memory", async () => {
    const { world, at, put } = await fixtureOf(6);
    const ref = await put(someBytes(10_000));
    for (const sizeBytes of [2 ** 50, 8 * 1024 ** 3]) {
      const huge = { ...ref, sizeBytes, shards: ref.shards.map((shard) => ({ ...shard, sizeBytes })) };
      for (const asked of [huge, { ...huge, sizeBytes: ref.sizeBytes }, { ...ref, sizeBytes }, { ...ref, shards: ref.shards.slice(1) }]) {
        const read = await world.settle(at("n3").read(asked));
        expect(read.ok ? "read" : read.error.code).to.equal("BAD_REQUEST");
        const gathered = await world.settle(at("n3").gather(asked, 0));
        expect(gathered.ok ? "gathered" : gathered.error.code).to.equal("BAD_REQUEST");
      }
    }
  }); // prettier-ignore

  it("are acknowledged when so many nodes have them, not holders: two of these may share one after a failover", async () => {
    const { fixture, world, at, put } = await fixtureOf(3);
    const bytes = someBytes(5_000);
    const ref = await put(bytes);
    await world.pass(1_000);
    fixture.change(holderOf("g", 2), { owner: "n1", epoch: 2, inSync: ["n1"] });
    fixture.crash("n3");
    await world.until(
      () => ref.shards.every(({ index, hash }) => index === 1 || fixture.machine("n1").files.isDurable(pathOf(hash))),
      60_000,
    );
    fixture.network.cut("n1", "n2");
    fixture.network.cut("n2", "n1");
    const why = (done: { ok: boolean; error?: { code: string } }) => (done.ok ? "done" : done.error?.code);
    const alone = await world.settle(at("n1").put(bytes, { class: "test", owner: "user/bob" }));
    expect(why(alone)).to.equal("HOLDERS_TOO_FEW");
    expect(why(await world.settle(at("n1").keep(ref, "user/bob")))).to.equal("HOLDERS_TOO_FEW");
    // With no other node up that has a holder there is nothing to wait for.
    fixture.crash("n2");
    expect(why(await world.settle(at("n1").keep(ref, "user/bob")))).to.equal("done");
  });

  it("are held only as their shards say, and put although somebody said something else of them", async () => {
    const { fixture, world, at, put } = await fixtureOf(6);
    const ref = await put(someBytes(10_000));
    await world.pass(1_000);
    const bytes = someBytes(10_000, 2);
    const id = hashOf(bytes);
    const resized = (sizeBytes: number) => ref.shards.map((shard) => ({ ...shard, sizeBytes }));
    for (const said of [
      { ...ref, id },
      { ...ref, id, sizeBytes: 4 * 2 ** 20, shards: resized(64 + 2 ** 20) },
      { ...ref, id, shards: resized(2 ** 43) },
      { ...ref, id, scheme: { type: "rs", k: 3, m: 3 } as const, sizeBytes: 7_500 },
    ]) {
      const kept = await world.settle(at("n2").keep(said, "user/eve"));
      expect(kept.ok ? "kept" : kept.error.code).to.equal("BAD_REQUEST");
    }
    expect(fixture.all().flatMap((holder) => fixture.holders.inventory(holder)).length).to.equal(6);
    // A holder that has it nevertheless.
    const terms = { open: true, bytesMax: 2 ** 50, shardsMax: 9, ownerBytesPerMinute: 2 ** 50 };
    const [{ index }] = ref.shards as [StripeRef["shards"][number]];
    const message = { type: "hold", stripe: { ...ref, id }, shard: 0, owner: "user/eve", operation: 1, terms };
    expect((await world.settle(fixture.holders.ask(holderOf("g", index), message, 1_000))).ok).to.equal(true);
    const mine = await put(bytes);
    const read = await world.settle(at("n5").read(mine));
    expect(read.ok && Buffer.compare(Buffer.from(read.value), bytes)).to.equal(0);
  });

  it("give their room back when they are acknowledged: a holder that takes nothing holds up nobody", async () => {
    const { fixture, world, put } = await fixtureOf(6, { limits: { stripeBytesAtOnce: 150_000 } });
    fixture.network.cut("n1", "n6");
    fixture.network.cut("n6", "n1");
    const startedMs = world.nowMs;
    const refs: StripeRef[] = [];
    for (let salt = 0; salt < 6; salt += 1) refs.push(await put(someBytes(40_000, salt)));
    expect(world.nowMs - startedMs).to.be.below(fixture.limits.restTimeoutMs);
    fixture.network.heal();
    await world.until(() => refs.every(({ shards }) => shards.every(({ hash }) => fixture.isKept(hash))), 60_000);
  });

  it("come back whole when a disk is lost, a bit flips, and nobody refers to them any more", async () => {
    const { fixture, world, at, put } = await fixtureOf(6);
    const ref = await put(someBytes(90_000));
    await world.pass(1_000);
    const [first, second] = ref.shards.map(({ index, hash }) => ({
      hash,
      node: fixture.ownerOf(holderOf("g", index)),
    }));
    fixture.machine(second?.node ?? "").files.flipBit(pathOf(second?.hash ?? ""), 12_345);
    fixture.crash(first?.node ?? "");
    fixture.wipe(first?.node ?? "");
    await world.settle(fixture.start(first?.node ?? ""));
    await world.until(() => ref.shards.every(({ hash }) => fixture.isKept(hash)), 60_000);
    await world.pass(3_000);
    const health = await world.settle(at("n3").inspect(ref, true));
    expect(health.ok && health.value.well).to.equal(6);
    expect((await world.settle(at("n3").release(ref, "user/ada"))).ok).to.equal(true);
    await world.pass(5_000);
    expect(ref.shards.every(({ hash }) => fixture.isKept(hash))).to.equal(true);
    await world.pass(60_000);
    expect(ref.shards.some(({ hash }) => fixture.isKept(hash))).to.equal(false);
  });

  it("are kept for as long as they were put for, wherever the clocks of the nodes are", async () => {
    const { fixture, world, at } = await fixtureOf(6);
    fixture.machine("n1").wall.offsetMs = 1e9;
    fixture.machine("n2").wall.offsetMs = 3e9;
    fixture.machine("n3").wall.offsetMs = 2e8;
    const put = await world.settle(
      at("n1").put(someBytes(90_000), { class: "test", owner: "user/ada", lifeMs: 20_000 }),
    );
    const { shards } = (put as { value: StripeRef }).value;
    const ends = shards.map(({ index }) => {
      const holder = holderOf("g", index);
      const [held] = fixture.holders.inventory(holder);
      const { expiresAtMs = Infinity } = held?.references[0] ?? {};
      return Math.ceil((expiresAtMs - fixture.machine(fixture.ownerOf(holder)).wall.offsetMs - world.nowMs) / 1_000);
    });
    expect(ends).to.deep.equal(Array(6).fill(20));
    for (const { wall } of fixture.machines) wall.offsetMs = 0;
    await world.pass(19_000);
    expect(shards.every(({ hash }) => fixture.isKept(hash))).to.equal(true);
    await world.pass(90_000);
    expect(shards.filter(({ hash }) => fixture.isKept(hash))).to.deep.equal([]);
  });

  it("are made good also while somebody looks at them all the time", async () => {
    const { fixture, world, at, put } = await fixtureOf(6);
    const ref = await put(someBytes(50_000));
    await world.pass(500);
    const { index, hash } = ref.shards[3] as StripeRef["shards"][number];
    fixture.machine(fixture.ownerOf(holderOf("g", index))).files.flipBit(pathOf(hash), 4_321);
    let states: readonly string[] = [];
    for (let looks = 0; looks < 60 && (looks === 0 || states.includes("damaged")); looks += 1) {
      const health = await world.settle(at("n2").inspect(ref, true));
      states = health.ok ? health.value.shards.map(({ state }) => state) : [];
      if (looks === 0) expect(states[3]).to.equal("damaged");
    }
    expect(states).to.deep.equal(Array(6).fill("well"));
  });

  it("are whole again after they were read, where a shard had rotted, with no audit and no survey", async () => {
    const { fixture, world, at, put } = await fixtureOf(6, {
      limits: { auditEveryMs: 1e9, surveyEveryMs: 1e9 },
    });
    const bytes = someBytes(50_000);
    const ref = await put(bytes);
    await world.pass(500);
    const states = async (): Promise<readonly string[]> => {
      const health = await world.settle(at("n2").inspect(ref, false));
      return health.ok ? health.value.shards.map(({ state }) => state) : [];
    };
    const [{ index, hash }] = ref.shards as [StripeRef["shards"][number]];
    const owner = fixture.ownerOf(holderOf("g", index));
    const { files } = fixture.machine(owner);
    const whole = Buffer.from(files.contentOf(pathOf(hash)) ?? []);
    files.flipBit(pathOf(hash), 4_321);
    await world.pass(60_000);
    const isWhole = (): boolean => whole.equals(files.contentOf(pathOf(hash)) ?? new Uint8Array());
    expect(isWhole(), "nobody has looked").to.equal(false);
    const read = await world.settle(at(owner).read(ref));
    expect(read.ok && Buffer.from(read.value).equals(bytes)).to.equal(true);
    await world.until(isWhole, 60_000);
    await world.pass(1_000);
    expect(await states()).to.deep.equal(Array(6).fill("well"));
  });

  it("go ahead of a holder that moves, and stay with it", async () => {
    const { fixture, world, at, put } = await fixtureOf(6, {
      limits: { absenceMs: 1_000_000, absenceMsMin: 1_000_000 },
    });
    const ref = await put(someBytes(80_000));
    await world.pass(1_000);
    const [{ index, hash }] = ref.shards as [StripeRef["shards"][number]];
    const holder = holderOf("g", index);
    const from = fixture.ownerOf(holder);
    const to = from === "n6" ? "n5" : "n6";
    fixture.change(holder, { want: { owner: to, replicas: [to] } });
    expect(fixture.machine(from).shards?.mayHandOver(fixture.recordOf(holder).slot, to)).to.equal(false);
    await world.until(() => fixture.machine(from).shards?.mayHandOver(fixture.recordOf(holder).slot, to) === true);
    expect(fixture.machine(to).files.isDurable(pathOf(hash))).to.equal(true);
    fixture.change(holder, { owner: to, epoch: 2, inSync: [to] });
    await world.pass(30_000);
    expect(fixture.machine(from).files.paths()).not.to.include(pathOf(hash));
    const health = await world.settle(at("n3").inspect(ref, true));
    expect(health.ok && health.value.well).to.equal(6);
    expect(fixture.counts.get("shards_rebuilt") ?? 0).to.equal(0);
  });
});
