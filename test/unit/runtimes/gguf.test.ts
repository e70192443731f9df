import { expect } from "chai";
import fc from "fast-check";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspectGguf, inspectGgufFile, keyValueBytes, type GgufHeader } from "../../../runtimes/gguf.ts";
import type { LoadInquiry } from "../../../runtimes/adapter.ts";
import { remoteAdapters } from "../../../protocols/index.ts";
import { adapterOf, inspectModel, modelSpec } from "../../../runtimes/adapters.ts";
import { mostThatFit, planLoad } from "../../../runtimes/llama/plan.ts";
import { writeChainModel } from "../../conformance/chain-model.ts";
import { gguf, type GgufFile } from "../../fixtures/model-files.ts";

const contextTokens = 512;
let bytes: Buffer;

before(() => {
  const folder = mkdtempSync(join(tmpdir(), "plexus-gguf-"));
  const path = join(folder, "chain.gguf");
  writeChainModel(path, { text: "x", after: "end", contextTokens });
  bytes = readFileSync(path);
  rmSync(folder, { recursive: true });
});

const header: GgufHeader = {
  architecture: "llama",
  parameters: 1e9,
  contextTokens: 8_192,
  layers: 16,
  keyWidth: 512,
  pooling: 0,
  kind: "model",
  title: "",
  licence: "",
  quantisation: "F16",
  capabilities: ["chat"],
  parts: 1,
};

describe("the look at a GGUF header", () => {
  it("reads what memory and threads depend on", () => {
    const verdict = inspectGguf(bytes, bytes.length);
    if (verdict.type !== "fine") throw new Error(JSON.stringify(verdict));
    expect(verdict.header).to.include({ architecture: "llama", contextTokens, layers: 1, keyWidth: 128 });
    expect(verdict.header.parameters).to.be.greaterThan(100_000);
  });

  it("asks for more of a file that goes on, and refuses one that does not", () => {
    fc.assert(
      fc.property(fc.nat({ max: 3_000 }), (length) => {
        const part = bytes.subarray(0, length);
        expect(inspectGguf(part, bytes.length).type).to.equal("short");
        expect(inspectGguf(part, length).type).to.equal("refused");
      }),
    );
  });

  it("gives a verdict on any bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (tail) => {
        for (const head of ["", "GGUF\x03\0\0\0"]) {
          const file = Buffer.concat([Buffer.from(head), tail]);
          expect(inspectGguf(file, file.length).type).to.equal("refused");
        }
      }),
    );
  });

  it("gives a verdict on a damaged head", () => {
    fc.assert(
      fc.property(fc.nat({ max: 4_000 }), fc.nat({ max: 255 }), (place, value) => {
        const damaged = Buffer.from(bytes);
        damaged[place] = value;
        expect(inspectGguf(damaged, damaged.length).type).to.be.oneOf(["fine", "refused"]);
      }),
    );
  });

  it("refuses counts, names, shapes and places that cannot be", () => {
    const one = { name: "a.weight", dimensions: [32, 4], type: 8 };
    const refusal = (file: Partial<GgufFile>): string => {
      const made = gguf(file);
      const verdict = inspectGguf(made, made.length);
      return verdict.type === "refused" ? verdict.reason : verdict.type;
    };
    expect(refusal({ tensors: [one] })).to.equal("fine");
    expect(refusal({ tensors: [one], tensorCount: 2 ** 40 })).to.match(/claims \d+ tensors/);
    expect(refusal({ tensors: [one], pairCount: 2 ** 40 })).to.match(/claims \d+ metadata pairs/);
    expect(refusal({ tensors: [one, one] })).to.match(/there twice/);
    expect(refusal({ facts: { x: 1, "general.architecture": "a" }, again: "x" })).to.match(/says x twice/);
    expect(refusal({ facts: { "general.alignment": 3 } })).to.match(/not a power of two/);
    expect(refusal({ facts: { "general.alignment": "wide" } })).to.match(/not a power of two/);
    expect(refusal({ tensors: [{ ...one, dimensions: [33, 4] }] })).to.match(/not a whole number of blocks of Q8_0/);
    expect(refusal({ tensors: [{ ...one, dimensions: [32, 1, 1, 1, 1] }] })).to.match(/has 5 dimensions/);
    expect(refusal({ tensors: [{ ...one, dimensions: [2 ** 40, 2 ** 40] }] })).to.match(/numbers/);
    expect(refusal({ tensors: [{ ...one, type: 77 }] })).to.match(/unknown type 77/);
    expect(refusal({ tensors: [{ ...one, type: 36 }] })).to.match(/i2_s.*plexus models convert/);
    expect(refusal({ tensors: [{ ...one, offset: 64 }] })).to.match(/begins at 64/);
    expect(refusal({ tensors: [{ ...one, name: "n".repeat(64) }] })).to.match(/claims 64 bytes in a text/);
    expect(refusal({ tensors: [one], cut: 25 })).to.match(/reaches beyond its end/);
  });

  it("says what a file is for, and what most of it is written in", () => {
    const headOf = (file: Partial<GgufFile>): GgufHeader => {
      const made = gguf(file);
      const verdict = inspectGguf(made, made.length);
      if (verdict.type !== "fine") throw new Error(JSON.stringify(verdict));
      return verdict.header;
    };
    const weight = { name: "w", dimensions: [256, 2], type: 35 };
    const arch = { "general.architecture": "llama" };
    expect(headOf({ facts: arch, tensors: [weight] })).to.deep.include({
      capabilities: ["chat"],
      quantisation: "TQ2_0",
    });
    const tools = { ...arch, "tokenizer.chat_template": "{% if tools %}" };
    expect(headOf({ facts: tools }).capabilities).to.deep.equal(["chat", "tools"]);
    expect(headOf({ facts: { "general.architecture": "nomic-bert" } }).capabilities).to.deep.equal(["embed"]);
    const rank = { "general.architecture": "bert", "bert.pooling_type": 4 };
    expect(headOf({ facts: rank }).capabilities).to.deep.equal(["rerank"]);
    const named = { ...arch, "general.file_type": 15, "general.license": "apache-2.0" };
    expect(headOf({ facts: named })).to.include({ quantisation: "Q4_K_M", licence: "apache-2.0", parts: 1 });
    expect(headOf({ facts: { ...arch, "general.type": "adapter" } })).to.include({ kind: "adapter" });
    for (const facts of [{ ...arch, "general.type": "mmproj" }, { "general.architecture": "clip" }])
      expect(headOf({ facts })).to.deep.include({ kind: "projector", capabilities: [] });
  });

  it("gives a verdict on any file of well-formed parts", () => {
    const tensor = fc.record({
      name: fc.string({ maxLength: 70 }),
      dimensions: fc.array(fc.oneof(fc.nat({ max: 300 }), fc.maxSafeNat()), { maxLength: 6 }),
      type: fc.nat({ max: 45 }),
      offset: fc.option(fc.maxSafeNat(), { nil: undefined }),
    });
    const facts = fc.dictionary(
      fc.constantFrom("general.architecture", "general.alignment", "split.count", "llama.context_length"),
      fc.oneof(fc.string(), fc.nat()),
    );
    fc.assert(
      fc.property(fc.array(tensor, { maxLength: 6 }), facts, fc.nat({ max: 400 }), (tensors, said, cut) => {
        const made = gguf({ tensors, facts: said, cut, data: 4_096 });
        expect(inspectGguf(made, made.length).type).to.be.oneOf(["fine", "refused"]);
      }),
    );
  });

  it("reads a file no further than its head", () => {
    expect(
      inspectGgufFile(join(import.meta.dirname, "../../../runtimes/tiny-model/plexus-tiny.gguf")),
    ).to.have.nested.property("verdict.type", "fine");
  });

  it("knows what keys and values cost", () => {
    // 16 layers of 512 numbers, twice, at two bytes.
    expect(keyValueBytes(header, 1, 1)).to.equal(32_768);
    expect(keyValueBytes(header, 4_096, 4)).to.equal(32_768 * 4_096 * 4);
  });
});

