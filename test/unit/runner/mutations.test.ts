import { expect } from "chai";
import { mutations } from "../../simulation/mutations.ts";
import { chosenOf, thirdOf, thirds } from "../../simulation/mutations/chosen.ts";

describe("the mutations that are declared", () => {
  const names = (isLong: boolean, isAll: boolean, third = 0): readonly string[] =>
    chosenOf(mutations, { isLong, isAll, third }).map(({ name }) => name);
  const parts = Array.from({ length: thirds }, (_, third) => names(false, false, third));
  const ofLong = mutations.filter(({ long = false }) => long).map(({ name }) => name);

  it("are each looked for by exactly one of the thirds of npm test, or else by test:long alone", () => {
    const all = mutations.map(({ name }) => name);
    expect(new Set(all).size, "two have one name").to.equal(all.length);
    expect([...parts.flat(), ...ofLong])
      .to.have.members(all)
      .and.to.have.length(all.length);
  });

  it("are in test:all what the thirds have together, and in test:long all", () => {
    expect(names(false, true)).to.have.members(parts.flat());
    for (const third of [0, 1, 2]) expect(names(false, true, third)).to.deep.equal(names(false, true));
    expect(names(true, true)).to.deep.equal(mutations.map(({ name }) => name));
  });

  it("have thirds of one size, of which every commit has one", () => {
    const sizes = parts.map(({ length }) => length);
    expect(Math.max(...sizes) - Math.min(...sizes)).to.be.at.most(1);
    const commits = ["00000000", "00000001", "00000002", "8e26fc22b316a8a5", "ffffffff", ""];
    expect(commits.map(thirdOf)).to.deep.equal([0, 1, 2, 0x8e26fc22 % 3, 0xffffffff % 3, 0]);
  });
});
