import { expect } from "chai";
import fc from "fast-check";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  adapterFault,
  inspectBeginning,
  inspectFile,
  planModel,
  type Found,
  type LookedInto,
} from "../../../../runtimes/store/inspect.ts";
import { notByItself } from "../../../../runtimes/gguf.ts";
import { llama } from "../../../../runtimes/llama/adapter.ts";
import type { FileBytes } from "../../../../runtimes/store/bytes.ts";
import { inspectOnnx } from "../../../../runtimes/store/onnx.ts";
import { isPlainPath, nameFrom, readManifest, writeManifest } from "../../../../runtimes/store/manifest.ts";
import type { StoredModel } from "../../../../protocols/index.ts";
import {
  embeddingModel,
  hearingModel,
  countingModel,
  seeingModel,
  voiceModel,
  type ModelFiles,
} from "../../../fixtures/onnx-graphs.ts";
import { gguf, onnx, onnxTensor, proto, type GgufTensorFile, type Proto } from "../../../fixtures/model-files.ts";

const inMemory = (bytes: Buffer): FileBytes => ({
  size: bytes.length,
  read: (position, length) => bytes.subarray(position, position + length),
});

let folder: string;
before(() => {
  folder = mkdtempSync(join(tmpdir(), "plexus-formats-"));
});
after(() => rmSync(folder, { recursive: true }));
const written = (name: string, bytes: Buffer): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

describe("the look at an ONNX file", () => {
  const verdictOf = (bytes: Buffer) => inspectOnnx(inMemory(bytes));
  const reasonOf = (bytes: Buffer): string => {
    const verdict = verdictOf(bytes);
    return verdict.type === "refused" ? verdict.reason : verdict.type;
  };

  it("reads inputs, outputs, nodes and numbers", () => {
    const verdict = verdictOf(onnx());
    expect(verdict).to.deep.include({ type: "fine" });
    expect(verdict.type === "fine" && verdict.facts).to.deep.equal({
      irVersion: 8,
      producer: "plexus tests",
      inputs: ["x"],
      outputs: ["y"],
      nodes: 1,
      parameters: 6,
      externals: [],
    });
  });

  it("refuses what is no model", () => {
    expect(reasonOf(Buffer.alloc(0))).to.match(/empty/);
    expect(reasonOf(Buffer.from("<html>"))).to.match(/not an ONNX file|cut off/);
    expect(reasonOf(proto([[1, 8], [8, [[2, 17]]]]))).to.match(/no graph/); // prettier-ignore
    expect(reasonOf(proto([[7, []], [8, []]]))).to.match(/version would be none/); // prettier-ignore
    expect(reasonOf(proto([[1, 8], [7, []]]))).to.match(/operators/); // prettier-ignore
    expect(reasonOf(onnx([], [[7, []]]))).to.match(/two graphs/);
    expect(reasonOf(proto([[1, 8], [7, [[1, [[1, "x"]]]]], [8, []]]))).to.match(/no operator/); // prettier-ignore
    expect(reasonOf(onnx().subarray(0, -1))).to.match(/cut off/);
  });

  it("refuses tensors that lie outside the model's folder, and tells which files it uses", () => {
    for (const location of ["../secret", "/etc/passwd", "a/b", "..", "", "x\0y"])
      expect(reasonOf(onnx([onnxTensor("b", { location })]))).to.match(/not a file beside the model/);
    expect(reasonOf(onnx([onnxTensor("b", { location: "d", offset: "-1" })]))).to.match(/no place/);
    expect(reasonOf(onnx([onnxTensor("b", { location: "d", length: "x" })]))).to.match(/no place/);
    const fine = verdictOf(onnx([onnxTensor("b", { location: "d", offset: "0", length: "24" }), onnxTensor("c", { location: "d", offset: "24", length: "24" })])); // prettier-ignore
    expect(fine.type === "fine" && fine.facts.externals).to.deep.equal([{ location: "d", offset: 24, length: 24 }]);
  });

  it("finds tensors in the subgraphs of nodes, and refuses graphs nested too deep", () => {
    const hidden: Proto = [[1, [[4, "If"], [5, [[6, [[5, onnxTensor("b", { location: "../x" })]]]]]]]]; // prettier-ignore
    expect(reasonOf(proto([[1, 8], [7, hidden], [8, []]]))).to.match(/not a file beside/); // prettier-ignore
    let nested: Proto = [];
    for (let depth = 0; depth < 20; depth += 1)
      nested = [
        [
          1,
          [
            [4, "If"],
            [5, [[6, nested]]],
          ],
        ],
      ];
    expect(reasonOf(proto([[1, 8], [7, nested], [8, []]]))).to.match(/too deep/); // prettier-ignore
  });

  it("gives a verdict on any bytes, and on any damage", () => {
    const whole = onnx([onnxTensor("b"), onnxTensor("c", { location: "d" })]);
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => void verdictOf(Buffer.from(bytes))));
    fc.assert(
      fc.property(
        fc.nat({ max: whole.length - 1 }),
        fc.nat({ max: 255 }),
        fc.nat({ max: whole.length }),
        (at, value, length) => {
          const damaged = Buffer.from(whole);
          damaged[at] = value;
          expect(verdictOf(damaged.subarray(0, length)).type).to.be.oneOf(["fine", "refused"]);
        },
      ),
    );
  });
});

