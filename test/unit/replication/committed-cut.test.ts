import { expect } from "chai";
import { committedCut } from "../../../node/replication/committed-cut.ts";
import { failureOf } from "../../../protocols/index.ts";

/** A slot that an owner serves, on a clock that goes on with each look. */
function owned(at: { phase: string; committed: number; lastSeq: number }) {
  let nowMs = 0;
  let closed = 0;
  const looks: ((nowMs: number) => void)[] = [];
  const ownership = {
    get phase() {
      return at.phase;
    },
    get committed() {
      return at.committed;
    },
    cut: async () => ({ head: { lastSeq: at.lastSeq }, view: { close: async () => void (closed += 1) } }),
  };
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    soon: queueMicrotask,
    after(delayMs: number, callback: () => void) {
      nowMs += delayMs;
      for (const look of looks) look(nowMs);
      queueMicrotask(callback);
      return () => undefined;
    },
  };
  let served = 0;
  const take = () =>
    committedCut("chat/1", {
      owned: () => ownership as never,
      serve: () => void (served += 1),
      clock,
      limits: { cutWaitMs: 1_000, cutLookMs: 10 },
    }).then(
      ({ head }) => head.lastSeq,
      (error: unknown) => failureOf(error).code,
    );
  return { at, take, looks, closed: () => closed, served: () => served };
}

describe("a cut of a slot for a backup", () => {
  it("is taken when everything in it is on every copy, and not before", async () => {
    const slot = owned({ phase: "serving", committed: 3, lastSeq: 5 });
    slot.looks.push((nowMs) => {
      // What comes after the cut need not be.
      slot.at.lastSeq = 9;
      if (nowMs === 50) slot.at.committed = 4;
      if (nowMs === 200) slot.at.committed = 5;
    });
    expect(await slot.take()).to.equal(5);
    expect(slot.at.committed).to.equal(5);
    expect([slot.closed(), slot.served()]).to.deep.equal([0, 0]);
  });

  it("is given up, and its view closed, when that takes too long or the slot ends before", async () => {
    const late = owned({ phase: "serving", committed: 3, lastSeq: 5 });
    expect(await late.take()).to.equal("SLOT_UNAVAILABLE");
    expect(late.closed()).to.equal(1);
    const ending = owned({ phase: "serving", committed: 3, lastSeq: 5 });
    ending.looks.push(() => (ending.at.phase = "ended"));
    expect(await ending.take()).to.equal("SLOT_UNAVAILABLE");
    expect(ending.closed()).to.equal(1);
  });

  it("brings a slot that rests into service first", async () => {
    const slot = owned({ phase: "reconciling", committed: 5, lastSeq: 5 });
    slot.looks.push((nowMs) => nowMs >= 100 && (slot.at.phase = "serving"));
    expect(await slot.take()).to.equal(5);
    expect(slot.served()).to.equal(1);
    const never = owned({ phase: "reconciling", committed: 5, lastSeq: 5 });
    expect(await never.take()).to.equal("SLOT_UNAVAILABLE");
  });
});
