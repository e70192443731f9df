/** What a member may write into the directory under another's name, as the node that keeps it sees it. */
import { expect } from "chai";
import {
  identityKey,
  invitationPrefix,
  isRow,
  memberKey,
  slotKey,
  tokenKeysKey,
} from "../../../../node/cluster/facts/records.ts";
import { refusalOfRow, type RowChange } from "../../../../node/cluster/facts/whose-rows.ts";
import { nodeIdOf } from "../../../../node/cluster/mesh/node-id.ts";
import { ownSlot, slotOf, type SlotId } from "../../../../protocols/index.ts";
import type { MemberRecord, SlotRecord } from "../../../../node/ports/index.ts";

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
/** What the rule is asked with, beside the change. */
const around = (rows: Readonly<Record<string, unknown>> = {}): Pick<RowChange, "read" | "roleOfKind" | "idOf"> => ({
  read: async (key) => (key in rows ? { key, value: rows[key], revision: 1 } : undefined),
  roleOfKind: (kind) => (kind === "room" ? "chat" : kind === "role-manager" ? "manager" : undefined),
  idOf: nodeIdOf,
});
/** Why `from` may not make the row this. */
const refusal = (from: string, next: unknown, row: typeof before | undefined = before): Promise<string | undefined> => {
  if (next !== undefined) expect(isRow(memberKey("n1"), next)).to.equal(true);
  return refusalOfRow({ key: memberKey("n1"), before: row, next, from, ...around() });
};

