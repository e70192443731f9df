import { expect } from "chai";
import { holderOf, type ActorId, type HolderSums, type StripeRef } from "../../../../protocols/index.ts";
import type { Shards } from "../../../../node/bulk/shards/index.ts";
import type { ShardLimits } from "../../../../node/bulk/shards/limits.ts";
import { World } from "../../../world/index.ts";
import { Fixture } from "./fixture.ts";

describe("mending of shards", () => {
  /** Six nodes with as many stripes as said; each node has a shard of each. */
  async function fixtureOf(stripes: number, limits: Partial<ShardLimits>) {
    const fixture = new Fixture(new World(1), { nodes: 6, limits });
    const { world } = fixture;
    await fixture.startAll();
    const at = (node: string): Shards => fixture.machine(node).shards as Shards;
    const refs: StripeRef[] = [];
    for (let made = 0; made < stripes; made += 1) {
      const bytes = Uint8Array.from({ length: 40_000 }, (_, place) => (place * 31 + made * 17 + (place >> 8)) & 0xff);
      const done = await world.settle(at("n1").stripes.put(bytes, { class: "test", owner: "user/ada" }));
      if (done.ok) refs.push(done.value);
    }
    await world.pass(1_000);
    expect(refs).to.have.length(stripes);
    const holder = holderOf("g", 1);
    const hashes = refs.flatMap(({ shards }) => shards.filter(({ index }) => index === 1).map(({ hash }) => hash));
    return { fixture, world, at, refs, holder, hashes };
  }

  async function loseDiskOf(fixture: Fixture, holder: ActorId): Promise<void> {
    const node = fixture.ownerOf(holder);
    fixture.crash(node);
    fixture.wipe(node);
    await fixture.world.settle(fixture.start(node));
  }

  it("comes to all that is lost, also when it is more than is remembered", async () => {
    const { fixture, world, holder, hashes } = await fixtureOf(4, { mendWindow: 1, mendsKnownMax: 1 });
    await loseDiskOf(fixture, holder);
    await world.until(() => hashes.every((hash) => fixture.isKept(hash)), 60_000);
    expect(fixture.counts.get("shards_rebuilt")).to.equal(hashes.length);
  });

  it("takes no more than its share of disk and network", async () => {
    const mendBytesPerSecond = 500;
    const { fixture, world, refs, holder, hashes } = await fixtureOf(4, { mendBytesPerSecond, mendsAtOnce: 1 });
    await loseDiskOf(fixture, holder);
    const startedMs = world.nowMs;
    await world.until(() => hashes.every((hash) => fixture.isKept(hash)), 600_000);
    // The last one's pause is behind it.
    const paused = refs.slice(1).flatMap(({ shards }) => shards.filter(({ index }) => index === 1));
    const bytes = paused.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
    expect(world.nowMs - startedMs).to.be.at.least((bytes / mendBytesPerSecond) * 1_000);
  });

  it("ends with a holder that goes to another node", async () => {
    const { fixture, world, at, holder } = await fixtureOf(3, { mendWindow: 1, absenceMs: 1e9, absenceMsMin: 1e9 });
    await loseDiskOf(fixture, holder);
    await world.until(() => fixture.holders.inventory(holder).every(({ lost }) => lost !== undefined));
    // Some of its pages were seen, not all.
    const [node, walked] = [fixture.ownerOf(holder), Promise.withResolvers<void>()];
    const { holders } = fixture;
    const ask = holders.ask.bind(holders);
    holders.ask = async (to, message, timeoutMs) => {
      const answer = await ask(to, message, timeoutMs);
      if (to === holder && message.type === "list" && message["only"] === "lost" && message["after"] === undefined)
        walked.resolve();
      return answer;
    };
    await world.settle(walked.promise);
    fixture.change(holder, { owner: "n3", epoch: 2, inSync: ["n3"] });
    fixture.change(holderOf("g", 2), { owner: node, epoch: 2, inSync: [node] });
    await world.pass(1_000);
    const startedMs = world.nowMs;
    const healed = await world.settle(at(node).heal());
    expect(healed.map((one) => one.node)).to.have.length(6);
    expect(world.nowMs - startedMs).to.be.below(30_000);
  });

  it("of a shard that is well, of whose new owner the holder has not heard, moves no bytes", async () => {
    const { fixture, world, at, refs, holder } = await fixtureOf(1, {});
    const [ref] = refs as [StripeRef];
    const node = fixture.ownerOf(holder);
    fixture.crash(node, { power: false });
    expect((await world.settle(at("n1").stripes.keep(ref, "user/bob"))).ok).to.equal(true);
    await world.settle(fixture.start(node));
    const heard = (): boolean =>
      fixture.holders.inventory(holder)[0]?.references.some(({ owner }) => owner === "user/bob") ?? false;
    await world.until(heard, 60_000);
    await world.pass(5_000);
    expect(fixture.counts.get("shards_rebuilt") ?? 0).to.equal(0);
    expect(fixture.counts.get("shards_fetched") ?? 0).to.equal(0);
  });

  it("is counted where bytes were brought or made again, not where a node was away and came back", async () => {
    const { fixture, world, holder } = await fixtureOf(3, { surveyEveryMs: 1e9, auditEveryMs: 1e9 });
    const sums = async (): Promise<HolderSums> => {
      const answer = await world.settle(fixture.holders.ask(holder, { type: "sums" }, 1_000));
      return (answer.ok ? answer.value : {}) as HolderSums;
    };
    const node = fixture.ownerOf(holder);
    const other = node === "n3" ? "n4" : "n3";
    fixture.crash(node, { power: false });
    fixture.change(holder, { owner: other, epoch: 2, inSync: [other] });
    await world.until(() => fixture.holders.inventory(holder).every(({ lost }) => lost?.why === "missing"), 60_000);
    fixture.change(holder, { owner: node, epoch: 3, inSync: [node] });
    await world.settle(fixture.start(node));
    await world.until(() => fixture.holders.inventory(holder).every(({ lost }) => lost === undefined), 60_000);
    await world.pass(5_000);
    expect((await sums()).mended, "nothing was repaired").to.equal(undefined);
    await loseDiskOf(fixture, holder);
    await world.until(() => fixture.holders.inventory(holder).every(({ lost }) => lost !== undefined), 60_000);
    await world.until(() => fixture.holders.inventory(holder).every(({ lost }) => lost === undefined), 600_000);
    expect((await sums()).mended?.shards).to.equal(3);
  });

  it("begins also where the holder did not answer when it came, and what was healed is reported", async () => {
    const { fixture, world, at, holder } = await fixtureOf(1, { surveyEveryMs: 1e9, auditEveryMs: 1e9, absenceMs: 1e9, absenceMsMin: 1e9 }); // prettier-ignore
    const { isServed } = fixture.holders;
    fixture.holders.isServed = (one) => one !== holder && isServed(one);
    await loseDiskOf(fixture, holder);
    await world.pass(3_000);
    fixture.holders.isServed = isServed;
    await world.until(() => fixture.holders.inventory(holder).every(({ lost }) => lost !== undefined), 60_000);
    const missing = async (): Promise<unknown> => {
      const sums = await world.settle(fixture.holders.ask(holder, { type: "sums" }, 1_000));
      return sums.ok && (sums.value as HolderSums).at?.missing;
    };
    await world.pass(100);
    expect(await missing()).to.equal(1);
    const healed = await world.settle(at("n1").heal());
    expect(healed.flatMap((one) => ("mended" in one ? [one.mended] : [])).reduce((sum, one) => sum + one, 0)).to.equal(
      1,
    );
    expect(await missing()).to.equal(0);
  });
});
