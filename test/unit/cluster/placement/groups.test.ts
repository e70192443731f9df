import { expect } from "chai";
import fc from "fast-check";
import { groupPrefix } from "../../../../node/cluster/facts/records.ts";
import { groupsMax } from "../../../../node/cluster/facts/groups.ts";
import {
  patienceMs,
  placesOf,
  planGroups,
  removableGroups,
  widthsFor,
} from "../../../../node/cluster/placement/groups.ts";
import { placementLimits } from "../../../../node/cluster/placement/index.ts";
import { type Candidate } from "../../../../node/cluster/placement/candidates.ts";
import { groupOf } from "../../../../node/cluster/placement/spread.ts";
import type { NodeId, SlotRecord } from "../../../../node/ports/index.ts";
import {
  holderOf,
  ownSlot,
  wireLimits,
  type HolderGroup,
  type NodeShards,
  type Role,
} from "../../../../protocols/index.ts";
import { ownRecord } from "../../../fixtures/members.ts";
import { cluster, converge, fresh, member, names, think, type Cluster } from "./planned.ts";
import { Placed } from "./fixture.ts";

const group = (name: string, width: number, open = true): HolderGroup => ({ name, width, open });
const written = (groups: readonly HolderGroup[], nodes: number): readonly HolderGroup[] => {
  const rows = new Map(groups.map((row) => [row.name, row]));
  for (const row of planGroups(nodes, groups, { groupsMax, nowMs: 5 })) {
    expect(rows.get(row.name)?.width ?? row.width, "a width never changes").to.equal(row.width);
    rows.set(row.name, row);
  }
  return [...rows.values()];
};
const openWidths = (groups: readonly HolderGroup[]): readonly number[] =>
  groups
    .filter(({ open }) => open)
    .map(({ width }) => width)
    .toSorted((one, other) => other - one);

describe("groups of shard-holders", () => {
  it("are as wide as there are nodes, and beyond twelve the fewest that are as even as can be", () => {
    expect([1, 5, 12, 13, 24, 25].map(widthsFor)).to.deep.equal([[1], [5], [12], [7, 6], [12, 12], [9, 8, 8]]);
    expect(placesOf([member("a", { roles: ["storage"] }), member("b"), member("c", { roles: ["storage"], state: "draining" })])).to.equal(1); // prettier-ignore
  });

  it("are made wider when nodes come, and a closed one opens again before another is made", () => {
    const three = written([], 3);
    expect(three).to.deep.equal([group("g1", 3)]);
    const five = written(three, 5);
    expect(five).to.deep.equal([{ ...group("g1", 3, false), closedAtMs: 5 }, group("g2", 5)]);
    expect(written(five, 3)).to.deep.equal([group("g1", 3), { ...group("g2", 5, false), closedAtMs: 5 }]);
    expect(planGroups(4, five, { groupsMax: 2, nowMs: 5 }), "no room for one more").to.deep.equal([]);
    expect(planGroups(0, five, { groupsMax: 9, nowMs: 5 }), "nobody there").to.deep.equal([]);
  });

  it("are removed when they were closed for long, and their numbers are taken again", () => {
    const groups = [
      { ...group("g1", 3, false), closedAtMs: 5 },
      group("g2", 5),
      { ...group("g3", 4, false), closedAtMs: 900 },
    ];
    expect(removableGroups(groups, 1_000, 500)).to.deep.equal([groups[0]]);
    const left = groups.slice(1);
    expect(planGroups(6, left, { groupsMax, nowMs: 7 })).to.deep.equal([
      group("g1", 6),
      { ...group("g2", 5, false), closedAtMs: 7 },
    ]);
  });

  it("come to rest after one writing, for any number of nodes after any other, and are no more than there are widths", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 12 }), (counts) => {
        let groups: readonly HolderGroup[] = [];
        for (const nodes of counts) {
          groups = written(groups, nodes);
          expect(planGroups(nodes, groups, { groupsMax, nowMs: 5 })).to.deep.equal([]);
          expect(openWidths(groups)).to.deep.equal(widthsFor(nodes));
          expect(Math.max(...openWidths(groups))).to.be.at.most(wireLimits.groupHoldersMax);
        }
        for (const width of new Set(groups.map((one) => one.width))) {
          const most = Math.max(...counts.map((nodes) => widthsFor(nodes).filter((one) => one === width).length));
          expect(groups.filter((one) => one.width === width)).to.have.length(most);
        }
      }),
    );
  });

  it("wait long before they are narrower, shorter before they are wider, and shortest when there is none", () => {
    const waits = [
      patienceMs(3, [], placementLimits),
      patienceMs(4, [group("g1", 3)], placementLimits),
      patienceMs(2, [group("g1", 3)], placementLimits),
    ];
    expect(waits).to.deep.equal(waits.toSorted((one, other) => one - other));
  });
});

