import { expect } from "chai";
import type { MemberRecord } from "../../../node/ports/index.ts";
import { memberKey } from "../../../node/cluster/facts/records.ts";
import { Cluster, codeOf, slot } from "./fixture.ts";

const replicas = ["a", "b", "c"];

/** The directory is on a node that holds no copy: what is done to the copies does not touch it. */
describe("an owner whose copy fails", () => {
  let cluster: Cluster;
  const begin = async (holders: readonly string[] = replicas) => {
    cluster = new Cluster(1, { trace: true });
    await cluster.start(["d", ...replicas]);
    const log = await cluster.open("a");
    await cluster.want("a", holders);
    await cluster.untilRecord(({ inSync }) => inSync.length === holders.length);
    await cluster.append(log, "one");
    return log;
  };
  const said = (event: string): readonly string[] =>
    (cluster.world.trace ?? []).filter((line) => line.includes(` ${event} `));
  const rot = (name: string): void => {
    const { disk } = cluster.peer(name);
    const key = disk.keys().find((each) => each.startsWith(`log/${slot}/`)) as string;
    expect(disk.flipBit(key, 77)).to.equal(true);
  };

  it("gives the slot away when its disk fails, with everything that was acknowledged", async () => {
    const log = await begin();
    cluster.peer("a").disk.weather.batchErrorChance = 1;
    expect((await cluster.append(log, "lost or not"))?.code).to.equal("APPEND_FAILED");
    const record = await cluster.untilRecord(({ owner }) => owner !== "a");
    expect(record.epoch).to.be.greaterThan(1);
    expect(cluster.peer("a").ended.map(({ code }) => code)).to.deep.equal(["APPEND_FAILED"]);
    const next = await cluster.open(record.owner);
    // The sick disk is out before anything is acknowledged again.
    expect(await cluster.append(next, "two")).to.equal(undefined);
    expect((await cluster.record()).inSync).to.not.include("a");
    const texts = (await cluster.texts(next)).filter((text) => text !== "lost or not");
    expect(texts).to.deep.equal(["one", "two"]);
    cluster.peer("a").disk.weather.batchErrorChance = 0;
    await cluster.untilRecord(({ inSync }) => inSync.includes("a"));
    await cluster.pass(200);
    expect(cluster.rows("a")).to.deep.equal(cluster.rows(record.owner));
  });

  for (const sick of [0.3, 1]) {
    it(`goes on without a replica whose disk refuses writes (${sick})`, async () => {
      const log = await begin();
      cluster.peer("c").disk.weather.batchErrorChance = sick;
      for (let number = 0; number < 20; number += 1) expect(await cluster.append(log, `${number}`)).to.equal(undefined);
      if (sick === 1) expect((await cluster.record()).inSync).to.have.members(["a", "b"]);
      cluster.peer("c").disk.weather.batchErrorChance = 0;
      await cluster.untilRecord(({ inSync }) => inSync.length === 3);
      await cluster.pass(200);
      expect(cluster.rows("c")).to.deep.equal(cluster.rows("a"));
    });
  }

  for (const part of ["log", "side/record", "snap"]) {
    it(`finds the rot in its ${part} when it makes a new copy, instead of passing it on`, async () => {
      const log = await begin(["a", "b"]);
      await cluster.append(log, "two", { side: [{ space: "record", put: "k", value: "kept" }] });
      await cluster.snapshot(log, "pad/x", { folded: 2 });
      // Else the new copy is made of the log alone.
      await cluster.trim(log, log.durableSeq - 1);
      await cluster.pass(100);
      const { disk } = cluster.peer("a");
      expect(disk.flipBit(disk.keys().find((each) => each.startsWith(`${part}/${slot}/`)) as string, 77)).to.equal(
        true,
      );
      await cluster.want("a", replicas);
      const record = await cluster.untilRecord(({ inSync }) => inSync.length === 3);
      expect(record.epoch).to.be.greaterThan(1);
      expect(said("slot.copy.damaged")).to.have.length(1);
      await cluster.pass(200);
      for (const name of ["a", "c"]) expect(cluster.rows(name)).to.deep.equal(cluster.rows("b"));
      const next = await cluster.open(record.owner);
      expect((await cluster.settle(next.recover("pad/x"))).snapshot?.body).to.deep.equal({ folded: 2 });
    });
  }

  it("gives the slot away whose disk failed while the directory was away, once that is back", async () => {
    const log = await begin();
    for (const name of replicas) {
      cluster.network.cut("d", name);
      cluster.network.cut(name, "d");
    }
    await cluster.pass(1_500);
    cluster.peer("a").disk.weather.batchErrorChance = 1;
    expect((await cluster.append(log, "x"))?.code).to.equal("APPEND_FAILED");
    await cluster.pass(1_000);
    cluster.network.heal();
    await cluster.untilRecord(({ owner }) => owner !== "a");
  });

  it("goes on itself after its disk failed when nobody else has the data", async () => {
    const log = await begin(["a"]);
    cluster.peer("a").disk.weather.full = true;
    expect((await cluster.append(log, "lost"))?.code).to.equal("APPEND_FAILED");
    await cluster.pass(300);
    expect((await cluster.record()).owner).to.equal("a");
    cluster.peer("a").disk.weather.full = false;
    const next = await cluster.open("a");
    expect(await cluster.texts(next)).to.deep.equal(["one"]);
    expect(await cluster.append(next, "two")).to.equal(undefined);
  });

  it("lets a replica go on when its data is damaged, and gets a whole copy again", async () => {
    await begin();
    await cluster.append(await cluster.open("a"), "two");
    cluster.kill("a");
    rot("a");
    await cluster.settle(cluster.life("a"));
    // Somebody else first; it is wanted at a, so it is handed back once a has everything again.
    const record = await cluster.untilRecord(
      ({ owner, epoch, inSync }) => epoch > 2 && owner === "a" && inSync.length === 3,
    );
    expect(said("slot.copy.damaged")).to.not.deep.equal([]);
    expect(said("slot.given").filter((line) => line.includes('"applied":true'))).to.have.length(1);
    expect(said("slot.copy.discarded")).to.have.length(1);
    const next = await cluster.open("a");
    expect(next.epoch).to.equal(record.epoch);
    expect(await cluster.texts(next)).to.deep.equal(["one", "two"]);
    expect(await cluster.append(next, "three")).to.equal(undefined);
    await cluster.pass(200);
    for (const name of replicas) expect(cluster.rows(name), name).to.deep.equal(cluster.rows("a"));
  });

  it("gives damaged data away only once a replica in sync is there again", async () => {
    await begin();
    for (const name of replicas) cluster.kill(name);
    rot("a");
    await cluster.settle(cluster.life("a"));
    await cluster.pass(3_000);
    expect((await cluster.record()).owner).to.equal("a");
    await cluster.settle(cluster.life("b"));
    await cluster.untilRecord(({ owner }) => owner === "b");
    expect(await cluster.texts(await cluster.open("b"))).to.deep.equal(["one"]);
  });

  it("gives damaged data to a node that drains when no other has everything", async () => {
    await begin(["a", "b"]);
    const { directory } = cluster.peer("d");
    const row = await cluster.settle(directory.read(memberKey("b")));
    const draining = { ...(row?.value as MemberRecord), state: "draining" };
    await cluster.settle(directory.compareAndSet(memberKey("b"), draining, row?.revision ?? 0));
    cluster.kill("a");
    rot("a");
    await cluster.settle(cluster.life("a"));
    await cluster.untilRecord(({ epoch }) => epoch > 1);
    expect(said("slot.given").filter((line) => line.includes('"to":"b"'))).to.not.deep.equal([]);
    await cluster.untilRecord(({ owner, inSync }) => owner === "a" && inSync.length === 2);
    expect(await cluster.texts(await cluster.open("a"))).to.deep.equal(["one"]);
  });

  it("keeps the last copy although it is damaged, says so, and serves nothing of it", async () => {
    await begin(["a"]);
    cluster.kill("a");
    rot("a");
    const before = cluster.rows("a");
    await cluster.settle(cluster.life("a"));
    expect(await codeOf(cluster.open("a", { once: true }))).to.equal("DATA_DAMAGED");
    await cluster.pass(2_000);
    expect(await codeOf(cluster.open("a", { once: true }))).to.equal("DATA_DAMAGED");
    expect(await cluster.record()).to.deep.include({ owner: "a", inSync: ["a"] });
    expect(cluster.rows("a")).to.deep.equal(before);
    expect(said("slot.copy.damaged")).to.not.deep.equal([]);
    expect(said("slot.copy.discarded")).to.deep.equal([]);
  });

  it("does not give it to a copy that is not in sync", async () => {
    await begin(["a"]);
    await cluster.decree((record) => ({ ...record, learners: ["b"] }));
    cluster.kill("a");
    rot("a");
    await cluster.settle(cluster.life("a"));
    await cluster.pass(2_000);
    expect(await cluster.record()).to.deep.include({ owner: "a", inSync: ["a"] });
  });

  it("serves again after a failure of the directory in the middle of a change", async () => {
    const log = await begin();
    for (const other of replicas) {
      cluster.network.cut("d", other);
      cluster.network.cut(other, "d");
    }
    // Nobody can be removed now, so nothing is acknowledged without c either.
    cluster.kill("c");
    let outcome: unknown = "waits";
    log.append({ atMs: 1, actor: "pad/x", events: [{ text: "two" }], answers: [], side: [] }, (error) => {
      outcome = error?.code ?? "acknowledged";
    });
    await cluster.pass(3_000);
    expect(outcome).to.equal("waits");
    cluster.network.heal();
    await cluster.until(() => outcome !== "waits");
    expect(outcome).to.equal("acknowledged");
    expect((await cluster.record()).inSync).to.have.members(["a", "b"]);
    expect(await cluster.texts(log)).to.deep.equal(["one", "two"]);
  });
});

describe("a slot that was given up", () => {
  it("begins with nothing at the node it was given to, and is a whole slot from then on", async () => {
    const cluster = new Cluster(3);
    await cluster.start(["d", "a", "b"]);
    const log = await cluster.open("a");
    await cluster.append(log, "lost");
    cluster.kill("a");
    await cluster.decree((record) => ({ ...record, epoch: 2, owner: "b", inSync: ["b"], learners: [], abandoned: 2 }));
    const next = await cluster.open("b");
    expect(await cluster.texts(next)).to.deep.equal([]);
    expect(await cluster.append(next, "new")).to.equal(undefined);
    cluster.kill("b");
    await cluster.settle(cluster.life("b"));
    const again = await cluster.open("b");
    expect(again.epoch).to.be.greaterThan(2);
    expect(await cluster.texts(again)).to.deep.equal(["new"]);
  });
});
