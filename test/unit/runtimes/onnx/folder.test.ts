import { expect } from "chai";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adapterOf, estimateModel, inspectModel, modelSpec } from "../../../../runtimes/adapters.ts";
import { chooseGraphs, lookAt, purposeOf, type Part, type Settings } from "../../../../runtimes/onnx/folder.ts";
import { missingPackages } from "../../../../runtimes/onnx/library.ts";
import {
  embeddingModel,
  hearingModel,
  voiceModel,
  writeModel,
  type ModelFiles,
} from "../../../fixtures/onnx-graphs.ts";

const settings = { contextTokens: 4_096, gpu: "off" as const };

describe("the graphs of an ONNX model", () => {
  const chosen = (asked: string, ...names: readonly string[]) => {
    const found = chooseGraphs(
      names.map((name) => `/m/${name}`),
      asked,
    );
    return "refused" in found ? found.refused : Object.values(found.graphs).map((path) => path.replace("/m/", ""));
  };

  it("are the one that is named, or the usual one of several", () => {
    expect(chosen("/m/model_q4.onnx", "model.onnx", "model_q4.onnx")).to.deep.equal(["model_q4.onnx"]);
    expect(chosen("/m", "model.onnx", "model_q4.onnx")).to.deep.equal(["model.onnx"]);
    expect(chosen("/m", "model_bnb4.onnx", "model_quantized.onnx")).to.deep.equal(["model_quantized.onnx"]);
    expect(chosen("/m", "en_US-amy-low.onnx")).to.deep.equal(["en_US-amy-low.onnx"]);
    expect(chosen("/m", "a.onnx", "b.onnx")).to.match(/several/);
    expect(chosen("/m")).to.match(/no ONNX file/);
  });

  it("are both halves of a pair, of the same sort", () => {
    const pair = ["encoder_model_q8.onnx", "decoder_model_merged_q8.onnx"];
    const all = ["decoder_model.onnx", "decoder_model_merged.onnx", "encoder_model.onnx", ...pair];
    expect(chosen("/m", ...all)).to.deep.equal(["encoder_model.onnx", "decoder_model_merged.onnx"]);
    expect(chosen("/m/decoder_model_merged_q8.onnx", ...all)).to.deep.equal(pair);
    expect(chosen("/m", "encoder_model.onnx", "decoder_model.onnx")).to.deep.equal([
      "encoder_model.onnx",
      "decoder_model.onnx",
    ]);
    expect(chosen("/m", "decoder_model_merged.onnx")).to.match(/half/);
    expect(chosen("/m", "model.onnx", "text_model.onnx", "vision_model.onnx")).to.deep.equal([
      "text_model.onnx",
      "vision_model.onnx",
    ]);
    expect(chosen("/m/encoder_model.onnx", "encoder_model.onnx", "model.onnx")).to.match(/half/);
  });
});

describe("what an ONNX model is for", () => {
  const of = (inputs: readonly string[], outputs: readonly string[], config: Settings = {}, part: Part = "model") =>
    purposeOf(new Map([[part, { inputs, outputs }]]), config);
  const bert = ["input_ids", "attention_mask"];
  const labels = (count: number) => ({
    architectures: ["BertForSequenceClassification"],
    id2label: Object.fromEntries(Array.from({ length: count }, (_none, at) => [at, `LABEL_${at}`])),
  });

  it("follows from what it takes and gives", () => {
    expect(of(bert, ["last_hidden_state"])).to.equal("embed");
    expect(of(bert, ["token_embeddings", "sentence_embedding"])).to.equal("embed");
    expect(of(bert, ["logits"], labels(1))).to.equal("rerank");
    expect(of(bert, ["logits"], labels(3))).to.equal("classify");
    expect(of(["input", "input_lengths", "scales"], ["output"], { phoneme_id_map: { a: [1] } })).to.equal("speak");
    expect(of(["input_features"], ["last_hidden_state"], {}, "encoder")).to.equal("transcribe");
    const both = (vision: string) =>
      purposeOf(
        new Map([
          ["text", { inputs: ["input_ids"], outputs: ["text_embeds"] }],
          ["vision", { inputs: ["pixel_values"], outputs: [vision] }],
        ]),
        {},
      );
    expect([both("image_embeds"), typeof both("pooler_output")]).to.deep.equal(["see", "object"]);
  });

  it("is refused with what it is, where nobody can ask for that", () => {
    const reason = (...asked: Parameters<typeof of>) => (of(...asked) as { readonly refused: string }).refused;
    expect(reason(bert, ["logits"], { ...labels(3), id2label: { 0: "a", 2: "b" } })).to.match(/does not name each/);
    expect(reason(bert, ["logits"], labels(1_025))).to.match(/1025 classes, and 1024/);
    expect(reason(["pixel_values"], ["logits"])).to.match(/takes pixel_values and gives logits/);
    expect(reason(["input_ids"], ["last_hidden_state"], {}, "encoder")).to.match(/texts into texts/);
  });
});

describe("the row of ONNX", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "plexus-onnx-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));
  const spec = (files: ModelFiles, inside = "") =>
    modelSpec({ name: "m", path: join(writeModel(folder, files), inside) }, settings);

  it("takes graphs and folders with one, and says what they can do before they are loaded", () => {
    for (const inside of ["", "onnx/model.onnx"]) {
      const model = spec(embeddingModel(), inside);
      expect([model.adapter, adapterOf(model).can?.(model)]).to.deep.equal(["onnx", ["embed", "tokenize"]]);
    }
    expect(adapterOf(spec(hearingModel())).can?.(spec(hearingModel()))).to.deep.equal(["transcribe"]);
    expect(modelSpec({ name: "m", path: import.meta.dirname }, settings).adapter).to.equal("llama");
    expect(modelSpec({ name: "m", path: "/nowhere/m.onnx" }, settings).adapter).to.equal("onnx");
  });

  it("reckons what a model takes, or says which command is missing", () => {
    const model = spec(embeddingModel());
    const machine = { cores: 8, memoryBytes: 1e9 };
    expect(missingPackages(join(folder, "package.json"))).to.contain("plexus onnx install");
    if (missingPackages() !== undefined) {
      expect(inspectModel(model)).to.have.property("reason", missingPackages());
      return;
    }
    const verdict = estimateModel(model, machine);
    expect(verdict).to.have.property("type", "fine");
    if (verdict.type === "fine") {
      expect(verdict.plan).to.include({ contextTokens: 256, threads: 1, architecture: "bert" });
      expect(verdict.plan.memoryBytes).to.be.greaterThan(50e6 + verdict.plan.sizeBytes);
    }
    expect(estimateModel(model, { ...machine, memoryBytes: 30e6 }))
      .to.have.property("reason")
      .that.contains("MiB are free");
  });

  it("finds what is missing or too short beside a graph", () => {
    const look = (files: ModelFiles, path = "") => {
      const found = lookAt(join(writeModel(folder, files), path));
      return found.type === "fine" ? found.found.purpose : found.reason;
    };
    expect(look(voiceModel())).to.equal("speak");
    rmSync(join(folder, "voice.onnx.json"));
    expect(look({}, "voice.onnx")).to.match(/takes input, input_lengths, scales and gives output/);
    expect(() => look({ ...embeddingModel(), "config.json": Buffer.from("[]") }, "onnx/model.onnx")).to.throw(
      /config\.json is not an object/,
    );
  });
});
