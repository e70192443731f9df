/** What is remembered of trials of models, and who is suspected when the process of native models ends. */
import { expect } from "chai";
import { runtimeLimits } from "../../../runtimes/index.ts";
import { Suspects } from "../../../runtimes/host/suspects.ts";
import { Tried } from "../../../runtimes/host/tried.ts";
import type { Question } from "../../../runtimes/host/trial.ts";

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };
const named = (index: number): string => index.toString(16).padStart(64, "0");
const { trialsKept, hostsEndedMax } = runtimeLimits;

/** A file that is there from one to the next. */
function keeps(text?: string) {
  let kept = text;
  let writes = 0;
  const file = {
    read: async () => kept,
    write: async (next: string) => {
      writes += 1;
      kept = next;
    },
  };
  return { file, text: () => kept, writes: () => writes };
}
const written = async (): Promise<void> => {
  for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
};

describe("trials that are remembered", () => {
  it("are known again by what the disk knows of a file, and by its content", async () => {
    const { file } = keeps();
    const before = new Tried(file, log);
    expect(await before.byDisk(named(1))).to.equal(undefined);
    expect(before.byContent(named(1), named(11))).to.equal(undefined);
    before.add(named(11), { type: "passed" });
    before.byContent(named(2), named(12));
    before.add(named(12), { type: "failed", reason: "it ended with SIGABRT" });
    await written();
    const after = new Tried(file, log);
    expect(await after.byDisk(named(1))).to.deep.equal({ type: "passed" });
    expect(await after.byDisk(named(2))).to.deep.equal({ type: "failed", reason: "it ended with SIGABRT" });
    expect(await after.byDisk(named(3))).to.equal(undefined);
    expect(after.byContent(named(3), named(12))).to.deep.equal({ type: "failed", reason: "it ended with SIGABRT" });
    after.forget(named(2));
    await written();
    expect(await new Tried(file, log).byDisk(named(3))).to.equal(undefined);
    expect(await new Tried(file, log).byDisk(named(1))).to.deep.equal({ type: "passed" });
  });

  it("are as many as the limit says, those that were needed last", async () => {
    const { file, text } = keeps();
    const tried = new Tried(file, log);
    tried.byContent(named(0), named(0));
    tried.add(named(0), { type: "passed" });
    for (let index = 1; index < trialsKept; index += 1) tried.add(named(index), { type: "passed" });
    expect(await tried.byDisk(named(0))).to.deep.equal({ type: "passed" });
    tried.add(named(trialsKept), { type: "failed", reason: "x".repeat(10_000) });
    await written();
    const again = new Tried(file, log);
    expect(await again.byDisk(named(0))).to.deep.equal({ type: "passed" });
    expect(again.byContent(named(1), named(1))).to.equal(undefined);
    expect(text()!.length).to.be.lessThan(runtimeLimits.trialsFileBytesMax);
    expect((JSON.parse(text()!) as { found: unknown[] }).found).to.have.length(trialsKept);
  });

  it("are none where the file is damaged, is of another form, or cannot be read, and go on being kept", async () => {
    const damaged = ["", "{", "[]", '{"disk":[["x","y"]],"found":[]}', `{"disk":[],"found":[["${named(1)}",1]]}`];
    for (const text of damaged) {
      const { file } = keeps(text);
      const tried = new Tried(file, log);
      expect(await tried.byDisk(named(1)), text).to.equal(undefined);
      tried.byContent(named(1), named(2));
      tried.add(named(2), { type: "passed" });
      await written();
      expect(await new Tried(file, log).byDisk(named(1)), text).to.deep.equal({ type: "passed" });
    }
    const refuses = { read: () => Promise.reject(new Error("EIO")), write: () => Promise.reject(new Error("EIO")) };
    expect(await new Tried(refuses, log).byDisk(named(1))).to.equal(undefined);
  });

  it("that passed are failures from when their calls ended the process, until somebody takes them back", async () => {
    const { file } = keeps();
    const tried = new Tried(file, log);
    tried.byContent(named(1), named(11));
    tried.add(named(11), { type: "passed" });
    tried.condemn(named(1), "its calls ended the process");
    tried.condemn(named(2), "nobody knows what is in it");
    await written();
    const next = new Tried(file, log);
    expect(await next.byDisk(named(1))).to.deep.equal({ type: "failed", reason: "its calls ended the process" });
    expect(await next.byDisk(named(2))).to.equal(undefined);
    next.forget(named(1));
    await written();
    expect(await new Tried(file, log).byDisk(named(1))).to.equal(undefined);
  });

  it("are written once for what comes at once", async () => {
    const { file, writes } = keeps();
    const tried = new Tried(file, log);
    for (let index = 0; index < 100; index += 1) tried.add(named(index), { type: "passed" });
    await written();
    expect(writes()).to.equal(2);
  });
});

