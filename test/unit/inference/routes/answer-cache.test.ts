import { expect } from "chai";
import fc from "fast-check";
import { AnswerCache, keyOf, likeness, mayCache } from "../../../../node/inference/routes/answer-cache.ts";
import { routeLimits } from "../../../../node/inference/routes/limits.ts";
import type { GenerationRequest, ModelRoute } from "../../../../protocols/index.ts";
import { endOf, ended, failed, text, type Spoken } from "../../../fixtures/engine-answers.ts";
import { failure } from "../../../../protocols/index.ts";
import { fromOf, openFixture, target, textOf, type FixtureOptions } from "./route-fixture.ts";

const route: ModelRoute = { name: "smart", steps: [[target("big")], [target("small")]], cache: { seconds: 60 } };
const asked = (content: string, more: Partial<GenerationRequest> = {}): GenerationRequest => ({
  id: "r",
  model: "smart",
  messages: [{ role: "user", content }],
  sampling: { temperature: 0 },
  timeoutMs: 1_000,
  person: "user/ada",
  ...more,
});
const says = {
  big: [text("Hello "), text("there"), ended("complete", 7, 2)],
  small: [text("small"), ended("complete")],
};

/** Asks one after the other: what was said of each, and how often a model was called for it. */
async function answers(
  on: ModelRoute,
  requests: readonly Partial<GenerationRequest>[],
  script: Readonly<Record<string, readonly Spoken[]>> = says,
  options: FixtureOptions = {},
) {
  const at = openFixture(on, script, options);
  const all: { readonly said: readonly Spoken[]; readonly calls: number }[] = [];
  for (const request of requests) {
    const [before, calls] = [at.heard.length, at.asked.length];
    at.call(asked("hi", request));
    await at.pass(200);
    all.push({ said: at.heard.slice(before), calls: at.asked.length - calls });
  }
  return { at, all };
}

