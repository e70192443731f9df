import { expect } from "chai";
import { array, assert as property, boolean, constantFrom, property as forAll } from "fast-check";
import { joinedReactions, normalEmoji } from "../../../protocols/index.ts";

const emojis = ["❤️", "👍", "👍🏽", "☝🏽", "1️⃣", "🏳️‍🌈", "👁️‍🗨️", "👨‍👩‍👧", "🇩🇪", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "©️", "🧑🏻‍❤️‍🧑🏼", "🤷🏽‍♂️", "ℹ️", "✅"];
const people = ["user/ada", "user/bob", "user/eve"];

describe("an emoji", () => {
  it("has one normal form, which is the one that Unicode recommends", () => {
    for (let code = 0; code < 0x110000; code += code === 0xd7ff ? 0x801 : 1) {
      const sign = String.fromCodePoint(code);
      const form = [sign, `${sign}\ufe0f`].find((one) => /^\p{RGI_Emoji}$/v.test(one));
      for (const one of [sign, `${sign}\ufe0f`, `${sign}\ufe0e`])
        if (normalEmoji(one) !== form) expect.fail(`U+${code.toString(16)} is ${normalEmoji(one)}, not ${form}`);
    }
    for (const emoji of emojis) expect(normalEmoji(emoji)).to.equal(emoji);
  });

  it("is none where it is a text, half of a flag, or several", () => {
    for (const text of ["", "abc", "1", "#", "🇩", "👍👍", "+1", "x❤", "❤ ", "__proto__", "\ufe0f", "🏽❤"])
      expect(normalEmoji(text), text).to.equal(undefined);
  });

  it("is counted once whatever its spelling, and each person once", () => {
    const spelling = forAll(
      array(constantFrom(...emojis), { minLength: 1, maxLength: 6 }),
      array(constantFrom("", "\ufe0f", "\ufe0e"), { minLength: 12, maxLength: 12 }),
      array(boolean(), { minLength: 18, maxLength: 18 }),
      (some, signs, who) => {
        const variants = some.map((emoji, at) =>
          Array.from(emoji.replaceAll("\ufe0f", ""), (sign, place) => sign + signs[(at + place) % signs.length]).join(
            "",
          ),
        );
        const all = Object.fromEntries(
          variants.map((emoji, at) => [emoji, people.filter((_, person) => who[3 * at + person] === true)]),
        );
        const joined = joinedReactions(all);
        expect(new Set(Object.keys(joined))).to.deep.equal(new Set(some));
        for (const emoji of some) {
          const wanted = Object.keys(all)
            .filter((one) => normalEmoji(one) === emoji)
            .flatMap((one) => all[one]);
          expect(new Set(joined[emoji])).to.deep.equal(new Set(wanted));
          expect(joined[emoji]).to.have.length(new Set(wanted).size);
        }
        expect(joinedReactions(joined), "nothing more to do").to.equal(joined);
      },
    );
    property(spelling);
  });
});
