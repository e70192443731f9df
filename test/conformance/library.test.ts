/** What one load has found out about llama.cpp's library, later loads do not find out again. */
import { expect } from "chai";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startInferenceHost } from "../../runtimes/index.ts";
import { keepLoadFindings, loadFindingsOf } from "../../runtimes/host/load-findings.ts";
import { openLibrary } from "../../runtimes/llama/library.ts";
import { writeChainModel } from "./chain-model.ts";
import { keptLog, realClock } from "./real-time.ts";

const options = { gpu: false, build: "never", skipDownload: true, progressLogs: false, maxThreads: 1 } as const;

/** What the library says of itself when it is open. */
const told = [
  "gpu",
  "buildType",
  "llamaCppRelease",
  "ramPaddingSize",
  "vramPaddingSize",
  "maxThreads",
  "systemInfo",
  "cmakeOptions",
] as const;

describe("llama.cpp's library", () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-library-"));
  });
  after(() => rmSync(folder, { recursive: true }));

  /** Opens it: what it is, what it says, and how many processes were started. */
  async function opened(known: string | undefined) {
    let processes = 0;
    const count = (): void => void (processes += 1);
    subscribe("child_process", count);
    try {
      const { llama, known: said } = await openLibrary(options, known);
      const facts = Object.fromEntries(told.map((name) => [name, llama[name]]));
      await llama.dispose();
      return { facts, said, processes };
    } finally {
      unsubscribe("child_process", count);
    }
  }

  it("is tried once, in a process of its own, and is the same when it is opened at once", async function () {
    if (process.platform !== "linux") this.skip();
    const first = await opened(undefined);
    expect(first.processes).to.equal(1);
    const again = await opened(first.said);
    expect(again).to.deep.equal({ ...first, processes: 0 });
  });

  it("is tried again when its file is another one, or when what is said of it is no sense", async function () {
    if (process.platform !== "linux") this.skip();
    const first = await opened(undefined);
    const said = JSON.parse(first.said!) as Readonly<Record<string, unknown>>;
    for (const other of [
      JSON.stringify({ ...said, state: "1 2 3" }),
      JSON.stringify({ ...said, path: "/no/such" }),
      "?",
    ])
      expect(await opened(other), other).to.deep.equal(first);
  });

  it("is no file of somewhere else, whoever says that it was opened", async function () {
    if (process.platform !== "linux") this.skip();
    const first = await opened(undefined);
    const mark = join(folder, "llama-addon.node");
    writeFileSync(mark, "");
    const { ino, size, mtimeMs } = statSync(mark);
    const said = { ...JSON.parse(first.said!), path: mark, state: `${ino} ${size} ${mtimeMs}` };
    const stand = join(folder, "opened.cjs");
    writeFileSync(stand, `require("node:fs").writeFileSync(__filename + ".log", ""); throw new Error("no library");`);
    const script = statSync(stand);
    const run = { ...said, path: stand, state: `${script.ino} ${script.size} ${script.mtimeMs}` };
    for (const one of [said, run]) expect(await opened(JSON.stringify(one))).to.deep.equal(first);
    expect(existsSync(`${stand}.log`), "it was run").to.equal(false);
  });

  it("is opened by the next process that loads a model as an earlier one has said", async function () {
    if (process.platform !== "linux") this.skip();
    const before = loadFindingsOf({ adapter: "llama" });
    const { said: found } = await opened(undefined);
    // What only an earlier load can have said: the process that looks itself says another.
    const said = JSON.stringify({ ...JSON.parse(found!), ramPadding: 12_345 });
    keepLoadFindings({ adapter: "llama", said });
    const path = join(folder, "fine.gguf");
    writeChainModel(path, { text: "fine", after: "end", contextTokens: 2_048 });
    const models = [{ name: "fine", adapter: "llama", path }];
    const host = startInferenceHost({ models, clock: realClock(), log: keptLog() });
    try {
      await host.settled();
      expect(host.models().map(({ state }) => state)).to.deep.equal(["ready"]);
      expect(loadFindingsOf({ adapter: "llama" })).to.equal(said);
    } finally {
      await host.stop(0);
      if (before !== undefined) keepLoadFindings({ adapter: "llama", said: before });
    }
  });
});
