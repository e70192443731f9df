import { expect } from "chai";
import fc from "fast-check";
import { runtimeLimits } from "../../../runtimes/limits.ts";
import type { Machine } from "../../../runtimes/machine.ts";
import { shareNode, type NodeLoad, type Shares } from "../../../runtimes/sharing.ts";

const mebibyte = 1024 ** 2;
const machine: Machine = { cores: 8, memoryBytes: 16_000 * mebibyte };
const idle: NodeLoad = { cores: 0.05, busyShare: 0.02, memoryBytes: 150 * mebibyte };
const busy: NodeLoad = { cores: 1.6, busyShare: 0.6, memoryBytes: 150 * mebibyte };

/** The shares after each of these looks. */
function after(loads: readonly NodeLoad[], on: Machine = machine): readonly Shares[] {
  const seen: Shares[] = [];
  for (const load of loads) seen.push(shareNode(on, load, seen.at(-1)));
  return seen;
}
const threads = (shares: readonly Shares[]): readonly number[] => shares.map((one) => one.threads.now);
const times = (count: number, load: NodeLoad): readonly NodeLoad[] => Array.from({ length: count }, () => load);

const loads = fc.record({
  cores: fc.double({ min: 0, max: 20, noNaN: true }),
  busyShare: fc.double({ min: 0, max: 1, noNaN: true }),
  memoryBytes: fc.integer({ min: 0, max: 20_000 * mebibyte }),
});
const machines = fc.record(
  {
    cores: fc.integer({ min: 1, max: 64 }),
    memoryBytes: fc.constant(16_000 * mebibyte),
    quotaCores: fc.double({ min: 0.1, max: 64, noNaN: true }),
    groupMemoryBytes: fc.integer({ min: 200 * mebibyte, max: 32_000 * mebibyte }),
    threadsMax: fc.integer({ min: 1, max: 64 }),
    threadsMin: fc.integer({ min: 1, max: 64 }),
    memoryMaxBytes: fc.integer({ min: mebibyte, max: 32_000 * mebibyte }),
  },
  { requiredKeys: ["cores", "memoryBytes"] },
);

