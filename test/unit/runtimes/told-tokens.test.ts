import { expect } from "chai";
import fc from "fast-check";
import type { TokenLogprob } from "../../../protocols/index.ts";
import { bytesOfPiece, createToldTokens, tokenOf } from "../../../runtimes/told-tokens.ts";

const bytesOf = (told: readonly TokenLogprob[]): Buffer =>
  Buffer.concat(told.map(({ token, bytes }) => bytes ?? Buffer.from(token)));

/** A text cut into tokens at any byte, with what a detokenizer makes of each: the characters that are whole with it. */
const cutText = fc
  .tuple(
    fc.string({ unit: fc.constantFrom("a", "é", "€", "😀", " "), minLength: 1, maxLength: 12 }),
    fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 60, maxLength: 60 }),
  )
  .map(([text, sizes]) => {
    const bytes = Buffer.from(text);
    const tokens: { readonly bytes: Buffer; readonly text: string }[] = [];
    const decoder = new TextDecoder();
    for (let at = 0, turn = 0; at < bytes.length; turn += 1) {
      const piece = bytes.subarray(at, at + sizes[turn % sizes.length]!);
      tokens.push({ bytes: piece, text: decoder.decode(piece, { stream: true }) });
      at += piece.length;
    }
    return { text, tokens };
  });

describe("the tokens of an answer", () => {
  it("have the bytes of the answer together, wherever they cut its characters, and whatever is thought before or cut off behind", () =>
    fc.assert(
      fc.property(cutText, fc.nat({ max: 6 }), fc.nat({ max: 6 }), (cut, thought, behind) => {
        const letters = Array.from(cut.text);
        const from = letters.slice(0, Math.min(thought, letters.length - 1)).join("").length;
        const to = Math.max(from, letters.slice(0, letters.length - behind).join("").length);
        const told = createToldTokens();
        const all: TokenLogprob[] = [];
        let at = 0;
        for (const { bytes, text } of cut.tokens) {
          told.push({ token: "", logprob: -1 }, bytes, text);
          at += text.length;
          const said = cut.text.slice(Math.max(from, at - text.length), at);
          told.begin(said);
          all.push(...told.out(cut.text.slice(Math.max(from, at - text.length), Math.min(at, to))));
        }
        all.push(...told.rest());
        expect(bytesOf(all).toString()).to.equal(cut.text.slice(from, to));
        for (const one of all)
          expect(one.bytes === undefined || !Buffer.from(one.token).equals(one.bytes)).to.equal(true);
      }),
    ));

  it("come with the text that they are, one by one", () => {
    const told = createToldTokens();
    const [first, second] = [Buffer.from([0xe2, 0x82]), Buffer.from([0xac])];
    told.push({ token: "", logprob: -1 }, first, "");
    told.begin("");
    expect(told.out("")).to.deep.equal([]);
    told.push({ token: "", logprob: -2 }, second, "€");
    told.begin("€");
    expect(told.out("€")).to.deep.equal([
      { token: "\uFFFD", logprob: -1, bytes: first },
      { token: "\uFFFD", logprob: -2, bytes: second },
    ]);
  });

  it("have the answer's own bytes where the vocabulary has a space that the beginning of a text has not, or bytes that are none", () => {
    const told = createToldTokens();
    told.push({ token: "", logprob: -1 }, Buffer.from(" Hi"), "Hi");
    told.begin("Hi");
    expect(told.out("Hi")).to.deep.equal([{ token: "Hi", logprob: -1 }]);
    told.push({ token: "", logprob: -1 }, Uint8Array.of(0x80), "");
    told.push({ token: "", logprob: -1 }, Buffer.from("a"), "\uFFFDa");
    expect(bytesOf([...told.out("\uFFFDa"), ...told.rest()]).toString()).to.equal("\uFFFDa");
  });

  it("are known by how vocabularies write bytes", () => {
    expect(bytesOfPiece("<0xE2>")).to.deep.equal(Uint8Array.of(0xe2));
    expect(bytesOfPiece("âĤ¬")).to.deep.equal(Uint8Array.from(Buffer.from("€")));
    expect(bytesOfPiece("Ġa")).to.deep.equal(Uint8Array.from(Buffer.from(" a")));
    expect(bytesOfPiece("日")).to.equal(undefined);
    expect(tokenOf(Buffer.from("€"))).to.deep.equal({ token: "€" });
    expect(tokenOf(Uint8Array.of(0xe2))).to.deep.equal({ token: "\uFFFD", bytes: Uint8Array.of(0xe2) });
  });
});