describe("the plan of a load", () => {
  const spec = { name: "m", adapter: "llama", path: "m.gguf" } as const;
  const inquiry = (fields: Partial<LoadInquiry<GgufHeader>> = {}): LoadInquiry<GgufHeader> => ({
    spec,
    fileBytes: 1e9,
    found: header,
    machine: { cores: 4, memoryBytes: 32e9 },
    models: 1,
    freeBytes: 20e9,
    ...fields,
  });
  const planOf = (fields: Partial<LoadInquiry<GgufHeader>> = {}): object => {
    const verdict = planLoad(inquiry(fields));
    return verdict.type === "fine" ? verdict.plan : verdict;
  };

  it("takes 4096 tokens of context and 4 sequences unless told", () => {
    expect(planOf()).to.include({ contextTokens: 4_096, sequences: 4, threads: 3, sizeBytes: 1e9 });
    expect(planOf({ spec: { ...spec, contextTokens: 6_000, sequences: 2 } })).to.include({
      contextTokens: 6_000,
      sequences: 2,
    });
  });

  it("takes no more context than the model was trained on", () => {
    expect(planOf({ spec: { ...spec, contextTokens: 100_000 } })).to.include({ contextTokens: 8_192 });
  });

  it("refuses what does not fit the memory that is left", () => {
    const needed = 1e9 + keyValueBytes(header, 4_096, 4);
    expect(planLoad(inquiry({ freeBytes: needed }))).to.include({ type: "refused" });
    expect(planLoad(inquiry({ freeBytes: needed + 60e6 }))).to.include({ type: "fine" });
    const refused = planLoad(inquiry({ freeBytes: -5 }));
    expect(refused.type === "refused" && refused.reason).to.match(/0 MiB are free/u);
  });

  it("heeds a model's own bounds, says what it takes, and which file is mapped where no card has a copy", () => {
    const weights = { file: "1:2", bytes: 500 };
    const base = inquiry({});
    const planned = (fields: Partial<typeof base.spec>) =>
      planLoad({ ...base, spec: { ...base.spec, ...fields }, found: { ...base.found, weights: [weights] } });
    const fine = planned({});
    if (fine.type !== "fine") throw new Error(fine.reason);
    expect(fine.plan.shares).to.deep.equal([weights]);
    const parts = (fine.plan.parts ?? []).reduce((sum, { bytes }) => sum + bytes, 0);
    expect(parts).to.be.closeTo(fine.plan.memoryBytes, 2);
    expect(planned({ gpu: "auto" })).to.have.deep.nested.property("plan.shares", []);
    expect(fine.plan.threads).to.be.greaterThan(1);
    expect(planned({ threads: 1 })).to.have.nested.property("plan.threads", 1);
  });

  it("refuses settings that make no sense", () => {
    for (const wrong of [{ sequences: 0 }, { sequences: 65 }, { sequences: 1.5 }, { contextTokens: 0 }])
      expect(planLoad(inquiry({ spec: { ...spec, ...wrong } }))).to.include({ type: "refused" });
  });
});

