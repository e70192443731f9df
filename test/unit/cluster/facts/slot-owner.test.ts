import { expect } from "chai";
import { ownsSlot, slotOwner, slotOwnerOrFirst, slotsOwned } from "../../../../node/cluster/facts/slot-owner.ts";
import type { SlotRow } from "../../../../node/cluster/facts/records.ts";
import type { SlotId } from "../../../../protocols/index.ts";
import { memberRecord } from "../../../fixtures/members.ts";

const row = (slot: SlotId, owner: string): SlotRow => ({
  record: { slot, epoch: 1, owner, inSync: [owner], learners: [] },
  revision: 1,
});
const rows = new Map(
  [row("chat/0", "n1"), row("chat/1", "n2"), row("chat/2", "n1")].map((one) => [one.record.slot, one]),
);
const table = { get: (slot: SlotId) => rows.get(slot), rows: () => rows.values() };
const members = ["n1", "n2"].map((node) => memberRecord(node, { name: node, roles: ["chat"] }));
const cluster = (up: readonly string[]) => () => ({
  members,
  membership: { isUp: (node: string) => up.includes(node), isSlow: () => false },
});

describe("who owns a slot", () => {
  it("is what its record says, and nobody without one", () => {
    expect(["chat/0", "chat/1", "chat/3"].map((slot) => slotOwner(table, slot as SlotId))).to.deep.equal([
      "n1",
      "n2",
      undefined,
    ]);
    expect(ownsSlot(table, "n1", "chat/0")).to.equal(true);
    expect(ownsSlot(table, "n2", "chat/0")).to.equal(false);
    expect(ownsSlot(table, "n1", "chat/3")).to.equal(false);
    expect(slotsOwned(table, "n1")).to.deep.equal(["chat/0", "chat/2"]);
  });

  it("is guessed only for a slot without a record, of the nodes that are up", () => {
    expect(slotOwnerOrFirst(table, "chat/0", cluster(["n2"]))).to.equal("n1");
    expect(slotOwnerOrFirst(table, "chat/3", cluster(["n2"]))).to.equal("n2");
    expect(slotOwnerOrFirst(table, "chat/3", cluster([]))).to.equal(undefined);
  });
});
