import { expect } from "chai";
import fc from "fast-check";
import { failureOf } from "../../../../protocols/index.ts";
import { bytesOf, planAnswer, redirectTo, validatorOf } from "../../../../runtimes/store/http.ts";
import { chooseFiles, parseRepository } from "../../../../runtimes/store/sources/hugging-face.ts";
import { sourceOf } from "../../../../runtimes/store/sources/index.ts";
import { parseTag } from "../../../../runtimes/store/sources/ollama.ts";

describe("the table of sources", () => {
  it("gives each text to one source", () => {
    const names: Readonly<Record<string, string>> = {
      "hf:owner/repo": "hugging-face",
      "hf:owner/repo@v1:Q4_K_M": "hugging-face",
      "https://huggingface.co/owner/repo": "hugging-face",
      "https://huggingface.co/owner/repo/resolve/main/x.gguf": "url",
      "ollama:llama3.2:1b": "ollama",
      "registry.ollama.ai/owner/name": "ollama",
      "https://example.org/x.gguf": "url",
      "/models/x.gguf": "folder",
      "file:///models": "folder",
      "cluster:x": "cluster",
    };
    for (const [text, name] of Object.entries(names)) expect(sourceOf(text)?.name, text).to.equal(name);
    for (const text of ["x.gguf", "ftp://x/y", "hf:owner", "cluster:", "", "ollama:"])
      expect(sourceOf(text), text).to.equal(undefined);
  });

  it("reads names of repositories and registries", () => {
    expect(parseRepository("hf:a/b@v1/sub/x.gguf")).to.deep.equal({ repo: "a/b", revision: "v1", path: "sub/x.gguf", quantisation: undefined }); // prettier-ignore
    expect(parseRepository("hf.co/a/b:Q8_0")).to.deep.include({ repo: "a/b", quantisation: "Q8_0" });
    expect(parseTag("ollama:qwen2.5")).to.deep.equal({ name: "qwen2.5", path: "library/qwen2.5", tag: "latest" });
    expect(parseTag("ollama:me/mine:x")).to.deep.equal({ name: "me/mine", path: "me/mine", tag: "x" });
  });

  it("chooses the files of one model among those of a repository", () => {
    const paths = (chosen: readonly { path: string }[]) => chosen.map(({ path }) => path);
    const list = (...names: string[]) => names.map((path) => ({ path, size: 1, sha256: undefined }));
    const many = list("m-Q2_K.gguf", "m-Q4_K_M-00001-of-00002.gguf", "m-Q4_K_M-00002-of-00002.gguf", "mmproj-f16.gguf", "../x.gguf"); // prettier-ignore
    const any = { path: undefined, quantisation: undefined };
    expect(paths(chooseFiles(many, any))).to.deep.equal([
      "m-Q4_K_M-00001-of-00002.gguf",
      "m-Q4_K_M-00002-of-00002.gguf",
    ]);
    expect(paths(chooseFiles(many, { ...any, quantisation: "q2_k" }))).to.deep.equal(["m-Q2_K.gguf"]);
    expect(paths(chooseFiles(many, { ...any, path: "m-Q2_K.gguf" }))).to.deep.equal(["m-Q2_K.gguf"]);
    expect(paths(chooseFiles(many, { ...any, path: "m-Q4_K_M-00002-of-00002.gguf" }))).to.have.length(2);
    expect(chooseFiles(many, { ...any, quantisation: "IQ1" })).to.deep.equal([]);
    const graph = list("onnx/model.onnx", "onnx/model.onnx_data", "onnx/model_q4.onnx", "tokenizer.json", "model.bin");
    expect(paths(chooseFiles(graph, any))).to.deep.equal(["onnx/model.onnx", "onnx/model.onnx_data", "tokenizer.json"]);
    const halves = ["onnx/decoder_model_merged.onnx", "onnx/encoder_model.onnx", "onnx/encoder_model.onnx_data"];
    const hears = list("onnx/decoder_model.onnx", ...halves, "onnx/encoder_model_q4.onnx", "config.json");
    expect(paths(chooseFiles(hears, any))).to.have.members([...halves, "config.json"]);
    expect(chooseFiles(hears, { ...any, quantisation: "q4" })).to.deep.equal([]);
    const voices = ["amy/low", "amy/medium"].flatMap((voice) => ["x.onnx", "x.onnx.json", "MODEL_CARD"].map((name) => `en/en_US/${voice}/${name}`)); // prettier-ignore
    const voice = paths(chooseFiles(list("voices.json", ...voices), { ...any, path: "en/en_US/amy/low" }));
    expect(voice).to.deep.equal(["en/en_US/amy/low/x.onnx", "en/en_US/amy/low/x.onnx.json"]);
  });

  it("finds all files of a split model at a web address by one of them", async () => {
    const tools = { places: { huggingFace: "", ollama: "" }, peers: undefined, signal: AbortSignal.abort() };
    const source = "https://example.org/x/m-00002-of-00003.gguf?key=1";
    const offered = await sourceOf(source)?.resolve(source, tools);
    expect(offered?.files.map(({ from }) => from.via === "http" && from.url)).to.deep.equal(
      [1, 2, 3].map((number) => `https://example.org/x/m-0000${number}-of-00003.gguf?key=1`),
    );
    const far = "https://example.org/m-00001-of-99999.gguf";
    expect((await sourceOf(far)?.resolve(far, tools))?.files).to.have.length(1);
  });

  it("takes any text without a fault", () => {
    fc.assert(fc.property(fc.string(), (text) => void sourceOf(text)));
  });
});

