import { expect } from "chai";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { PackagePlace } from "../../../cli/terminal/npm.ts";
import { installOnnx, removeOnnx, showOnnx } from "../../../cli/models/onnx.ts";
import type { Output } from "../../../cli/terminal/output.ts";
import { codeOf } from "../../conformance/directory.ts";

describe("plexus onnx", () => {
  let place: PackagePlace;
  let printed: string[];
  const output = { print: (line: string) => void printed.push(line) } as unknown as Output;
  beforeEach(() => {
    const modules = mkdtempSync(join(tmpdir(), "plexus-onnx-"));
    // A registry that is not there.
    const environment = { ...process.env, npm_config_registry: "http://127.0.0.1:9/", npm_config_fetch_retries: "0", npm_config_cache: join(modules, ".cache") }; // prettier-ignore
    place = { modules, platform: "linux-x64", environment };
    printed = [];
  });
  afterEach(() => rmSync(place.modules, { recursive: true, force: true }));

  it("says whether it is there, installs nothing twice, and takes it out", async () => {
    showOnnx(output, place);
    mkdirSync(join(place.modules, "plexus-onnx"));
    writeFileSync(join(place.modules, "plexus-onnx", "package.json"), "{}");
    showOnnx(output, place);
    expect(await installOnnx(output, place)).to.equal(0);
    expect(printed.map((line) => /^[^:.]*/.exec(line)?.[0])).to.deep.equal([
      "ONNX Runtime is not installed",
      "ONNX Runtime is installed",
      "ONNX Runtime is installed already",
    ]);
    await removeOnnx(output, place);
    expect(existsSync(join(place.modules, "plexus-onnx"))).to.equal(false);
  });

  it("changes nothing when the packages cannot be fetched, or there is no build for the machine", async () => {
    expect(await codeOf(installOnnx(output, place))).to.equal("SOURCE_FAILED");
    expect(await codeOf(installOnnx(output, { ...place, platform: "linux-arm" }))).to.equal("BAD_REQUEST");
    expect(readdirSync(place.modules).filter((name) => name !== ".cache")).to.deep.equal([]);
  });
});
