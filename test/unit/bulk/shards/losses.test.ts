import { expect } from "chai";
import fc from "fast-check";
import { headerBytes } from "../../../../node/bulk/shards/coding/index.ts";
import { readShard } from "../../../../node/bulk/shards/coding/header.ts";
import { survivesZone } from "../../../../node/bulk/shards/coding/choose.ts";
import type { NodeId, Stripes } from "../../../../node/ports/index.ts";
import { holderOf, shardsOf, type Result, type StripeRef } from "../../../../protocols/index.ts";
import { depth } from "../../../depth.ts";
import { World } from "../../../world/index.ts";
import { pathOf, Fixture } from "./fixture.ts";

const someBytes = (length: number, salt: number): Uint8Array =>
  Uint8Array.from({ length }, (_, at) => (at * 31 + salt * 17 + (at >> 8)) & 0xff);
/** A node that was started is connected with the others by then, as in `Fixture.startAll`. */
const connectedMs = 300;
const runs = { numRuns: depth(12, 300) };

/** A cluster with one stripe, whose shards are all in their places. */
async function fixtureWith(seed: number, nodes: number, zones?: ReadonlyMap<NodeId, string>) {
  const fixture = new Fixture(new World(seed), { nodes, ...(zones && { zones }) });
  await fixture.startAll();
  const { world } = fixture;
  const at = (node: NodeId): Stripes => fixture.machine(node).shards?.stripes as Stripes;
  const put = async (bytes: Uint8Array): Promise<StripeRef> => {
    const done = await world.settle(at("n1").put(bytes, { class: "test", owner: "user/ada" }));
    if (!done.ok) throw new Error(JSON.stringify(done.error));
    await world.pass(1_000);
    return done.value;
  };
  const ownerOf = ({ index }: StripeRef["shards"][number]): NodeId => fixture.ownerOf(holderOf("g", index));
  const read = (ref: StripeRef, node: NodeId): Promise<Result<Uint8Array>> => world.settle(at(node).read(ref));
  const someoneUp = (): NodeId | undefined => fixture.machines.find(({ pulse }) => pulse.alive)?.node;
  return { fixture, world, put, read, ownerOf, someoneUp };
}

/** Right bytes, or the code of the refusal: never anything else. */
function outcome(answer: Result<Uint8Array>, bytes: Uint8Array): string {
  if (!answer.ok) return answer.error.code;
  expect(Buffer.compare(answer.value, bytes), "wrong bytes were given for right ones").to.equal(0);
  return "read";
}

