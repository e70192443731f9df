import { expect } from "chai";
import fc from "fast-check";
import { didYouMean, distance, nearest } from "../../../cli/models/suggest.ts";

describe("a name that does not exist", () => {
  it("is followed by those that look like it, the nearest first", () => {
    const names = ["node-a", "node-b", "node-c", "gateway-1"];
    expect(nearest("nodeb", names)).to.deep.equal(["node-b", "node-a", "node-c"]);
    expect(nearest("gate", names), "the beginning of a name").to.deep.equal(["gateway-1"]);
    expect(nearest("Gatewya-1", names), "neighbours swapped, another case").to.deep.equal(["gateway-1"]);
    expect(nearest("postgres", names)).to.deep.equal([]);
    expect(didYouMean("lobyb", ["lobby"])).to.equal("Did you mean lobby?");
    expect(didYouMean("node-x", names)).to.equal("Did you mean node-a, node-b or node-c?");
    expect(didYouMean("", names)).to.equal(undefined);
  });

  it("is compared by letters added, dropped, replaced or swapped", () => {
    expect(distance("drian", "drain")).to.equal(1);
    expect(distance("", "abc")).to.equal(3);
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (one, other) => {
        expect(distance(one, other)).to.equal(distance(other, one));
        expect(distance(one, one)).to.equal(0);
        expect(distance(one, other)).to.be.at.most(Math.max(one.length, other.length));
      }),
    );
    expect(nearest("x".repeat(100_000), ["x".repeat(100_000), "x"]), "costs nothing").to.deep.equal([]);
  });
});
