import { expect } from "chai";
import fc from "fast-check";
import { grantedTo, kept, noShare, reserve, settled, type Share } from "../../../../node/inference/usage/share.ts";

describe("a share of a budget", () => {
  it("is reserved before a call, and gets back what the call did not take", () => {
    const full: Share = { free: 100, reserved: 0 };
    const taken = reserve(full, 60)!;
    expect(taken).to.deep.equal({ free: 40, reserved: 60 });
    expect(reserve(taken, 41)).to.equal(undefined);
    expect(settled(taken, 60, 10)).to.deep.equal({ free: 90, reserved: 0 });
    expect(settled(taken, 60, 130)).to.deep.equal({ free: -30, reserved: 0 });
  });

  it("begins anew at nothing when more was taken than it had: that is told as used", () => {
    expect(kept({ free: -30, reserved: 0 }, false)).to.deep.equal({ keep: 0, share: noShare });
    expect(kept({ free: -30, reserved: 50 }, false)).to.deep.equal({ keep: 20, share: { free: -30, reserved: 50 } });
    expect(kept({ free: 30, reserved: 50 }, true)).to.deep.equal({ keep: 50, share: { free: 0, reserved: 50 } });
  });

  /** Whatever happens in whatever order, with a ledger that grants no more than the limit: what was used is at most
   *  what was granted, and what calls took beyond their reservations. */
  it("is never used beyond what was granted, but for what calls took beyond their reservations", () => {
    const amount = fc.integer({ min: 0, max: 300 });
    const step = fc.oneof(
      fc.record({ do: fc.constant("begin" as const), need: amount }),
      fc.record({ do: fc.constant("end" as const), which: fc.nat(9), used: amount }),
      fc.record({ do: fc.constant("tell" as const), want: amount, giveBack: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1_000 }), fc.array(step, { maxLength: 60 }), (limit, steps) => {
        let share = noShare;
        let [spent, untold, beyond, held] = [0, 0, 0, 0];
        const running: number[] = [];
        for (const one of steps) {
          if (one.do === "begin") {
            const next = reserve(share, one.need);
            if (next !== undefined) running.push(one.need);
            share = next ?? share;
          } else if (one.do === "end") {
            const [reserved] = running.splice(one.which % Math.max(1, running.length), 1);
            if (reserved === undefined) continue;
            share = settled(share, reserved, one.used);
            untold += one.used;
            beyond += Math.max(0, one.used - reserved);
          } else {
            const told = kept(share, one.giveBack);
            expect(told.keep).to.be.at.least(0);
            [spent, untold] = [spent + untold, 0];
            held = told.keep + Math.max(0, Math.min(one.want, limit - spent - told.keep));
            share = grantedTo(told.share, told.keep, held);
            expect(share.free + share.reserved, "both sides count the same").to.equal(held);
          }
          const reserved = running.reduce((sum, need) => sum + need, 0);
          expect(share.reserved).to.equal(reserved);
          expect(spent + untold).to.be.at.most(limit + beyond);
        }
      }),
      { numRuns: 500 },
    );
  });
});
