import { expect } from "chai";
import { budgetsOf, namedBudgets, payerOf, rateOf } from "../../../../node/inference/usage/counting.ts";
import { usageLimits } from "../../../../node/inference/usage/limits.ts";
import { answered, estimated, free } from "../../../../node/inference/usage/call-cost.ts";
import { failure, noticeText, type Budget, type GenerationRequest, type Price } from "../../../../protocols/index.ts";
import { endOf, failed } from "../../../fixtures/engine-answers.ts";
import { World } from "../../../world/index.ts";
import { codeOf, createNode, epochMs, Ledgers, pass, took } from "./fixture.ts";

const budget = (more: Partial<Budget> = {}): Budget => ({
  name: "daily",
  of: "person",
  names: [],
  measure: "tokens",
  limit: 1_000,
  per: "day",
  warnPercent: 80,
  ending: "stop",
  ...more,
});
const payer = { person: "ada", key: "key/k1", model: "m", provider: "local" };
const until = <T>(world: World, end: Promise<T>): Promise<T> => world.settle(end, 60_000) as Promise<T>;
/** Reserves as much as it takes. */
const exact = (tokens: number): Partial<GenerationRequest> => ({ sampling: { maxTokens: tokens } });

describe("which budgets count a call", () => {
  const ids = (budgets: readonly Budget[], more: Partial<typeof payer> = {}): readonly string[] =>
    budgetsOf(budgets, { ...payer, ...more }).map(({ ledger, lease }) => `${ledger} ${lease.id}`);

  it("follows from whose it is, and of what", () => {
    const all = [
      budget(),
      budget({ name: "k", of: "key", names: ["k1"] }),
      budget({ name: "a", of: "agent" }),
      budget({ name: "t", of: "team", names: ["ada", "bob"] }),
      budget({ name: "m", of: "model", names: ["m", "n"] }),
      budget({ name: "p", of: "provider", names: ["local"] }),
      budget({ name: "c", of: "cluster" }),
    ];
    const shared = (...names: readonly string[]) => names.map((name) => `ledger/all.people ${name}`);
    expect(ids(all)).to.deep.equal(["ledger/ada daily", "ledger/ada k:k1", ...shared("t", "m", "p", "c")]);
    expect(ids(all, { person: "eve", key: "agent/eve.x", model: "o", provider: "elsewhere" })).to.deep.equal([
      "ledger/eve daily",
      "ledger/eve a:eve.x",
      ...shared("c"),
    ]);
    expect(ids(all, { person: "", key: "" }), "a shadow's").to.deep.equal(shared("m", "p", "c"));
    expect(ids([budget({ of: "planet" as "person" })]), "of a later version").to.deep.equal([]);
  });

  it("is the one that names somebody, in place of the one of its sort for each", () => {
    const all = [budget(), budget({ name: "more", names: ["ada"], limit: 9 }), budget({ name: "month", per: "month" })];
    expect(ids(all)).to.deep.equal(["ledger/ada more", "ledger/ada month"]);
    expect(ids(all, { person: "bob" })).to.deep.equal(["ledger/bob daily", "ledger/bob month"]);
  });

  it("counts an agent's calls to its owner, and devices together", () => {
    expect(payerOf("user/bob", "agent/ada.helper")).to.deep.equal({ person: "ada", key: "agent/ada.helper" });
    expect(payerOf("user/bob", "session/phone")).to.deep.equal({ person: "bob", key: "session" });
    expect(payerOf("shadow", "smart")).to.deep.equal({ person: "", key: "" });
  });

  it("is asked once for what all share, and for each that is named", () => {
    const all = [
      budget({ names: ["ada", "bob"] }),
      budget({ name: "t", of: "team", names: ["ada", "bob"] }),
      budget({ name: "each" }),
    ];
    expect(namedBudgets(all).map(({ ledger, own }) => [ledger, own])).to.deep.equal([
      ["ledger/ada", "ada"],
      ["ledger/bob", "bob"],
      ["ledger/all.people", undefined],
    ]);
  });
});

