import { expect } from "chai";
import { installGpu } from "../../../cli/models/gpu.ts";
import type { Output } from "../../../cli/terminal/output.ts";
import { codeOf } from "../../conformance/directory.ts";

describe("plexus gpu", () => {
  const output = { print: () => undefined } as unknown as Output;
  const place = { modules: "/nowhere", platform: "linux-x64", environment: {} };

  it("says which kinds there are, and where there are none", async () => {
    expect(await codeOf(installGpu("metal", output, place))).to.equal("BAD_REQUEST");
    expect(await codeOf(installGpu("cuda", output, { ...place, platform: "linux-arm64" }))).to.equal("BAD_REQUEST");
  });
});
