import { expect } from "chai";
import fc from "fast-check";
import { hasPattern, readPattern } from "../../../runtimes/pattern.ts";

const has = (source: string, text: string): boolean | undefined => hasPattern(readPattern(source)!, text);

/** What schemas are known to have: of zod, of OpenAPI documents and of tools. */
const known: Readonly<Record<string, readonly string[]>> = {
  "^(?!\\.)(?!.*\\.\\.)([A-Za-z0-9_'+\\-\\.]*)[A-Za-z0-9_+-]@([A-Za-z0-9][A-Za-z0-9\\-]*\\.)+[A-Za-z]{2,}$": ["a@b.co", "a..b@c.de", ".a@b.co", "a@b", "x_y+z@a-b.c.org"],
  "^([0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[1-8][0-9a-fA-F]{3}-[89abAB][0-9a-fA-F]{3}-[0-9a-fA-F]{12}|0{8}-0{4}-0{4}-0{4}-0{12})$": ["00000000-0000-0000-0000-000000000000", "123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-92d3-a456-426614174000"],
  "^\\d{4}-(?:0[1-9]|1[0-2])-\\d\\d$": ["2026-12-01", "2026-13-01", " 2026-12-01"],
  "\\bword\\b|^$": ["a word here", "awordhere", ""],
  "^[^\\s<>\"]+$": ["a", "a b", '"', "é😀"],
  "^\\p{Lu}\\P{Lu}*$": ["Éa", "éa", "AB"],
  "^(?<year>\\d+)[\\u00e9\\x41-\\x43\\]-]$": ["1é", "1B", "12]", "1-", "1D"],
  "(a|b)+?c{2}": ["abcc", "abc", "xbacc"],
  "^(?:a*)*$": ["aaa", "aab"],
  "^.$": ["\n", "a", "😀"],
}; // prettier-ignore

describe("a regular expression of a schema", () => {
  it("means what it means to the language", () => {
    for (const [source, texts] of Object.entries(known))
      for (const text of texts)
        expect(has(source, text), `${source} and ${text}`).to.equal(new RegExp(source, "u").test(text));
  });

  it("means so whatever it is made of", () => {
    const { any } = fc.letrec<{ any: string }>((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom("a", "b", ".", "\\d", "[ab]", "[^a]", "[a-c1]", "^", "$", "\\b", "é"),
        fc.tuple(tie("any"), tie("any")).map((two) => two.join("")),
        fc.tuple(tie("any"), tie("any")).map((two) => `(?:${two.join("|")})`),
        fc
          .tuple(tie("any"), fc.constantFrom("*", "+", "?", "{2}", "{1,2}", "{2,}", "*?"))
          .map(([one, times]) => `(${one})${times}`),
        fc.tuple(fc.constantFrom("?=", "?!"), tie("any")).map(([kind, one]) => `(${kind}${one})`),
      ),
    }));
    fc.assert(
      fc.property(any, fc.string({ unit: fc.constantFrom("a", "b", "c", "1", "é", "\n", "_"), maxLength: 6 }), (source, text) => {
        expect(has(source, text) ?? new RegExp(source, "u").test(text), `${source} and ${text}`).to.equal(new RegExp(source, "u").test(text));
      }),
    ); // prettier-ignore
  });

  it("is given up where it would take for ever", () => {
    expect(has("^(a+)+$", `${"a".repeat(60)}b`)).to.equal(undefined);
    expect(has("^(?:(?:a|b)|(?:a|b))*$", "ab".repeat(50_000))).to.equal(undefined);
    expect(has("^[ab]*$", "ab".repeat(20_000))).to.equal(true);
  });

  it("is none where it is wrong, too long, or has what is not known", () => {
    for (const source of ["(", "[", "a{2,1}", "(?<=a)b", "(a)\\1", "(?<x>a)\\k<x>", "a".repeat(5_000), "(".repeat(200) + ")".repeat(200)])
      expect(readPattern(source), source.slice(0, 20)).to.equal(undefined);
    fc.assert(fc.property(fc.string(), (source) => void readPattern(source)));
  }); // prettier-ignore
});
