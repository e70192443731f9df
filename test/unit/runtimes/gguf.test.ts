import { expect } from "chai";
import fc from "fast-check";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspectGguf, inspectGgufFile, keyValueBytes, type GgufHeader } from "../../../runtimes/gguf.ts";
import { planLoad, type LoadInquiry } from "../../../runtimes/llama/plan.ts";
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

const header: GgufHeader = { architecture: "llama", parameters: 1e9, contextTokens: 8_192, layers: 16, keyWidth: 512 };

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
  const spec = { name: "m", runtime: "llama", path: "m.gguf", demonstration: false } as const;
  const inquiry = (fields: Partial<LoadInquiry> = {}): LoadInquiry => ({
    spec,
    file: { verdict: { type: "fine", header }, fileBytes: 1e9 },
    machine: { cores: 4, memoryBytes: 32e9 },
    models: 1,
    freeBytes: 20e9,
    ...fields,
  });
  const planOf = (fields: Partial<LoadInquiry> = {}): object => {
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

  it("needs no file for the echo", () => {
    expect(planLoad(inquiry({ file: undefined }))).to.include({ type: "fine" });
  });
});
