/** Files of strangers: each is refused with its reason, or loads and answers; none of them ends the process that has
 *  everybody's native models. */
import { expect } from "chai";
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Result } from "../../../protocols/index.ts";
import { enginesOf, type InferenceHost, type ModelSpec } from "../../../runtimes/index.ts";
import { type InferenceHostOptions } from "../../../runtimes/host/host.ts"; // prettier-ignore
import { trialFault } from "../../../cli/models/model-trial.ts";
import { depth } from "../../depth.ts";
import { changesOf } from "../../fixtures/changed-model.ts";
import { gguf } from "../../fixtures/model-files.ts";
import { smallArchitectures, writeSmallModel } from "../../fixtures/small-models.ts";
import { writeChainModel } from "../../conformance/chain-model.ts";
import { keptLog, type KeptLog } from "../../conformance/real-time.ts";
import { TestHosts } from "../../conformance/test-hosts.ts";
import { ampleMs, codeOf, endOf, listen } from "../../conformance/runtime.ts";

describe("files of strangers", function () {
  let log: KeptLog;
  const hosts = new TestHosts("strangers");

  const started = (...models: readonly ModelSpec[]): Promise<InferenceHost> => startedWith({ models });
  async function startedWith(options: Pick<InferenceHostOptions, "models" | "trials">): Promise<InferenceHost> {
    log = keptLog();
    const host = hosts.start({ ...options, log });
    await host.settled();
    return host;
  }
  /** Files with the same in them have the same fate. */
  function good(name = "good", text = "abc"): ModelSpec {
    const path = join(hosts.folder, `${name}.gguf`);
    writeChainModel(path, { text, after: "again", contextTokens: 65_536 });
    return { name, adapter: "llama", path, contextTokens: 65_536, sequences: 2 };
  }

  it("are refused or answer, whichever value of a valid one of any architecture is changed", async () => {
    const host = await started(good());
    const { native } = host.pids;
    const all = smallArchitectures.flatMap((architecture) => {
      const path = join(hosts.folder, `${architecture}.gguf`);
      writeSmallModel(path, architecture);
      const bytes = readFileSync(path);
      return [{ key: "nothing", to: "as it is", bytes }, ...changesOf(bytes)].map((change) => ({ ...change, architecture }));
    });
    const share = depth(6, 1);
    let answered = 0;
    for (const [index, { architecture, key, to, bytes }] of all.entries()) {
      // A part of them where there is little time: another one each time that the list grows.
      if (key !== "nothing" && index % share !== all.length % share) continue;
      const name = `changed-${index}`;
      const spec: ModelSpec = { name, adapter: "llama", path: join(hosts.folder, `${name}.gguf`) };
      writeFileSync(spec.path, bytes);
      host.add(spec);
      const last = await asked(host, name, architecture === "bert");
      const what = `${architecture}: ${key}: ${to}: ${JSON.stringify(last)}`;
      if (last.ok) answered += 1;
      else {
        expect(key, what).to.not.equal("nothing");
        // Or it loads, and has no room for a question; or it reads where the others write, and writes where they read.
        expect(codeOf(last), what).to.be.oneOf(["MODEL_LOAD_FAILED", "CONTEXT_TOO_LONG", "INPUT_UNSUPPORTED", "MODEL_NOT_FOUND"]);
        if (codeOf(last) === "MODEL_LOAD_FAILED")
          expect(String(last.error.details?.["reason"]), what).to.have.length.greaterThan(10);
      }
      expect(host.pids.native, what).to.equal(native);
      await host.remove(name);
      rmSync(spec.path);
    }
    expect(answered).to.be.greaterThan(0);
    const last = await listen(enginesOf(host).generate, { model: "good", sampling: { maxTokens: 3 } }).last;
    expect(endOf(last)).to.equal("length");
  }); // prettier-ignore

  it("are told from others by the command line in the same way", async () => {
    const [fine, bad] = [good().path, join(hosts.folder, "bad.gguf")];
    // Nothing in it is wrong, and most is missing.
    writeFileSync(bad, gguf({ facts: { "general.architecture": "llama" } }));
    expect(await trialFault(fine)).to.equal(undefined);
    expect(await trialFault(bad)).to.match(/llama\.context_length|key not found/u);
  });

  it("are tried once, however often their models come and go", async () => {
    const host = await started(good());
    const first = log.lines.filter(({ event }) => event === "model.tried").length;
    await host.unload("good");
    await host.load("good");
    expect(first).to.equal(1);
    expect(log.lines.filter(({ event }) => event === "model.tried")).to.have.length(1);
  });

  it("are tried once in the life of a folder, by whatever name and in whatever file their content comes", async () => {
    let kept: string | undefined;
    const trials = { read: async () => kept, write: async (text: string) => void (kept = text) };
    const tried = () => log.lines.filter(({ event }) => event === "model.tried").map(({ facts }) => facts["model"]);
    const spec = good("first");
    const first = await startedWith({ models: [spec], trials });
    expect(tried()).to.deep.equal(["first"]);
    await first.stop(0);
    const copy = { ...spec, name: "copy", path: join(hosts.folder, "copy.gguf") };
    copyFileSync(spec.path, copy.path);
    const changed = { ...spec, name: "changed", path: join(hosts.folder, "changed.gguf") };
    writeChainModel(changed.path, { text: "abd", after: "again", contextTokens: 65_536 });
    const otherwise = { ...spec, name: "otherwise", cacheType: "q8_0" } as const;
    const again = await startedWith({ models: [{ ...spec, name: "renamed" }, copy, changed, otherwise], trials });
    expect(again.models().map(({ state }) => state)).to.deep.equal(["ready", "ready", "ready", "ready"]);
    expect(tried()).to.have.members(["changed", "otherwise"]);
  });

  it("are not tried again at the next start when they ended the process of their trial, but when somebody loads them", async () => {
    let kept: string | undefined;
    const trials = { read: async () => kept, write: async (text: string) => void (kept = text) };
    const spec: ModelSpec = { name: "bad", adapter: "llama", path: join(hosts.folder, "asserts.gguf") };
    writeSmallModel(spec.path, "deepseek2");
    const bad = [...changesOf(readFileSync(spec.path))].find(
      ({ key, to }) => key.endsWith("expert_gating_func") && to === "absurd",
    );
    writeFileSync(spec.path, bad!.bytes);
    const first = await startedWith({ models: [spec], trials });
    const ended = /in a process of its own it ended with SIGABRT/u;
    expect(first.models()[0]?.reason).to.match(ended);
    await first.stop(0);
    kept = kept?.replace(ended, "it is remembered that it ended");
    const again = await startedWith({ models: [spec], trials });
    expect(again.models()[0]?.reason).to.match(/it is remembered that it ended/u);
    expect((await again.load("bad")).ok).to.equal(false);
    expect(again.models()[0]?.reason).to.match(ended);
  });

  it("are not blamed for what another one ended: each suspect is asked the same again, alone", async () => {
    const host = await started(good("culprit"), good("other", "abd"));
    // More than is written ahead of whoever listens, so both still write when their process is ended.
    const asks = { sampling: { maxTokens: 8_000 } };
    const both = async (): Promise<void> => {
      const heard = ["culprit", "other"].map((model) => listen(enginesOf(host).generate, { model, ...asks }));
      await Promise.all(heard.map(({ firstText }) => firstText));
      const died = log.next("inference.host_died");
      process.kill(host.pids.native!, "SIGABRT");
      await died;
      expect((await Promise.all(heard.map(({ last }) => last))).map(codeOf)).to.deep.equal([
        "RUNTIME_FAULT",
        "RUNTIME_FAULT",
      ]);
    };
    const before = new Set(childrenOf(process.pid));
    const fault = log.next("model.at_fault");
    const cleared = log.next("model.cleared");
    await both();
    // The first trial is of the culprit.
    const trial = childrenOf(process.pid).find((pid) => !before.has(pid) && pid !== host.pids.native);
    process.kill(trial!, "SIGABRT");
    expect((await fault).facts).to.include({ model: "culprit" });
    expect((await cleared).facts).to.include({ model: "other" });
    await both();
    const next = (model: string) => listen(enginesOf(host).generate, { model, sampling: { maxTokens: 3 } }).last;
    expect(codeOf(await next("culprit"))).to.equal("MODEL_LOAD_FAILED");
    expect(endOf(await next("other"))).to.equal("length");
  });

  it("are taken out when their calls have ended the process twice, whenever that was and whatever they are called, and come back when somebody loads them", async () => {
    let kept: string | undefined;
    const trials = { read: async () => kept, write: async (text: string) => void (kept = text) };
    const [culprit, other] = [good("culprit"), good("other", "abd")];
    const at = (host: InferenceHost, name: string) => host.residents().find(({ spec }) => spec.name === name)!;
    const write = (host: InferenceHost, model: string) => listen(enginesOf(host).generate, { model, sampling: { maxTokens: 3 } }).last;
    /** One life of a node, in which a call of the culprit ends the process. */
    const life = async (name: string, endHow: NodeJS.Signals): Promise<InferenceHost> => {
      const host = await startedWith({ models: [{ ...culprit, name }, other], trials });
      const heard = listen(enginesOf(host).generate, { model: name });
      await heard.firstText;
      const died = log.next("inference.host_died");
      process.kill(host.pids.native!, endHow);
      await died;
      expect(codeOf(await heard.last)).to.equal("RUNTIME_FAULT");
      return host;
    };
    const first = await life("culprit", "SIGABRT");
    expect(endOf(await write(first, "culprit"))).to.equal("length");
    expect(at(first, "culprit").strikes).to.match(/share once \(SIGABRT\)/u);
    expect(at(first, "other").strikes).to.equal(undefined);
    // Who loads what serves takes no strike back.
    expect((await first.load("culprit")).ok).to.equal(true);
    expect((await first.remove("culprit")).ok).to.equal(true);
    await first.stop(0);
    const second = await life("renamed", "SIGSEGV");
    const why = (name: string) => `its calls ended the process that models share 2 times (SIGSEGV), so it is taken out until somebody loads it: plexus models load ${name} (${culprit.path})`;
    const refused = await write(second, "renamed");
    expect(refused).to.have.nested.property("error.details.reason", why("renamed"));
    expect(endOf(await write(second, "other"))).to.equal("length");
    // Out by what is in its files: at the next start, by whatever name, however it is loaded.
    const otherwise = { ...culprit, name: "otherwise", sequences: 1 };
    const third = await startedWith({ models: [culprit, other, otherwise], trials });
    expect(third.models().map(({ state, reason }) => [state, reason])).to.deep.equal([["failed", why("culprit")], ["ready", undefined], ["failed", why("otherwise")]]);
    expect((await third.load("culprit")).ok).to.equal(true);
    expect(endOf(await write(third, "culprit"))).to.equal("length");
    // Who takes it back takes it back for good.
    const fourth = await startedWith({ models: [culprit, other], trials });
    expect(fourth.models().map(({ state }) => state)).to.deep.equal(["ready", "ready"]);
    expect(at(fourth, "culprit").strikes).to.equal(undefined);
  }); // prettier-ignore
});

/** Processes that another one has started, the oldest first. Their numbers do not tell: the system begins again with
 *  the first ones. */
const childrenOf = (pid: number): readonly number[] =>
  readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        // Behind the name: state, parent, … and as the 20th the start.
        const stat = readFileSync(`/proc/${name}/stat`, "utf8");
        const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
        return Number(fields[1]) === pid ? [{ pid: Number(name), started: Number(fields[19]) }] : [];
      } catch {
        return [];
      }
    })
    .toSorted((one, other) => one.started - other.started || one.pid - other.pid)
    .map((one) => one.pid);

/** What a model answers that writes, or that makes vectors. */
const asked = (host: InferenceHost, model: string, reads: boolean): Promise<Result<unknown>> =>
  reads
    ? new Promise((resolve) => {
        const request = { id: "1", model, inputs: ["hello \u{1F600}"], timeoutMs: ampleMs };
        enginesOf(host).embed.call(request, (said) => said.type === "answered" && resolve(said.result));
      })
    : listen(enginesOf(host).generate, {
        model,
        question: "hello \u{1F600}",
        sampling: { maxTokens: 3 },
        timeoutMs: ampleMs,
      }).last;
