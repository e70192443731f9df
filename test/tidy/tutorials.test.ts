/** What the tutorials say is so: their diffs apply to the tree, compile, and pass the tests that they add. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect } from "chai";
import { isAll } from "../depth.ts";
import { bin } from "../runner/phases.ts";
import { applyDiffs, copyTouched, copyTree, diffsIn, readTutorials, testsOfTutorial } from "./tutorials.ts";

describe("the tutorials", () => {
  const tutorials = readTutorials();
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-tutorials-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  const passes = (program: string, words: readonly string[]): void => {
    const { status, stdout, stderr } = spawnSync(program, words, { cwd: folder, encoding: "utf8" });
    expect(status, `${words.join(" ")}\n${stdout}${stderr}`).to.equal(0);
  };

  it("are four: a command, an adapter, a kind, an operation of admins, each with a test of its own", () => {
    expect(tutorials.map(({ page }) => page)).to.deep.equal(
      ["a-command", "a-kind", "an-adapter", "an-admin-operation"].map((name) => `docs/tutorials/${name}.md`),
    );
    for (const tutorial of tutorials) expect(testsOfTutorial(tutorial), tutorial.page).to.have.length.above(0);
    expect(() => diffsIn("x.md", "```diff\n+a line\n```")).to.throw("not the diff of one file");
  });

  it("have diffs that apply to the tree as it is; docs/tutorials/README.md says how they are written anew", () => {
    for (const tutorial of tutorials) copyTouched(folder, tutorial);
    const problems = tutorials.flatMap((tutorial) => applyDiffs(folder, tutorial));
    expect(problems, problems.join("\n")).to.deep.equal([]);
    // Once more they do not: what they add is there.
    expect(tutorials.flatMap((tutorial) => applyDiffs(folder, tutorial))).to.not.deep.equal([]);
  });

  if (isAll)
    it("compile, for the server and for the page, and pass their tests", () => {
      copyTree(folder);
      expect(tutorials.flatMap((tutorial) => applyDiffs(folder, tutorial))).to.deep.equal([]);
      passes(bin("tsc"), ["--noEmit"]);
      passes(bin("tsc"), ["--noEmit", "-p", "web"]);
      passes(process.execPath, [bin("mocha"), ...tutorials.flatMap(testsOfTutorial)]);
    });
});
