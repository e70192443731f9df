import { expect } from "chai";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nameOf, quantiseModel } from "../../../cli/models/model-quantise.ts";
import {
  convertModel,
  describeCard,
  describePull,
  describeServed,
  describeStore,
} from "../../../cli/models/model-store.ts";
import { strikesAt } from "../../../cli/models/model-trial.ts";
import { describeMemory } from "../../../cli/models/models.ts";
import { describeSuggestions } from "../../../cli/models/model-suggest.ts";
import { failure, failureOf, type ModelInMemory, type ModelsView, type NodeInference, type PullView, type ServingRow, type StoredModel } from "../../../protocols/index.ts"; // prettier-ignore
import { trialsFile } from "../../../node/data-folder/index.ts";
import { keptText } from "../../../node/platform/index.ts";
import { contentOf, strikeKey, subjectOf } from "../../../runtimes/host/subject.ts";
import { speedOf, suggestModels, writeRandomModel } from "../../../runtimes/store/index.ts";
import { inspectFile } from "../../../runtimes/store/inspect.ts";
import { gguf } from "../../fixtures/model-files.ts";
import { collected } from "./fixture.ts";

const digest = "a".repeat(64);
const model: StoredModel = {
  name: "qwen",
  digest,
  size: 491_000_000,
  files: [{ path: "m.gguf", size: 491_000_000, digest, tree: digest }],
  main: "m.gguf",
  card: { format: "gguf", kind: "model", family: "qwen2", parameters: 494e6, quantisation: "Q4_K_M", contextTokens: 32_768, capabilities: ["chat", "tools"], licence: "apache-2.0" }, // prettier-ignore
  source: "hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF",
  addedAtMs: 0,
  acceptedBy: "ada",
};
const empty: ModelsView = { node: "node-a", models: [], pulls: [], refused: [], wanted: [], damaged: [] };
const pull: PullView = { id: "1", source: "hf:a/b", name: "b", state: "fetching", doneBytes: 512, startedAtMs: 0 };

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "plexus-cli-models-"));
});
after(() => rmSync(folder, { recursive: true }));

