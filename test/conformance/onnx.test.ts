/** What ONNX models promise: those of the port, and that what is damaged, missing or unknown is refused with a reason. */
import { expect } from "chai";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  floatsOf,
  type EngineAnswer,
  type EngineName,
  type EngineRequest,
  type Result,
} from "../../protocols/index.ts";
import { startInferenceHost, type InferenceHost, type ModelSpec } from "../../runtimes/index.ts";
import { embeddingModel, rankingModel, writeModel, type ModelFiles } from "../onnx-graphs.ts";
import { needOnnx } from "../onnx-packages.ts";
import { describeModels } from "./models.ts";
import { keptLog, realClock } from "./real-time.ts";

describe("ONNX", function () {
  this.timeout(240_000);
  let folder: string;
  let host: InferenceHost | undefined;
  before(async function () {
    const missing = await needOnnx();
    if (missing !== undefined) {
      console.log(`models of ONNX are not tested: ${missing}`);
      return this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), "plexus-onnx-"));
  });
  after(() => folder && rmSync(folder, { recursive: true }));
  afterEach(() => host?.stop(5_000));

  const model = (name: string, files: ModelFiles): ModelSpec => ({
    name,
    adapter: "onnx",
    path: writeModel(join(folder, name), files),
  });
  async function started(...models: readonly ModelSpec[]): Promise<InferenceHost> {
    host = startInferenceHost({ models, clock: realClock(), log: keptLog() });
    await host.settled();
    return host;
  }
  const ask = <Name extends EngineName>(
    engine: Name,
    asked: Omit<EngineRequest<Name>, "id" | "timeoutMs">,
  ): Promise<Result<EngineAnswer<Name>>> => {
    const { promise, resolve } = Promise.withResolvers<Result<EngineAnswer<Name>>>();
    host?.call(engine, { ...asked, id: "test", timeoutMs: 20_000 } as EngineRequest<Name>, (said) => {
      if (said.type === "answered") resolve(said.result as Result<EngineAnswer<Name>>);
    });
    return promise;
  };
  const fine = async <Name extends EngineName>(engine: Name, asked: Omit<EngineRequest<Name>, "id" | "timeoutMs">) => {
    const result = await ask(engine, asked);
    if (!result.ok) throw new Error(JSON.stringify(result.error));
    return result.value;
  };

  describeModels(
    "ONNX Runtime",
    async () => {
      const models = [model("vectors", embeddingModel()), model("ranks", rankingModel())];
      const local = startInferenceHost({ models, clock: realClock(), log: keptLog() });
      await local.settled();
      return { local };
    },
    ["json", "logprobs", "tools"],
  );

  describe("that embeds", () => {
    it("reads the folder or its graph, and joins the tokens' vectors as the model was trained to", async () => {
      const files = embeddingModel({ pooling: { pooling_mode_cls_token: true } });
      const first = model("first", files);
      const graph = { ...first, name: "graph", path: join(first.path, "onnx/model.onnx") };
      await started(model("mean", embeddingModel()), first, graph);
      expect(host?.models().map(({ state, contextTokens }) => [state, contextTokens])).to.deep.equal(
        ["ready", "ready", "ready"].map((state) => [state, 256]),
      );
      const vectors = async (name: string) =>
        (await fine("embed", { model: name, inputs: ["one", "another one", "three"] })).vectors.map(floatsOf);
      const [one, another] = await vectors("first");
      // The first token is the same in front of every text.
      expect(one).to.deep.equal(another);
      expect(await vectors("graph")).to.deep.equal(await vectors("first"));
      const means = await vectors("mean");
      expect(means[0]).to.not.deep.equal(means[1]);
    });

    it("gives each text its own vector, however many there are and however long", async () => {
      await started(model("many", embeddingModel()));
      const texts = Array.from({ length: 70 }, (_none, at) => `${"x".repeat((at * 37) % 200)} ${at}`);
      const { vectors } = await fine("embed", { model: "many", inputs: texts });
      for (const at of [0, 1, 35, 69]) {
        const [alone] = (await fine("embed", { model: "many", inputs: [texts[at]!] })).vectors;
        const [one, other] = [floatsOf(alone!), floatsOf(vectors[at]!)];
        expect(one.reduce((sum, value, index) => sum + value * other[index]!, 0)).to.be.closeTo(1, 1e-5);
      }
    });

    it("refuses to give numbers that are none", async () => {
      await started(model("broken", embeddingModel({ broken: true })));
      expect(await fine("embed", { model: "broken", inputs: ["x"] })).to.have.property("promptTokens", 3);
      // Of this letter the vector is broken, and so is every text with it.
      const result = await ask("embed", { model: "broken", inputs: ["x", "a"] });
      expect(result).to.have.nested.property("error.code", "OUTPUT_UNFIT");
      expect(result).to.have.nested.property("error.outcome", "failed");
    });
  });

  it("ranks documents by what the model makes of them with the query", async () => {
    await started(model("ranks", rankingModel()));
    const { scores } = await fine("rerank", { model: "ranks", query: "who?", documents: ["we", "they!!", "you!"] });
    expect([...scores.keys()].toSorted((one, other) => scores[other]! - scores[one]!)).to.deep.equal([1, 2, 0]);
  });

  it("says why a model is not served, and serves the others", async () => {
    const cut = model("cut", embeddingModel());
    const graph = join(cut.path, "onnx/model.onnx");
    writeFileSync(graph, readFileSync(graph).subarray(0, 4_000));
    const noWords = model("no-words", embeddingModel());
    rmSync(join(noWords.path, "tokenizer.json"));
    const wrongWords = model("wrong-words", { ...embeddingModel(), "tokenizer.json": Buffer.from("{") });
    // Its skeleton is whole, and what it says is nonsense: only the library finds out.
    const nonsense = model("nonsense", embeddingModel());
    const inside = join(nonsense.path, "onnx/model.onnx");
    writeFileSync(inside, Buffer.from(readFileSync(inside).toString("latin1").replace("Gather", "Gothic"), "latin1"));
    await started(cut, noWords, wrongWords, nonsense, model("classes", rankingModel(3)), model("fine", rankingModel()));
    const reasons = Object.fromEntries(host?.models().map(({ model: name, state, reason = "" }) => [name, `${state} ${reason}`]) ?? []); // prettier-ignore
    expect(reasons["cut"]).to.match(/failed .*cut off/);
    expect(reasons["no-words"]).to.match(/failed its file tokenizer\.json is missing/);
    expect(reasons["wrong-words"]).to.match(/failed tokenizer\.json is no JSON/);
    expect(reasons["nonsense"]).to.match(/failed model\.onnx: .*Gothic/);
    expect(reasons["nonsense"]).to.not.contain(folder);
    expect(reasons["classes"]).to.match(/failed it tells 3 classes apart/);
    expect(reasons["fine"]).to.equal("ready ");
    const result = await ask("embed", { model: "cut", inputs: ["x"] });
    expect(result).to.have.nested.property("error.code", "MODEL_LOAD_FAILED");
  });
});
