import { expect } from "chai";
import { replicationLimits } from "../../../node/replication/index.ts";
import { failure, failureOf, PlexusError, type SlotId } from "../../../protocols/index.ts";
import type { ServedLog } from "../../../node/kernel/api.ts";
import { Cluster, codeOf, slot } from "./fixture.ts";

describe("replication", () => {
  let cluster: Cluster;
  const begin = async (names: readonly string[], options?: ConstructorParameters<typeof Cluster>[1]): Promise<void> => {
    cluster = new Cluster(1, options);
    await cluster.start(names);
  };
  const keysOf = (name: string): readonly string[] =>
    cluster
      .peer(name)
      .disk.keys()
      .filter((key) => /^(log|snap|side)\//.test(key));
  const all = ["a", "b", "c"];

  it("serves a slot alone, and copies it to the nodes that are wanted", async () => {
    await begin(all);
    const log = await cluster.open("a");
    expect(log.alone).to.equal(true);
    expect(await cluster.append(log, "one", { side: [{ space: "record", put: "k", value: 1 }] })).to.equal(undefined);
    await cluster.want("a", all);
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    expect(log.alone).to.equal(false);
    expect(await cluster.append(log, "two")).to.equal(undefined);
    await cluster.pass(100);
    expect(keysOf("b")).to.deep.equal(keysOf("a"));
    expect(keysOf("c")).to.deep.equal(keysOf("a"));
  });

  it("goes on at a replica with everything that was acknowledged", async () => {
    await begin(all);
    const log = await cluster.open("b");
    await cluster.append(log, "one");
    await cluster.want("b", all);
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    for (const text of ["two", "three"]) expect(await cluster.append(log, text)).to.equal(undefined);
    cluster.kill("b");
    await cluster.failover("c");
    await cluster.until(() => cluster.peer("c").owned.includes(slot));
    const next = await cluster.open("c");
    expect(next.epoch).to.equal(2);
    expect(await cluster.texts(next)).to.deep.equal(["one", "two", "three"]);
    expect(await cluster.append(next, "four")).to.equal(undefined);
    // The dead one is out; back again, it catches up and is in.
    await cluster.untilRecord(({ inSync }) => !inSync.includes("b"));
    await cluster.settle(cluster.life("b"));
    await cluster.untilRecord(({ inSync }) => inSync.includes("b"));
    await cluster.pass(100);
    expect(keysOf("b")).to.deep.equal(keysOf("c"));
  });

  for (const silent of [false, true])
    it(`says that nobody owns a slot and the directory is away, and takes it when it is back (silent: ${silent})`, async () => {
      await begin(["d", "a"]);
      cluster.kill("d", { silent });
      const error = await cluster.open("a", { once: true }).then(
        () => undefined,
        (thrown: unknown) => failureOf(thrown),
      );
      expect(error).to.include({ code: "DIRECTORY_AWAY", outcome: "not_started" });
      expect(error?.details).to.include({ slot }).and.not.to.have.any.keys("node", "because");
      const askedMs = error?.details?.["askedMs"];
      if (silent) expect(askedMs, "it was asked, and did not answer").to.be.above(100);
      else expect(askedMs, "there is nobody to ask").to.be.below(100);
      await cluster.settle(cluster.life("d"));
      await cluster.open("a");
      expect(await cluster.record()).to.include({ owner: "a", epoch: 1 });
    });

  it("says of a slot that nobody is known to own, at a node that has not joined yet, that it has not", async () => {
    await begin(["d", "a"]);
    cluster.kill("a");
    await cluster.life("a", cluster.peer("a").disk, { joined: false });
    const error = await cluster.open("a", { once: true }).then(
      () => undefined,
      (thrown: unknown) => failureOf(thrown),
    );
    expect(error).to.include({ code: "DIRECTORY_AWAY", outcome: "not_started" });
    expect(error?.details).to.include({ joined: false }).and.to.have.property("reason").that.includes("has not joined");
  });

  it("moves to the node that is wanted and lets the source go", async () => {
    await begin(all);
    const log = await cluster.open("a");
    await cluster.append(log, "one");
    await cluster.want("c", ["c", "b"]);
    const record = await cluster.untilRecord(({ owner, inSync }) => owner === "c" && !inSync.includes("a"));
    expect(record.inSync).to.have.members(["b", "c"]);
    expect(cluster.peer("a").ended.map(({ code }) => code)).to.deep.equal(["MOVED"]);
    const next = await cluster.open("c");
    expect(await cluster.texts(next)).to.deep.equal(["one"]);
    expect(await codeOf(cluster.open("a", { once: true }))).to.equal("MOVED");
  });

  it("acknowledges without a replica that is cut off, but only once that one is out", async () => {
    await begin(all);
    const log = await cluster.open("a");
    await cluster.want("a", all);
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    cluster.network.cut("a", "c");
    let done = false;
    log.append({ atMs: 1, actor: "pad/x", events: [{ text: "held" }], answers: [], side: [] }, () => (done = true));
    await cluster.until(() => done);
    expect((await cluster.record()).inSync).to.have.members(["a", "b"]);
    cluster.network.heal();
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
  });

  it("acknowledges without a replica to which nothing can be sent, once that one is out", async () => {
    cluster = new Cluster(1);
    const { network } = cluster;
    const attach = network.attach.bind(network);
    let takes = true;
    // As the mesh does with a frame that is too large: nothing else of the connection is touched.
    network.attach = (...station) => {
      const transport = attach(...station);
      const fits = (message: unknown): boolean => takes || (message as [string])[0] !== "replica.append";
      return { ...transport, send: (to, channel, message) => fits(message) && transport.send(to, channel, message) };
    };
    await cluster.start(["a", "b"]);
    const log = await cluster.open("a");
    await cluster.want("a", ["a", "b"]);
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    expect(await cluster.append(log, "one")).to.equal(undefined);
    takes = false;
    const startedMs = cluster.world.nowMs;
    expect(await cluster.append(log, "two")).to.equal(undefined);
    expect((await cluster.record()).inSync).to.deep.equal(["a"]);
    const { replicaTimeoutMs, tickIntervalMs } = replicationLimits;
    expect(cluster.world.nowMs - startedMs).to.be.within(replicaTimeoutMs, replicaTimeoutMs + 3 * tickIntervalMs);
    expect(cluster.network.connected("a", "b")).to.equal(true);
    takes = true;
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    expect(keysOf("b")).to.deep.equal(keysOf("a"));
  });

  it("an owner that was cut off cannot commit nor confirm once another took over", async () => {
    await begin(["d", "a", "b"]);
    const log = await cluster.open("a");
    await cluster.want("a", ["a", "b"]);
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    for (const other of ["d", "b"]) {
      cluster.network.cut("a", other);
      cluster.network.cut(other, "a");
    }
    await cluster.failover("b");
    const next = await cluster.open("b");
    expect(await cluster.append(next, "new")).to.equal(undefined);
    let appended: unknown = "waits";
    let confirmed: unknown = "waits";
    log.append({ atMs: 1, actor: "pad/x", events: [{ text: "old" }], answers: [], side: [] }, (error) => {
      appended = error?.code ?? "acknowledged";
    });
    log.confirm((error) => (confirmed = error?.code ?? "confirmed"));
    await cluster.pass(1_000);
    expect([appended, confirmed]).to.deep.equal(["waits", "waits"]);
    cluster.network.heal();
    await cluster.until(() => appended !== "waits" && confirmed !== "waits");
    expect([appended, confirmed]).to.deep.equal(["FENCED", "FENCED"]);
    // Its log has an entry that nobody acknowledged: it becomes like the others again.
    await cluster.want("b", ["b", "a"]);
    await cluster.untilRecord(({ inSync }) => inSync.includes("a"));
    await cluster.pass(100);
    expect(keysOf("a")).to.deep.equal(keysOf("b"));
    expect(await cluster.texts(next)).to.deep.equal(["new"]);
  });

  it("gives an actor a slot of its own, with everything it has", async () => {
    await begin(all);
    const log = await cluster.open("a");
    await cluster.want("a", all);
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    await cluster.append(log, "one", { side: [{ space: "record", put: "k", value: "kept" }] });
    await cluster.append(log, "other", { actor: "pad/y" });
    log.snapshot("pad/x", log.lastSeq, { folded: 1 }, () => undefined);
    await cluster.settle(log.split("pad/x"));
    const peer = cluster.peer("a");
    const own = await cluster.settle(peer.replication.open("pad/x" as SlotId, () => undefined));
    expect((await cluster.settle(own.recover("pad/x" as never))).snapshot?.body).to.deep.equal({ folded: 1 });
    const rows = await cluster.settle(own.readSide("record", "pad/x", { from: "", to: "~", limit: 9 }));
    expect(rows.map(({ value }) => value)).to.deep.equal(["kept"]);
    expect((await cluster.settle(log.recover("pad/x"))).snapshot).to.equal(undefined);
    expect(await cluster.texts(log, "pad/y")).to.deep.equal(["other"]);
    const appended = new Promise((resolve) =>
      own.append({ atMs: 1, actor: "pad/x", events: [{ text: "after" }], answers: [], side: [] }, resolve),
    );
    expect(await cluster.settle(appended)).to.equal(undefined);
  });

  it("gives an actor a slot of its own at another node that has a copy, which serves it with everything it has", async () => {
    await begin(all);
    const log = await cluster.open("a");
    await cluster.want("a", all);
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    await cluster.append(log, "one");
    log.snapshot("pad/x", log.lastSeq, { folded: 1 }, () => undefined);
    const { owner, dropped } = await cluster.settle(log.split("pad/x", "b"));
    expect(owner).to.equal("b");
    const own = await cluster.settle(cluster.peer("b").replication.open("pad/x" as SlotId, () => undefined));
    expect((await cluster.settle(own.recover("pad/x" as never))).snapshot?.body).to.deep.equal({ folded: 1 });
    await cluster.settle(dropped);
    expect((await cluster.settle(log.recover("pad/x"))).snapshot).to.equal(undefined);
  });

  it("gives an actor a slot of its own here when the node that is to own it has no copy", async () => {
    await begin(["a", "b"]);
    const log = await cluster.open("a");
    await cluster.append(log, "one");
    log.snapshot("pad/x", log.lastSeq, { folded: 1 }, () => undefined);
    expect((await cluster.settle(log.split("pad/x", "c"))).owner).to.equal("a");
  });

  it("leaves an actor where it is when the directory takes no row for it", async () => {
    await begin(all);
    const log = await cluster.open("a");
    await cluster.append(log, "one");
    log.snapshot("pad/x", log.lastSeq, { folded: 1 }, () => undefined);
    const { directory } = cluster.peer("a");
    const compareAndSet = directory.compareAndSet.bind(directory);
    directory.compareAndSet = (key, ...given) =>
      key === "slot/pad/x"
        ? Promise.reject(new PlexusError(failure("LIMIT_REACHED", { limit: "rowsMax" })))
        : compareAndSet(key, ...given);
    const refused = await cluster.settle(log.split("pad/x").catch((error: PlexusError) => error.failure.code));
    expect(refused).to.equal("LIMIT_REACHED");
    await cluster.append(log, "two");
    directory.compareAndSet = compareAndSet;
    log.snapshot("pad/x", log.lastSeq, { folded: 2 }, () => undefined);
    await cluster.settle(log.split("pad/x"));
    const own = await cluster.settle(cluster.peer("a").replication.open("pad/x" as SlotId, () => undefined));
    expect((await cluster.settle(own.recover("pad/x" as never))).snapshot?.body).to.deep.equal({ folded: 2 });
  });

  describe("while the directory's node is dead", () => {
    /** Slot owned by b with copies at b and c, so that everything that it needs lives on. */
    async function ownedByB(): Promise<ServedLog> {
      await begin(all);
      const log = await cluster.open("b");
      await cluster.want("b", ["b", "c"]);
      await cluster.untilRecord(({ inSync }) => inSync.join() === "b,c");
      await cluster.append(log, "one");
      return log;
    }

    it("an actor goes on in its slot when the row of its own slot could not be asked for", async () => {
      const log = await ownedByB();
      log.snapshot("pad/x", log.lastSeq, { folded: 1 }, () => undefined);
      await cluster.pass(50);
      cluster.kill("a");
      await cluster.pass(100);
      expect(await codeOf(cluster.settle(log.split("pad/x", "c")))).to.equal("DIRECTORY_UNAVAILABLE");
      expect(await cluster.append(log, "two")).to.equal(undefined);
      await cluster.life("a");
      await cluster.until(() => cluster.peer("b").membership.isUp("a"));
      log.snapshot("pad/x", log.lastSeq, { folded: 2 }, () => undefined);
      const { owner } = await cluster.settle(log.split("pad/x", "c"));
      expect(owner, "it is given one later, of what it has then").to.equal("c");
      const own = await cluster.settle(cluster.peer("c").replication.open("pad/x" as SlotId, () => undefined));
      expect((await cluster.settle(own.recover("pad/x" as never))).snapshot?.body).to.deep.equal({ folded: 2 });
    });

    it("the actor waits when the row may still come about, and has one slot in the end", async () => {
      const log = await ownedByB();
      log.snapshot("pad/x", log.lastSeq, { folded: 1 }, () => undefined);
      const { directory } = cluster.peer("b");
      const compareAndSet = directory.compareAndSet.bind(directory);
      let lost = 0;
      directory.compareAndSet = async (...change) => {
        const changed = await compareAndSet(...change);
        if (change[0] !== "slot/pad/x" || lost > 0) return changed;
        lost += 1;
        cluster.kill("a");
        throw new PlexusError(failure("DIRECTORY_UNAVAILABLE", { because: "PEER_LOST" }));
      };
      let ended: string | undefined;
      void log.split("pad/x", "c").then((split) => (ended = split.owner));
      await cluster.pass(2_000);
      expect([lost, ended]).to.deep.equal([1, undefined]);
      await cluster.life("a");
      await cluster.until(() => ended !== undefined);
      expect(ended).to.equal("c");
    });

    it("a slot is not drained for a move that cannot be asked for, and moves when it can", async () => {
      const log = await ownedByB();
      const peer = cluster.peer("b");
      await cluster.want("c", ["b", "c"]);
      cluster.kill("a");
      await cluster.pass(3_000);
      expect([peer.drains, peer.resumes]).to.deep.equal([0, 0]);
      expect(await cluster.append(log, "two")).to.equal(undefined);
      await cluster.life("a");
      await cluster.untilRecord(({ owner }) => owner === "c");
      expect(peer.drains).to.equal(1);
    });

    it("a slot that was drained for a move goes on when the move was not asked for", async () => {
      const log = await ownedByB();
      const peer = cluster.peer("b");
      const { directory } = peer;
      const compareAndSet = directory.compareAndSet.bind(directory);
      directory.compareAndSet = () =>
        Promise.reject(new PlexusError(failure("DIRECTORY_UNAVAILABLE", { because: "UNREACHABLE", asked: false })));
      await cluster.want("c", ["b", "c"]);
      await cluster.until(() => peer.resumes > 0);
      expect(await cluster.append(log, "two")).to.equal(undefined);
      directory.compareAndSet = compareAndSet;
      await cluster.untilRecord(({ owner }) => owner === "c");
      expect(await cluster.texts(await cluster.open("c"))).to.deep.equal(["one", "two"]);
    });
  });

  it("a node that restarts takes a new epoch before it serves again", async () => {
    await begin(all);
    const log = await cluster.open("b");
    await cluster.append(log, "one");
    cluster.kill("b");
    await cluster.settle(cluster.life("b"));
    const again = await cluster.open("b");
    expect(again.epoch).to.be.greaterThan(log.epoch);
    expect(await cluster.texts(again)).to.deep.equal(["one"]);
  });

  it("a copy that is damaged steps out, is thrown away, and comes back whole", async () => {
    await begin(all);
    const log = await cluster.open("a");
    await cluster.want("a", all);
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    await cluster.append(log, "one");
    cluster.kill("c");
    await cluster.untilRecord(({ inSync }) => inSync.length === 2);
    const disk = cluster.peer("c").disk;
    expect(disk.flipBit(disk.keys().find((key) => key.startsWith("log/")) as string, 77)).to.equal(true);
    await cluster.append(log, "two");
    await cluster.settle(cluster.life("c"));
    await cluster.untilRecord(({ inSync }) => inSync.length === 3);
    await cluster.pass(200);
    expect(keysOf("c")).to.deep.equal(keysOf("a"));
  });

  it("refuses to serve with fewer in sync than asked for, and serves when one more has caught up", async () => {
    await begin(all, { minInSync: 2 });
    const opening = cluster.peer("a").replication.open(slot, () => undefined);
    await cluster.untilRecord(({ owner }) => owner === "a").catch(() => cluster.pass(500));
    await cluster.want("a", ["a", "b"]);
    const log = await cluster.settle(opening);
    expect((await cluster.record()).inSync).to.have.members(["a", "b"]);
    expect(await cluster.append(log, "one")).to.equal(undefined);
  });
});
