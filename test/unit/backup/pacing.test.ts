import { expect } from "chai";
import fc from "fast-check";
import { createPacing, pacedStripes, type BackupStripes, type Pacing } from "../../../node/backup/index.ts";
import { paceLimits } from "../../../node/backup/limits.ts";
import { Pacer } from "../../../node/backup/run/pacer.ts";
import type { StripeRef } from "../../../protocols/index.ts";

/** Numbers from 0 to 1 that are the same each time. */
function numbers(seed: number): () => number {
  let state = seed >>> 0 || 1;
  return () => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state / 2 ** 32;
  };
}

const percentile = (all: readonly number[], share: number): number =>
  all.toSorted((one, other) => one - other)[Math.floor(all.length * share)] ?? NaN;

/** A node on which people change something `perSecond` times while a backup always has a piece to do. A change beside a
 *  piece takes longer by up to `disturbedMs`, one in so many (`disturbed`, 0 to 1). */
function node(
  seed: number,
  at: {
    readonly perSecond: number;
    readonly disturbed: number;
    readonly disturbedMs: number;
    readonly pieceMs: number;
    /** Nodes that one change waits for. */
    readonly places?: number;
  },
) {
  const number = numbers(seed);
  const pacer = new Pacer(paceLimits);
  // Most are fast, some wait for the disk.
  const usual = (): number => 0.5 + number() * 0.5 + (number() < 0.05 ? number() * 8 : 0);
  let nowMs = 0;
  for (; nowMs < 5_000; nowMs += 1_000 / at.perSecond) pacer.heard(usual(), nowMs, false);
  let [workUntilMs, restUntilMs, workedMs] = [0, nowMs, 0];
  const [alone, beside]: [number[], number[]] = [[], []];
  const shares: number[] = [];
  const endMs = nowMs + 60_000;
  for (; nowMs < endMs; nowMs += 1_000 / at.perSecond) {
    while (restUntilMs <= nowMs) {
      workUntilMs = restUntilMs + at.pieceMs;
      workedMs += at.pieceMs;
      restUntilMs = workUntilMs + pacer.restMs(at.pieceMs, restUntilMs);
    }
    const isBeside = nowMs <= workUntilMs;
    const own = usual();
    const took = own + (isBeside && number() < at.disturbed ? number() * at.disturbedMs : 0);
    alone.push(own);
    beside.push(took);
    pacer.heard(took, nowMs, isBeside, at.places);
    shares.push(pacer.share(nowMs));
  }
  return { alone, beside, shares, worked: workedMs / 60_000 };
}

describe("the pacer of backups", () => {
  it("lets a backup work all of the time while nobody is there, and little of it when people come", () => {
    const pacer = new Pacer(paceLimits);
    expect(pacer.share(0)).to.equal(1);
    expect(pacer.restMs(100, 0)).to.equal(0);
    // A node changes something now and then without anybody.
    for (let nowMs = 0; nowMs < 60_000; nowMs += paceLimits.presentMs / 2 + 1) {
      pacer.heard(1, nowMs, true);
      expect(pacer.isAlone(nowMs)).to.equal(true);
    }
    for (let n = 0; n < paceLimits.changesPresent; n += 1) pacer.heard(50, 100_000 + n, true);
    expect(pacer.share(100_003)).to.equal(paceLimits.shareFirst);
    expect(pacer.restMs(10, 100_003)).to.be.closeTo(10 / paceLimits.shareFirst - 10, 1e-9);
    expect(pacer.share(100_003 + paceLimits.presentMs + 1)).to.equal(1);
  });

  it("goes to full speed beside people whom it does not disturb", () => {
    const { shares, worked } = node(1, { perSecond: 200, disturbed: 0, disturbedMs: 0, pieceMs: 10 });
    // Of the slowest hundredth some are beyond 1.2 times its fastest by chance.
    expect(percentile(shares, 0.5)).to.be.above(0.5);
    expect(worked).to.be.above(0.5);
  });

  it("leaves the slowest hundredth of people's changes within 1.2 times what it is, whatever a piece of its work does to them", () => {
    const rate = fc.constantFrom(50, 200, 1_000);
    const disturbance = fc.record({
      perSecond: rate,
      disturbed: fc.double({ min: 0.01, max: 0.6, noNaN: true }),
      disturbedMs: fc.integer({ min: 1, max: 200 }),
      pieceMs: fc.integer({ min: 2, max: 40 }),
      places: fc.constantFrom(1, 4),
    });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e9 }), disturbance, (seed, at) => {
        const { alone, beside, shares, worked } = node(seed, at);
        const usualMs = percentile(alone, 0.99);
        const late = beside.filter((took, n) => took > 1.2 * usualMs && (alone[n] as number) <= 1.2 * usualMs).length;
        // Twice the increase, and what is late beside the least that it works.
        const most = (2 * paceLimits.shareMore) / at.places + 2 * paceLimits.shareMin * at.disturbed;
        expect(late / beside.length, "late because of the backup").to.be.below(1.5 * most);
        expect(percentile(beside, 0.99) / usualMs, "99th percentile").to.be.below(1.2);
        expect(Math.min(...shares)).to.be.at.least(paceLimits.shareMin);
        expect(worked, "it always gets on").to.be.above(paceLimits.shareMin / 2);
      }),
      { numRuns: 12, seed: 7 },
    );
  });
});

