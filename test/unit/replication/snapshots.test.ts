import { expect } from "chai";
import type { NodeId } from "../../../node/ports/index.ts";
import { readSlot } from "../../../node/cluster/facts/records.ts";
import type { SlotId } from "../../../protocols/index.ts";
import { Cluster } from "./fixture.ts";

const all = ["a", "b", "c"];
const large = "x".repeat(10_000);

describe("a snapshot", () => {
  let cluster: Cluster;
  const begin = async (seed = 1) => {
    cluster = new Cluster(seed, { limits: { inlineSnapshotBytesMax: 1_000, partBytesMax: 700 } });
    await cluster.start(all);
    const log = await cluster.open("a");
    await cluster.want("a", all);
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    await cluster.append(log, "one");
    return log;
  };

  it("that is too large for an append reaches the replicas all the same", async () => {
    const log = await begin();
    await cluster.snapshot(log, "pad/x", { large });
    await cluster.pass(500);
    for (const name of all) expect(cluster.rows(name), name).to.deep.equal(cluster.rows("a"));
  });

  it("that is large reaches the replicas while appends go on, and lets them trim", async () => {
    const log = await begin();
    for (let round = 0; round < 10; round += 1) {
      const folded = cluster.snapshot(log, "pad/x", { round, large });
      for (let number = 0; number < 10; number += 1) await cluster.append(log, `${number}`, { actor: "pad/y" });
      await folded;
      await cluster.append(log, "next");
    }
    await cluster.snapshot(log, "pad/x", { round: 10, large });
    await cluster.snapshot(log, "pad/y", { large });
    for (let number = 0; number < 100; number += 1) await cluster.append(log, `${number}`, { actor: "pad/z" });
    await cluster.trim(log, log.durableSeq - 10);
    await cluster.append(log, "last", { actor: "pad/z" });
    await cluster.pass(500);
    const snapshots = /^snap\//;
    for (const name of all) expect(cluster.rows(name, snapshots), name).to.deep.equal(cluster.rows("a", snapshots));
  });

  it("that is large is whole although its sending was broken off", async () => {
    const log = await begin();
    for (let round = 0; round < 8; round += 1) {
      await cluster.snapshot(log, "pad/x", { round, large });
      await cluster.pass(round);
      cluster.network.break("a", "c");
      await cluster.append(log, "next");
    }
    await cluster.snapshot(log, "pad/x", { last: large });
    await cluster.append(log, "last");
    await cluster.pass(500);
    for (const name of all) expect(cluster.rows(name), name).to.deep.equal(cluster.rows("a"));
  });

  /** What the nodes hold that count as in sync for the slot that an actor was given. */
  const holdings = async (): Promise<ReadonlyMap<NodeId, Record<string, string>>> => {
    const row = await cluster.settle(readSlot(cluster.peer("a").directory, "pad/x" as SlotId));
    const own = /^(snap|side)\/.*pad\/x(\/|$)/;
    return new Map(row?.record.inSync.map((name) => [name, cluster.rows(name, own)]));
  };

  it("that is large goes with its actor into a slot of its own, on every replica", async () => {
    const log = await begin();
    log.snapshot("pad/x", log.lastSeq, { large }, () => undefined);
    await cluster.settle(log.split("pad/x"));
    await cluster.pass(500);
    const held = await holdings();
    expect([...held.keys()]).to.have.members(all);
    for (const [name, rows] of held) {
      expect(Object.keys(rows), name).to.deep.equal(["snap/pad/x/pad/x"]);
      expect(rows, name).to.deep.equal(held.get("a"));
    }
  });

  for (let seed = 1; seed <= 10; seed += 1) {
    it(`goes with its actor to whoever counts as in sync, also when a connection breaks meanwhile (${seed})`, async () => {
      const log = await begin(seed);
      await cluster.append(log, "two", { side: [{ space: "record", put: "k", value: 1 }] });
      cluster.network.break("a", "c");
      await cluster.pass(seed / 2);
      log.snapshot("pad/x", log.lastSeq, { seed, large: seed % 2 === 0 ? large : "" }, () => undefined);
      const outcome = await cluster.settle(
        log.split("pad/x").then(
          () => "split",
          () => "refused",
        ),
      );
      await cluster.pass(500);
      const held = await holdings();
      if (outcome === "split") expect([...held.keys()]).to.include("a");
      for (const [name, rows] of held) {
        expect(Object.keys(rows), name).to.have.members(["snap/pad/x/pad/x", "side/record/pad/x/pad/x/k"]);
        expect(rows, name).to.deep.equal(held.get("a"));
      }
    });
  }
});
