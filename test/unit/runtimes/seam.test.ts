import { expect } from "chai";
import fc from "fast-check";
import { createSeam } from "../../../runtimes/seam.ts";

describe("the seam of an answer that goes on", () => {
  it("has each space once, however the model writes it, and in whatever pieces", () => {
    for (const [before, pieces, whole] of [
      ["one ", [" two"], "one two"],
      ["one ", ["two"], "one two"],
      ["one", [" two"], "one two"],
      ["one\n\n", ["\n", "\ntwo"], "one\n\ntwo"],
      ["one\n\n", ["\n", "two"], "one\n\ntwo"],
      ["one ", ["", " ", "", "two", " three"], "one two three"],
    ] as const) {
      const seam = createSeam(before);
      expect(before + pieces.map((piece) => seam.push(piece)).join("")).to.equal(whole);
    }
  });

  it("is nowhere in a text that a model writes on as it was", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", " ", "\n") }), fc.nat(), fc.nat(), (whole, at, step) => {
        const before = whole.slice(0, at % (whole.length + 1));
        const seam = createSeam(before);
        const written = whole.slice(seam.begun.length);
        const size = 1 + (step % 4);
        let said = before;
        for (let index = 0; index < written.length; index += size)
          said += seam.push(written.slice(index, index + size));
        expect(said).to.equal(whole);
      }),
    );
  });
});