describe("how much a backup reads at once", () => {
  const most = 1024 * 1024;
  const { partBytesFirst, partBytesMin, partBytesMax, partBytesMore, partMs } = paceLimits;
  const withPeople = (): Pacer => {
    const pacer = new Pacer(paceLimits);
    for (let n = 0; n < paceLimits.changesPresent; n += 1) pacer.heard(1, n, false);
    return pacer;
  };

  it("is all that there may be while nobody is there, and little when people come", () => {
    const pacer = new Pacer(paceLimits);
    expect(pacer.partBytes(most, 0)).to.equal(most);
    for (let n = 0; n < 9; n += 1) pacer.tookPart(most, 10 * partMs);
    for (let n = 0; n < paceLimits.changesPresent; n += 1) pacer.heard(1, 100 + n, false);
    expect(pacer.partBytes(most, 105)).to.equal(partBytesFirst);
    expect(pacer.partBytes(100, 105)).to.equal(100);
    expect(pacer.partBytes(most, 106 + paceLimits.presentMs)).to.equal(most);
  });

  it("halves behind a part that took too long, and grows a little behind a short one that was as large as it might be", () => {
    const pacer = withPeople();
    pacer.tookPart(partBytesFirst, partMs + 1);
    expect(pacer.partBytes(most, 5)).to.equal(partBytesFirst / 2);
    pacer.tookPart(partBytesFirst / 2, partMs);
    expect(pacer.partBytes(most, 5)).to.equal(partBytesFirst / 2 + partBytesMore);
    pacer.tookPart(1, 0);
    expect(pacer.partBytes(most, 5)).to.equal(partBytesFirst / 2 + partBytesMore);
  });

  it("comes to parts that are short, however slow the disk and the loop are, and never to none", () => {
    const at = fc.record({
      bytesPerMs: fc.integer({ min: 1, max: 1_000_000 }),
      lagMs: fc.integer({ min: 0, max: 20 }),
    });
    fc.assert(
      fc.property(at, ({ bytesPerMs, lagMs }) => {
        const pacer = withPeople();
        let read = 0;
        const tooks: number[] = [];
        for (let n = 0; n < 400; n += 1) {
          const bytes = pacer.partBytes(most, 5);
          expect(bytes).to.be.within(partBytesMin, partBytesMax);
          read += bytes;
          const tookMs = lagMs + bytes / bytesPerMs;
          if (n >= 200) tooks.push(tookMs);
          pacer.tookPart(bytes, tookMs);
        }
        expect(read).to.be.at.least(400 * partBytesMin);
        const shortest = lagMs + partBytesMin / bytesPerMs;
        // Where the shortest part is too long nothing makes it shorter; else one step of growth is too much at the
        // most.
        if (shortest > partMs) expect(Math.max(...tooks)).to.equal(shortest);
        else expect(Math.max(...tooks)).to.be.at.most(partMs + partBytesMore / bytesPerMs + 1e-9);
      }),
      { numRuns: 200, seed: 11 },
    );
  });
});

