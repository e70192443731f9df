import { expect } from "chai";
import {
  describeExplanation,
  describeRoutes,
  optionsOf,
  readKind,
  readRoute,
  readStep,
} from "../../../cli/models/model-routes.ts";
import { describeCounts } from "../../../cli/models/route-questions.ts";
import type { ModelRoute } from "../../../protocols/index.ts";

describe("plexus routes", () => {
  it("reads steps: one model whatever its name has, or several with their weights", () => {
    expect(readStep("llama3:8")).to.deep.equal([{ model: "llama3:8", weight: 1 }]);
    expect(readStep("a:95,llama3:8:5,c")).to.deep.equal([
      { model: "a", weight: 95 },
      { model: "llama3:8", weight: 5 },
      { model: "c", weight: 1 },
    ]);
  });

  it("reads rules, and refuses what is none with the form", () => {
    expect(readKind("code: code; no tools; longer 2000 => coder:2,b | c")).to.deep.equal({
      name: "code",
      when: { code: true, tools: false, charsMin: 2000 },
      steps: [[{ model: "coder", weight: 2 }, { model: "b", weight: 1 }], [{ model: "c", weight: 1 }]],
    });
    expect(readKind("t: words a, b c; matches ^T-(\\d;|x) => m").when).to.deep.equal({
      words: ["a", "b c"],
      pattern: "^T-(\\d;|x)",
    });
    expect(readKind("t: class mood=sad, so so => m").when).to.deep.equal({ classified: { model: "mood", labels: ["sad", "so so"] } });
    for (const text of ["a: class mood => m", "code => m", "a: => m", "a: code", "a: cod => m", "a: longer x => m", "a: no words => m", "a: language => m"])
      expect(() => readKind(text), text).to.throw(/./);
  }); // prettier-ignore

  it("prints the command that brings a route back", () => {
    const route: Omit<ModelRoute, "name"> = {
      steps: [[{ model: "a", weight: 2 }, { model: "b", weight: 1 }], [{ model: "c:8", weight: 1 }]],
      shadow: { model: "d", percent: 10 },
      balance: "round-robin",
      prefer: "cost",
      ensemble: { form: "best-of", judge: "j", seconds: 20, least: 2 },
      cache: { seconds: 60, always: true, semantic: { model: "v:1", threshold: 0.9 } },
      kinds: [{ name: "x", when: { code: false, languages: ["de", "fr"], words: ["a b"], classified: { model: "m:1", labels: ["not toxic", "x"], least: 0.7 }, pattern: "a;b" }, steps: [[{ model: "e", weight: 1 }]] }],
    }; // prettier-ignore
    const flags: Record<string, unknown> = {};
    for (const [option, value = true] of optionsOf(route)) {
      const name = option.slice(2).replaceAll(/-(.)/g, (_, letter: string) => letter.toUpperCase());
      flags[name] = name === "kind" ? [value] : value;
    }
    expect(readRoute(["a:2,b:1", "c:8"], flags)).to.deep.equal(route);
    expect(() => readRoute(["a,b"], { vote: true, merge: "m" })).to.throw(/./);
    expect(() => readRoute(["a"], { cacheShared: true })).to.throw(/./);
    expect(() => readRoute([], {})).to.throw(/./);
  });

  it("shows what would become of a question", () => {
    const told = { route: "r", kind: "b", passed: [{ kind: "a", because: "no" }], classified: [{ model: "mood", said: "joy 0.90", ms: 7 }], together: false, models: [{ model: "m", because: "alone in its step" }] }; // prettier-ignore
    expect(describeExplanation(told)).to.equal(
      'mood was asked: joy 0.90 (7 ms).\nNot "a": no.\nThe rule "b" holds.\n1. m: alone in its step',
    );
  });

  it("says whether models that rules ask are worth it", () => {
    const counts = { questions: 10, right: 9, rightByRulesAlone: 6, asked: 4, askedMs: 50, failed: 1 };
    expect(describeCounts(counts)).to.equal(
      "9 of 10 as expected with the models that rules ask (4 asked, 13 ms each, 1 said nothing); 6 of 10 by rules alone.",
    );
    expect(describeCounts({ ...counts, asked: 0 })).to.match(/No rule asked a model/);
  });

  it("shows them, and what to do when there are none", () => {
    const steps = [[{ model: "a", weight: 95 }, { model: "b\u001b[2J", weight: 5 }], [{ model: "c", weight: 1 }]]; // prettier-ignore
    const shown = describeRoutes([{ name: "smart", steps, shadow: { model: "d", percent: 10 } }], false);
    expect(shown)
      .to.match(/smart.+a:95,b.*:5, else c.+shadow d, 10 %/u)
      .and.to.not.include("\u001b");
    expect(describeRoutes([], false)).to.include("plexus routes set");
  });
});
