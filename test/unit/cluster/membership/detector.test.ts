import { expect } from "chai";
import fc from "fast-check";
import { membershipLimits as limits } from "../../../../node/cluster/membership/index.ts";
import { Detector, type Verdict } from "../../../../node/cluster/membership/detector.ts";

/** A detector whose process beats every 100 ms, and a peer "b" that does what the test says. */
class Watch {
  nowMs = 0;
  readonly detector = new Detector(limits, 0);
  readonly verdicts: (Verdict & { readonly atMs: number })[] = [];
  #nextTickMs = 100;
  #nextBeatMs = 50;
  /** Until when the peer, or the process itself, is stopped. */
  peerStoppedUntilMs = 0;

  constructor(peers: readonly string[] = ["b"]) {
    this.detector.follow(new Set(peers));
    this.detector.connected("b", 0);
    this.judge();
  }

  judge(): void {
    for (const verdict of this.detector.judge(this.nowMs)) this.verdicts.push({ ...verdict, atMs: this.nowMs });
  }

  /** Lets time pass, in which both beat; `jitterMs` makes the peer's beats late. */
  pass(forMs: number, jitterMs: () => number = () => 0): void {
    const untilMs = this.nowMs + forMs;
    for (;;) {
      const next = Math.min(this.#nextTickMs, this.#nextBeatMs);
      if (next > untilMs) break;
      this.nowMs = next;
      if (next === this.#nextTickMs) {
        this.#nextTickMs += 100;
        this.detector.tick(next);
      } else {
        this.#nextBeatMs += 100 + jitterMs();
        if (next >= this.peerStoppedUntilMs) this.detector.heard("b", 1, next);
      }
      this.judge();
    }
    this.nowMs = untilMs;
  }

  /** This process does not run. What arrived meanwhile is found when it does again. */
  stall(forMs: number): void {
    this.nowMs += forMs;
    this.#nextTickMs = this.nowMs;
    this.#nextBeatMs = this.nowMs + 50;
  }

  get downs(): readonly (Verdict & { readonly atMs: number })[] {
    return this.verdicts.filter(({ up }) => !up);
  }
}

describe("the failure detector", () => {
  it("suspects a peer that was stopped within about a second, and trusts it when it goes on", () => {
    for (const steadyMs of [1_500, 5_000, 60_000]) {
      const watch = new Watch();
      watch.pass(steadyMs);
      watch.peerStoppedUntilMs = steadyMs + 5_000;
      watch.pass(5_000);
      expect(watch.downs).to.have.length(1);
      expect(watch.downs[0]).to.include({ peer: "b", why: "silent" });
      expect((watch.downs[0]?.atMs ?? 0) - steadyMs).to.be.within(700, 1_000);
      watch.pass(500);
      expect(watch.detector.isUp("b")).to.equal(true);
      expect(watch.verdicts.at(-1)).to.include({ up: true, why: "heard" });
    }
  });

  it("forgives a pause of half a second", () => {
    const watch = new Watch();
    for (let round = 0; round < 20; round += 1) {
      watch.pass(3_000);
      watch.peerStoppedUntilMs = watch.nowMs + 500;
      watch.pass(500);
    }
    expect(watch.downs).to.deep.equal([]);
  });

  it("waits longer for a peer that is irregular, and never beyond the ceiling", () => {
    const watch = new Watch();
    let late = false;
    watch.pass(20_000, () => ((late = !late), late ? 400 : 0));
    expect(watch.downs).to.deep.equal([]);
    expect(watch.detector.timeoutMs("b")).to.be.within(limits.silenceMinMs + 100, limits.silenceMaxMs);
    watch.peerStoppedUntilMs = Infinity;
    const fromMs = watch.nowMs;
    watch.pass(5_000);
    expect((watch.downs[0]?.atMs ?? 0) - fromMs).to.be.at.most(limits.silenceMaxMs + 200);
  });

  it("takes a closed connection for death after a grace, and a reconnect within it for nothing", () => {
    const watch = new Watch();
    watch.pass(2_000);
    watch.detector.disconnected("b", watch.nowMs);
    watch.judge();
    watch.nowMs += limits.reconnectGraceMs - 1;
    watch.judge();
    watch.detector.connected("b", watch.nowMs);
    watch.judge();
    expect(watch.downs).to.deep.equal([]);
    watch.detector.disconnected("b", watch.nowMs);
    watch.nowMs += limits.reconnectGraceMs;
    watch.judge();
    expect(watch.downs).to.have.length(1);
    expect(watch.downs[0]).to.include({ why: "closed" });
    watch.detector.connected("b", watch.nowMs);
    watch.judge();
    expect(watch.detector.isUp("b")).to.equal(true);
  });

  it("accuses nobody after its own process was stopped, until it has listened for a full time again", () => {
    fc.assert(
      fc.property(fc.integer({ min: 500, max: 20_000 }), fc.integer({ min: 0, max: 700 }), (stallMs, quietMs) => {
        const watch = new Watch();
        watch.pass(3_000);
        watch.stall(stallMs);
        // The first thing it finds is anything: a tick, a judgement, a closed connection.
        watch.judge();
        watch.peerStoppedUntilMs = watch.nowMs + quietMs;
        watch.pass(3_000);
        expect(watch.downs).to.deep.equal([]);
        watch.peerStoppedUntilMs = Infinity;
        watch.pass(3_000);
        expect(watch.downs).to.have.length(1);
      }),
    );
  });

  it("holds connections that closed during its own stall against nobody, unless they stay closed", () => {
    const watch = new Watch();
    watch.pass(3_000);
    watch.stall(4_000);
    watch.detector.disconnected("b", watch.nowMs);
    watch.judge();
    const resumedMs = watch.nowMs;
    watch.nowMs += 300;
    watch.judge();
    expect(watch.downs).to.deep.equal([]);
    watch.pass(3_000);
    expect((watch.downs[0]?.atMs ?? 0) - resumedMs).to.be.at.least(limits.silenceMinMs);
  });

  it("is slower to suspect while its own ticks come late", () => {
    const watch = new Watch();
    watch.pass(3_000);
    const before = watch.detector.timeoutMs("b") ?? 0;
    watch.nowMs += 350;
    watch.detector.tick(watch.nowMs);
    expect(watch.detector.timeoutMs("b")).to.be.at.least(before + 300);
  });

  it("ignores beats from before a peer's restart", () => {
    const { detector } = new Watch();
    expect(detector.heard("b", 5, 100)).to.equal(true);
    expect(detector.heard("b", 4, 150)).to.equal(false);
    expect(detector.heard("b", 6, 200)).to.equal(true);
    expect(detector.heard("stranger", 1, 200)).to.equal(false);
    expect(detector.isUp("stranger")).to.equal(false);
  });

  it("takes a peer that came back on an older copy of its folder as up: by its beats, though it counts fewer starts", () => {
    const watch = new Watch();
    const { detector } = watch;
    detector.heard("b", 7, watch.nowMs);
    detector.disconnected("b", watch.nowMs);
    watch.pass(5_000);
    expect(detector.isUp("b")).to.equal(false);
    // Its beats of `Watch` are those of its first start.
    detector.connected("b", watch.nowMs);
    watch.pass(20_000);
    expect(detector.isUp("b")).to.equal(true);
  });

  it("beats less often, and waits longer in proportion, in a large cluster", () => {
    const watch = new Watch(Array.from({ length: 999 }, (_, index) => (index === 0 ? "b" : `n${index}`)));
    expect(watch.detector.heartbeatMs).to.equal(1_000);
    expect(watch.detector.timeoutMs("b")).to.equal(16_000);
  });

  it("comes to the same opinion whenever it is asked", () => {
    const step = fc.record({
      afterMs: fc.integer({ min: 0, max: 400 }),
      what: fc.constantFrom("heard", "tick", "gone", "back"),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const [one, other] = [new Detector(limits, 0), new Detector(limits, 0)];
        let nowMs = 0;
        for (const detector of [one, other]) detector.follow(new Set(["b"]));
        for (const { afterMs, what } of steps) {
          nowMs += afterMs;
          for (const detector of [one, other]) {
            if (what === "heard") detector.heard("b", 1, nowMs);
            else if (what === "tick") detector.tick(nowMs);
            else if (what === "gone") detector.disconnected("b", nowMs);
            else detector.connected("b", nowMs);
            detector.judge(nowMs);
          }
          one.judge(nowMs);
          expect(one.judge(nowMs)).to.deep.equal([]);
          expect(one.isUp("b")).to.equal(other.isUp("b"));
        }
      }),
    );
  });
});
