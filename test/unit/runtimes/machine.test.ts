import { expect } from "chai";
import fc from "fast-check";
import {
  groupFolders,
  groupMemoryOf,
  memoryBudgetBytes,
  quotaCoresOf,
  readMachine,
  threadCount,
  threadShares,
  threadsToShare,
  type Machine,
} from "../../../runtimes/machine.ts";

const gibibyte = 1024 ** 3;
const machine = (fields: Partial<Machine> = {}): Machine => ({ cores: 8, memoryBytes: 16 * gibibyte, ...fields });
const large = 100e6;

describe("threads of models that run at the same time", () => {
  it("are shared equally, and what one cannot use is the others'", () => {
    expect(threadShares(7, [7])).to.deep.equal([7]);
    expect(threadShares(7, [7, 7])).to.deep.equal([4, 3]);
    expect(threadShares(7, [1, 7, 7])).to.deep.equal([1, 3, 3]);
    expect(threadShares(1, [7, 7])).to.deep.equal([1, 1]);
    expect(threadShares(7, [])).to.deep.equal([]);
  });

  it("are one fewer than there are cores, within the quota", () => {
    expect(threadsToShare(machine())).to.equal(7);
    expect(threadsToShare(machine({ quotaCores: 2.5 }))).to.equal(1);
    expect(threadsToShare(machine({ cores: 1 }))).to.equal(1);
    expect(threadsToShare(machine({ threadsMax: 3 }))).to.equal(3);
    expect(threadsToShare(machine({ threadsMax: 30 }))).to.equal(7);
  });
});

describe("the number of threads", () => {
  it("leaves one core free", () => {
    expect(threadCount(machine(), large, 1)).to.equal(7);
    expect(threadCount(machine({ cores: 2 }), large, 1)).to.equal(1);
    expect(threadCount(machine({ cores: 1 }), large, 1)).to.equal(1);
  });

  it("heeds the quota of the control group", () => {
    expect(threadCount(machine({ quotaCores: 4 }), large, 1)).to.equal(3);
    expect(threadCount(machine({ quotaCores: 2.5 }), large, 1)).to.equal(1);
    expect(threadCount(machine({ quotaCores: 0.5 }), large, 1)).to.equal(1);
  });

  it("is shared by models that may run at the same time", () => {
    expect([1, 2, 3, 7, 8].map((models) => threadCount(machine(), large, models))).to.deep.equal([7, 3, 2, 1, 1]);
  });

  it("is one for a small model", () => {
    expect(threadCount(machine(), 49e6, 1)).to.equal(1);
  });

  it("is at least one and below the number of cores, whatever the machine", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 512 }), fc.double({ min: 0.01, max: 600, noNaN: true }), (cores, quota) => {
        const threads = threadCount(machine({ cores, quotaCores: quota }), large, 1);
        expect(threads).to.be.at.least(1);
        expect(threads).to.be.at.most(Math.max(1, cores - 1));
        expect(threads).to.be.at.most(Math.max(1, quota));
      }),
    );
  });
});

describe("the machine", () => {
  it("reads quotas and memory limits of control groups", () => {
    expect(quotaCoresOf("150000 100000\n")).to.equal(1.5);
    for (const none of ["max 100000\n", "", "0 0", "nonsense"]) expect(quotaCoresOf(none)).to.equal(undefined);
    expect(groupMemoryOf("1073741824\n")).to.equal(gibibyte);
    for (const none of ["max\n", "", "-1", "nonsense"]) expect(groupMemoryOf(none)).to.equal(undefined);
  });

  it("looks at the control group it is in and at those around it", () => {
    expect(groupFolders("0::/system.slice/plexus.service\n")).to.deep.equal([
      "/sys/fs/cgroup/system.slice/plexus.service",
      "/sys/fs/cgroup/system.slice",
      "/sys/fs/cgroup",
    ]);
    for (const root of ["0::/\n", "", "12:cpu:/old\n"]) expect(groupFolders(root)).to.deep.equal(["/sys/fs/cgroup"]);
  });

  it("gives models four fifths of the memory, or what the control group allows", () => {
    expect(memoryBudgetBytes(machine())).to.equal(Math.floor(16 * gibibyte * 0.8));
    expect(memoryBudgetBytes(machine({ groupMemoryBytes: 2 * gibibyte }))).to.equal(2 * gibibyte);
    expect(memoryBudgetBytes(machine({ groupMemoryBytes: 64 * gibibyte }))).to.equal(Math.floor(16 * gibibyte * 0.8));
  });

  it("is read without fault here", () => {
    expect(readMachine().cores).to.be.at.least(1);
    expect(readMachine().memoryBytes).to.be.greaterThan(0);
  });
});
