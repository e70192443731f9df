import { expect } from "chai";
import type { NodeId } from "../../../node/ports/index.ts";
import { isOutvoted } from "../../../node/replication/scrub.ts";
import { Cluster, slot } from "./fixture.ts";

/** Rows that no checksum misses: each that is there is whole. The directory is on a node that holds none. */
describe("copies that differ although every row in them is whole", () => {
  let cluster: Cluster;
  const records = 600;
  const key = (number: number): string => `k${String(number).padStart(4, "0")}`;
  const rowKey = (number: number): string => `side/record/${slot}/pad/x/${key(number)}`;
  const begin = async (holders: readonly NodeId[]): Promise<void> => {
    // So late that everything is written by then.
    cluster = new Cluster(1, { limits: { upkeepIntervalMs: 10_000 } });
    await cluster.start(["d", ...holders]);
    const log = await cluster.open("a");
    await cluster.want("a", holders);
    await cluster.untilRecord(({ inSync }) => inSync.length === holders.length);
    const side = Array.from({ length: records }, (_, number) => ({
      space: "record" as const,
      put: key(number),
      value: number,
    }));
    expect(await cluster.append(log, "one", { side })).to.equal(undefined);
    await cluster.pass(100);
  };
  const lose = (name: NodeId, number: number): void => {
    const { disk } = cluster.peer(name);
    expect(disk.get(rowKey(number))).to.not.equal(undefined);
    disk.lose(rowKey(number));
  };
  /** Waits for a transfer to a node, and for the record to be as it was asked for. */
  const healed = async (name: NodeId, holders: readonly NodeId[]): Promise<void> => {
    const begun: NodeId[] = [];
    cluster.network.watch({
      received: (_, to, __, message) => void ((message as [string])[0] === "transfer.begin" && begun.push(to)),
    });
    await cluster.until(() => begun.length > 0, 60_000);
    await cluster.untilRecord(({ owner, inSync }) => owner === "a" && inSync.length === holders.length);
    await cluster.pass(1_000);
    expect(begun).to.deep.equal([name]);
  };
  const held = (name: NodeId): number => Object.keys(cluster.rows(name, /^side\/record\//)).length;

  it("an owner against which all others agree gives the slot up, and none of them is thrown away", async () => {
    const holders = ["a", "b", "c"];
    await begin(holders);
    lose("a", 500);
    await healed("a", holders);
    expect(cluster.peer("a").ended[0]).to.deep.include({ code: "DATA_DAMAGED" });
    for (const name of holders) expect(held(name), name).to.equal(records);
    for (const name of holders) expect(cluster.rows(name), name).to.deep.equal(cluster.rows("b"));
  });

  it("a copy against which owner and others agree leaves the set and is made anew; the owner goes on", async () => {
    const holders = ["a", "b", "c"];
    await begin(holders);
    lose("c", 500);
    await healed("c", holders);
    expect((await cluster.record()).epoch).to.equal(1);
    for (const name of holders) expect(held(name), name).to.equal(records);
  });

  it("of two, the owner is believed: nobody can say which is the rotten one", async () => {
    const holders = ["a", "b"];
    await begin(holders);
    lose("a", 500);
    await healed("b", holders);
    expect((await cluster.record()).epoch).to.equal(1);
    for (const name of holders) expect(held(name), name).to.equal(records - 1);
  });

  it("an owner is outvoted only by more copies that say one thing than say the same as it does", () => {
    const same = undefined;
    for (const others of [[], [same], ["x"], [same, "x"], ["x", "y"], [same, "x", "x"], ["x", "y", "z"]])
      expect(isOutvoted(others), String(others)).to.equal(false);
    for (const others of [
      ["x", "x"],
      ["y", "x", "x"],
      ["x", same, "x", "x"],
    ])
      expect(isOutvoted(others), String(others)).to.equal(true);
  });
});