const holder = (name: string, index: number, owner: NodeId, more: Partial<SlotRecord> = {}): SlotRecord =>
  fresh(ownSlot(holderOf(name, index)), owner, { splitFrom: "storage/1", ...more });
const storage = (node: NodeId, more: Partial<Candidate> = {}): Candidate =>
  member(node, { roles: ["chat", "storage"], ...more });
const holders = (state: Cluster, name: string): readonly SlotRecord[] =>
  [...state.slots.values()].filter(({ slot }) => groupOf(slot) === name);
const countOf = (records: readonly SlotRecord[], node: NodeId): number =>
  records.filter(({ owner }) => owner === node).length;

describe("the spread of shard-holders", () => {
  const six = (more: (index: number) => Partial<Candidate> = () => ({})): Candidate[] =>
    names(6).map((name, index) => storage(name, more(index)));
  const onFirst = (name: string, width: number): SlotRecord[] =>
    Array.from({ length: width }, (_, index) => holder(name, index, "n0"));

  it("gives each holder of a group a node of its own, and a home there", () => {
    const state = cluster(six(), [...onFirst("g1", 6), ...onFirst("g2", 4)]);
    converge(state);
    for (const name of ["g1", "g2"])
      for (const { owner, home } of holders(state, name)) {
        expect(countOf(holders(state, name), owner)).to.equal(1);
        expect(home).to.equal(owner);
      }
  });

  it("is in as many zones as there are, and evens out all holders by weight", () => {
    const zones = six((index) => ({ labels: { zone: index < 4 ? "a" : `b${index}` } }));
    const state = cluster(zones, onFirst("g1", 3));
    converge(state);
    expect(holders(state, "g1").map(({ owner }) => (owner < "n4" ? "a" : owner))).to.have.members(["a", "n4", "n5"]);
    const heavy = cluster(
      six((index) => ({ weight: index === 5 ? 4 : 1 })),
      ["g1", "g2", "g3", "g4"].flatMap((name) => onFirst(name, 3)),
    );
    converge(heavy);
    expect(countOf([...heavy.slots.values()], "n5")).to.equal(4);
  });

  it("lets the heir own that owns the fewest holders of the group, and brings the holder home when its node is back", () => {
    const state = cluster(
      names(3).map((name) => storage(name)),
      onFirst("g1", 3),
    );
    converge(state);
    const before = [...state.slots.values()].map(({ slot, owner }) => [slot, owner]);
    state.up.delete("n1");
    state.expected.add("n1");
    converge(state);
    expect(countOf(holders(state, "g1"), "n1")).to.equal(0);
    state.up.add("n1");
    state.expected.delete("n1");
    converge(state);
    expect([...state.slots.values()].map(({ slot, owner }) => [slot, owner])).to.deep.equal(before);
  });

  it("waits longer for a node that is home to holders than for one with copies", () => {
    const state = cluster(six(), onFirst("g1", 5));
    converge(state);
    const homes = holders(state, "g1").map(({ home }) => home);
    state.up.delete("n1");
    state.awaited = new Set(["n1"]);
    converge(state);
    expect(holders(state, "g1").map(({ home }) => home)).to.deep.equal(homes);
    expect(homes).to.include("n1");
    state.awaited = new Set();
    converge(state);
    expect(holders(state, "g1").map(({ home }) => home)).to.not.include("n1");
  });

  it("gives the holders of a node that is gone another home each, where there is one", () => {
    const state = cluster(six(), [...onFirst("g1", 5), ...onFirst("g2", 5)]);
    converge(state);
    const homes = new Map([...state.slots.values()].map(({ slot, home }) => [slot, home]));
    const dead = "n2";
    state.up.delete(dead);
    converge(state);
    for (const name of ["g1", "g2"])
      for (const { slot, owner, home } of holders(state, name)) {
        expect(countOf(holders(state, name), owner)).to.equal(1);
        if (homes.get(slot) !== dead) expect(home, "the others stay").to.equal(homes.get(slot));
      }
  });

  it("leaves a holder where an operator put it, also beside another one", () => {
    const state = cluster(six(), onFirst("g1", 3));
    converge(state);
    const [one, other] = holders(state, "g1") as [SlotRecord, SlotRecord];
    state.slots.set(one.slot, {
      ...one,
      held: other.owner,
      want: { owner: other.owner, replicas: [other.owner, ...one.inSync] },
    });
    converge(state);
    expect(state.slots.get(one.slot)?.owner).to.equal(other.owner);
  });

  it("gives a holder of a node over its quota to one with room and none of its group", () => {
    const state = cluster(six(), [...onFirst("g1", 5), ...onFirst("g2", 6)]);
    converge(state);
    const over = (holders(state, "g1")[0] as SlotRecord).owner;
    const spare = names(6).find((name) => countOf(holders(state, "g1"), name) === 0) as NodeId;
    const shards = (usedBytes: number, roomBytes: number): Map<NodeId, NodeShards> =>
      new Map(
        names(6).map((name) => [name, name === over ? { usedBytes, quotaBytes: 150 } : { usedBytes: 200, roomBytes }]),
      );
    state.holderBytes = new Map([...state.slots.keys()].map((slot) => [slot, 100]));
    state.shards = shards(200, 99);
    converge(state);
    expect(countOf(holders(state, "g1"), over), "nobody has room").to.equal(1);
    state.shards = shards(200, 100);
    converge(state);
    expect([over, spare].map((name) => countOf(holders(state, "g1"), name))).to.deep.equal([0, 1]);
    for (const name of names(6)) expect(countOf(holders(state, "g2"), name), "each has one of these").to.equal(1);
    // It has less now, and no room for what it gave.
    state.shards = new Map(names(6).map((name) => [name, { usedBytes: name === over ? 100 : 200, roomBytes: 50 }]));
    converge(state);
    expect(countOf(holders(state, "g1"), over)).to.equal(0);
  });

  it("gives the holder that has room elsewhere and is enough, and without the holders' word all that there is", () => {
    const at = (name: string, owner: NodeId) => holder(name, 0, owner, { home: owner });
    const given = (sizes: Readonly<Record<string, number>>, roomBytes: number): string | undefined => {
      const names = ["g1", "g5", "g9"] as const;
      const state = cluster(
        [storage("n0", { weight: 9 }), storage("n1")],
        names.map((name) => at(name, "n0")),
        {
          policy: { replicas: 1, minInSync: 1 },
        },
      );
      state.shards = new Map([
        ["n0", { usedBytes: 131, quotaBytes: 120 }],
        ["n1", { usedBytes: 0, roomBytes }],
      ]);
      state.holderBytes = new Map(Object.entries(sizes).map(([name, bytes]) => [ownSlot(holderOf(name, 0)), bytes]));
      const [change] = think(state).changes;
      return change && groupOf(change.slot);
    };
    expect(given({ g1: 1, g5: 30, g9: 100 }, 60), "enough, and it fits").to.equal("g5");
    expect(given({ g1: 1, g5: 70, g9: 60 }, 69), "the smallest that is enough").to.equal("g9");
    expect(given({ g1: 1, g5: 70, g9: 60 }, 50), "at least something").to.equal("g1");
    expect(given({ g1: 0, g5: 70, g9: 61 }, 50), "nothing is no help").to.equal(undefined);
    expect(given({}, 130), "as large as all that its node has").to.equal(undefined);
    expect(given({}, 131)).to.not.equal(undefined);
  });

  it("takes no copy of what people write to a backup node, unless writes would wait without it", () => {
    const members = [storage("n0"), storage("n1", { roles: ["storage"] }), storage("n2", { roles: ["storage"] })];
    const records = [fresh("chat/1", "n0"), holder("g1", 0, "n0")];
    const state = cluster(members, records);
    converge(state);
    expect(state.slots.get("chat/1")?.inSync).to.deep.equal(["n0"]);
    expect(holders(state, "g1")[0]?.inSync).to.have.members(["n0", "n1", "n2"]);
    const strict = cluster(members, records, { policy: { replicas: 3, minInSync: 2 } });
    converge(strict);
    expect(strict.slots.get("chat/1")?.inSync).to.have.length(2);
  });

  const anyHolders = fc
    .record({
      nodes: fc.array(
        fc.record({
          roles: fc.constantFrom<Role[]>(["storage"], ["chat", "storage"], ["chat", "storage"], ["chat"]),
          zone: fc.option(fc.constantFrom("a", "b", "c"), { nil: undefined }),
          weight: fc.constantFrom(0.5, 1, 1, 2),
          draining: fc.constantFrom(false, false, false, true),
          health: fc.constantFrom("up", "up", "up", "up", "down", "expected"),
        }),
        { minLength: 1, maxLength: 8 },
      ),
      widths: fc.array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 3 }),
      owners: fc.array(fc.nat(), { minLength: 18, maxLength: 18 }),
      homes: fc.array(fc.option(fc.nat(), { nil: undefined }), { minLength: 18, maxLength: 18 }),
      replicas: fc.integer({ min: 1, max: 3 }),
    })
    .map(({ nodes, widths, owners, homes, replicas }) => {
      const nameAt = (index: number): NodeId => `n${index % nodes.length}`;
      const members = nodes.map(({ roles, zone, weight, draining }, index) =>
        member(`n${index}`, {
          roles,
          weight,
          labels: zone === undefined ? {} : { zone },
          state: draining ? "draining" : "active",
        }),
      );
      const records = widths.flatMap((width, g) =>
        Array.from({ length: width }, (_, index) => {
          const home = homes[g * 6 + index];
          return holder(`g${g + 1}`, index, nameAt(owners[g * 6 + index] ?? 0), home === undefined ? {} : { home: nameAt(home) }); // prettier-ignore
        }),
      );
      const is = (health: string) =>
        new Set(nodes.flatMap((one, index) => (one.health === health ? [`n${index}`] : [])));
      return cluster(members, records, { up: is("up"), expected: is("expected"), policy: { replicas, minInSync: 1 } });
    });

  it("never leaves two on one node while another has two fewer, nor a zone that one move would even out, and then keeps still", function () {
    fc.assert(
      fc.property(anyHolders, (state) => {
        converge(state);
        expect(think(state).changes).to.deep.equal([]);
        const able = state.members.filter(
          ({ node, roles, state: is }) => is === "active" && roles.includes("storage") && state.up.has(node),
        );
        const zoneOf = (node: NodeId): string =>
          state.members.find((one) => one.node === node)?.labels["zone"] ?? `=${node}`;
        for (const name of new Set([...state.slots.keys()].map((slot) => groupOf(slot) ?? ""))) {
          const all = holders(state, name);
          // Those of a node that is down have another owner for a while, or none: their home is what counts.
          const homes = all.map(({ home, owner }) => home ?? owner);
          const count = (node: NodeId): number => homes.filter((one) => one === node).length;
          const inZone = (zone: string): number => homes.filter((one) => zoneOf(one) === zone).length;
          for (const { owner, home = owner } of all) {
            if (!state.up.has(owner) || !able.some(({ node }) => node === home)) continue;
            expect(owner, "it is at home").to.equal(home);
            for (const { node } of able) {
              expect(count(home) - count(node), `${name}: ${home} and ${node}`).to.be.at.most(1);
              if (count(home) - count(node) === 1 && zoneOf(home) !== zoneOf(node))
                expect(inZone(zoneOf(home)) - inZone(zoneOf(node)), `${name}: zones`).to.be.at.most(1);
            }
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  it("moves each holder a few times at the most on the way", function () {
    fc.assert(
      fc.property(anyHolders, (state) => {
        const homes = new Map<string, readonly NodeId[]>();
        converge(state, () => {
          for (const { slot, home } of state.slots.values()) {
            const before = homes.get(slot) ?? [];
            if (home !== undefined && before.at(-1) !== home) homes.set(slot, [...before, home]);
          }
        });
        for (const [slot, list] of homes) expect(list.length, `${slot}: ${list.join(" ")}`).to.be.at.most(5);
      }),
      { numRuns: 200 },
    );
  });
});

describe("the controller and groups", () => {
  const groupRows = (placed: Placed): readonly HolderGroup[] =>
    (placed.members.get("a")?.groups.current() ?? []).map(({ name, width, open }) => group(name, width, open));
  const owners = (placed: Placed, name: string, width: number): readonly (NodeId | undefined)[] =>
    Array.from(
      { length: width },
      (_, index) => placed.members.get("a")?.table.get(ownSlot(holderOf(name, index)))?.record.owner,
    );

  const closed = (placed: Placed, name: string, withinMs: number): Promise<number> =>
    placed.until(() => groupRows(placed).some((row) => row.name === name && !row.open), withinMs);

  it("makes a group, gives each holder a slot of its own on another node, and makes a wider one when a node has come", async () => {
    const placed = new Placed(21);
    await placed.open(["a", "b", "c"], { roles: ["chat", "storage"] });
    await placed.until(
      () => new Set(owners(placed, "g1", 3)).size === 3 && !owners(placed, "g1", 3).includes(undefined),
      60_000,
    );
    expect(groupRows(placed)).to.deep.equal([group("g1", 3)]);
    const seed = placed.life("a").membership.members().members;
    const life = placed.start("d", { seed });
    void life.membership.join(ownRecord("d", { roles: ["chat", "storage"] }), { found: true });
    placed.add("d");
    await closed(placed, "g1", 60_000);
    expect(groupRows(placed)).to.deep.equal([group("g1", 3, false), group("g2", 4)]);
    await placed.until(
      () => new Set(owners(placed, "g2", 4)).size === 4 && !owners(placed, "g2", 4).includes(undefined),
      60_000,
    );
    // Each holder began once: nobody made its slot a second time.
    const begun = placed.history.filter(({ slot, epoch }) => groupOf(slot) !== undefined && epoch === 1);
    const first = new Map<string, string>();
    for (const { slot, splitFrom = "" } of begun) {
      expect(first.get(slot) ?? splitFrom).to.equal(splitFrom);
      first.set(slot, splitFrom);
    }
    expect(first.size).to.equal(7);
    await placed.pass(30_000);
    const changes = placed.history.length;
    await placed.pass(60_000);
    expect(placed.history).to.have.length(changes);
  });

  it("makes no group for a node that drains and comes back again and again", async () => {
    const placed = new Placed(22);
    const { control } = await placed.open(["a", "b", "c"], { roles: ["chat", "storage"] });
    await placed.until(() => groupRows(placed).length === 1, 60_000);
    for (let time = 0; time < 5; time += 1) {
      await placed.settle(control.setDraining("node-c", true));
      await placed.pass(30_000);
      await placed.settle(control.setDraining("node-c", false));
      await placed.pass(5_000);
    }
    expect(groupRows(placed)).to.deep.equal([group("g1", 3)]);
    await placed.settle(control.setDraining("node-c", true));
    await closed(placed, "g1", 11 * 60_000);
    expect(groupRows(placed)).to.deep.equal([group("g1", 3, false), group("g2", 2)]);
  });

  it("removes a closed group when its holders have nothing, and not while one has something or does not say", async () => {
    const placed = new Placed(24);
    placed.limits = { groupLookMs: 1_000, groupRemovedMs: 5_000 };
    placed.isEmptyHolder = (holder) => (holder === "shard-holder/g3.1" ? undefined : true);
    await placed.open(["a", "b", "c"], { roles: ["chat", "storage"] });
    await placed.until(() => groupRows(placed).length === 1, 60_000);
    const { directory } = placed.life("a");
    for (const name of ["g2", "g3"])
      await placed.settle(
        directory.compareAndSet(`${groupPrefix}${name}`, { ...group(name, 2, false), closedAtMs: 0 }, 0),
      );
    await placed.until(() => groupRows(placed).length === 3, 5_000);
    await placed.until(() => groupRows(placed).length === 2, 60_000);
    expect(groupRows(placed).map(({ name }) => name)).to.deep.equal(["g1", "g3"]);
    await placed.pass(30_000);
    expect(groupRows(placed)).to.have.length(2);
  });

  it("writes nothing over a row of another controller", async () => {
    const placed = new Placed(23);
    const { directory } = await placed.open(["a", "b"], { roles: ["chat"] });
    await placed.settle(directory.compareAndSet(`${groupPrefix}g1`, group("g1", 9), 0));
    await placed.until(
      () => ["a", "b"].every((node) => placed.members.get(node)?.groups.current().length === 1),
      5_000,
    );
    const { control } = placed.members.get("a") as NonNullable<ReturnType<typeof placed.members.get>>;
    placed.controllerNode = undefined;
    await placed.settle(control.setRoles("node-b", ["chat", "storage"]));
    await closed(placed, "g1", 11 * 60_000);
    expect(groupRows(placed)).to.deep.equal([group("g1", 9, false), group("g2", 1)]);
  });
});
