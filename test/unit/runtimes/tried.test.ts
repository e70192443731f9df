/** What is remembered of trials of models, and who is suspected when the process of native models ends. */
import { expect } from "chai";
import { runtimeLimits } from "../../../runtimes/index.ts";
import type { Subject } from "../../../runtimes/host/subject.ts";
import { endedBy, strikesSaid, Suspects, whyOut, type Ended, type Retry } from "../../../runtimes/host/suspects.ts";
import { Tried } from "../../../runtimes/host/tried.ts";
import type { Question } from "../../../runtimes/host/messages.ts";

const silent = (): void => undefined;
const log = { debug: silent, info: silent, warn: silent, error: silent };
const named = (index: number): string => index.toString(16).padStart(64, "0");
/** Files that the disk knows by one number; others are loaded in another way, or by another version. */
const of = (disk: number, { how = "h", loader = "v1" } = {}): Subject => ({
  disk: named(disk),
  how,
  loader,
  files: [],
});
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
    expect(await before.known(of(1))).to.equal(undefined);
    expect(before.identified(of(1), named(11))).to.equal(undefined);
    before.add(of(0), named(11), { type: "passed" });
    before.identified(of(2), named(12));
    before.add(of(0), named(12), { type: "failed", reason: "it ended with SIGABRT" });
    await written();
    const after = new Tried(file, log);
    expect(await after.known(of(1))).to.deep.equal({ type: "passed" });
    expect(await after.known(of(2))).to.deep.equal({ type: "failed", reason: "it ended with SIGABRT" });
    expect(await after.known(of(3))).to.equal(undefined);
    expect(after.identified(of(3), named(12))).to.deep.equal({ type: "failed", reason: "it ended with SIGABRT" });
    after.forget(of(2));
    await written();
    expect(await new Tried(file, log).known(of(3))).to.equal(undefined);
    expect(await new Tried(file, log).known(of(1))).to.deep.equal({ type: "passed" });
    expect(await new Tried(file, log).known(of(1, { how: "otherwise" }))).to.equal(undefined);
  });

  it("are as many as the limit says, those that were needed last", async () => {
    const { file, text } = keeps();
    const tried = new Tried(file, log);
    tried.identified(of(0), named(0));
    tried.add(of(0), named(0), { type: "passed" });
    for (let index = 1; index < trialsKept; index += 1) tried.add(of(0), named(index), { type: "passed" });
    for (let index = 0; index < 2 * trialsKept; index += 1) {
      tried.identified(of(trialsKept + index), named(index));
      tried.strike(named(index), { alone: Number.MAX_SAFE_INTEGER, among: 1, proven: false, how: "x".repeat(10_000) });
    }
    tried.identified(of(0), named(0));
    expect(await tried.known(of(0))).to.deep.equal({ type: "passed" });
    tried.add(of(0), named(trialsKept), { type: "failed", reason: "x".repeat(10_000) });
    await written();
    const again = new Tried(file, log);
    expect(await again.known(of(0))).to.deep.equal({ type: "passed" });
    expect(again.identified(of(1), named(1))).to.equal(undefined);
    expect(text()!.length).to.be.lessThan(runtimeLimits.trialsFileBytesMax);
    expect((JSON.parse(text()!) as { found: unknown[] }).found).to.have.length(trialsKept);
  });

  it("are none where the file is damaged, is of another form, or cannot be read, and go on being kept", async () => {
    const damaged = ["", "{", "[]", '{"disk":[["x","y"]],"found":[]}', `{"disk":[],"found":[["${named(1)}",1]]}`];
    for (const text of damaged) {
      const { file } = keeps(text);
      const tried = new Tried(file, log);
      expect(await tried.known(of(1)), text).to.equal(undefined);
      tried.identified(of(1), named(2));
      tried.add(of(0), named(2), { type: "passed" });
      await written();
      expect(await new Tried(file, log).known(of(1)), text).to.deep.equal({ type: "passed" });
    }
    const refuses = { read: () => Promise.reject(new Error("EIO")), write: () => Promise.reject(new Error("EIO")) };
    expect(await new Tried(refuses, log).known(of(1))).to.equal(undefined);
  });

  it("that passed are over when calls ended as many processes, in however many lives, until somebody takes them back", async () => {
    const { file } = keeps();
    for (let life = 1; life <= hostsEndedMax; life += 1) {
      const tried = new Tried(file, log);
      expect(await tried.known(of(1))).to.deep.equal(life === 1 ? undefined : { type: "passed" });
      tried.identified(of(1), named(11));
      tried.add(of(1), named(11), { type: "passed" });
      const key = tried.strikeKey(of(1))!;
      expect(tried.strikeKey(of(2))).to.equal(undefined);
      const before = tried.strikes(key) ?? { alone: 0, among: 0, proven: false };
      tried.strike(key, { ...before, alone: before.alone + 1, how: "SIGABRT" });
      await written();
    }
    const out = { type: "struck", ended: { alone: hostsEndedMax, among: 0, proven: false, how: "SIGABRT" } };
    const next = new Tried(file, log);
    expect(await next.known(of(1))).to.deep.equal(out);
    // By what is in it, however it is loaded; the next version tries it anew.
    expect(next.identified(of(3, { how: "otherwise" }), named(11))).to.deep.equal(out);
    expect(next.identified(of(4, { loader: "v2" }), named(11))).to.not.deep.equal(out);
    next.forget(of(3, { how: "otherwise" }));
    await written();
    expect(await new Tried(file, log).known(of(1))).to.deep.equal({ type: "passed" });
  });

  it("keep the strikes of a model that serves when somebody takes back a trial", async () => {
    const tried = new Tried(undefined, log);
    tried.identified(of(1), named(11));
    const key = tried.strikeKey(of(1))!;
    tried.strike(key, { alone: hostsEndedMax - 1, among: 5, proven: false, how: "SIGABRT" });
    tried.forget(of(1));
    expect(tried.strikes(key)).to.include({ alone: hostsEndedMax - 1, among: 5 });
  });

  it("are written once for what comes at once", async () => {
    const { file, writes } = keeps();
    const tried = new Tried(file, log);
    for (let index = 0; index < 100; index += 1) tried.add(of(0), named(index), { type: "passed" });
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
    const counts = new Map<string, Ended>();
    const retry: Retry = (model, asked, tell) => {
      trials.push([model, asked.length]);
      ends.push(() => tell(culprits.includes(model)));
      return silent;
    };
    const all = new Suspects(retry, counts);
    const tryAll = (): void => {
      for (let end = ends.shift(); end !== undefined; end = ends.shift()) end();
    };
    const blame = (...models: readonly string[]) =>
      all.blame(new Map(models.map((model) => [model, [ask(model), ask(model)]])), { how: "SIGABRT", others: false });
    const guilty = (of = all) => [...of.guilty(["a", "b", "c"])].map(([model, ended]) => [model, endedBy(ended)]);
    return { all, blame, tryAll, trials, guilty, counts, retry };
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
    all.blame(new Map([["a", []]]), { how: "SIGSEGV", others: true });
    all.blame(new Map([["a", []]]), { how: "SIGSEGV", others: true });
    expect(guilty()).to.deep.equal([]);
  });

  it("are tried one at a time, and each waits at most once", () => {
    const { blame, trials } = suspects("a");
    for (let death = 0; death < 10; death += 1) blame("a", "b", "c");
    expect(trials).to.deep.equal([["a", 2]]);
  });

  it("keep what was proven when calls of theirs end well, and what they ended is counted by whoever comes after", () => {
    const { all, blame, guilty, tryAll, counts, retry } = suspects("a");
    blame("a", "b");
    tryAll();
    all.answered("a");
    all.answered("b");
    expect(strikesSaid(all.of("a")!)).to.equal("its calls ended the process that models share once (SIGABRT)");
    expect(all.of("b")).to.equal(undefined);
    const next = new Suspects(retry, counts);
    next.blame(new Map([["a", []]]), { how: "SIGSEGV", others: false });
    expect(guilty(next)).to.deep.equal([["a", 2]]);
    expect(whyOut("a", next.of("a")!)).to.equal(
      "its calls ended the process that models share 2 times (SIGSEGV), so it is taken out until somebody loads it: plexus models load a",
    );
    counts.clear();
    expect(guilty(next)).to.deep.equal([]);
  });
});
