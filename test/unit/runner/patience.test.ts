import { expect } from "chai";
import { patienceFor } from "../../runner/patience.ts";

describe("the patience that a run gives its nodes", () => {
  it("is none on a usual machine, grows with how slow the machine is, and has an end", () => {
    const factors = [0.5, 1, 1.4, 1.6, 2, 3.2, 9.5, 40];
    expect(factors.map((factor) => patienceFor(900 * factor))).to.deep.equal([1, 1, 1, 2, 2, 4, 10, 10]);
  });
});
