import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { expect } from "chai";
import type { Counts } from "../runner/reporter.ts";

const root = join(import.meta.dirname, "../..");

/** What CI believes must itself be believed: the runner's counts and its last line. */
describe("the test runner", function () {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-runner-"));
  });
  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  async function run(args: readonly string[]): Promise<{ code: number | null; out: string }> {
    const environment = { ...process.env, PLEXUS_TEST_COUNTS: join(folder, "counts.json") };
    delete (environment as NodeJS.ProcessEnv)["NODE_V8_COVERAGE"];
    delete (environment as NodeJS.ProcessEnv)["PLEXUS_TEST_PROFILE"];
    const child = spawn(process.execPath, [...args], {
      cwd: root,
      env: environment,
      stdio: ["ignore", "pipe", "ignore"],
    });
    const [out, [code]] = await Promise.all([readAll(child.stdout), once(child, "exit") as Promise<[number | null]>]);
    return { code, out };
  }

  async function mocha(body: string): Promise<{ code: number | null; out: string; counts: Counts }> {
    const file = join(folder, "planted.cjs");
    writeFileSync(file, body);
    const args = ["node_modules/mocha/bin/mocha.js", "--no-config", "--reporter", "./test/runner/reporter.ts", file];
    const ended = await run(args);
    return { ...ended, counts: JSON.parse(readFileSync(join(folder, "counts.json"), "utf8")) as Counts };
  }

  it("prints failures only and counts everything", async () => {
    const { code, out, counts } = await mocha(`
      it("holds", () => {});
      it.skip("needs a GPU", () => {});
      it("breaks", () => { throw new Error("on purpose"); });
    `);
    const { slowest, ...rest } = counts;
    expect(rest).to.deep.equal({ passed: 1, failed: 1, skipped: 1, ended: true, current: "" });
    expect(slowest.map(({ title }) => title)).to.have.members(["holds", "breaks"]);
    expect(out).to.include("on purpose").and.not.include("holds");
    expect(code).to.equal(1);
  });

  it("knows in which test a process died", async () => {
    const { counts } = await mocha(
      `it("holds", () => {}); it("takes all down", () => process.kill(process.pid, "SIGKILL"));`,
    );
    expect(counts).to.include({ ended: false, current: "takes all down", passed: 1 });
  });

  it("ends with counts also when it was asked for a phase that does not exist", async () => {
    const { code, out } = await run(["test/run.ts", "quick"]);
    expect(code).to.equal(2);
    expect(out.trim().split("\n").at(-1)).to.equal("0 passed, 0 failed, 0 skipped");
  });
});
