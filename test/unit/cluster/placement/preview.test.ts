import { expect } from "chai";
import fc from "fast-check";
import { examples } from "../../../depth.ts";
import type { NodeId, SlotRecord } from "../../../../node/ports/index.ts";
import { placementLimits } from "../../../../node/cluster/placement/index.ts";
import { type Candidate } from "../../../../node/cluster/placement/candidates.ts";
import { preview, settled, type PreviewInput, type PreviewMember } from "../../../../node/cluster/placement/preview.ts";
import {
  failure,
  holderOf,
  ok,
  ownSlot,
  refused,
  type ClusterPlan,
  type Result,
  type SupposedChange,
} from "../../../../protocols/index.ts";
import { stepsOf } from "../../../fixtures/steps.ts";
import {
  cluster,
  converge,
  copied,
  fresh,
  manySlots,
  member,
  names,
  owned,
  slot,
  think,
  type Cluster,
} from "./planned.ts";

const named = (one: Candidate): PreviewMember => ({ ...one, name: one.node, models: [] });
const inputOf = (state: Cluster, more: Partial<PreviewInput> = {}): PreviewInput => ({
  ...state,
  members: state.members.map(named),
  slots: [...state.slots.values()],
  limits: placementLimits,
  groups: [],
  moving: 0,
  ...more,
});
const find =
  (state: Cluster) =>
  (text: string): Result<{ readonly node: NodeId }> => {
    const found = state.members.find(({ node }) => node === text);
    return found === undefined ? refused(failure("NOT_FOUND", { node: text })) : ok(found);
  };
const ask = (state: Cluster, wish: SupposedChange, more: Partial<PreviewInput> = {}): ClusterPlan => {
  const answer = preview(inputOf(state, more), wish, find(state));
  if (!answer.ok) throw new Error(JSON.stringify(answer.error));
  return answer.value;
};
const nodeOf = (plan: ClusterPlan, name: string) => plan.nodes.find((one) => one.name === name);

/** A cluster at rest. */
const resting = (
  members: readonly Candidate[],
  slots: readonly SlotRecord[] = manySlots(() => members[0]?.node ?? ""),
): Cluster => {
  const state = cluster(members, slots);
  converge(state);
  return state;
};

/** What is said of a cluster whose slots are all taken when every second node goes. */
function halved(nodes: number): ClusterPlan {
  const members = names(nodes).map((node) => member(node, { roles: ["chat", "ai"] }));
  const at = (index: number): readonly NodeId[] => [0, 1, 2].map((more) => `n${(index + more) % nodes}`);
  const slots = (["chat", "ai"] as const).flatMap((role) =>
    Array.from({ length: 256 }, (_, index) => fresh(slot(index, role), at(index)[0] as NodeId, { inSync: at(index) })),
  );
  return ask(cluster(members, slots), { remove: names(nodes / 2) });
}
const stepsOfHalved = stepsOf(import.meta.url, halved);

