import { expect } from "chai";
import fc from "fast-check";
import { choose } from "../../../../runtimes/onnx/writer.ts";

describe("the choice of a token", () => {
  const logits = Float32Array.from([Math.log(5), Math.log(3), Math.log(2), -Infinity]);

  it("is as likely as the model says, sharper where it is colder", () => {
    const shares = (temperature: number, topP = 1, more: { readonly topK?: number; readonly minP?: number } = {}) => {
      const counts = [0, 0, 0, 0];
      for (let at = 0; at < 1_000; at += 1)
        counts[choose(logits, { temperature, topP, ...more }, () => (at + 0.5) / 1_000)]! += 1;
      return counts;
    };
    expect(shares(1, 1, { topK: 2 })).to.deep.equal([625, 375, 0, 0]);
    expect(shares(1, 1, { topK: 0, minP: 0 })).to.deep.equal([500, 300, 200, 0]);
    expect(shares(1, 1, { minP: 0.5 })).to.deep.equal([625, 375, 0, 0]);
    expect(shares(1, 1, { minP: 1 })).to.deep.equal([1_000, 0, 0, 0]);
    expect(shares(1)).to.deep.equal([500, 300, 200, 0]);
    expect(shares(1, 0.7)).to.deep.equal([625, 375, 0, 0]);
    expect(shares(1, 0.5)).to.deep.equal([1_000, 0, 0, 0]);
    expect(shares(0)).to.deep.equal([1_000, 0, 0, 0]);
    expect(shares(0.5)[0]).to.equal(658);
  });

  it("is never one that is impossible", () => {
    const numbers = fc.array(fc.oneof(fc.double({ min: -50, max: 50, noNaN: true }), fc.constant(-Infinity)), {
      minLength: 1,
      maxLength: 20,
    });
    fc.assert(
      fc.property(numbers, fc.double({ min: 0, max: 2, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true }), fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }), (levels, temperature, topP, point) => {
        const all = Float32Array.from([...levels, 0]);
        return all[choose(all, { temperature, topP }, () => point)]! > -Infinity;
      }),
    ); // prettier-ignore
  });
});
