/** Models on real processes that are killed, stopped, run out of memory or lose their files: nothing hangs, every call
 *  ends once, and memory comes back. */
import { expect } from "chai";
import { copyFileSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Media } from "../../../protocols/index.ts";
import { depth } from "../../depth.ts";
import { enginesOf, readMachine, type InferenceHost, type ModelSpec } from "../../../runtimes/index.ts";
import { echoAnswer } from "../../../runtimes/echo/reply.ts";
import { estimateModel } from "../../../runtimes/adapters.ts";
import { type InferenceHostOptions } from "../../../runtimes/host/host.ts";
import { writeChainLora, writeChainModel } from "../../conformance/chain-model.ts";
import { keptLog, realClock, sharedTrials, type KeptLog } from "../../conformance/real-time.ts";
import { TestHosts } from "../../conformance/test-hosts.ts";
import { codeOf, endOf, listen, type Ask, type Heard } from "../../conformance/runtime.ts";
import { sleep, untilTrue } from "../../waits.ts";

const words = Array.from({ length: 400 }, (_word, index) => `word${index}`).join(" ");
const mebibyte = 1024 * 1024;

describe("models on processes that fail", function () {
  let log: KeptLog;
  const hosts = new TestHosts("chaos");

  async function started(models: readonly ModelSpec[], options: Partial<InferenceHostOptions> = {}) {
    log = keptLog();
    const host = hosts.start({ models, log, trials: sharedTrials, ...options });
    await host.settled();
    return host;
  }
  const ask = (host: InferenceHost, model: string, fields: Ask = {}): Heard =>
    listen(enginesOf(host).generate, { model, ...fields });
  const echo = (name: string, fields: Partial<ModelSpec> = {}): ModelSpec => ({
    name,
    adapter: "echo",
    path: "",
    ...fields,
  });
  function chain(name: string, after: "end" | "again" = "end"): ModelSpec {
    const path = join(hosts.folder, `${name}.gguf`);
    // Long enough that one that does not end by itself is still at it when it is looked at.
    const contextTokens = after === "again" ? 65_536 : 2_048;
    writeChainModel(path, { text: "fine", after, contextTokens });
    return { name, adapter: "llama", path, contextTokens, sequences: 2 };
  }
  const bytesOf = (spec: ModelSpec): number => {
    const verdict = estimateModel(spec);
    if (verdict.type === "refused") throw new Error(verdict.reason);
    return verdict.plan.memoryBytes;
  };
  const residentBytes = (pid: number): number =>
    Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]) * 4_096;

  it("a fault in native code does not touch what other adapters do, nor the other way round", async () => {
    const host = await started([chain("native", "again"), echo("light", { tokenDelayMs: 1 })]);
    const [writing, speaking] = [ask(host, "native"), ask(host, "light", { question: words })];
    await Promise.all([writing.firstText, speaking.firstText]);
    const { native, light } = host.pids;
    process.kill(native!, "SIGKILL");
    expect(codeOf(await writing.last)).to.equal("RUNTIME_FAULT");
    expect(endOf(await speaking.last)).to.equal("complete");
    expect(host.pids.light).to.equal(light);
    await log.next("model.loaded");
    const again = ask(host, "native");
    await again.firstText;
    const died = log.next("inference.host_died");
    process.kill(light!, "SIGKILL");
    await died;
    expect(endOf(await ask(host, "light", { question: "back?" }).last)).to.equal("complete");
    again.generation.cancel();
    // So quick a model may be through.
    expect(endOf(await again.last)).to.be.oneOf(["stopped", "length"]);
  });

  it("a worker that runs out of memory is replaced alone: what ran ends once, what waited goes on", async () => {
    const before = process.env["NODE_OPTIONS"];
    process.env["NODE_OPTIONS"] = "--max-old-space-size=96";
    let host: InferenceHost;
    try {
      host = await started([echo("greedy", { contextTokens: 1e9, sequences: 1 }), echo("modest", { tokenDelayMs: 1 })]);
    } finally {
      if (before === undefined) delete process.env["NODE_OPTIONS"];
      else process.env["NODE_OPTIONS"] = before;
    }
    const { light } = host.pids;
    const speaking = ask(host, "modest", { question: words });
    await speaking.firstText;
    const large = ask(host, "greedy", { question: "a ".repeat(6 * mebibyte) });
    const waiting = ask(host, "greedy", { question: "and me?" });
    expect(codeOf(await large.last)).to.equal("RUNTIME_FAULT");
    expect(endOf(await waiting.last)).to.equal("complete");
    expect(waiting.text()).to.equal(echoAnswer([{ role: "user", content: "and me?" }]));
    expect(endOf(await speaking.last)).to.equal("complete");
    expect(host.pids.light).to.equal(light);
    expect(log.lines.filter(({ event }) => event === "inference.worker_died")).to.have.length(1);
  });

  it("models that do not fit together take turns within the budget, and their memory comes back", async () => {
    const specs = ["one", "two", "three"].map((name) => chain(name));
    const budgetBytes = 2 * bytesOf(specs[0]!) + mebibyte;
    const host = await started(specs, { machine: { ...readMachine(), memoryMaxBytes: budgetBytes } });
    expect(host.models().map(({ state }) => state)).to.deep.equal(["ready", "ready", "idle"]);
    await host.unload("one");
    await host.unload("two");
    const emptyBytes = residentBytes(host.pids.native!);
    const stopWatching = host.watch(() => expect(host.memory().usedBytes).to.be.at.most(budgetBytes));
    for (let round = 0; round < 2; round += 1) {
      const all = specs.flatMap(({ name }) => [1, 2, 3].map(() => ask(host, name)));
      for (const heard of all) expect(endOf(await heard.last)).to.equal("complete");
    }
    stopWatching();
    for (const { name } of specs) await host.unload(name);
    expect(host.memory().usedBytes).to.equal(0);
    expect(host.models().map(({ state }) => state)).to.deep.equal(["idle", "idle", "idle"]);
    // Room for what the process keeps of threads that ended; a model that stayed would be one more for each load.
    expect(residentBytes(host.pids.native!) - emptyBytes).to.be.lessThan(2 * bytesOf(specs[0]!));
  });

  it("one that can never fit is refused with the numbers, and those that do go on", async () => {
    const [small, large] = [chain("small"), { ...chain("large"), sequences: 64 }];
    const host = await started([small, large], {
      machine: { ...readMachine(), memoryMaxBytes: bytesOf(small) + mebibyte },
    });
    const refusal = await ask(host, "large").last;
    expect(codeOf(refusal)).to.equal("MODEL_LOAD_FAILED");
    expect(refusal)
      .to.have.nested.property("error.details.reason")
      .match(/needs about \d+ MiB.*\d+ MiB are free/u);
    expect(endOf(await ask(host, "small").last)).to.equal("complete");
  });

  it("a file that is damaged while its model is not in memory is refused when it is called, until it is whole again", async () => {
    const [spec, other] = [chain("rots"), chain("other")];
    const whole = `${spec.path}.whole`;
    copyFileSync(spec.path, whole);
    const host = await started([spec, other]);
    expect(endOf(await ask(host, "rots").last)).to.equal("complete");
    await host.unload("rots");
    truncateSync(spec.path, 3_000);
    expect(codeOf(await ask(host, "rots").last)).to.equal("MODEL_LOAD_FAILED");
    writeFileSync(spec.path, readFileSync(whole));
    expect(codeOf(await ask(host, "rots").last)).to.equal("MODEL_LOAD_FAILED");
    expect(await host.load("rots")).to.deep.equal({ ok: true, value: undefined });
    expect(endOf(await ask(host, "rots").last)).to.equal("complete");
    expect(endOf(await ask(host, "other").last)).to.equal("complete");
  });

  it("calls that are cancelled together end, whatever their models are made of, and the process that has them goes on", async () => {
    const base = chain("cancels", "again");
    const [other, lora] = [chain("guesses-otherwise", "again").path, join(hosts.folder, "cancels-lora.gguf")];
    writeChainModel(other, { text: "fire", after: "again", contextTokens: 65_536 });
    writeChainLora(lora, { begins: "n" });
    const sized = { ...base, contextTokens: 4_096, sequences: 8 };
    const specs: readonly ModelSpec[] = [
      sized,
      { ...sized, name: "draft", draft: other },
      { ...sized, name: "all", draft: other, cacheType: "q8_0", lora: [{ path: lora }] },
    ];
    const host = await started(specs);
    const { native } = host.pids;
    const json = { type: "array", items: { type: "integer" } };
    const image: Media = { type: "image", mediaType: "image/png", bytes: new Uint8Array([1]) };
    for (let round = 0; round < depth(2, 20); round += 1) {
      const all = specs.flatMap(({ name: model }) =>
        Array.from({ length: 8 }, (_none, index) =>
          ask(host, model, {
            sampling: { maxTokens: 2_000 },
            ...(index % 4 === 1 && { format: { type: "schema", schema: json } }),
            ...(index % 4 === 2 && { tools: [{ name: "clock" }] }),
            ...(index === 3 && { messages: [{ role: "user", content: "What is it?", media: [image] }] }),
          }),
        ),
      );
      // Long enough that guesses were right and wrong: a text whose guesses were lost would write no more.
      const first = all.filter((_heard, index) => index % 8 === 0);
      await untilTrue("every model has written 60 tokens", () => first.every((heard) => heard.tokens() >= 60));
      for (const { generation } of all) generation.cancel();
      for (const heard of all) {
        const end = await heard.last;
        if (end.ok) expect(endOf(end)).to.be.oneOf(["stopped", "complete", "length", "calls"]);
        else expect(codeOf(end)).to.be.oneOf(["MODEL_UNSUPPORTED", "OUTPUT_UNFIT"]);
      }
    }
    for (const { name: model } of specs)
      expect(endOf(await ask(host, model, { sampling: { maxTokens: 9 } }).last)).to.equal("length");
    expect(host.pids.native).to.equal(native);
    expect(log.lines.filter(({ event }) => event === "generation.stuck")).to.deep.equal([]);
  });

  it("models come and go while others are called", async () => {
    const host = await started([echo("stays")]);
    const spec = chain("guest", "again");
    expect(codeOf(await ask(host, "guest").last)).to.equal("MODEL_NOT_FOUND");
    expect(host.add(spec)).to.have.property("ok", true);
    const writing = ask(host, "guest", { sampling: { maxTokens: 400 } });
    await writing.firstText;
    const threads = host.residents()[1]?.threads;
    expect(threads).to.deep.equal({ now: 1, most: 1, because: threads?.because });
    expect(threads?.because).to.match(/core|fastest on one/u);
    const removed = host.remove("guest");
    expect(codeOf(await ask(host, "guest").last)).to.equal("MODEL_NOT_FOUND");
    expect(endOf(await ask(host, "stays").last)).to.equal("complete");
    expect(endOf(await writing.last)).to.equal("length");
    await removed;
    expect(host.residents().map(({ spec: { name } }) => name)).to.deep.equal(["stays"]);
  });

  it("ends every call once, whatever is killed or stopped and whenever, with more models than room", async function () {
    const specs = [chain("left"), chain("right"), echo("light", { tokenDelayMs: 1 })];
    const host = await started(specs, {
      machine: { ...readMachine(), memoryMaxBytes: bytesOf(specs[0]!) + bytesOf(specs[2]!) + mebibyte },
      clock: realClock(4),
    });
    const all: Heard[] = [];
    for (let round = 0; round < depth(4, 30); round += 1) {
      for (const { name } of specs)
        for (let count = 0; count < 4; count += 1)
          all.push(
            ask(host, name, {
              question: words.slice(0, 300),
              keepAliveMs: round % 2 === 0 ? 0 : -1,
            }),
          );
      await sleep(round * 37);
      all.at(-(1 + round))?.generation.cancel();
      const { native, light } = host.pids;
      const victim = round % 2 === 0 ? native : light;
      if (victim !== undefined) process.kill(victim, round % 4 === 3 ? "SIGSTOP" : "SIGKILL");
    }
    const ends = await Promise.all(all.map((heard) => heard.last));
    for (const end of ends) {
      if (end.ok) expect(endOf(end)).to.be.oneOf(["complete", "stopped"]);
      else expect(codeOf(end)).to.be.oneOf(["RUNTIME_FAULT", "CANCELLED", "MODEL_LOAD_FAILED"]);
    }
    expect(ends.filter(({ ok }) => ok).length).to.be.greaterThan(ends.length / 4);
    expect(host.stats()).to.include({ running: 0, queued: 0 });
  });
});
