import { expect } from "chai";
import fc from "fast-check";
import { examples } from "../../../depth.ts";
import type { MemberRecord, NodeId, SlotRecord } from "../../../../node/ports/index.ts";
import { Candidates, type Candidate } from "../../../../node/cluster/placement/candidates.ts";
import { placementLimits } from "../../../../node/cluster/placement/index.ts";
import { plan, type Plan, findStranded } from "../../../../node/cluster/placement/plan.ts";
import { isRow, memberKey, slotKey } from "../../../../node/cluster/facts/records.ts";
import { roleOf } from "../../../../node/cluster/facts/slot-table.ts";
import type { Role, SlotId } from "../../../../protocols/index.ts";
import { memberRecord } from "../../../fixtures/members.ts";
import { copiesWanted } from "../../../simulation/cluster/copies-wanted.ts";
import { carryOut, cluster, converge, copied, fresh, manySlots, member, names, owned, slot, think, type Cluster } from "./planned.ts"; // prettier-ignore

const anyCluster = fc
  .record({
    nodes: fc.array(
      fc.record({
        roles: fc.subarray(["chat", "ai", "storage", "manager"] as Role[]),
        zone: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
        weight: fc.constantFrom(0.5, 1, 1, 1, 2),
        draining: fc.boolean().map((draining) => draining && true),
        slow: fc.constantFrom(false, false, false, true),
        health: fc.constantFrom("up", "up", "up", "up", "down", "expected"),
      }),
      { minLength: 1, maxLength: 7 },
    ),
    slots: fc.array(
      fc.record({
        role: fc.constantFrom("chat", "ai", "storage"),
        owner: fc.nat(),
        inSync: fc.array(fc.nat(), { maxLength: 3 }),
        pinned: fc.boolean(),
        held: fc.option(fc.nat(), { nil: undefined }),
        turns: fc.nat({ max: 500 }),
      }),
      { maxLength: 60 },
    ),
    replicas: fc.integer({ min: 1, max: 4 }),
    minInSync: fc.integer({ min: 1, max: 3 }),
    directory: fc.option(fc.nat(), { nil: undefined }),
  })
  .map(({ nodes, slots, replicas, minInSync, directory }) => {
    const members = nodes.map(({ roles, zone, weight, draining }, index) =>
      member(`n${index}`, {
        roles,
        weight,
        labels: zone === undefined ? {} : { zone },
        state: draining ? "draining" : "active",
      }),
    );
    const nameAt = (index: number): NodeId => `n${index % members.length}`;
    const records = slots.map(({ role, owner, inSync, pinned, held }, index) => {
      const all = [...new Set([owner, ...inSync].map(nameAt))];
      const name = pinned ? (`room/r${index}` as SlotId) : slot(index, role);
      return fresh(name, nameAt(owner), {
        inSync: all,
        ...(pinned && { splitFrom: slot(index, role) }),
        ...(held !== undefined && { held: nameAt(held) }),
      });
    });
    const state = cluster(members, records, {
      up: new Set(nodes.flatMap(({ health }, index) => (health === "up" ? [`n${index}`] : []))),
      expected: new Set(nodes.flatMap(({ health }, index) => (health === "expected" ? [`n${index}`] : []))),
      slow: new Set(nodes.flatMap(({ health, slow }, index) => (slow && health === "up" ? [`n${index}`] : []))),
      policy: { replicas, minInSync: Math.min(replicas, minInSync) },
      load: { slots: new Map(records.map(({ slot: name }, index) => [name, slots[index]?.turns ?? 0])), actors: [] },
    });
    if (directory !== undefined) state.directoryNode = nameAt(directory);
    return state;
  });

/** Keeps bytes, and no copies of what people write. */
const isBackup = ({ roles }: Candidate): boolean => roles.length === 1 && roles[0] === "storage";

/** Whether a node has a copy only while others are too few. */
const isLeaving = (state: Cluster, node: NodeId, record: SlotRecord): boolean => {
  const found = state.members.find((one) => one.node === node);
  return found?.state !== "active" || (roleOf(record) !== "storage" && isBackup(found));
};

const mayOwn = (state: Cluster, node: NodeId, record: SlotRecord): boolean => {
  const found = state.members.find((one) => one.node === node);
  return found !== undefined && state.up.has(node) && found.roles.includes(roleOf(record));
};

