import { expect } from "chai";
import fc from "fast-check";
import { searchMarks, searchScore, searchTerms, spellingsOf } from "../../../protocols/index.ts";
import { stepsOf } from "../../fixtures/steps.ts";

const words = (count: number, signs: number): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${String.fromCharCode(97 + at)}${"xyzw".repeat(16)}`.slice(0, signs));
const typing = (signs: number) => {
  const all = words(16, signs);
  return { text: all.join(" "), words: all, terms: searchTerms(all.join(" ")) };
};

const marking = stepsOf(import.meta.url, (count: number) => {
  const [long, short] = [typing(63), typing(24)];
  for (let at = 0; at < count; at += 1) for (const { text, terms } of [long, short]) searchMarks(text, terms, true);
});
const scoring = stepsOf(import.meta.url, (count: number) => {
  const [long, short] = [typing(63), typing(24)];
  for (let at = 0; at < count; at += 1)
    for (const { words: all, terms } of [long, short]) searchScore(all, terms, true);
});

describe("words of a search", () => {
  it("compares words with typing errors in few steps for each text", async function () {
    for (const steps of [marking, scoring]) {
      const [few = 0, many = 0] = await steps(2, 12);
      expect((many - few) / 10).to.be.within(100, 8_000);
    }
  });

  it("leaves signs as they are that are their own form, in every range that is passed over", () => {
    const ranges = [
      [0x61, 0x7a],
      [0x30, 0x39],
      [0x3041, 0x3094],
      [0x30a1, 0x30fa],
      [0x30fc, 0x30fe],
      [0x4e00, 0x9fff],
      [0xac00, 0xd7a3],
    ];
    for (const [from = 0, to = 0] of ranges)
      for (let code = from; code <= to; code += 1) {
        const sign = String.fromCharCode(code);
        expect(sign.normalize("NFKD").toUpperCase().toLowerCase().normalize("NFC"), `${code}`).to.equal(sign);
      }
  });

  it("takes a typing error in three words of 4 to 24 letters, and in no others", () => {
    const single = (text: string): readonly string[] =>
      searchTerms(text).flatMap((term) => (term.single === true ? term.words : []));
    const [long, longest] = ["a".repeat(25), "b".repeat(24)];
    expect(single(`abc ${long} "two words" begi* ${longest} four five sixth`)).to.deep.equal([longest, "four", "five"]);
  });

  it("marks every spelling of a word, whatever its signs are, and no word that is two errors away", () => {
    const word = fc.string({ minLength: 4, maxLength: 8, unit: fc.constantFrom("a", "b", "z", "𐐨", "𐐩") });
    fc.assert(
      fc.property(word, (typed) => {
        const terms = searchTerms(typed);
        for (const near of spellingsOf(typed)) expect(searchMarks(near, terms, true), near).to.have.length(1);
      }),
      { numRuns: 50 },
    );
    for (const far of ["forgotten", "frogto", "fgot", "farget", "tforgo"])
      expect(searchMarks(far, searchTerms("forgot"), true), far).to.equal(undefined);
  });
});
