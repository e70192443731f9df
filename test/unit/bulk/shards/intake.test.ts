import { expect } from "chai";
import { hashOf } from "../../../../node/bulk/blobs/index.ts";
import type { Exchange } from "../../../../node/cluster/exchange/index.ts";
import type { SlotTable } from "../../../../node/cluster/facts/slot-table.ts";
import type { Membership, OwnedBlobs, Stripes } from "../../../../node/ports/index.ts";
import type { ShardPorts } from "../../../../node/bulk/shards/parts.ts";
import { createIntake } from "../../../../node/bulk/shards/intake.ts";
import { failure, holderOf, ownSlot, refused, type Result } from "../../../../protocols/index.ts";
import { quietLog, quietMeter } from "../../../fixtures/quiet.ts";
import { simulatedClock, World } from "../../../world/index.ts";
import { Fixture } from "./fixture.ts";

const codeOf = (result: Result<unknown>): string => (result.ok ? "ok" : result.error.code);

describe("the intake of shards", () => {
  /** That of a node, spoken to as other nodes do. */
  async function intake(guest?: ShardPorts["guest"]) {
    const world = new World(1);
    const fixture = new Fixture(world, { nodes: 1 });
    await fixture.startAll();
    const { node, owned, pulse } = fixture.machine("n1");
    const taking = createIntake({
      node,
      owned: owned as OwnedBlobs,
      exchange: { on: () => undefined } as unknown as Exchange,
      table: { get: () => ({ record: fixture.recordOf(holder), revision: 1 }) } as unknown as SlotTable,
      membership: {} as Membership,
      clock: simulatedClock(world, { offsetMs: 0 }, pulse),
      random: { number: () => 0.5, bytes: (count) => new Uint8Array(count) },
      log: quietLog,
      meter: quietMeter,
      limits: fixture.limits,
      ask: () => Promise.resolve(refused(failure("NOT_FOUND"))),
      groups: () => [fixture.group],
      signer: { sign: () => Promise.resolve(new Uint8Array(64)), isSigned: () => Promise.resolve(true) },
      ...(guest !== undefined && { guest }),
    });
    const bytes = new Uint8Array(200_000).fill(7);
    const hash = hashOf(bytes);
    const begin = (from: string) =>
      world.settle(taking.call("shard.begin", { upload: "a", holder, hash, sizeBytes: bytes.length }, from));
    const chunk = (from: string, start: number, end: number) =>
      world.settle(taking.call("shard.chunk", { upload: "a", start, bytes: bytes.subarray(start, end) }, from));
    return { world, limits: fixture.limits, bytes, begin, chunk };
  }
  const holder = holderOf("g", 0);

  it("gives an upload up that never ends, so that another one can bring the bytes", async () => {
    const { world, limits, bytes, begin, chunk } = await intake();
    const least = limits.chunkBytesMin;
    expect(codeOf(await begin("n2"))).to.equal("ok");
    const startedMs = world.nowMs;
    let at = 0;
    // Never idle for as long as it may be.
    while (codeOf(await chunk("n2", at, at + least)) === "ok" && at < 60 * least) {
      at += least;
      await world.pass(limits.uploadIdleMs / 2);
    }
    expect(world.nowMs - startedMs).to.be.within(limits.uploadMsMax, limits.uploadMsMax + limits.uploadIdleMs);
    expect(codeOf(await begin("n3"))).to.equal("ok");
    expect(codeOf(await chunk("n3", 0, bytes.length))).to.equal("ok");
  });

  it("lets a shard of another node wait until people have room for it, and not its own", async () => {
    const turns: (() => void)[] = [];
    const { bytes, begin, chunk } = await intake(async (work) => {
      await new Promise<void>((resolve) => void turns.push(resolve));
      return work();
    });
    const begun: string[] = [];
    const other = begin("n2").then((result) => void begun.push(codeOf(result)));
    // Nobody else brings the same bytes meanwhile.
    expect(codeOf(await begin("n3"))).to.equal("OVERLOADED");
    expect(begun).to.deep.equal([]);
    turns[0]?.();
    await other;
    expect(begun).to.deep.equal(["ok"]);
    expect(codeOf(await chunk("n2", 0, bytes.length))).to.equal("ok");
    const own = await intake(() => new Promise(() => undefined));
    expect(codeOf(await own.begin("n1"))).to.equal("ok");
  });

  it("lets nothing wait that its holder's owner sends ahead of the holder", async () => {
    const world = new World(1);
    const fixture = new Fixture(world, { nodes: 3 });
    let waited = 0;
    fixture.guests.set("n2", { guest: () => ((waited += 1), new Promise(() => undefined)) });
    await fixture.startAll();
    const holder = holderOf("g", 0);
    const stripes = fixture.machine("n1").shards?.stripes as Stripes;
    void stripes.put(new Uint8Array(20_000).fill(3), { class: "test", owner: "user/ada" });
    await world.pass(2_000);
    expect(waited, "n2 has its share of the put waiting").to.equal(1);
    expect([fixture.ownerOf(holder), fixture.holders.inventory(holder).length]).to.deep.equal(["n1", 1]);
    fixture.change(holder, { want: { owner: "n2", replicas: ["n2"] } });
    const mayGo = (): boolean => fixture.machine("n1").shards?.mayHandOver(ownSlot(holder), "n2") === true;
    await world.until(mayGo, 60_000);
    const [held] = fixture.holders.inventory(holder);
    const hash = held?.stripe.shards[held.shard]?.hash ?? "";
    expect(fixture.isKept(hash)).to.equal(true);
    expect(fixture.machine("n2").owned?.isFor(hash, holder)).to.equal(true);
    expect(waited).to.equal(1);
  });

  it("takes no chunk that is very small, but the last one", async () => {
    const { limits, bytes, begin, chunk } = await intake();
    expect(codeOf(await begin("n2"))).to.equal("ok");
    expect(codeOf(await chunk("n2", 0, limits.chunkBytesMin - 1))).to.equal("BAD_REQUEST");
    expect(codeOf(await begin("n2"))).to.equal("ok");
    expect(codeOf(await chunk("n2", 0, bytes.length - 1))).to.equal("ok");
    expect(codeOf(await chunk("n2", bytes.length - 1, bytes.length))).to.equal("ok");
  });
});
