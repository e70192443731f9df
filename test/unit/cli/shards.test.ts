import { expect } from "chai";
import { describeInventory, describeShards } from "../../../cli/shards/shards.ts";
import { describeHealth } from "../../../cli/shards/stripes.ts";
import type { HolderRow, HolderSums, ShardState, StorageNodeRow } from "../../../protocols/index.ts";

const none = { shards: 0, bytes: 0 };
const sums = (more: Partial<HolderSums> = {}): HolderSums => ({
  held: { shards: 2, bytes: 2_048 },
  lost: none,
  trash: none,
  at: { node: "a", missing: 0, sinceMs: 1 },
  ...more,
});
const row = (index: number, more: Partial<HolderRow> = {}): HolderRow => ({
  holder: `shard-holder/g1.${index}`,
  owner: "a",
  node: "node-a",
  status: "ok",
  sums: sums(),
  ...more,
});
const nodes: readonly StorageNodeRow[] = [
  {
    node: "a",
    name: "node-a",
    up: true,
    trust: "trusted",
    sinceMs: 0,
    usedBytes: 2_048,
    roomBytes: 1_024,
    quotaBytes: 3_072,
  },
  { node: "b", name: "node-b\u001b[31m", up: false, trust: "probation", sinceMs: 0 },
];
const shown = (...holders: readonly HolderRow[]): string =>
  describeShards({ places: 2, groups: [{ name: "g1", width: holders.length, open: true, holders }], nodes }, false);

describe("plexus shards", () => {
  it("says where holders are, and how they stand", () => {
    const text = shown(row(0), row(1, { owner: "b", node: "node-b", sums: sums({ lost: { shards: 7, bytes: 7 }, at: { node: "b", missing: 7, sinceMs: 1 } }) })); // prettier-ignore
    expect(shown(row(0, { sums: sums({ mended: { shards: 3, atMs: 60_000 } }) }))).to.match(
      / ok; 3 repaired, last 1970-01-01T00:01Z *│/,
    );
    expect(text).to.match(/Group g1: 2 holders on 2 nodes, takes new stripes/);
    expect(text)
      .to.match(/g1\.0 .*node-a.*2\.0 KiB.* ok/)
      .and.match(/g1\.1 .*node-b.* 7 lost *│/);
  });

  it("says of each node how much it has, may have, and whether it is trusted", () => {
    const text = shown(row(0));
    expect(text)
      .to.match(/node-a.*2\.0 KiB.*1\.0 KiB.*3\.0 KiB.*trusted/)
      .and.match(/node-b.*probation since 1970-01-01T00:00Z; down/);
    expect(text).to.not.include("\u001b");
  });

  it("says which node is over its quota, and by how much", () => {
    const over = { ...(nodes[0] as StorageNodeRow), allowed: { quotaBytes: 1_024 } };
    const group = { name: "g1", width: 1, open: true, holders: [row(0)] };
    const text = describeShards({ places: 1, groups: [group], nodes: [over] }, false);
    expect(text).to.match(/may keep at most 1\.0 KiB of shards\); over its quota by 1\.0 KiB/);
    expect(shown(row(0))).to.not.include("over its quota");
  });

  it("names what is wrong with each, and nothing that steers a terminal", () => {
    const text = shown(
      row(0),
      row(1),
      row(2, { owner: "b", node: "node-b\u001b[31m", home: "node-c", sums: sums({ lost: { shards: 1, bytes: 1 } }) }),
      row(3, { owner: "c", status: "down" }),
      { holder: "shard-holder/g1.4" },
      { holder: "shard-holder/g1.5", owner: "d", status: "ok", error: "ASK_TIMEOUT" },
    );
    expect(text)
      .to.match(/g1\.0.*same node as g1\.1/)
      .and.match(/g1\.2.*1 lost; bytes on another node; waits for node-c/);
    expect(text)
      .to.match(/g1\.3.*down/)
      .and.match(/g1\.4.*is being made/)
      .and.match(/g1\.5.*no answer: ASK_TIMEOUT/);
    expect(text).to.not.include("\u001b");
  });

  it("says what to do where there is no group", () => {
    expect(describeShards({ places: 0, groups: [], nodes: [] }, false)).to.include("plexus invite --role storage");
    expect(describeShards({ places: 1, groups: [], nodes: [] }, false)).to.include("some seconds");
  });

  it("shows of a stripe who has signed for which shard, and what became of it", () => {
    const shard = { index: 0, hash: "ab".repeat(32), state: "well", node: "node-a", signedAtMs: 60_000 } as const;
    const shards = [
      shard,
      { ...shard, index: 1, state: "missing", node: "node-b\u001b[31m" },
      { index: 2, hash: "cd".repeat(32), state: "unknown" },
    ] as const;
    const text = describeHealth(
      { id: "5aaaaaaa", group: "g1", scheme: { type: "copies", copies: 3 }, shards, enough: 1, well: 1 },
      false,
    );
    expect(text)
      .to.match(/3 copies: can be read; 2 to be repaired/)
      .and.match(/g1\.0 .*node-a.* signed 1970-01-01T00:01Z .* well/)
      .and.match(/g1\.1 .* signed 1970-01-01T00:01Z .* missing/)
      .and.match(/g1\.2 [ │]*cdcdcdcdcdcdcdcd[ │]*unknown/);
    expect(text).to.not.include("\u001b");
  });

  it("says what is on the way, which is not to be repaired", () => {
    const shard = (state: ShardState) => ({ index: 0, hash: "ab".repeat(32), state });
    const says = (enough: number, ...states: readonly ShardState[]) =>
      describeHealth(
        {
          id: "5aaaaaaa",
          group: "g1",
          scheme: { type: "copies", copies: states.length },
          shards: states.map(shard),
          enough,
          well: states.filter((state) => state === "well").length,
        },
        false,
      ).split("\n", 1)[0];
    expect(says(2, "well", "well", "coming")).to.equal("Stripe 5aaaaaaa, 3 copies: can be read; 1 on the way");
    expect(says(2, "well", "coming", "missing", "well")).to.match(/can be read; 1 on the way, 1 to be repaired$/);
    expect(says(2, "well", "coming", "coming")).to.match(/: cannot be read now$/);
    expect(says(2, "well", "well", "well")).to.match(/: whole$/);
  });

  it("lists what a holder has", () => {
    const line = { hash: "ab".repeat(32), stripe: "5aaaaaaa", sizeBytes: 1_024 };
    const text = describeInventory([line, { ...line, lost: "damaged" }, { ...line, trashedAtMs: 0 }], false);
    expect(text)
      .to.match(/1\.0 KiB.*ok/)
      .and.match(/damaged/)
      .and.match(/trash since 1970-01-01T00:00Z/);
    expect(describeInventory([], false)).to.equal("No shards.");
  });
});
