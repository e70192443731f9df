import { expect } from "chai";
import { afterDeath, isSilent, type HostHistory } from "../../../runtimes/host/supervision.ts";

describe("the supervision of the inference host", () => {
  it("waits longer after each short life, up to ten seconds", () => {
    let history: HostHistory = { shortLives: 0 };
    const delays: number[] = [];
    for (let death = 0; death < 100; death += 1) {
      const next = afterDeath(history, 1_000);
      history = next;
      delays.push(next.delayMs);
    }
    expect(delays.slice(0, 8)).to.deep.equal([250, 500, 1_000, 2_000, 4_000, 8_000, 10_000, 10_000]);
    expect(delays.at(-1)).to.equal(10_000);
  });

  it("starts over after a healthy life", () => {
    expect(afterDeath({ shortLives: 9 }, 30_000)).to.deep.equal({ shortLives: 1, delayMs: 250 });
  });

  it("gives up on a silent host after five beats, on one that starts after fifteen", () => {
    expect([5, 6].map((beats) => isSilent(beats, true))).to.deep.equal([false, true]);
    expect([6, 15, 16].map((beats) => isSilent(beats, false))).to.deep.equal([false, false, true]);
  });
});
