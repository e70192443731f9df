import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { archived } from "../../fixtures/recall-archive.ts";

describe("a recall as an archive, as others read it", () => {
  it("is what the system's own tar reads", async function () {
    if (spawnSync("tar", ["--version"]).status !== 0) return this.skip();
    const folder = await mkdtemp(join(tmpdir(), "plexus-archive-"));
    try {
      await writeFile(join(folder, "a.tar"), await archived());
      execFileSync("tar", ["-xf", "a.tar"], { cwd: folder });
      expect(await readFile(join(folder, "room/lobby/message/2026-11-23.0.jsonl"), "utf8")).to.match(/^\["m\/1"/);
      expect(await readdir(join(folder, "room", "%C3%A9".repeat(30), "message"))).to.deep.equal(["2026-11-23.0.jsonl"]);
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});
