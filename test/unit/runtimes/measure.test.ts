import { expect } from "chai";
import fc from "fast-check";
import { runtimeLimits } from "../../../runtimes/index.ts";
import { tokensBeyond } from "../../../runtimes/measure.ts";

const piece = runtimeLimits.measuredCharsMax;

/** Words, and what is between them, are tokens of at most 8 characters. */
const count = (text: string): number => (text.match(/\p{L}{1,8}|[^\p{L}]/gu) ?? []).length;

const measure = async (texts: readonly string[], tokensMax: number) => {
  let chars = 0;
  let pauses = 0;
  const beyond = await tokensBeyond(
    texts,
    tokensMax,
    (text) => {
      chars += text.length;
      return count(text);
    },
    async () => void (pauses += 1),
  );
  return { beyond, chars, pauses };
};

describe("the measure of a prompt", () => {
  it("reads no more of a long text than it takes to know that it is too long, and lets others go on in between", async () => {
    const { beyond, chars, pauses } = await measure(["word ".repeat(200_000)], 4_000);
    expect(beyond).to.be.above(4_000);
    // Two tokens are five characters.
    expect(chars).to.be.below(10_000 + 3 * piece);
    expect(pauses).to.be.at.least(Math.floor(10_000 / piece));
  });

  it("does not read a short text: the model reads that in one go", async () => {
    expect(await measure(["x".repeat(piece - 3), "you"], 1)).to.deep.equal({ beyond: undefined, chars: 0, pauses: 0 });
  });

  it("never calls a text too long that fits, wherever its pieces end", async () => {
    const words = fc.array(
      fc.string({ unit: fc.constantFrom("a", "é", "漢", "😀", " ", "\n", "-"), minLength: 1, maxLength: 40 }),
      { minLength: 50, maxLength: 200 },
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(words, { minLength: 1, maxLength: 3 }),
        fc.integer({ min: 1, max: 8 }),
        async (parts, times) => {
          const texts = parts.map((part) => part.join("").repeat(times));
          const whole = texts.reduce((sum, text) => sum + count(text), 0);
          expect((await measure(texts, whole)).beyond).to.equal(undefined);
          const { beyond } = await measure(texts, Math.floor(whole / 2));
          if (texts.join("").length > 2 * piece) expect(beyond).to.be.within(Math.floor(whole / 2) + 1, whole);
        },
      ),
      { numRuns: 60 },
    );
  });
});
