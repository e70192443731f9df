import { expect } from "chai";
import fc from "fast-check";
import type { Room } from "../../../../node/inference/calls/index.ts";
import { planRoute, type Knowledge } from "../../../../node/inference/routes/route-plan.ts";
import { balances, type Balance, type ModelRoute, type Preference } from "../../../../protocols/index.ts";
import { target } from "./route-fixture.ts";

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

  it("puts what is preferred before the balance, says why, and leaves what is alike to it", () => {
    const rooms: Readonly<Record<string, Room>> = {
      a: { calls: 0, places: 2, local: false, tokensPerSecond: 80 },
      b: { calls: 1, places: 2, local: true, tokensPerSecond: 20 },
      c: { calls: 0, local: false },
    };
    const prices: Readonly<Record<string, number>> = { a: 12.5 };
    const at = knows({ room: (model) => rooms[model], price: (model) => prices[model] });
    const steps = [[target("c"), target("a"), target("b"), target("gone")]];
    const plan = (prefer: Preference | undefined, know: Knowledge = at) =>
      planRoute(route("round-robin", { steps, ...(prefer && { prefer }) }), question, know).chain.map(
        ({ model, because }) => `${model}: ${because}`,
      );
    const turn = "it had 0 calls, and its turn comes by weight";
    expect(plan(undefined)).to.deep.equal(["c", "a", "b", "gone"].map((model) => `${model}: ${turn}`));
    expect(plan("speed")).to.deep.equal([
      `c: its speed is not measured yet; ${turn}`,
      `a: about 80 tokens a second; ${turn}`,
      `b: about 20 tokens a second; ${turn}`,
      `gone: nobody serves it now; ${turn}`,
    ]);
    expect(plan("cost").map((one) => one.split(";", 1)[0])).to.deep.equal([
      "b: it runs in the cluster",
      "a: 12.5 for a million tokens read and written",
      "c: nobody has said what it costs",
      "gone: nobody serves it now",
    ]);
    expect(plan("local").map((one) => one[0])).to.deep.equal(["b", "c", "a", "g"]);
    // Five calls in two places leave each a third.
    const busy = knows({ room: (model) => (model === "a" ? { ...rooms["a"]!, calls: 9 } : rooms[model]) });
    expect(plan("speed", busy)[1]).to.match(/^b: about 20/);
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