describe("plexus models, as a person reads it", () => {
  it("shows what is on the disk, what is damaged, refused, pulled and wanted", () => {
    expect(describeStore(empty, false)).to.include("plexus models suggest");
    const view: ModelsView = {
      ...empty,
      models: [model],
      damaged: ["qwen"],
      pulls: [pull, { ...pull, state: "done" }],
      refused: [{ id: "1", source: "x", file: "page.gguf", size: 1, reason: "no GGUF\u001B[2J", atMs: 0 }],
      wanted: [{ name: "qwen", source: "x", nodes: 2, labels: { zone: "a" } }],
    };
    const said = describeStore(view, false);
    expect(said).to.match(/qwen \(damaged\).*468 MiB.*qwen2.*Q4_K_M.*32768.*chat, tools.*apache-2\.0/);
    expect(said).to.include("wanted qwen on 2 nodes with zone=a");
    expect(said).to.include("fetching b: 512 B");
    expect(said).to.not.include("\u001B");
  });

  it("shows what is served without having been pulled, and names nothing twice", () => {
    const row = (name: string, node: string): ServingRow => ({ engine: "chat", model: name, node, because: "" });
    expect(
      describeServed(empty, [row("plexus-tiny", "node-a"), row("plexus-tiny", "node-a"), row("", "node-b")]),
    ).to.equal("Served without a file here: plexus-tiny (node-a). `plexus models` says how each of them is.");
    expect(describeServed({ ...empty, models: [model] }, [row("qwen", "node-a")])).to.equal("");
  });

  it("tells how a pull goes", () => {
    const more = { ...pull, doneBytes: 1024 ** 2, totalBytes: 4 * 1024 ** 2, bytesPerSecond: 1024 ** 2 };
    expect(describePull(more)).to.equal("fetching b 25 %: 1.0 MiB of 4.0 MiB, 1.0 MiB/s, 3 s left");
    expect(describePull({ ...pull, state: "checking" })).to.equal("checking b");
  });

  it("shows a card", () => {
    const card = describeCard(model);
    expect(card).to.include("licence     apache-2.0, accepted by ada");
    expect(card).to.include("context     32768 tokens");
    expect(card).to.include(`digest      ${digest}`);
  });

  it("says what helps where there is nothing that converts", async () => {
    const thrown = async (work: () => Promise<unknown>) => {
      try {
        await work();
      } catch (error) {
        return failureOf(error);
      }
      throw new Error("nothing was refused");
    };
    const i2s = join(folder, "i2s.gguf");
    writeFileSync(i2s, gguf({ tensors: [{ name: "w", dimensions: [128, 1], type: 36 }] }));
    const at = (path: string) => ({ path, data: folder });
    const by = { strikes: async () => undefined, fault: async () => undefined };
    expect((await thrown(() => convertModel(at(i2s), collected()))).details?.["hint"]).to.match(/TQ2_0/);
    const fine = join(folder, "fine.gguf");
    writeFileSync(fine, gguf({ facts: { "general.architecture": "llama" } }));
    const output = collected();
    expect(await convertModel({ ...at(fine), by }, output)).to.equal(0);
    const ends = { ...by, fault: async (path: string) => `${path} ends what reads it` };
    const fault = await thrown(() => convertModel({ ...at(fine), by: ends }, output));
    expect(fault).to.deep.include({ code: "MODEL_REFUSED" });
    expect(fault.details?.["reason"]).to.equal(`${fine} ends what reads it`);
    expect(output.out.join()).to.include("can be used as it is");
    expect(await thrown(() => convertModel(at(join(folder, "none.gguf")), output))).to.include({ code: "NOT_FOUND" });
    expect(await thrown(() => convertModel(at(folder), output))).to.include({ code: "BAD_REQUEST" });
  });

  it("says of a file what its calls have ended on this node, under whatever name, and does not call it usable when it is out", async () => {
    const [path, copy] = [join(folder, "struck-F16.gguf"), join(folder, "copy-F16.gguf")];
    writeFileSync(path, gguf({ facts: { "general.architecture": "llama" }, tensors: [{ name: "blk.0.attn_q.weight", dimensions: [64, 64], type: 1 }] }));
    copyFileSync(path, copy);
    const data = join(folder, "data");
    mkdirSync(data);
    const subject = subjectOf({ name: "any", adapter: "llama", path });
    const key = strikeKey(subject, await contentOf(subject.files));
    const struck = async (alone: number) => {
      const strikes = [[key, { alone, among: 0, proven: false, how: "SIGABRT" }]];
      await keptText(trialsFile(data), 1e6).write(JSON.stringify({ disk: [], found: [], strikes }));
      return { strikes: (file: string) => strikesAt(data, file), fault: async () => undefined };
    };
    const once = collected();
    expect(await convertModel({ path: copy, data, by: await struck(1) }, once)).to.equal(0);
    expect(once.out.join("\n")).to.match(/ended the process that models share once \(SIGABRT\); at the second time.*can be used/su);
    const quantised = collected();
    await quantiseModel({ path: copy, to: "Q8_0", out: join(folder, "of-struck.gguf"), data, json: false }, quantised);
    expect(quantised.err.join("\n")).to.match(/share once \(SIGABRT\)\. The new file is another one/u);
    const twice = await convertModel({ path: copy, data, by: await struck(2) }, once).catch(failureOf);
    expect(twice).to.include({ code: "MODEL_REFUSED" });
    expect(JSON.stringify(twice)).to.match(/2 times \(SIGABRT\), so it is taken out until somebody loads it: plexus models load NAME/u);
    const other = join(folder, "fine.gguf");
    expect(await convertModel({ path: other, data, by: await struck(2) }, collected())).to.equal(0);
  }); // prettier-ignore

  it("makes a smaller file beside the other, and says how to use it", async () => {
    const path = join(folder, "large-F16.gguf");
    writeFileSync(path, gguf({ facts: { "general.architecture": "llama" }, tensors: [{ name: "blk.0.attn_q.weight", dimensions: [64, 64], type: 1 }] })); // prettier-ignore
    const output = collected();
    expect(await quantiseModel({ path, to: "Q8_0", out: undefined, data: folder, json: false }, output)).to.equal(0);
    const made = join(folder, "large-Q8_0.gguf");
    expect(output.out.join()).to.include(`plexus models pull ${made}`);
    expect(inspectFile(made, made)).to.have.nested.property("header.quantisation", "Q8_0");
    const refusal = await quantiseModel(
      { path: made, to: "Q4_0", out: undefined, data: folder, json: false },
      output,
    ).catch(failureOf);
    expect(refusal).to.include({ code: "MODEL_REFUSED" });
    expect(JSON.stringify(refusal)).to.match(/begin with F16/);
    expect(["a/m.bf16.gguf", "m-f32.gguf", "m.gguf"].map((name) => nameOf(name, "Q4_0"))).to.deep.equal([
      "a/m-Q4_0.gguf",
      "m-Q4_0.gguf",
      "m-Q4_0.gguf",
    ]);
  });
});

