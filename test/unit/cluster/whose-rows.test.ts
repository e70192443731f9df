/** What a member may write into the directory under another's name, as the node that keeps it sees it. */
import { expect } from "chai";
import { identityKey, isRow, memberKey, slotKey, tokenKeysKey } from "../../../node/cluster/records.ts";
import { refusalOfRow } from "../../../node/cluster/whose-rows.ts";
import { nodeIdOf } from "../../../node/composition/node-id.ts";
import type { MemberRecord, SlotRecord } from "../../../node/ports.ts";

const member = (more: object = {}): MemberRecord => ({
  node: "n1",
  name: "one",
  peer: "peer-1",
  addresses: ["/ip4/10.0.0.1/tcp/4"],
  roles: ["chat", "manager"],
  labels: { zone: "a" },
  models: [],
  gpu: false,
  weight: 1,
  version: "1",
  url: "http://one",
  incarnation: 3,
  state: "active",
  ...more,
});
const before = { key: memberKey("n1"), value: member(), revision: 7 };
/** Why `from` may not make the row this. */
const refusal = (from: string, next: unknown, row: typeof before | undefined = before): string | undefined => {
  if (next !== undefined) expect(isRow(memberKey("n1"), next)).to.equal(true);
  return refusalOfRow({ key: memberKey("n1"), before: row, next, from, isLeaving: () => false, idOf: nodeIdOf });
};

