import { expect } from "chai";
import fc from "fast-check";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspectGguf, inspectGgufFile, keyValueBytes, type GgufHeader } from "../../../runtimes/gguf.ts";
import type { LoadInquiry } from "../../../runtimes/adapter.ts";
import { adapterOf, inspectModel, modelSpec } from "../../../runtimes/adapters.ts";
import { planLoad } from "../../../runtimes/llama/plan.ts";
import { writeChainModel } from "../../conformance/chain-model.ts";

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
