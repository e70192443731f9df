/** What ONNX models promise: those of the port, and that what is damaged, missing or unknown is refused with a
 *  reason. */
import { expect } from "chai";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  floatsOf,
  type Thinking,
  type EngineAnswer,
  type EngineName,
  type EnginePart,
  type EngineRequest,
  type Media,
  type Result,
} from "../../protocols/index.ts";
import { enginesOf, startInferenceHost, type InferenceHost, type ModelSpec } from "../../runtimes/index.ts";
import { type InferenceHostOptions } from "../../runtimes/host/host.ts";
import type { Doing, Flow, Serve } from "../../runtimes/adapter.ts";
import { loadOnnx } from "../../runtimes/onnx/onnx.ts";
import { pcmOf, readWav, wavHead } from "../../runtimes/onnx/sound.ts";
import {
  countingModel,
  embeddingModel,
  hearingModel,
  rankingModel,
  rememberingModel,
  samplesPerPhoneme,
  seeingModel,
  voiceModel,
  writeModel,
  writingModel,
  type ModelFiles,
} from "../fixtures/onnx-graphs.ts";
import { needOnnx } from "../fixtures/onnx-packages.ts";
import { png } from "../fixtures/pictures.ts";
import { describeModels } from "./models.ts";
import { keptLog, passedTrials, realClock } from "./real-time.ts";
import { ampleMs, describeRuntime } from "./runtime.ts";

type Asked<Name extends EngineName> = Omit<EngineRequest<Name>, "id" | "timeoutMs">;

/** Tones one after the other, as a WAV file of 8,000 samples a second. */
function tones(...parts: readonly (readonly [hertz: number, seconds: number])[]): Media {
  const samples = parts.flatMap(([hertz, seconds]) =>
    Array.from({ length: seconds * 8_000 }, (_none, at) => 0.5 * Math.sin((2 * Math.PI * hertz * at) / 8_000)),
  );
  const bytes = Buffer.concat([wavHead(samples.length, 8_000), pcmOf(Float32Array.from(samples))]);
  return { type: "audio", mediaType: "audio/wav", bytes };
}