describe("rows of one member, and the others", () => {
  it("a node changes all of its own row; others drain it, give it roles and take it out", () => {
    expect(refusal("n1", member({ peer: "peer-2", url: "http://other", incarnation: 4 }))).to.equal(undefined);
    for (const more of [
      { state: "draining", leaving: true },
      { drain: { by: "ada", sinceMs: 1 } },
      { roles: ["chat"] },
    ])
      expect(refusal("n2", member(more))).to.equal(undefined);
    expect(refusal("n2", member({ roles: ["manager", "chat"] }))).to.equal(undefined);
    expect(refusal("n2", undefined), "evicted").to.equal(undefined);
    expect(refusal("n2", member(), undefined as never), "admitted").to.equal(undefined);
  });

  it("what the cluster allows of a node others say, not the node itself, unless it is a manager", () => {
    const storage = { quotaBytes: 100, classes: ["backup"] };
    const row = { ...before, value: member({ roles: ["storage"], storage }) };
    const changed = (from: string, more: object) => refusal(from, member({ roles: ["storage"], ...more }), row);
    for (const more of [{}, { storage: { ...storage, quotaBytes: 200 } }, { storage: { quotaBytes: 100 } }])
      expect([changed("n2", more), changed("n1", more)], JSON.stringify(more)).to.deep.equal([
        undefined,
        "what it may keep, its invitation says, and not the node itself",
      ]);
    expect(changed("n1", { storage: { ...storage }, url: "http://other" })).to.equal(undefined);
    const manager = { ...before, value: member({ roles: ["manager", "storage"], storage }) };
    expect(refusal("n1", member({ roles: ["manager", "storage"] }), manager)).to.equal(undefined);
  });

  it("nobody else says where a node is, who it is, or what it has", () => {
    const forged: Readonly<Record<string, object>> = {
      peer: { peer: "peer-2" },
      addresses: { addresses: ["/ip4/10.6.6.6/tcp/4"] },
      url: { url: "http://bad" },
      incarnation: { incarnation: 4 },
      version: { version: "0" },
      name: { name: "two" },
      labels: { labels: { zone: "b" } },
      models: { models: ["m"] },
      weight: { weight: 1_000 },
      gpu: { gpu: true },
      vouches: { vouches: true },
      later: { later: "a field of a later version" },
    };
    for (const [name, more] of Object.entries(forged)) expect(refusal("n2", member(more)), name).to.contain(name);
    const begun = { ...before, value: member({ incarnation: 0 }) };
    expect(refusal("n2", member({ incarnation: 0, name: "two" }), begun), "of two that join at once").to.equal(
      undefined,
    );
  });

  it("nobody else says which keys a node signs with, or takes back that members prove whom they act for", () => {
    const keys = (node: string, from: string, next?: unknown) =>
      refusalOfRow({ key: tokenKeysKey(node), before: undefined, next, from, isLeaving: () => false, idOf: nodeIdOf });
    expect(keys("n1", "n1", { node: "n1", keys: [] })).to.equal(undefined);
    expect(keys("n1", "n2", { node: "n1", keys: [] })).to.be.a("string");
    expect(keys("n1", "n2")).to.be.a("string");
    const identity = (row: typeof before | undefined, next: unknown) =>
      refusalOfRow({ key: identityKey, before: row, next, from: "n2", isLeaving: () => false, idOf: nodeIdOf });
    expect(identity(undefined, { required: true })).to.equal(undefined);
    expect(identity({ ...before, key: identityKey }, undefined)).to.be.a("string");
  });

  it("nobody admits another node under an id that was somebody's", () => {
    const admits = (node: string, peer: string) =>
      refusalOfRow({
        key: memberKey(node),
        before: undefined,
        next: member({ node, peer }),
        from: "n2",
        isLeaving: () => true,
        idOf: nodeIdOf,
      });
    expect(admits(nodeIdOf({ peer: "peer-1" }), "peer-1")).to.equal(undefined);
    expect(admits(nodeIdOf({ peer: "peer-1" }), "peer-2"), "evicted, and another in its place").to.contain("its key");
    expect(admits("0123456789abcdef", "peer-2"), "the id was drawn").to.contain("its key");
  });

  it("nobody but its owner says who owns a slot, or who has all of it", () => {
    const slot: SlotRecord = { slot: "manager/7", epoch: 4, owner: "n1", inSync: ["n1", "n3"], learners: ["n4"] };
    const key = slotKey(slot.slot);
    const write = (from: string, more: Partial<SlotRecord> | undefined, gone: readonly string[] = []) => {
      const next = more && { ...slot, ...more };
      if (next !== undefined) expect(isRow(key, next)).to.equal(true);
      const row = { key, value: slot, revision: 7 };
      return refusalOfRow({ key, before: row, next, from, isLeaving: (node) => gone.includes(node), idOf: nodeIdOf });
    };
    const taken = { owner: "n2", inSync: ["n2"], epoch: 5 };
    const forged: readonly (Partial<SlotRecord> | undefined)[] = [
      taken,
      { ...taken, abandoned: 5 },
      { inSync: ["n1", "n3", "n2"] },
      { inSync: ["n1"] },
      { owner: "n3", epoch: 5 },
      { epoch: 9 },
      undefined,
    ];
    for (const more of forged) {
      expect(write("n2", more), JSON.stringify(more)).to.be.a("string");
      expect(write("n3", more), `with a copy: ${JSON.stringify(more)}`).to.be.a("string");
      expect(write("n1", more), "its owner").to.equal(undefined);
    }
    expect(write("n2", { want: { owner: "n2", replicas: ["n2"] }, held: "n2" }), "a move is asked for").to.equal(
      undefined,
    );
    expect(write("n4", { learners: [] }), "who copied it no longer does").to.equal(undefined);
    expect(write("n2", { ...taken, abandoned: 5 }, ["n1", "n3"]), "all who had it are taken out").to.equal(undefined);
    expect(write("n2", { ...taken, abandoned: 5 }, ["n1"]), "one who has it stays").to.be.a("string");
    const begins = { ...slot, owner: "n2", inSync: ["n2"] };
    const created = refusalOfRow({
      key,
      before: undefined,
      next: begins,
      from: "n2",
      isLeaving: () => false,
      idOf: nodeIdOf,
    });
    expect(created, "nobody used it yet").to.equal(undefined);
  });
});