describe("models that are suspected", () => {
  const ask = (content: string): Question => ({
    engine: "generate",
    request: { id: content, model: "m", messages: [{ role: "user", content }], sampling: {}, timeoutMs: 1 },
  });
  /** The culprits end what they run in. */
  function suspects(...culprits: readonly string[]) {
    const trials: (readonly [string, number])[] = [];
    const ends: (() => void)[] = [];
    const all = new Suspects((model, asked, tell) => {
      trials.push([model, asked.length]);
      ends.push(() => tell(culprits.includes(model)));
      return silent;
    });
    const tryAll = (): void => {
      for (let end = ends.shift(); end !== undefined; end = ends.shift()) end();
    };
    const blame = (...models: readonly string[]) => all.blame(new Map(models.map((model) => [model, [ask(model), ask(model)]])), false); // prettier-ignore
    return { all, blame, tryAll, trials, guilty: () => [...all.guilty(["a", "b", "c"])] };
  }

  it("are at fault when they were alone, at the second time", () => {
    const { blame, guilty, trials } = suspects("a");
    blame("a");
    expect(guilty()).to.deep.equal([]);
    blame("a");
    expect(guilty()).to.deep.equal([["a", hostsEndedMax]]);
    expect(trials).to.deep.equal([]);
  });

  it("are asked the same again one after the other when they were several, and only who ends that is at fault", () => {
    const { blame, guilty, tryAll, trials } = suspects("b");
    for (let death = 0; death < 5; death += 1) {
      blame("a", "b", "c");
      tryAll();
    }
    expect(guilty()).to.deep.equal([["b", 5]]);
    // It was proven once; the others are tried each time.
    expect(trials.filter(([model]) => model === "b")).to.deep.equal([["b", 2]]);
    expect(trials.filter(([model]) => model === "a")).to.have.length(5);
  });

  it("are never taken out while nobody has shown that it was them", () => {
    const { all, blame, guilty, tryAll } = suspects();
    for (let death = 0; death < 20; death += 1) blame("a", "b");
    expect(guilty()).to.deep.equal([]);
    tryAll();
    all.blame(new Map([["a", []]]), true);
    all.blame(new Map([["a", []]]), true);
    expect(guilty()).to.deep.equal([]);
  });

  it("are tried one at a time, and each waits at most once", () => {
    const { blame, trials } = suspects("a");
    for (let death = 0; death < 10; death += 1) blame("a", "b", "c");
    expect(trials).to.deep.equal([["a", 2]]);
  });

  it("keep what was proven when calls of theirs end well, and lose it when somebody loads them", () => {
    const { all, blame, guilty, tryAll } = suspects("a");
    blame("a", "b");
    tryAll();
    all.answered("a");
    all.answered("b");
    blame("a", "b");
    expect(guilty()).to.deep.equal([["a", 2]]);
    all.forget("a");
    expect(guilty()).to.deep.equal([]);
  });
});