describe("losses of shards", () => {
  it("of a whole zone are survived exactly where no zone has more shards than may be lost, and are told where they are not", async () => {
    const scene = fc.record({
      seed: fc.integer({ min: 1, max: 1e6 }),
      zoneOf: fc.array(fc.constantFrom("north", "east", "south", "west"), { minLength: 3, maxLength: 9 }),
      lost: fc.constantFrom("north", "east", "south", "west"),
    });
    await fc.assert(
      fc.asyncProperty(scene, async ({ seed, zoneOf, lost }) => {
        const zones = new Map<NodeId, string>(zoneOf.map((zone, index) => [`n${index + 1}`, zone]));
        const { fixture, put, read, ownerOf, someoneUp } = await fixtureWith(seed, zoneOf.length, zones);
        const bytes = someBytes(9_000, seed);
        const ref = await put(bytes);
        const inZone = ref.shards.filter((shard) => zones.get(ownerOf(shard)) === lost).length;
        const { all, enough } = shardsOf(ref.scheme);
        for (const [node, zone] of zones) if (zone === lost) fixture.crash(node);
        const reader = someoneUp();
        if (reader === undefined) return;
        expect(outcome(await read(ref, reader), bytes)).to.equal(inZone <= all - enough ? "read" : "SLOT_UNAVAILABLE");
        const holders = ref.shards.map((shard) => ({
          node: ownerOf(shard),
          zone: zones.get(ownerOf(shard)) as string,
        }));
        if (survivesZone(ref.scheme, holders)) expect(inZone).to.be.at.most(all - enough);
      }),
      runs,
    );
  });

  it("by rot, cuts and old or other shards in their places are read around up to m, beyond it refused; no wrong byte is given", async () => {
    const scene = fc.record({
      seed: fc.integer({ min: 1, max: 1e6 }),
      nodes: fc.integer({ min: 2, max: 9 }),
      size: fc.integer({ min: 1, max: 20_000 }),
      harm: fc.array(fc.constantFrom("none", "flip", "cut", "old", "other" as const), { minLength: 9, maxLength: 9 }),
    });
    await fc.assert(
      fc.asyncProperty(scene, async ({ seed, nodes, size, harm }) => {
        const { fixture, put, read, ownerOf } = await fixtureWith(seed, nodes);
        // A former version of the same thing, of the same length: its shards are good, and of another stripe.
        const before = await put(someBytes(size, seed + 1));
        const bytes = someBytes(size, seed);
        const ref = await put(bytes);
        let hurt = 0;
        for (const [place, shard] of ref.shards.entries()) {
          const { files } = fixture.machine(ownerOf(shard));
          const path = pathOf(shard.hash);
          const oldShard = before.shards
            .map(({ hash }) => files.contentOf(pathOf(hash)))
            .find((one) => one !== undefined);
          const how = harm[place];
          if (how === "flip") files.flipBit(path, (seed * 131) % (shard.sizeBytes * 8));
          else if (how === "cut") files.truncate(path, seed % shard.sizeBytes);
          else if (how === "old" && oldShard !== undefined) files.exchange(path, oldShard);
          else if (how === "other") files.exchange(path, someBytes(headerBytes + size, place));
          else continue;
          hurt += 1;
        }
        const { all, enough } = shardsOf(ref.scheme);
        const said = outcome(await read(ref, "n1"), bytes);
        expect(said).to.equal(hurt <= all - enough ? "read" : "STRIPE_LOST");
      }),
      runs,
    );
  });

  it("by nodes that come and go lose nothing while no more are away than may be lost, and all is whole when they stay", async () => {
    const scene = fc.record({
      seed: fc.integer({ min: 1, max: 1e6 }),
      nodes: fc.integer({ min: 3, max: 8 }),
      steps: fc.array(fc.record({ node: fc.nat(7), passMs: fc.integer({ min: 0, max: 900 }) }), {
        minLength: 4,
        maxLength: 14,
      }),
    });
    await fc.assert(
      fc.asyncProperty(scene, async ({ seed, nodes, steps }) => {
        const { fixture, world, put, read, someoneUp } = await fixtureWith(seed, nodes);
        const bytes = someBytes(6_000, seed);
        const ref = await put(bytes);
        const { all, enough } = shardsOf(ref.scheme);
        for (const { node: drawn, passMs } of steps) {
          const node = `n${(drawn % nodes) + 1}`;
          const away = fixture.machines.filter(({ pulse }) => !pulse.alive).length;
          if (!fixture.isUp(node)) {
            await world.settle(fixture.start(node));
            // Until it is connected with the others it is away still, and they are from it.
            await world.pass(connectedMs);
          } else if (away < Math.min(all - enough, nodes - 1)) fixture.crash(node);
          await world.pass(passMs);
          expect(outcome(await read(ref, someoneUp() as NodeId), bytes)).to.equal("read");
        }
        for (const { node } of fixture.machines) if (!fixture.isUp(node)) await world.settle(fixture.start(node));
        await world.pass(5_000);
        for (const { hash } of ref.shards) {
          const kept = fixture.machines.flatMap(({ files }) => files.contentOf(pathOf(hash)) ?? []);
          expect(kept.some((file) => readShard(file.subarray(0, ref.shards[0]?.sizeBytes)).ok)).to.equal(true);
        }
      }),
      { numRuns: depth(3, 60) },
    );
  });
});