describe("what an answer is worth", () => {
  const plan = (status: number, headers: Record<string, string>, expected: { have?: number; size?: number } = {}) =>
    planAnswer({ status, headers: new Headers(headers) }, { have: expected.have ?? 0, size: expected.size });

  it("is the whole, or the rest, or nothing", () => {
    expect(plan(200, { "content-length": "10" })).to.deep.equal({ type: "take", from: 0, total: 10 });
    expect(plan(200, {}, { size: 7 })).to.deep.equal({ type: "take", from: 0, total: 7 });
    expect(plan(200, { "content-length": "10" }, { size: 9 })).to.include({ type: "refused", again: false });
    const rest = { "content-range": "bytes 4-9/10", "content-length": "6" };
    expect(plan(206, rest, { have: 4 })).to.deep.equal({ type: "take", from: 4, total: 10 });
    expect(plan(200, { "content-length": "10" }, { have: 4 })).to.deep.include({ type: "take", from: 0 });
    expect(plan(206, rest, { have: 5 })).to.include({ type: "refused" });
    expect(plan(206, rest)).to.include({ type: "refused" });
    expect(plan(206, { ...rest, "content-length": "7" }, { have: 4 })).to.include({ type: "refused" });
    expect(plan(206, { "content-range": "bytes 4-8/10" }, { have: 4 })).to.include({ type: "refused" });
    expect(plan(416, {}, { have: 4 })).to.deep.equal({ type: "anew" });
    expect(plan(416, { "content-range": "bytes */4" }, { have: 4 })).to.deep.equal({ type: "complete" });
    expect(plan(503, {})).to.include({ type: "refused", again: true });
    expect(plan(401, {})).to.include({ type: "refused", again: false });
  });

  it("never goes on at another byte than the next", () => {
    const header = fc.oneof(fc.constant("bytes 4-9/10"), fc.string(), fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)).map(([a, b, c]) => `bytes ${a}-${b}/${c}`)); // prettier-ignore
    fc.assert(
      fc.property(
        fc.constantFrom(200, 206, 416, 500),
        header,
        fc.nat(20),
        fc.option(fc.nat(20), { nil: undefined }),
        (status, range, have, size) => {
          // prettier-ignore
          const headers = { get: (name: string) => (name === "content-range" ? range : null) };
          const made = planAnswer({ status, headers }, { have, size });
          if (made.type !== "take") return;
          expect(made.from).to.be.oneOf([0, have]);
          if (size !== undefined) expect(made.total).to.equal(size);
        },
      ),
    );
  });

  it("trusts strong validators only, and redirects that lead to no weaker place", () => {
    expect(validatorOf(new Headers({ etag: 'W/"x"' }))).to.equal(undefined);
    expect(validatorOf(new Headers({ etag: '"x"' }))).to.equal('"x"');
    const from = new URL("https://a/b");
    expect(String(redirectTo("/c", from))).to.equal("https://a/c");
    for (const to of ["http://a/c", "file:///c", "https://u:p@a/", "http://[", null])
      expect(redirectTo(to, from)).to.be.a("string");
  });
});

describe("the bytes of an answer", () => {
  const partThenSilence = () =>
    new Response(new ReadableStream<Uint8Array>({ start: (to) => to.enqueue(Buffer.from("part")) }));
  /** What came, and how it ended. */
  async function read(signal: AbortSignal, stallMs: number): Promise<readonly [text: string, end: unknown]> {
    let text = "";
    try {
      for await (const bytes of bytesOf(partThenSilence(), "http://a/b?secret", signal, stallMs))
        text += Buffer.from(bytes).toString();
      return [text, "end"];
    } catch (thrown) {
      return [text, thrown];
    }
  }

  it("end with a refusal when nothing comes for a while", async () => {
    const [text, end] = await read(new AbortController().signal, 5);
    expect(text).to.equal("part");
    expect(failureOf(end)).to.deep.include({ code: "SOURCE_FAILED" });
    expect(failureOf(end).details).to.deep.include({ url: "http://a/b", reason: "nothing came for a while" });
  });

  it("end at once when somebody cancels", async () => {
    const abort = new AbortController();
    const reading = read(abort.signal, 60_000);
    abort.abort("enough");
    expect((await reading)[1]).to.equal("enough");
  });
});
