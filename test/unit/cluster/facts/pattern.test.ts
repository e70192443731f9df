import { expect } from "chai";
import fc from "fast-check";
import { patternCharsMax, readPattern } from "../../../../node/cluster/facts/pattern.ts";
import { stepsOf } from "../../../fixtures/steps.ts";

const finds = (pattern: string, text: string): boolean => {
  const read = readPattern(pattern);
  if (!read.ok) throw new Error(JSON.stringify(read.error.details));
  return read.value(text);
};

/** Expressions with more ways through a text than anybody can go. */
const endless = ["(a+)+$x", "(a|aa)+b", "(a|a)*(a|a)*(a|a)*b", "(.*a){12}b"];
const stepsOfEndless = stepsOf(import.meta.url, (chars) => endless.map((pattern) => finds(pattern, "a".repeat(chars))));

/** Expressions of what both know, with few letters, so that texts meet them often. */
const expression = fc.letrec<{ all: string; any: string; one: string }>((tie) => ({
  any: fc.array(tie("all"), { minLength: 1, maxLength: 3 }).map((all) => all.join("|")),
  all: fc.array(tie("one"), { maxLength: 4 }).map((all) => all.join("")),
  one: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc
      .tuple(
        fc.constantFrom("a", "b", "c", ".", "[ab]", "[^a]", "[a-c]", "\\w", "\\d", "\\s", "\\.", "A"),
        fc.constantFrom("", "", "*", "+", "?", "{2}", "{0,2}", "{1,}", "+?"),
      )
      .map(([atom, times]) => atom + times),
    fc.constantFrom("^", "$", "\\b", "\\B"),
    fc
      .tuple(tie("any"), fc.constantFrom("(", "(?:"), fc.constantFrom("", "*", "+", "?", "{2}"))
      .map(([inner, open, times]) => `${open}${inner})${times}`),
  ),
})).any;

/** How often an expression of the language is asked while this is done. */
function asked(work: () => unknown): number {
  const test = Reflect.get(RegExp.prototype, "test") as (this: RegExp, text: string) => boolean;
  let count = 0;
  RegExp.prototype.test = function (text: string) {
    count += 1;
    return Reflect.apply(test, this, [text]);
  };
  try {
    work();
  } finally {
    RegExp.prototype.test = test;
  }
  return count;
}

describe("an expression that questions are compared with", () => {
  it("asks once for each character what it is, however many steps look at it", () => {
    const text = "αβγδ".repeat(1_024);
    for (const pattern of ["^(?:\\w*\\s*){30}x", "(?i)(?:[α-γ]\\w){20}x", "(?:\\bα|\\B.){20}x"])
      expect(asked(() => finds(pattern, text)), pattern).to.be.lessThan(3 * text.length);
  });

  it("finds what JavaScript finds", () => {
    const text = fc.string({ unit: fc.constantFrom("a", "b", "c", "A", " ", "\n", "1", ".", "é"), maxLength: 12 });
    fc.assert(
      fc.property(expression, text, fc.boolean(), (pattern, subject, anyCase) => {
        const read = readPattern((anyCase ? "(?i)" : "") + pattern);
        // Too many steps: refused.
        if (!read.ok) return;
        // `\w` and `\b` know letters of all scripts here.
        const plain = subject.replaceAll("é", "e");
        expect(read.value(plain)).to.equal(new RegExp(pattern, anyCase ? "iu" : "u").test(plain));
      }),
      { numRuns: 500 },
    );
  });

  it("takes steps in proportion to the text for what makes others go back for ever", async () => {
    for (const pattern of endless) expect(finds(pattern, "a".repeat(patternCharsMax)), pattern).to.equal(false);
    const [half = 0, whole = 0] = await stepsOfEndless(patternCharsMax / 2, patternCharsMax);
    // JavaScript's own would take more than there are atoms.
    expect(whole / half).to.be.within(1.5, 2.5);
    expect(whole).to.be.below(1_000 * patternCharsMax);
  });

  it("looks at the beginning of a long text only", () => {
    const before = "x".repeat(patternCharsMax - 1);
    expect([finds("ab?", `${before}ab`), finds("ab", `${before}ab`)]).to.deep.equal([true, false]);
  });

  it("refuses what it does not know, and what takes too many steps, with the reason", () => {
    for (const pattern of ["(", ")", "a{", "*a", "(?=a)", "(?<n>a)", "\\1", "\\p{L}", "a**", "^*", "[z-a]", "(?:a){99}", "[", "((a{60}){60})"]) {
      const read = readPattern(pattern);
      expect(read.ok, pattern).to.equal(false);
      if (!read.ok) expect(read.error.details?.["reason"], pattern).to.match(/\w/);
    }
    fc.assert(fc.property(fc.string({ maxLength: 40 }), (pattern) => void readPattern(pattern)));
  });

  it("knows letters of all scripts as parts of words", () => {
    expect(finds("\\bδεν\\b", "αυτό δεν είναι")).to.equal(true);
    expect(finds("\\bεν\\b", "αυτό δεν είναι")).to.equal(false);
    expect([finds("^.$", "😀"), finds("[😀-😎]", "😃"), finds("\\B", "a😀a")]).to.deep.equal([true, true, false]);
    expect(finds("(?i)straße", "DIE STRASSE UND DIE STRAßE")).to.equal(true);
  });
}); // prettier-ignore
