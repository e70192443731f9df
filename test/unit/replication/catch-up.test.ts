import { expect } from "chai";
import type { NodeId } from "../../../node/ports/index.ts";
import { journalLimits } from "../../../node/storage/limits.ts";
import { Cluster, entry, slot } from "./fixture.ts";

const all = ["a", "b", "c"];

describe("a copy that lacks something", () => {
  let cluster: Cluster;
  const begin = async (options?: ConstructorParameters<typeof Cluster>[1]) => {
    cluster = new Cluster(1, options);
    await cluster.start(all);
    const log = await cluster.open("a");
    await cluster.want("a", all);
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    return log;
  };
  const incarnationOf = async (name: NodeId): Promise<number> =>
    (await cluster.settle(cluster.peer(name).journal.openSlot(slot))).incarnation;
  /** Bytes of rows that arrive at a node from now on. */
  const countRows = (name: NodeId): (() => number) => {
    let bytes = 0;
    cluster.network.watch({
      received: (_, to, __, message) => {
        const [what, , body] = message as [string, number, { data?: Uint8Array }];
        if (to === name && what === "transfer.rows") bytes += body.data?.length ?? 0;
      },
    });
    return () => bytes;
  };
  const same = (name: NodeId): void => expect(cluster.rows(name)).to.deep.equal(cluster.rows("a")) as unknown as void;

  it("gets it from the owner's log after a broken connection, and stays in sync", async () => {
    const log = await begin();
    const bytes = countRows("c");
    for (let round = 0; round < 5; round += 1) {
      cluster.network.break("a", "c");
      for (let number = 0; number < 10; number += 1)
        expect(await cluster.append(log, `${round}.${number}`)).to.equal(undefined);
    }
    await cluster.pass(200);
    same("c");
    expect(bytes()).to.equal(0);
    expect((await cluster.record()).inSync).to.have.members(all);
  });

  it("gets it from the owner's log after it was away, as long as the log has it", async () => {
    const log = await begin({ limits: { catchUpBytesMax: 200, catchUpUnackedBytesMax: 600, unackedBytesMax: 600 } });
    const before = await incarnationOf("c");
    const bytes = countRows("c");
    cluster.kill("c");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    for (let number = 0; number < 60; number += 1) await cluster.append(log, `${number}`);
    await cluster.settle(cluster.life("c"));
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    for (let number = 60; number < 70; number += 1) await cluster.append(log, `${number}`);
    await cluster.pass(200);
    same("c");
    expect(bytes()).to.equal(0);
    expect(await incarnationOf("c")).to.equal(before);
  });

  it("gets a new copy when the owner's log was trimmed meanwhile", async () => {
    const log = await begin({ limits: { partBytesMax: 300 } });
    await cluster.append(log, "side", { side: [{ space: "record", put: "k", value: "kept" }] });
    const before = await incarnationOf("c");
    cluster.kill("c");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    for (let number = 0; number < 30; number += 1) await cluster.append(log, `${number}`);
    expect(await cluster.snapshot(log, "pad/x", { folded: 31 })).to.equal(undefined);
    expect(await cluster.trim(log, log.durableSeq)).to.equal(undefined);
    expect(log.length).to.be.at.most(1);
    await cluster.settle(cluster.life("c"));
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    await cluster.append(log, "after");
    await cluster.pass(200);
    same("c");
    expect(await incarnationOf("c")).to.equal(before + 1);
  });

  it("gets a new copy also while the owner writes and trims on", async () => {
    const log = await begin({ limits: { partBytesMax: 200 } });
    cluster.kill("c");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    let number = 0;
    const work = async (): Promise<void> => {
      for (let turns = 0; turns < 5; turns += 1) {
        const side = [{ space: "record" as const, put: `k${number % 40}`, value: "x".repeat(100) }];
        await cluster.append(log, `${(number += 1)}`, { side });
      }
      await cluster.snapshot(log, "pad/x", { folded: number });
      await cluster.trim(log, log.durableSeq);
    };
    for (let round = 0; round < 10; round += 1) await work();
    await cluster.settle(cluster.life("c"));
    for (let round = 0; round < 60 && (await cluster.record()).inSync.length < 3; round += 1) await work();
    expect((await cluster.record()).inSync).to.have.members(all);
    await work();
    await cluster.pass(200);
    const sides = /^(snap|side)\//;
    expect(cluster.rows("c", sides)).to.deep.equal(cluster.rows("a", sides));
    await cluster.want("c", all);
    await cluster.untilRecord(({ owner }) => owner === "c");
    const next = await cluster.open("c");
    expect((await cluster.settle(next.recover("pad/x"))).snapshot?.body).to.deep.equal({ folded: number });
  });

  it("is not sent again what it already has when its transfer is broken off", async () => {
    const log = await begin({ limits: { partBytesMax: 1_000, leavesPerQuestionMax: 2 } });
    // Enough for dozens of leaves.
    for (let number = 0; number < 60; number += 1) {
      const side = Array.from({ length: 40 }, (_, index) => ({
        space: "record" as const,
        put: `k${number}.${index}`,
        value: "x".repeat(200),
      }));
      await cluster.append(log, `${number}`, { side });
    }
    await cluster.snapshot(log, "pad/x", { folded: 60 });
    await cluster.trim(log, log.durableSeq);
    cluster.kill("c");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    const { disk } = cluster.peer("c");
    for (const [key] of disk.range({ gte: "", lt: "~" })) if (!key.startsWith("meta/")) disk.lose(key);
    const bytes = countRows("c");
    await cluster.settle(cluster.life("c"));
    await cluster.until(() => bytes() > 300_000);
    const first = bytes();
    cluster.network.break("a", "c");
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    await cluster.pass(200);
    same("c");
    const whole = Object.values(cluster.rows("a")).reduce((sum, value) => sum + (value.length * 3) / 4, 0);
    expect(bytes() - first, `${bytes()} of ${whole}, ${first} before`).to.be.below(whole - first / 2);
  });

  it("is sent only the runs of rows that differ", async () => {
    const log = await begin();
    const puts = (count: number, value: string) =>
      Array.from({ length: count }, (_, index) => ({ space: "record" as const, put: `k${100 + index}`, value }));
    for (let number = 0; number < 20; number += 1)
      await cluster.append(log, "rows", { actor: `pad/y${number}`, side: puts(60, "x".repeat(200)) });
    for (let number = 0; number < 20; number += 1) await cluster.snapshot(log, `pad/y${number}`, {});
    await cluster.pass(100);
    cluster.kill("c");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    await cluster.append(log, "one more", { actor: "pad/y7", side: puts(1, "changed") });
    await cluster.snapshot(log, "pad/y7", {});
    await cluster.append(log, "last");
    await cluster.trim(log, log.durableSeq - 1);
    const bytes = countRows("c");
    await cluster.settle(cluster.life("c"));
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    await cluster.pass(200);
    same("c");
    const whole = Object.values(cluster.rows("a")).reduce((sum, value) => sum + (value.length * 3) / 4, 0);
    expect(bytes()).to.be.greaterThan(0);
    expect(bytes()).to.be.below(whole / 3);
  });

  it("names the snapshots that were made while it was away, and trims as its owner again", async () => {
    const log = await begin();
    await cluster.append(log, "one");
    cluster.kill("c");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    // It goes to rest, and nobody speaks to it again: nothing else brings its snapshot to c.
    await cluster.snapshot(log, "pad/x", { folded: 1 });
    const round = async (number: number): Promise<void> => {
      for (let index = 0; index < 10; index += 1) await cluster.append(log, `${number}.${index}`, { actor: "pad/y" });
      await cluster.snapshot(log, "pad/y", { number });
      await cluster.trim(log, log.durableSeq - 3);
      await cluster.append(log, "next", { actor: "pad/y" });
      await cluster.pass(100);
    };
    await cluster.append(log, "other", { actor: "pad/y" });
    await cluster.settle(cluster.life("c"));
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    const bytes = countRows("c");
    for (let number = 0; number < 4; number += 1) {
      await round(number);
      // With the first trim it finds out what it lacks; it trims with the next.
      if (number > 0) same("c");
    }
    expect(bytes()).to.equal(0);
  });

  it("gets more chunks than one message may hold without losing its connection", async () => {
    const log = await begin({ trace: true });
    for (const name of ["b", "c"]) cluster.kill(name);
    await cluster.untilRecord(({ inSync }) => inSync.length === 1);
    const chunks = journalLimits.pieceChunksMax + 1;
    // Each waits for the one before, so each is a chunk.
    const appended = new Promise<void>((resolve) => {
      const appendNext = (): void => {
        if (log.durableSeq === chunks) resolve();
        else log.append(entry(""), appendNext);
      };
      appendNext();
    });
    await cluster.settle(appended, 60_000);
    expect(Object.keys(cluster.rows("a", /^log\//))).to.have.length(chunks);
    await cluster.settle(cluster.life("c"));
    await cluster.untilRecord(({ inSync }) => inSync.includes("c"));
    expect((cluster.world.trace ?? []).filter((line) => line.includes(" disconnects "))).to.deep.equal([]);
    same("c");
  });

  it("gets everything anew when its head is damaged: then nothing that it says of itself counts", async () => {
    const log = await begin();
    for (let number = 0; number < 5; number += 1) await cluster.append(log, `${number}`);
    cluster.kill("c");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    cluster.peer("c").disk.flipBit(`head/${slot}`, 40);
    await cluster.settle(cluster.life("c"));
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    await cluster.pass(200);
    same("c");
  });
});

describe("a new owner with a shorter log than another", () => {
  it("takes what it lacks from the one that has it, and goes on from there", async () => {
    const cluster = new Cluster(1);
    await cluster.start(["d", "a", "b", "c"]);
    const log = await cluster.open("a");
    await cluster.want("a", all);
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    expect(await cluster.append(log, "one")).to.equal(undefined);
    // b has it, c has not: it is not acknowledged, but it may be anybody's later.
    cluster.network.cut("a", "c");
    log.append(
      {
        atMs: 1,
        actor: "pad/x",
        events: [{ text: "two" }],
        answers: [],
        side: [],
      },
      () => undefined,
    );
    const holds = (name: string): number => Object.keys(cluster.rows(name, /^log\//)).length;
    await cluster.until(() => holds("b") === 2);
    expect(holds("c")).to.equal(1);
    cluster.kill("a");
    await cluster.failover("c");
    const next = await cluster.open("c");
    expect(await cluster.texts(next)).to.deep.equal(["one", "two"]);
    for (const text of ["three", "four"]) expect(await cluster.append(next, text)).to.equal(undefined);
    expect(await cluster.texts(next)).to.deep.equal(["one", "two", "three", "four"]);
    await cluster.pass(200);
    expect(cluster.rows("b")).to.deep.equal(cluster.rows("c"));
    const again = await cluster.settle(cluster.peer("b").journal.reopen(slot));
    expect(again.position.seq).to.equal(4);
  });
});
