import { expect } from "chai";
import fc from "fast-check";
import { roomAt, roomNamesIn, shortcodeAt } from "../../../web/src/model/index.ts";

describe("a name of an emoji that is being typed", () => {
  const at = (text: string) => shortcodeAt(text, text.length);
  it("stands behind a colon that begins it, and has two letters or more", () => {
    expect(at("well :ta")).to.deep.equal({ start: 5, part: "ta", closed: false });
    expect(at(":tada:")).to.deep.equal({ start: 0, part: "tada", closed: true });
    expect(at("(:+1")).to.deep.equal({ start: 1, part: "+1", closed: false });
    expect(at("好:tada")).to.deep.equal({ start: 1, part: "tada", closed: false });
    expect(at("🎉:tada:")?.start).to.equal(2);
  });
  it("is no time, no face, no address, no path of a program, and not what was left behind", () => {
    for (const text of [":D", ":p", "10:30", "at 10:30:15", "https://example", "std::vector", "a:bc", "::ab", ": ab"])
      expect(at(text), text).to.equal(undefined);
    expect(shortcodeAt(":tada", 0)).to.equal(undefined);
  });
  it("is looked for near the caret only, however long the text", () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), fc.nat(200), (text, caret) => {
        const found = shortcodeAt(text, Math.min(caret, text.length));
        if (found === undefined) return;
        expect(text.charAt(found.start)).to.equal(":");
        expect(caret - found.start).to.be.at.most(97);
      }),
    );
  });
});

describe("a name of a room", () => {
  it("is typed behind `#`, and ends at a blank: a heading is none", () => {
    expect(roomAt("see #lo", 7)).to.deep.equal({ start: 4, part: "lo" });
    expect(roomAt("#", 1)).to.deep.equal({ start: 0, part: "" });
    expect(roomAt("#Über-uns", 9)).to.deep.equal({ start: 0, part: "Über-uns" });
    for (const text of ["# Title", "## ", "##", "a#b", "https://example.org/#x", "C#"])
      expect(roomAt(text, text.length), text).to.equal(undefined);
  });
  it("is found in words, without the sign that ends a sentence, in any case, and not within a word or an address", () => {
    const keys = (text: string) => roomNamesIn(text).map(({ key }) => key);
    expect(keys("see #lobby, #Team-2. And (#a.b)!")).to.deep.equal(["lobby", "team-2", "a.b"]);
    expect(keys("go to #lobbyへ")).to.deep.equal(["lobby"]);
    expect(keys("#lobbyé C#sharp a#b x/#y ##no #no# # no")).to.deep.equal([]);
    expect(roomNamesIn("in #Lobby")).to.deep.equal([{ at: 3, said: "#Lobby", key: "lobby" }]);
  });
  it("stands in the text where it is said to stand", () => {
    const word = fc.constantFrom("#lobby", "#a", "#", " ", ".", "@ada", "é", "x", "#A-b_c", "\n", "/");
    fc.assert(
      fc.property(fc.array(word), (words) => {
        const text = words.join("");
        for (const { at, said, key } of roomNamesIn(text)) {
          expect(text.slice(at, at + said.length)).to.equal(said);
          expect(said.toLowerCase()).to.equal(`#${key}`);
        }
      }),
    );
  });
});
