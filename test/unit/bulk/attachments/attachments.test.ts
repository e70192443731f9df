import { expect } from "chai";
import { hashOf } from "../../../../node/bulk/blobs/index.ts";
import { holderOf, type Result } from "../../../../protocols/index.ts";
import { World } from "../../../world/index.ts";
import { pathOf } from "../shards/fixture.ts";
import { FilesFixture, lobby, type Posted } from "./fixture.ts";

describe("files of rooms in stripes", () => {
  async function started(nodes: number, places?: readonly string[]) {
    const fixture = new FilesFixture(new World(1), { nodes }, places);
    await fixture.startAll();
    await fixture.create();
    const { world } = fixture;
    const post = async (count: number, node = "n3"): Promise<Posted> => {
      const done: Result<Posted> = await world.settle(fixture.post(node, count), 60_000);
      expect(done.ok, JSON.stringify(done)).to.equal(true);
      return (done as { value: Posted }).value;
    };
    const reads = (posted: Posted): Promise<readonly string[]> =>
      Promise.all(
        fixture.machines
          .filter(({ node }) => fixture.isUp(node))
          .map(({ node }) => world.settle(fixture.readAt(node, posted), 60_000)),
      );
    /** Where copies of each part are. */
    const copies = ({ parts }: Posted): readonly (readonly string[])[] =>
      parts.map((part) => fixture.copiesOf(hashOf(part)));
    /** Shards of stripes on the machines' disks. */
    const shards = (posted: readonly string[]): number => posted.filter((hash) => fixture.isKept(hash)).length;
    return { fixture, world, post, reads, copies, shards };
  }

  it("go there once they are posted, piece by piece, and their copies go: what is one part stays copied", async () => {
    const { fixture, world, post, reads, copies } = await started(6);
    const small = await post(1);
    const large = await post(9);
    await world.pass(8_000);
    expect(
      fixture.stripes().map(({ parts, settled, stripe: { scheme } }) => [parts.length, settled, scheme]),
    ).to.deep.equal([[8, true, { type: "rs", k: 4, m: 2 }]]);
    expect(copies(small)).to.deep.equal([["n1", "n2"]]);
    expect(copies(large)).to.deep.equal([...Array.from({ length: 8 }, () => []), ["n1", "n2"]]);
    expect(await reads(small)).to.deep.equal(Array(6).fill("same"));
    expect(await reads(large)).to.deep.equal(Array(6).fill("same"));
  });

  it("are read while as many holders are dead as the scheme bears, and made whole again", async () => {
    const { fixture, world, post, reads } = await started(6);
    const file = await post(5);
    await world.pass(8_000);
    expect(fixture.stripes().map(({ settled }) => settled)).to.deep.equal([true]);
    fixture.crash("n5");
    fixture.crash("n6");
    expect(await reads(file)).to.deep.equal(Array(4).fill("same"));
    fixture.wipe("n5");
    fixture.wipe("n6");
    await world.settle(fixture.start("n5"));
    await world.settle(fixture.start("n6"));
    await world.pass(30_000);
    fixture.crash("n3");
    fixture.crash("n4");
    expect(await reads(file)).to.deep.equal(Array(4).fill("same"));
  });

  it("are released when their message is gone, and no holder has them after the grace", async () => {
    const { fixture, world, post, copies, shards } = await started(6);
    const [gone, stays] = [await post(5), await post(5)];
    await world.pass(8_000);
    const hashes = fixture
      .stripes()
      .filter(({ parts }) => parts.includes(hashOf(gone.parts[0] as Uint8Array)))
      .flatMap(({ stripe }) => stripe.shards.map(({ hash }) => hash));
    expect(shards(hashes)).to.equal(6);
    expect((await world.settle(fixture.remove(gone))).ok).to.equal(true);
    await world.pass(60_000);
    expect(shards(hashes)).to.equal(0);
    expect(copies(gone).flat()).to.deep.equal([]);
    expect(fixture.stripes()).to.have.length(1);
    expect(await world.settle(fixture.readAt("n4", stays))).to.equal("same");
    const left = fixture
      .all()
      .filter((actor) => actor !== lobby)
      .flatMap((holder) => fixture.holders.inventory(holder));
    expect(left.filter(({ stripe }) => stripe.shards.some(({ hash }) => hashes.includes(hash)))).to.deep.equal([]);
  });

  it("that a node kept for a message which was deleted meanwhile are found and released by the holders' nodes", async () => {
    const { fixture, world, shards } = await started(6);
    const stripes = fixture.machine("n2").shards?.stripes;
    const put = await world.settle(
      stripes?.put(
        Uint8Array.from({ length: 9_000 }, (_, at) => at & 0xff),
        { class: "attachment", owner: lobby, lifeMs: 20_000 },
      ) as Promise<Result<never>>,
    );
    const { value: stripe } = put as unknown as {
      readonly value: { readonly shards: readonly { readonly hash: string }[] };
    };
    await world.settle(stripes?.keep(stripe as never, lobby) as Promise<unknown>);
    const hashes = stripe.shards.map(({ hash }) => hash);
    expect(shards(hashes)).to.equal(6);
    await world.pass(60_000);
    expect(shards(hashes)).to.equal(0);
  });

  it("stay copied where stripes would bear fewer losses than the copies, or there are none", async () => {
    for (const [nodes, places] of [
      [1, ["n1"]],
      [2, ["n1", "n2", "n3"]],
    ] as const) {
      const world = new World(1);
      const fixture = new FilesFixture(world, { nodes: Math.max(nodes, places.length), width: nodes }, places);
      await fixture.startAll();
      await fixture.create();
      const done = await world.settle(fixture.post("n1", 9), 60_000);
      expect(done.ok, JSON.stringify(done)).to.equal(true);
      await world.pass(20_000);
      expect(fixture.stripes()).to.deep.equal([]);
      const { parts } = (done as { value: Posted }).value;
      expect(parts.map((part) => fixture.copiesOf(hashOf(part)))).to.deep.equal(parts.map(() => places));
    }
  });

  it("wait until every member reads stripes", async () => {
    const { fixture, world, post, copies } = await started(6);
    fixture.old.add("n4");
    const file = await post(3);
    await world.pass(10_000);
    expect(copies(file)).to.deep.equal(Array(3).fill(["n1", "n2"]));
    fixture.old.delete("n4");
    await world.pass(10_000);
    expect(copies(file).flat()).to.deep.equal([]);
  });

  it("are not held up by one of which a part is nowhere", async () => {
    const { fixture, world, post } = await started(6, ["n1"]);
    fixture.old.add("n4");
    const [lost, other] = [await post(3), await post(3)];
    fixture.beside("n1").disk.flipBit(pathOf(hashOf(lost.parts[0] as Uint8Array)), 100);
    fixture.old.delete("n4");
    await world.pass(4_000);
    expect(fixture.stripes().map(({ parts, settled }) => [parts[0], settled])).to.deep.equal([
      [hashOf(other.parts[0] as Uint8Array), true],
    ]);
  });

  it("keep their copies until each shard is at its holder", async () => {
    const { fixture, world, post, copies, reads } = await started(6);
    // One of the disks takes nothing: a stripe is acknowledged without it.
    fixture.machine("n5").files.weather.full = true;
    const file = await post(4);
    await world.pass(8_000);
    expect(fixture.stripes().map(({ settled }) => settled)).to.deep.equal([undefined]);
    expect(copies(file)).to.deep.equal(Array(4).fill(["n1", "n2"]));
    fixture.machine("n5").files.weather.full = false;
    await world.pass(20_000);
    expect(fixture.stripes().map(({ settled }) => settled)).to.deep.equal([true]);
    expect(copies(file).flat()).to.deep.equal([]);
    expect(await reads(file)).to.deep.equal(Array(6).fill("same"));
  });

  it("are looked for in the stripe where a copy has rotted, and nothing is read as something else", async () => {
    const { fixture, world, post } = await started(6, ["n1"]);
    const file = await post(4);
    await world.pass(8_000);
    expect(fixture.stripes().map(({ settled }) => settled)).to.deep.equal([true]);
    // Two shards rot: their holders find out when they are read.
    const [{ stripe }] = fixture.stripes() as [ReturnType<FilesFixture["stripes"]>[number]];
    for (const { index, hash } of stripe.shards.slice(0, 2))
      fixture.machine(fixture.ownerOf(holderOf("g", index))).files.flipBit(pathOf(hash), 200);
    for (const { node } of fixture.machines) expect(await world.settle(fixture.readAt(node, file))).to.equal("same");
  });
});
