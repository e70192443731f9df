import { expect } from "chai";
import fc from "fast-check";
import { ballotOf, choiceOf, elect, type Candidate } from "../../../../node/inference/routes/ensemble.ts";
import {
  failure,
  type EnsembleRow,
  type ErrorCode,
  type GenerationEnd,
  type ModelRoute,
} from "../../../../protocols/index.ts";
import { endOf, ended, failed, text, type Spoken } from "../../../fixtures/engine-answers.ts";
import { fromOf, openFixture, target, textOf, type FixtureOptions } from "./route-fixture.ts";

const jury = (ensemble: EnsembleRow, later: ModelRoute["steps"] = []): ModelRoute => ({
  name: "jury",
  steps: [[target("a"), target("b"), target("c")], ...later],
  ensemble,
});
const says = (words: string, took = 1): readonly Spoken[] => [text(words), ended("complete", took, 10 * took)];
const no = (code: ErrorCode): readonly Spoken[] => [failed(failure(code))];

async function run(
  route: ModelRoute,
  script: Readonly<Record<string, readonly Spoken[]>>,
  options: FixtureOptions & { readonly ms?: number; readonly timeoutMs?: number } = {},
) {
  const at = openFixture(route, script, options);
  const { timeoutMs = 10_000 } = options;
  at.call({ timeoutMs, messages: [{ role: "user", content: "Who?" }] });
  await at.pass(options.ms ?? 500);
  return { ...at, from: fromOf(at.heard), said: textOf(at.heard), end: endOf(at.heard.at(-1)) };
}
const tokens = (heard: readonly Spoken[]): unknown => {
  const last = heard.at(-1);
  if (last?.type !== "answered" || !last.result.ok) return undefined;
  const { promptTokens, completionTokens } = last.result.value;
  return [promptTokens, completionTokens];
};

