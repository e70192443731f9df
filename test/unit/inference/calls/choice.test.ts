import { expect } from "chai";
import fc from "fast-check";
import { chooseServer, explainServers, modelsServed, type Standing } from "../../../../node/inference/calls/choice.ts";
import type { MemberRecord } from "../../../../node/ports/index.ts";
import { balances, preferences, type Balance, type Offer, type Preference } from "../../../../protocols/index.ts";
import { memberRecord } from "../../../fixtures/members.ts";

const offer = (model: string, more: Partial<Offer> = {}): Offer => ({
  engine: "generate",
  model,
  runtime: "llama",
  capabilities: ["chat"],
  contextTokens: 8,
  sizeBytes: 1,
  demonstration: false,
  state: "ready",
  places: 4,
  ...more,
});

/** A member of the role `ai` that is up and offers the model `m`. */
const standing = (
  node: string,
  { row = {}, ...more }: Partial<Omit<Standing, "member">> & { readonly row?: Partial<MemberRecord> } = {},
): Standing => ({
  member: memberRecord(node, { name: node, roles: ["ai"], ...row }),
  here: false,
  up: true,
  offers: [offer("m")],
  calls: 0,
  ...more,
});
const here = (more: Parameters<typeof standing>[1] = {}): Standing => standing("me", { here: true, ...more });
const none: readonly Offer[] = [];

const choose = (standings: readonly Standing[], model = "m", needs: readonly string[] = ["chat"]) =>
  chooseServer({ engine: "generate", model, needs }, standings);
const order = (...standings: Standing[]) =>
  choose(standings).rows.map(({ node, rank, because }) => `${rank ?? "-"} ${node}: ${because}`);
const codeOf = (choice: ReturnType<typeof choose>) => (choice.node === undefined ? choice.refusal.code : undefined);