describe("a node that shares its machine with its models", () => {
  it("keeps a core, and what it used with some to spare, at once; and gives cores back one by one when it is calm", () => {
    expect(threads(after([idle]))).to.deep.equal([7]);
    expect(threads(after([idle, busy, idle]))).to.deep.equal([7, 6, 6]);
    const calm = runtimeLimits.calmLooksMin;
    const seen = threads(after([{ ...busy, cores: 3.5, busyShare: 0.5 }, ...times(3 * calm, idle)]));
    expect(seen[0]).to.equal(4);
    expect(seen[calm - 1]).to.equal(4);
    expect([seen[calm], seen[2 * calm], seen[3 * calm]]).to.deep.equal([5, 6, 7]);
  });

  it("gives an event loop that is always busy a core more, until it is calm", () => {
    expect(threads(after([{ ...idle, busyShare: 0.8 }]))).to.deep.equal([6]);
    expect(shareNode(machine, { ...idle, busyShare: 0.8 }).threads.because).to.match(/2 stay free.*loop is busy/);
    const seen = after([{ ...idle, busyShare: 0.8 }, ...times(20, { ...idle, busyShare: 0.5 })]);
    expect(threads(seen).at(-1)).to.equal(6);
  });

  it("leaves models what an admin says, and says which bound holds", () => {
    expect(shareNode({ ...machine, threadsMin: 5 }, { ...busy, cores: 6 }).threads).to.deep.include({
      now: 5,
      most: 7,
    });
    expect(shareNode({ ...machine, threadsMin: 5 }, { ...busy, cores: 6 }).threads.because).to.include(
      "modelThreadsMin",
    );
    expect(shareNode({ ...machine, threadsMax: 2 }, idle).threads).to.deep.equal({
      now: 2,
      most: 2,
      because: "modelThreads is 2",
    });
    expect(shareNode({ ...machine, quotaCores: 2.5 }, idle).threads.because).to.match(/grants 2.5 of 8 cores/);
    expect(shareNode({ ...machine, cores: 1 }, busy).threads).to.include({ now: 1, because: "there is one core" });
    expect(shareNode({ ...machine, memoryMaxBytes: 512 * mebibyte }, idle).memory).to.include({
      budgetBytes: 512 * mebibyte,
      because: "modelMemoryMiB is 512",
    });
  });

  it("keeps its own memory out of what models may take, in steps", () => {
    const group = { ...machine, groupMemoryBytes: 2_048 * mebibyte };
    const used = (memoryMiB: number): NodeLoad => ({ ...idle, memoryBytes: memoryMiB * mebibyte });
    expect(shareNode(machine, idle).memory.budgetBytes).to.equal(Math.floor(16_000 * mebibyte * 0.8));
    expect(shareNode(group, used(150)).memory.budgetBytes).to.equal((2_048 - 256) * mebibyte);
    const seen = after([used(150), used(400), used(390), ...times(12, used(100))], group);
    const budgets = seen.map(({ memory }) => (2_048 * mebibyte - memory.budgetBytes) / mebibyte);
    expect(budgets.slice(0, 3)).to.deep.equal([256, 512, 512]);
    expect(budgets.at(-1)).to.equal(256);
    expect(seen[1]?.memory.because).to.match(/grants 2\.0 GiB, of which 512 MiB are the node's/);
  });

  it("stays within every bound, whatever the machine and the load", () => {
    fc.assert(
      fc.property(machines, fc.array(loads, { minLength: 1, maxLength: 20 }), (on, seen) => {
        const granted = Math.max(1, Math.min(on.cores - 1, Math.floor(on.quotaCores ?? on.cores) - 1));
        for (const { threads: shared, memory } of after(seen, on)) {
          expect(shared.now).to.be.at.most(Math.min(granted, on.threadsMax ?? Infinity));
          expect(shared.now).to.be.at.least(Math.min(granted, on.threadsMin ?? 1, on.threadsMax ?? Infinity));
          expect(memory.budgetBytes).to.be.within(0, memory.mostBytes);
          expect(memory.mostBytes).to.be.at.most(
            Math.min(on.memoryBytes, on.groupMemoryBytes ?? Infinity, on.memoryMaxBytes ?? Infinity),
          );
        }
      }),
    );
  });

  it("never gives models more for more load, and comes to rest when the load stays the same", () => {
    fc.assert(
      fc.property(machines, fc.array(loads, { maxLength: 8 }), loads, loads, (on, before, one, other) => {
        const state = after(before, on).at(-1);
        const more = {
          cores: Math.max(one.cores, other.cores),
          busyShare: Math.max(one.busyShare, other.busyShare),
          memoryBytes: Math.max(one.memoryBytes, other.memoryBytes),
        };
        const [less, most] = [shareNode(on, one, state), shareNode(on, more, state)];
        expect(most.threads.now).to.be.at.most(less.threads.now);
        expect(most.memory.budgetBytes).to.be.at.most(less.memory.budgetBytes);
        const steps = runtimeLimits.calmLooksMin * 220;
        let shares = less;
        for (let look = 0; look < steps; look += 1) shares = shareNode(on, one, shares);
        const next = shareNode(on, one, shares);
        expect([next.threads.now, next.memory.budgetBytes]).to.deep.equal([
          shares.threads.now,
          shares.memory.budgetBytes,
        ]);
      }),
      { numRuns: 50 },
    );
  });

  it("does not go to and fro with its load: models get something back at most once in so many looks", () => {
    fc.assert(
      fc.property(fc.array(loads, { minLength: 40, maxLength: 80 }), (seen) => {
        const now = threads(after(seen));
        const rises = now.filter((count, at) => at > 0 && count > (now[at - 1] ?? 0)).length;
        expect(rises).to.be.at.most(Math.ceil(seen.length / runtimeLimits.calmLooksMin));
      }),
    );
  });
});
