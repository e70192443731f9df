import { expect } from "chai";
import type { HolderGroupRow, HolderRow, ShardsView, StorageNodeRow } from "../../../protocols/index.ts";
import { repairedText, standingOfShards, toRepair } from "../../../web/src/view/admin/shard-words.ts";

const node = (name: string, more: Partial<StorageNodeRow> = {}): StorageNodeRow => ({ node: name, name, up: true, trust: "trusted", usedBytes: 100, roomBytes: 1_000, ...more }); // prettier-ignore
const nothing = { shards: 0, bytes: 0 };
const holder = (index: number, owner: string, more: Partial<HolderRow> = {}, sums: object = {}): HolderRow => ({
  holder: `shard-holder/g1.${index}`,
  owner,
  node: owner,
  status: "ok",
  sums: { held: { shards: 5, bytes: 50 }, lost: nothing, trash: nothing, at: { node: owner, missing: 0 }, ...sums } as NonNullable<HolderRow["sums"]>, // prettier-ignore
  ...more,
});
const group = (...holders: readonly HolderRow[]): HolderGroupRow => ({ name: "g1", width: holders.length, open: true, holders }); // prettier-ignore
const three = [node("ann"), node("bob"), node("cat")];
const well: Pick<ShardsView, "groups" | "nodes"> = {
  nodes: three,
  groups: [group(holder(0, "ann"), holder(1, "bob"), holder(2, "cat"))],
};

describe("how shards stand, on their page", () => {
  it("is well when every node is up and every shard is there", () => {
    expect(standingOfShards(well)).to.deep.include({ tone: "good", faults: [], nodesUp: 3, nodes: 3, usedBytes: 300, roomBytes: 3_000, shards: 15, lost: 0 }); // prettier-ignore
  });

  it("names nodes that are down, and does not count what they have", () => {
    const { usedBytes: _used, roomBytes: _room, ...cat } = node("cat", { up: false });
    const holders = [holder(0, "ann"), holder(1, "bob"), holder(2, "ann", { home: "cat" })];
    const standing = standingOfShards({ nodes: [node("ann"), node("bob"), cat], groups: [group(...holders)] });
    expect(standing).to.include({ tone: "warn", nodesUp: 2, usedBytes: 200 });
    expect(standing.faults).to.deep.equal([
      "cat is down. The cluster waits for it, then rebuilds the shards on other nodes.",
    ]);
  });

  it("says what is lost, who is not trusted, and whom nobody can ask", () => {
    const holders = [
      holder(0, "ann", {}, { lost: { shards: 2, bytes: 2 }, at: { node: "ann", missing: 2 } }),
      holder(1, "bob"),
      holder(2, "cat", { error: "ASK_TIMEOUT" }),
    ];
    const nodes = [...three, node("dan", { trust: "suspect" }), node("eve", { trust: "suspect" })];
    const standing = standingOfShards({ nodes, groups: [group(...holders)] });
    expect(standing).to.include({ tone: "warn", title: "Shards are being repaired", lost: 2 });
    expect(standing.faults.map((one) => one.split(/[.:]/)[0])).to.deep.equal([
      "2 shards missing or damaged",
      "dan and eve are not trusted",
      "1 holder does not answer",
    ]);
  });

  it("says which node has more than it may, by its operator or by the cluster", () => {
    const nodes = [
      node("ann", { quotaBytes: 100 }),
      node("bob", { quotaBytes: 60 }),
      node("cat", { allowed: { quotaBytes: 40 } }),
    ];
    const { tone, faults } = standingOfShards({ ...well, nodes });
    expect(tone).to.equal("warn");
    expect(faults.map((one) => one.split(". ")[0])).to.deep.equal([
      "bob is over its quota: it has 40 B of shards more than it may",
      "cat is over its quota: it has 60 B of shards more than it may",
    ]);
  });

  it("says that something is not known while a holder does not answer, and how much was repaired", () => {
    expect(toRepair(standingOfShards(well))).to.equal("nothing");
    const silent = [holder(0, "ann"), { ...holder(1, "bob", { error: "ASK_TIMEOUT" }), sums: undefined }];
    const standing = standingOfShards({ nodes: three, groups: [group(...(silent as HolderRow[]))] });
    expect(standing).to.include({ silent: 1, lost: 0, shards: 5 });
    expect(toRepair(standing)).to.equal("nothing known, not counting 1 holder without an answer");
    expect(toRepair({ lost: 2, silent: 3 })).to.equal("2 shards, not counting 3 holders without an answer");
    const minuteMs = 60_000;
    const mended = [
      holder(0, "ann", {}, { mended: { shards: 2, atMs: minuteMs } }),
      holder(1, "bob", {}, { mended: { shards: 1, atMs: 3 * minuteMs } }),
    ];
    const repaired = standingOfShards({ nodes: three, groups: [group(...mended)] }).mended;
    expect(repairedText(repaired, 5 * minuteMs)).to.equal("3 shards, last 2 minutes ago");
    expect(repairedText(standing.mended, 0)).to.equal("nothing yet");
  });

  it("says when too few nodes would keep anything, and asks for a node where two shards share one", () => {
    const alone = standingOfShards({ nodes: [node("ann"), node("bob", { trust: "suspect" })], groups: well.groups });
    expect(alone.tone).to.equal("warn");
    expect(alone.faults[0]).to.match(/^1 node can store new data\./);
    expect(standingOfShards({ nodes: [node("ann", { up: false })], groups: [] }).tone).to.equal("bad");
    const shared = standingOfShards({
      nodes: three.slice(0, 2),
      groups: [group(holder(0, "ann"), holder(1, "bob"), holder(2, "ann"))],
    });
    expect(shared.faults).to.deep.equal([
      "Some nodes have two shards of a stripe: one more node with the role storage makes this safer.",
    ]);
  });
});
