import { expect } from "chai";
import fc from "fast-check";
import { restingPlace, type Stretch } from "../../../web/src/model/resting-place.ts";

const screen = { topPx: 0, bottomPx: 900 };
const taken = (topPx: number, bottomPx: number): Stretch => ({ topPx, bottomPx });

describe("where notices stand", () => {
  it("is the bottom of the screen, where nothing is there", () => {
    expect(restingPlace(screen, 100, [])).to.deep.equal(taken(800, 900));
  });

  it("is above the field that one writes in, however high it has grown", () => {
    expect(restingPlace(screen, 100, [taken(820, 890)])).to.deep.equal(taken(720, 820));
    expect(restingPlace(screen, 100, [taken(400, 890)])).to.deep.equal(taken(300, 400));
  });

  it("is the lowest stretch with room for them; where none has it, they scroll in the highest one", () => {
    expect(restingPlace(screen, 100, [taken(300, 340), taken(700, 740)])).to.deep.equal(taken(800, 900));
    expect(restingPlace(screen, 300, [taken(250, 340), taken(400, 880)])).to.deep.equal(taken(0, 250));
  });

  it("is a third of the screen at most", () => {
    expect(restingPlace(screen, 5_000, [])).to.deep.equal(taken(600, 900));
  });

  it("is the bottom where everything is taken: a notice of no height could not be read", () => {
    expect(restingPlace(screen, 100, [taken(0, 450), taken(470, 900)])).to.deep.equal(taken(800, 900));
  });

  it("covers nothing that is taken, as long as one line fits somewhere", () => {
    const stretch = fc
      .record({ topPx: fc.integer({ min: -50, max: 900 }), heightPx: fc.integer({ min: 1, max: 300 }) })
      .map(({ topPx, heightPx }) => taken(topPx, topPx + heightPx));
    fc.assert(
      fc.property(fc.array(stretch, { maxLength: 6 }), fc.integer({ min: 1, max: 2_000 }), (all, wantedPx) => {
        const at = restingPlace(screen, wantedPx, all);
        expect(at.topPx).to.be.within(0, at.bottomPx);
        expect(at.bottomPx).to.be.at.most(900);
        expect(at.bottomPx - at.topPx).to.be.at.most(300);
        const free = (fromPx: number) => all.every(({ topPx, bottomPx }) => bottomPx <= fromPx || topPx >= fromPx + 64);
        const starts = [0, ...all.map(({ bottomPx }) => bottomPx)].filter(
          (fromPx) => fromPx >= 0 && fromPx + 64 <= 900,
        );
        const covered = all.filter(({ topPx, bottomPx }) => bottomPx > at.topPx && topPx < at.bottomPx);
        if (starts.some(free)) expect(covered).to.deep.equal([]);
      }),
    );
  });
});
