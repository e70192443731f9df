import { expect } from "chai";
import fc from "fast-check";
import { failureOf } from "../../../../protocols/index.ts";
import { bytesOf, planAnswer, redirectTo, validatorOf } from "../../../../runtimes/store/http.ts";
import { chooseFiles } from "../../../../runtimes/store/sources/hugging-face.ts";
import { sourceOf } from "../../../../runtimes/store/sources/index.ts";
import { isNamed, parseOllamaName, parseRepository, parseTag, plainSource, shortestOf, sourceOfName } from "../../../../runtimes/store/names.ts"; // prettier-ignore

describe("the table of sources", () => {
  it("gives each text to one source", () => {
    const names: Readonly<Record<string, string>> = {
      "hf:owner/repo": "hugging-face",
      "hf:owner/repo@v1:Q4_K_M": "hugging-face",
      "https://huggingface.co/owner/repo": "hugging-face",
      "https://huggingface.co/owner/repo/resolve/main/x.gguf": "url",
      "ollama:llama3.2:1b": "ollama",
      "registry.ollama.ai/owner/name": "ollama",
      "ollama:localhost:5000/lib/name:tag": "ollama",
      "ollama:http://localhost:5000/lib/name": "ollama",
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
    const registry = { scheme: "https", host: "registry.ollama.ai" };
    expect(parseTag("ollama:qwen2.5")).to.deep.equal({
      ...registry,
      namespace: "library",
      model: "qwen2.5",
      tag: "latest",
    });
    expect(parseTag("ollama:me/mine:x")).to.deep.equal({ ...registry, namespace: "me", model: "mine", tag: "x" });
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
    for (const quantisation of ["fp16", "F16"])
      for (const name of ["m-F16.gguf", "m.fp16.gguf"])
        expect(paths(chooseFiles(list("m-BF16.gguf", "m-Q8_0.gguf", name), { ...any, quantisation }))).to.deep.equal([
          name,
        ]);
    const graph = list("onnx/model.onnx", "onnx/model.onnx_data", "onnx/model_q4.onnx", "tokenizer.json", "model.bin");
    expect(paths(chooseFiles(graph, any))).to.deep.equal(["onnx/model.onnx", "onnx/model.onnx_data", "tokenizer.json"]);
    const halves = ["onnx/decoder_model_merged.onnx", "onnx/encoder_model.onnx", "onnx/encoder_model.onnx_data"];
    const hears = list("onnx/decoder_model.onnx", ...halves, "onnx/encoder_model_q4.onnx", "config.json");
    expect(paths(chooseFiles(hears, any))).to.have.members([...halves, "config.json"]);
    expect(chooseFiles(hears, { ...any, quantisation: "q4" })).to.deep.equal([]);
    const voices = ["amy/low", "amy/medium"].flatMap((voice) =>
      ["x.onnx", "x.onnx.json", "MODEL_CARD"].map((name) => `en/en_US/${voice}/${name}`),
    );
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

describe("names, as Ollama's clients write them", () => {
  const of = (letters: string) => fc.constantFrom(...letters.split(""));
  const some = (first: string, more: string, most: number) =>
    fc.tuple(of(first), fc.array(of(more), { maxLength: most - 1 })).map(([one, others]) => one + others.join(""));
  const word = "abcXYZ0189_";
  const parts = fc.record({
    host: fc.option(fc.tuple(fc.constantFrom("", "http://", "https://"), some(word, `${word}.-:`, 20)), {
      nil: undefined,
    }),
    namespace: some(word, `${word}-`, 80),
    model: some(word, `${word}.-`, 80),
    tag: fc.option(some(word, `${word}.-`, 80), { nil: undefined }),
  });

  it("are taken apart into what they were made of, whatever is missing", () => {
    fc.assert(
      fc.property(parts, fc.boolean(), ({ host: [scheme, host] = ["", undefined], namespace, model, tag }, isShort) => {
        const isLibrary = isShort && host === undefined;
        const name = `${host === undefined ? "" : `${scheme}${host}/`}${isLibrary ? "" : `${namespace}/`}${model}${tag === undefined ? "" : `:${tag}`}`;
        const isRegistry = host === undefined || /^(?:www\.)?(?:registry\.)?ollama\.(?:ai|com)$/i.test(host);
        expect(parseOllamaName(name), name).to.deep.equal({
          scheme: scheme === "http://" ? "http" : "https",
          host: isRegistry ? "registry.ollama.ai" : host,
          namespace: isLibrary ? "library" : namespace,
          model,
          tag: tag ?? "latest",
        });
      }),
    );
  });

  it("are the same name again when they are written as short as they can be", () => {
    fc.assert(
      fc.property(fc.oneof(parts.map(({ namespace, model, tag = "latest" }) => `${namespace}/${model}:${tag}`), fc.string({ unit: of("aA.-_:/@+ 0latesibrychfo") })), (text) => {
        const parsed = parseOllamaName(text);
        if (parsed === undefined) return;
        const again = parseOllamaName(shortestOf(parsed));
        const folded = (value: unknown) => JSON.stringify(value).toLowerCase();
        expect(folded(again), text).to.equal(folded(parsed));
        expect(shortestOf(again!), text).to.equal(shortestOf(parsed));
        // Whatever a name is, it is one source, and that source's own text leads to it again.
        const source = sourceOfName(text);
        expect(sourceOf(source), source).to.not.equal(undefined);
        expect(plainSource(source), text).to.equal(source);
        expect(isNamed(text), text).to.equal(true);
      }),
    );
  }); // prettier-ignore

  it("are names where Ollama takes them for one, and nowhere else", () => {
    const long = "8".repeat(80);
    const names = ["m", "n/m", "h/n/m", "h/n/m:t", "localhost:5000/lib/name:tag", "host:https/namespace/model:tag", "http://h:1/n/m:t", "_why/_the/_lucky:_stiff", `${"3".repeat(350)}/${long}/${long}:${long}`, "Mixed/Case:Tag", "a..b"];
    for (const name of names) expect(parseOllamaName(name), name).to.not.equal(undefined);
    const digest = "1".repeat(64);
    const others = ["", ":", "mm:", ":t", "/nn/mm", "//", "hh//", "@", "00@", "m@d", `m@sha256:${digest}`, `m@sha256-${digest}`, `h/n/m:t@sha256:${digest}`, `@sha256:${digest}`, "-hh/nn/mm:tt", "hh/-nn/mm", "hh/nn/-mm", "hh/nn/mm:-tt", "host/name:space/model:tag", "a/b.c/m", "a/b/c/d", "a b", "a+b", "m:t:u", `${long}8`, `m:${long}8`, "..", ".", "../m", "http://m", "https://h/m", "scheme+x://h/n/m"];
    for (const name of others) expect(parseOllamaName(name), name).to.equal(undefined);
  }); // prettier-ignore

  it("lead to one source in whatever way they are written", () => {
    const same: Readonly<Record<string, readonly string[]>> = {
      "ollama:llama3.2": ["llama3.2", "llama3.2:latest", "library/llama3.2", "registry.ollama.ai/library/llama3.2:latest", "https://ollama.com/library/llama3.2", "ollama:llama3.2:latest", " llama3.2:local "],
      "ollama:me/mine:8b": ["me/mine:8b", "registry.ollama.ai/me/mine:8b", "ollama://me/mine:8b", "me/mine:8b:local"],
      "ollama:localhost:5000/lib/name:tag": ["localhost:5000/lib/name:tag", "https://localhost:5000/lib/name:tag", "ollama:localhost:5000/lib/name:tag"],
      "ollama:http://localhost:5000/lib/name": ["http://localhost:5000/lib/name:latest", "http://localhost:5000/lib/name"],
      "hf:owner/repo": ["hf.co/owner/repo", "huggingface.co/owner/repo:latest", "https://huggingface.co/owner/repo", "hf://owner/repo", "hf:owner/repo@main"],
      "hf:owner/repo@v1/x.gguf": ["hf:owner/repo@v1/x.gguf"],
      "hf:own.er/repo:Q4_K_M": ["hf.co/own.er/repo:Q4_K_M"],
      "https://example.org/files/x.gguf": ["https://example.org/files/x.gguf"],
      "https://example.org/x?download": ["https://example.org/x?download"],
      "cluster:x": ["cluster:x"],
      "ollama:hf:8b": ["hf:8b"],
    };
    for (const [source, names] of Object.entries(same)) for (const name of names) expect(sourceOfName(name), name).to.equal(source);
  }); // prettier-ignore
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
    const header = fc.oneof(
      fc.constant("bytes 4-9/10"),
      fc.string(),
      fc.tuple(fc.nat(20), fc.nat(20), fc.nat(20)).map(([a, b, c]) => `bytes ${a}-${b}/${c}`),
    );
    fc.assert(
      fc.property(
        fc.constantFrom(200, 206, 416, 500),
        header,
        fc.nat(20),
        fc.option(fc.nat(20), { nil: undefined }),
        (status, range, have, size) => {
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
