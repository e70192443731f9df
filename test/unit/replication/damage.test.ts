import { expect } from "chai";
import type { NodeId, SlotRecord } from "../../../node/ports/index.ts";
import { Cluster, entry, slot } from "./fixture.ts";

const all = ["a", "b", "c"];

/** Rot that nobody has read yet, in a copy that is in use. The directory is on a node that holds none. */
describe("rot that is met on the way", () => {
  let cluster: Cluster;
  const begin = async (holders: readonly NodeId[]) => {
    cluster = new Cluster(3);
    await cluster.start(["d", ...holders]);
    const log = await cluster.open("a");
    await cluster.want("a", holders);
    await cluster.untilRecord(({ inSync }) => inSync.length === holders.length);
    return log;
  };
  const leave = async (name: NodeId): Promise<void> => {
    cluster.kill(name);
    await cluster.untilRecord(({ inSync }) => !inSync.includes(name));
  };
  const logKeys = (name: NodeId): readonly string[] => Object.keys(cluster.rows(name, /^log\//));
  const rot = (name: NodeId, key = "", how: "rotten" | "lost" = "rotten"): void => {
    const { disk } = cluster.peer(name);
    expect(disk.get(key), key).to.not.equal(undefined);
    if (how === "lost") disk.lose(key);
    else disk.flipBit(key, 77);
  };
  const incarnationOf = async (name: NodeId): Promise<number> =>
    (await cluster.settle(cluster.peer(name).journal.openSlot(slot))).incarnation;
  /** Copies that are begun anew from now on: by whom, and whose. */
  const begunAnew = (): readonly (readonly [NodeId, NodeId])[] => {
    const begun: (readonly [NodeId, NodeId])[] = [];
    cluster.network.watch({
      received: (from, to, _, message) =>
        void ((message as [string])[0] === "transfer.begin" && begun.push([from, to])),
    });
    return begun;
  };

  for (const how of ["rotten", "lost"] as const) {
    it(`at the end of a longer copy costs that copy its place, and the new owner nothing that was acknowledged (${how})`, async () => {
      const log = await begin(all);
      const texts = ["one", "two", "three"];
      for (const text of texts) expect(await cluster.append(log, text)).to.equal(undefined);
      // c has it, b has not: it is acknowledged to nobody.
      cluster.network.cut("a", "b");
      log.append(entry("tail"), () => undefined);
      await cluster.until(() => logKeys("c").length === 4);
      cluster.kill("a");
      rot("c", logKeys("c").at(-1), how);
      cluster.network.heal();
      const before = await incarnationOf("b");
      await cluster.failover("b");
      const next = await cluster.open("b");
      expect(next.epoch).to.equal(2);
      expect(await cluster.texts(next)).to.deep.equal(texts);
      expect((await cluster.record()).inSync).to.deep.equal(["b"]);
      expect(await cluster.append(next, "four")).to.equal(undefined);
      await cluster.untilRecord(({ inSync }) => inSync.includes("c"));
      await cluster.pass(100);
      expect(await cluster.record()).to.deep.include({ owner: "b", epoch: 2, inSync: ["b", "c"] });
      expect(cluster.rows("c")).to.deep.equal(cluster.rows("b"));
      expect(await incarnationOf("b")).to.equal(before);
      expect(await cluster.texts(next)).to.deep.equal([...texts, "four"]);
    });

    it(`in the owner's log ends its service before a copy in sync that lacks it is left out (${how})`, async () => {
      const log = await begin(["a", "b"]);
      await cluster.append(log, "one");
      cluster.network.cut("a", "b");
      const outcome = new Promise((resolve) => log.append(entry("tail"), (error) => resolve(error?.code)));
      await cluster.until(() => logKeys("a").length === 2);
      rot("a", logKeys("a").at(-1), how);
      cluster.network.break("a", "b");
      await cluster.pass(5);
      cluster.network.heal();
      expect(await cluster.settle(outcome)).to.equal("DATA_DAMAGED");
      // It is wanted at a, so it is handed back once a has everything again.
      await cluster.untilRecord(({ owner, epoch, inSync }) => owner === "a" && epoch > 1 && inSync.length === 2);
      expect(cluster.peer("b").owned).to.include(slot);
      const next = await cluster.open("a");
      expect(await cluster.texts(next)).to.deep.equal(["one"]);
      expect(await cluster.append(next, "two")).to.equal(undefined);
      await cluster.pass(100);
      expect(cluster.rows("a")).to.deep.equal(cluster.rows("b"));
    });
  }

  for (const { what, trims } of [
    { what: "what a copy lacks", trims: false },
    { what: "the log that a copy too far back needs", trims: true },
  ]) {
    it(`in ${what} ends the owner's service before that copy is thrown away, and whoever is whole goes on`, async () => {
      const log = await begin(all);
      for (const text of ["one", "two"]) await cluster.append(log, text);
      await leave("b");
      for (const text of ["three", "four", "five"]) await cluster.append(log, text);
      if (trims) {
        await cluster.snapshot(log, "pad/x", { folded: log.durableSeq });
        for (const text of ["six", "seven"]) await cluster.append(log, text);
        await cluster.trim(log, log.durableSeq - 1);
      }
      await cluster.pass(100);
      rot("a", logKeys("a").at(-1));
      const begun = begunAnew();
      await cluster.life("b");
      await cluster.untilRecord(({ owner }) => owner === "c");
      expect(cluster.peer("a").ended.map(({ code }) => code)).to.deep.equal(["DATA_DAMAGED"]);
      // It is wanted at a, so it is handed back once a has everything again.
      await cluster.untilRecord(({ owner, inSync }) => owner === "a" && inSync.length === 3);
      await cluster.pass(100);
      expect(begun).to.have.deep.members([...(trims ? [["c", "b"]] : []), ["c", "a"]]);
      for (const name of all) expect(cluster.rows(name), name).to.deep.equal(cluster.rows("c"));
      const texts = await cluster.texts(await cluster.open("a"));
      expect(texts).to.deep.equal(trims ? ["six", "seven"] : ["one", "two", "three", "four", "five"]);
    });
  }

  it("in a stored snapshot of a copy that has to trim is damage: it leaves the set, heals, and trims as its owner", async () => {
    const log = await begin(["a", "b"]);
    await cluster.append(log, "one");
    await cluster.snapshot(log, "pad/x", { folded: 1 });
    await cluster.pass(100);
    rot("b", `snap/${slot}/pad/x`);
    // Its log is read anew, and does not say what snapshots have made needless.
    await leave("b");
    await cluster.life("b");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    const before = await incarnationOf("b");
    const round = async (number: number): Promise<void> => {
      for (let index = 0; index < 10; index += 1) await cluster.append(log, `${number}.${index}`, { actor: "pad/y" });
      await cluster.snapshot(log, "pad/y", { number });
      await cluster.trim(log, log.durableSeq - 2);
      await cluster.append(log, "next", { actor: "pad/y" });
      await cluster.pass(50);
    };
    const begun = begunAnew();
    await round(1);
    await cluster.until(() => begun.length > 0);
    for (let number = 2; number < 5; number += 1) await round(number);
    await cluster.untilRecord(({ inSync }) => inSync.includes("b"));
    expect(await incarnationOf("b")).to.be.greaterThan(before);
    for (let number = 5; number < 8; number += 1) {
      await round(number);
      expect(cluster.rows("b")).to.deep.equal(cluster.rows("a"));
    }
    expect(logKeys("b").length).to.be.below(10);
  });

  it("in a learner takes it out of the record before it is thrown away: no change that is on its way can add it", async () => {
    const log = await begin(["a", "b"]);
    await cluster.append(log, "one");
    await leave("b");
    rot("b", logKeys("b").at(-1));
    const rows: string[] = [];
    cluster.peer("d").directory.watch(`slot/${slot}`, {
      reset: () => undefined,
      changed: ({ value }) => {
        const { inSync, learners } = value as SlotRecord;
        rows.push(`${inSync.join()} ${learners.join()}`.trim());
      },
      removed: () => undefined,
      stale: () => undefined,
    });
    await cluster.life("b");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    expect(rows).to.deep.equal(["a", "a b", "a,b"]);
    expect(cluster.rows("b")).to.deep.equal(cluster.rows("a"));
  });
});
