import { expect } from "chai";
import fc from "fast-check";
import { backoffMs, withJitter } from "../../node/waiting.ts";

const wait = { firstMs: 50, maxMs: 2_000 };

describe("backoff", () => {
  it("begins with the first wait, doubles, and ends at the longest", () => {
    expect([0, 1, 2, 5, 6, 7].map((failures) => backoffMs(failures, wait))).to.deep.equal([
      50, 100, 200, 1_600, 2_000, 2_000,
    ]);
  });

  it("never falls and never leaves its bounds, however often something failed", () => {
    fc.assert(
      fc.property(fc.nat(), fc.nat(1_000_000), fc.nat(100_000_000), (failures, firstMs, maxMs) => {
        const waitMs = backoffMs(failures, { firstMs, maxMs });
        expect(waitMs).to.be.within(Math.min(firstMs, maxMs), maxMs);
        expect(backoffMs(failures + 1, { firstMs, maxMs })).to.be.at.least(waitMs);
      }),
    );
  });

  it("waits for nothing when the first wait is none", () => {
    expect(backoffMs(Number.MAX_SAFE_INTEGER, { firstMs: 0, maxMs: 2_000 })).to.equal(0);
  });

  it("spreads a wait between half of it and all of it", () => {
    const at = (number: number): number => withJitter(100, { number: () => number, bytes: () => new Uint8Array() });
    expect([0, 0.5, 0.999_999].map((number) => Math.round(at(number)))).to.deep.equal([50, 75, 100]);
  });
});
