import { expect } from "chai";
import fc from "fast-check";
import { bar, topFrame, type TopData } from "../../../cli/cluster/top.ts";
import { failure } from "../../../protocols/index.ts";
import { nodeRow, slotRow, summaryOf } from "../gateway/cluster-fixture.ts";
import { summary } from "./fixture.ts";

describe("a frame of plexus top", () => {
  const data: TopData = {
    summary,
    slots: [slotRow("chat/2", "node-c", { status: "down" }), slotRow("chat/3", "node-b")],
    actors: [
      { actor: "room/quiet", slot: "chat/1", status: "active", mailbox: 0, restarts: 0, lastActiveAtMs: 9 },
      { actor: "room/busy", slot: "chat/1", status: "active", mailbox: 12, restarts: 1 },
    ],
  };
  const view = { columns: 120, rows: 50, color: false, nowMs: 0 };

  it("shows nodes with their load, slots that are not ok, and actors", () => {
    const text = topFrame(data, view).join("\n");
    expect(text).to.match(/^Plexus {2}2 of 3 nodes up, view 3, 00:00:00 UTC/);
    expect(text).to.match(/node-b +up +█{30} +40 +130/);
    expect(text).to.match(/Slots that are not ok\nchat\/2 +down +owner node-c, in sync node-c/);
    expect(text).not.to.include("chat/3");
    expect(text.indexOf("room/busy")).to.be.lessThan(text.indexOf("room/quiet"));
  });

  it("tells a copy that is being brought up to date from one whose node is down", () => {
    const learners = ["id-of-node-b", "id-of-node-c"];
    const short = slotRow("chat/4", "node-a", { status: "short", learners });
    const text = topFrame(
      { ...data, slots: [short, slotRow("chat/5", "node-a", { status: "short", learners })] },
      view,
    ).join("\n");
    expect(text).to.match(/chat\/4 +short +owner node-a, in sync node-a, being brought up to date: node-b$/m);
    expect(text.match(/^node-c is down; it will be brought up to date when it returns\.$/gm)).to.have.lengthOf(1);
    expect(text).not.to.include("catching up");
  });

  it("names in one word what only another role brings back", () => {
    const stranded = slotRow("manager/102", "node-c", { status: "down", stranded: "manager" });
    expect(topFrame({ ...data, slots: [stranded] }, view).join("\n")).to.match(/manager\/102 +stranded owner node-c/);
  });

  it("shows the busiest actors of the cluster where a node knows them", () => {
    const busiest = [{ actor: "room/hot", node: "id-of-node-b", turnsPerSecond: 812.4 }];
    const text = topFrame({ ...data, summary: { ...summary, busiest } }, view).join("\n");
    expect(text).to.match(/Busiest actors\nroom\/hot +812 turns\/s on node-b/);
    expect(text).not.to.include("room/busy");
  });

  it("says that the directory does not answer, and since when", () => {
    const away = {
      ...summary,
      directory: { kind: "etcd", endpoints: ["http://e"] },
      directoryAway: { forMs: 9_000 },
    } as const;
    const text = topFrame({ ...data, summary: away }, view).join("\n");
    expect(text).to.include("The directory has not answered for 9 s").and.include("as of 9 s ago");
  });

  it("says that what it shows is older when no node answers", () => {
    const lines = topFrame(data, { ...view, trouble: failure("UNREACHABLE") });
    expect(lines[3]).to.match(/UNREACHABLE.*older/);
  });

  it("breaks its sentences and drops columns rather than cutting them off, in 80 columns", () => {
    const text = topFrame(data, { ...view, columns: 80 }).join("\n");
    expect(text.replaceAll(/\s+/g, " ")).to.match(/256 slots: 254 ok, .* at least 1 in sync; 2 possible\)/);
    expect(text)
      .to.match(/Late +Memory$/m)
      .and.not.match(/Copies/);
    expect(text).to.match(/node-b +up +█{5} +40 +130 +7/);
  });

  it("fits every terminal", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 200 }),
        fc.integer({ min: 1, max: 60 }),
        fc.array(fc.tuple(fc.string(), fc.double({ min: 0, max: 1e9, noNaN: true })), { maxLength: 30 }),
        (columns, rows, nodes) => {
          const many = nodes.map(([name, turnsPerSecond]) => nodeRow(name, { turnsPerSecond, memoryBytes: 1e12 }));
          const lines = topFrame({ ...data, summary: summaryOf(many) }, { ...view, columns, rows });
          expect(lines.length).to.be.at.most(rows);
          for (const line of lines) expect(line.length).to.be.at.most(columns);
        },
      ),
    );
  });

  it("draws bars in eighths", () => {
    expect([bar(0, 4), bar(1, 4), bar(2, 2), bar(0.5, 3), bar(1 / 32, 4)]).to.deep.equal([
      "····",
      "████",
      "██",
      "█▌·",
      "▏···",
    ]);
    fc.assert(fc.property(fc.double(), (share) => bar(share, 7).length === 7));
  });
});
