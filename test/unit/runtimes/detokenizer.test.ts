import { expect } from "chai";
import fc from "fast-check";
import { createDetokenizer } from "../../../runtimes/detokenizer.ts";
import { anyCharacter } from "../../fixtures/any-character.ts";

/** Tokens are pieces of UTF-8, cut anywhere; what is incomplete reads as U+FFFD, as in the native library. */
const decode = (tokens: readonly Buffer[]): string => Buffer.concat(tokens).toString("utf8");

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const tokens: Buffer[] = [];
  for (let at = 0, index = 0; at < bytes.length; index += 1) {
    const size = sizes[index % sizes.length]!;
    tokens.push(bytes.subarray(at, at + size));
    at += size;
  }
  return tokens;
}

const sizes = fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 1, maxLength: 8 });

describe("the detokenizer", () => {
  it("never splits a character that is spread over several tokens", () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), sizes, (text, splits) => {
        fc.pre(!text.includes("\uFFFD"));
        const detokenizer = createDetokenizer(decode);
        let out = "";
        for (const token of cut(Buffer.from(text), splits)) {
          const piece = detokenizer.push(token);
          expect(piece).to.not.include("\uFFFD");
          out += piece;
        }
        expect(out + detokenizer.flush()).to.equal(text);
      }),
    );
  });

  it("reads as much of bytes that are no text as a reader of the whole would, and looks back a bounded way", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), sizes, (given, splits) => {
        const bytes = Buffer.from(given);
        let longest = 0;
        const detokenizer = createDetokenizer<Buffer>((tokens) => {
          longest = Math.max(longest, tokens.length);
          return decode(tokens);
        });
        let out = "";
        for (const token of cut(bytes, splits)) out += detokenizer.push(token);
        const whole = decode([bytes]);
        expect(whole.startsWith(out + detokenizer.flush())).to.equal(true);
        expect(whole.length - out.length).to.be.at.most(3);
        expect(longest).to.be.at.most(33);
      }),
      { numRuns: 1_000 },
    );
  });

  it("reads characters that never end with a token", () => {
    const text = `a${"😀".repeat(60)}`;
    const detokenizer = createDetokenizer(decode);
    let out = "";
    for (const token of cut(Buffer.from(text), [2])) out += detokenizer.push(token);
    expect(out + detokenizer.flush()).to.equal(text);
  });

  it("reads a character behind a byte that is no text", () => {
    const detokenizer = createDetokenizer(decode);
    let out = "";
    for (const byte of [0xff, ...Buffer.from("😀é")]) out += detokenizer.push(Buffer.from([byte]));
    expect(out + detokenizer.flush()).to.equal("\uFFFD😀é");
  });

  it("drops a character that stays unfinished", () => {
    const detokenizer = createDetokenizer(decode);
    expect(detokenizer.push(Buffer.from("a"))).to.equal("a");
    expect(detokenizer.push(Buffer.from([0xf0]))).to.equal("");
    expect(detokenizer.flush()).to.equal("");
  });
});