describe("ONNX", function () {
  let folder: string;
  let host: InferenceHost;
  before(async function () {
    const missing = await needOnnx();
    if (missing !== undefined) {
      console.log(`models of ONNX are not tested: ${missing}`);
      return this.skip();
    }
    folder = mkdtempSync(join(tmpdir(), "plexus-onnx-"));
    const first = model("first", embeddingModel({ pooling: { pooling_mode_cls_token: true } }));
    const graph = { ...first, name: "graph", path: join(first.path, "onnx/model.onnx") };
    const reading = [
      model("mean", embeddingModel()),
      first,
      graph,
      model("ranks", rankingModel()),
      model("sees", seeingModel()),
      model("mood", countingModel({ glad: "!", sad: "?", flat: "." })),
      model("harm", countingModel({ toxic: "!", insult: "?" }, { problem_type: "multi_label_classification" })),
    ];
    const writes = model("writes", writingModel({ text: "fine", after: "end", contextTokens: 512 }));
    const speech = [
      model("hears", hearingModel()),
      model("remembers", rememberingModel()),
      model("voice", voiceModel()),
    ];
    // Of those that must all come up, one is tried: what a trial is, is the subject of other suites.
    const [tried, ...others] = [...reading, ...speech, writes];
    host = await started([tried!, ...others], await passedTrials(others));
  });
  after(() => folder && rmSync(folder, { recursive: true }));

  const model = (name: string, files: ModelFiles): ModelSpec => ({
    name,
    adapter: "onnx",
    path: writeModel(join(folder, name), files),
  });
  async function started(
    models: readonly ModelSpec[],
    trials?: InferenceHostOptions["trials"],
  ): Promise<InferenceHost> {
    const starting = startInferenceHost({ models, clock: realClock(), log: keptLog(), ...(trials && { trials }) });
    await starting.settled();
    return starting;
  }
  const ask = <Name extends EngineName>(
    engine: Name,
    asked: Asked<Name>,
    at = host,
  ): Promise<Result<EngineAnswer<Name>> & { readonly parts: readonly EnginePart<Name>[] }> => {
    const { promise, resolve } = Promise.withResolvers<
      Result<EngineAnswer<Name>> & { readonly parts: readonly EnginePart<Name>[] }
    >();
    const parts: EnginePart<Name>[] = [];
    at.call(engine, { ...asked, id: "test", timeoutMs: ampleMs } as EngineRequest<Name>, (said) => {
      if (said.type === "part") parts.push(said.part as EnginePart<Name>);
      else resolve({ ...(said.result as Result<EngineAnswer<Name>>), parts });
    });
    return promise;
  };
  const fine = async <Name extends EngineName>(engine: Name, asked: Asked<Name>, at = host) => {
    const result = await ask(engine, asked, at);
    if (!result.ok) throw new Error(JSON.stringify(result.error));
    return { ...result.value, parts: result.parts };
  };
  const refusal = async <Name extends EngineName>(engine: Name, asked: Asked<Name>, at = host): Promise<string> => {
    const result = await ask(engine, asked, at);
    if (result.ok) return "answered";
    const { code, outcome, details } = result.error;
    return `${code} ${outcome} ${String(details?.["field"] ?? details?.["reason"])}`;
  };

  it("says what the thread does before it does it: what a caller sent is read by our own code", async () => {
    const planned = { contextTokens: 256, sequences: 1, threads: 1, sizeBytes: 0, architecture: "", memoryBytes: 0 };
    const doings = async <Name extends EngineName>(name: string, engine: Name, asked: Asked<Name>): Promise<string> => {
      const loaded = await loadOnnx({ name, adapter: "onnx", path: join(folder, name) }, planned);
      if (loaded.type !== "loaded") throw new Error(loaded.reason);
      const done: Doing[] = [];
      const flow: Flow<Name> = {
        cancelled: false,
        part: () => undefined,
        ready: () => undefined,
        onCancel: () => undefined,
        doing: (what) => void done.push(what),
      };
      const serve = loaded.model.serves[engine] as Serve<Name>;
      const ended = await serve({ ...asked, id: "test", timeoutMs: ampleMs } as EngineRequest<Name>, flow);
      await loaded.model.unload();
      expect(ended.ok, JSON.stringify(ended)).to.equal(true);
      return done.join(" ");
    };
    const inputs = ["one"];
    const picture: Media = { type: "image", mediaType: "image/png", bytes: png(8, 8, { colourOf: () => [255, 0, 0] }) };
    const messages = [{ role: "user" as const, content: "hello" }];
    expect({
      embed: await doings("mean", "embed", { model: "mean", inputs }),
      see: await doings("sees", "embed", { model: "sees", inputs: [picture] }),
      rerank: await doings("ranks", "rerank", { model: "ranks", query: "a", documents: ["b"] }),
      classify: await doings("mood", "classify", { model: "mood", inputs }),
      write: await doings("writes", "generate", { model: "writes", messages, sampling: {} }),
      hear: await doings("hears", "transcribe", { model: "hears", audio: tones([400, 1]) }),
      speak: await doings("voice", "speak", { model: "voice", text: "abc" }),
    }).to.deep.equal({
      embed: "prompt prompt native",
      see: "prompt prompt form native",
      rerank: "prompt native",
      classify: "prompt native",
      write: "prompt native",
      hear: "form form native",
      speak: "form native check",
    });
  });

  describe("that embeds", () => {
    it("reads the folder or its graph, and joins the tokens' vectors as the model was trained to", async () => {
      expect(
        host.models().map(({ model: name, state, contextTokens }) => [name, state, contextTokens]),
      ).to.deep.include.members(["mean", "first", "graph"].map((name) => [name, "ready", 256]));
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
      const texts = Array.from({ length: 70 }, (_none, at) => `${"x".repeat((at * 37) % 200)} ${at}`);
      const { vectors } = await fine("embed", { model: "mean", inputs: texts });
      for (const at of [0, 1, 35, 69]) {
        const [alone] = (await fine("embed", { model: "mean", inputs: [texts[at]!] })).vectors;
        const [one, other] = [floatsOf(alone!), floatsOf(vectors[at]!)];
        expect(one.reduce((sum, value, index) => sum + value * other[index]!, 0)).to.be.closeTo(1, 1e-5);
      }
    });
  });

  it("has texts and images in one space, whatever size the images have", async () => {
    const image = (size: number, colour: readonly number[]): Media => ({
      type: "image",
      mediaType: "image/png",
      bytes: png(size, size + 5, { colourOf: () => colour }),
    });
    const [red, blue] = [
      [250, 10, 10],
      [10, 10, 250],
    ] as const;
    const inputs = ["rrr", image(30, red), "bbb", image(9, blue), image(60, red)];
    const { vectors } = await fine("embed", { model: "sees", inputs });
    const likeness = (one: number, other: number): number => {
      const [first, second] = [floatsOf(vectors[one]!), floatsOf(vectors[other]!)];
      return first.reduce((sum, value, at) => sum + value * second[at]!, 0);
    };
    expect(likeness(1, 4)).to.be.closeTo(1, 1e-4);
    expect(likeness(0, 1)).to.be.greaterThan(0.8);
    expect(likeness(2, 3)).to.be.greaterThan(0.8);
    expect(likeness(0, 3)).to.be.lessThan(0.5);
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    for (const bytes of [svg, image(30, red).bytes.subarray(0, 40)])
      expect(
        await refusal("embed", { model: "sees", inputs: [{ type: "image", mediaType: "image/png", bytes }] }),
      ).to.equal("BAD_REQUEST failed inputs");
  });

  it("writes what its template asks for, and what looks like a control token in a text is none", async () => {
    const asked = async (content: string) => {
      const { parts, promptTokens } = await fine("generate", {
        model: "writes",
        messages: [{ role: "user", content }],
        sampling: {},
      });
      expect(parts.map(({ text }) => text).join("")).to.equal("fine");
      return promptTokens;
    };
    const plain = await asked("");
    // Three control tokens of the template, and each byte of the text.
    expect([plain, await asked("<|end|>"), await asked("a\uE000b")]).to.deep.equal([3, 3 + 7, 3 + 2]);
  });

  it("does not think where that is switched off, whatever its template does of it", async () => {
    const switched =
      "{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}";
    const switchable = [
      model("plain", writingModel({ text: "fine", after: "end", contextTokens: 512 })),
      // One has a variable for it, one is told nothing, one thinks in any case; the last one does not think.
      model("switched", writingModel({ text: "fine", after: "end", contextTokens: 512, opens: switched })),
      model("unasked", writingModel({ text: "fine", after: "end", contextTokens: 512, opens: "{#- </think> #}" })),
      model(
        "always",
        writingModel({ text: "fine", after: "end", contextTokens: 512, opens: "{{- '<think>\\n' }}{#- </think> #}" }),
      ),
    ];
    const others = await started(switchable, await passedTrials(switchable));
    try {
      const tokens = async (name: string, thinking?: Thinking) => {
        const messages = [{ role: "user" as const, content: "" }];
        const { promptTokens } = await fine("generate", { model: name, messages, sampling: {}, ...(thinking !== undefined && { thinking }) }, others);
        return promptTokens;
      };
      const plain = 3;
      const over = "<think>\n\n</think>\n\n".length;
      expect([await tokens("plain"), await tokens("plain", false), await tokens("plain", true)]).to.deep.equal([plain, plain, plain]);
      expect([await tokens("switched"), await tokens("switched", false), await tokens("switched", "low")]).to.deep.equal([plain, plain + over, plain]);
      expect([await tokens("unasked"), await tokens("unasked", false)]).to.deep.equal([plain, plain + over]);
      const opened = "<think>\n".length;
      expect([await tokens("always"), await tokens("always", false)]).to.deep.equal([plain + opened, plain + opened + "\n\n</think>\n\n".length]);
    } finally {
      await others.stop(5_000);
    }
  }); // prettier-ignore

  it("ranks documents by what the model makes of them with the query", async () => {
    const { scores } = await fine("rerank", { model: "ranks", query: "who?", documents: ["we", "they!!", "you!"] });
    expect([...scores.keys()].toSorted((one, other) => scores[other]! - scores[one]!)).to.deep.equal([1, 2, 0]);
  });

  it("tells which of its classes a text is of, one of them or several, as its maker says", async () => {
    const asked = async (name: string) => {
      const { labels, scores, exclusive, promptTokens } = await fine("classify", { model: name, inputs: ["?!!!!!", "????", ""] });
      expect(promptTokens).to.equal(3 * 2 + 6 + 4);
      return { labels, exclusive, scores: scores.map((one) => [...floatsOf(one)]) };
    };
    const mood = await asked("mood");
    expect([mood.labels, mood.exclusive]).to.deep.equal([["glad", "sad", "flat"], true]);
    expect(mood.scores[0]![0]).to.be.greaterThan(0.95);
    expect(mood.scores[1]![1]).to.be.greaterThan(0.95);
    for (const score of mood.scores[2]!) expect(score).to.be.closeTo(1 / 3, 1e-3);
    const harm = await asked("harm");
    expect(harm.exclusive).to.equal(false);
    const [both = [], one = [], none = []] = harm.scores;
    expect([both, one, none].map((scores) => scores.map((score) => score > 0.6))).to.deep.equal([[true, true], [false, true], [false, false]]);
  }); // prettier-ignore

  describe("that hears", () => {
    it("writes down what is said, with its times, however long it is", async () => {
      const { parts, ...answer } = await fine("transcribe", { model: "hears", audio: tones([300, 30], [3_000, 2]) });
      expect(answer).to.deep.equal({ durationMs: 32_000, language: "en" });
      expect(parts).to.deep.equal([
        { text: "low", fromMs: 0, toMs: 1_000 },
        { text: "hi", fromMs: 30_000, toMs: 31_000 },
      ]);
    });

    it("does as it is told: the language, and into English", async () => {
      const audio = tones([3_000, 3]);
      const told = await fine("transcribe", { model: "hears", audio, language: "DE", prompt: "who is it?" });
      expect([told.language, told.parts.map(({ text }) => text)]).to.deep.equal(["de", ["hi"]]);
      const translated = await fine("transcribe", { model: "hears", audio, translate: true });
      expect(translated.parts).to.deep.equal([{ text: "hi", fromMs: 500, toMs: 1_000 }]);
    });

    it("writes nothing where nobody speaks", async () => {
      const { parts, durationMs } = await fine("transcribe", { model: "hears", audio: tones([0, 3]) });
      expect([durationMs, parts]).to.deep.equal([3_000, []]);
    });

    it("keeps what it has read and heard", async () => {
      const { parts } = await fine("transcribe", { model: "remembers", audio: tones([300, 1]), language: "en" });
      expect(parts).to.deep.equal([{ text: "ok", fromMs: 0, toMs: 1_000 }]);
    });

    it("refuses what is no sound, and a language that it does not know", async () => {
      const audio = tones([300, 1]);
      const noSound = { ...audio, bytes: Buffer.from("ID3 is how MP3 begins") };
      expect(await refusal("transcribe", { model: "hears", audio: noSound })).to.equal("BAD_REQUEST failed audio");
      expect(await refusal("transcribe", { model: "hears", audio, language: "tlh" })).to.equal(
        "BAD_REQUEST failed language",
      );
    });
  });

  describe("that speaks", () => {
    const heard = async (asked: Partial<EngineRequest<"speak">>): Promise<readonly number[]> => {
      const { parts, mediaType } = await fine("speak", { model: "voice", text: "", ...asked });
      expect(mediaType).to.equal("audio/wav");
      const sound = readWav(Buffer.concat(parts.map(({ bytes }) => bytes)));
      if ("refused" in sound) throw new Error(sound.refused);
      expect(sound.rate).to.equal(16_000);
      return Array.from({ length: sound.samples.length / samplesPerPhoneme }, (_none, at) =>
        Math.round(100 * sound.samples[at * samplesPerPhoneme]!),
      );
    };
    const [pause, begin, end, space, a, b, dot] = [0, 1, 2, 3, 4, 5, 30];

    it("says a text sentence by sentence, in the phonemes of its own map", async () => {
      expect(await heard({ text: "Ab. B\u4e00a" })).to.deep.equal([
        begin, pause, a, pause, b, pause, dot, pause, end,
        begin, pause, b, pause, a, pause, end,
      ]); // prettier-ignore
    });

    it("takes phonemes between brackets as they are, and speaks faster", async () => {
      expect(await heard({ text: "a [[b.a]]" })).to.deep.equal([begin, pause, a, pause, space, pause, b, pause, dot, pause, a, pause, end]); // prettier-ignore
      expect(await heard({ text: "b", speed: 0.5, voice: "alloy" })).to.deep.equal([2 * begin, pause, 2 * b, pause, 2 * end]); // prettier-ignore
      expect(await refusal("speak", { model: "voice", text: "a", speed: 0 })).to.equal("BAD_REQUEST failed speed");
    });

    it("gives plain numbers at the rate that clients expect", async () => {
      const { parts, mediaType } = await fine("speak", { model: "voice", text: "ab", mediaType: "audio/pcm" });
      expect(mediaType).to.equal("audio/pcm");
      const bytes = parts.reduce((sum, one) => sum + one.bytes.length, 0);
      expect(bytes).to.equal((2 * 7 * samplesPerPhoneme * 24_000) / 16_000);
    });
  });

  it("says why a model is not served, and serves the others; and refuses to give numbers that are none", async () => {
    const cut = model("cut", embeddingModel());
    const graph = join(cut.path, "onnx/model.onnx");
    writeFileSync(graph, readFileSync(graph).subarray(0, 4_000));
    const noWords = model("no-words", embeddingModel());
    rmSync(join(noWords.path, "tokenizer.json"));
    const wrongWords = model("wrong-words", { ...embeddingModel(), "tokenizer.json": Buffer.from("{") });
    const half = model("half", hearingModel());
    rmSync(join(half.path, "onnx/encoder_model.onnx"));
    // Its skeleton is whole, and what it says is nonsense: only the library finds out.
    const nonsense = model("nonsense", embeddingModel());
    const inside = join(nonsense.path, "onnx/model.onnx");
    writeFileSync(inside, Buffer.from(readFileSync(inside).toString("latin1").replace("Gather", "Gothic"), "latin1"));
    const broken = [
      model("broken", embeddingModel({ broken: true })),
      model("hoarse", voiceModel({ broken: true })),
      model("doubts", writingModel({ text: "abc", after: "end", contextTokens: 64, broken: true })),
    ];
    const classes = model("classes", countingModel({ a: "a" }, { id2label: { 0: "a", 1: "a" } }));
    const fewer = model("fewer", countingModel({ a: "a", b: "b" }, { id2label: { 0: "a", 1: "b", 2: "c" } }));
    const others = await started([cut, noWords, wrongWords, half, nonsense, classes, fewer, ...broken]);
    try {
      const reasons = Object.fromEntries(
        others.models().map(({ model: name, state, reason = "" }) => [name, `${state} ${reason}`]),
      );
      expect(reasons["cut"]).to.match(/failed .*cut off/);
      expect(reasons["no-words"]).to.match(/failed its file tokenizer\.json is missing/);
      expect(reasons["wrong-words"]).to.match(/failed tokenizer\.json is not JSON/);
      expect(reasons["half"]).to.match(/failed .*half/);
      expect(reasons["nonsense"]).to.match(/failed model\.onnx: .*Gothic/);
      expect(reasons["nonsense"]?.endsWith(` (${nonsense.path})`)).to.equal(true);
      expect(reasons["classes"]).to.match(/failed id2label in config\.json does not name each/);
      expect(reasons["fewer"]).to.equal("ready ");
      expect(await refusal("classify", { model: "fewer", inputs: ["a"] }, others)).to.match(
        /^OUTPUT_UNFIT failed it gives another number of classes/,
      );
      expect(reasons["broken"]).to.equal("ready ");
      expect(await refusal("embed", { model: "cut", inputs: ["x"] }, others)).to.match(/^MODEL_LOAD_FAILED/);
      // Of these letters something else than numbers comes out, and of everything that has them.
      expect(await refusal("embed", { model: "broken", inputs: ["x"] }, others)).to.equal("answered");
      expect(await refusal("embed", { model: "broken", inputs: ["x", "a"] }, others)).to.match(/^OUTPUT_UNFIT failed/);
      const write = { messages: [{ role: "user" as const, content: "x" }], sampling: { temperature: 0 } };
      const doubtful = await ask("generate", { model: "doubts", ...write }, others);
      expect(doubtful.parts.map(({ text }) => text).join("")).to.equal("abc");
      expect(doubtful).to.have.nested.property("error.code", "OUTPUT_UNFIT");
      expect(await refusal("speak", { model: "hoarse", text: "a" }, others)).to.equal("answered");
      expect(await refusal("speak", { model: "hoarse", text: "ab" }, others)).to.match(/^OUTPUT_UNFIT failed/);
    } finally {
      await others.stop(5_000);
    }
  });

  describeRuntime("ONNX Runtime", async () => {
    const written = { text: "Aé😀, ok!", contextTokens: 2_048 };
    const models = [
      model("brief", writingModel({ ...written, after: "end" })),
      model("lengthy", writingModel({ ...written, after: "again" })),
    ];
    const slots = 4;
    const queuedMax = 12;
    const writing = startInferenceHost({
      models: models.map((one) => ({ ...one, sequences: slots })),
      clock: realClock(),
      log: keptLog(),
      queuedPerModelMax: queuedMax,
    });
    await writing.settled();
    return {
      runtime: { ...enginesOf(writing).generate, stop: (deadlineMs) => writing.stop(deadlineMs) },
      brief: { model: "brief", question: "Hello.", answer: written.text },
      lengthy: { model: "lengthy", question: "Go on.", passage: "k!Aé" },
      slots,
      queuedMax,
      contextTokens: written.contextTokens,
    };
  });

  // The last: it stops the host.
  describeModels("ONNX Runtime", () => Promise.resolve({ local: host }), ["json", "logprobs", "tools"]);
});
