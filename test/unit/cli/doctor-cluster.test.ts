import { expect } from "chai";
import { stateChecksOf } from "../../../cli/doctor/doctor-cluster.ts";
import type { ClusterSummary } from "../../../protocols/index.ts";
import { nodeRow, summaryOf } from "../gateway/cluster-fixture.ts";

const slots: ClusterSummary["slots"] = { total: 4, ok: 4, moving: 0, short: 0, blocked: 0, down: 0 };
const nodes = [nodeRow("node-a", { self: true }), nodeRow("node-b")];

describe("the doctor's look at the cluster", () => {
  it("is content with nodes that are up and a directory that answers", () => {
    expect(stateChecksOf(summaryOf(nodes, { slots }))).to.deep.equal([
      { name: "Cluster", state: "good", says: "2 nodes up, and the directory answers" },
    ]);
  });

  it("warns of a node that has more shards than it may", () => {
    const over = nodeRow("node-c", { shards: { usedBytes: 3_072, quotaBytes: 4_096, allowed: { quotaBytes: 1_024 } } });
    const [found] = stateChecksOf(summaryOf([...nodes, over], { slots }));
    expect(found?.state).to.equal("warning");
    expect(found?.says).to.match(/^node-c is over its quota: it has 2\.0 KiB of shards more than it may\./);
  });

  const voting = (downs: readonly string[]): ClusterSummary => {
    const names = ["a", "b", "c"];
    const voters = names.map((name) => nodeRow(name, { self: name === "a", up: !downs.includes(name) }));
    const directory = { kind: "replicated", generation: 1, voters: voters.map(({ node }) => node), leader: voters[0]?.node ?? "" } as const; // prettier-ignore
    return summaryOf(voters, { slots, directory });
  };

  it("says whether the next death of who keeps the directory is survived", () => {
    expect(stateChecksOf(voting([]))).to.deep.equal([
      { name: "Cluster", state: "good", says: "3 nodes up, and the directory answers" },
      { name: "Directory", state: "good", says: "3 voters: a (leads), b, c. Up: 3 of 3; the next death is survived" },
    ]);
    expect(stateChecksOf(voting(["c"])).at(-1)).to.deep.equal({
      name: "Directory",
      state: "warning",
      says: "3 voters: a (leads), b, c. Up: 2 of 3; the next death of a voter would stop it: start those that are down",
    });
    // It is up, and agrees to nothing.
    const there = voting([]);
    const nodesNow = there.nodes.map((row) => (row.name === "c" ? { ...row, diskRefuses: true } : row));
    expect(stateChecksOf({ ...there, nodes: nodesNow }).at(-1)).to.deep.equal({
      name: "Directory",
      state: "warning",
      says:
        "3 voters: a (leads), b, c. Up: 3 of 3, 1 with a disk that refuses; the next death of a voter would stop it: " +
        "mend the disk that refuses",
    });
    const away = { ...voting(["b", "c"]), directoryAway: { forMs: 4_000 } };
    expect(
      stateChecksOf(away)
        .map(({ says }) => says)
        .join("\n"),
    )
      .to.include("2 of the nodes a, b, c must be up, which keep the directory together: start 1 of b, c.")
      .and.not.include("is survived");
    const alone = voting([]);
    expect(
      stateChecksOf({
        ...alone,
        directory: { ...alone.directory, voters: [alone.nodes[0]?.node ?? ""] } as ClusterSummary["directory"],
      }).at(-1)?.says,
    ).to.equal(
      "1 voter: a (leads). While it is down nothing fails over or joins; with three managers up three can keep it",
    );
  });

  it("warns while the directory is nearly full, before anything is refused", () => {
    const directorySize = { rows: 10, rowsMax: 100_000, bytes: 85, bytesMax: 100 };
    const [check] = stateChecksOf(summaryOf([nodeRow("node-a", { self: true, directorySize })], { slots }));
    expect(check).to.include({ name: "Cluster", state: "warning" });
    expect(check?.says).to.include("The directory is 85 % full: 85 B of at most 100 B");
  });

  for (const [what, trouble, says] of [
    ["does not answer", { directoryAway: { forMs: 4_000 } }, "The directory has not answered for 4 s"],
    [
      "is older than what it told before",
      { directoryOlder: { slot: "chat/1" } },
      "it lies on an older copy of its data",
    ],
    [
      "does not name the node that is asked",
      { nodes: [nodeRow("node-b")] },
      "not among the members that the directory tells",
    ],
    [
      "has not let the node in that is asked",
      { nodes: [nodeRow("node-a", { self: true, joined: false }), nodeRow("node-b")] },
      "has not joined since it started",
    ],
    ["takes no change", { directoryRefuses: { because: "it is full" } }, "Why: it is full"],
  ] as const)
    it(`never says that all is well while the directory ${what}, though every slot is served`, () => {
      const checks = stateChecksOf(summaryOf(nodes, { slots, ...trouble }));
      const states = checks.map(({ state }) => state);
      expect(states).to.include("bad");
      expect(states).to.not.include("good");
      expect(checks.map((check) => check.says).join("\n")).to.include(says);
    });
});