describe("a preview of the plan", () => {
  it("says of a node that comes what it would be given, and of one that goes where its slots would be", () => {
    const state = resting(names(3).map((node) => member(node)));
    const comes = ask(state, { add: [{ roles: ["chat"], labels: { zone: "b" } }] });
    expect(nodeOf(comes, "new 1")).to.deep.include({ stays: "comes", before: { owned: 0, copies: 0 } });
    expect(nodeOf(comes, "new 1")?.after.owned).to.be.within(50, 70);
    expect(comes.commands).to.deep.equal(["plexus invite --role chat --label zone=b"]);
    expect(comes.faults).to.deep.equal([]);
    const goes = ask(state, { remove: ["n2"] });
    expect(nodeOf(goes, "n2")).to.deep.include({ stays: "goes", after: { owned: 0, copies: 0 } });
    expect(goes.faults).to.deep.equal([{ type: "copies", slots: 256, copies: 2, wanted: 3 }]);
    expect(goes.commands).to.deep.equal(["plexus nodes drain n2 --wait", "plexus nodes evict n2"]);
  });

  it("lets a node over its quota give as many holders as it takes, to one with room for them", () => {
    const members = names(2).map((node) => member(node, { roles: ["storage"] }));
    const records = names(8).map((_, index) => {
      const home = index < 4 ? "n0" : "n1";
      return fresh(ownSlot(holderOf(`g${index}`, 0)), home, { inSync: ["n0", "n1"], home });
    });
    const left = (quotaBytes: number, roomBytes: number): number => {
      const state = cluster(members, records, { policy: { replicas: 2, minInSync: 1 } });
      state.shards = new Map([
        ["n0", { usedBytes: 400, quotaBytes }],
        ["n1", { usedBytes: 400, roomBytes }],
      ]);
      return settled(inputOf(state)).filter(({ owner }) => owner === "n0").length;
    };
    expect([left(250, 9_999), left(0, 9_999), left(0, 199), left(0, 99)]).to.deep.equal([2, 0, 3, 4]);
  });

  it("ends where the planner, by its small steps, changes nothing any more", function () {
    const anyMember = fc.record({
      weight: fc.constantFrom(0.5, 1, 3),
      zone: fc.constantFrom("a", "b", "c"),
      leaves: fc.boolean(),
    });
    fc.assert(
      fc.property(
        fc.array(anyMember, { minLength: 1, maxLength: 7 }),
        fc.nat({ max: 60 }),
        fc.integer({ min: 1, max: 4 }),
        (nodes, count, replicas) => {
          const members = nodes.map(({ weight, zone, leaves }, index) =>
            member(`n${index}`, { weight, labels: { zone }, state: leaves ? "draining" : "active" }),
          );
          const state = cluster(
            members,
            manySlots((index) => `n${index % members.length}`, count),
            { policy: { replicas, minInSync: 1 } },
          );
          state.slots = new Map(settled(inputOf(state)).map((record) => [record.slot, record]));
          expect(think(state).changes).to.deep.equal([]);
        },
      ),
      { numRuns: examples(60) },
    );
  });

  it("is what the planner then does, also for weights, roles and copies", () => {
    const wishes: readonly SupposedChange[] = [
      { add: [{ roles: ["chat"] }, { roles: ["chat"], weight: 2 }] },
      { remove: ["n1"] },
      { weights: { n0: 3, n2: 0.5 } },
      { replicas: 2, add: [{ roles: ["chat"] }], remove: ["n3"] },
    ];
    for (const wish of wishes) {
      const state = resting(names(4).map((node) => member(node)));
      const said = ask(state, wish);
      for (const [index, { roles, weight = 1 }] of (wish.add ?? []).entries()) {
        state.members.push(member(`new-${index + 1}`, { roles, weight }));
        state.up.add(`new-${index + 1}`);
      }
      const weights = new Map(Object.entries(wish.weights ?? {}));
      state.members = state.members.map((one) => ({
        ...one,
        weight: weights.get(one.node) ?? one.weight,
        state: wish.remove?.includes(one.node) === true ? "draining" : "active",
      }));
      if (wish.replicas !== undefined) state.policy = { ...state.policy, replicas: wish.replicas };
      converge(state);
      for (const { name, after } of said.nodes) {
        const node = name.replace("new ", "new-");
        // Which slots go first differs; how many a node ends with does not, within what balance leaves as it is.
        const margin = placementLimits.balanceGainMin * 256;
        expect(Math.abs(after.owned - owned(state, node)), `${name} owns`).to.be.at.most(margin / 4);
        expect(Math.abs(after.owned + after.copies - copied(state, node)), `${name} has`).to.be.at.most(margin);
      }
    }
  });

  it("names what would be worse than now", () => {
    const zoned = (node: string, zone: string, more: Partial<Candidate> = {}) =>
      member(node, { labels: { zone }, roles: ["chat", "manager"], ...more });
    const state = resting(
      [zoned("n0", "a"), zoned("n1", "a"), zoned("n2", "b"), member("n3", { roles: ["ai", "storage"] })],
      [...manySlots(() => "n0", 20), ...Array.from({ length: 4 }, (_, index) => fresh(slot(index, "ai"), "n3"))],
    );
    const members = state.members.map((one) => ({ ...named(one), models: one.node === "n3" ? ["tiny"] : [] }));
    const about = { members, voters: { now: 3, wanted: 3 }, groups: [1] };
    const faults = (wish: SupposedChange) => ask(state, wish, about).faults;
    expect(faults({ remove: ["n3"] }).map(({ type }) => type)).to.include.members(["role", "models", "holders"]);
    expect(faults({ remove: ["n2"] })).to.deep.include({ type: "directory", before: 1, after: 0 });
    expect(faults({ remove: ["n2"] }).map(({ type }) => type)).to.include("zones");
    expect(faults({ roles: { n3: ["storage"] } })).to.deep.include({ type: "role", role: "ai", slots: 4 });
    expect(faults({ remove: ["n0", "n1"] }).map(({ type }) => type)).to.include("copies");
    expect(faults({ minInSync: 3, remove: ["n0", "n1"] }).map(({ type }) => type)).to.include("writes");
    expect(faults({ add: [{ roles: ["ai"] }] })).to.deep.equal([]);
    const down = { ...state, up: new Set(["n0", "n1", "n2"]) };
    down.slots = new Map(
      [...state.slots].map(([name, record]) => [name, name.startsWith("ai/") ? { ...record, inSync: ["n3"] } : record]),
    );
    expect(ask(down, { remove: ["n3"] }, about).faults).to.deep.include({ type: "only", node: "n3", slots: 4 });
    expect(ask(state, { remove: ["n0"] }, { ...about, directoryNode: "n0" }).faults).to.deep.include({
      type: "keeper",
      node: "n0",
    });
  });

  it("refuses a node that there is not, and more copies in sync than copies", () => {
    const state = resting(names(3).map((node) => member(node)));
    expect(preview(inputOf(state), { remove: ["n9"] }, find(state))).to.deep.include({ ok: false });
    const answer = preview(inputOf(state), { replicas: 1, minInSync: 2 }, find(state));
    expect(!answer.ok && answer.error.code).to.equal("BAD_REQUEST");
  });

  it("takes steps in proportion to the nodes, up to 200, and shows a bounded number of moves", async () => {
    expect(halved(200).moves.length).to.be.at.most(placementLimits.previewShownMax);
    const [hundred = 0, twoHundred = 0] = await stepsOfHalved(100, 200);
    expect(twoHundred / hundred).to.be.below(4);
  });
});