describe("the table of adapters", () => {
  const settings = { contextTokens: 512, gpu: "off" } as const;

  it("gives every configured model to one adapter, and needs no file for the echo", () => {
    const echo = modelSpec({ name: "echo", path: "/nowhere/echo" }, settings);
    const seen = inspectModel(echo);
    expect(seen).to.include({ type: "fine", fileBytes: 0 });
    const adapter = adapterOf(echo);
    const machine = { cores: 4, memoryBytes: 32e9 };
    const inquiry = { spec: echo, fileBytes: 0, found: undefined, machine, models: 1, freeBytes: 0 };
    expect(adapter.plan(inquiry)).to.have.nested.property("plan.contextTokens", 512);
    expect(adapter.plan({ ...inquiry, spec: { ...echo, sequences: 0 } })).to.include({ type: "refused" });
    expect(modelSpec({ name: "other", path: "other.gguf" }, settings).adapter).to.not.equal(echo.adapter);
  });

  it("is told how long a model is to stay, of its own files and of other servers", () => {
    const stays = { keepAliveMs: 0, pinned: true };
    expect(modelSpec({ name: "a", path: "a.gguf", ...stays }, settings)).to.include(stays);
    const remote = { name: "b", adapter: "ollama", url: "http://127.0.0.1:1", ...stays } as const;
    expect(modelSpec(remote, settings)).to.include(stays);
    expect(modelSpec({ name: "c", path: "c.gguf" }, settings)).to.not.have.any.keys("keepAliveMs", "pinned");
  });

  it("is told the bounds of a model of a file: places, threads, batch, and memory of the card", () => {
    const bounds = { places: 2, threads: 3, batchTokens: 256, gpuMemoryMiB: 2 };
    const spec = modelSpec({ name: "a", path: "a.gguf", ...bounds }, settings);
    expect(spec).to.include({ sequences: 2, threads: 3, batchTokens: 256, gpuMemoryBytes: 2 * 1024 ** 2 });
  });

  it("puts as many layers on a card as there is room for", async () => {
    const each = (layers: number): Promise<number> => Promise.resolve(layers * 10 + 5);
    for (const [freeBytes, layers] of [
      [1_000, 32],
      [325, 32],
      [324, 31],
      [25, 2],
      [14, 0],
      [0, 0],
    ] as const)
      expect(await mostThatFit(32, freeBytes, each), String(freeBytes)).to.equal(layers);
  });

  it("has a row for each adapter that can be configured, which no file gets", () => {
    for (const adapter of remoteAdapters) {
      const spec = modelSpec({ name: "m", adapter, url: "https://x.org", places: 3 }, settings);
      expect(spec).to.deep.include({
        adapter,
        sequences: 3,
        endpoint: { url: "https://x.org", model: "m", key: undefined, pull: undefined },
      });
      expect(adapterOf(spec).claims({ name: adapter, path: "m.gguf" })).to.equal(false);
    }
  });

  it("says of a model that is not one to work with what it is", () => {
    const labelOf = (name: string, path: string) => {
      const spec = modelSpec({ name, path }, settings);
      return adapterOf(spec).label(spec)?.short;
    };
    expect(labelOf("echo", "")).to.equal("repeats");
    expect(labelOf("any", "/models/plexus-tiny.gguf")).to.equal("tiny demonstration model");
    expect(labelOf("plexus-tiny", "/models/large.gguf")).to.equal(undefined);
  });

  it("refuses what is no file, before anything else is done with it", () => {
    expect(inspectModel(modelSpec({ name: "m", path: import.meta.dirname }, settings))).to.include({ type: "refused" });
  });
});
