import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text as readAll } from "node:stream/consumers";
import { expect } from "chai";
import { runTests, type Ending } from "../runner/phase-run.ts";
import { root } from "../runner/phases.ts";
import { repeat } from "../runner/unsteady.ts";

const limits = { lookMs: 400, secondsMax: 2, idleLooks: 10, idleSeconds: 0.1, silentLooks: 600 };

/** What CI believes must itself be believed: the runner's counts, what it says of tests that never end, and its last
 *  line. */
describe("the test runner", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-runner-"));
    process.env["PLEXUS_TEST_LINGER_MS"] = "200";
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
    delete process.env["PLEXUS_TEST_LINGER_MS"];
  });

  /** Runs a planted file as a phase; how that ended, and all that was printed. */
  async function run(body: string): Promise<Ending & { readonly out: string }> {
    const file = join(folder, "planted.cjs");
    writeFileSync(file, body);
    let out = "";
    const ending = await runTests({}, limits, { files: [file], say: (text) => (out += text) });
    return { ...ending, out };
  }

  it("prints failures only and counts everything", async () => {
    const { passed, failed, skipped, slowest, failures, problem, out } = await run(`
      it("holds", () => {});
      it.skip("needs a GPU", () => {});
      it("breaks", () => { throw new Error("on purpose"); });
    `);
    expect({ passed, failed, skipped, problem }).to.deep.equal({
      passed: 1,
      failed: 1,
      skipped: 1,
      problem: undefined,
    });
    // Beside what all files have before them.
    expect(slowest?.map(({ title }) => title)).to.include.members(["holds", "breaks"]);
    expect(failures?.map(({ title, isHook }) => [title, isHook])).to.deep.equal([["breaks", false]]);
    expect(out).to.include("on purpose").and.not.include("holds");
  });

  it("names the test in which a process died", async () => {
    const { failed, problem } = await run(
      `it("holds", () => {}); it("takes all down", () => process.kill(process.pid, "SIGKILL"));`,
    );
    expect([failed, problem]).to.deep.equal([1, "crashed (SIGKILL) in: takes all down"]);
  });

  it("ends a phase that waits for nothing, and names its test", async () => {
    const { failed, problem } = await run(
      `it("holds", () => {}); it("waits", () => new Promise((resolve) => setTimeout(resolve, 1e9)));`,
    );
    expect([failed, problem]).to.deep.equal([1, "hung: no test ended, and nothing was done, in: waits"]);
  });

  it("ends a phase that runs in a circle, and names its test", async () => {
    const { failed, problem } = await run(`it("holds", () => {}); it("circles", () => { for (;;); });`);
    expect(failed).to.equal(1);
    expect(problem).to.match(/^used more than 2 s of processors.*, in: circles$/);
  });

  it("fails a phase that leaves something open", async () => {
    const { failed, problem } = await run(
      `it("closes a server", (done) => { const server = require("node:net").createServer().listen(0, "127.0.0.1", () => server.close(done)); });
       it("leaves a server behind", (done) => { require("node:net").createServer().listen(0, "127.0.0.1", done); });
       it("holds", () => {});`,
    );
    expect(failed).to.equal(1);
    expect(problem).to.match(/^left open after the last test: TCPServerWrap of: leaves a server behind$/);
  });

  it("fails a phase without tests", async () => {
    const { passed, failed, problem } = await run("");
    expect([passed, failed]).to.deep.equal([0, 1]);
    expect(problem).to.be.a("string");
  });

  it("repeats a test of real processes that failed, alone, says that it is unsteady, and forgives two of them", async () => {
    const mark = join(folder, "mark");
    const unsteady = (name: string): string =>
      `it("${name}", () => { const mark = ${JSON.stringify(mark)} + "${name}"; const { existsSync, writeFileSync } = require("node:fs");
        if (!existsSync(mark)) { writeFileSync(mark, ""); throw new Error("only once"); } });`;
    const repeated = async (names: readonly string[]) => {
      const said: string[] = [];
      const { failures = [], out } = await run(
        `${names.map(unsteady).join("")} it("breaks", () => { throw new Error("always"); });`,
      );
      expect(out.match(/only once/g)).to.have.length(names.length);
      const again = await repeat(
        failures,
        (only) => runTests({}, limits, { ...only, say: (text) => said.push(text) }),
        (text) => said.push(text),
      );
      return { forgiven: again.forgiven, said: said.join("\n") };
    };
    const two = await repeated(["a", "b"]);
    expect(two.forgiven).to.equal(2);
    expect(two.said)
      .to.match(/unsteady +a\nunsteady +b\n2 unsteady$/)
      .and.include("always")
      .and.include("again, alone: breaks");
    expect((await repeated(["c", "d", "e"])).forgiven).to.equal(0);
  });

  it("ends with counts also when it was asked for a phase that does not exist", async () => {
    const child = spawn(process.execPath, ["test/run.ts", "quick"], { cwd: root, stdio: ["ignore", "pipe", "ignore"] });
    const [out, [code]] = await Promise.all([readAll(child.stdout), once(child, "exit") as Promise<[number | null]>]);
    expect(code).to.equal(2);
    expect(out.trim().split("\n").at(-1)).to.equal("0 passed, 0 failed, 0 skipped");
  });
});