describe("a LoRA and its base", () => {
  const f32 = (count: number, value = 0.5): Buffer => {
    const bytes = Buffer.alloc(count * 4);
    for (let at = 0; at < count; at += 1) bytes.writeFloatLE(value, at * 4);
    return bytes;
  };
  const tensor = (name: string, wide: number, high: number, data?: Buffer): GgufTensorFile => ({ name, dimensions: [wide, high], type: 0, ...(data && { data }) }); // prettier-ignore
  const base = gguf({
    facts: { "general.architecture": "llama" },
    tensors: [tensor("token_embd.weight", 32, 64), tensor("blk.0.attn_q.weight", 32, 48)],
  });
  const pair = (rank = 4, name = "blk.0.attn_q.weight") => [
    tensor(`${name}.lora_a`, 32, rank, f32(32 * rank)),
    tensor(`${name}.lora_b`, rank, 48, f32(rank * 48)),
  ];
  const facts = { "general.architecture": "llama", "general.type": "adapter", "adapter.type": "lora" };
  const faultOf = (tensors: readonly GgufTensorFile[], said: Record<string, string> = facts): string | undefined =>
    adapterFault(written("lora.gguf", gguf({ facts: said, tensors })), written("base.gguf", base));

  it("fit when architecture and shapes do", () => {
    expect(faultOf(pair())).to.equal(undefined);
    const embedding = [
      tensor("token_embd.weight.lora_a", 4, 64, f32(256)),
      tensor("token_embd.weight.lora_b", 4, 32, f32(128)),
    ];
    expect(faultOf([...pair(), ...embedding])).to.equal(undefined);
  });

  it("do not fit otherwise, and it is said why", () => {
    expect(faultOf(pair(), { ...facts, "general.architecture": "qwen2" })).to.match(/made for qwen2/);
    expect(faultOf(pair().slice(0, 1))).to.match(/lora_b is missing/);
    expect(faultOf(pair(4, "blk.9.attn_q.weight"))).to.match(/no tensor blk\.9/);
    expect(faultOf([pair(4)[0]!, pair(8)[1]!])).to.match(/32×48, and the LoRA's parts are 32×4 and 8×48/);
    expect(faultOf([tensor("x", 32, 1)])).to.match(/this is not a LoRA/);
  });

  it("by which a model sees or hears are told from models, as soon as their head is there", () => {
    const file = gguf({ facts: { "general.architecture": "clip", "general.type": "mmproj" }, tensors: [tensor("v.w", 32, 1)] });
    const path = written("mmproj-F16.gguf", file);
    const refusal = { type: "refused", reason: notByItself.projector };
    expect(inspectFile(path, "mmproj-F16.gguf")).to.deep.equal(refusal);
    expect(inspectBeginning(path, "mmproj-F16.gguf", file.length)).to.deep.equal(refusal);
    const spec = { name: "x", adapter: "llama" } as const;
    expect(llama.inspect({ ...spec, path })).to.deep.include(refusal);
    const lora = written("alone.gguf", gguf({ facts, tensors: pair() }));
    expect(llama.inspect({ ...spec, path: lora })).to.deep.include({ type: "refused", reason: notByItself.adapter });
  }); // prettier-ignore

  it("are refused with a number that is none, wherever it stands", () => {
    const [a, b] = pair();
    for (const wrong of [NaN, Infinity, -Infinity]) {
      const data = f32(4 * 48);
      data.writeFloatLE(wrong, data.length - 4);
      const made = gguf({ facts, tensors: [a!, { ...b!, data }] });
      expect(faultOf([a!, { ...b!, data }])).to.match(/lora_b has a number that is none/);
      expect(inspectFile(written("nan.gguf", made), "nan.gguf")).to.deep.include({ type: "refused" });
    }
    const half = { name: "blk.0.attn_q.weight.lora_a", dimensions: [32, 4], type: 1, data: Buffer.alloc(256, 0xff) };
    expect(faultOf([half, b!])).to.match(/lora_a has a number that is none/);
  });
});

describe("the plan of a model", () => {
  const look = (path: string, bytes: Buffer): LookedInto => ({
    path,
    size: bytes.length,
    found: inspectFile(written("any", bytes), path),
  });
  const arch = { "general.architecture": "llama" };
  const reasonOf = (files: readonly LookedInto[]): string => {
    const plan = planModel(files);
    return "refused" in plan ? String(plan.refused.details?.["reason"]) : plan.main;
  };

  it("takes a GGUF file", () => {
    expect(planModel([look("m.gguf", gguf({ facts: arch }))])).to.deep.include({ main: "m.gguf" });
    expect(reasonOf([look("a.gguf", gguf({ facts: arch })), look("b.gguf", gguf({ facts: arch }))])).to.match(
      /several/,
    );
  });

  it("says what an ONNX model can do, by its graphs and its settings", () => {
    const cardOf = (files: ModelFiles) => {
      const plan = planModel(
        Object.entries(files).map(([name, content]) =>
          look(name, Buffer.isBuffer(content) ? content : Buffer.from(JSON.stringify(content))),
        ),
      );
      return "card" in plan ? [plan.card.family, plan.card.capabilities] : plan.refused;
    };
    expect(cardOf(embeddingModel())).to.deep.equal(["bert", ["embed", "tokenize"]]);
    expect(cardOf(hearingModel())).to.deep.equal(["whisper", ["transcribe"]]);
    expect(cardOf(seeingModel())).to.deep.equal(["clip", ["embed", "image-embed", "tokenize"]]);
    expect(cardOf(voiceModel())).to.deep.equal(["onnx", ["speak"]]);
    expect(cardOf(countingModel({ a: "a", b: "b", c: "c" }))).to.deep.equal(["bert", ["classify", "tokenize"]]);
  });

  it("takes an ONNX model with what it needs beside it", () => {
    const graph = onnx([onnxTensor("b", { location: "model.onnx_data", length: "24" })]);
    const files = [look("onnx/model.onnx", graph), look("tokenizer.json", Buffer.from("{}"))];
    expect(reasonOf(files)).to.match(/model\.onnx_data is missing/);
    expect(reasonOf([...files, look("onnx/model.onnx_data", Buffer.alloc(23))])).to.match(/beyond the end/);
    expect(reasonOf([...files, look("onnx/model.onnx_data", Buffer.alloc(24))])).to.equal("onnx/model.onnx");
  });

  it("takes nothing that a program would run", () => {
    for (const name of ["pytorch_model.bin", "model.pkl", "run.py", "model.safetensors", "x.so"])
      expect(inspectFile(written("any", Buffer.from("x")), name)).to.deep.include({ type: "refused" });
    expect(inspectFile(written("any", Buffer.from("{")), "config.json")).to.deep.include({ type: "refused" });
    expect(reasonOf([look("config.json", Buffer.from("{}"))])).to.match(/none of its files is a model/);
    expect(reasonOf([])).to.match(/no file/);
  });

  it("gives a verdict on any mixture", () => {
    const found: fc.Arbitrary<Found> = fc.constantFrom<Found>({ type: "beside" }, { type: "refused", reason: "x" });
    const file = fc.record({ path: fc.string(), size: fc.nat(), found });
    fc.assert(
      fc.property(
        fc.array(file, { maxLength: 80 }),
        (files) => void expect(planModel(files)).to.have.property("refused"),
      ),
    );
  });
});

describe("a manifest", () => {
  const digest = "a".repeat(64);
  const model: StoredModel = {
    name: "llama:8b",
    digest,
    size: 5,
    files: [{ path: "m.gguf", size: 5, digest, tree: "b".repeat(64) }],
    main: "m.gguf",
    card: { format: "gguf", kind: "model", family: "llama", capabilities: ["chat"] },
    source: "x",
    addedAtMs: 1,
  };

  it("is read as it was written, under its own name only", () => {
    expect(readManifest(writeManifest(model), "llama:8b")).to.deep.equal(model);
    expect(readManifest(writeManifest(model), "other")).to.equal(undefined);
  });

  it("is refused when it says what cannot be", () => {
    const read = (change: object) => readManifest(Buffer.from(JSON.stringify({ ...model, ...change })), "llama:8b");
    expect(read({ extra: 1 })).to.not.equal(undefined);
    expect(read({ size: 6 })).to.equal(undefined);
    expect(read({ digest: "b".repeat(64) })).to.equal(undefined);
    expect(read({ main: "other" })).to.equal(undefined);
    for (const path of ["../m.gguf", "/m.gguf", "a//b", "a/../b", ".hidden", "a\\b", ""])
      expect(read({ files: [{ ...model.files[0], path }], main: path }), path).to.equal(undefined);
    expect(readManifest(Buffer.alloc(1_000_000, 32), "llama:8b")).to.equal(undefined);
  });

  it("gives a verdict on any bytes", () => {
    fc.assert(
      fc.property(fc.json(), (said) => void expect(readManifest(Buffer.from(said), "llama:8b")).to.equal(undefined)),
    );
    fc.assert(
      fc.property(fc.string(), (path) => void (isPlainPath(path) && expect(path).to.not.match(/\.\.\/|\0|\\/))),
    );
    fc.assert(
      fc.property(fc.string(), (said) => void expect(nameFrom(said)).to.match(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,99}$/)),
    );
  });
});
