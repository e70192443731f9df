import { expect } from "chai";
import fc from "fast-check";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import { Slices } from "../../../runtimes/llama/slices.ts";

const { prefillSliceTokens: least, prefillSliceSharedMax: sharedMost, prefillSliceMs: aimMs } = runtimeLimits;

/** Reads so many slices at a speed. */
function read(slices: Slices, tokensPerMs: number, count: number): void {
  for (let one = 0; one < count; one += 1) slices.took(slices.tokens(false), slices.tokens(false) / tokensPerMs);
}

describe("llama.cpp: slices of prompts", () => {
  it("grow to what takes as long as others may wait, step by step, and no further than a batch", () => {
    const slices = new Slices(512);
    expect(slices.tokens(false)).to.equal(least);
    read(slices, 1, 1);
    expect(slices.tokens(false)).to.equal(2 * least);
    read(slices, 1, 3);
    expect(slices.tokens(false)).to.equal(aimMs);
    read(slices, 1_000, 3);
    expect(slices.tokens(false)).to.equal(512);
  });

  it("leave others a token each so many of a prompt, however quick they are", () => {
    const slices = new Slices(512);
    expect(slices.tokens(true)).to.equal(least);
    read(slices, 1_000, 4);
    expect(slices.tokens(true)).to.equal(sharedMost);
  });

  it("shrink at once where they take longer, and never below the least", () => {
    const slices = new Slices(512);
    read(slices, 1_000, 4);
    slices.took(512, 8 * aimMs);
    expect(slices.tokens(false)).to.equal(least);
    read(slices, 0.001, 3);
    expect(slices.tokens(false)).to.equal(least);
  });

  it("are within their bounds whatever was measured", () => {
    const measured = fc.array(
      fc.tuple(fc.integer({ min: 1, max: 4_096 }), fc.double({ min: 0, max: 1e9, noNaN: true })),
    );
    fc.assert(
      fc.property(measured, fc.integer({ min: 1, max: 4_096 }), (all, most) => {
        const slices = new Slices(most);
        for (const [tokens, ms] of all) {
          slices.took(tokens, ms);
          expect(slices.tokens(false)).to.be.within(least, Math.max(least, most));
          expect(slices.tokens(false) % 1).to.equal(0);
        }
      }),
    );
  });
});
