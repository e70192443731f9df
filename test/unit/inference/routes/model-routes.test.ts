import { expect } from "chai";
import fc from "fast-check";
import { tryNext } from "../../../../node/inference/routes/model-routes.ts";
import { isShadowed, modelsInOrder } from "../../../../node/inference/routes/route-plan.ts";
import { failure, refused, type ErrorCode, type ModelRoute, type QuestionRule } from "../../../../protocols/index.ts";
import { endOf, ended, failed, text, type Spoken } from "../../../fixtures/engine-answers.ts";
import { fromOf, openFixture, target, textOf, type FixtureOptions } from "./route-fixture.ts";

const chain: ModelRoute = { name: "smart", steps: [[target("big")], [target("small")], [target("tiny")]] };
const no = (code: ErrorCode): Spoken => failed(failure(code));

describe("model routes", () => {
  it("try one model after the other while they refuse, and tell only the last ending", async () => {
    const { call, asked, heard, pass } = openFixture(chain, {
      big: [no("MODEL_UNAVAILABLE")],
      small: [no("QUEUE_FULL")],
      tiny: [text("hi"), ended("complete")],
    });
    call();
    await pass(100);
    expect(asked.map(({ model }) => model)).to.deep.equal(["big", "small", "tiny"]);
    expect(heard.map((said) => endOf(said) ?? "part")).to.deep.equal(["part", "complete"]);
    expect(fromOf(heard)).to.deep.equal({ model: "tiny", instead: true });
    // All share the time of the call.
    const lefts = asked.map(({ timeoutMs }) => timeoutMs);
    expect(lefts).to.deep.equal(lefts.toSorted((one, other) => other - one));
    expect([lefts[0], new Set(lefts).size]).to.deep.equal([1_000, 3]);
  });

  it("let a model answer without tools only where no other is left", async () => {
    const { call, asked, pass } = openFixture(chain, {
      big: [no("MODEL_UNSUPPORTED")],
      small: [no("QUEUE_FULL")],
      tiny: [ended("complete")],
    });
    call({ tools: [{ name: "clock" }], ifAble: ["tools"] });
    await pass(100);
    const given = asked.map((request) => [request.model, "ifAble" in request]);
    expect(given.join()).to.equal("big,false,small,false,tiny,true");
  });

  it("stay with a model that has said something, that timed out, or that the asker has cancelled", async () => {
    const spoke = openFixture(chain, { big: [text("a"), no("RUNTIME_FAULT")], small: [], tiny: [] });
    spoke.call();
    await spoke.pass(100);
    expect([spoke.asked.length, endOf(spoke.heard.at(-1))]).to.deep.equal([1, "RUNTIME_FAULT"]);
    const late = openFixture(chain, { big: [no("GENERATION_TIMEOUT")], small: [], tiny: [] });
    late.call();
    await late.pass(100);
    expect([late.asked.length, endOf(late.heard.at(-1))]).to.deep.equal([1, "GENERATION_TIMEOUT"]);
    const given = openFixture(chain, { big: [no("MODEL_UNAVAILABLE")], small: [], tiny: [] }, { delayMs: 50 });
    given.call().cancel();
    await given.pass(100);
    expect([given.asked.length, given.cancelled, endOf(given.heard.at(-1))]).to.deep.equal([1, ["big"], "stopped"]);
  });

  it("tell the last refusal when none is left, and say so when a route has no models", async () => {
    const none = openFixture(chain, {
      big: [no("MODEL_NOT_FOUND")],
      small: [no("QUEUE_FULL")],
      tiny: [no("QUEUE_FULL")],
    });
    none.call();
    await none.pass(100);
    expect(none.heard).to.have.length(1);
    expect(endOf(none.heard[0])).to.equal("QUEUE_FULL");
    const empty = openFixture({ name: "smart", steps: [[target("big", 0)]] }, { big: [] });
    empty.call();
    expect(empty.heard).to.deep.equal([]);
    await empty.pass(10);
    expect(endOf(empty.heard[0])).to.equal("MODEL_NOT_FOUND");
  });

  it("send the shadow its share, whose answer nobody hears and nobody waits for", async () => {
    const shadowed: ModelRoute = { ...chain, shadow: { model: "tiny", percent: 100 } };
    const { call, asked, heard, pass } = openFixture(shadowed, {
      big: [ended("complete")],
      small: [],
      tiny: [text("secret"), text("more"), text("and more"), ended("complete")],
    });
    call();
    await pass(100);
    expect(asked.map(({ model, person }) => [model, person])).to.have.deep.members([
      ["tiny", "shadow"],
      ["big", "user/ada"],
    ]);
    expect(heard.map(endOf)).to.deep.equal(["complete"]);
    expect(fromOf(heard)).to.deep.equal({ model: "big" });
    const none: ModelRoute = { ...chain, shadow: { model: "tiny", percent: 0 } };
    expect(Array.from({ length: 100 }, (_, one) => isShadowed(none, `${one}`))).to.not.include(true);
  });

  it("are models among the others: they can do what one of theirs can, and hide a model of their name", () => {
    const { engines } = openFixture(
      { name: "big", steps: [[target("big")], [target("small")]] },
      { big: [], small: [] },
    );
    expect(engines.generate.models().map(({ model, runtime }) => [model, runtime])).to.deep.equal([
      ["small", "echo"],
      ["big", "route"],
    ]);
  });

  it("give each model its share, and each conversation always the same one", () => {
    const route: ModelRoute = { name: "smart", steps: [[target("old", 90), target("new", 10)], [target("last")]] };
    const orders = Array.from({ length: 5_000 }, (_, one) => modelsInOrder(route, `user/p${one}`));
    for (const order of orders) expect([order.toSorted(), order[2]]).to.deep.equal([["last", "new", "old"], "last"]);
    const share = orders.filter(([first]) => first === "new").length / orders.length;
    expect(share).to.be.within(0.08, 0.12);
    // A change of the weights moves only those whom the new share takes.
    const more: ModelRoute = { name: "smart", steps: [[target("old", 80), target("new", 20)], [target("last")]] };
    for (const [one, order] of orders.entries())
      if (order[0] === "new") expect(modelsInOrder(more, `user/p${one}`)[0]).to.equal("new");
  });

  it("end every call once, whatever the models answer", async () => {
    const ends = fc.constantFrom<ErrorCode | "complete" | "part">(
      "complete", "part", "QUEUE_FULL", "MODEL_NOT_FOUND", "RUNTIME_FAULT", "GENERATION_TIMEOUT", "STOPPING", "CONTEXT_TOO_LONG",
    ); // prettier-ignore
    const said = fc
      .array(ends, { maxLength: 3 })
      .map((list) => [
        ...list.map((end) => (end === "part" ? text("x") : end === "complete" ? ended("complete") : no(end))),
        ended("complete"),
      ]);
    const script = fc.record({ big: said, small: said, tiny: said });
    await fc.assert(
      fc.asyncProperty(script, fc.nat({ max: 60 }), async (models, cancelAtMs) => {
        const { call, heard, pass, asked } = openFixture({ ...chain, shadow: { model: "tiny", percent: 50 } }, models);
        const running = call();
        await pass(cancelAtMs);
        running.cancel();
        await pass(1_000);
        expect(heard.filter(({ type }) => type === "answered")).to.have.length(1);
        expect(heard.at(-1)?.type).to.equal("answered");
        expect(asked.length).to.be.at.most(4);
      }),
      { numRuns: 200 },
    );
  });

  it("know which refusals another model may not share", () => {
    const tried = (code: ErrorCode) => tryNext(failure(code));
    expect(
      ["MODEL_NOT_FOUND", "CONTEXT_TOO_LONG", "RUNTIME_FAULT"].map((code) => tried(code as ErrorCode)),
    ).to.not.include(false);
    expect(
      ["GENERATION_TIMEOUT", "CANCELLED", "STOPPING", "BAD_REQUEST"].map((code) => tried(code as ErrorCode)),
    ).to.not.include(true);
    expect(refused(failure("CANCELLED")).ok).to.equal(false);
  });

  describe("with rules that ask a model of classes", () => {
    const kind = (name: string, when: QuestionRule) => ({ name, when, steps: [[target(name)]] });
    const moody: ModelRoute = {
      ...chain,
      kinds: [
        kind("code", { code: true }),
        kind("angry", { charsMin: 5, classified: { model: "mood", labels: ["anger", "rage"], least: 0.7 } }),
        kind("sad", { classified: { model: "mood", labels: ["grief"] } }),
      ],
    };
    const answers = (name: string): readonly Spoken[] => [text(name), ended("complete")];
    const script = Object.fromEntries(
      ["big", "small", "tiny", "code", "angry", "sad"].map((name) => [name, answers(name)]),
    );
    const mood = (said: string) => ({ anger: said.includes("!") ? 0.8 : 0.6, grief: said.includes("(") ? 0.55 : 0.1 });
    const asks = (content: string) => ({ messages: [{ role: "user" as const, content }] });
    const at = (more: FixtureOptions = {}) => openFixture(moody, script, { classes: { mood }, ...more });

    it("go where it says, ask it once, of the beginning of the question, and only where the rules before do not hold", async () => {
      for (const [content, model, asked] of [
        ["const x = 1;\nf(x);", "code", 0],
        ["No!!!", "angry", 1],
        ["So what", "big", 1],
        ["no(", "sad", 1],
        [`!${"x".repeat(5_000)}`, "angry", 1],
      ] as const) {
        const one = at();
        one.call(asks(content));
        await one.pass(100);
        expect([textOf(one.heard), one.classified.length], content).to.deep.equal([model, asked]);
        for (const { inputs, person } of one.classified)
          expect([inputs[0]!.length <= 1_000, person]).to.deep.equal([true, "user/ada"]);
        // What it took of the time is gone.
        expect(one.asked[0]!.timeoutMs < 1_000).to.equal(asked > 0);
      }
    });

    it("fall through where it says nothing in time, and end once where they are cancelled meanwhile", async () => {
      const away = at({ classes: {}, limits: { routeClassifyMs: 50 } });
      away.call(asks("No!!!"));
      await away.pass(100);
      expect([textOf(away.heard), away.classified.length]).to.deep.equal(["big", 1]);
      expect(away.counted).to.include("route_classified smart mood GENERATION_TIMEOUT");
      for (const classes of [{}, { mood }]) {
        const given = at({ classes });
        given.call(asks("No!!!")).cancel();
        await given.pass(3_000);
        expect([given.asked.length, given.heard.map(endOf)]).to.deep.equal([0, ["stopped"]]);
      }
    });

    it("say what it said, and what would be without it", async () => {
      const { engines, pass } = at();
      const told = engines.explain("smart", asks("So what"));
      const plain = engines.explain("smart", asks("No!!!"), { rulesOnly: true });
      await pass(100);
      const { classified = [], ...rest } = (await told) ?? {};
      expect(classified.map(({ model, said, ms }) => [model, said, ms > 0])).to.deep.equal([
        ["mood", "anger 0.60", true],
      ]);
      expect(rest).to.deep.include({
        passed: [
          { kind: "code", because: "there is no code in it" },
          { kind: "angry", because: "mood says anger, 0.60" },
          { kind: "sad", because: "mood says anger, 0.60" },
        ],
      });
      expect(await plain)
        .to.deep.include({ classified: [] })
        .and.not.to.have.property("kind");
    });
  });
});