describe("answers of several models", () => {
  it("are what most of them say, and took what all of them took", async () => {
    const { said, from, heard, asked } = await run(jury({ form: "vote" }), {
      a: says("Paris", 1),
      b: says("  paris. ", 2),
      c: says("Lyon", 4),
    });
    expect([said, from?.model, tokens(heard)]).to.deep.equal(["Paris", "a", [7, 70]]);
    expect(from?.members).to.deep.equal(["a", "b", "c"].map((model) => ({ model, end: "complete" })));
    expect(new Set(asked.map(({ id }) => id)).size).to.equal(3);
  });

  it("go by weight, and by the order of the models when votes are equal", async () => {
    const heavy = { ...jury({ form: "vote" }), steps: [[target("a"), target("b"), target("c", 3)]] };
    const script = { a: says("x"), b: says("x"), c: says("y") };
    expect((await run(heavy, script)).said).to.equal("y");
    expect((await run(jury({ form: "vote" }), { a: says("x"), b: says("y"), c: says("z") })).said).to.equal("x");
  });

  it("are there when some of them fail, and say which", async () => {
    const { said, from, end } = await run(jury({ form: "vote" }), {
      a: no("QUEUE_FULL"),
      b: says("here"),
      c: [text("half"), ...no("RUNTIME_FAULT")],
    });
    expect([said, end, from?.model]).to.deep.equal(["here", "complete", "b"]);
    expect(from?.members).to.have.deep.members([
      { model: "a", end: "QUEUE_FULL" },
      { model: "b", end: "complete" },
      { model: "c", end: "RUNTIME_FAULT" },
    ]);
  });

  it("leave out those who are late, also those who do not hear that they are stopped", async () => {
    const late = { a: says("in time"), b: [], c: [] };
    const route = jury({ form: "vote", seconds: 1 });
    const { said, from, cancelled, heard } = await run(route, late, { ms: 3_000, deaf: new Set(["c"]) });
    expect([said, cancelled]).to.deep.equal(["in time", ["b", "c"]]);
    expect(from?.members).to.have.deep.members([
      { model: "a", end: "complete" },
      { model: "b", end: "stopped" },
      { model: "c", end: "late" },
    ]);
    // What those who obey took counts.
    expect(tokens(heard)).to.deep.equal([2, 11]);
  });

  it("fall to the next step when there are too few, and to the first refusal when there is none", async () => {
    const script = { a: no("QUEUE_FULL"), b: no("MODEL_UNAVAILABLE"), c: says("alone"), d: says("instead", 5) };
    const more = await run(jury({ form: "vote", least: 2 }, [[target("d")]]), script);
    expect([more.said, more.from?.instead, more.from?.model, tokens(more.heard)]).to.deep.equal([
      "instead",
      true,
      "d",
      [6, 60],
    ]);
    const none = await run(jury({ form: "vote", least: 2 }), script);
    expect([none.end, none.heard.length]).to.deep.equal(["QUEUE_FULL", 1]);
  });

  it("are the one that the judge chooses", async () => {
    const script = { a: says("one"), b: says("two"), c: says("three"), judge: says(" 2\n", 5) };
    const { said, from, heard, asked } = await run(jury({ form: "best-of", judge: "judge" }), script);
    expect([said, from?.model, tokens(heard)]).to.deep.equal(["two", "b", [8, 80]]);
    const question = asked.at(-1);
    expect(question).to.include({ model: "judge", person: "user/ada" });
    expect(question?.messages[0]?.content).to.match(/Who\?[\s\S]*one[\s\S]*two[\s\S]*three/);
  });

  it("are voted on when the judge fails, or names none of them", async () => {
    const three = { a: says("same"), b: says("other"), c: says("same") };
    for (const judge of [no("QUEUE_FULL"), says("I like 1 and 3"), says("none"), says("9")]) {
      const { said, from, counted } = await run(jury({ form: "best-of", judge: "judge" }), { ...three, judge });
      expect([said, from?.model]).to.deep.equal(["same", "a"]);
      expect(counted).to.include("route_judges_failed jury");
    }
    const merge = jury({ form: "merge", judge: "judge" });
    expect((await run(merge, { ...three, judge: no("QUEUE_FULL") })).said).to.equal("same");
    const spoke = await run(merge, { ...three, judge: [text("All "), ...no("RUNTIME_FAULT")] });
    expect([spoke.said, spoke.end]).to.deep.equal(["All ", "RUNTIME_FAULT"]);
  });

  it("are one that the judge writes, as it writes it", async () => {
    const judge = [text("both "), text("of them"), ended("complete", 5, 50)];
    const { said, from, heard, asked } = await run(jury({ form: "merge", judge: "judge" }), {
      a: says("one"),
      b: says("two"),
      c: no("QUEUE_FULL"),
      judge,
    });
    expect([said, from?.model, tokens(heard)]).to.deep.equal(["both of them", "judge", [7, 70]]);
    expect(heard.map(({ type }) => type)).to.deep.equal(["part", "part", "answered"]);
    expect(heard[0]).to.have.nested.property("part.from.model", "judge");
    expect(asked.at(-1)?.messages.map(({ content }) => content)[0]).to.equal("Who?");
    // What goes on with half an answer cannot be merged.
    const at = openFixture(jury({ form: "merge", judge: "judge" }), {
      a: says("rest"),
      b: says("rest"),
      c: says("other"),
      judge,
    });
    at.call({
      messages: [
        { role: "user", content: "?" },
        { role: "assistant", content: "half a", continues: true },
      ],
    });
    await at.pass(500);
    expect([textOf(at.heard), at.asked.length]).to.deep.equal(["rest", 3]);
    // One answer needs no judge.
    const one = await run(jury({ form: "merge", judge: "judge" }), { a: says("only"), b: no("QUEUE_FULL"), c: no("QUEUE_FULL"), judge }); // prettier-ignore
    expect([one.said, one.asked.length]).to.deep.equal(["only", 3]);
  });

  it("are calls of tools where most call the same, whoever was to merge them", async () => {
    const call = (json: string): readonly Spoken[] => [
      { type: "part", part: { text: "", tokens: 1, calls: [{ id: json, name: "f", arguments: json }] } },
      ended("calls"),
    ];
    const { heard, asked } = await run(jury({ form: "merge", judge: "judge" }), {
      a: call('{"x":1}'),
      b: call('{"y":1,"x":2}'),
      c: call('{"x": 2, "y": 1}'),
      judge: says("no"),
    });
    expect(heard[0]).to.have.nested.property("part.calls[0].arguments", '{"y":1,"x":2}');
    expect(asked.some(({ model }) => model === "judge")).to.equal(false);
  });

  it("stop a member that writes without end", async () => {
    const script = { a: says("short"), b: [text("x".repeat(100)), text("y")], c: says("short") };
    const { said, cancelled } = await run(jury({ form: "vote" }), script, { limits: { memberCharsMax: 50 } });
    expect([said, cancelled]).to.deep.equal(["short", ["b"]]);
  });

  it("are told apart by what they say, not by how it is written", () => {
    const ballot = (words: string): string => ballotOf({ parts: [{ text: words, tokens: 1 }] });
    for (const [one, other] of [
      ["Yes.", "yes"],
      ["**42**", "42"],
      ["a  b\nc", "a b c"],
      ['{"a":1,"b":[2]}', '```json\n{ "b": [2], "a": 1 }\n```'],
      ["ﬁne", "fine"],
    ] as const)
      expect(ballot(one), one).to.equal(ballot(other));
    for (const [one, other] of [
      ["4.2", "42"],
      ["-1", "1"],
      ['{"a":1}', '{"a":2}'],
      ["no", "not"],
    ] as const)
      expect(ballot(one), one).to.not.equal(ballot(other));
    expect([choiceOf("2", 3), choiceOf("Answer 3.", 3), choiceOf("1 or 2", 3), choiceOf("4", 3), choiceOf("", 3)]).to.deep.equal([1, 2, undefined, undefined, undefined]); // prettier-ignore
  });

  it("elect one that no other beats, and the same whatever came first", () => {
    const one = fc.record({ word: fc.constantFrom("x", "y", "z"), weight: fc.integer({ min: 1, max: 5 }) });
    fc.assert(
      fc.property(fc.array(one, { minLength: 1, maxLength: 8 }), (all) => {
        const candidates = all.map(({ word, weight }, index): Candidate => ({
          model: `m${index}`,
          weight,
          parts: [{ text: word, tokens: 1 }],
          answer: { end: "complete", promptTokens: 1, completionTokens: 1 },
        }));
        const votes = (word: string): number =>
          all.filter((each) => each.word === word).reduce((sum, { weight }) => sum + weight, 0);
        const elected = elect(candidates)?.parts[0]?.text ?? "";
        expect(votes(elected)).to.equal(Math.max(...["x", "y", "z"].map(votes)));
      }),
    );
  });

  it("end once, whatever the members do, also when they are cancelled", async () => {
    const end = fc.constantFrom<ErrorCode | GenerationEnd | "part" | "deaf">("part", "complete", "length", "QUEUE_FULL", "RUNTIME_FAULT", "GENERATION_TIMEOUT", "deaf"); // prettier-ignore
    const said = fc.array(end, { maxLength: 3 }).map((list) => ({
      deaf: list.includes("deaf"),
      says: list.flatMap((one): readonly Spoken[] =>
        one === "part" ? [text("x")] : one === "deaf" ? [] : one === "complete" || one === "length" ? [ended(one)] : no(one as ErrorCode)), // prettier-ignore
    }));
    const form = fc.constantFrom<EnsembleRow>(
      { form: "vote" },
      { form: "best-of", judge: "judge" },
      { form: "merge", judge: "judge" },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.record({ a: said, b: said, c: said, judge: said, d: said }),
        form,
        fc.nat({ max: 2_500 }),
        fc.boolean(),
        async (models, row, cancelAtMs, hasNext) => {
          const script = Object.fromEntries(Object.entries(models).map(([name, one]) => [name, one.says]));
          const deaf = new Set(Object.entries(models).flatMap(([name, one]) => (one.deaf ? [name] : [])));
          // Those that are to judge or to come instead end in time, as every engine does.
          const sure = {
            judge: [...(script["judge"] ?? []), ended("complete")],
            d: [...(script["d"] ?? []), ended("complete")],
          };
          const route = jury({ ...row, seconds: 1 }, hasNext ? [[target("d")]] : []);
          const at = openFixture(route, { ...script, ...sure }, { deaf });
          const running = at.call({ timeoutMs: 5_000 });
          await at.pass(cancelAtMs);
          running.cancel();
          await at.pass(10_000);
          expect(at.heard.filter(({ type }) => type === "answered")).to.have.length(1);
          expect(at.heard.at(-1)?.type).to.equal("answered");
          expect(at.asked.length).to.be.at.most(5);
        },
      ),
      { numRuns: 200 },
    );
  });
});
