import { expect } from "chai";
import { holderOf, type ActorId, type HolderSums, type StripeRef } from "../../../protocols/index.ts";
import type { ShardLimits, Shards } from "../../../node/shards/index.ts";
import { World } from "../../world/index.ts";
import { Stage } from "./fixture.ts";

describe("mending of shards", () => {
  /** Six nodes with as many stripes as said; each node has a shard of each. */
  async function stageOf(stripes: number, limits: Partial<ShardLimits>) {
    const stage = new Stage(new World(1), { nodes: 6, limits });
    const { world } = stage;
    await stage.startAll();
    const at = (node: string): Shards => stage.machine(node).shards as Shards;
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
    return { stage, world, at, refs, holder, hashes };
  }

  async function loseDiskOf(stage: Stage, holder: ActorId): Promise<void> {
    const node = stage.ownerOf(holder);
    stage.crash(node);
    stage.wipe(node);
    await stage.world.settle(stage.start(node));
  }

  it("comes to all that is lost, also when it is more than is remembered", async () => {
    const { stage, world, holder, hashes } = await stageOf(4, { mendWindow: 1, mendsKnownMax: 1 });
    await loseDiskOf(stage, holder);
    await world.until(() => hashes.every((hash) => stage.isKept(hash)), 60_000);
    expect(stage.counts.get("shards_rebuilt")).to.equal(hashes.length);
  });

  it("ends with a holder that goes to another node", async () => {
    const { stage, world, at, holder } = await stageOf(3, { mendWindow: 1, absenceMs: 1e9, absenceMsMin: 1e9 });
    await loseDiskOf(stage, holder);
    await world.until(() => stage.holders.inventory(holder).every(({ lost }) => lost !== undefined));
    // Some of its pages were seen, not all.
    const [node, walked] = [stage.ownerOf(holder), Promise.withResolvers<void>()];
    const { holders } = stage;
    const ask = holders.ask.bind(holders);
    holders.ask = async (to, message, timeoutMs) => {
      const answer = await ask(to, message, timeoutMs);
      if (to === holder && message.type === "list" && message["only"] === "lost" && message["after"] === undefined) walked.resolve(); // prettier-ignore
      return answer;
    };
    await world.settle(walked.promise);
    stage.change(holder, { owner: "n3", epoch: 2, inSync: ["n3"] });
    stage.change(holderOf("g", 2), { owner: node, epoch: 2, inSync: [node] });
    await world.pass(1_000);
    const startedMs = world.nowMs;
    const healed = await world.settle(at(node).heal());
    expect(healed.map((one) => one.node)).to.have.length(6);
    expect(world.nowMs - startedMs).to.be.below(30_000);
  });

  it("of a shard that is well, of whose new owner the holder has not heard, moves no bytes", async () => {
    const { stage, world, at, refs, holder } = await stageOf(1, {});
    const [ref] = refs as [StripeRef];
    const node = stage.ownerOf(holder);
    stage.crash(node, { power: false });
    expect((await world.settle(at("n1").stripes.keep(ref, "user/bob"))).ok).to.equal(true);
    await world.settle(stage.start(node));
    const heard = (): boolean => stage.holders.inventory(holder)[0]?.references.some(({ owner }) => owner === "user/bob") ?? false; // prettier-ignore
    await world.until(heard, 60_000);
    await world.pass(5_000);
    expect(stage.counts.get("shards_rebuilt") ?? 0).to.equal(0);
    expect(stage.counts.get("shards_fetched") ?? 0).to.equal(0);
  });

  it("begins also where the holder did not answer when it came, and what was healed is reported", async () => {
    const { stage, world, at, holder } = await stageOf(1, { surveyEveryMs: 1e9, auditEveryMs: 1e9, absenceMs: 1e9, absenceMsMin: 1e9 }); // prettier-ignore
    const { isServed } = stage.holders;
    stage.holders.isServed = (one) => one !== holder && isServed(one);
    await loseDiskOf(stage, holder);
    await world.pass(3_000);
    stage.holders.isServed = isServed;
    await world.until(() => stage.holders.inventory(holder).every(({ lost }) => lost !== undefined), 60_000);
    const missing = async (): Promise<unknown> => {
      const sums = await world.settle(stage.holders.ask(holder, { type: "sums" }, 1_000));
      return sums.ok && (sums.value as HolderSums).at?.missing;
    };
    await world.pass(100);
    expect(await missing()).to.equal(1);
    const healed = await world.settle(at("n1").heal());
    expect(healed.flatMap((one) => ("mended" in one ? [one.mended] : [])).reduce((sum, one) => sum + one, 0)).to.equal(1); // prettier-ignore
    expect(await missing()).to.equal(0);
  });
});
