import { expect } from "chai";
import fc from "fast-check";
import { gatewayLimits } from "../../../node/gateway/index.ts";
import type { RateLimit } from "../../../node/gateway/edge/rates.ts";
import { createRates, type RateNews, type Rates } from "../../../node/gateway/edge/shared-rates.ts";
import { failure, ok, refused, type Result } from "../../../protocols/index.ts";
import { World } from "../../world/index.ts";

const rate = { count: 20, windowMs: 10_000 };
/** Rows are always the same, so that no two keys of a test meet by chance. */
const random = { number: () => 0.5, bytes: (count: number) => new Uint8Array(count) };
const meter = { count() {}, gauge() {}, observeMs() {} };

interface Fixture {
  readonly world: World;
  /** `limit`: of guesses; `open`: of what goes on where others cannot be told. */
  readonly gateways: readonly { readonly limit: RateLimit; readonly open: RateLimit; readonly rates: Rates }[];
  /** Messages that were sent. */
  readonly sent: () => number;
  /** From now on these seem to be up to this gateway. */
  readonly see: (gateway: number, up: readonly number[]) => void;
  /** Messages between two gateways get lost from now on, or no more. */
  readonly cut: (one: number, other: number, isCut: boolean) => void;
  readonly pass: (ms: number) => Promise<void>;
}

/** Gateways that hear one another after a while. */
function openFixture(nodes: number, delayMs: () => number = () => 1): Fixture {
  const world = new World(1);
  const clock = world.clock();
  const heard: ((rows: readonly RateNews[]) => void)[] = [];
  const seen = Array.from({ length: nodes }, (_, one) => [...Array(nodes).keys()].filter((other) => other !== one));
  const listeners: (() => void)[] = [];
  const lost = new Set<string>();
  let sent = 0;
  const gateways = Array.from({ length: nodes }, (_, own) => {
    const rates = createRates({
      limits: { ...gatewayLimits, rateRows: 4_096 },
      clock,
      random: random,
      meter,
      ratePeers: {
        count: () => nodes,
        up: () => (seen[own] as number[]).map(String),
        onChange(listener) {
          listeners[own] = listener;
          return () => undefined;
        },
        tell(node, rows) {
          sent += 1;
          const { promise, resolve } = Promise.withResolvers<Result<unknown>>();
          const isLost = (): boolean => lost.has(`${own} ${node}`);
          clock.after(gatewayLimits.rateTellTimeoutMs, () => resolve(refused(failure("PEER_LOST"))));
          clock.after(delayMs(), () => {
            if (isLost()) return;
            heard[Number(node)]?.(rows);
            // The answer may get lost alone.
            clock.after(delayMs(), () => void (isLost() || resolve(ok(null))));
          });
          return promise;
        },
        serve: (listener) => void (heard[own] = listener),
      },
    });
    return { rates, limit: rates.limit("test", rate), open: rates.limit("open", rate, "passes") };
  });
  return {
    world,
    gateways,
    sent: () => sent,
    see(gateway, up) {
      seen[gateway] = [...up];
      listeners[gateway]?.();
    },
    cut(one, other, isCut) {
      for (const way of [`${one} ${other}`, `${other} ${one}`])
        if (isCut) lost.add(way);
        else lost.delete(way);
    },
    async pass(ms) {
      for (let left = ms; left > 0; left -= 25) {
        world.elapse(Math.min(25, left));
        // Answers are promises.
        for (let turn = 0; turn < 8; turn += 1) await Promise.resolve();
      }
    },
  };
}

/** What all gateways together may let pass of a key in so long, as docs/decisions/0082 says. */
const boundOf = (nodes: number, elapsedMs: number): number =>
  1.25 * (rate.count / rate.windowMs) * elapsedMs + 2 * rate.count + nodes;

