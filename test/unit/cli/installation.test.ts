import { expect } from "chai";
import { existsSync } from "node:fs";
import { join, relative } from "node:path";
import { thisInstallation } from "../../../cli/terminal/npm.ts";
import { installation } from "../../../cli/up/installation.ts";

describe("the places of this installation", () => {
  const root = join(import.meta.dirname, "../../..");

  it("are where the archive has them, also of what is built or installed later", () => {
    const { folder, modelPath, webFolder, packageFile } = installation;
    expect([webFolder, thisInstallation.modules].map((path) => relative(root, path))).to.deep.equal([
      join("web", "dist"),
      "node_modules",
    ]);
    for (const path of [folder, modelPath, packageFile, thisInstallation.modules])
      expect(existsSync(path), path).to.equal(true);
  });
});