describe("the pacing of backups", () => {
  let nowMs = 0;
  let timers: { atMs: number; call: () => void }[] = [];
  const clock = {
    nowMs: () => nowMs,
    monotonicMs: () => nowMs,
    after(delayMs: number, call: () => void) {
      const timer = { atMs: nowMs + delayMs, call };
      timers.push(timer);
      return () => void (timers = timers.filter((one) => one !== timer));
    },
    soon: (call: () => void) => queueMicrotask(call),
  };
  /** Lets so much time pass. */
  async function pass(ms: number): Promise<void> {
    const endMs = nowMs + ms;
    for (;;) {
      await new Promise<void>((resolve) => setImmediate(resolve));
      const [next] = timers.toSorted((one, other) => one.atMs - other.atMs);
      if (next === undefined || next.atMs > endMs) break;
      timers = timers.filter((one) => one !== next);
      nowMs = next.atMs;
      next.call();
    }
    nowMs = endMs;
  }
  /** Begins pieces of work that take so long; says which have begun and ended. */
  function pieces(pacing: Pacing, count: number, tookMs: number) {
    const said: string[] = [];
    const all = Array.from({ length: count }, (_, n) =>
      pacing.piece(async () => {
        said.push(`${n} begins at ${nowMs}`);
        await new Promise<void>((resolve) => void clock.after(tookMs, resolve));
        said.push(`${n} ends at ${nowMs}`);
        return n;
      }),
    );
    return { said, all: Promise.all(all) };
  }
  /** A tenth of the time is work, from the first change on. */
  const limits = { ...paceLimits, shareFirst: 0.1 };
  const people = (pacing: Pacing): void => {
    for (let n = 0; n < paceLimits.changesPresent; n += 1) pacing.heard(1);
  };
  beforeEach(() => {
    nowMs = 1_000;
    timers = [];
  });

  it("does everything at once while nobody is there", async () => {
    const pacing = createPacing({ clock, limits });
    const { said, all } = pieces(pacing, 3, 10);
    await pass(10);
    expect(await all).to.deep.equal([0, 1, 2]);
    expect(said.slice(0, 3)).to.deep.equal(["0 begins at 1000", "1 begins at 1000", "2 begins at 1000"]);
    expect(pacing.percent()).to.equal(100);
  });

  it("does one piece at a time when people are there, and rests nine times as long behind each", async () => {
    const pacing = createPacing({ clock, limits });
    people(pacing);
    expect(pacing.percent()).to.equal(10);
    const { said, all } = pieces(pacing, 3, 10);
    await pass(1_000);
    await all;
    expect(said).to.deep.equal([
      "0 begins at 1000",
      "0 ends at 1010",
      "1 begins at 1100",
      "1 ends at 1110",
      "2 begins at 1200",
      "2 ends at 1210",
    ]);
  });

  it("lets the loop turn between the pieces of one caller that asks for the next at once, while people are there", async () => {
    for (const isAlone of [false, true])
      for (const sort of ["piece", "put"] as const) {
        // All of the time is work: no rest is due.
        const soon = (call: () => void): void => void setImmediate(call);
        const pacing = createPacing({ clock: { ...clock, soon }, limits: { ...paceLimits, shareFirst: 1 } });
        if (!isAlone) people(pacing);
        let [turns, ends] = [0, false];
        const turn = (): void => {
          turns += 1;
          if (!ends) setImmediate(turn);
        };
        setImmediate(turn);
        const turnsAt: number[] = [];
        for (let n = 0; n < 40; n += 1) await pacing[sort](async () => turnsAt.push(turns));
        ends = true;
        expect(new Set(turnsAt).size, sort).to.equal(isAlone ? 1 : 40);
      }
  });

  it("lets what another node brings wait for the rest, and for no piece, and rests behind it", async () => {
    const pacing = createPacing({ clock, limits });
    const brought = (tookMs: number): Promise<number> =>
      pacing.guest(async () => {
        const sinceMs = nowMs;
        await new Promise<void>((resolve) => void clock.after(tookMs, resolve));
        return sinceMs;
      });
    const alone = Promise.all([brought(0), brought(0)]);
    await pass(0);
    expect(await alone).to.deep.equal([1_000, 1_000]);
    people(pacing);
    // A piece is at work that lasts: two nodes that store at each other do not wait for one another.
    const { all } = pieces(pacing, 1, 100);
    const first = brought(10);
    await pass(20);
    expect(await first).to.equal(1_000);
    // Ninety behind the ten.
    const second = brought(10);
    await pass(200);
    expect(await second).to.equal(1_100);
    await all;
    // 900 behind the hundred of the piece, which ended when it began, and its own 90.
    const third = brought(10);
    await pass(3_000);
    expect(await third).to.equal(2_090);
    // It counts as work: what was late beside it halves the share.
    for (let n = 0; n < 64; n += 1) pacing.heard(1);
    const fourth = brought(10);
    await pass(0);
    pacing.heard(100);
    expect(pacing.percent()).to.equal(5);
    await pass(10);
    await fourth;
  });

  it("does parts of a put before other pieces, behind a shorter rest, since a put has to end in time", async () => {
    const pacing = createPacing({ clock, limits });
    people(pacing);
    const { said, all } = pieces(pacing, 2, 300);
    const began: number[] = [];
    const parts = Promise.all([1, 2].map((part) => pacing.put(async () => void began.push(part, nowMs))));
    await pass(10_000);
    await Promise.all([all, parts]);
    const { putRestMsMax } = paceLimits;
    expect(began).to.deep.equal([1, 1_300 + putRestMsMax, 2, 1_300 + 2 * putRestMsMax]);
    expect(said.filter((one) => one.includes("begins"))).to.deep.equal(["0 begins at 1000", "1 begins at 4000"]);
  });

  it("asks for some stripes at a time whether they are there while people are, and for all while nobody is", async () => {
    const pacing = createPacing({ clock, limits });
    const asked: number[] = [];
    const standing = async (refs: readonly StripeRef[]): Promise<ReadonlySet<string>> => {
      asked.push(refs.length);
      return new Set(refs.map(({ id }) => id));
    };
    const stripes = pacedStripes({ standing } as BackupStripes, pacing);
    const all = Array.from({ length: 100 }, (_, n) => ({ id: String(n) }) as StripeRef);
    expect((await stripes.standing?.(all))?.size).to.equal(100);
    people(pacing);
    expect((await stripes.standing?.(all))?.size).to.equal(100);
    expect(asked).to.deep.equal([100, 32, 32, 32, 4]);
  });

  it("does its own pieces, however much other nodes bring: none waits longer than the longest rest", async () => {
    const pacing = createPacing({ clock });
    const began: number[] = [];
    let ends = false;
    const lane = async (next: () => Promise<void>): Promise<void> => {
      while (!ends) await next();
    };
    const takes = (ms: number): Promise<void> => new Promise((resolve) => void clock.after(ms, resolve));
    const lanes = [150, 350, 550].map((ms) => lane(() => pacing.guest(() => takes(ms))));
    const own = lane(() => pacing.piece(() => (began.push(nowMs), takes(20))));
    for (let n = 0; n < 1_200; n += 1) {
      pacing.heard(1);
      await pass(100);
    }
    const gaps = began.slice(1).map((atMs, n) => atMs - (began[n] ?? 0));
    expect(began.length).to.be.at.least(120_000 / (paceLimits.restMsMax + 50));
    expect(Math.max(...gaps)).to.be.at.most(paceLimits.restMsMax + 100);
    ends = true;
    pacing.stop();
    await pass(1_000);
    await Promise.all([...lanes, own]);
  });

  it("goes on at once when people leave, or the node stops", async () => {
    const pacing = createPacing({ clock, limits });
    people(pacing);
    const first = pieces(pacing, 1, 2_000);
    await pass(2_000);
    await first.all;
    const { said, all } = pieces(pacing, 2, 10);
    await pass(20);
    expect(said).to.deep.equal([]);
    await pass(10_000);
    await all;
    expect(said[0]).to.equal("0 begins at 8000");
    people(pacing);
    const second = pieces(pacing, 1, 1_000);
    await pass(1_000);
    await second.all;
    const last = pieces(pacing, 2, 10);
    await pass(0);
    expect(last.said).to.have.length(0);
    pacing.stop();
    await pass(10);
    expect(await last.all).to.deep.equal([0, 1]);
  });

  it("reads the next part of something larger as a piece, as large as the part before was short", async () => {
    const pacing = createPacing({ clock, limits });
    people(pacing);
    const asked: number[] = [];
    const read = (bytes: number): Promise<number> => {
      asked.push(bytes);
      return new Promise((resolve) => void clock.after(bytes > 20_000 ? 9 : 1, () => resolve(bytes)));
    };
    const parts = async (): Promise<void> => {
      for (let n = 0; n < 4; n += 1) await pacing.part(1_000_000, read, (bytes) => bytes);
    };
    const all = parts();
    await pass(5_000);
    await all;
    expect(asked).to.deep.equal([65_536, 32_768, 16_384, 24_576]);
    await pass(20_000);
    await Promise.all([pacing.part(1_000_000, read, (bytes) => bytes), pass(10)]);
    expect(asked.at(-1)).to.equal(1_000_000);
  });

  it("passes on what a piece throws, and lets the next one through", async () => {
    const pacing = createPacing({ clock, limits });
    people(pacing);
    const failing = pacing.piece(() => Promise.reject(new Error("no"))).catch((error: Error) => error.message);
    const { said, all } = pieces(pacing, 1, 1);
    await pass(100);
    await all;
    expect(await failing).to.equal("no");
    expect(said).to.have.length(2);
  });

  it("takes a change that waited while a piece ran for one beside it, and halves what it works when that was late", async () => {
    const pacing = createPacing({ clock, limits });
    for (let n = 0; n < 200; n += 1) pacing.heard(1);
    const { all } = pieces(pacing, 1, 10);
    await pass(10);
    await all;
    nowMs += 5;
    pacing.heard(8);
    expect(pacing.percent()).to.equal(5);
    // Longer ago than the disk goes on: it is one of the usual ones.
    nowMs += 100;
    pacing.heard(8);
    expect(pacing.percent()).to.equal(5);
  });
});