describe("gateway: limits of the cluster", () => {
  it("let a key that is used at one gateway have all of its rate there", async () => {
    const { gateways, pass } = openFixture(4);
    let passed = 0;
    for (let step = 0; step < 400; step += 1) {
      if (gateways[0]?.limit.take("ada") === 0) passed += 1;
      await pass(100);
    }
    // The burst, and what came back to it.
    expect(passed).to.be.within(90, 101);
  });

  it("cost no message for keys that are far from their limit", async () => {
    const { gateways, pass, sent } = openFixture(4);
    for (let step = 0; step < 50; step += 1) {
      for (let one = 0; one < 20; one += 1) expect(gateways[step % 4]?.limit.take(`person ${one}`)).to.equal(0);
      await pass(3_000);
    }
    expect(sent()).to.equal(0);
  });

  it("keep their bound, whoever asks which gateway, however slow and lossy the way", async function () {
    const steps = fc.array(
      fc.record({
        gateway: fc.nat(4),
        tries: fc.integer({ min: 1, max: 30 }),
        pauseMs: fc.oneof(fc.constant(0), fc.nat(60), fc.nat(3_000)),
        delayMs: fc.constantFrom(0, 1, 40, 900),
        cut: fc.option(fc.tuple(fc.nat(4), fc.nat(4), fc.boolean()), { nil: undefined, freq: 4 }),
      }),
      { minLength: 20, maxLength: 60 },
    );
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 5 }), steps, async (nodes, plan) => {
        let delayMs = 1;
        const at = openFixture(nodes, () => delayMs);
        const passedAtMs: number[] = [];
        let nowMs = 0;
        for (const step of plan) {
          delayMs = step.delayMs;
          if (step.cut !== undefined) at.cut(step.cut[0] % nodes, step.cut[1] % nodes, step.cut[2]);
          const everybody = step.gateway === 4;
          for (const [one, { limit }] of at.gateways.entries())
            if (everybody || one === step.gateway % nodes)
              for (let act = 0; act < step.tries; act += 1) if (limit.take("ada") === 0) passedAtMs.push(nowMs);
          await at.pass(step.pauseMs);
          nowMs += step.pauseMs;
        }
        for (const [first, fromMs] of passedAtMs.entries())
          for (let last = first; last < passedAtMs.length; last += 1)
            expect(last - first + 1).to.be.at.most(boundOf(nodes, (passedAtMs[last] as number) - fromMs));
      }),
      { seed: 82, numRuns: 60 },
    );
  });

  it("leave a gateway that is cut off one part of each rate, and the others the whole", async () => {
    const { gateways, pass, see, cut } = openFixture(4);
    for (const other of [1, 2, 3]) {
      cut(0, other, true);
      see(
        other,
        [1, 2, 3].filter((one) => one !== other),
      );
    }
    see(0, []);
    const passed = [0, 0];
    for (let step = 0; step < 1_000; step += 1) {
      for (const [at, one] of passed.entries()) if (gateways[at]?.limit.take("ada") === 0) passed[at] = one + 1;
      await pass(100);
    }
    // 100 s: of 20 in 10 s a quarter, and its burst.
    expect(passed[0]).to.be.within(50, 56);
    expect(passed[1]).to.be.within(200, 221);
  });

  it("slow nobody down who is signed in, when a gateway seems to be up and does not answer, or this one is cut off", async () => {
    const { gateways, pass, cut, see } = openFixture(4);
    const [asked] = gateways;
    /** What passes in 40 s: the burst, and what came back to it, at most. */
    const passed = async (limit: RateLimit | undefined, key: string): Promise<number> => {
      let count = 0;
      for (let step = 0; step < 400; step += 1) {
        if (limit?.take(key) === 0) count += 1;
        await pass(100);
      }
      return count;
    };
    cut(0, 3, true);
    expect(await passed(asked?.open, "ada")).to.be.within(90, 101);
    expect(await passed(asked?.limit, "ada"), "guesses have a share").to.be.below(40);
    see(0, []);
    expect(await passed(asked?.open, "bob")).to.be.within(90, 101);
    expect(await passed(asked?.limit, "bob")).to.be.below(40);
  });

  it("take back at all gateways what was counted and is none", async () => {
    const { gateways, pass } = openFixture(2);
    const [here, there] = gateways;
    for (let act = 0; act < 10; act += 1) here?.limit.take("ada");
    await pass(1_000);
    for (let act = 0; act < 10; act += 1) here?.limit.giveBack("ada");
    await pass(2_000);
    let passed = 0;
    for (let round = 0; round < 10; round += 1) {
      while (there?.limit.take("ada") === 0) passed += 1;
      await pass(60);
    }
    expect(passed).to.be.within(20, 22);
  });

  it("are a gateway's own where there is no other", () => {
    const world = new World(1);
    const rates = createRates({ limits: gatewayLimits, clock: world.clock(), random: random, meter });
    const limit = rates.limit("test", rate);
    for (let act = 0; act < rate.count; act += 1) expect(limit.take("ada")).to.equal(0);
    expect(limit.take("ada")).to.equal(500);
  });
});
