import { expect } from "chai";
import { toldPace } from "../../../runtimes/pace.ts";

describe("how fast a model is said to be", () => {
  it("is about what was measured, and stays what was said until it is clearly another", () => {
    expect(toldPace(undefined, undefined)).to.equal(undefined);
    expect(toldPace(33.47, undefined)).to.equal(33);
    for (const near of [24, 33, 46]) expect(toldPace(near, 33), String(near)).to.equal(33);
    expect([toldPace(47, 33), toldPace(23, 33)]).to.deep.equal([47, 23]);
    // A model that has left memory is as fast as it was.
    for (const none of [undefined, 0, -1, Number.NaN, Infinity]) expect(toldPace(none, 33)).to.equal(33);
    expect(toldPace(0.004_567, undefined)).to.equal(0.0046);
  });
});