describe("what a call costs", () => {
  const prices: readonly Price[] = [
    { name: "gpt*", input: 1, output: 2 },
    { name: "gpt-5*", input: 3, output: 4 },
    { name: "gpt-5", input: 2.5, cached: 0.25, output: 10, call: 0.01 },
  ];

  it("is the price of its name, else of the longest beginning that fits", () => {
    expect(rateOf(prices, "gpt-5")).to.deep.equal({ input: 2.5, cached: 0.25, output: 10, call: 10_000 });
    expect(rateOf(prices, "gpt-5-mini")).to.include({ input: 3, cached: 3 });
    expect(rateOf(prices, "gpt-4")).to.include({ input: 1 });
    expect(rateOf(prices, "qwen")).to.deep.equal(free);
  });

  it("is in millionths, rounded up, and whole whatever a server says", () => {
    const rate = rateOf(prices, "gpt-5");
    const of = (answer: object) => answered({ end: "complete", ...answer } as never, 10, rate);
    expect(of({ promptTokens: 1_000, cachedTokens: 400, completionTokens: 100 }).cost).to.equal(1_500 + 100 + 1_000 + 10_000);
    expect(of({ promptTokens: 1, completionTokens: 0 }).cost).to.equal(10_003);
    expect(of({ promptTokens: NaN, completionTokens: -5, cachedTokens: 9 })).to.deep.include({ promptTokens: 0, completionTokens: 0, cachedTokens: 0 });
  }); // prettier-ignore

  it("is estimated from the prompt's length and the longest answer", () => {
    const request = { id: "1", model: "m", timeoutMs: 1, messages: [{ role: "user", content: "x".repeat(350) }] };
    const sums = (sampling: object) => estimated("generate", { ...request, sampling } as never, free, 1_024);
    expect(sums({ maxTokens: 7 })).to.include({ promptTokens: 104, completionTokens: 7, calls: 1 });
    expect(sums({})).to.include({ completionTokens: 1_024 });
  });
});

