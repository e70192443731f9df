/** What is open in processes that are started while a journal is open: nothing of it, and nothing but what they are
 *  given and what their own libraries opened. */
import { expect } from "chai";
import { once } from "node:events";
import {
  mkdtempSync,
  openSync,
  closeSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Level } from "level";
import { forkOurs, runWhole, start } from "../../runtimes/children.ts";
import { enginesOf, startInferenceHost } from "../../runtimes/index.ts";
import { espeakFor } from "../../runtimes/onnx/voice.ts";
import { writeChainModel } from "./chain-model.ts";
import { keptLog, realClock, sharedTrials } from "./real-time.ts";
import { listen } from "./runtime.ts";

const isLinux = process.platform === "linux";

/** What a process has open from number three on, without what Node itself has: pipes, sockets, what watches them, and
 *  the null device. */
const openIn = (pid: number): readonly string[] =>
  readdirSync(`/proc/${pid}/fd`)
    .filter((name) => Number(name) > 2)
    .flatMap((name) => {
      try {
        return [readlinkSync(`/proc/${pid}/fd/${name}`)];
      } catch {
        return [];
      }
    })
    .filter((target) => target.startsWith("/") && !target.startsWith("/proc/") && target !== "/dev/null");

(isLinux ? describe : describe.skip)("a process that is started while a journal is open", function () {
  let folder: string;
  let journal: Level;
  /** A file of another library that does not close it either. */
  let stray: number;
  before(async () => {
    folder = mkdtempSync(join(tmpdir(), "plexus-children-"));
    journal = new Level(join(folder, "journal"));
    await journal.open();
    await journal.put("key", "value");
    stray = openSync(join(folder, "stray"), "w");
  });
  after(async () => {
    closeSync(stray);
    await journal.close();
    rmSync(folder, { recursive: true });
  });

  /** Descriptors of this process that a child would have that is started in any other way. */
  const leaks = (): readonly string[] =>
    readdirSync("/proc/self/fd").flatMap((name) => {
      try {
        const flags = Number.parseInt(
          /^flags:\s*(\d+)/mu.exec(readFileSync(`/proc/self/fdinfo/${name}`, "latin1"))?.[1] ?? "",
          8,
        );
        return Number(name) > 2 && (flags & 0o2_000_000) === 0 ? [readlinkSync(`/proc/self/fd/${name}`)] : [];
      } catch {
        return [];
      }
    });

  it("would have the journal open, if it were started as Node does it", () => {
    expect(leaks().filter((target) => target.startsWith(join(folder, "journal")))).to.have.length.greaterThan(2);
  });

  it("has nothing of it, whether it is an inference host that runs native code or none", async () => {
    const path = join(folder, "model.gguf");
    writeChainModel(path, { text: "abc", after: "again", contextTokens: 65_536 });
    const models = [
      { name: "native", adapter: "llama", path, contextTokens: 65_536 },
      { name: "light", adapter: "echo", path: "", tokenDelayMs: 5 },
    ] as const;
    const host = startInferenceHost({ models, clock: realClock(), log: keptLog(), trials: sharedTrials });
    try {
      await host.settled();
      for (const kind of ["native", "light"] as const) {
        const heard = listen(enginesOf(host).generate, { model: kind, question: "word ".repeat(400) });
        await heard.firstText;
        // While it runs a model of a stranger: that model's file is its own.
        expect(
          openIn(host.pids[kind]!).filter((target) => target !== path),
          kind,
        ).to.deep.equal([]);
        heard.generation.cancel();
        await heard.last;
      }
    } finally {
      await host.stop(5_000);
    }
  });

  it("has nothing of it, whether it is one of our programs", async () => {
    const program = join(folder, "ours.ts");
    writeFileSync(
      program,
      `import ${JSON.stringify(join(import.meta.dirname, "../../runtimes/closed.ts"))}; process.on("message", () => undefined); process.send("up");`,
    );
    const child = forkOurs(new URL(`file://${program}`), [], { env: process.env, streams: ["ignore", "pipe", "pipe"] });
    try {
      const [said] = (await once(child, "message")) as [unknown];
      expect(said).to.equal("up");
      expect(openIn(child.pid!)).to.deep.equal([]);
    } finally {
      child.kill("SIGKILL");
    }
  });

  it("has nothing of it, whether it is a program of others that goes on, or ends, or speaks", async () => {
    const list = ["-c", "ls -l /proc/$$/fd; read wait"];
    const going = start("sh", list, { streams: ["pipe", "pipe", "ignore"] });
    let said = "";
    going.stdout?.setEncoding("utf8").on("data", (text: string) => (said += text));
    going.stdin?.end("\n");
    await once(going, "close");
    const whole = runWhole("sh", ["-c", "ls -l /proc/$$/fd"], {}).stdout;
    // Takes a clause and says what it has open, in the place of the program that spells words.
    const speller = join(folder, "speller");
    writeFileSync(speller, `#!/bin/sh\ncat > /dev/null\nls -l /proc/$$/fd\n`, { mode: 0o700 });
    const spell = await espeakFor({ espeak: { voice: "en" } }, speller);
    for (const text of [said, whole, (await spell?.("a")) ?? ""]) {
      expect(text).to.match(/ 0 -> /u);
      for (const name of ["journal", "stray"]) expect(text).to.not.include(join(folder, name));
    }
  });
});
