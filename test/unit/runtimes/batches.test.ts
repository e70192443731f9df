import { expect } from "chai";
import fc from "fast-check";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import { Batches, bestPlace } from "../../../runtimes/llama/batches.ts";

const item = (count: number, place = 0) => ({ tokens: { length: count }, evaluationPriority: place });
const amounts = (chosen: readonly { readonly processAmount: number }[]) =>
  chosen.map(({ processAmount }) => processAmount);

describe("llama.cpp: batches", () => {
  it("wait for all who write, and not for those who left", () => {
    const batches = new Batches();
    batches.join();
    batches.join();
    expect(batches.choose([item(1)], 512)).to.deep.equal([]);
    expect(amounts(batches.choose([item(1), item(1)], 512))).to.deep.equal([1, 1]);
    batches.leave();
    expect(amounts(batches.choose([item(1)], 512))).to.deep.equal([1]);
  });

  it("are put off so often and no more, each anew", () => {
    const batches = new Batches();
    batches.join();
    batches.join();
    for (let round = 0; round < 2; round += 1) {
      for (let turn = 0; turn < runtimeLimits.batchPutOffMax; turn += 1)
        expect(batches.choose([item(1)], 512)).to.deep.equal([]);
      expect(amounts(batches.choose([item(1)], 512))).to.deep.equal([1]);
    }
  });

  it("take tokens of texts before slices of prompts, and no more than there is room for", () => {
    const batches = new Batches();
    const [slice, rest, token, other] = [item(64), item(20), item(1), item(1)];
    const chosen = batches.choose([slice, token, rest, other], 60);
    expect(chosen).to.deep.equal([
      { item: token, processAmount: 1 },
      { item: other, processAmount: 1 },
      { item: rest, processAmount: 20 },
      { item: slice, processAmount: 38 },
    ]);
    expect(amounts(batches.choose([slice, token], 1))).to.deep.equal([1]);
  });

  it("are in the order of the places, whoever comes first", () => {
    const place = fc.record({ place: fc.nat(63), count: fc.integer({ min: 1, max: 64 }) });
    fc.assert(
      fc.property(
        fc.uniqueArray(place, { selector: (one) => one.place }),
        fc.integer({ min: 1, max: 512 }),
        (all, room) => {
          const items = all.map((one) => item(one.count, one.place));
          const chosen = new Batches().choose(items, room);
          const places = chosen.map((one) => one.item.evaluationPriority);
          expect(places).to.deep.equal(places.toSorted((one, other) => one - other));
          const whole = all.reduce((sum, { count }) => sum + count, 0);
          expect(amounts(chosen).reduce((sum, count) => sum + count, 0)).to.equal(Math.min(whole, room));
        },
      ),
    );
  });
});

describe("llama.cpp: places", () => {
  const free = (...all: readonly (readonly [place: number, held: number])[]) =>
    all.map(([place, held]) => ({ place, held }));

  it("are beside those who write, and between two before beside one", () => {
    expect(bestPlace(free([0, 0], [1, 0], [3, 0]), 4).place).to.equal(1);
    expect(bestPlace(free([0, 0], [2, 0], [4, 0], [5, 0]), 6).place).to.equal(2);
  });

  it("are the first that is free where nobody writes: it was used longest ago", () => {
    expect(bestPlace(free([2, 0], [0, 0], [1, 0]), 3).place).to.equal(2);
  });

  it("are those that hold the prompt, wherever they are", () => {
    const little = runtimeLimits.reReadTokensMax;
    expect(bestPlace(free([0, 0], [2, little + 1]), 4).place).to.equal(2);
    expect(bestPlace(free([3, little + 1], [0, 0], [2, little]), 4).place).to.equal(2);
    expect(bestPlace(free([2, 0], [0, little], [1, 3]), 3).place).to.equal(0);
  });
});
