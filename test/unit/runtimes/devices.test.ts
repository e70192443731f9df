import { expect } from "chai";
import { failure } from "../../../protocols/errors.ts";
import type { GpuKind } from "../../../runtimes/adapter.ts";
import type { Gpus } from "../../../runtimes/gpu.ts";
import { Devices, withAdvice } from "../../../runtimes/host/devices.ts";

const card = (kind: GpuKind) => ({ kind, cards: ["A"], memoryBytes: 8, freeBytes: 8 });
const found = (...kinds: readonly GpuKind[]): Gpus => ({ interfaces: kinds.map(card) });
const devicesWith = (gpus: Gpus) => new Devices(() => Promise.resolve(gpus));
const spec = { name: "m", adapter: "llama", path: "m.gguf", gpu: "auto" } as const;
const fault = (reason: string) =>
  ({ type: "failed", ended: true, error: failure("MODEL_LOAD_FAILED", { reason }) }) as const;

describe("the devices of a model", () => {
  it("are each interface to cards, best first, and the processor last", async () => {
    expect(await devicesWith(found("cuda", "vulkan")).of(spec)).to.deep.equal(["cuda", "vulkan", false]);
    expect(await devicesWith(found()).of(spec)).to.deep.equal([false]);
    const unasked = new Devices(() => Promise.reject(new Error("nobody needs to look")));
    expect(await unasked.of({ ...spec, gpu: false })).to.deep.equal([false]);
    expect(await unasked.of({ name: "m", adapter: "llama", path: "m.gguf" })).to.deep.equal([false]);
  });

  it("are not tried again where one failed, and the model says why, until it is tried anew", async () => {
    const devices = devicesWith(found("cuda", "vulkan"));
    expect(devices.failed("m", "cuda", fault("no toolchain"))).to.equal("cuda cannot run it: no toolchain");
    expect(await devices.of(spec)).to.deep.equal(["vulkan", false]);
    expect(await devices.of({ ...spec, name: "other" })).to.deep.equal(["cuda", "vulkan", false]);
    devices.choose("m", "vulkan");
    expect(devices.asLoaded(spec).gpu).to.equal("vulkan");
    expect(devices.why("m"), "it is on a card").to.equal(undefined);
    devices.failed("m", "vulkan", fault("lost"));
    devices.choose("m", false);
    expect(devices.why("m")).to.equal("cuda cannot run it: no toolchain; vulkan cannot run it: lost");
    devices.forget("m");
    expect(devices.why("m")).to.equal(undefined);
    expect(await devices.of(spec)).to.deep.equal(["cuda", "vulkan", false]);
  });

  it("come with what to do where the driver is too old", () => {
    const reason = "CUDA error: the provided PTX was compiled with an unsupported toolchain.";
    expect(withAdvice(reason)).to.include(reason).and.include("update it").and.include("plexus gpu install vulkan");
    expect(withAdvice("something else")).to.equal("something else");
  });
});