describe("rows of one member, and the others", () => {
  it("a node changes all of its own row; others drain it, give it roles and take it out", async () => {
    expect(await refusal("n1", member({ peer: "peer-2", url: "http://other", incarnation: 4 }))).to.equal(undefined);
    for (const more of [
      { state: "draining", leaving: true },
      { drain: { by: "ada", sinceMs: 1 } },
      { roles: ["chat"] },
    ])
      expect(await refusal("n2", member(more))).to.equal(undefined);
    expect(await refusal("n2", member({ roles: ["manager", "chat"] }))).to.equal(undefined);
    expect(await refusal("n2", undefined), "evicted").to.equal(undefined);
    expect(await refusal("n2", member(), undefined as never), "admitted").to.equal(undefined);
  });

  it("what the cluster allows of a node others say, not the node itself, unless it is a manager", async () => {
    const storage = { quotaBytes: 100, classes: ["backup"] };
    const row = { ...before, value: member({ roles: ["storage"], storage }) };
    const changed = (from: string, more: object) => refusal(from, member({ roles: ["storage"], ...more }), row);
    for (const more of [{}, { storage: { ...storage, quotaBytes: 200 } }, { storage: { quotaBytes: 100 } }])
      expect([await changed("n2", more), await changed("n1", more)], JSON.stringify(more)).to.deep.equal([
        undefined,
        "what it may keep, its invitation says, and not the node itself",
      ]);
    expect(await changed("n1", { storage: { ...storage }, url: "http://other" })).to.equal(undefined);
    const manager = { ...before, value: member({ roles: ["manager", "storage"], storage }) };
    expect(await refusal("n1", member({ roles: ["manager", "storage"] }), manager)).to.equal(undefined);
  });

  it("whom an invitation bounds frees neither itself nor another, in however many writes", async () => {
    const storage = { quotaBytes: 100, classes: ["backup"] };
    const guest = member({ roles: ["storage"], storage });
    const row = { ...before, value: guest };
    const says = (next: unknown, was: typeof before | null = row) =>
      refusalOfRow({ key: memberKey("n1"), before: was ?? undefined, next, from: "n1", ...around() });
    expect(await says({ ...guest, roles: ["storage", "manager"] })).to.contain("another gives it roles (manager)");
    expect(await says({ ...guest, roles: ["storage", "gateway"] })).to.contain("(gateway)");
    expect(await says({ ...guest, roles: [], url: "http://other" }), "fewer").to.equal(undefined);
    expect(await says(undefined)).to.contain("taken out by another");
    expect(await says(member({ roles: ["storage"] }), null)).to.contain("admitted by another");
    expect(await says(undefined, { ...before, value: member({ roles: ["storage"] }) }), "without bounds").to.equal(
      undefined,
    );

    const peer = "peer-7";
    const newcomer = member({ node: nodeIdOf({ peer }), peer, roles: ["storage"] });
    const invitation = `${invitationPrefix}0123456789abcdef`;
    const others = { ...before, value: member({ roles: ["storage"], storage }) };
    const changes: Readonly<Record<string, Pick<RowChange, "key" | "before" | "next">>> = {
      admits: { key: memberKey(newcomer.node), before: undefined, next: newcomer },
      invites: { key: invitation, before: undefined, next: {} },
      roles: { key: memberKey("n1"), before: others, next: member({ roles: ["storage", "manager"], storage }) },
      storage: { key: memberKey("n1"), before: others, next: member({ roles: ["storage"] }) },
    };
    const asks = (change: (typeof changes)[string], roles: readonly string[]) =>
      refusalOfRow({ ...change, from: "n2", ...around({ [memberKey("n2")]: member({ node: "n2", roles, storage }) }) });
    for (const [what, change] of Object.entries(changes)) {
      expect(await asks(change, ["storage", "ai"]), what).to.contain("bounds this member");
      for (const role of ["manager", "gateway"])
        expect(await asks(change, ["storage", role]), `${what} as ${role}`).to.equal(undefined);
    }
    const drained = { ...changes["roles"], next: { ...others.value, state: "draining" } } as (typeof changes)[string];
    expect(await asks(drained, ["storage"]), "drains another").to.equal(undefined);
  });

  it("nobody else says where a node is, who it is, or what it has", async () => {
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
    for (const [name, more] of Object.entries(forged)) expect(await refusal("n2", member(more)), name).to.contain(name);
    const begun = { ...before, value: member({ incarnation: 0 }) };
    expect(await refusal("n2", member({ incarnation: 0, name: "two" }), begun), "of two that join at once").to.equal(
      undefined,
    );
  });

  it("nobody else says which keys a node signs with, or takes back that members prove whom they act for", async () => {
    const keys = (node: string, from: string, next?: unknown) =>
      refusalOfRow({ key: tokenKeysKey(node), before: undefined, next, from, ...around() });
    expect(await keys("n1", "n1", { node: "n1", keys: [] })).to.equal(undefined);
    expect(await keys("n1", "n2", { node: "n1", keys: [] })).to.be.a("string");
    expect(await keys("n1", "n2")).to.be.a("string");
    const identity = (row: typeof before | undefined, next: unknown) =>
      refusalOfRow({ key: identityKey, before: row, next, from: "n2", ...around() });
    expect(await identity(undefined, { required: true })).to.equal(undefined);
    expect(await identity({ ...before, key: identityKey }, undefined)).to.be.a("string");
  });

  it("nobody admits another node under an id that was somebody's", async () => {
    const admits = (node: string, peer: string) =>
      refusalOfRow({
        key: memberKey(node),
        before: undefined,
        next: member({ node, peer }),
        from: "n2",
        ...around(),
      });
    expect(await admits(nodeIdOf({ peer: "peer-1" }), "peer-1")).to.equal(undefined);
    expect(await admits(nodeIdOf({ peer: "peer-1" }), "peer-2"), "evicted, and another in its place").to.contain(
      "its key",
    );
    expect(await admits("0123456789abcdef", "peer-2"), "the id was drawn").to.contain("its key");
  });

  const held = (node: string, roles: readonly string[], more: object = {}) => ({
    [memberKey(node)]: member({ node, roles, ...more }),
  });
  const members = {
    ...held("n1", ["chat", "manager"]),
    ...held("n2", ["manager"]),
    ...held("n3", ["manager"]),
    ...held("n4", ["chat"]),
  };
  const slot: SlotRecord = { slot: "manager/7", epoch: 4, owner: "n1", inSync: ["n1", "n3"], learners: ["n4"] };
  const gone = (...nodes: readonly string[]): object =>
    Object.assign({}, ...nodes.map((node) => held(node, ["manager"], { leaving: true })));
  /** Why `from` may not write this into the row of a slot. */
  const write = (from: string, more: Partial<SlotRecord> | undefined, rows: object = {}, was: SlotRecord = slot) => {
    const key = slotKey(was.slot);
    const next = more && { ...was, ...more };
    if (next !== undefined) expect(isRow(key, next)).to.equal(true);
    return refusalOfRow({
      key,
      before: { key, value: was, revision: 7 },
      next,
      from,
      ...around({ ...members, ...rows }),
    });
  };
  /** Why `from` may not create the row of a slot. */
  const create = (from: string, record: SlotRecord, rows: object = {}) => {
    const key = slotKey(record.slot);
    expect(isRow(key, record)).to.equal(true);
    return refusalOfRow({ key, before: undefined, next: record, from, ...around({ ...members, ...rows }) });
  };

  it("nobody but its owner says who owns a slot, or who has all of it", async () => {
    const taken = { owner: "n2", inSync: ["n2"], epoch: 5 };
    const forged: readonly (Partial<SlotRecord> | undefined)[] = [
      taken,
      { ...taken, abandoned: 5 },
      { inSync: ["n1", "n3", "n2"] },
      { inSync: ["n1"] },
      { owner: "n3", epoch: 5 },
      { epoch: 9 },
      { splitFrom: "chat/7" },
      undefined,
    ];
    for (const more of forged) {
      expect(await write("n2", more), JSON.stringify(more)).to.be.a("string");
      expect(await write("n3", more), `with a copy: ${JSON.stringify(more)}`).to.be.a("string");
      expect(await write("n1", more), "its owner").to.equal(undefined);
    }
    expect(await write("n4", { learners: [] }), "who copied it no longer does").to.equal(undefined);
    const anew = { ...taken, abandoned: 5 };
    expect(await write("n2", anew, gone("n1", "n3")), "all who had it are taken out").to.equal(undefined);
    expect(await write("n2", anew, gone("n1")), "one who has it stays").to.be.a("string");
  });

  it("a slot goes to members with its role, whoever else asks", async () => {
    const asked = (node: string): readonly Partial<SlotRecord>[] => [
      { want: { owner: node, replicas: [node, "n3"] } },
      { held: node },
      { home: node },
    ];
    for (const more of asked("n2")) expect(await write("n4", more), JSON.stringify(more)).to.equal(undefined);
    for (const node of ["n4", "stranger"])
      for (const more of asked(node))
        expect(await write("n4", more), JSON.stringify(more)).to.equal(
          "a slot goes only to members that have its role",
        );
    const anew = { owner: "n4", inSync: ["n4"], learners: [], epoch: 5, abandoned: 5 };
    expect(await write("n4", anew, gone("n1", "n3")), "begun anew").to.contain("its role");
    const stays: SlotRecord = {
      ...slot,
      owner: "n4",
      inSync: ["n4"],
      learners: [],
      want: { owner: "n4", replicas: ["n4"] },
    };
    expect(await write("n2", { held: "n4" }, {}, stays), "it is there, whatever its roles are now").to.equal(undefined);
  });

  it("a share begins at a member with the role; an actor's own slot comes from the owner of its share", async () => {
    const begun = (from: string, more: Partial<SlotRecord> = {}) =>
      create(from, { slot: "manager/9", epoch: 1, owner: from, inSync: [from], learners: [], ...more });
    expect(await begun("n2")).to.equal(undefined);
    for (const refused of [
      await begun("n4"),
      await begun("n2", { owner: "n3", inSync: ["n3"] }),
      await begun("n2", { splitFrom: "manager/7" }),
    ])
      expect(refused).to.equal("a share of a role begins at the member that asks for it and has the role");

    const actor = "role-manager/cluster";
    const [share, ofChat] = [slotOf("manager", actor), slotOf("chat", actor)];
    const own = (splitFrom?: SlotId) => ({
      slot: ownSlot(actor),
      epoch: 900,
      owner: "n2",
      inSync: ["n2"],
      learners: [],
      ...(splitFrom && { splitFrom }),
    });
    const owns = (slot: SlotId, owner: string) => ({
      [slotKey(slot)]: { slot, epoch: 3, owner, inSync: [owner], learners: [] },
    });
    expect(await create("n2", own(share), owns(share, "n2")), "its share's owner").to.equal(undefined);
    const forged: Readonly<Record<string, [SlotRecord, object]>> = {
      "of another's share": [own(share), owns(share, "n1")],
      "of a share that nobody owns": [own(share), {}],
      "of no share": [own(), owns(share, "n2")],
      "of a share that has other actors": [own("manager/7"), owns("manager/7", "n2")],
      "of another role's share": [own(ofChat), owns(ofChat, "n2")],
    };
    expect(share).to.not.equal("manager/7");
    for (const [what, [record, rows]] of Object.entries(forged))
      expect(await create("n2", record, rows), what).to.equal(
        "an actor gets a slot of its own from the owner of its share",
      );
  });

  it("rows of members are read only where the rule asks for them", async () => {
    const reads: string[] = [];
    const key = slotKey(slot.slot);
    const asked = async (next: object, from = "n2") => {
      reads.length = 0;
      const read = async (other: string) => (reads.push(other), around(members).read(other));
      await refusalOfRow({
        key,
        before: { key, value: slot, revision: 7 },
        next: { ...slot, ...next },
        from,
        ...around(),
        read,
      });
      return [...reads];
    };
    expect(await asked({ learners: [] })).to.deep.equal([]);
    expect(await asked({ owner: "n2", epoch: 5 })).to.deep.equal([]);
    expect(await asked({ epoch: 5 }, "n1")).to.deep.equal([]);
    expect(await asked({ want: { owner: "n3", replicas: ["n3"] } })).to.deep.equal([memberKey("n3")]);
    expect(await asked({ owner: "n2", inSync: ["n2"], epoch: 5, abandoned: 5 })).to.deep.equal([memberKey("n1")]);
  });
});
