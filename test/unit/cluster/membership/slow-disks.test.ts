import { expect } from "chai";
import fc from "fast-check";
import { judgeDisks, slowOnes, type DiskOpinions } from "../../../../node/cluster/membership/slow-disks.ts";
import { membershipLimits } from "../../../../node/cluster/membership/index.ts";

const limits = { slowDiskMs: 100, slowDiskFactor: 5, slowDiskLooks: 2, wellDiskLooks: 3 };

/** Looks again and again at the same figures, and says who is slow after each look. */
function after(looks: readonly Readonly<Record<string, number>>[]): readonly string[] {
  let opinions: DiskOpinions = new Map();
  return looks.map((figures) => {
    opinions = judgeDisks(opinions, new Map(Object.entries(figures)), limits);
    return [...slowOnes(opinions)].join(" ");
  });
}

describe("slow disks", () => {
  const slow = { a: 2, b: 3, c: 400 };
  const well = { a: 2, b: 3, c: 4 };

  it("are those that are far slower than the others for some looks in a row, until they are well for more", () => {
    expect(after([slow, slow, slow])).to.deep.equal(["", "c", "c"]);
    expect(after([slow, well, slow, well, slow, slow])).to.deep.equal(["", "", "", "", "", "c"]);
    expect(after([slow, slow, well, well, slow, well, well, well])).to.deep.equal([
      "",
      "c",
      "c",
      "c",
      "c",
      "c",
      "c",
      "",
    ]);
  });

  it("do not come and go at the border", () => {
    const near = { a: 2, b: 3, c: 90 };
    expect(after([slow, slow, near, near, near, near, near])).to.deep.equal(["", "c", "c", "c", "c", "c", "c"]);
    expect(after([near, near, near])).to.deep.equal(["", "", ""]);
  });

  it("are compared with the others alone: where all are slow, or nobody else says anything, none is", () => {
    expect(
      after([
        { a: 300, b: 400, c: 500 },
        { a: 300, b: 400, c: 500 },
      ]),
    ).to.deep.equal(["", ""]);
    expect(after([{ c: 5_000 }, { c: 5_000 }, { c: 5_000 }])).to.deep.equal(["", "", ""]);
    expect(
      after([
        { a: 3, c: 400 },
        { a: 3, c: 400 },
      ]),
    ).to.deep.equal(["", "c"]);
  });

  it("are forgotten with their node, which comes back as well", () => {
    expect(after([slow, slow, { a: 2, b: 3 }, slow])).to.deep.equal(["", "c", "", ""]);
  });

  it("are never the most of the cluster, whatever is said", () => {
    const figures = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 7 });
    fc.assert(
      fc.property(figures, (values) => {
        const told = new Map(values.map((value, index) => [`n${index}`, value]));
        let opinions: DiskOpinions = new Map();
        for (let look = 0; look < 4; look += 1) opinions = judgeDisks(opinions, told, membershipLimits);
        expect(slowOnes(opinions).size).to.be.at.most(told.size / 2);
      }),
    );
  });
});