describe("answers that are kept", () => {
  it("are said again, in pieces, as cached, without a call", async () => {
    const { all, at } = await answers(route, [{}, { key: "phone", id: "other" }]);
    expect(all.map(({ calls }) => calls)).to.deep.equal([1, 0]);
    const [first, second] = all;
    expect([textOf(first?.said ?? []), textOf(second?.said ?? [])]).to.deep.equal(["Hello there", "Hello there"]);
    expect(second?.said.at(-1))
      .to.have.nested.property("result.value")
      .that.deep.equals({
        end: "complete",
        promptTokens: 7,
        cachedTokens: 7,
        completionTokens: 2,
        from: { model: "big", cache: "exact" },
      });
    // A stream says it before the first word.
    expect(second?.said[0]).to.have.nested.property("part.from.cache", "exact");
    expect(at.counted).to.deep.equal(["route_cache smart miss", "route_cache smart kept", "route_cache smart hit"]);
    const long = "word ".repeat(400);
    const { all: longs } = await answers(route, [{}, {}], { big: [text(long), ended("complete")] });
    expect(longs[1]?.said.length).to.be.greaterThan(5);
    expect(textOf(longs[1]?.said ?? [])).to.equal(long);
  });

  it("are for the person who asked, unless the route says that they are for all", async () => {
    const others = [{}, { person: "user/bob" }, { person: "user/bob" }];
    expect((await answers(route, others)).all.map(({ calls }) => calls)).to.deep.equal([1, 1, 0]);
    const shared = { ...route, cache: { seconds: 60, shared: true } };
    expect((await answers(shared, others)).all.map(({ calls }) => calls)).to.deep.equal([1, 0, 0]);
    const nobodys = { ...asked("hi") };
    delete (nobodys as { person?: string }).person;
    expect(mayCache(route.cache!, "generate", nobodys)).to.equal(false);
  });

  it("have no part that chance had, unless the route or the caller wants them", async () => {
    const warm = { sampling: { temperature: 0.7 } };
    const calls = async (on: ModelRoute, request: Partial<GenerationRequest>) =>
      (await answers(on, [request, request])).all.map((one) => one.calls);
    expect(await calls(route, { sampling: {} })).to.deep.equal([1, 1]);
    expect(await calls(route, warm)).to.deep.equal([1, 1]);
    expect(await calls(route, { sampling: { temperature: 0.7, seed: 1 } })).to.deep.equal([1, 0]);
    expect(await calls(route, { ...warm, cache: "use" })).to.deep.equal([1, 0]);
    expect(await calls({ ...route, cache: { seconds: 60, always: true } }, warm)).to.deep.equal([1, 0]);
    expect(await calls(route, { cache: "skip" })).to.deep.equal([1, 1]);
    expect(await calls(route, { cache: "renew" })).to.deep.equal([1, 1]);
    expect((await answers(route, [{}, { cache: "renew" }, {}])).all.map((one) => one.calls)).to.deep.equal([1, 1, 0]);
    // What callers want of it is no word for engines.
    expect((await answers(route, [{ cache: "renew" }])).at.asked[0]).to.not.have.property("cache");
    expect((await answers(route, [{ cache: "skip", model: "big" }])).at.asked[0]).to.not.have.property("cache");
  });

  it("grow old, and go when the route is changed", async () => {
    const at = openFixture(route, says);
    const ask = async () => {
      at.call(asked("hi"));
      await at.pass(100);
      return at.asked.length;
    };
    expect([await ask(), await ask()]).to.deep.equal([1, 1]);
    await at.pass(60_000);
    expect([await ask(), await ask()]).to.deep.equal([2, 2]);
    at.set({ ...route, steps: [[target("small")]] });
    expect([await ask(), textOf(at.heard).endsWith("small")]).to.deep.equal([3, true]);
  });

  it("are whole ones of the first choice", async () => {
    const count = async (script: Readonly<Record<string, readonly Spoken[]>>, more: Partial<GenerationRequest> = {}) =>
      (await answers(route, [more, more], script)).all.map(({ calls }) => calls);
    expect(await count({ big: [failed(failure("QUEUE_FULL"))], small: says.small })).to.deep.equal([2, 2]);
    expect(await count({ big: [text("a"), failed(failure("RUNTIME_FAULT"))] })).to.deep.equal([1, 1]);
    expect(await count({ big: [text("a"), ended("stopped")] })).to.deep.equal([1, 1]);
    expect(await count({ big: [text("a"), ended("length")] })).to.deep.equal([1, 0]);
  });

  it("end once when they are cancelled before a word was said", async () => {
    const at = openFixture(route, says);
    at.call(asked("hi"));
    await at.pass(100);
    at.heard.length = 0;
    at.call(asked("hi")).cancel();
    expect(at.heard).to.deep.equal([]);
    await at.pass(100);
    expect(at.heard.map(endOf)).to.deep.equal(["stopped"]);
  });

  it("are of just the same question: whatever makes another answer makes another key", () => {
    const plain = keyOf(route, "generate", asked("hi\r\nthere é"));
    const same = asked("hi\nthere e\u0301", { id: "x", key: "phone", timeoutMs: 5, priority: 2, keepAliveMs: 1, cache: "use" });
    expect(keyOf(route, "generate", { ...same, tools: [] })).to.deep.equal(plain);
    // Whatever trace it is in, and whatever call it is a part of.
    const traced = { trace: `00-${"1".repeat(32)}-${"2".repeat(16)}-01`, partOf: "7", onPlace: () => undefined };
    expect(keyOf(route, "generate", { ...same, ...traced })).to.deep.equal(plain);
    const others: readonly Partial<GenerationRequest>[] = [
      { person: "user/bob" },
      { sampling: { temperature: 0, maxTokens: 5 } },
      { stop: ["x"] },
      { format: { type: "json" } },
      { logprobs: 1 },
      { tools: [{ name: "t" }] },
      { messages: [{ role: "system", content: "s" }, { role: "user", content: "hi\nthere é" }] },
      { messages: [{ role: "user", content: "hi\nthere é", media: [{ type: "image", mediaType: "image/png", bytes: Uint8Array.of(1) }] }] },
    ];
    const keys = others.map((more) => keyOf(route, "generate", asked("hi\nthere é", more)).exact);
    expect(new Set([plain.exact, ...keys]).size).to.equal(others.length + 1);
    expect(keyOf({ ...route, cache: { seconds: 61 } }, "generate", same).exact).to.not.equal(plain.exact);
  }); // prettier-ignore

  describe("of questions that mean the same", () => {
    const alike: ModelRoute = { ...route, cache: { seconds: 60, semantic: { model: "vec", threshold: 0.9 } } };
    const vectors = { hi: [1, 0], hello: [0.95, 0.1], bye: [0, 1] };
    const of = (content: string, more: Partial<GenerationRequest> = {}) => asked(content, more);

    it("are given to the same person in the same place of a conversation, and say so", async () => {
      const { all, at } = await answers(alike, [of("hi"), of("hello"), of("bye"), of("hello")], says, { vectors });
      expect(all.map(({ calls }) => calls)).to.deep.equal([1, 0, 1, 0]);
      expect(fromOf(all[1]?.said ?? [])).to.deep.equal({ model: "big", cache: "semantic" });
      expect(at.embedded.map(({ model, person }) => [model, person])).to.deep.include(["vec", "user/ada"]);
      const elsewhere = [
        of("hello", { person: "user/bob" }),
        of("hello", { sampling: { temperature: 0, maxTokens: 9 } }),
        of("", { messages: [{ role: "assistant", content: "so?" }, { role: "user", content: "hello" }] }),
      ]; // prettier-ignore
      const { all: others } = await answers(alike, [of("hi"), ...elsewhere], says, { vectors });
      expect(others.map(({ calls }) => calls)).to.deep.equal([1, 1, 1, 1]);
    });

    it("are asked for when there is no vector, and a cancelled one ends once", async () => {
      const { all } = await answers(alike, [of("hi"), of("hello")], says, {});
      expect(all.map(({ calls }) => calls)).to.deep.equal([1, 1]);
      const at = openFixture(alike, says, { vectors });
      at.call(of("hi")).cancel();
      await at.pass(100);
      expect([at.heard.map(endOf), at.asked.length]).to.deep.equal([["stopped"], 0]);
    });

    it("are compared by direction", () => {
      expect(likeness(Float32Array.of(1, 2), Float32Array.of(2, 4))).to.be.closeTo(1, 1e-6);
      expect(likeness(Float32Array.of(1, 0), Float32Array.of(0, 1))).to.equal(0);
      expect(likeness(Float32Array.of(0, 0), Float32Array.of(0, 1))).to.equal(0);
      expect(likeness(Float32Array.of(1), Float32Array.of(1, 2))).to.equal(0);
    });
  });

  it("stay within their bytes, each person's within that person's share", () => {
    const limits = { ...routeLimits, cacheBytesMax: 20_000, cachePersonBytesMax: 8_000, cacheEntryBytesMax: 4_000, cacheAlikeMax: 3 }; // prettier-ignore
    const one = fc.record({
      person: fc.constantFrom("user/ada", "user/bob", "user/cyd", ""),
      question: fc.integer({ min: 0, max: 30 }),
      chars: fc.integer({ min: 0, max: 3_000 }),
      alike: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.array(one, { maxLength: 80 }), (all) => {
        const cache = new AnswerCache(limits);
        const bytes = new Map<string, number>();
        for (const { person, question, chars, alike } of all) {
          const key = {
            scope: person,
            exact: `${person}/${question}`,
            ...(alike && { alike: { frame: person, question: "" } }),
          };
          const before = cache.bytes;
          const parts = [{ text: "x".repeat(chars), tokens: 1 }];
          const answer = { end: "complete", promptTokens: 1, completionTokens: 1 } as const;
          const kept = cache.keep(
            key,
            { engine: "generate", parts, answer },
            1_000,
            alike ? Float32Array.of(1) : undefined,
          );
          expect(kept).to.equal(cache.exact(key, 0) !== undefined);
          if (!kept) expect(cache.bytes).to.be.at.most(before);
          expect(cache.bytes).to.be.at.most(limits.cacheBytesMax);
          bytes.set(person, 0);
        }
        // Nobody's answers are others', and what has grown old gives its bytes back.
        for (const { person, question } of all) {
          const key = { scope: person, exact: `${person}/${question}` };
          expect(cache.exact(key, 1_000)).to.equal(undefined);
        }
        expect([cache.bytes, cache.count]).to.deep.equal([0, 0]);
      }),
    );
    const cache = new AnswerCache(limits);
    const answer = { end: "complete", promptTokens: 1, completionTokens: 1 } as const;
    const keep = (person: string, index: number) =>
      cache.keep(
        { scope: person, exact: `${person}${index}` },
        { engine: "generate", parts: [{ text: "x".repeat(500), tokens: 1 }], answer },
        1_000,
      );
    keep("bob", 0);
    for (let index = 0; index < 50; index += 1) keep("ada", index);
    expect(cache.exact({ scope: "bob", exact: "bob0" }, 0), "another's answer went for them").to.not.equal(undefined);
  });
});