describe("a budget", () => {
  it("stops calls when it is used up, on every node, and says until when", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const make = (name: string) =>
      createNode(world, ledgers, { name, budgets: () => [budget()], script: () => ({ says: [took(0, 90)] }) });
    const nodes = [make("n1"), make("n2"), make("n3")];
    let passed = 0;
    let last;
    for (let index = 0; index < 60; index += 1) {
      last = await until(world, nodes[index % 3]!.call(exact(90)).end);
      if (codeOf(last) === undefined) passed += 1;
      await pass(world, 500);
    }
    await pass(world, 60_000);
    const used = ledgers.rows("ada").reduce((sum, { completionTokens }) => sum + completionTokens, 0);
    expect(used).to.equal(90 * passed);
    // The last call of each node takes what is left of its share.
    expect(used).to.be.within(1_000, 1_000 + 3 * 90);
    for (const { call, called } of nodes) {
      const before = called.length;
      const end = await until(world, call(exact(90)).end);
      expect(codeOf(end)).to.equal("QUOTA_EXCEEDED");
      expect(called.length, "the model is not asked").to.equal(before);
      const { details } = (end as unknown as { result: { error: { details: Record<string, unknown> } } }).result.error;
      expect(details).to.include({ budget: "daily", limit: 1_000, per: "day", resetsAt: "2026-05-05T00:00:00.000Z" });
      expect(details["retryAfterMs"]).to.be.within(11 * 3_600_000, 12 * 3_600_000);
    }
    const bob = await until(world, nodes[0]!.call({ person: "user/bob", ...exact(90) }).end);
    expect(codeOf(bob), "somebody else's is another").to.equal(undefined);
    await pass(world, Date.UTC(2026, 4, 5) - epochMs - world.nowMs + 5_000);
    expect(codeOf(await until(world, nodes[0]!.call(exact(90)).end)), "the next day").to.equal(undefined);
  });

  it("holds with many calls at once, but for what they take beyond what was reserved", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const nodes = ["n1", "n2", "n3"].map((name) =>
      createNode(world, ledgers, {
        name,
        budgets: () => [budget({ limit: 10_000 })],
        script: () => ({ afterMs: 3_000, says: [took(0, 100)] }),
      }),
    );
    const ends = nodes.flatMap(({ call }) => Array.from({ length: 200 }, () => call(exact(100)).end));
    const codes = (await until(world, Promise.all(ends))).map(codeOf);
    await pass(world, 60_000);
    const used = ledgers.rows("ada").reduce((sum, { completionTokens }) => sum + completionTokens, 0);
    expect(used).to.be.within(9_000, 10_000 + 3 * 100);
    expect(codes.filter((code) => code === undefined).length).to.equal(used / 100);
    expect(new Set(codes)).to.deep.equal(new Set([undefined, "QUOTA_EXCEEDED"]));
  });

  it("costs questions to the ledger for few calls only", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const { call } = createNode(world, ledgers, {
      budgets: () => [budget({ limit: 1_000_000 })],
      script: () => ({ says: [took(0, 100)] }),
    });
    for (let index = 0; index < 400; index += 1) await until(world, call(exact(100)).end);
    const perRound = 2;
    const rounds = Math.ceil(world.nowMs / usageLimits.settleIntervalMs);
    expect(ledgers.asked).to.be.at.most(perRound * rounds + 4);
  });

  it("is warned of once, and said with each call from then on", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const noted: string[] = [];
    const told: unknown[] = [];
    const { call, usage } = createNode(world, ledgers, {
      budgets: () => [budget({ ending: "warn" })],
      script: () => ({ says: [took(0, 850)] }),
      noted(action, facts, tell) {
        noted.push(`${action} ${facts["spent"]}`);
        told.push([tell, noticeText({ action, facts, atMs: 0 }, "ada")]);
      },
    });
    await until(world, call().end);
    await pass(world, 6_000);
    const { id, end } = call();
    expect(usage.noticesOf(id)).to.deep.equal({
      budgets: [{ budget: "daily", percent: 85, resetsAtMs: Date.UTC(2026, 4, 5) }],
    });
    expect(codeOf(await until(world, end)), "it stops nothing").to.equal(undefined);
    expect(usage.noticesOf(id)).to.equal(undefined);
    await pass(world, 6_000);
    expect(codeOf(await until(world, call().end))).to.equal(undefined);
    await pass(world, 6_000);
    expect(noted).to.deep.equal(["budgetWarned 850", "budgetUsedUp 1700"]);
    // Of a budget that many have, admins hear when it is at its end.
    expect(told).to.deep.equal([
      [{ people: ["ada"], admins: false }, 'Your budget "daily" is nearly used up: 850 of 1,000 tokens this day. It begins again at 2026-05-05 00:00 UTC.'],
      [{ people: ["ada"], admins: true }, 'Your budget "daily" is used up: 1,700 of 1,000 tokens this day. It begins again at 2026-05-05 00:00 UTC. Nothing is stopped.'],
    ]); // prettier-ignore
  });

  it("of several is told to all of them, and to admins", async () => {
    const world = new World(1);
    const told: unknown[] = [];
    const budgets = [budget({ name: "sales", of: "team", names: ["ada", "bob"], measure: "cost", limit: 1_000_000, per: "month", ending: "instead", instead: "small" })];
    const { call } = createNode(world, new Ledgers(world), {
      budgets: () => budgets,
      prices: () => [{ name: "m", input: 0, output: 10_000 }],
      script: () => ({ says: [took(0, 85)] }),
      noted: (action, facts, tell) => told.push([tell, noticeText({ action, facts, atMs: 0 }, "bob")]),
    });
    await until(world, call(exact(85)).end);
    await pass(world, 6_000);
    expect(told).to.deep.equal([[{ people: ["ada", "bob"], admins: true }, 'The budget "sales" is nearly used up: 0.85 of 1.00 this month. It begins again at 2026-06-01 00:00 UTC.']]);
  }); // prettier-ignore

  it("is told as what calls took, and never as what is reserved for calls under way", async () => {
    const world = new World(1);
    const { call, usage } = createNode(world, new Ledgers(world), {
      budgets: () => [budget({ limit: 10_000, warnPercent: 1 })],
      script: () => ({ afterMs: 20_000, says: [took(0, 200)] }),
    });
    const first = call(exact(3_000));
    await pass(world, 6_000);
    expect(usage.noticesOf(first.id)).to.deep.equal({ budgets: [] });
    await until(world, first.end);
    await pass(world, 6_000);
    const calls = [call(exact(3_000)), call(exact(3_000))];
    await pass(world, 6_000);
    for (const { id } of calls) expect(usage.noticesOf(id)?.budgets.map(({ percent }) => percent)).to.deep.equal([2]);
    const [view] = await until(world, usage.standings());
    expect(view?.spent).to.have.nested.property("[0].amount", 200);
    for (const { end } of calls) await until(world, end);
  });

  it("that is for each person is shown with those who took most, but for those who have one of their own", async () => {
    const world = new World(1);
    const budgets = [budget(), budget({ name: "cat", names: ["cat"] })];
    const { call, usage } = createNode(world, new Ledgers(world), { budgets: () => budgets });
    const people = ["cat", "bob", ...Array.from({ length: usageLimits.eachShownMax }, (_none, index) => `p${index}`)];
    for (const person of people) await until(world, call({ person: `user/${person}`, ...exact(1) }).end);
    await until(world, call({ person: "user/bob", ...exact(1) }).end);
    await pass(world, 12_000);
    const [each, own] = await until(world, usage.standings());
    expect(each?.spent[0]).to.deep.include({ name: "bob", amount: 30 });
    expect([each?.spent.length, each?.more]).to.deep.equal([usageLimits.eachShownMax, 1]);
    expect(each?.spent.map(({ name }) => name)).to.not.include("cat");
    expect(own?.spent).to.have.length(1);
    expect(own?.spent[0]).to.deep.include({ name: "cat", amount: 15 });
  });

  it("knows what a route asks of several models as parts of one call, whatever their ids are", async () => {
    const world = new World(1);
    let parts = 0;
    const { call, called, usage } = createNode(world, new Ledgers(world), {
      budgets: () => [budget({ limit: 100, ending: "instead", instead: "small" })],
      script: () => ({ afterMs: 1_000, says: [took(0, 100)] }),
      routes: ({ generate, ...others }) => ({
        ...others,
        generate: {
          ...generate,
          call(request, hear) {
            parts += 1;
            return generate.call({ ...request, id: `part${parts}`, partOf: request.id }, hear);
          },
        },
      }),
    });
    await until(world, call(exact(100)).end);
    await pass(world, 6_000);
    const { id, end } = call(exact(100));
    await pass(world, 500);
    expect(usage.noticesOf(id)?.budgets.map(({ percent }) => percent)).to.deep.equal([100]);
    const ended = await until(world, end);
    expect(ended).to.have.nested.property("result.value.from").that.deep.equals({ model: "small", instead: true });
    expect(called).to.deep.equal(["m", "small"]);
  });

  it("may name another model: it is called in place, once, and the answer says so", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const { call, called } = createNode(world, ledgers, {
      budgets: () => [budget({ limit: 100, ending: "instead", instead: "small" })],
      script: () => ({ says: [took(0, 100)] }),
    });
    expect(await until(world, call(exact(100)).end)).to.not.have.nested.property("result.value.from");
    await pass(world, 6_000);
    const end = await until(world, call(exact(100)).end);
    expect(end).to.have.nested.property("result.value.from").that.deep.equals({ model: "small", instead: true });
    expect(called).to.deep.equal(["m", "small"]);
    await pass(world, 6_000);
    expect(ledgers.rows("ada").map(({ model, calls }) => [model, calls])).to.deep.equal([
      ["m", 1],
      ["small", 1],
    ]);
  });

  it("is in money as well, by the price of the model that is called", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const { call } = createNode(world, ledgers, {
      budgets: () => [budget({ of: "provider", names: ["api.example"], measure: "cost", limit: 4_000 })],
      prices: () => [{ name: "api.example/*", input: 0, output: 20 }],
      script: () => ({ says: [took(0, 100)] }),
    });
    const codes = [];
    for (let index = 0; index < 4; index += 1) {
      codes.push(
        codeOf(await until(world, call({ model: "api.example/large", person: `user/p${index}`, ...exact(100) }).end)),
      );
      await pass(world, 6_000);
    }
    expect(codes).to.deep.equal([undefined, undefined, "QUOTA_EXCEEDED", "QUOTA_EXCEEDED"]);
    expect(codeOf(await until(world, call(exact(100)).end)), "of another provider").to.equal(undefined);
    expect(ledgers.rows().map(({ model, cost }) => [model, cost])[0]).to.deep.equal(["api.example/large", 2_000]);
  });

  it("refuses what it cannot know, and gives back what a call did not take", async () => {
    const world = new World(1);
    let away = false;
    const ledgers = new Ledgers(world, { lost: () => away });
    const { call } = createNode(world, ledgers, {
      budgets: () => [budget()],
      script: ({ model }) => ({ says: [model === "m" ? took(0, 100) : failed(failure("MODEL_BUSY"))] }),
    });
    for (let index = 0; index < 20; index += 1) await until(world, call({ model: "small", ...exact(900) }).end);
    expect(codeOf(await until(world, call(exact(900)).end)), "calls that did not begin took nothing").to.equal(
      undefined,
    );
    away = true;
    expect(codeOf(await until(world, call({ person: "user/bob" }).end))).to.equal("QUOTA_UNKNOWN");
    away = false;
    await pass(world, 30_000);
    expect(codeOf(await until(world, call({ person: "user/bob", ...exact(10) }).end))).to.equal(undefined);
  });

  it("does not begin a call that was cancelled while it waited", async () => {
    const world = new World(1);
    const ledgers = new Ledgers(world);
    const { call, called } = createNode(world, ledgers, { budgets: () => [budget()] });
    const { cancel, end } = call();
    cancel();
    expect(endOf(await until(world, end))).to.equal("stopped");
    expect(called).to.deep.equal([]);
  });

  it("whose limit is nothing refuses everything", async () => {
    const world = new World(1);
    const { call } = createNode(world, new Ledgers(world), { budgets: () => [budget({ limit: 0 })] });
    expect(codeOf(await until(world, call().end))).to.equal("QUOTA_EXCEEDED");
  });
});
