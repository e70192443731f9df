import { expect } from "chai";
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { installGpu, removeGpu, showGpu } from "../../../cli/models/gpu.ts";
import type { PackagePlace } from "../../../cli/terminal/npm.ts";
import type { Output } from "../../../cli/terminal/output.ts";
import { codeOf } from "../../conformance/directory.ts";

/** A registry of npm with packages that have a build, or have none. */
function registry(folder: string, version: string, withBuilds: boolean): Promise<Server> {
  const server = createServer((request, response) => {
    const { port } = server.address() as AddressInfo;
    const path = decodeURIComponent(request.url ?? "");
    const name = path.slice(1).replace(/\/-\/.*$/u, "");
    if (!name.startsWith("@node-llama-cpp/linux-x64-")) return response.writeHead(404).end("{}");
    if (path.includes("/-/")) {
      const source = mkdtempSync(join(folder, "package-"));
      writeFileSync(join(source, "package.json"), JSON.stringify({ name, version }));
      if (withBuilds) mkdirSync(join(source, "bins"));
      if (withBuilds) writeFileSync(join(source, "bins", "llama-addon.node"), name);
      const packed = spawnSync("npm", ["pack", "--silent"], { cwd: source, encoding: "utf8" });
      return response.end(readFileSync(join(source, packed.stdout.trim())));
    }
    const tarball = `http://127.0.0.1:${port}/${name}/-/it.tgz`;
    return response.end(JSON.stringify({ name, "dist-tags": { latest: version }, versions: { [version]: { name, version, dist: { tarball } } } })); // prettier-ignore
  });
  return new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(server)));
}

describe("plexus gpu, with npm", () => {
  let folder: string;
  let place: PackagePlace;
  let printed: string[];
  const output = { print: (line: string) => void printed.push(line) } as unknown as Output;
  const at = (name: string, ...more: string[]) => join(place.modules, "@node-llama-cpp", name, ...more);
  const use = async (withBuilds: boolean): Promise<Server> => {
    const server = await registry(folder, "3.2.1", withBuilds);
    const { port } = server.address() as AddressInfo;
    const environment = { ...process.env, npm_config_registry: `http://127.0.0.1:${port}/`, npm_config_cache: join(folder, "cache"), npm_config_fetch_retries: "0" }; // prettier-ignore
    place = { ...place, environment };
    return server;
  };
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-gpu-"));
    place = { modules: join(folder, "node_modules"), platform: "linux-x64", environment: process.env };
    printed = [];
    mkdirSync(join(place.modules, "node-llama-cpp"), { recursive: true });
    writeFileSync(join(place.modules, "node-llama-cpp", "package.json"), JSON.stringify({ version: "3.2.1" }));
    mkdirSync(at("linux-x64-vulkan"), { recursive: true });
    writeFileSync(at("linux-x64-vulkan", "package.json"), "{}");
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  it("puts the packages of the library's version in the place of the empty ones, and takes them out again", async () => {
    const server = await use(true);
    try {
      await installGpu("vulkan", output, place);
      expect(readFileSync(at("linux-x64-vulkan", "bins", "llama-addon.node"), "utf8")).to.equal(
        "@node-llama-cpp/linux-x64-vulkan",
      );
      await installGpu("cuda", output, place);
      expect(existsSync(at("linux-x64-cuda-ext", "bins"))).to.equal(true);
      expect(readdirSync(place.modules).toSorted()).to.deep.equal(["@node-llama-cpp", "node-llama-cpp"]);
      showGpu(output, place);
      expect(printed.join("\n"))
        .to.match(/cuda +installed/u)
        .and.to.match(/vulkan +installed/u);
      await removeGpu("vulkan", output, place);
      expect(readdirSync(at("linux-x64-vulkan"))).to.deep.equal(["package.json"]);
    } finally {
      server.close();
    }
  });

  it("changes nothing when the registry has no such package, or one without a build", async () => {
    const server = await use(false);
    try {
      expect(await codeOf(installGpu("vulkan", output, place))).to.equal("SOURCE_FAILED");
    } finally {
      server.close();
    }
    expect(await codeOf(installGpu("vulkan", output, place))).to.equal("SOURCE_FAILED");
    expect(readFileSync(at("linux-x64-vulkan", "package.json"), "utf8")).to.equal("{}");
    expect(readdirSync(place.modules).toSorted()).to.deep.equal(["@node-llama-cpp", "node-llama-cpp"]);
  });
});