describe("the plan", () => {
  it("comes to an end, whatever it begins with, and then keeps still", function () {
    fc.assert(
      fc.property(anyCluster, (state) => {
        converge(state);
        expect(think(state).changes).to.deep.equal([]);
        expect(think(state).waiting).to.equal(0);
      }),
      { numRuns: 300 },
    );
  });

  it("never gives a slot to a node without its role, nor a copy to one that drains unless writes need it", function () {
    fc.assert(
      fc.property(anyCluster, (state) => {
        converge(state, ({ changes }) => {
          for (const change of changes) {
            if (change.type === "pin") continue;
            const record = state.slots.get(change.slot) as SlotRecord;
            const owner = change.type === "failover" ? change.owner : change.want.owner;
            if (owner !== record.owner) expect(mayOwn(state, owner, record), JSON.stringify(change)).to.equal(true);
            if (change.type === "failover") continue;
            const others = change.want.replicas.filter((node) => node !== change.want.owner);
            const leaving = others.filter((node) => state.members.find((one) => one.node === node)?.state !== "active");
            for (const node of leaving) expect(state.up.has(node) || state.expected.has(node), node).to.equal(true);
            const staying = change.want.replicas.filter((node) => !leaving.includes(node) && state.up.has(node));
            if (leaving.length > 0) expect(staying.length + leaving.length).to.be.at.most(state.policy.minInSync);
          }
        });
      }),
      { numRuns: 200 },
    );
  });

  it("never asks for fewer copies in sync than there can be", function () {
    fc.assert(
      fc.property(anyCluster, (state) => {
        const leastOf = (record: SlotRecord): number => {
          const active = state.members.filter(
            (one) =>
              one.state === "active" && state.up.has(one.node) && (roleOf(record) === "storage" || !isBackup(one)),
          );
          const avoided = active.some(({ node }) => node === state.directoryNode) ? 1 : 0;
          return Math.min(state.policy.replicas, Math.max(1, active.length - avoided));
        };
        const before = new Map<SlotId, number>();
        converge(state, () => {
          for (const [name, record] of state.slots) {
            const { inSync, owner } = record;
            if (!state.up.has(owner)) continue;
            const safe = inSync.filter((node) => state.up.has(node)).length;
            const was = Math.min(before.get(name) ?? 0, leastOf(record));
            expect(safe, name).to.be.at.least(was);
            before.set(name, safe);
          }
        });
        for (const [name, record] of state.slots)
          if (state.up.has(record.owner) && state.expected.size === 0)
            expect(record.inSync.length, name).to.be.at.least(leastOf(record));
      }),
      { numRuns: 200 },
    );
  });

  it("ends with as many copies in sync as writes need, as long as there are nodes for them, draining or not", function () {
    fc.assert(
      fc.property(anyCluster, (state) => {
        converge(state);
        const least = Math.min(state.policy.minInSync, state.up.size);
        for (const [name, { inSync, owner }] of state.slots)
          if (state.up.has(owner))
            expect(inSync.filter((node) => state.up.has(node)).length, name).to.be.at.least(least);
      }),
      { numRuns: 200 },
    );
  });

  it("ends with no copy on a slow disk that writes wait for, where another node could have it as well", () => {
    fc.assert(
      fc.property(anyCluster, (state) => {
        state.expected = new Set();
        state.members = state.members.map((one) => ({ ...one, state: "active" }));
        state.up = new Set(state.members.map(({ node }) => node));
        converge(state);
        const { members, slots, up, slow = new Set(), policy, directoryNode } = state;
        const zoneOf = (node: NodeId): string => members.find((one) => one.node === node)?.labels["zone"] ?? `=${node}`;
        const zones = (nodes: readonly NodeId[]): number => new Set(nodes.map(zoneOf)).size;
        for (const [name, record] of slots) {
          const { owner, inSync } = record;
          const away = inSync.filter((node) => !up.has(node) || isLeaving(state, node, record));
          if (!up.has(owner) || away.length > 0) continue;
          const fast = inSync.filter((node) => !slow.has(node));
          const waited = inSync.filter((node) => slow.has(node) && node !== owner);
          if (fast.length >= Math.max(2, policy.minInSync)) continue;
          const able = members.filter(({ node }) => mayOwn(state, node, record) && !isLeaving(state, node, record));
          for (const from of waited)
            for (const { node } of able) {
              if (inSync.includes(node) || slow.has(node) || node === directoryNode) continue;
              const swapped = inSync.map((one) => (one === from ? node : one));
              expect(zones(swapped), `${name}: ${from} by ${node}`).to.be.below(zones(inSync));
            }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("gives the copy of a slow disk to another node where slots have two, and back when the disk is well", () => {
    for (const directoryNode of [undefined, "n0"]) {
      const state = cluster(
        names(3).map((name) => member(name)),
        manySlots((index) => `n${index % 3}`, 60),
        { policy: { replicas: 2, minInSync: 2 }, ...(directoryNode !== undefined && { directoryNode }) },
      );
      converge(state);
      expect(copied(state, "n2"), "before").to.be.above(0);
      state.slow = new Set(["n2"]);
      converge(state, () => {
        for (const { inSync } of state.slots.values()) expect(inSync.length).to.be.at.least(2);
      });
      expect(
        names(3).map((node) => copied(state, node)),
        `${directoryNode}`,
      ).to.deep.equal([60, 60, 0]);
      expect(think(state).late).to.equal(0);
      state.slow = new Set();
      converge(state);
      expect(copied(state, "n2"), "when it is well").to.be.above(30);
    }
  });

  it("has the directory's node keep copies while one of two others has a slow disk, unless its own is slow", () => {
    const state = cluster(
      names(3).map((name) => member(name)),
      manySlots(() => "n1", 20),
      { policy: { replicas: 3, minInSync: 2 }, directoryNode: "n0" },
    );
    converge(state);
    expect(copied(state, "n0")).to.equal(0);
    state.slow = new Set(["n2"]);
    converge(state);
    expect([owned(state, "n1"), copied(state, "n0")]).to.deep.equal([20, 20]);
    state.slow = new Set(["n0"]);
    converge(state);
    expect([copied(state, "n0"), copied(state, "n2")]).to.deep.equal([0, 20]);
    state.slow = new Set(["n0", "n2"]);
    converge(state);
    expect([copied(state, "n0"), copied(state, "n2")], "nobody else is fast").to.deep.equal([0, 20]);
  });

  it("keeps the copy of a slow disk where the only other node is in the zone of the owner, or lacks the role", () => {
    for (const other of [{ labels: { zone: "a" } }, { roles: ["gateway" as const] }]) {
      const far = member("n1", { labels: { zone: "b" } });
      const state = cluster(
        [member("n0", { labels: { zone: "a" } }), far, member("n2", { labels: { zone: "c" }, ...other })],
        [fresh(slot(0), "n0", { inSync: ["n0", "n1"] })],
        { policy: { replicas: 2, minInSync: 1 }, slow: new Set(["n1"]) },
      );
      converge(state);
      expect(state.slots.get(slot(0))?.inSync).to.deep.equal(["n0", "n1"]);
      expect(think(state).late, "writes wait").to.equal(1);
    }
  });

  it("moves nothing to a slow disk for balance", () => {
    const state = cluster(
      names(5).map((name) => member(name)),
      manySlots((index) => `n${index % 4}`, 80),
      { slow: new Set(["n4"]) },
    );
    converge(state);
    expect([owned(state, "n4"), copied(state, "n4")]).to.deep.equal([0, 0]);
  });

  it("has as many copies of a slot as the simulation wants", () => {
    fc.assert(
      fc.property(anyCluster, (state) => {
        state.expected = new Set();
        state.slow = new Set();
        converge(state);
        const rule = {
          ...state,
          ...state.policy,
          keeper: state.directoryNode,
          isUp: (node: NodeId) => state.up.has(node),
        };
        const { minInSync } = state.policy;
        for (const [name, record] of state.slots) {
          if (!state.up.has(record.owner)) continue;
          const wanted = copiesWanted({ role: roleOf(record), owner: record.owner }, rule);
          expect(record.inSync.length, name).to.be.within(wanted, Math.max(wanted, minInSync));
        }
      }),
      { numRuns: 200 },
    );
  });

  it("never makes writes wait for a copy that it takes away", function () {
    fc.assert(
      fc.property(anyCluster, (state) => {
        const { minInSync } = state.policy;
        const before = new Map<SlotId, number>();
        converge(state, () => {
          for (const [name, { inSync }] of state.slots) {
            const safe = inSync.filter((node) => state.up.has(node)).length;
            expect(safe, name).to.be.at.least(Math.min(before.get(name) ?? 0, minInSync));
            before.set(name, safe);
          }
        });
      }),
      { numRuns: 200 },
    );
  });

  it("is the same for the same facts in any order", () => {
    fc.assert(
      fc.property(anyCluster, (state) => {
        const turned = { ...state, members: state.members.toReversed() };
        turned.slots = new Map([...state.slots].toReversed());
        const one = think(state);
        const other = think(turned);
        const bySlot = ({ changes }: Plan): unknown[] => changes.map((change) => JSON.stringify(change)).toSorted();
        expect(bySlot(one)).to.deep.equal(bySlot(other));
      }),
      { numRuns: 100 },
    );
  });

  it("names for what no failover brings back the fewest nodes that could, with the role", () => {
    const members = [member("manager", { roles: ["manager"] }), member("dead", { roles: ["manager", "chat"] }), member("x"), member("y")]; // prettier-ignore
    const stuck = (index: number, ...others: NodeId[]) =>
      fresh(slot(index, "manager"), "dead", { inSync: ["dead", ...others] });
    const slots = [stuck(1, "x", "y"), stuck(2, "y"), stuck(3), stuck(4, "manager", "x"), fresh(slot(5), "dead", { inSync: ["dead", "x"] })]; // prettier-ignore
    const find = (records: readonly SlotRecord[], ...up: NodeId[]) => {
      const state = cluster(members, records, { up: new Set(up) });
      const input = { ...state, slots: records, balance: false, limits: placementLimits };
      const found = findStranded(records, new Candidates(input));
      expect(
        found.flatMap((row) => row.slots),
        "the plan's opinion",
      ).to.deep.equal(plan(input).stranded);
      return found;
    };
    const both = { role: "manager", slots: ["manager/1", "manager/2"], nodes: ["y"] };
    expect(find(slots, "manager", "x", "y")).to.deep.equal([both]);
    const apart = [...slots, stuck(6, "x")];
    expect(find(apart, "manager", "x", "y")).to.deep.equal([
      { role: "manager", slots: ["manager/1", "manager/2", "manager/6"], nodes: ["x", "y"] },
    ]);
    expect(find(slots, "dead", "x", "y"), "nothing is down").to.deep.equal([]);
  });

  it("spreads copies over zones where it can, and over nodes with the role first", () => {
    const members = [
      ...names(6).map((name, index) => member(name, { labels: { zone: "abc"[index % 3] ?? "" } })),
      member("other", { roles: ["gateway"], labels: { zone: "d" } }),
    ];
    const state = cluster(
      members,
      manySlots((index) => `n${index % 6}`, 90),
    );
    converge(state);
    for (const { inSync } of state.slots.values()) {
      expect(inSync).to.have.length(3).and.not.include("other");
      expect(new Set(inSync.map((node) => Number(node.slice(1)) % 3)).size).to.equal(3);
    }
    state.members = state.members.filter(({ node }) => ["n0", "n1", "other"].includes(node));
    state.up = new Set(["n0", "n1", "other"]);
    converge(state);
    for (const { inSync, owner } of state.slots.values())
      if (state.up.has(owner)) expect(inSync).to.have.members(["n0", "n1", "other"]);
  });

  it("moves no more than about its share to a node that joins, and evens out", () => {
    for (const count of [2, 3, 5, 8]) {
      const state = cluster(
        names(count).map((name) => member(name)),
        manySlots((index) => `n${index % count}`),
      );
      converge(state);
      const before = new Map(state.slots);
      state.members.push(member("new"));
      state.up.add("new");
      converge(state);
      const moved = [...state.slots].filter(([name, { owner }]) => owner !== before.get(name)?.owner);
      const share = 256 / (count + 1);
      expect(moved.length, `${count} nodes`).to.be.at.most(share + 1);
      expect(moved.every(([, { owner }]) => owner === "new")).to.equal(true);
      expect(owned(state, "new")).to.be.at.least(share * 0.7);
      const copies = [...state.slots].flatMap(([name, { inSync }]) =>
        inSync.filter((node) => before.get(name)?.inSync.includes(node) !== true),
      );
      const copyShare = (256 * Math.min(3, count + 1)) / (count + 1);
      expect(copies.length, `${count} nodes`).to.be.at.most(copyShare + 1);
      expect(copied(state, "new")).to.be.at.least(copyShare * 0.7);
    }
  });

  it("gives a node of double weight about twice as much", () => {
    const state = cluster(
      [member("n0"), member("n1"), member("big", { weight: 2 })],
      manySlots(() => "n0"),
      {
        policy: { replicas: 1, minInSync: 1 },
      },
    );
    converge(state);
    expect(owned(state, "big")).to.be.within(100, 145);
  });

  it("empties a draining node, and never before others have what it had", () => {
    const state = cluster(
      names(4).map((name) => member(name)),
      manySlots((index) => `n${index % 4}`, 80),
    );
    converge(state);
    state.members = state.members.map((one) => (one.node === "n2" ? { ...one, state: "draining" } : one));
    converge(state, () => {
      for (const { inSync } of state.slots.values()) expect(inSync.length).to.be.at.least(3);
    });
    expect([owned(state, "n2"), copied(state, "n2")]).to.deep.equal([0, 0]);
    state.members = [member("n0"), member("n2", { state: "draining" })];
    state.up = new Set(["n0", "n2"]);
    converge(state);
    expect(copied(state, "n0")).to.equal(80);
  });

  it("leaves a draining node what writes need, until somebody else has it", () => {
    const state = cluster(
      names(3).map((name) => member(name)),
      manySlots(() => "n0", 20),
      { policy: { replicas: 3, minInSync: 2 } },
    );
    converge(state);
    state.up = new Set(["n0", "n2"]);
    state.members = state.members.map((one) => (one.node === "n2" ? { ...one, state: "draining" } : one));
    converge(state);
    expect([owned(state, "n2"), copied(state, "n0"), copied(state, "n2")]).to.deep.equal([0, 20, 20]);
    // It starts again: what it has counts on, and is in sync again as soon as it is back.
    state.up = new Set(["n0"]);
    state.expected = new Set(["n2"]);
    converge(state);
    for (const { want } of state.slots.values()) expect(want?.replicas).to.have.members(["n0", "n2"]);
    state.expected = new Set();
    state.up = new Set(["n0", "n2"]);
    converge(state);
    expect([copied(state, "n0"), copied(state, "n2")]).to.deep.equal([20, 20]);
    state.up = new Set(names(3));
    converge(state);
    expect([copied(state, "n0"), copied(state, "n1"), copied(state, "n2")]).to.deep.equal([20, 20, 0]);
  });

  it("gives a draining node a copy of what is new while writes would wait for one", () => {
    const members = [
      member("n0"),
      member("n1", { state: "draining", roles: ["ai"] }),
      member("n2", { state: "draining" }),
    ];
    const state = cluster(members, [fresh(slot(0), "n0")], { policy: { replicas: 3, minInSync: 2 } });
    converge(state);
    // The one that could take it over, not both.
    expect(state.slots.get(slot(0))?.inSync).to.have.members(["n0", "n2"]);
    state.members.push(member("n3"));
    state.up.add("n3");
    converge(state);
    expect(state.slots.get(slot(0))?.inSync).to.have.members(["n0", "n3"]);
  });

  it("keeps copies off the node with the directory once two others are there", () => {
    const state = cluster(
      names(2).map((name) => member(name)),
      manySlots(() => "n1", 20),
      { directoryNode: "n0" },
    );
    converge(state);
    expect(copied(state, "n0")).to.equal(20);
    state.members.push(member("n2"));
    state.up.add("n2");
    converge(state);
    for (const { inSync, owner } of state.slots.values())
      if (owner !== "n0") expect(inSync).to.have.members(["n1", "n2"]);
  });

  it("has the slots of the directory's node owned by others once there are two, and leaves it what an operator wants there", () => {
    const records = [...manySlots((index) => `n${index % 2}`, 20), fresh(slot(20), "n0", { held: "n0" })];
    const state = cluster([member("n0"), member("n1")], records, { directoryNode: "n0" });
    converge(state);
    expect(owned(state, "n0")).to.be.within(8, 13);
    state.members.push(member("n2"));
    state.up.add("n2");
    converge(state);
    expect(owned(state, "n0")).to.equal(1);
    for (const { slot: name, owner, inSync } of state.slots.values())
      if (name !== slot(20)) expect(inSync, owner).to.have.members(["n1", "n2"]);
    // One of them is away for a moment: nothing goes back. It is away for longer: its share does.
    state.up.delete("n2");
    state.expected.add("n2");
    converge(state);
    expect(owned(state, "n0")).to.equal(1);
    state.expected.delete("n2");
    converge(state);
    expect(owned(state, "n0")).to.be.within(8, 13);
  });

  it("lets the directory's node own what only one other could", () => {
    const members = [member("n0"), member("n1"), member("n2", { roles: ["ai"] })];
    const state = cluster(
      members,
      manySlots(() => "n0", 20),
      { directoryNode: "n0" },
    );
    converge(state);
    expect(owned(state, "n0")).to.be.within(8, 12);
  });

  it("lets some in-sync node with the role take over, at the next epoch, and says where that cannot be", () => {
    const members = [member("n0"), member("n1"), member("n2", { roles: ["ai"] }), member("n3", { state: "draining" })];
    const records = [
      fresh(slot(0), "n0", { inSync: ["n0", "n1", "n2"] }),
      fresh(slot(1), "n0", { inSync: ["n0", "n2"] }),
      fresh(slot(2), "n0"),
      fresh(slot(3), "n0", { inSync: ["n0", "n3"] }),
      fresh(slot(4), "n0", { inSync: ["n0", "n1", "n3"], want: { owner: "n3", replicas: ["n3", "n0"] } }),
    ];
    const state = cluster(members, records, { up: new Set(["n1", "n2", "n3"]) });
    const { changes, lost, stranded } = think(state);
    expect(changes.filter(({ type }) => type === "failover")).to.deep.equal([
      { type: "failover", slot: slot(0), owner: "n1" },
      { type: "failover", slot: slot(3), owner: "n3" },
      { type: "failover", slot: slot(4), owner: "n1" },
    ]);
    expect([lost, stranded]).to.deep.equal([[slot(2)], [slot(1)]]);
    carryOut(state, { changes } as Plan);
    expect(state.slots.get(slot(0))).to.deep.include({ owner: "n1", epoch: 2, inSync: ["n0", "n1", "n2"] });
    expect(state.slots.get(slot(4))?.want).to.deep.equal({ owner: "n1", replicas: ["n1", "n3", "n0"] });
    converge(state);
    expect(state.slots.get(slot(3))?.owner).to.equal("n1");
    state.members[2] = member("n2", { roles: ["ai", "chat"] });
    expect(think(state).stranded).to.deep.equal([]);
  });

  it("leaves copies where they are while a node is expected back, and replaces them when it is not", () => {
    const state = cluster(
      names(4).map((name) => member(name)),
      manySlots((index) => `n${index % 4}`, 40),
    );
    converge(state);
    const before = copied(state, "n1");
    expect(before).to.be.greaterThan(0);
    state.up.delete("n1");
    state.expected.add("n1");
    converge(state);
    for (const { want, inSync } of state.slots.values())
      if (want?.replicas.includes("n1")) expect(inSync).to.have.length(2);
    state.expected.clear();
    converge(state);
    for (const { inSync } of state.slots.values()) expect(inSync).to.have.length(3).and.not.include("n1");
  });

  it("keeps a slot where an operator put it, as long as that node may have it", () => {
    const held = Array.from({ length: 20 }, (_, index) => fresh(slot(index), "n0", { held: "n1" }));
    const state = cluster(
      names(3).map((name) => member(name)),
      held,
    );
    converge(state);
    expect(owned(state, "n1")).to.equal(20);
    state.members[1] = member("n1", { state: "draining" });
    converge(state);
    expect(owned(state, "n1")).to.equal(0);
    state.members[1] = member("n1");
    converge(state);
    expect(owned(state, "n1")).to.equal(20);
  });

  it("moves a bounded number of slots at once", () => {
    const state = cluster(
      names(6).map((name) => member(name)),
      manySlots(() => "n0"),
    );
    const first = think(state);
    expect(first.moving).to.be.at.most(placementLimits.motionSlotsMax);
    expect(first.changes.length + first.waiting).to.equal(256);
    const receiving = new Map<NodeId, number>();
    for (const change of first.changes)
      if (change.type === "want")
        for (const node of change.want.replicas) receiving.set(node, (receiving.get(node) ?? 0) + 1);
    receiving.delete("n0");
    expect(Math.max(...receiving.values())).to.be.at.most(placementLimits.motionNodeMax);
  });

  it("moves busy slots apart, and pins an actor that is the load by itself", () => {
    const state = cluster(
      names(3).map((name) => member(name)),
      manySlots((index) => `n${index % 3}`, 30),
    );
    converge(state);
    const busy = [...state.slots.values()].filter(({ owner }) => owner === "n0").slice(0, 4);
    state.load = { slots: new Map(busy.map((record) => [record.slot, 500])), actors: [] };
    converge(state);
    const turnsOn = (node: NodeId): number =>
      [...state.slots.values()].reduce(
        (sum, { slot: name, owner }) => sum + (owner === node ? (state.load?.slots.get(name) ?? 0) : 0),
        0,
      );
    expect(Math.max(...["n0", "n1", "n2"].map(turnsOn))).to.be.at.most(1_000);

    const [hot, other] = [...state.slots.values()].filter(({ owner }) => owner === "n1") as [SlotRecord, SlotRecord];
    const load = new Map([
      [hot.slot, 900],
      [other.slot, 350],
    ]);
    const actors = [{ actor: "room/hot" as const, slot: hot.slot, turnsPerSecond: 600 }];
    state.slots = new Map([...state.slots].map(([name, record]) => [name, { ...record, held: record.owner }]));
    state.load = { slots: load, actors };
    const [pin, ...more] = think(state).changes;
    expect(more).to.deep.equal([]);
    expect(pin).to.deep.include({ type: "pin", actor: "room/hot", slot: hot.slot });
    state.load = { slots: new Map([[hot.slot, 900]]), actors: [{ ...actors[0], turnsPerSecond: 890 } as never] };
    expect(think(state).changes).to.deep.equal([]);
  });

  it("can be made of everything that the directory takes for records, by whoever it was written", () => {
    const nodes = ["a", "b", "c", "d"];
    const node = fc.constantFrom(...nodes, "gone");
    const nonsense = fc.oneof(fc.constantFrom(undefined, null, 7, "7", [7]), fc.anything());
    const name = fc.constantFrom("chat/1", "chat/2", "ai/7", "room/x", "later/9");
    const record = fc.record(
      {
        slot: name,
        epoch: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
        owner: node,
        inSync: fc.array(node, { minLength: 1, maxLength: 6 }),
        learners: fc.array(node, { maxLength: 4 }),
        abandoned: nonsense,
        want: fc.oneof(fc.record({ owner: node, replicas: fc.array(node, { maxLength: 5 }) }), nonsense),
        held: fc.oneof(node, nonsense),
        splitFrom: fc.oneof(name, nonsense),
      },
      { requiredKeys: ["slot", "epoch", "owner", "inSync", "learners"] },
    );
    const words = fc.constantFrom("chat", "ai", "later");
    const members = nodes.map((one) =>
      fc
        .record(
          {
            roles: fc.oneof(fc.array(words), nonsense),
            labels: fc.oneof(fc.dictionary(fc.constantFrom("zone", "rack"), words), nonsense),
            weight: fc.oneof(fc.constantFrom(5e-324, 1, 1_000), fc.double(), nonsense),
            state: fc.oneof(fc.constantFrom("active", "draining", "later"), nonsense),
          },
          { requiredKeys: [] },
        )
        .map((more) => memberRecord(one, more as Partial<MemberRecord>)),
    );
    const facts = {
      members: fc.tuple(...members),
      slots: fc.array(record, { maxLength: 12 }),
      up: fc.subarray(nodes),
      policy: fc.record({ replicas: fc.integer({ min: 1, max: 64 }), minInSync: fc.integer({ min: 1, max: 64 }) }),
    };
    fc.assert(
      fc.property(fc.record(facts), (given) => {
        const input = {
          members: given.members.filter((one) => isRow(memberKey(one.node), one)),
          slots: (given.slots as readonly SlotRecord[]).filter((one) => isRow(slotKey(one.slot), one)),
          up: new Set(given.up),
          policy: given.policy,
        };
        expect(() => plan({ ...input, balance: true, limits: placementLimits })).not.to.throw();
      }),
      { numRuns: examples(2_000) },
    );
  });
});
