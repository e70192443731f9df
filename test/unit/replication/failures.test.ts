import { expect } from "chai";
import { Cluster, codeOf, slot } from "./stage.ts";

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