describe("the choice of the node that serves a call", () => {
  it("stays here while there is a place, whatever others are free, and goes when there is none", () => {
    const card = [offer("m", { device: "cuda" })];
    expect(order(here({ calls: 3 }), standing("b"))).to.deep.equal([
      "1 me: no way to go",
      "2 b: the last in the order",
    ]);
    expect(order(here({ calls: 4 }), standing("b"))[0]).to.equal("1 b: fewer calls");
    expect(order(here(), standing("b", { offers: card }))[0]).to.equal("1 b: a graphics card");
    expect(order(here(), standing("b", { offers: card, calls: 1 }))[0]).to.equal("1 me: fewer calls");
  });

  it("shares calls as a route wants it, among nodes that have the model in memory", () => {
    const three = [here(), standing("b"), standing("c")];
    const at = (balance: Balance, more: object = {}, standings: readonly Standing[] = three) => {
      const { node, rows } = chooseServer({ engine: "generate", model: "m", needs: [], balance, ...more }, standings);
      return [node, rows[0]?.because];
    };
    const turns = [0, 1, 2, 3].map((turn) => at("round-robin", { turn })[0]);
    expect(turns).to.deep.equal(["b", "c", "me", "b"]);
    expect(at("round-robin", { turn: 1 })).to.deep.equal(["c", "its turn"]);
    expect(at("least-busy")).to.deep.equal(["me", "no way to go"]);
    // A conversation stays where it is, whatever calls there are, while there is a free place.
    const affine = Array.from({ length: 300 }, (_, index) => at("affine", { affinity: `p${index}` })[0]);
    for (const node of ["me", "b", "c"]) expect(affine.filter((one) => one === node).length).to.be.within(70, 130);
    for (const [index, node] of affine.entries()) {
      const busy = three.map((one) => ({ ...one, calls: one.member.node === node ? 3 : 0 }));
      expect(at("affine", { affinity: `p${index}` }, busy)).to.deep.equal([node, "this conversation's node"]);
      const full = three.map((one) => ({ ...one, calls: one.member.node === node ? 4 : 0 }));
      expect(at("affine", { affinity: `p${index}` }, full)[0]).to.not.equal(node);
    }
    const large = [here(), standing("b", { offers: [offer("m", { places: 12 })] })];
    const drawn = Array.from({ length: 1_000 }, (_, index) => at("weighted", { id: `${index}` }, large)[0]);
    expect(drawn.filter((node) => node === "b").length / 1_000).to.be.within(0.7, 0.8);
    // What is not in memory waits, whoever's turn it is.
    const idle = [standing("b", { offers: [offer("m", { state: "idle" })] }), standing("c")];
    for (const balance of balances) expect(at(balance, { turn: 0 }, idle)[0]).to.equal("c");
  });

  describe("by what was measured and what it costs", () => {
    const pace = (tokensPerSecond: number | undefined, more: Partial<Offer> = {}) => [
      offer("m", { ...more, ...(tokensPerSecond !== undefined && { tokensPerSecond }) }),
    ];
    const bought = (more: Partial<Offer> = {}) => [
      offer("m", { runtime: "openai", provider: "api.example.org", ...more }),
    ];
    const prefer = (preference: Preference, standings: readonly Standing[], more: object = {}) =>
      chooseServer({ engine: "generate", model: "m", needs: [], prefer: preference, ...more }, standings).rows.map(
        ({ node, because }) => `${node}: ${because}`,
      );

    it("tells nodes apart that are alike otherwise: who is twice as fast, or may be, and only then who has a card", () => {
      expect(order(here({ offers: pace(10) }), standing("b", { offers: pace(45) }))[0]).to.equal(
        "1 b: measured to be faster",
      );
      expect(order(here({ offers: pace(10) }), standing("b", { offers: pace(15) }))[0]).to.equal("1 me: no way to go");
      expect(order(here({ offers: pace(10) }), standing("b"))[0]).to.equal("1 b: measured to be faster");
      const card = pace(10, { device: "cuda" });
      expect(order(here({ offers: pace(12) }), standing("b", { offers: card }))[0]).to.equal("1 b: a graphics card");
      expect(order(standing("b", { offers: pace(45), calls: 1 }), here({ offers: pace(10) }))[0]).to.equal(
        "1 me: fewer calls",
      );
    });

    it("asks the fastest first where speed is preferred, by what is under way there; one that nobody has measured, to find out", () => {
      const fast = (calls: number) => standing("b", { offers: pace(45), calls });
      const slow = here({ offers: pace(10) });
      expect(prefer("speed", [slow, fast(3)])[0]).to.equal("b: measured to be faster, with what is under way");
      // Of 4 places 20 calls have a fifth each.
      expect(prefer("speed", [slow, fast(19)])[0]).to.equal("me: measured to be faster, with what is under way");
      expect(prefer("speed", [slow, fast(0), standing("c")])[0]).to.match(/^c:/);
      const two = [standing("c"), standing("d"), here()];
      expect(prefer("speed", two)[0]).to.equal("me: no way to go");
      // It never waits for memory because of it.
      expect(prefer("speed", [slow, standing("b", { offers: pace(900, { state: "idle" }) })])[0]).to.equal(
        "me: the model is in memory",
      );
    });

    it("asks what is the cluster's own where cost or the cluster is preferred, however busy it is", () => {
      const away = standing("b", { offers: bought(), calls: 0 });
      const own = standing("c", { offers: pace(1), calls: 3 });
      expect(prefer("cost", [away, own], { price: 12 })[0]).to.equal("c: cheaper");
      expect(prefer("cost", [away, own])[0]).to.equal("c: no other's server");
      expect(prefer("local", [away, own])[0]).to.equal("c: no other's server");
      expect(prefer("local", [own, here({ calls: 4 })])[0]).to.equal("me: no way to go");
      expect(prefer("speed", [standing("b", { offers: bought({ tokensPerSecond: 90 }) }), own])[0]).to.match(/^b:/);
      // A word of a later version prefers nothing.
      expect(prefer("greenest" as "cost", [away, own])[0]).to.equal("b: fewer calls");
    });

    it("is an order: whoever is asked, in whatever order, the same comes first, whatever the figures", () => {
      const speeds = fc.option(fc.constantFrom(0, 0.5, 3, 40, 1e9), { nil: undefined });
      const nodes = fc.uniqueArray(fc.record({ node: fc.constantFrom("a", "b", "c", "d"), speed: speeds, calls: fc.nat(9), away: fc.boolean() }), { selector: ({ node }) => node, minLength: 1 });
      fc.assert(
        fc.property(nodes, fc.constantFrom(...preferences, undefined), fc.option(fc.nat(50), { nil: undefined }), (all, preference, price) => {
          const standings = all.map(({ node, speed, calls, away }) => standing(node, { calls, offers: pace(speed, away ? { provider: "x" } : {}) }));
          const asked = { engine: "generate", model: "m", needs: [], ...(preference && { prefer: preference }), ...(price !== undefined && { price }) };
          const there = chooseServer(asked, standings).rows.map(({ node }) => node);
          expect(chooseServer(asked, standings.toReversed()).rows.map(({ node }) => node)).to.deep.equal(there);
          expect(there).to.have.members(all.map(({ node }) => node));
        }),
      );
    }); // prettier-ignore
  });

  it("says of a model that cannot do what is asked that it cannot, and not that it is not there", () => {
    const refusalOf = (choice: ReturnType<typeof choose>) => (choice.node === undefined ? choice.refusal : undefined);
    expect(refusalOf(choose([here()], "m", ["tools"]))).to.deep.include({
      code: "MODEL_UNSUPPORTED",
      details: { model: "m", capability: "tools" },
    });
    const embeds = [offer("v", { engine: "embed", capabilities: ["embed"] })];
    expect(refusalOf(choose([here({ offers: embeds })], "v", []))).to.deep.include({
      code: "MODEL_UNSUPPORTED",
      details: { model: "v", capability: "generate" },
    });
    // Unnamed, it is the first that can.
    const both = [offer("m"), offer("t", { capabilities: ["chat", "tools"] })];
    expect(choose([here({ offers: both })], "", ["tools"])).to.include({ model: "t", node: "me" });
  });

  it("weighs what a member can do now before how busy it is, and that before where it is", () => {
    const zone = (name: string) => ({ labels: { zone: name } });
    const loading = [offer("m", { state: "loading" })];
    expect(
      order(
        here({ offers: none, row: zone("x") }),
        standing("a", { calls: 2, row: zone("x") }),
        standing("b", { calls: 1, row: zone("y") }),
        standing("c", { calls: 1, row: zone("x") }),
        standing("d", { offers: loading }),
        standing("e", { calls: 2, row: zone("x") }),
        standing("f", { offers: [offer("m", { state: "idle" })] }),
        // Of a version that knows more states.
        standing("g", { offers: [offer("m", { state: "thawing" as "idle" })] }),
      ),
    ).to.deep.equal([
      "1 c: the same zone",
      "2 b: fewer calls",
      "3 a: the lower id",
      "4 e: the model is in memory",
      "5 d: the model is on its way into memory",
      "6 f: the lower id",
      "7 g: the last in the order",
    ]);
  });

  it("says of each other member why no call goes there", () => {
    expect(
      order(
        here({ offers: none }),
        standing("b", { up: false }),
        standing("c", { row: { state: "draining" } }),
        standing("d", { offers: [offer("m", { state: "failed", reason: "cut off" })] }),
        standing("e", { offers: [offer("m", { capabilities: [] })] }),
        standing("f", { offers: undefined }),
        standing("g", { row: { roles: ["chat"] } }),
        standing("h", { offers: none }),
      ),
    ).to.deep.equal([
      "- b: it is down",
      "- c: it drains",
      "- d: cut off",
      "- e: the model cannot chat",
      "- f: it has not said what it offers",
      "- g: it does not have the role ai",
    ]);
  });

  it("serves its own calls while it drains, when nobody else can", () => {
    const draining = here({ row: { state: "draining" } });
    expect(choose([draining]).node).to.equal("me");
    expect(choose([draining, standing("b")]).node).to.equal("b");
  });

  it("takes the first model that serves for an unnamed one, its own before others'", () => {
    const b = standing("b", { offers: [offer("big")] });
    expect(choose([here(), b], "")).to.include({ node: "me", model: "m" });
    expect(choose([here({ offers: [offer("slow", { state: "loading" })] }), b], "")).to.include({ model: "big" });
    expect(choose([here({ offers: none }), standing("b", { offers: none })], "")).to.include({ node: undefined });
  });

  it("refuses for good only when everybody has said what they offer", () => {
    const me = here({ offers: none });
    expect(codeOf(choose([me, standing("b")], "x"))).to.equal("MODEL_NOT_FOUND");
    const near = choose([me, standing("b", { offers: [offer("qwen2.5-7b-q4")] })], "Qwen2.5");
    expect(near.node === undefined && near.refusal.details?.["near"]).to.deep.equal(["qwen2.5-7b-q4"]);
    expect(codeOf(choose([me, standing("b", { offers: undefined })], "x"))).to.equal("MODEL_UNAVAILABLE");
    expect(codeOf(choose([me, standing("b", { up: false })]))).to.equal("MODEL_UNAVAILABLE");
    expect(codeOf(choose([me, standing("b", { up: false })], "x"))).to.equal("MODEL_NOT_FOUND");
    expect(codeOf(choose([standing("b", { offers: none })], "x"))).to.equal("MODEL_UNAVAILABLE");
    const failed = choose([me, standing("b", { offers: [offer("m", { state: "failed", reason: "cut off" })] })]);
    expect(failed).to.have.nested.property("refusal.details").that.includes({ node: "b", reason: "cut off" });
  });

  it("explains every model of the cluster, and names once who has said nothing", () => {
    const rows = explainServers("generate", [
      here(),
      standing("b", { offers: [offer("m"), offer("big")] }),
      standing("c", { offers: undefined }),
    ]);
    expect(rows.map(({ model, node, rank }) => [model, node, rank])).to.deep.equal([
      ["m", "me", 1],
      ["m", "b", 2],
      ["big", "b", 1],
      ["", "c", undefined],
    ]);
  });

  it("is one of those that offer the model and can do what is needed, whatever is known", () => {
    const member = fc.record({
      up: fc.boolean(),
      here: fc.boolean(),
      calls: fc.nat({ max: 9 }),
      ai: fc.boolean(),
      state: fc.constantFrom("active" as const, "draining" as const),
      offers: fc.option(
        fc.array(
          fc.record({
            model: fc.constantFrom("m", "n"),
            state: fc.constantFrom("idle" as const, "loading" as const, "ready" as const, "failed" as const),
            capabilities: fc.constantFrom(["chat"], []),
            places: fc.nat({ max: 4 }),
          }),
          { maxLength: 3 },
        ),
        { nil: undefined },
      ),
    });
    fc.assert(
      fc.property(fc.array(member, { maxLength: 6 }), fc.constantFrom("m", "n", ""), (members, model) => {
        const standings = members.map(({ ai, state, offers, ...rest }, index) =>
          standing(`n${index}`, {
            ...rest,
            here: rest.here && members.findIndex((one) => one.here) === index,
            offers: offers?.map(({ model: name, ...more }) => offer(name, more)),
            row: { roles: ai ? ["ai"] : ["chat"], state },
          }),
        );
        const choice = choose(standings, model);
        const ranks = choice.rows.flatMap(({ rank }) => rank ?? []);
        expect(ranks).to.deep.equal(ranks.map((_rank, index) => index + 1));
        expect(choose(standings.toReversed(), choice.model).node).to.equal(choice.node);
        expect(choice.node === undefined).to.equal(ranks.length === 0);
        if (choice.node === undefined) return;
        const chosen = standings.find(({ member: { node } }) => node === choice.node)!;
        expect(chosen.member.roles).to.include("ai");
        expect(chosen.here || (chosen.up && chosen.member.state === "active")).to.equal(true);
        const offered = chosen.offers?.find((one) => one.model === choice.model);
        expect(offered?.state).to.be.oneOf(["idle", "loading", "ready"]);
        expect(offered?.capabilities).to.deep.equal(["chat"]);
        expect(modelsServed("generate", standings).map((info) => info.model)).to.include(choice.model);
      }),
    );
  });
});
