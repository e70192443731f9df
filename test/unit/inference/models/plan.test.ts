import { expect } from "chai";
import fc from "fast-check";
import { placeWanted, planWanted, type Keeper } from "../../../../node/inference/models/plan.ts";
import type { WantedModel } from "../../../../protocols/index.ts";

const keeper = (node: string, more: Partial<Omit<Keeper, "member">> & Partial<Keeper["member"]> = {}): Keeper => {
  const { roles = ["ai"], labels = {}, state = "active", there = true, up = true, has = new Set<string>() } = more;
  return { member: { node, roles, labels, state }, there, up, has };
};
const wanted = (nodes: number, labels?: Record<string, string>): WantedModel => ({
  name: "m",
  source: "hf:a/b",
  nodes,
  ...(labels && { labels }),
});

const at = (self: string) => ({ self, striped: new Set<string>() });

const anyKeeper = fc.record({
  node: fc.string({ minLength: 1, maxLength: 6 }),
  roles: fc.constantFrom<["ai"] | ["chat"]>(["ai"], ["chat"]),
  labels: fc.constantFrom<Record<string, string>>({}, { zone: "a" }, { zone: "b" }),
  state: fc.constantFrom<"active" | "draining">("active", "draining"),
  up: fc.boolean(),
  there: fc.boolean(),
  has: fc.constantFrom<ReadonlySet<string>>(new Set(), new Set(["m"])),
});
const anyKeepers = fc
  .uniqueArray(anyKeeper, { selector: ({ node }) => node, maxLength: 12 })
  .map((all) => all.map(({ node, ...more }) => keeper(node, { ...more, there: more.there || more.up })));
const anyWanted = fc
  .tuple(fc.integer({ min: 1, max: 5 }), fc.option(fc.constant({ zone: "a" }), { nil: undefined }))
  .map(([nodes, labels]) => wanted(nodes, labels));

describe("the plan of wanted models", () => {
  it("places a model on as many nodes as are wanted, of those that may have it", () => {
    fc.assert(
      fc.property(anyWanted, anyKeepers, (one, keepers) => {
        const [placed] = placeWanted([one], keepers);
        const may = keepers.filter(
          ({ member, there }) =>
            there &&
            member.roles.includes("ai") &&
            member.state === "active" &&
            (one.labels === undefined || member.labels["zone"] === "a"),
        );
        expect(placed?.nodes).to.have.length(Math.min(one.nodes, may.length));
        expect(placed?.short).to.equal(Math.max(0, one.nodes - may.length));
        for (const node of placed?.nodes ?? []) expect(may.map(({ member }) => member.node)).to.include(node);
        // Those that have it come first: nothing is fetched while enough have it.
        const having = may.filter(({ has }) => has.has("m")).length;
        const kept = (placed?.nodes ?? []).filter((node) =>
          keepers.find(({ member }) => member.node === node)?.has.has("m"),
        );
        expect(kept).to.have.length(Math.min(one.nodes, having));
      }),
    );
  });

  it("is the same in whatever order the members are listed", () => {
    fc.assert(
      fc.property(anyWanted, anyKeepers, (one, keepers) => {
        const nodesOf = (list: readonly Keeper[]) => placeWanted([one], list)[0]?.nodes;
        expect(nodesOf(keepers.toReversed())).to.deep.equal(nodesOf(keepers));
      }),
    );
  });

  it("moves nothing when somebody comes who is not needed, or leaves who keeps nothing", () => {
    fc.assert(
      fc.property(anyWanted, anyKeepers, (one, keepers) => {
        const nodes = placeWanted([one], keepers)[0]?.nodes ?? [];
        const without = keepers.filter(({ member }) => nodes.includes(member.node));
        expect(placeWanted([one], without)[0]?.nodes).to.deep.equal(nodes);
      }),
    );
  });

  it("lets one node ask the source, and the others ask that node", () => {
    fc.assert(
      fc.property(anyWanted, anyKeepers, (one, keepers) => {
        const tasks = keepers.flatMap(({ member }) => planWanted([one], keepers, at(member.node)));
        const nodes = placeWanted([one], keepers)[0]?.nodes ?? [];
        const lacking = keepers.filter(({ member, has }) => nodes.includes(member.node) && !has.has("m"));
        expect(tasks).to.have.length(lacking.length);
        expect(tasks.filter(({ from }) => from === "source").length).to.be.at.most(1);
        // Whoever waits waits for somebody.
        if (tasks.some(({ from }) => from === "wait"))
          expect(tasks.some(({ from }) => from === "source") || lacking.length > 0).to.equal(true);
        if (keepers.some(({ up, has }) => up && has.has("m")))
          for (const { from } of tasks) expect(from).to.equal("cluster");
      }),
    );
  });

  it("gives an example that one can follow: two nodes of zone a keep a model", () => {
    const zone = { zone: "a" };
    const all = ["n1", "n2", "n3"].map((node) => keeper(node, { labels: zone }));
    const outside = keeper("n4", { labels: { zone: "b" } });
    const [placed] = placeWanted([wanted(2, zone)], [...all, outside]);
    expect(placed?.nodes).to.have.length(2);
    expect(placed?.nodes).to.not.include("n4");
    const [first = "", second = ""] = placed?.nodes ?? [];
    expect(planWanted([wanted(2, zone)], all, at(first))[0]).to.include({ from: "source" });
    expect(planWanted([wanted(2, zone)], all, at(second))[0]).to.include({ from: "wait" });
    const later = all.map((one) => (one.member.node === first ? { ...one, has: new Set(["m"]) } : one));
    expect(planWanted([wanted(2, zone)], later, at(second))[0]).to.include({ from: "cluster" });
    expect(planWanted([wanted(2, zone)], later, at(first))).to.deep.equal([]);
  });
});
