import { expect } from "chai";
import { describeGpus, hasGraphics, probeGpus } from "../../../runtimes/gpu.ts";

describe("graphics cards", () => {
  it("are asked for only where there is a device", async () => {
    expect(hasGraphics("linux", () => ["null", "tty0", "nvidiactl"])).to.equal(false);
    for (const name of ["nvidia0", "kfd", "dri", "dxg"]) expect(hasGraphics("linux", () => [name])).to.equal(true);
    expect(hasGraphics("darwin", () => [])).to.equal(true);
    expect(await probeGpus(false)).to.deep.equal({ interfaces: [], because: "this machine has no graphics device" });
  });

  it("are found in a process of their own, or why there is none", async function () {
    const { interfaces, because } = await probeGpus(true);
    if (interfaces.length === 0) expect(because).to.be.a("string").that.is.not.equal("");
    for (const { kind, memoryBytes, freeBytes } of interfaces) {
      expect(kind).to.be.oneOf(["cuda", "vulkan", "metal"]);
      expect(freeBytes).to.be.at.most(memoryBytes);
    }
  });

  it("are described in one line", () => {
    const gibibyte = 1024 ** 3;
    const cuda = { kind: "cuda" as const, cards: ["A", "B"], memoryBytes: 48 * gibibyte, freeBytes: 40.25 * gibibyte };
    expect(describeGpus({ interfaces: [cuda] })).to.equal("cuda: A, B, 40.3 GiB of 48.0 GiB free");
    expect(describeGpus({ interfaces: [], because: "x" })).to.equal("none that models can use: x");
  });
});
