import { expect } from "chai";
import { assert as property, property as forAll, string } from "fast-check";
import { finder, folded, namesFound, sought } from "../../../protocols/index.ts";
import { isAll } from "../../depth.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";

describe("a name that is looked for", () => {
  it("is found without its accents, its case and its width, in every script", () => {
    for (const [typed, name] of [
      ["muller", "Hans Müller"],
      ["MÜLLER", "muller"],
      ["lodz", "Łódź"],
      ["odegard", "Ødegård"],
      ["aesir", "Æsir"],
      ["strasse", "Große Straße"],
      ["STRAẞE", "strasse"],
      ["istanbul", "İSTANBUL"],
      ["ISI", "ısı"],
      ["abc", "ＡＢＣ"],
      ["οδος", "ΟΔΟΣ"],
      ["елка", "Ёлка"],
      ["健", "健太"],
      ["@ben", "ben"],
      ["＠Ben", "ben"],
      ["#lobby", "lobby"],
      ["@健太", "健太"],
      ["ﾊﾟﾊﾟ", "パパ"],
      ["は", "ば"],
      ["a\u200bda", "Ada"],
      ["ada  lovelace", "Ada\u00a0Lovelace"],
    ] as const)
      expect(finder(typed)(undefined, name), `${typed} finds ${name}`).to.equal(true);
    expect(finder("का")("कि"), "a vowel's sign is no accent").to.equal(false);
    expect(finder("パパ")("ハハ"), "a mark of kana makes another letter").to.equal(false);
    expect(finder("ben")("bob", undefined)).to.equal(false);
    expect(finder("@")("anybody")).to.equal(true);
  });

  it("is compared in one form, whatever is written", () => {
    property(
      forAll(string({ unit: anyCharacter, maxLength: 20 }), (name) => {
        expect(folded(folded(name))).to.equal(folded(name));
        for (const form of ["NFC", "NFD", "NFKC", "NFKD"]) expect(folded(name.normalize(form))).to.equal(folded(name));
        expect(finder(name)(name), "finds itself").to.equal(true);
        expect(finder(`@${name}`)(name), "with the sign").to.equal(true);
      }),
    );
    // Behind these planes almost nothing is assigned.
    const end = isAll ? 0x110000 : 0x33480;
    for (let code = 0; code < end; code += code === 0xd7ff ? 0x801 : 1) {
      const once = folded(String.fromCodePoint(code));
      if (folded(once) !== once) expect.fail(`U+${code.toString(16)} has two forms`);
    }
  });

  it("is offered first where it begins with what was typed", () => {
    const people = [["bada"], ["ada"], ["x", "Ádam"], ["bob"]];
    expect(namesFound(people, "@AD", (names) => names)).to.deep.equal([["ada"], ["x", "Ádam"], ["bada"]]);
    expect(sought("@")).to.equal("");
  });
});
