import { expect } from "chai";
import fc from "fast-check";
import { chooseSlots, describeInvitation, describeNodes, describeSlots, joinCommand, namesOf } from "../../../cli/cluster-view.ts"; // prettier-ignore
import type { ClusterSlotRow } from "../../../protocols/index.ts";
import { nodeRow, slotRow, summaryOf } from "../gateway/cluster-stand.ts";
import { summary } from "./stage.ts";

const names = namesOf(summary);

describe("the table of nodes", () => {
  it("shows each node by name with its state, and says what is wrong and what to do", () => {
    const text = describeNodes(summary, false);
    expect(text).to.match(/node-a.*up, directory, asked.*manager, gateway/);
    expect(text).to.match(/node-b.*up.*zone=b.*130.*126.*7.*40/);
    expect(text).to.match(/node-c.*down, draining/);
    expect(text).to.include("Directory: embedded, on node-a");
    expect(text).to.include("256 slots: 254 ok, 1 moving, 1 down (3 replicas wanted, at least 1 in sync)");
    expect(text).to.include("Down: node-c").and.include("plexus slots --not-ok");
    expect(text).not.to.include("nothing fails over");
  });

  it("says plainly what it means when the keeper of the directory is down", () => {
    const text = describeNodes(summaryOf([nodeRow("node-a", { up: false })]), false);
    expect(text).to.include("nothing fails over or joins until it is back");
    const etcd = summaryOf([], { directory: { kind: "etcd", endpoints: ["http://e:2379"] } });
    expect(describeNodes(etcd, false)).to.include("Directory: etcd at http://e:2379");
  });

  it("lets no name from another node move the cursor", () => {
    expect(describeNodes(summaryOf([nodeRow("x\u001b[2J")]), false)).not.to.include("\u001b");
  });
});

describe("the table of slots", () => {
  const slots: readonly ClusterSlotRow[] = [
    slotRow("room/den", "node-b"),
    slotRow("chat/17", "node-b", { status: "moving", want: { owner: "id-of-node-c", replicas: ["id-of-node-c"] } }),
    slotRow("chat/2", "node-c", { status: "down" }),
    slotRow("manager/1", "node-a", { learners: ["id-of-node-b"] }),
  ];
  const chosen = (filter: object) =>
    chooseSlots(slots, { notOk: false, pinned: false, ...filter }, names).map(({ slot }) => slot);

  it("is in the order of numbers, those of single actors last", () => {
    expect(chosen({})).to.deep.equal(["chat/2", "chat/17", "manager/1", "room/den"]);
  });

  it("is filtered by role, node, state and pin", () => {
    expect(chosen({ role: "chat" })).to.deep.equal(["chat/2", "chat/17"]);
    expect(chosen({ node: "node-b" })).to.deep.equal(["chat/17", "manager/1", "room/den"]);
    expect(chosen({ node: "id-of-node-c" })).to.deep.equal(["chat/2"]);
    expect(chosen({ notOk: true })).to.deep.equal(["chat/2", "chat/17"]);
    expect(chosen({ pinned: true })).to.deep.equal(["room/den"]);
  });

  it("shows nodes by name, and by id when they have none any more", () => {
    const text = describeSlots([...slots, slotRow("chat/3", "gone")], names, false);
    expect(text).to.match(/chat\/17.*moving.*1.*node-b.*node-b.*node-c: node-c/);
    expect(text)
      .to.match(/manager\/1.*node-a.*node-b/)
      .and.match(/chat\/3.*id-of-gone/);
    expect(describeSlots([], names, false)).to.equal("No slots.");
  });
});

describe("an invitation", () => {
  const issued = { token: "t0ken", expiresAtMs: 3_600_000, roles: ["chat", "ai"] as const };

  it("is the exact line that starts the new node", () => {
    expect(joinCommand(issued, { zone: "a", place: "cold room" })).to.equal(
      "plexus up --role chat --role ai --label zone=a --label 'place=cold room' --join t0ken",
    );
    const text = describeInvitation(issued, {}, { nowMs: 0, color: false });
    expect(text).to.include("plexus up --role chat --role ai --join t0ken").and.include("within 1 h");
  });

  it("can be typed as it is, whatever a label holds", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme-ascii" }), (value) => {
        const line = joinCommand(issued, { note: value });
        const word = /--label (.*) --join/.exec(line)?.[1] ?? "";
        const read = word.startsWith("'") ? word.slice(1, -1).replaceAll(`'\\''`, "'") : word;
        expect(read).to.equal(`note=${value}`);
      }),
    );
  });
});
