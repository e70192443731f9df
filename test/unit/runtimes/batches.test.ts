import { expect } from "chai";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import { Batches } from "../../../runtimes/llama/batches.ts";

const item = (count: number) => ({ tokens: { length: count } });
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
});