describe("plexus models, of what is in memory", () => {
  const mebibyte = 1024 ** 2;
  const one: ModelInMemory = { model: "qwen", runtime: "llama", state: "ready", because: "it leaves 5 s after its last call", pinned: false, memoryBytes: 600 * mebibyte, estimatedBytes: 590 * mebibyte, device: "cuda", layers: { offloaded: 20, total: 28 }, gpuBytes: 300 * mebibyte, threads: { now: 2, most: 7, because: "" }, batchTokens: 512, contextTokens: 4_096, places: 4, leavesInMs: 3_000, running: 2, waiting: 5, tokensPerSecond: 12.3 }; // prettier-ignore
  const node: NodeInference = {
    node: "node-a",
    memory: { usedBytes: 600 * mebibyte, budgetBytes: 2_048 * mebibyte, because: "modelMemoryMiB is 2048" },
    threads: { now: 2, most: 7, because: "of 8 cores 6 stay free for the node, which used 5.2" },
    models: [one, { ...one, model: "cold", state: "failed", because: "no room\u001B[2J", memoryBytes: 0 }],
  };

  it("shows what each model takes, and why, and what there is to share", () => {
    const said = describeMemory([node, { node: "away", error: failure("UNREACHABLE"), models: [] }], false);
    expect(said).to.match(
      /qwen.*node-a.*ready.*600 MiB.*590 MiB.*cuda 20\/28 layers, 300 MiB.*2\/7.*512.*4 × 4096.*2 \+5.*12\.3.*last call: in 3 s/,
    );
    expect(said).to.include(
      "node-a: 600 MiB of 2.0 GiB for models (modelMemoryMiB is 2048); 2 of 7 threads (of 8 cores 6 stay free",
    );
    expect(said).to.match(/^away: /m);
    expect(said).to.not.include("\u001B");
    expect(describeMemory([{ node: "b", models: [] }], false)).to.equal("");
  });
});

describe("plexus models suggest", () => {
  const machine = { cores: 8, memoryBytes: 16 * 1024 ** 3 };

  it("names what fits the memory, the largest first, and how fast it would be", () => {
    const speed = speedOf({ tokens: 100, elapsedMs: 2_100, fileBytes: 60e6 });
    expect(speed.bytesPerSecond).to.be.closeTo(3e9, 1e6);
    const models = suggestModels(machine, speed);
    const fitting = models.filter(({ fits }) => fits);
    expect(fitting.length).to.be.within(5, models.length - 1);
    expect(fitting.map(({ fileBytes }) => fileBytes)).to.deep.equal(
      fitting.map(({ fileBytes }) => fileBytes).toSorted((a, b) => b - a),
    );
    for (const { fits, memoryBytes } of models) expect(fits).to.equal(memoryBytes <= machine.memoryBytes * 0.8);
    expect(models.find(({ name }) => name === "qwen2.5-0.5b")?.tokensPerSecond).to.be.within(5, 7);
    expect(models.find(({ name }) => name === "nomic-embed-text")).to.not.have.property("tokensPerSecond");
    const said = describeSuggestions(models, false);
    expect(said).to.match(/To get .*:\n {2}plexus models pull hf:/);
    expect(describeSuggestions(suggestModels({ cores: 1, memoryBytes: 1e6 }, undefined), false)).to.match(/None/);
    expect(describeSuggestions(suggestModels(machine, undefined), false)).to.include("plexus models pull");
  });

  it("measures with a model that is one", () => {
    const path = join(folder, "random.gguf");
    const size = writeRandomModel(path);
    const found = inspectFile(path, "random.gguf");
    if (found.type !== "gguf") throw new Error(JSON.stringify(found));
    // Large enough to be run on as many threads as a model to work with.
    expect(found.header.parameters).to.be.above(50e6);
    expect(size).to.be.within(50e6, 70e6);
  });
});
