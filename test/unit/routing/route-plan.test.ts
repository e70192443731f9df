import { expect } from "chai";
import fc from "fast-check";
import { planRoute, type Knowledge } from "../../../node/routing/route-plan.ts";
import { balances, type Balance, type ModelRoute } from "../../../protocols/index.ts";
import { target } from "./route-stage.ts";

const knows = (more: Partial<Knowledge> = {}): Knowledge => ({
  affinity: "user/ada",
  id: "1",
  taken: () => 0,
  room: () => undefined,
  ...more,
});
const route = (balance: Balance, more: Partial<ModelRoute> = {}): ModelRoute => ({
  name: "smart",
  steps: [[target("a", 3), target("b", 1), target("off", 0)], [target("c")]],
  balance,
  ...more,
});
const question = { messages: [{ role: "user", content: "const x = 1;\nf(x);" }] } as const;
const order = (balance: Balance, at: Partial<Knowledge>): readonly string[] =>
  planRoute(route(balance), question, knows(at)).chain.map(({ model }) => model);

describe("the plan of a call", () => {
  it("gives models their turns by weight", () => {
    const counts = new Map<string, number>();
    const turns = Array.from({ length: 8 }, () => {
      const [first = ""] = order("round-robin", { taken: (model) => counts.get(model) ?? 0 });
      counts.set(first, (counts.get(first) ?? 0) + 1);
      return first;
    });
    expect(turns.join("")).to.equal("aaabaaab");
  });

  it("draws for each call, or for each conversation", () => {
    const firsts = (balance: Balance, at: (index: number) => Partial<Knowledge>): number =>
      Array.from({ length: 4_000 }, (_, index) => order(balance, at(index))[0]).filter((first) => first === "a").length;
    expect(firsts("weighted", (index) => ({ id: `${index}` })) / 4_000).to.be.within(0.72, 0.78);
    expect(firsts("affine", (index) => ({ affinity: `${index}` })) / 4_000).to.be.within(0.72, 0.78);
    expect([0, 4_000]).to.include(firsts("affine", (index) => ({ id: `${index}` })));
  });

  it("goes where there is the most room, by weight, and last to what nobody serves", () => {
    const room = (rooms: Readonly<Record<string, number>>) => ({
      room: (model: string) => (rooms[model] === undefined ? undefined : { calls: rooms[model], places: 4 }),
    });
    expect(order("least-busy", room({ a: 0, b: 0 }))[0]).to.equal("a");
    expect(order("least-busy", room({ a: 3, b: 0 }))[0]).to.equal("b");
    expect(order("least-busy", room({ b: 3 }))[0]).to.equal("b");
    const { chain } = planRoute(route("least-busy"), question, knows(room({ a: 2, b: 1 })));
    expect(chain.map(({ because }) => because)).to.deep.equal([
      "2 calls in 4 places",
      "1 calls in 4 places",
      "alone in its step",
    ]);
  });

  it("has every model that a step has, once, whatever the balance, and each with its reason", () => {
    fc.assert(
      fc.property(fc.constantFrom(...balances), fc.string(), fc.nat(), fc.nat(), (balance, id, taken, calls) => {
        const at = knows({ id, affinity: id, taken: () => taken, room: () => ({ calls }) });
        const { chain, members } = planRoute(route(balance), question, at);
        expect(chain.map(({ model }) => model).toSorted()).to.deep.equal(["a", "b", "c"]);
        expect(chain.at(-1)?.model).to.equal("c");
        expect(members).to.deep.equal([]);
        for (const { because } of chain) expect(because).to.not.equal("");
      }),
    );
  });

  it("asks several together only where no rule chooses the models", () => {
    const jury = route("affine", { ensemble: { form: "vote" } });
    const asked = planRoute(jury, question, knows());
    expect([asked.members, asked.chain].map((all) => all.map(({ model }) => model))).to.deep.equal([["a", "b"], ["c"]]);
    // Vectors cannot be voted on.
    expect(planRoute(jury, undefined, knows()).members).to.deep.equal([]);
    const kinds = [{ name: "code", when: { code: true }, steps: [[target("coder")]] }];
    const chosen = planRoute({ ...jury, kinds }, question, knows());
    expect([chosen.kind, chosen.members.length, chosen.chain[0]?.model]).to.deep.equal(["code", 0, "coder"]);
  });
});
