import { expect } from "chai";
import { afterDeath, isSilent, reasonIn, type HostHistory } from "../../../runtimes/host/supervision.ts";

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

  it("says why a process ended by what it printed last, without the stack of native code", () => {
    // As llama.cpp's build for CUDA 13 ended on an H100 with driver 580.159.
    const printed = [
      "/home/runner/work/node-llama-cpp/node-llama-cpp/llama/llama.cpp/ggml/src/ggml-cuda/ggml-cuda.cu:108: CUDA error",
      "/srv/bins/linux-x64-cuda/libggml-base.so(+0x1c8eb)[0x7fe47802e8eb]",
      "/srv/bins/linux-x64-cuda/libggml-base.so(ggml_abort+0x152)[0x7fe47802ef42]",
      "CUDA error: the provided PTX was compiled with an unsupported toolchain.",
      "  current device: 0, in function ggml_cuda_kernel_can_use_pdl at /home/runner/llama.cpp/common.cuh:1679",
      "node[0x1a0c97e]",
      "/lib/x86_64-linux-gnu/libc.so.6(+0x129ecc)[0x7fe47ab29ecc]",
      "",
    ].join("\n");
    expect(reasonIn(printed)).to.equal(
      "ggml-cuda.cu:108: CUDA error; CUDA error: the provided PTX was compiled with an unsupported toolchain.",
    );
    expect(reasonIn("3265f1a]\nit was\nnothing of note\n")).to.equal("it was; nothing of note");
    expect(reasonIn("")).to.equal("");
    expect(reasonIn("a\n".repeat(1_000) + "b".repeat(1_000))).to.have.lengthOf(300);
  });
});
